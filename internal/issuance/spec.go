package issuance

import (
	"errors"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/pki"
)

// DefaultRevisionHistoryLimit is how many requests are kept where the spec does not say.
const DefaultRevisionHistoryLimit = 1

// RequestSpec is what the certificate of crt should contain, defaults resolved.
func RequestSpec(crt *v1.Certificate) pki.RequestSpec {
	spec := &crt.Spec
	return pki.RequestSpec{
		Subject:            subject(spec.Subject),
		CommonName:         spec.CommonName,
		LiteralSubject:     spec.LiteralSubject,
		DNSNames:           spec.DNSNames,
		IPAddresses:        spec.IPAddresses,
		URIs:               spec.URIs,
		EmailAddresses:     spec.EmailAddresses,
		OtherNames:         otherNames(spec.OtherNames),
		Usages:             Usages(spec.Usages),
		EncodeUsages:       spec.EncodeUsagesInRequest == nil || *spec.EncodeUsagesInRequest,
		IsCA:               spec.IsCA,
		NameConstraints:    nameConstraints(spec.NameConstraints),
		SignatureAlgorithm: pki.SignatureAlgorithm(spec.SignatureAlgorithm),
		Key:                keySpec(spec.PrivateKey),
	}
}

// Usages translates the API's usages.
func Usages(usages []v1.KeyUsage) []pki.Usage {
	if usages == nil {
		return nil
	}
	result := make([]pki.Usage, len(usages))
	for i, usage := range usages {
		result[i] = pki.Usage(usage)
	}
	return result
}

// KeyEncoding is the PEM encoding of tls.key.
func KeyEncoding(crt *v1.Certificate) pki.KeyEncoding {
	if crt.Spec.PrivateKey != nil && crt.Spec.PrivateKey.Encoding == v1.PKCS8 {
		return pki.PKCS8
	}
	return pki.PKCS1
}

// Reuses says whether every revision keeps the key of the one before.
func Reuses(crt *v1.Certificate) bool {
	return crt.Spec.PrivateKey != nil && crt.Spec.PrivateKey.RotationPolicy == v1.RotationNever
}

// Validate finds what admission cannot see: syntax of names and subjects, of cron and time zones.
// All mistakes are reported at once.
func Validate(crt *v1.Certificate) error {
	errs := []error{RequestSpec(crt).Validate()}
	if crt.Spec.Renewal != nil {
		for _, window := range crt.Spec.Renewal.Windows {
			_, err := parseWindow(window)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// HistoryLimit is how many requests to keep.
func HistoryLimit(crt *v1.Certificate) int {
	if crt.Spec.RevisionHistoryLimit == nil {
		return DefaultRevisionHistoryLimit
	}
	return int(*crt.Spec.RevisionHistoryLimit)
}

func subject(s *v1.X509Subject) pki.Subject {
	if s == nil {
		return pki.Subject{}
	}
	return pki.Subject{
		Organizations:       s.Organizations,
		OrganizationalUnits: s.OrganizationalUnits,
		Countries:           s.Countries,
		Localities:          s.Localities,
		Provinces:           s.Provinces,
		StreetAddresses:     s.StreetAddresses,
		PostalCodes:         s.PostalCodes,
		SerialNumber:        s.SerialNumber,
	}
}

func otherNames(names []v1.OtherName) []pki.OtherName {
	var result []pki.OtherName
	for _, name := range names {
		result = append(result, pki.OtherName{OID: name.OID, UTF8Value: name.UTF8Value})
	}
	return result
}

func nameConstraints(c *v1.NameConstraints) *pki.NameConstraints {
	if c == nil {
		return nil
	}
	return &pki.NameConstraints{Critical: c.Critical, Permitted: nameTrees(c.Permitted), Excluded: nameTrees(c.Excluded)}
}

func nameTrees(item *v1.NameConstraintItem) pki.NameTrees {
	if item == nil {
		return pki.NameTrees{}
	}
	return pki.NameTrees{
		DNSDomains:     item.DNSDomains,
		IPRanges:       item.IPRanges,
		EmailAddresses: item.EmailAddresses,
		URIDomains:     item.URIDomains,
	}
}

func keySpec(key *v1.CertificatePrivateKey) pki.KeySpec {
	if key == nil {
		return pki.KeySpec{}
	}
	return pki.KeySpec{Algorithm: pki.KeyAlgorithm(key.Algorithm), Size: key.Size}
}
