// Package backend turns an issuer and a request into an answer: the signed chain, or what it waits
// for. There is one Backend per type of issuer.
//
// The certificate request controller picks and calls them; they write nothing to the request.
package backend

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/outcome"
	"github.com/certwright/certwright/internal/pki"
)

// Request is an approved request for an issuer that is ready.
type Request struct {
	Object *v1.CertificateRequest
	CSR    *pki.Request
	Issuer v1.GenericIssuer
	// SecretNamespace is where the Secrets are that the issuer names.
	SecretNamespace string
	Now             time.Time
}

// Issued is a signed certificate.
type Issued struct {
	// Chain is PEM, leaf first. CA is the PEM of the root-most certificate known, or empty.
	Chain, CA []byte
}

// Backend signs, or gets signed, what a request asks for. While the answer takes time the error is
// an outcome.Wait that a watch ends; a refusal is an outcome.Terminal.
type Backend interface {
	Issue(ctx context.Context, request Request) (*Issued, error)
}

// Concluder is a Backend whose answer may be there although the issuer is not ready any more, or gone.
type Concluder interface {
	Backend
	// Concluded is what a request was answered with already: a chain, an outcome.Terminal, or neither.
	Concluded(ctx context.Context, request *v1.CertificateRequest) (*Issued, error)
}

// secret names a Secret in the namespace of an issuer's Secrets.
func (r Request) secret(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: r.SecretNamespace, Name: name}
}

func template(request *v1.CertificateRequest, usages []pki.Usage) pki.Template {
	result := pki.Template{Usages: usages, IsCA: request.Spec.IsCA}
	if request.Spec.Duration != nil {
		result.Duration = request.Spec.Duration.Duration
	}
	return result
}

func usages(request *v1.CertificateRequest) []pki.Usage {
	result := make([]pki.Usage, len(request.Spec.Usages))
	for i, usage := range request.Spec.Usages {
		result[i] = pki.Usage(usage)
	}
	return result
}

func refused(err error) error {
	return outcome.Terminalf(outcome.ClassLocal, v1.ReasonFailed, "%v", err)
}
