package pki

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"fmt"
	"slices"
	"time"
)

// Signer is a CA key pair with the chain of its certificate. ParseSigner makes
// it and checks it; it does not change after that and is safe for concurrent
// use.
type Signer struct {
	// Chain begins with the CA certificate that signs and reaches as far up as
	// is known.
	Chain Chain
	Key   crypto.Signer

	// sent is what follows the leaf in the chains this signer makes.
	sent Chain
}

// ParseSigner reads the key pair of a CA. certPEM holds its certificate first
// and may hold the chain above it; caPEM, which may be empty, is searched for
// what the chain lacks, and may hold other certificates too. The errors wrap
// ErrInvalidKey, ErrInvalidCertificate, ErrKeyMismatch, ErrChain or, if the
// certificate is not that of a CA, ErrSigner. Whether the CA has expired is
// checked when it signs.
func ParseSigner(certPEM, keyPEM, caPEM []byte) (*Signer, error) {
	key, chain, err := VerifyPair(keyPEM, certPEM)
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(caPEM)) > 0 {
		bundle, err := ParseBundle(caPEM, MaxBundleBytes)
		if err != nil {
			return nil, fmt.Errorf("CA bundle: %w", err)
		}
		chain = chain.extend(bundle)
	}
	return newSigner(chain, key)
}

// extend lengthens a chain, which must not be empty, upwards with certificates
// of a bundle, until it ends in a root or nothing in the bundle signed its last
// certificate.
func (c Chain) extend(bundle []*x509.Certificate) Chain {
	for len(c) < maxChainLength && c.Root() == nil {
		last := c[len(c)-1]
		at := slices.IndexFunc(bundle, func(candidate *x509.Certificate) bool {
			return namesIssuer(last, candidate) && !slices.ContainsFunc(c, candidate.Equal) &&
				last.CheckSignatureFrom(candidate) == nil
		})
		if at < 0 {
			return c
		}
		c = append(c, bundle[at])
	}
	return c
}

func newSigner(chain Chain, key crypto.Signer) (*Signer, error) {
	if err := checkCA(chain.Leaf()); err != nil {
		return nil, err
	}
	if err := chain.Linked(); err != nil {
		return nil, err
	}
	sent := chain
	if chain.Root() != nil {
		sent = chain[:len(chain)-1]
	}
	return &Signer{Chain: chain, Key: key, sent: sent}, nil
}

// checkCA demands what RFC 5280 4.2.1.9 and 4.2.1.3 ask of a certificate that
// signs others. A certificate without any key usage is not restricted.
func checkCA(cert *x509.Certificate) error {
	if !cert.BasicConstraintsValid || !cert.IsCA {
		return fmt.Errorf("%w: the certificate is not that of a CA: its basic constraints do not say so", ErrSigner)
	}
	if cert.KeyUsage != 0 && cert.KeyUsage&x509.KeyUsageCertSign == 0 {
		return fmt.Errorf("%w: the key usage of the CA certificate does not include cert sign", ErrSigner)
	}
	return nil
}

// CA returns the root-most certificate known: the root if it is, else the last
// of the chain.
func (s *Signer) CA() *x509.Certificate {
	return s.Chain[len(s.Chain)-1]
}

// checkValidAt refuses to sign while a certificate of the chain is not valid:
// nobody could verify what comes out. The error wraps ErrSigner.
func (s *Signer) checkValidAt(now time.Time) error {
	for i, cert := range s.Chain {
		which := "the CA certificate"
		if i > 0 {
			which = fmt.Sprintf("certificate %d of the CA's chain", i)
		}
		if now.Before(cert.NotBefore) {
			return fmt.Errorf("%w: %s is not valid before %s", ErrSigner, which, cert.NotBefore.UTC().Format(time.RFC3339))
		}
		if now.After(cert.NotAfter) {
			return fmt.Errorf("%w: %s expired at %s", ErrSigner, which, cert.NotAfter.UTC().Format(time.RFC3339))
		}
	}
	return nil
}

// checkPermits refuses what the chain forbids and crypto/x509 would not report
// or would report without saying why: path lengths (RFC 5280 4.2.1.9) and
// extended key usages that no certificate below the CA can have.
func (s *Signer) checkPermits(cert *x509.Certificate) error {
	for i, ca := range s.Chain {
		below := i
		if cert.IsCA {
			below++
		}
		if limit := ca.MaxPathLen; (limit > 0 || ca.MaxPathLenZero) && below > limit {
			return fmt.Errorf("%w: the path length %d of certificate %d of the CA's chain does not allow it to sign another CA",
				ErrRefused, limit, i)
		}
		if at := slices.IndexFunc(cert.ExtKeyUsage, func(u x509.ExtKeyUsage) bool { return !allowsUsage(ca, u) }); at >= 0 {
			return fmt.Errorf("%w: the CA's chain does not allow the usage %q: certificate %d has other extended key usages",
				ErrRefused, string(usageOf(cert.ExtKeyUsage[at])), i)
		}
	}
	return nil
}

// allowsUsage applies the nesting rule that verifiers follow: the extended key
// usages of a CA certificate, if it has any, limit those below it.
func allowsUsage(ca *x509.Certificate, usage x509.ExtKeyUsage) bool {
	if len(ca.ExtKeyUsage)+len(ca.UnknownExtKeyUsage) == 0 {
		return true
	}
	return slices.Contains(ca.ExtKeyUsage, x509.ExtKeyUsageAny) || slices.Contains(ca.ExtKeyUsage, usage)
}

func usageOf(ext x509.ExtKeyUsage) Usage {
	at := slices.IndexFunc(extKeyUsages, func(e extKeyUsage) bool { return e.ext == ext })
	if at < 0 {
		return ""
	}
	return extKeyUsages[at].usage
}
