package pki

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	// MaxChainBytes bounds the PEM of a certificate chain.
	MaxChainBytes = 95_000
	// MaxBundleBytes bounds the PEM of a bundle of CA certificates; all roots
	// that an operating system trusts fit.
	MaxBundleBytes = 330_000

	maxChainLength  = 16
	maxBundleLength = 1024
)

// Chain is a certificate followed by those that issued it, in order: the leaf
// first, the root, if it is there, last. The certificates are parsed once and
// shared; do not modify them.
type Chain []*x509.Certificate

// ParseChain reads a chain of at most 16 PEM certificates in at most limit
// bytes (MaxChainBytes if limit is not positive). The first certificate is the
// leaf; the others are put in issuing order and repetitions dropped. Whether
// the chain holds together is for Linked to say. A private key among the
// certificates is refused. Its errors wrap ErrInvalidCertificate.
func ParseChain(chainPEM []byte, limit int) (Chain, error) {
	if limit <= 0 {
		limit = MaxChainBytes
	}
	certs, err := parseCertificates(chainPEM, limit, maxChainLength)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidCertificate, err)
	}
	return inIssuingOrder(certs), nil
}

// ParseBundle reads PEM certificates that need not belong together, such as
// the content of a ca.crt, in at most limit bytes (MaxBundleBytes if limit is
// not positive). It keeps their order and drops repetitions. Its errors wrap
// ErrInvalidCertificate.
func ParseBundle(bundlePEM []byte, limit int) ([]*x509.Certificate, error) {
	if limit <= 0 {
		limit = MaxBundleBytes
	}
	certs, err := parseCertificates(bundlePEM, limit, maxBundleLength)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidCertificate, err)
	}
	return certs, nil
}

func parseCertificates(data []byte, limit, most int) ([]*x509.Certificate, error) {
	blocks, err := decodePEM(data, limit, most)
	if err != nil {
		return nil, err
	}
	certs := make([]*x509.Certificate, 0, len(blocks))
	seen := make(map[string]struct{}, len(blocks))
	for i, block := range blocks {
		if isPrivateKey(block.Type) {
			return nil, errors.New("there is a private key among the certificates: it would be published with them")
		}
		if block.Type != pemCertificate {
			return nil, fmt.Errorf("%s where a certificate was expected", describeBlock(block.Type))
		}
		if _, ok := seen[string(block.Bytes)]; ok {
			continue
		}
		seen[string(block.Bytes)] = struct{}{}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", i, err)
		}
		if err := checkRSASize(cert.PublicKey); err != nil {
			return nil, fmt.Errorf("certificate %d: %w", i, err)
		}
		certs = append(certs, cert)
	}
	return certs, nil
}

// inIssuingOrder keeps the first certificate where it is and follows the issuer
// names from there. Certificates that do not fit come last, as they were, so
// that Linked reports them. A chain that is in order already does not change.
func inIssuingOrder(certs []*x509.Certificate) Chain {
	for i := 1; i < len(certs); i++ {
		at := nextIssuer(certs[i-1], certs[i:])
		if at < 0 {
			break
		}
		next := certs[i+at]
		copy(certs[i+1:i+at+1], certs[i:i+at])
		certs[i] = next
	}
	return certs
}

// nextIssuer finds the issuer of a certificate, and prefers one that was itself
// issued by another: a self-signed certificate ends a chain.
func nextIssuer(cert *x509.Certificate, candidates []*x509.Certificate) int {
	found := -1
	for i, candidate := range candidates {
		if !issuedBy(cert, candidate) {
			continue
		}
		if !namesItself(candidate) {
			return i
		}
		if found < 0 {
			found = i
		}
	}
	return found
}

func issuedBy(child, parent *x509.Certificate) bool {
	return !namesItself(child) && namesIssuer(child, parent)
}

// namesItself says whether a certificate looks self-signed.
func namesItself(cert *x509.Certificate) bool {
	return namesIssuer(cert, cert)
}

// namesIssuer compares names and key identifiers (RFC 5280 6.1.3 and 4.2.1.1),
// not signatures.
func namesIssuer(child, parent *x509.Certificate) bool {
	if !bytes.Equal(child.RawIssuer, parent.RawSubject) {
		return false
	}
	return len(child.AuthorityKeyId) == 0 || len(parent.SubjectKeyId) == 0 ||
		bytes.Equal(child.AuthorityKeyId, parent.SubjectKeyId)
}

// Leaf returns the first certificate, or nil if the chain is empty.
func (c Chain) Leaf() *x509.Certificate {
	if len(c) == 0 {
		return nil
	}
	return c[0]
}

// Linked says whether each certificate is signed by the next one, checking the
// signatures and that the signing one is a CA. Its error wraps ErrChain.
func (c Chain) Linked() error {
	if len(c) == 0 {
		return fmt.Errorf("%w: there is no certificate", ErrChain)
	}
	for i := 1; i < len(c); i++ {
		if err := c[i-1].CheckSignatureFrom(c[i]); err != nil {
			return fmt.Errorf("%w: certificate %d is not signed by certificate %d: %w", ErrChain, i-1, i, err)
		}
	}
	return nil
}

// Root returns the self-signed certificate at the end of the chain, or nil if
// there is none. The root of a self-signed leaf is the leaf.
func (c Chain) Root() *x509.Certificate {
	if len(c) == 0 || !isRoot(c[len(c)-1]) {
		return nil
	}
	return c[len(c)-1]
}

// isRoot says whether a certificate is signed with its own key. Names alone do
// not tell: a CA that changes its key may issue a certificate to itself.
func isRoot(cert *x509.Certificate) bool {
	return bytes.Equal(cert.RawIssuer, cert.RawSubject) &&
		cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature) == nil
}

// WithoutRoot returns the chain as a TLS server sends it, without the root
// (RFC 8446 4.4.2). A chain that is nothing but a self-signed leaf stays.
func (c Chain) WithoutRoot() Chain {
	if len(c) < 2 || c.Root() == nil {
		return c
	}
	return slices.Clone(c[:len(c)-1])
}

// PEM returns the certificates in order as PEM blocks (RFC 8555 9.1).
func (c Chain) PEM() []byte {
	var out bytes.Buffer
	for _, cert := range c {
		out.Write(CertificatePEM(cert))
	}
	return out.Bytes()
}

// NotAfter returns the earliest end of validity of all certificates, the zero
// time for an empty chain.
func (c Chain) NotAfter() time.Time {
	var earliest time.Time
	for i, cert := range c {
		if i == 0 || cert.NotAfter.Before(earliest) {
			earliest = cert.NotAfter
		}
	}
	return earliest
}

// CertificatePEM returns one certificate as a PEM block.
func CertificatePEM(cert *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: cert.Raw})
}
