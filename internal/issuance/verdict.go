package issuance

import (
	"crypto"
	"errors"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/outcome"
	"github.com/certwright/certwright/internal/pki"
)

// Pair is a private key with the chain that belongs to it.
type Pair struct {
	Key   crypto.Signer
	Chain pki.Chain
	// CA is the PEM for ca.crt, empty where the issuer does not know it.
	CA []byte
}

// requestFailure says why a request will never be signed, nil while it still can be.
func requestFailure(request *v1.CertificateRequest) *outcome.Error {
	if denied := condition.Get(request.Status.Conditions, v1.ConditionDenied); denied != nil && denied.Status == metav1.ConditionTrue {
		return refused(request, v1.ReasonDenied, denied.Message, "the request was denied")
	}
	if invalid := condition.Get(request.Status.Conditions, v1.ConditionInvalidRequest); invalid != nil && invalid.Status == metav1.ConditionTrue {
		return refused(request, v1.ConditionInvalidRequest, invalid.Message, "the request is invalid")
	}
	ready := condition.Get(request.Status.Conditions, v1.ConditionReady)
	if ready == nil || ready.Status != metav1.ConditionFalse || (ready.Reason != v1.ReasonFailed && ready.Reason != v1.ReasonDenied) {
		return nil
	}
	return refused(request, ready.Reason, ready.Message, "the issuer refused the request")
}

func refused(request *v1.CertificateRequest, reason, message, fallback string) *outcome.Error {
	if message == "" {
		message = fallback
	}
	failure := outcome.Terminalf(outcome.ClassRefused, reason, "CertificateRequest %q: %s", request.Name, message)
	if request.Status.Error != nil {
		failure.Type, failure.URL = request.Status.Error.Type, request.Status.Error.URL
		failure.Class = ClassOf(request.Status.Error.Type)
	}
	return failure
}

// ProblemType is how the status of a request or an Order names a failure, so that ClassOf finds its class
// again: the CA's own type where there is one, a word of ours for a fault on this side or a validation that failed
// without a type, and fallback for any other.
func ProblemType(failure *outcome.Error, fallback string) string {
	switch {
	case failure.Type != "":
		return failure.Type
	case failure.Class == outcome.ClassLocal, failure.Class == outcome.ClassValidation:
		return string(failure.Class)
	default:
		return fallback
	}
}

// ClassOf says whose failure a problem type is: one of ACME (RFC 8555 section 6.7) or one of ours.
func ClassOf(problemType string) outcome.Class {
	const prefix = "urn:ietf:params:acme:error:"
	switch problemType {
	case prefix + "caa", prefix + "compound", prefix + "connection", prefix + "dns", prefix + "incorrectResponse",
		prefix + "tls", prefix + "unauthorized", string(outcome.ClassValidation):
		return outcome.ClassValidation
	case prefix + "accountDoesNotExist", string(outcome.ClassLocal):
		return outcome.ClassLocal
	default:
		return outcome.ClassRefused
	}
}

func isIssued(request *v1.CertificateRequest) bool {
	return condition.IsTrue(request.Status.Conditions, v1.ConditionReady) && len(request.Status.Certificate) > 0
}

// answer verifies what the issuer signed against the key and the spec.
func (t *target) answer(request *v1.CertificateRequest, key crypto.Signer) (*Pair, *outcome.Error) {
	chain, err := pki.ParseChain(request.Status.Certificate, pki.MaxChainBytes)
	if err == nil {
		err = pki.VerifyIssued(chain, key.Public(), t.spec, t.Now)
	}
	if err != nil {
		class := outcome.ClassRefused
		if errors.Is(err, pki.ErrKeyMismatch) {
			class = outcome.ClassLocal
		}
		return nil, outcome.Terminalf(class, v1.ReasonInvalidCertificate,
			"CertificateRequest %q: the issuer's answer cannot be used: %v", request.Name, err)
	}
	return &Pair{Key: key, Chain: chain, CA: request.Status.CA}, nil
}

// keyOf is the private key of a request: the one that was kept for it or, after a crash between the
// write of the Secret and that of the status, the one in the Secret.
func (t *target) keyOf(request *v1.CertificateRequest) crypto.Signer {
	csr, err := pki.ReadRequest(request.Spec.Request)
	if err != nil {
		return nil
	}
	for _, key := range []crypto.Signer{t.Key, t.key} {
		if key != nil && pki.PublicKeysEqual(key.Public(), csr.PublicKey) {
			return key
		}
	}
	return nil
}

// isStored says whether the target Secret already holds what this request was answered with.
func (t *target) isStored(request *v1.CertificateRequest) bool {
	if t.key == nil || !isIssued(request) || t.keyOf(request) == nil {
		return false
	}
	chain, err := pki.ParseChain(request.Status.Certificate, pki.MaxChainBytes)
	return err == nil && t.chain.Leaf().Equal(chain.Leaf())
}
