package pki

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
)

// Usage is a key usage or extended key usage under its API name.
type Usage string

// The usages of the API. UsageSigning is another name for
// UsageDigitalSignature, UsageSMIME one for UsageEmailProtection.
const (
	UsageSigning           Usage = "signing"
	UsageDigitalSignature  Usage = "digital signature"
	UsageContentCommitment Usage = "content commitment"
	UsageKeyEncipherment   Usage = "key encipherment"
	UsageKeyAgreement      Usage = "key agreement"
	UsageDataEncipherment  Usage = "data encipherment"
	UsageCertSign          Usage = "cert sign"
	UsageCRLSign           Usage = "crl sign"
	UsageEncipherOnly      Usage = "encipher only"
	UsageDecipherOnly      Usage = "decipher only"
	UsageAny               Usage = "any"
	UsageServerAuth        Usage = "server auth"
	UsageClientAuth        Usage = "client auth"
	UsageCodeSigning       Usage = "code signing"
	UsageEmailProtection   Usage = "email protection"
	UsageSMIME             Usage = "s/mime"
	UsageIPsecEndSystem    Usage = "ipsec end system"
	UsageIPsecTunnel       Usage = "ipsec tunnel"
	UsageIPsecUser         Usage = "ipsec user"
	UsageTimestamping      Usage = "timestamping"
	UsageOCSPSigning       Usage = "ocsp signing"
	UsageMicrosoftSGC      Usage = "microsoft sgc"
	UsageNetscapeSGC       Usage = "netscape sgc"
)

// keyUsageBit ties a usage to its bit of the key usage extension.
type keyUsageBit struct {
	usage Usage
	// bit is Go's mask, number the named bit of RFC 5280 4.2.1.3.
	bit    x509.KeyUsage
	number int
}

// extKeyUsage ties a usage to its purpose OID (RFC 5280 4.2.1.12).
type extKeyUsage struct {
	usage Usage
	ext   x509.ExtKeyUsage
	oid   asn1.ObjectIdentifier
}

var keyUsageBits = []keyUsageBit{
	{UsageDigitalSignature, x509.KeyUsageDigitalSignature, 0},
	{UsageContentCommitment, x509.KeyUsageContentCommitment, 1},
	{UsageKeyEncipherment, x509.KeyUsageKeyEncipherment, 2},
	{UsageDataEncipherment, x509.KeyUsageDataEncipherment, 3},
	{UsageKeyAgreement, x509.KeyUsageKeyAgreement, 4},
	{UsageCertSign, x509.KeyUsageCertSign, 5},
	{UsageCRLSign, x509.KeyUsageCRLSign, 6},
	{UsageEncipherOnly, x509.KeyUsageEncipherOnly, 7},
	{UsageDecipherOnly, x509.KeyUsageDecipherOnly, 8},
}

var extKeyUsages = []extKeyUsage{
	{UsageAny, x509.ExtKeyUsageAny, asn1.ObjectIdentifier{2, 5, 29, 37, 0}},
	{UsageServerAuth, x509.ExtKeyUsageServerAuth, asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 1}},
	{UsageClientAuth, x509.ExtKeyUsageClientAuth, asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 2}},
	{UsageCodeSigning, x509.ExtKeyUsageCodeSigning, asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 3}},
	{UsageEmailProtection, x509.ExtKeyUsageEmailProtection, asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 4}},
	{UsageIPsecEndSystem, x509.ExtKeyUsageIPSECEndSystem, asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 5}},
	{UsageIPsecTunnel, x509.ExtKeyUsageIPSECTunnel, asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 6}},
	{UsageIPsecUser, x509.ExtKeyUsageIPSECUser, asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 7}},
	{UsageTimestamping, x509.ExtKeyUsageTimeStamping, asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 8}},
	{UsageOCSPSigning, x509.ExtKeyUsageOCSPSigning, asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 9}},
	{UsageMicrosoftSGC, x509.ExtKeyUsageMicrosoftServerGatedCrypto, asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 10, 3, 3}},
	{UsageNetscapeSGC, x509.ExtKeyUsageNetscapeServerGatedCrypto, asn1.ObjectIdentifier{2, 16, 840, 1, 113730, 4, 1}},
}

// DefaultUsages are the usages of a certificate that asks for none.
func DefaultUsages() []Usage {
	return []Usage{UsageDigitalSignature, UsageKeyEncipherment}
}

// EffectiveUsages returns what a list of usages means: the default if it is
// empty, cert sign added for a CA, every usage under one name, each once, in a
// fixed order. An unknown usage is left out; RequestSpec.Validate reports it.
func EffectiveUsages(usages []Usage, isCA bool) []Usage {
	if len(usages) == 0 {
		usages = DefaultUsages()
	}
	wanted := func(u Usage) bool {
		if isCA && u == UsageCertSign {
			return true
		}
		return slices.ContainsFunc(usages, func(have Usage) bool { return canonical(have) == u })
	}
	var out []Usage
	for _, k := range keyUsageBits {
		if wanted(k.usage) {
			out = append(out, k.usage)
		}
	}
	for _, e := range extKeyUsages {
		if wanted(e.usage) {
			out = append(out, e.usage)
		}
	}
	return out
}

func canonical(u Usage) Usage {
	switch u {
	case UsageSigning:
		return UsageDigitalSignature
	case UsageSMIME:
		return UsageEmailProtection
	default:
		return u
	}
}

func (u Usage) known() bool {
	u = canonical(u)
	return slices.ContainsFunc(keyUsageBits, func(k keyUsageBit) bool { return k.usage == u }) ||
		slices.ContainsFunc(extKeyUsages, func(e extKeyUsage) bool { return e.usage == u })
}

func checkUsages(usages []Usage) error {
	var errs []error
	for i, u := range usages {
		if !u.known() {
			errs = append(errs, fmt.Errorf("usages[%d]: %q is not a key usage or extended key usage of the API", i, string(u)))
		}
	}
	return errors.Join(errs...)
}

// splitUsages turns effective usages into the two forms of crypto/x509.
func splitUsages(usages []Usage) (x509.KeyUsage, []x509.ExtKeyUsage) {
	var bits x509.KeyUsage
	for _, k := range keyUsageBits {
		if slices.Contains(usages, k.usage) {
			bits |= k.bit
		}
	}
	var exts []x509.ExtKeyUsage
	for _, e := range extKeyUsages {
		if slices.Contains(usages, e.usage) {
			exts = append(exts, e.ext)
		}
	}
	return bits, exts
}
