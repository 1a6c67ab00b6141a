package pki

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"time"
)

// DefaultDuration is the lifetime of a certificate that asks for none.
const DefaultDuration = 90 * 24 * time.Hour

// Template is what an issuer adds to a request.
type Template struct {
	// Duration is the lifetime; zero means DefaultDuration.
	Duration time.Duration
	// Usages, empty for DefaultUsages, and IsCA must agree with the request if
	// it says anything about them.
	Usages []Usage
	IsCA   bool

	// URLs at which the certificate's status and its issuer are found
	// (RFC 5280 4.2.1.13 and 4.2.2.1).
	CRLDistributionPoints  []string
	OCSPServers            []string
	IssuingCertificateURLs []string
}

// certificate combines the request and the template into what crypto/x509
// signs, except for the serial number and the authority key identifier.
func (t Template) certificate(req *Request, now time.Time) (*x509.Certificate, error) {
	if err := t.check(req); err != nil {
		return nil, err
	}
	extensions, err := certificateExtensions(req)
	if err != nil {
		return nil, err
	}
	keyID, err := subjectKeyID(req.PublicKey)
	if err != nil {
		return nil, err
	}
	duration := t.Duration
	if duration == 0 {
		duration = DefaultDuration
	}
	usage, extUsages := splitUsages(EffectiveUsages(t.Usages, t.IsCA))
	notBefore := now.UTC().Truncate(time.Second)
	cert := &x509.Certificate{
		RawSubject:            req.RawSubject,
		NotBefore:             notBefore,
		NotAfter:              notBefore.Add(duration).Truncate(time.Second),
		KeyUsage:              usage,
		ExtKeyUsage:           extUsages,
		BasicConstraintsValid: true,
		IsCA:                  t.IsCA,
		SubjectKeyId:          keyID,
		ExtraExtensions:       extensions,
		CRLDistributionPoints: t.CRLDistributionPoints,
		OCSPServer:            t.OCSPServers,
		IssuingCertificateURL: t.IssuingCertificateURLs,
	}
	if t.IsCA && req.basicConstraints != nil {
		cert.MaxPathLen = req.basicConstraints.PathLength
		cert.MaxPathLenZero = cert.MaxPathLen == 0
	}
	return cert, nil
}

func (t Template) check(req *Request) error {
	if t.Duration < 0 || t.Duration > 0 && t.Duration < time.Second {
		return fmt.Errorf("%w: the duration must be at least one second", ErrRefused)
	}
	if err := checkUsages(t.Usages); err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if err := req.Agrees(t.Usages, t.IsCA); err != nil {
		return err
	}
	if req.constraints != nil && !t.IsCA {
		return fmt.Errorf("%w: only a CA can have name constraints: set isCA", ErrRefused)
	}
	if req.EmptySubject() && req.names().empty() {
		return fmt.Errorf("%w: %w", ErrRefused, errNoIdentity)
	}
	return nil
}

var errNoIdentity = errors.New("the certificate request has neither a subject nor a subject alternative name")

// certificateExtensions returns the extensions that crypto/x509 cannot encode
// the way we need them: alternative names with otherNames, and name constraints
// whose criticality is the requester's choice.
func certificateExtensions(req *Request) ([]pkix.Extension, error) {
	var out []pkix.Extension
	if sans := req.names(); !sans.empty() {
		extension, err := sanExtension(sans, req.EmptySubject())
		if err != nil {
			return nil, err
		}
		out = append(out, extension)
	}
	if req.constraints != nil {
		extension, err := constraintsExtension(req.constraints)
		if err != nil {
			return nil, err
		}
		out = append(out, extension)
	}
	return out, nil
}

// subjectKeyID is method 1 of RFC 7093 2: the leftmost 160 bits of the SHA-256
// of the public key's bits.
func subjectKeyID(pub crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil, fmt.Errorf("encode public key: %w", err)
	}
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		PublicKey asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return nil, fmt.Errorf("decode public key: %w", err)
	}
	sum := sha256.Sum256(info.PublicKey.Bytes)
	return sum[:20], nil
}
