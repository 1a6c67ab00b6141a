package pki

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
)

// The extensions this package writes and reads (RFC 5280 4.2.1).
var (
	oidKeyUsage         = asn1.ObjectIdentifier{2, 5, 29, 15}
	oidSubjectAltName   = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidBasicConstraints = asn1.ObjectIdentifier{2, 5, 29, 19}
	oidNameConstraints  = asn1.ObjectIdentifier{2, 5, 29, 30}
	oidExtKeyUsage      = asn1.ObjectIdentifier{2, 5, 29, 37}
)

// sanExtension returns the subject alternative names as an extension, critical
// if the subject is empty (RFC 5280 4.2.1.6).
func sanExtension(n names, subjectEmpty bool) (pkix.Extension, error) {
	value, err := n.encode()
	if err != nil {
		return pkix.Extension{}, fmt.Errorf("encode subject alternative names: %w", err)
	}
	return pkix.Extension{Id: oidSubjectAltName, Critical: subjectEmpty, Value: value}, nil
}

func constraintsExtension(c *constraints) (pkix.Extension, error) {
	value, err := c.encode()
	if err != nil {
		return pkix.Extension{}, fmt.Errorf("encode name constraints: %w", err)
	}
	return pkix.Extension{Id: oidNameConstraints, Critical: c.critical, Value: value}, nil
}

// usageExtensions returns the key usage (critical, RFC 5280 4.2.1.3) and the
// extended key usage extension, each only if it has something to say.
func usageExtensions(usages []Usage) ([]pkix.Extension, error) {
	var out []pkix.Extension
	if bits := keyUsageString(usages); bits.BitLength > 0 {
		value, err := asn1.Marshal(bits)
		if err != nil {
			return nil, fmt.Errorf("encode key usage: %w", err)
		}
		out = append(out, pkix.Extension{Id: oidKeyUsage, Critical: true, Value: value})
	}
	if purposes := purposesOf(usages); len(purposes) > 0 {
		value, err := asn1.Marshal(purposes)
		if err != nil {
			return nil, fmt.Errorf("encode extended key usage: %w", err)
		}
		out = append(out, pkix.Extension{Id: oidExtKeyUsage, Value: value})
	}
	return out, nil
}

// keyUsageString returns the named bit list without trailing zero bits, as DER
// wants it (X.690 11.2.2).
func keyUsageString(usages []Usage) asn1.BitString {
	var out asn1.BitString
	for _, k := range keyUsageBits {
		if !slices.Contains(usages, k.usage) {
			continue
		}
		out.BitLength = k.number + 1
		for len(out.Bytes) <= k.number/8 {
			out.Bytes = append(out.Bytes, 0)
		}
		out.Bytes[k.number/8] |= 0x80 >> (k.number % 8)
	}
	return out
}

func purposesOf(usages []Usage) []asn1.ObjectIdentifier {
	var out []asn1.ObjectIdentifier
	for _, e := range extKeyUsages {
		if slices.Contains(usages, e.usage) {
			out = append(out, e.oid)
		}
	}
	return out
}

// decodeKeyUsage reads a key usage extension.
func decodeKeyUsage(der []byte) ([]Usage, error) {
	var bits asn1.BitString
	rest, err := asn1.Unmarshal(der, &bits)
	if err != nil || len(rest) != 0 {
		return nil, errors.New("key usage is malformed")
	}
	var out []Usage
	for _, k := range keyUsageBits {
		if bits.At(k.number) == 1 {
			out = append(out, k.usage)
		}
	}
	return out, nil
}

// decodeExtKeyUsage reads an extended key usage extension: the purposes the API
// has, and the others as dotted OIDs.
func decodeExtKeyUsage(der []byte) ([]Usage, []string, error) {
	var purposes []asn1.ObjectIdentifier
	rest, err := asn1.Unmarshal(der, &purposes)
	if err != nil || len(rest) != 0 {
		return nil, nil, errors.New("extended key usage is malformed")
	}
	var (
		known []Usage
		other []string
	)
	for _, oid := range purposes {
		at := slices.IndexFunc(extKeyUsages, func(e extKeyUsage) bool { return e.oid.Equal(oid) })
		if at < 0 {
			other = append(other, oid.String())
			continue
		}
		known = append(known, extKeyUsages[at].usage)
	}
	return known, other, nil
}

// basicConstraints is the extension of RFC 5280 4.2.1.9. A path length of -1
// means none.
type basicConstraints struct {
	IsCA       bool `asn1:"optional"`
	PathLength int  `asn1:"optional,default:-1"`
}

func basicConstraintsExtension() (pkix.Extension, error) {
	value, err := asn1.Marshal(basicConstraints{IsCA: true, PathLength: -1})
	if err != nil {
		return pkix.Extension{}, fmt.Errorf("encode basic constraints: %w", err)
	}
	return pkix.Extension{Id: oidBasicConstraints, Critical: true, Value: value}, nil
}

func decodeBasicConstraints(der []byte) (*basicConstraints, error) {
	decoded := new(basicConstraints)
	rest, err := asn1.Unmarshal(der, decoded)
	if err != nil || len(rest) != 0 || decoded.PathLength < -1 {
		return nil, errors.New("basic constraints are malformed")
	}
	return decoded, nil
}
