package issuance

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/pki"
)

// Finding is why a certificate is not the one its spec asks for.
type Finding struct {
	Reason, Message string
}

// target is the target Secret as the checks see it. Each check may rely on what the ones before it
// have established.
type target struct {
	*Snapshot
	spec    pki.RequestSpec
	key     crypto.Signer
	chain   pki.Chain
	current *pki.Request
	// signed is the issuer that the chain is from, one that the spec names.
	signed v1.IssuerRef
}

// checks are the reasons to issue again, in the order in which they are reported: the first hit
// wins. Expiry and renewal are not among them: they depend on the time and are asked separately.
var checks = []func(*target) *Finding{
	secretExists,
	secretHasData,
	pairFits,
	notTemporary,
	issuerIsAsked,
	certificateIsOurs,
	keyFitsSpec,
	keyIsTheRequests,
	requestFitsSpec,
	namesFitSpec,
	signerIsCurrent,
	notRevoked,
}

// inspect runs the checks on the target Secret.
func inspect(s *Snapshot) (*target, *Finding) {
	t := &target{Snapshot: s, spec: RequestSpec(s.Certificate), signed: s.source()}
	for _, check := range checks {
		if finding := check(t); finding != nil {
			return t, finding
		}
	}
	return t, nil
}

func found(reason, format string, args ...any) *Finding {
	return &Finding{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

func secretExists(t *target) *Finding {
	if t.Secret == nil {
		return found(v1.ReasonDoesNotExist, "Secret %q does not exist", t.Certificate.Spec.SecretName)
	}
	return nil
}

func secretHasData(t *target) *Finding {
	for _, key := range []string{corev1.TLSPrivateKeyKey, corev1.TLSCertKey} {
		if len(t.Secret.Data[key]) == 0 {
			return found(v1.ReasonMissingData, "Secret %q has no %s", t.Secret.Name, key)
		}
	}
	return nil
}

func pairFits(t *target) *Finding {
	var err error
	t.key, t.chain, err = pki.VerifyPair(t.Secret.Data[corev1.TLSPrivateKeyKey], t.Secret.Data[corev1.TLSCertKey])
	switch {
	case err == nil:
		return nil
	case errors.Is(err, pki.ErrInvalidCertificate), errors.Is(err, pki.ErrChain):
		return found(v1.ReasonInvalidCertificate, "%s of Secret %q: %v", corev1.TLSCertKey, t.Secret.Name, err)
	default:
		return found(v1.ReasonInvalidKeyPair, "%s of Secret %q: %v", corev1.TLSPrivateKeyKey, t.Secret.Name, err)
	}
}

// signer is the issuer that the target Secret names as the one that signed, empty if it names none.
func (s *Snapshot) signer() v1.IssuerRef {
	keys := s.Names.Annotation
	return v1.IssuerRef{
		Name:  s.Secret.Annotations[keys.IssuerName],
		Kind:  s.Secret.Annotations[keys.IssuerKind],
		Group: s.Secret.Annotations[keys.IssuerGroup],
	}
}

// issuerIsAsked compares the issuer that the Secret was signed by with those in the spec. A Secret without the
// annotations was put there by somebody else and counts as a match.
func issuerIsAsked(t *target) *Finding {
	signed := t.signer()
	if signed == (v1.IssuerRef{}) || t.names(signed) {
		return nil
	}
	asked := t.Certificate.Spec.IssuerRef.WithDefaults(t.Names)
	return found(v1.ReasonIncorrectIssuer, "Secret %q holds a certificate of %s %q, and the spec asks for %s %q",
		t.Secret.Name, signed.WithDefaults(t.Names).Kind, signed.Name, asked.Kind, asked.Name)
}

func certificateIsOurs(t *target) *Finding {
	name := t.Secret.Annotations[t.Names.Annotation.CertificateName]
	if name == "" || name == t.Certificate.Name {
		return nil
	}
	return found(v1.ReasonIncorrectCertificate, "Secret %q was made for Certificate %q, which does not use it any more", t.Secret.Name, name)
}

func keyFitsSpec(t *target) *Finding {
	if err := pki.KeyMatchesSpec(t.key.Public(), t.spec.Key); err != nil {
		return found(v1.ReasonSecretMismatch, "private key of Secret %q: %v", t.Secret.Name, err)
	}
	encoding, err := pki.KeyEncodingOf(t.Secret.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		return found(v1.ReasonInvalidKeyPair, "private key of Secret %q: %v", t.Secret.Name, err)
	}
	if asked := KeyEncoding(t.Certificate); encoding != asked && t.spec.Key.Algorithm != pki.Ed25519 && Revision(t.Certificate) > 0 {
		// A key that was found and not issued here keeps the encoding that it was found with.
		return found(v1.ReasonSecretMismatch, "private key of Secret %q is encoded as %s, and the spec asks for %s", t.Secret.Name, encoding, asked)
	}
	return nil
}

func keyIsTheRequests(t *target) *Finding {
	request := t.currentRequest()
	if request == nil {
		return nil
	}
	csr, err := pki.ReadRequest(request.Spec.Request)
	if err != nil {
		return found(v1.ReasonInvalidCertificateRequest, "CertificateRequest %q: %v", request.Name, err)
	}
	if !pki.PublicKeysEqual(csr.PublicKey, t.key.Public()) {
		return found(v1.ReasonSecretMismatch, "Secret %q holds another key than CertificateRequest %q was made with", t.Secret.Name, request.Name)
	}
	t.current = csr
	return nil
}

func requestFitsSpec(t *target) *Finding {
	if t.current == nil {
		return nil
	}
	if differs := requestDiff(t.currentRequest(), t.current, t.Certificate, t.Snapshot); len(differs) > 0 {
		return found(v1.ReasonRequestChanged, "the spec was changed since the certificate was issued: %s", strings.Join(differs, ", "))
	}
	return nil
}

// requestDiff names the fields of the spec that a request does not carry any more.
func requestDiff(request *v1.CertificateRequest, csr *pki.Request, crt *v1.Certificate, s *Snapshot) []string {
	spec := RequestSpec(crt)
	differs := pki.DiffRequest(csr, spec)
	if request.Spec.IsCA != crt.Spec.IsCA {
		differs = append(differs, "isCA")
	}
	if !sameUsages(Usages(request.Spec.Usages), spec.Usages, crt.Spec.IsCA) {
		differs = append(differs, "usages")
	}
	if request.Spec.Duration != nil && crt.Spec.Duration != nil && request.Spec.Duration.Duration != crt.Spec.Duration.Duration {
		differs = append(differs, "duration")
	}
	if !s.names(request.Spec.IssuerRef) {
		differs = append(differs, "issuerRef")
	}
	return unique(differs)
}

func sameUsages(a, b []pki.Usage, isCA bool) bool {
	effectiveA, effectiveB := pki.EffectiveUsages(a, isCA), pki.EffectiveUsages(b, isCA)
	if len(effectiveA) != len(effectiveB) {
		return false
	}
	has := map[pki.Usage]bool{}
	for _, usage := range effectiveA {
		has[usage] = true
	}
	for _, usage := range effectiveB {
		if !has[usage] {
			return false
		}
	}
	return true
}

func unique(names []string) []string {
	seen := map[string]bool{}
	var result []string
	for _, name := range names {
		if !seen[name] {
			seen[name] = true
			result = append(result, name)
		}
	}
	return result
}

// namesFitSpec is the comparison for a Secret whose request is gone, such as one from a backup: what
// the certificate itself shows.
func namesFitSpec(t *target) *Finding {
	if t.current != nil {
		return nil
	}
	if differs := pki.DiffCertificate(t.chain.Leaf(), t.spec); len(differs) > 0 {
		return found(v1.ReasonSecretMismatch, "the certificate in Secret %q differs from the spec in %s", t.Secret.Name, strings.Join(differs, ", "))
	}
	return nil
}

// signerIsCurrent finds certificates that a ca issuer signed with a key it has no more. The chain
// that clients get from the issuer's new Secret would not verify them. A certificate that was found
// and not issued here is left as it is until it is due.
func signerIsCurrent(t *target) *Finding {
	signer := t.IssuerOf(t.signed).Signer
	if signer == nil || Revision(t.Certificate) == 0 || signedBy(t.chain.Leaf(), signer) {
		return nil
	}
	return found(v1.ReasonIssuerKeyChanged, "the key of %s was replaced since it signed this certificate", t.describe(t.signed))
}

func signedBy(leaf, signer *x509.Certificate) bool {
	if len(leaf.AuthorityKeyId) > 0 && len(signer.SubjectKeyId) > 0 {
		return bytes.Equal(leaf.AuthorityKeyId, signer.SubjectKeyId)
	}
	return leaf.CheckSignatureFrom(signer) == nil
}
