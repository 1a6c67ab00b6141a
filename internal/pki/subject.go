package pki

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
)

// Attribute types that a literal subject can only name by their OID.
var oidPostalCode = asn1.ObjectIdentifier{2, 5, 4, 17}

// subject builds the subject DN of a spec from whichever of its two forms is
// in use.
func (s RequestSpec) subject() (pkix.RDNSequence, error) {
	if s.LiteralSubject == "" {
		return s.subjectFromFields()
	}
	sequence, err := parseDN(s.LiteralSubject)
	if err != nil {
		err = fmt.Errorf("literalSubject: %w", err)
	}
	if s.CommonName != "" || !s.Subject.empty() {
		err = errors.Join(err, errors.New("literalSubject: cannot be combined with subject or commonName"))
	}
	return sequence, err
}

func (s Subject) empty() bool {
	return s.SerialNumber == "" && len(s.Organizations)+len(s.OrganizationalUnits)+len(s.Countries)+
		len(s.Localities)+len(s.Provinces)+len(s.StreetAddresses)+len(s.PostalCodes) == 0
}

// subjectFromFields builds the DN in the order of pkix.Name, with one RDN for
// each attribute type.
func (s RequestSpec) subjectFromFields() (pkix.RDNSequence, error) {
	name := pkix.Name{
		Country:            s.Subject.Countries,
		Organization:       s.Subject.Organizations,
		OrganizationalUnit: s.Subject.OrganizationalUnits,
		Locality:           s.Subject.Localities,
		Province:           s.Subject.Provinces,
		StreetAddress:      s.Subject.StreetAddresses,
		PostalCode:         s.Subject.PostalCodes,
		SerialNumber:       s.Subject.SerialNumber,
		CommonName:         s.CommonName,
	}
	return name.ToRDNSequence(), s.checkSubjectFields()
}

func (s RequestSpec) checkSubjectFields() error {
	var errs []error
	for _, field := range []struct {
		name   string
		values []string
	}{
		{"subject.organizations", s.Subject.Organizations},
		{"subject.organizationalUnits", s.Subject.OrganizationalUnits},
		{"subject.countries", s.Subject.Countries},
		{"subject.localities", s.Subject.Localities},
		{"subject.provinces", s.Subject.Provinces},
		{"subject.streetAddresses", s.Subject.StreetAddresses},
		{"subject.postalCodes", s.Subject.PostalCodes},
	} {
		for i, value := range field.values {
			if err := checkText(value); err != nil {
				errs = append(errs, fmt.Errorf("%s[%d]: %w", field.name, i, err))
			}
		}
	}
	return errors.Join(append(errs,
		checkOptional("subject.serialNumber", s.Subject.SerialNumber),
		checkOptional("commonName", s.CommonName))...)
}

func checkOptional(field, value string) error {
	if value == "" {
		return nil
	}
	if err := checkText(value); err != nil {
		return fmt.Errorf("%s: %w", field, err)
	}
	return nil
}

// attribute is one attribute of a DN with its value as text, whatever string
// type it is encoded in.
type attribute struct {
	oid, value string
}

func attributesOf(set pkix.RelativeDistinguishedNameSET) []attribute {
	out := make([]attribute, 0, len(set))
	for _, a := range set {
		out = append(out, attribute{oid: a.Type.String(), value: textOf(a.Value)})
	}
	return out
}

// textOf returns the text of an attribute value: of one that was decoded, or of
// one that parseDN made ready for encoding.
func textOf(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case asn1.RawValue:
		var text string
		if _, err := asn1.Unmarshal(value.FullBytes, &text); err == nil {
			return text
		}
	}
	return fmt.Sprint(value)
}

func commonNamesOf(sequence pkix.RDNSequence) []string {
	return valuesOf(sequence, oidCommonName)
}

func valuesOf(sequence pkix.RDNSequence, oid asn1.ObjectIdentifier) []string {
	var out []string
	for _, set := range sequence {
		for _, a := range set {
			if a.Type.Equal(oid) {
				out = append(out, textOf(a.Value))
			}
		}
	}
	return out
}

// decodeSubject reads a DN from its DER encoding.
func decodeSubject(der []byte) (pkix.RDNSequence, error) {
	var sequence pkix.RDNSequence
	rest, err := asn1.Unmarshal(der, &sequence)
	if err != nil {
		return nil, fmt.Errorf("subject: %w", err)
	}
	if len(rest) != 0 {
		return nil, errors.New("subject: data after the end")
	}
	return sequence, nil
}

// subjectFields sorts the attributes of a DN into the fields of the API. What
// has no field there is left out.
func subjectFields(sequence pkix.RDNSequence) (Subject, string) {
	subject := Subject{
		Organizations:       valuesOf(sequence, oidOrganization),
		OrganizationalUnits: valuesOf(sequence, oidOrganizational),
		Countries:           valuesOf(sequence, oidCountry),
		Localities:          valuesOf(sequence, oidLocality),
		Provinces:           valuesOf(sequence, oidProvince),
		StreetAddresses:     valuesOf(sequence, oidStreet),
		PostalCodes:         valuesOf(sequence, oidPostalCode),
	}
	if serials := valuesOf(sequence, oidSerialNumber); len(serials) > 0 {
		subject.SerialNumber = serials[0]
	}
	if commonNames := commonNamesOf(sequence); len(commonNames) > 0 {
		return subject, commonNames[0]
	}
	return subject, ""
}
