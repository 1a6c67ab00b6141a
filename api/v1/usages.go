package v1

// KeyUsage is one purpose that a key may be used for (RFC 5280 sections 4.2.1.3 and 4.2.1.12).
//
// +kubebuilder:validation:Enum=signing;digital signature;content commitment;key encipherment;key agreement;data encipherment;cert sign;crl sign;encipher only;decipher only;any;server auth;client auth;code signing;email protection;s/mime;ipsec end system;ipsec tunnel;ipsec user;timestamping;ocsp signing;microsoft sgc;netscape sgc
type KeyUsage string

// Key usages: bits of the keyUsage extension.
const (
	// UsageSigning means the same bit as UsageDigitalSignature.
	UsageSigning           KeyUsage = "signing"
	UsageDigitalSignature  KeyUsage = "digital signature"
	UsageContentCommitment KeyUsage = "content commitment"
	UsageKeyEncipherment   KeyUsage = "key encipherment"
	UsageKeyAgreement      KeyUsage = "key agreement"
	UsageDataEncipherment  KeyUsage = "data encipherment"
	UsageCertSign          KeyUsage = "cert sign"
	UsageCRLSign           KeyUsage = "crl sign"
	UsageEncipherOnly      KeyUsage = "encipher only"
	UsageDecipherOnly      KeyUsage = "decipher only"
)

// Extended key usages: purposes in the extKeyUsage extension.
const (
	UsageAny             KeyUsage = "any"
	UsageServerAuth      KeyUsage = "server auth"
	UsageClientAuth      KeyUsage = "client auth"
	UsageCodeSigning     KeyUsage = "code signing"
	UsageEmailProtection KeyUsage = "email protection"
	// UsageSMIME means the same purpose as UsageEmailProtection.
	UsageSMIME          KeyUsage = "s/mime"
	UsageIPsecEndSystem KeyUsage = "ipsec end system"
	UsageIPsecTunnel    KeyUsage = "ipsec tunnel"
	UsageIPsecUser      KeyUsage = "ipsec user"
	UsageTimestamping   KeyUsage = "timestamping"
	UsageOCSPSigning    KeyUsage = "ocsp signing"
	UsageMicrosoftSGC   KeyUsage = "microsoft sgc"
	UsageNetscapeSGC    KeyUsage = "netscape sgc"
)

// DefaultUsages is what an empty list of usages stands for.
func DefaultUsages() []KeyUsage {
	return []KeyUsage{UsageDigitalSignature, UsageKeyEncipherment}
}

// IsKnown says whether the API knows a usage.
func (u KeyUsage) IsKnown() bool {
	switch u {
	case UsageSigning, UsageDigitalSignature, UsageContentCommitment, UsageKeyEncipherment, UsageKeyAgreement,
		UsageDataEncipherment, UsageCertSign, UsageCRLSign, UsageEncipherOnly, UsageDecipherOnly,
		UsageAny, UsageServerAuth, UsageClientAuth, UsageCodeSigning, UsageEmailProtection, UsageSMIME,
		UsageIPsecEndSystem, UsageIPsecTunnel, UsageIPsecUser, UsageTimestamping, UsageOCSPSigning,
		UsageMicrosoftSGC, UsageNetscapeSGC:
		return true
	default:
		return false
	}
}
