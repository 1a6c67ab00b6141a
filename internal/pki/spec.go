package pki

import (
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"unicode/utf8"
)

// RequestSpec is what a certificate should contain. Its zero value is not
// valid: at least one name is needed. Callers resolve the defaults of the API
// before they fill it in (encodeUsagesInRequest is true there by default).
type RequestSpec struct {
	// Subject and CommonName make up the subject DN, unless LiteralSubject,
	// an RFC 4514 string, gives it whole.
	Subject        Subject
	CommonName     string
	LiteralSubject string

	// The subject alternative names. IPAddresses are in textual form.
	DNSNames       []string
	IPAddresses    []string
	URIs           []string
	EmailAddresses []string
	OtherNames     []OtherName

	// Usages are the key usages and extended key usages; empty means
	// DefaultUsages. They go into the request only if EncodeUsages is set.
	Usages       []Usage
	EncodeUsages bool

	// IsCA asks for a CA certificate and implies UsageCertSign.
	IsCA bool
	// NameConstraints need IsCA. Nil means none.
	NameConstraints *NameConstraints

	// SignatureAlgorithm signs the request; empty means the usual one of the key.
	SignatureAlgorithm SignatureAlgorithm
	// Key is the algorithm and size of the key.
	Key KeySpec
}

// Subject is the subject DN without its common name.
type Subject struct {
	Organizations       []string
	OrganizationalUnits []string
	Countries           []string
	Localities          []string
	Provinces           []string
	StreetAddresses     []string
	PostalCodes         []string
	SerialNumber        string
}

// OtherName is a subject alternative name of the type otherName with a
// UTF8String value (RFC 5280 4.2.1.6). OID is dotted.
type OtherName struct {
	OID       string
	UTF8Value string
}

// NameConstraints limit the names that a CA and those below it may issue for
// (RFC 5280 4.2.1.10).
type NameConstraints struct {
	Critical  bool
	Permitted NameTrees
	Excluded  NameTrees
}

// NameTrees are the subtrees of one side of name constraints. IPRanges are in
// CIDR form.
type NameTrees struct {
	DNSDomains     []string
	IPRanges       []string
	EmailAddresses []string
	URIDomains     []string
}

// maxCommonName is ub-common-name of RFC 5280 appendix A.1, in characters.
const maxCommonName = 64

// Validate reports every mistake of the spec at once, each under the API name
// of its field.
func (s RequestSpec) Validate() error {
	_, err := s.resolve()
	return err
}

// resolved is a spec in the form in which it is encoded and compared.
type resolved struct {
	subject     pkix.RDNSequence
	commonNames []string
	names       names
	usages      []Usage
	constraints *constraints
}

// resolve checks and normalizes a spec. Its result is complete only if there
// is no error.
func (s RequestSpec) resolve() (resolved, error) {
	subject, errSubject := s.subject()
	commonNames := commonNamesOf(subject)
	sans, errNames := normalizeNames(names{
		dns: s.DNSNames, ips: s.IPAddresses, uris: s.URIs, emails: s.EmailAddresses, others: s.OtherNames,
	})
	trees, errConstraints := s.constraints()
	err := errors.Join(
		s.Key.Validate(),
		s.SignatureAlgorithm.fits(s.Key.withDefaults().Algorithm),
		errSubject,
		checkCommonNames(commonNames),
		errNames,
		checkUsages(s.Usages),
		errConstraints,
		s.checkNamed(commonNames),
	)
	return resolved{
		subject:     subject,
		commonNames: commonNames,
		names:       sans,
		usages:      EffectiveUsages(s.Usages, s.IsCA),
		constraints: trees,
	}, err
}

// checkNamed demands one name at least; a subject without a common name is
// none, since nobody connects to an organization.
func (s RequestSpec) checkNamed(commonNames []string) error {
	count := len(commonNames) + len(s.DNSNames) + len(s.IPAddresses) + len(s.URIs) +
		len(s.EmailAddresses) + len(s.OtherNames)
	if count == 0 {
		return errors.New("no name: set at least one of commonName, dnsNames, ipAddresses, uris, emailAddresses, otherNames")
	}
	return nil
}

func checkCommonNames(commonNames []string) error {
	for _, name := range commonNames {
		if utf8.RuneCountInString(name) > maxCommonName {
			return fmt.Errorf("commonName: must not be longer than %d characters", maxCommonName)
		}
	}
	return nil
}

func (s RequestSpec) constraints() (*constraints, error) {
	if s.NameConstraints == nil {
		return nil, nil
	}
	if !s.IsCA {
		return nil, errors.New("nameConstraints: only a CA can have them: set isCA")
	}
	return newConstraints(*s.NameConstraints)
}
