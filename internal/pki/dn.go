package pki

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxSubject bounds a literal subject, in bytes.
const maxSubject = 4096

// The attribute types of a subject (RFC 4519 2, RFC 4514 3, X.520).
var (
	oidCommonName      = asn1.ObjectIdentifier{2, 5, 4, 3}
	oidSerialNumber    = asn1.ObjectIdentifier{2, 5, 4, 5}
	oidCountry         = asn1.ObjectIdentifier{2, 5, 4, 6}
	oidLocality        = asn1.ObjectIdentifier{2, 5, 4, 7}
	oidProvince        = asn1.ObjectIdentifier{2, 5, 4, 8}
	oidStreet          = asn1.ObjectIdentifier{2, 5, 4, 9}
	oidOrganization    = asn1.ObjectIdentifier{2, 5, 4, 10}
	oidOrganizational  = asn1.ObjectIdentifier{2, 5, 4, 11}
	oidDNQualifier     = asn1.ObjectIdentifier{2, 5, 4, 46}
	oidUserID          = asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}
	oidDomainComponent = asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 25}
	oidEmailAddress    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}
)

var attributeTypes = map[string]asn1.ObjectIdentifier{
	"CN":           oidCommonName,
	"C":            oidCountry,
	"L":            oidLocality,
	"ST":           oidProvince,
	"O":            oidOrganization,
	"OU":           oidOrganizational,
	"STREET":       oidStreet,
	"DC":           oidDomainComponent,
	"UID":          oidUserID,
	"SERIALNUMBER": oidSerialNumber,
}

const knownAttributes = "C, CN, DC, L, O, OU, SERIALNUMBER, ST, STREET, UID"

// parseDN reads the string form of a distinguished name (RFC 4514). The result
// is in the order of the DER encoding, which is the reverse of the string's
// (section 2.1). Spaces around separators are ignored, as RFC 2253 had it.
func parseDN(text string) (pkix.RDNSequence, error) {
	if len(text) > maxSubject {
		return nil, fmt.Errorf("a distinguished name must not be longer than %d bytes", maxSubject)
	}
	scan := dnScanner{in: strings.Trim(text, "\r\n")}
	var sequence pkix.RDNSequence
	for {
		rdn, err := scan.rdn()
		if err != nil {
			return nil, err
		}
		sequence = append(sequence, rdn)
		if scan.done() {
			break
		}
		scan.pos++ // the comma, the only separator at which rdn stops
	}
	slices.Reverse(sequence)
	return sequence, nil
}

// dnScanner walks over the string form of a distinguished name.
type dnScanner struct {
	in  string
	pos int
}

func (s *dnScanner) done() bool { return s.pos >= len(s.in) }

func (s *dnScanner) at(c byte) bool { return !s.done() && s.in[s.pos] == c }

func (s *dnScanner) skipSpaces() {
	for s.at(' ') {
		s.pos++
	}
}

// rdn reads one relative distinguished name: attributes joined by plus signs.
func (s *dnScanner) rdn() (pkix.RelativeDistinguishedNameSET, error) {
	var set pkix.RelativeDistinguishedNameSET
	for {
		attribute, err := s.attribute()
		if err != nil {
			return nil, err
		}
		set = append(set, attribute)
		if !s.at('+') {
			return set, nil
		}
		s.pos++
	}
}

func (s *dnScanner) attribute() (pkix.AttributeTypeAndValue, error) {
	oid, err := s.attributeType()
	if err != nil {
		return pkix.AttributeTypeAndValue{}, err
	}
	value, err := s.value(oid)
	if err != nil {
		return pkix.AttributeTypeAndValue{}, fmt.Errorf("value of %s: %w", attributeName(oid), err)
	}
	return pkix.AttributeTypeAndValue{Type: oid, Value: value}, nil
}

func (s *dnScanner) attributeType() (asn1.ObjectIdentifier, error) {
	length := strings.IndexAny(s.in[s.pos:], "=,+")
	if length < 0 || s.in[s.pos+length] != '=' {
		return nil, errors.New("an attribute must have the form name=value")
	}
	name := strings.Trim(s.in[s.pos:s.pos+length], " ")
	s.pos += length + 1
	if name == "" {
		return nil, errors.New("an attribute must have a name before the equals sign")
	}
	if name[0] >= '0' && name[0] <= '9' {
		return parseOID(name)
	}
	// RFC 4514 3: the names are compared without regard to case.
	oid, ok := attributeTypes[strings.ToUpper(name)]
	if !ok {
		return nil, fmt.Errorf("unknown attribute %q: use one of %s, or a dotted OID", name, knownAttributes)
	}
	return oid, nil
}

func attributeName(oid asn1.ObjectIdentifier) string {
	for name, known := range attributeTypes {
		if known.Equal(oid) {
			return name
		}
	}
	return oid.String()
}

func (s *dnScanner) value(oid asn1.ObjectIdentifier) (any, error) {
	s.skipSpaces()
	if s.at('#') {
		return s.hexValue()
	}
	text, err := s.stringValue()
	if err != nil {
		return nil, err
	}
	if err := checkText(text); err != nil {
		return nil, err
	}
	return encodeText(oid, text)
}

// stringValue reads a value up to the next unescaped comma or plus sign and
// drops unescaped spaces at its end.
func (s *dnScanner) stringValue() (string, error) {
	var value []byte
	kept := 0
	for !s.done() && !s.at(',') && !s.at('+') {
		c := s.in[s.pos]
		switch {
		case c == '\\':
			unescaped, err := s.escape()
			if err != nil {
				return "", err
			}
			value = append(value, unescaped)
			kept = len(value)
			continue
		case strings.IndexByte("\";<>", c) >= 0:
			return "", fmt.Errorf("the character %q must be escaped with a backslash", c)
		case c < ' ':
			return "", errors.New("a control character must be escaped as a backslash and two hex digits")
		}
		value = append(value, c)
		if c != ' ' {
			kept = len(value)
		}
		s.pos++
	}
	return string(value[:kept]), nil
}

// escape reads a backslash and what follows it: a special character or a pair
// of hex digits (RFC 4514 3, the rule "pair").
func (s *dnScanner) escape() (byte, error) {
	rest := s.in[s.pos+1:]
	if rest != "" && strings.IndexByte("\\\"+,;<> #=", rest[0]) >= 0 {
		s.pos += 2
		return rest[0], nil
	}
	if len(rest) >= 2 {
		if pair, err := hex.DecodeString(rest[:2]); err == nil {
			s.pos += 3
			return pair[0], nil
		}
	}
	return 0, errors.New("a backslash must be followed by a special character or two hex digits")
}

// hexValue reads the form #hex, the encoding of the value itself. Only string
// types are accepted, since crypto/x509 reads no others in a name.
func (s *dnScanner) hexValue() (any, error) {
	s.pos++
	end := s.pos
	for end < len(s.in) && s.in[end] != ',' && s.in[end] != '+' {
		end++
	}
	der, err := hex.DecodeString(strings.TrimRight(s.in[s.pos:end], " "))
	if err != nil {
		return nil, errors.New("after # there must be pairs of hex digits")
	}
	s.pos = end
	var text string
	rest, err := asn1.Unmarshal(der, &text)
	if err != nil || len(rest) != 0 || der[0] == asn1.TagGeneralString {
		return nil, errors.New("after # there must be the DER encoding of one string, in hex")
	}
	if err := checkText(text); err != nil {
		return nil, err
	}
	return asn1.RawValue{FullBytes: der}, nil
}

// encodeText chooses the string type of a value. Where the standards fix it we
// obey; elsewhere encoding/asn1 takes PrintableString if the text allows and
// UTF8String if not (RFC 5280 4.1.2.4).
func encodeText(oid asn1.ObjectIdentifier, text string) (any, error) {
	switch {
	case oid.Equal(oidDomainComponent), oid.Equal(oidEmailAddress):
		// RFC 4519 2.4 and RFC 5280 4.1.2.6.
		der, err := asn1.MarshalWithParams(text, "ia5")
		if err != nil {
			return nil, errors.New("must consist of ASCII characters")
		}
		return asn1.RawValue{FullBytes: der}, nil
	case oid.Equal(oidCountry), oid.Equal(oidSerialNumber), oid.Equal(oidDNQualifier):
		// RFC 5280 appendix A.1.
		if strings.IndexFunc(text, notPrintable) >= 0 {
			return nil, errors.New("must consist of letters, digits, spaces and '()+,-./:=?")
		}
	}
	return text, nil
}

func notPrintable(r rune) bool {
	alphanumeric := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
	return !alphanumeric && !strings.ContainsRune(" '()+,-./:=?", r)
}
