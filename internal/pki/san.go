package pki

import (
	"encoding/asn1"
	"errors"
	"fmt"
	"net/netip"
)

var errSAN = errors.New("subject alternative names are malformed")

// encode returns the extension value of RFC 5280 4.2.1.6.
func (n names) encode() ([]byte, error) {
	count := len(n.dns) + len(n.ips) + len(n.uris) + len(n.emails) + len(n.others)
	list := make([]asn1.RawValue, 0, count)
	for _, name := range n.dns {
		list = append(list, contextValue(tagDNS, false, []byte(name)))
	}
	for _, text := range n.ips {
		list = append(list, contextValue(tagIP, false, netip.MustParseAddr(text).AsSlice()))
	}
	for _, name := range n.uris {
		list = append(list, contextValue(tagURI, false, []byte(name)))
	}
	for _, name := range n.emails {
		list = append(list, contextValue(tagEmail, false, []byte(name)))
	}
	for _, name := range n.others {
		value, err := name.encode()
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	return asn1.Marshal(list)
}

// encode returns the name as the otherName choice of GeneralName.
func (n OtherName) encode() (asn1.RawValue, error) {
	oid, err := parseOID(n.OID)
	if err != nil {
		return asn1.RawValue{}, err
	}
	typeID, err := asn1.Marshal(oid)
	if err != nil {
		return asn1.RawValue{}, fmt.Errorf("encode otherName %s: %w", n.OID, err)
	}
	text, err := asn1.MarshalWithParams(n.UTF8Value, "utf8")
	if err != nil {
		return asn1.RawValue{}, fmt.Errorf("encode otherName %s: %w", n.OID, err)
	}
	value, err := asn1.Marshal(contextValue(0, true, text))
	if err != nil {
		return asn1.RawValue{}, fmt.Errorf("encode otherName %s: %w", n.OID, err)
	}
	return contextValue(tagOtherName, true, append(typeID, value...)), nil
}

// decodeSAN reads the extension value of RFC 5280 4.2.1.6. It does not check
// the names themselves. Names of a type that the API does not have come back
// as the list of their types.
func decodeSAN(der []byte) (names, []string, error) {
	list, err := decodeSequence(der)
	if err != nil {
		return names{}, nil, errSAN
	}
	var (
		out   names
		other []string
	)
	for _, name := range list {
		if name.Class != asn1.ClassContextSpecific {
			return names{}, nil, errSAN
		}
		known, err := out.add(name)
		if err != nil {
			return names{}, nil, err
		}
		if !known {
			other = append(other, generalNameType(name.Tag))
		}
	}
	return out, other, nil
}

// add appends one decoded GeneralName. It reports false for a name that the
// API cannot express.
func (n *names) add(name asn1.RawValue) (bool, error) {
	switch name.Tag {
	case tagDNS:
		n.dns = append(n.dns, string(name.Bytes))
	case tagURI:
		n.uris = append(n.uris, string(name.Bytes))
	case tagEmail:
		n.emails = append(n.emails, string(name.Bytes))
	case tagIP:
		address, ok := netip.AddrFromSlice(name.Bytes)
		if !ok {
			return false, errSAN
		}
		n.ips = append(n.ips, address.Unmap().String())
	case tagOtherName:
		other, ok := decodeOtherName(name.Bytes)
		if !ok {
			return false, nil
		}
		n.others = append(n.others, other)
	default:
		return false, nil
	}
	return true, nil
}

// decodeOtherName reads an otherName whose value is a UTF8String.
func decodeOtherName(der []byte) (OtherName, bool) {
	var oid asn1.ObjectIdentifier
	rest, err := asn1.Unmarshal(der, &oid)
	if err != nil {
		return OtherName{}, false
	}
	var explicit asn1.RawValue
	rest, err = asn1.Unmarshal(rest, &explicit)
	if err != nil || len(rest) != 0 || explicit.Class != asn1.ClassContextSpecific || explicit.Tag != 0 {
		return OtherName{}, false
	}
	var text asn1.RawValue
	rest, err = asn1.Unmarshal(explicit.Bytes, &text)
	if err != nil || len(rest) != 0 || text.Class != asn1.ClassUniversal || text.Tag != asn1.TagUTF8String {
		return OtherName{}, false
	}
	return OtherName{OID: oid.String(), UTF8Value: string(text.Bytes)}, true
}

// decodeSequence reads a SEQUENCE OF ANY that fills der to its end.
func decodeSequence(der []byte) ([]asn1.RawValue, error) {
	var list []asn1.RawValue
	rest, err := asn1.Unmarshal(der, &list)
	if err != nil {
		return nil, err
	}
	if len(rest) != 0 {
		return nil, errors.New("data after the end")
	}
	return list, nil
}
