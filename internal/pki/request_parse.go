package pki

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// MaxRequestBytes bounds the PEM of a certificate request.
const MaxRequestBytes = 64 << 10

// Request is a certificate request whose signature was verified. Its names are
// normalized: lower-case DNS names, IP addresses in their shortest text form,
// nothing twice. It is shared, not copied: do not modify it.
type Request struct {
	// Raw is the DER encoding of the whole request, RawSubject that of its
	// subject DN.
	Raw        []byte
	RawSubject []byte

	PublicKey          crypto.PublicKey
	SignatureAlgorithm x509.SignatureAlgorithm

	// Subject and CommonName hold what the API has fields for; a DN may have
	// more.
	Subject    Subject
	CommonName string

	DNSNames       []string
	IPAddresses    []string
	URIs           []string
	EmailAddresses []string
	OtherNames     []OtherName

	// Usages are nil if the request has no usage extension.
	Usages []Usage
	// IsCA is what the basic constraints say; false if there are none.
	IsCA bool
	// NameConstraints are nil if there are none.
	NameConstraints *NameConstraints

	subject          pkix.RDNSequence
	unknownUsages    []string
	basicConstraints *basicConstraints
	constraints      *constraints
}

// ParseRequest reads one PEM block with a PKCS#10 request and verifies its
// signature, which proves that whoever made it holds the key (RFC 2986 3).
// Names that the API cannot express are refused rather than dropped. Other
// extensions are ignored. Its errors wrap ErrInvalidRequest.
func ParseRequest(requestPEM []byte) (*Request, error) {
	request, err := parseRequest(requestPEM, (*x509.CertificateRequest).CheckSignature)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidRequest, err)
	}
	return request, nil
}

// ReadRequest is ParseRequest for a request that nothing is signed for: it does
// not check the signature, which is most of the work.
func ReadRequest(requestPEM []byte) (*Request, error) {
	request, err := parseRequest(requestPEM, func(*x509.CertificateRequest) error { return nil })
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidRequest, err)
	}
	return request, nil
}

func parseRequest(requestPEM []byte, checkSignature func(*x509.CertificateRequest) error) (*Request, error) {
	blocks, err := decodePEM(requestPEM, MaxRequestBytes, 1)
	if err != nil {
		return nil, err
	}
	block := blocks[0]
	if block.Type != pemRequest && block.Type != pemOldRequest {
		return nil, fmt.Errorf("%s where a %s block was expected", describeBlock(block.Type), pemRequest)
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, err
	}
	if specOf(csr.PublicKey).Algorithm == "" {
		return nil, errors.New("the public key is not RSA, ECDSA or Ed25519")
	}
	if err := checkRSASize(csr.PublicKey); err != nil {
		return nil, err
	}
	if err := checkSignature(csr); err != nil {
		return nil, fmt.Errorf("signature: %w", err)
	}
	return newRequest(csr)
}

func newRequest(csr *x509.CertificateRequest) (*Request, error) {
	subject, err := decodeSubject(csr.RawSubject)
	if err != nil {
		return nil, err
	}
	request := &Request{
		Raw:                csr.Raw,
		RawSubject:         csr.RawSubject,
		PublicKey:          csr.PublicKey,
		SignatureAlgorithm: csr.SignatureAlgorithm,
		subject:            subject,
	}
	request.Subject, request.CommonName = subjectFields(subject)
	for _, extension := range csr.Extensions {
		if err := request.decode(extension); err != nil {
			return nil, err
		}
	}
	return request, nil
}

func (r *Request) decode(extension pkix.Extension) error {
	switch {
	case extension.Id.Equal(oidSubjectAltName):
		return r.decodeNames(extension.Value)
	case extension.Id.Equal(oidKeyUsage):
		usages, err := decodeKeyUsage(extension.Value)
		r.addUsages(usages, nil)
		return err
	case extension.Id.Equal(oidExtKeyUsage):
		usages, unknown, err := decodeExtKeyUsage(extension.Value)
		r.addUsages(usages, unknown)
		return err
	case extension.Id.Equal(oidBasicConstraints):
		return r.decodeBasicConstraints(extension.Value)
	case extension.Id.Equal(oidNameConstraints):
		return r.decodeConstraints(extension)
	default:
		return nil
	}
}

func (r *Request) decodeNames(der []byte) error {
	raw, other, err := decodeSAN(der)
	if err != nil {
		return err
	}
	if len(other) > 0 {
		return fmt.Errorf("subject alternative names of type %s are not supported", strings.Join(other, ", "))
	}
	sans, err := normalizeNames(raw)
	if err != nil {
		return err
	}
	r.DNSNames, r.IPAddresses, r.URIs = sans.dns, sans.ips, sans.uris
	r.EmailAddresses, r.OtherNames = sans.emails, sans.others
	return nil
}

// addUsages keeps the usages in their fixed order whatever the order of the
// two extensions.
func (r *Request) addUsages(usages []Usage, unknown []string) {
	r.unknownUsages = append(r.unknownUsages, unknown...)
	usages = append(usages, r.Usages...)
	if len(usages) > 0 {
		r.Usages = EffectiveUsages(usages, false)
	}
}

func (r *Request) decodeBasicConstraints(der []byte) error {
	decoded, err := decodeBasicConstraints(der)
	if err != nil {
		return err
	}
	r.basicConstraints = decoded
	r.IsCA = decoded.IsCA
	return nil
}

func (r *Request) decodeConstraints(extension pkix.Extension) error {
	decoded, err := decodeConstraints(extension.Value, extension.Critical)
	if err != nil {
		return err
	}
	r.constraints, err = newConstraints(*decoded)
	if err != nil {
		return err
	}
	r.NameConstraints = r.constraints.export()
	return nil
}

// names returns the subject alternative names as one value.
func (r *Request) names() names {
	return names{dns: r.DNSNames, ips: r.IPAddresses, uris: r.URIs, emails: r.EmailAddresses, others: r.OtherNames}
}

// EmptySubject says whether the subject DN has no attribute. A self-signed
// certificate with such a subject is invalid, since its issuer is empty too
// (RFC 5280 4.1.2.4).
func (r *Request) EmptySubject() bool {
	return len(r.subject) == 0
}

// Agrees says whether the usages and the CA flag that an issuer was told are
// those that the request itself asks for. A request that asks for nothing
// agrees with everything. The error wraps ErrRefused.
func (r *Request) Agrees(usages []Usage, isCA bool) error {
	if r.basicConstraints != nil && r.IsCA != isCA {
		return fmt.Errorf("%w: isCA is not what the certificate request says in its basic constraints", ErrRefused)
	}
	if len(r.unknownUsages) > 0 {
		return fmt.Errorf("%w: the certificate request asks for the unsupported extended key usage %s",
			ErrRefused, strings.Join(r.unknownUsages, ", "))
	}
	if r.Usages == nil {
		return nil
	}
	if !slices.Equal(EffectiveUsages(r.Usages, isCA), EffectiveUsages(usages, isCA)) {
		return fmt.Errorf("%w: usages are not those of the certificate request", ErrRefused)
	}
	return nil
}
