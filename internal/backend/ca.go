package backend

import (
	"context"
	"fmt"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/outcome"
	"github.com/certwright/certwright/internal/pki"
)

// CA signs with the key pair in a Secret.
type CA struct {
	Signers *Signers
	// ListURL is where the revocation list of an issuer's key is served, or empty.
	ListURL func(v1.GenericIssuer, *pki.Signer) string
}

// Issue implements Backend.
func (b *CA) Issue(_ context.Context, request Request) (*Issued, error) {
	spec := request.Issuer.GetSpec().CA
	signer, err := b.Signers.Get(IssuerOwner(request.Issuer), request.secret(spec.SecretName))
	if err != nil {
		return nil, err
	}
	template := template(request.Object, usages(request.Object))
	template.CRLDistributionPoints = b.distributionPoints(request.Issuer, signer)
	template.OCSPServers = spec.OCSPServers
	template.IssuingCertificateURLs = spec.IssuingCertificateURLs
	issued, err := signer.Sign(request.CSR, template, request.Now)
	if err != nil {
		return nil, refused(err)
	}
	return &Issued{Chain: issued.Chain.PEM(), CA: pki.CertificatePEM(issued.CA)}, nil
}

// distributionPoints are where the certificate says that its revocation list is (RFC 5280 section 4.2.1.13).
func (b *CA) distributionPoints(issuer v1.GenericIssuer, signer *pki.Signer) []string {
	spec := issuer.GetSpec().CA
	if !spec.PublishCRL {
		return spec.CRLDistributionPoints
	}
	published := b.ListURL(issuer, signer)
	if published == "" || slices.Contains(spec.CRLDistributionPoints, published) {
		return spec.CRLDistributionPoints
	}
	return append([]string{published}, spec.CRLDistributionPoints...)
}

// IssuerOwner names an issuer as the one that a Secret is watched for.
func IssuerOwner(issuer v1.GenericIssuer) kube.Owner {
	kind := v1.IssuerKind
	if issuer.GetNamespace() == "" {
		kind = v1.ClusterIssuerKind
	}
	return kube.Owner{Kind: kind, NamespacedName: types.NamespacedName{Namespace: issuer.GetNamespace(), Name: issuer.GetName()}}
}

// Signers gives the CA key pairs in Secrets, and reads each version of a Secret once. A key pair is held as
// long as its Secret is watched.
type Signers struct {
	secrets *kube.SecretRefs

	mu     sync.Mutex
	parsed map[types.NamespacedName]parsedSigner
}

// NewSigners makes it with no key pairs.
func NewSigners(secrets *kube.SecretRefs) *Signers {
	signers := &Signers{secrets: secrets, parsed: map[types.NamespacedName]parsedSigner{}}
	secrets.OnRelease(signers.forget)
	return signers
}

type parsedSigner struct {
	version string
	signer  *pki.Signer
	err     error
}

// Get returns the key pair in a Secret. A Secret that is missing or unusable is a Wait: owner is
// woken when it changes.
func (s *Signers) Get(owner kube.Owner, name types.NamespacedName) (*pki.Signer, error) {
	secret, err := s.secrets.Get(owner, name)
	if err != nil {
		return nil, err
	}
	if secret == nil {
		s.forget(name)
		return nil, outcome.WaitFor(v1.ReasonErrGetKeyPair, "Secret %q with the CA's key pair does not exist", name.Name)
	}
	version := fmt.Sprintf("%s/%s", secret.UID, secret.ResourceVersion)
	s.mu.Lock()
	defer s.mu.Unlock()
	if held, ok := s.parsed[name]; ok && held.version == version {
		return held.signer, held.err
	}
	signer, err := pki.ParseSigner(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey], secret.Data[kube.CAKey])
	if err != nil {
		err = outcome.WaitFor(v1.ReasonErrInvalidKeyPair, "Secret %q cannot be used as a CA: %v", name.Name, err)
	}
	s.parsed[name] = parsedSigner{version: version, signer: signer, err: err}
	return signer, err
}

func (s *Signers) forget(name types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.parsed, name)
}
