package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"math/big"
	"slices"
	"time"
)

// Issued is what a Signer made.
type Issued struct {
	// Chain is the new certificate and those above it, without the root.
	Chain Chain
	// CA is the root-most certificate known.
	CA *x509.Certificate
	// Clamped says that the certificate ends before the duration asked for,
	// because a certificate above it does.
	Clamped bool
}

// Sign issues a certificate for the request. Its subject is that of the
// request byte for byte, its names, name constraints and path length are the
// request's, and everything else is the template's; other extensions of the
// request are dropped. It is valid from now, cut to the second.
//
// The result was verified against the signer. An error wraps ErrSigner if the
// CA or one above it is not valid now, and ErrRefused if the template disagrees
// with the request or the CA's certificate forbids what is asked.
func (s *Signer) Sign(req *Request, tmpl Template, now time.Time) (Issued, error) {
	if err := s.checkValidAt(now); err != nil {
		return Issued{}, err
	}
	cert, err := tmpl.certificate(req, now)
	if err != nil {
		return Issued{}, err
	}
	if err := s.checkPermits(cert); err != nil {
		return Issued{}, err
	}
	limit := s.Chain.NotAfter()
	clamped := cert.NotAfter.After(limit)
	if clamped {
		cert.NotAfter = limit
	}
	if cert.AuthorityKeyId, err = authorityKeyID(s.Chain.Leaf()); err != nil {
		return Issued{}, err
	}
	signed, err := issue(cert, s.Chain.Leaf(), req.PublicKey, s.Key)
	if err != nil {
		return Issued{}, err
	}
	if err := s.verify(signed, now); err != nil {
		return Issued{}, err
	}
	return Issued{Chain: append(Chain{signed}, s.sent...), CA: s.CA(), Clamped: clamped}, nil
}

// SelfSign issues a certificate for the request with the request's own key. The
// chain is that certificate alone. If the request has an empty subject
// (EmptySubject), the result breaks RFC 5280 4.1.2.4; some clients take it
// nevertheless, so the caller decides.
func SelfSign(req *Request, key crypto.Signer, tmpl Template, now time.Time) (Chain, error) {
	if err := checkSigner(key); err != nil {
		return nil, err
	}
	if !PublicKeysEqual(key.Public(), req.PublicKey) {
		return nil, fmt.Errorf("%w: the certificate request is not for this private key", ErrKeyMismatch)
	}
	cert, err := tmpl.certificate(req, now)
	if err != nil {
		return nil, err
	}
	signed, err := issue(cert, cert, req.PublicKey, key)
	if err != nil {
		return nil, err
	}
	return Chain{signed}, nil
}

// issue gives the certificate a serial number and signs it.
func issue(cert, parent *x509.Certificate, pub crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	cert.SerialNumber = serial
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, pub, key)
	if err != nil {
		return nil, fmt.Errorf("sign certificate: %w", err)
	}
	signed, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("%w: the certificate cannot be read back: %w", ErrRefused, err)
	}
	return signed, nil
}

// newSerial returns 127 random bits below a leading one: positive, never zero,
// 17 octets in DER (RFC 5280 4.1.2.2 allows 20), and always of one length.
func newSerial() (*big.Int, error) {
	var octets [16]byte
	if _, err := rand.Read(octets[:]); err != nil {
		return nil, fmt.Errorf("serial number: %w", err)
	}
	octets[0] |= 0x80
	return new(big.Int).SetBytes(octets[:]), nil
}

// authorityKeyID returns the key identifier of the issuer, computed if its
// certificate has none (RFC 5280 4.2.1.1).
func authorityKeyID(issuer *x509.Certificate) ([]byte, error) {
	if len(issuer.SubjectKeyId) > 0 {
		return issuer.SubjectKeyId, nil
	}
	return subjectKeyID(issuer.PublicKey)
}

// verify checks the new certificate as a client would, against the top of the
// signer's chain, which finds violated name constraints.
func (s *Signer) verify(cert *x509.Certificate, now time.Time) error {
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(s.CA())
	for _, ca := range s.Chain[:len(s.Chain)-1] {
		intermediates.AddCert(ca)
	}
	checked := *cert
	// crypto/x509 does not know otherName and counts a critical list of nothing
	// else as unhandled; this package has handled it.
	checked.UnhandledCriticalExtensions = slices.Clone(cert.UnhandledCriticalExtensions)
	checked.UnhandledCriticalExtensions = slices.DeleteFunc(checked.UnhandledCriticalExtensions, oidSubjectAltName.Equal)
	_, err := checked.Verify(x509.VerifyOptions{
		Roots:         roots,
		Intermediates: intermediates,
		CurrentTime:   now,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return fmt.Errorf("%w: the CA's certificate does not allow it: %w", ErrRefused, err)
	}
	return nil
}
