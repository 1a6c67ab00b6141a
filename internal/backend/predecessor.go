package backend

import (
	"context"
	"crypto/x509"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/orderflow"
	"github.com/certwright/certwright/internal/pki"
)

// predecessor identifies the certificate that a request is to renew (RFC 9773 section 5), empty if there is
// none. It is what the same Certificate's request for the revision before was answered with, so that nobody
// can have another's certificate marked as replaced: the status of a request is written by its issuer alone.
func (b *ACME) predecessor(ctx context.Context, request Request) (string, error) {
	crt := metav1.GetControllerOf(request.Object)
	revision := b.revisionOf(request.Object)
	if crt == nil || revision < 2 {
		return "", nil
	}
	var siblings v1.CertificateRequestList
	if err := b.Client.Cached.List(ctx, &siblings, client.InNamespace(request.Object.Namespace), client.MatchingFields{kube.IndexOwner: string(crt.UID)}, client.UnsafeDisableDeepCopy); err != nil {
		return "", err
	}
	for i := range siblings.Items {
		before := &siblings.Items[i]
		if b.revisionOf(before) != revision-1 || !before.Spec.IssuerRef.SameAs(request.Object.Spec.IssuerRef, b.Names) ||
			!condition.IsTrue(before.Status.Conditions, v1.ConditionReady) {
			continue
		}
		if id := replaceable(before.Status.Certificate, request); id != "" {
			return id, nil
		}
	}
	return "", nil
}

func (b *ACME) revisionOf(request *v1.CertificateRequest) int {
	revision, err := strconv.Atoi(request.Annotations[b.Names.Annotation.CertificateRevision])
	if err != nil {
		return 0
	}
	return revision
}

// replaceable identifies a certificate that has not expired and has a name in common with a request, as the
// CA wants it (RFC 9773 section 5).
func replaceable(certificate []byte, request Request) string {
	chain, err := pki.ParseChain(certificate, pki.MaxChainBytes)
	if err != nil || !request.Now.Before(chain.Leaf().NotAfter) || !sharesName(chain.Leaf(), request.CSR) {
		return ""
	}
	id, err := acme.CertID(chain.Leaf())
	if err != nil {
		return ""
	}
	return id
}

func sharesName(leaf *x509.Certificate, csr *pki.Request) bool {
	for _, name := range leaf.DNSNames {
		if orderflow.HasName(csr.DNSNames, name) {
			return true
		}
	}
	for _, address := range leaf.IPAddresses {
		if orderflow.HasName(csr.IPAddresses, address.String()) {
			return true
		}
	}
	return false
}
