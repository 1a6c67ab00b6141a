package pki

import (
	"encoding/asn1"
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// The tags of GeneralName (RFC 5280 4.2.1.6).
const (
	tagOtherName = 0
	tagEmail     = 1
	tagDNS       = 2
	tagURI       = 6
	tagIP        = 7
)

// constraints are name constraints in normalized form.
type constraints struct {
	critical            bool
	permitted, excluded trees
}

// trees are the subtrees of one side in normalized form: the base names by
// kind, IP ranges as masked prefixes.
type trees struct {
	dns, ips, emails, uris []string
}

func (t trees) empty() bool {
	return len(t.dns)+len(t.ips)+len(t.emails)+len(t.uris) == 0
}

func newConstraints(spec NameConstraints) (*constraints, error) {
	permitted, errPermitted := newTrees("nameConstraints.permitted", spec.Permitted)
	excluded, errExcluded := newTrees("nameConstraints.excluded", spec.Excluded)
	if err := errors.Join(errPermitted, errExcluded); err != nil {
		return nil, err
	}
	// RFC 5280 4.2.1.10: one of the two must be present.
	if permitted.empty() && excluded.empty() {
		return nil, errors.New("nameConstraints: set permitted or excluded")
	}
	return &constraints{critical: spec.Critical, permitted: permitted, excluded: excluded}, nil
}

func newTrees(field string, spec NameTrees) (trees, error) {
	dns, errDNS := normalizeAll(field+".dnsDomains", spec.DNSDomains, normalizeDNSTree)
	ips, errIPs := normalizeAll(field+".ipRanges", spec.IPRanges, normalizeIPTree)
	emails, errEmails := normalizeAll(field+".emailAddresses", spec.EmailAddresses, normalizeEmailTree)
	uris, errURIs := normalizeAll(field+".uriDomains", spec.URIDomains, normalizeDomainTree)
	return trees{dns: dns, ips: ips, emails: emails, uris: uris},
		errors.Join(errDNS, errIPs, errEmails, errURIs)
}

// normalizeDNSTree accepts an empty domain as well: it stands for all DNS
// names, and excluding them is how a CA is kept to other kinds of names.
func normalizeDNSTree(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	return normalizeDomainTree(text)
}

// normalizeDomainTree accepts a domain, or one with a leading dot.
func normalizeDomainTree(text string) (string, error) {
	bare := strings.TrimPrefix(text, ".")
	if strings.HasPrefix(bare, "*") {
		return "", fmt.Errorf("%q must be a domain without a wildcard", text)
	}
	name, err := NormalizeDNSName(bare)
	if err != nil {
		return "", err
	}
	return text[:len(text)-len(bare)] + name, nil
}

// normalizeEmailTree accepts a mailbox, a host, or a domain with a leading dot
// (RFC 5280 4.2.1.10).
func normalizeEmailTree(text string) (string, error) {
	if strings.Contains(text, "@") {
		return normalizeEmail(text)
	}
	return normalizeDomainTree(text)
}

func normalizeIPTree(text string) (string, error) {
	prefix, err := netip.ParsePrefix(text)
	if err != nil || prefix.Addr().Is4In6() {
		return "", fmt.Errorf("%q is not an IP range in CIDR form", text)
	}
	return prefix.Masked().String(), nil
}

// encode returns the extension value of RFC 5280 4.2.1.10.
func (c *constraints) encode() ([]byte, error) {
	var sides []asn1.RawValue
	for tag, side := range []trees{c.permitted, c.excluded} {
		if side.empty() {
			continue
		}
		der, err := side.encode()
		if err != nil {
			return nil, err
		}
		sides = append(sides, contextValue(tag, true, der))
	}
	return asn1.Marshal(sides)
}

// encode returns the GeneralSubtrees of one side, without their header.
func (t trees) encode() ([]byte, error) {
	var out []byte
	add := func(tag int, base []byte) error {
		der, err := asn1.Marshal([]asn1.RawValue{contextValue(tag, false, base)})
		out = append(out, der...)
		return err
	}
	for _, kind := range []struct {
		tag   int
		bases []string
	}{{tagDNS, t.dns}, {tagIP, t.ips}, {tagEmail, t.emails}, {tagURI, t.uris}} {
		for _, base := range kind.bases {
			if err := add(kind.tag, treeBase(kind.tag, base)); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// treeBase encodes the base of a subtree; an IP range is its address followed
// by its mask.
func treeBase(tag int, base string) []byte {
	if tag != tagIP {
		return []byte(base)
	}
	prefix := netip.MustParsePrefix(base)
	address := prefix.Addr().AsSlice()
	mask := make([]byte, len(address))
	for bit := range prefix.Bits() {
		mask[bit/8] |= 0x80 >> (bit % 8)
	}
	return append(address, mask...)
}

func contextValue(tag int, compound bool, der []byte) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, IsCompound: compound, Bytes: der}
}

// export returns the constraints in the form of the API.
func (c *constraints) export() *NameConstraints {
	return &NameConstraints{Critical: c.critical, Permitted: c.permitted.export(), Excluded: c.excluded.export()}
}

func (t trees) export() NameTrees {
	return NameTrees{DNSDomains: t.dns, IPRanges: t.ips, EmailAddresses: t.emails, URIDomains: t.uris}
}
