package pki

import (
	"encoding/asn1"
	"errors"
	"fmt"
	"net"
	"net/netip"
)

var errConstraints = errors.New("name constraints are malformed")

// decodeConstraints reads the extension value of RFC 5280 4.2.1.10. What the
// API cannot express is refused: a constraint that is dropped in silence makes
// a CA wider than it was asked to be.
func decodeConstraints(der []byte, critical bool) (*NameConstraints, error) {
	sides, err := decodeSequence(der)
	if err != nil {
		return nil, errConstraints
	}
	out := &NameConstraints{Critical: critical}
	for _, side := range sides {
		if side.Class != asn1.ClassContextSpecific || side.Tag > 1 {
			return nil, errConstraints
		}
		decoded := &out.Permitted
		if side.Tag == 1 {
			decoded = &out.Excluded
		}
		if err := decodeTrees(side.Bytes, decoded); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func decodeTrees(der []byte, out *NameTrees) error {
	for len(der) > 0 {
		var tree []asn1.RawValue
		rest, err := asn1.Unmarshal(der, &tree)
		if err != nil {
			return errConstraints
		}
		// RFC 5280 4.2.1.10: minimum must be zero, which DER leaves out, and
		// maximum must be absent.
		if len(tree) != 1 || tree[0].Class != asn1.ClassContextSpecific {
			return errConstraints
		}
		if err := decodeTree(tree[0], out); err != nil {
			return err
		}
		der = rest
	}
	return nil
}

func decodeTree(base asn1.RawValue, out *NameTrees) error {
	switch base.Tag {
	case tagDNS:
		out.DNSDomains = append(out.DNSDomains, string(base.Bytes))
	case tagEmail:
		out.EmailAddresses = append(out.EmailAddresses, string(base.Bytes))
	case tagURI:
		out.URIDomains = append(out.URIDomains, string(base.Bytes))
	case tagIP:
		prefix, err := decodePrefix(base.Bytes)
		if err != nil {
			return err
		}
		out.IPRanges = append(out.IPRanges, prefix.String())
	default:
		return fmt.Errorf("name constraints on names of type %s are not supported", generalNameType(base.Tag))
	}
	return nil
}

// decodePrefix reads an address followed by its mask.
func decodePrefix(der []byte) (netip.Prefix, error) {
	half := len(der) / 2
	address, ok := netip.AddrFromSlice(der[:half])
	if !ok || len(der)%2 != 0 {
		return netip.Prefix{}, errConstraints
	}
	ones, bits := net.IPMask(der[half:]).Size()
	if bits == 0 {
		return netip.Prefix{}, errConstraints
	}
	return netip.PrefixFrom(address, ones), nil
}

// generalNameType names a choice of GeneralName (RFC 5280 4.2.1.6).
func generalNameType(tag int) string {
	known := []string{
		"otherName", "rfc822Name", "dNSName", "x400Address", "directoryName",
		"ediPartyName", "uniformResourceIdentifier", "iPAddress", "registeredID",
	}
	if tag < len(known) {
		return known[tag]
	}
	return "unknown"
}
