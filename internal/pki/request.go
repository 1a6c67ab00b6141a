package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
)

// CreateRequest returns a PKCS#10 request (RFC 2986) for the spec, signed with
// the key, as one PEM block. The extensions come in a fixed order. The key may
// be of another size than the spec says (it may be an older one that is kept),
// but the signature algorithm must fit it.
func CreateRequest(spec RequestSpec, key crypto.Signer) ([]byte, error) {
	if err := checkSigner(key); err != nil {
		return nil, err
	}
	resolved, err := spec.resolve()
	if err != nil {
		return nil, err
	}
	if err := spec.SignatureAlgorithm.fits(specOf(key.Public()).Algorithm); err != nil {
		return nil, err
	}
	subject, err := asn1.Marshal(resolved.subject)
	if err != nil {
		return nil, fmt.Errorf("encode subject: %w", err)
	}
	extensions, err := requestExtensions(resolved, spec)
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		RawSubject:         subject,
		ExtraExtensions:    extensions,
		SignatureAlgorithm: spec.SignatureAlgorithm.x509(),
	}, key)
	if err != nil {
		return nil, fmt.Errorf("sign certificate request: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemRequest, Bytes: der}), nil
}

// requestExtensions returns, in this order: subject alternative names, key
// usage, extended key usage, basic constraints, name constraints.
func requestExtensions(r resolved, spec RequestSpec) ([]pkix.Extension, error) {
	var (
		out  []pkix.Extension
		errs []error
	)
	add := func(extension pkix.Extension, err error) {
		out = append(out, extension)
		errs = append(errs, err)
	}
	if !r.names.empty() {
		add(sanExtension(r.names, len(r.subject) == 0))
	}
	if spec.EncodeUsages {
		usages, err := usageExtensions(r.usages)
		out = append(out, usages...)
		errs = append(errs, err)
	}
	if spec.IsCA {
		add(basicConstraintsExtension())
	}
	if r.constraints != nil {
		add(constraintsExtension(r.constraints))
	}
	return out, errors.Join(errs...)
}
