package pki

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	// TemporaryIssuer is the common name of the CA that signs temporary
	// certificates.
	TemporaryIssuer = "certwright.local"
	// temporarySerial is the subject serialNumber that marks them.
	temporarySerial = "1234567890"
)

// TemporaryCertificate returns a certificate with the names of the spec that
// nobody trusts, for servers that do not start without one. A CA key that is
// forgotten at once signs it. It is never itself a CA certificate: an issuer
// that read it would sign with it.
func TemporaryCertificate(spec RequestSpec, key crypto.Signer, now time.Time) (Chain, error) {
	if err := checkSigner(key); err != nil {
		return nil, err
	}
	req, err := markTemporary(spec).request(key.Public())
	if err != nil {
		return nil, err
	}
	signer, err := throwawaySigner(now)
	if err != nil {
		return nil, fmt.Errorf("temporary CA: %w", err)
	}
	usages := slices.DeleteFunc(slices.Clone(spec.Usages), func(u Usage) bool { return u == UsageCertSign || u == UsageCRLSign })
	issued, err := signer.Sign(req, Template{Usages: usages}, now)
	if err != nil {
		return nil, err
	}
	return issued.Chain, nil
}

func markTemporary(spec RequestSpec) RequestSpec {
	if spec.LiteralSubject == "" {
		spec.Subject.SerialNumber = temporarySerial
		return spec
	}
	spec.LiteralSubject = strings.Trim(spec.LiteralSubject, "\r\n") + ",SERIALNUMBER=" + temporarySerial
	return spec
}

// request returns the names of a spec as a request, without signing one and
// reading it back. It asks for neither usages nor a CA certificate.
func (s RequestSpec) request(pub crypto.PublicKey) (*Request, error) {
	want, err := s.resolve()
	if err != nil {
		return nil, err
	}
	subject, err := asn1.Marshal(want.subject)
	if err != nil {
		return nil, fmt.Errorf("encode subject: %w", err)
	}
	return &Request{
		RawSubject:     subject,
		PublicKey:      pub,
		DNSNames:       want.names.dns,
		IPAddresses:    want.names.ips,
		URIs:           want.names.uris,
		EmailAddresses: want.names.emails,
		OtherNames:     want.names.others,
		subject:        want.subject,
	}, nil
}

func throwawaySigner(now time.Time) (*Signer, error) {
	key, err := GenerateKey(KeySpec{Algorithm: ECDSA})
	if err != nil {
		return nil, err
	}
	notBefore := now.UTC().Truncate(time.Second)
	ca := &x509.Certificate{
		Subject:               pkix.Name{CommonName: TemporaryIssuer},
		NotBefore:             notBefore,
		NotAfter:              notBefore.Add(DefaultDuration),
		KeyUsage:              x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	if ca.SubjectKeyId, err = subjectKeyID(key.Public()); err != nil {
		return nil, err
	}
	cert, err := issue(ca, ca, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return newSigner(Chain{cert}, key)
}
