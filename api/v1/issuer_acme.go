package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ACMEIssuer is a CA that is spoken to over ACME (RFC 8555).
//
// +kubebuilder:validation:XValidation:rule="!has(self.caBundle) || !has(self.skipTLSVerify) || !self.skipTLSVerify",message="skipTLSVerify makes caBundle meaningless: remove one of them (keep caBundle if you can)"
type ACMEIssuer struct {
	// Server is the URL of the CA's directory.
	// +kubebuilder:validation:MinLength=1
	Server string `json:"server"`

	// AllowedHosts are further hosts, beside that of server, that the CA's links may lead to: lower-case DNS
	// names or IP addresses, at any port. A link to another host is not followed.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$') || isIP(self) && ip.isCanonical(self)",message="write a host as a lower-case DNS name or an IP address, without a port, such as ca.example.com or 2001:db8::1"
	// +optional
	AllowedHosts []string `json:"allowedHosts,omitempty"`

	// PrivateKeySecretRef names the Secret with the account key, by default at tls.key. The key is made if
	// it does not exist, unless disableAccountKeyGeneration is set.
	PrivateKeySecretRef SecretKeySelector `json:"privateKeySecretRef"`

	// Email is the address that the CA may write to about the account.
	// +optional
	Email string `json:"email,omitempty"`

	// Solvers are the ways to prove control of names. The one whose selector fits a name most closely is
	// used: first by dnsNames, then by the longest of dnsZones, then by the number of matchLabels, then the
	// first in this list.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	// +optional
	Solvers []ACMESolver `json:"solvers,omitempty"`

	// ExternalAccountBinding ties the account to one that exists at the CA already (RFC 8555 section 7.3.4).
	// +optional
	ExternalAccountBinding *ExternalAccountBinding `json:"externalAccountBinding,omitempty"`

	// DisableAccountKeyGeneration makes the issuer wait for the account key's Secret instead of making it.
	// The default is false.
	// +optional
	DisableAccountKeyGeneration bool `json:"disableAccountKeyGeneration,omitempty"`

	// PreferredChain is the common name of the issuer at the top of the chain to choose, where the CA
	// offers several. Without a match the CA's default chain is used.
	// +kubebuilder:validation:MaxLength=64
	// +optional
	PreferredChain string `json:"preferredChain,omitempty"`

	// Profile is the name of the CA's profile to order certificates of.
	// +optional
	Profile string `json:"profile,omitempty"`

	// CABundle has the certificates, in PEM, that the server's TLS certificate is verified with, instead of
	// those of the operator's image. Excludes skipTLSVerify.
	// +optional
	CABundle []byte `json:"caBundle,omitempty"`

	// SkipTLSVerify trusts any TLS certificate of the server. For tests only: whoever is in between can
	// read and change everything. Excludes caBundle. The default is false.
	// +optional
	SkipTLSVerify bool `json:"skipTLSVerify,omitempty"`

	// EnableDurationFeature asks the CA for the lifetime in a certificate's spec.duration, which few CAs
	// accept. The default is false.
	// +optional
	EnableDurationFeature bool `json:"enableDurationFeature,omitempty"`

	// RenewalInformationSource says what decides the time of a renewal: ARI (the CA's suggestion, RFC 9773,
	// where it makes one) or None (spec.renewBefore and its kin alone).
	// +kubebuilder:default=ARI
	// +optional
	RenewalInformationSource RenewalInformationSource `json:"renewalInformationSource,omitempty"`

	// Limits are how much the operator asks of the account at most. The defaults are for the CA that server
	// is of.
	// +optional
	Limits *ACMELimits `json:"limits,omitempty"`
}

// ACMELimits are how much the operator asks of an account at most, so that nothing that goes round in circles
// burns what the CA allows.
type ACMELimits struct {
	// OrdersPer3Hours is how many orders are made with the account at once. After that, as many again are made
	// evenly within 3 hours. 0 means that there is no limit. The default is 285 for Let's Encrypt, 1425 for its
	// staging environment and 0 for others.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100000
	// +optional
	OrdersPer3Hours *int32 `json:"ordersPer3Hours,omitempty"`

	// ExactSetPerWeek is how many certificates for exactly the same names are issued with the account in 7
	// days. Renewals in the window that the CA suggests (RFC 9773) do not count, and a certificate with a
	// twentieth of its life left is renewed all the same. 0 means that there is no limit. The default is 4 for
	// Let's Encrypt and 0 for others.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=50
	// +optional
	ExactSetPerWeek *int32 `json:"exactSetPerWeek,omitempty"`
}

// RenewalInformationSource says what decides the time of a renewal.
//
// +kubebuilder:validation:Enum=ARI;None
type RenewalInformationSource string

// Sources of renewal information.
const (
	RenewalInformationARI  RenewalInformationSource = "ARI"
	RenewalInformationNone RenewalInformationSource = "None"
)

// HMACAlgorithm is an algorithm of an external account binding.
//
// +kubebuilder:validation:Enum=HS256;HS384;HS512
type HMACAlgorithm string

// Algorithms of external account bindings.
const (
	HS256 HMACAlgorithm = "HS256"
	HS384 HMACAlgorithm = "HS384"
	HS512 HMACAlgorithm = "HS512"
)

// ExternalAccountBinding ties an ACME account to one that exists at the CA already.
type ExternalAccountBinding struct {
	// KeyID is the identifier that the CA gave for its account.
	// +kubebuilder:validation:MinLength=1
	KeyID string `json:"keyID"`

	// KeySecretRef names the MAC key that the CA gave: an entry of a Secret, in base64url without padding.
	KeySecretRef SecretKeySelector `json:"keySecretRef"`

	// KeyAlgorithm is accepted and ignored: HS256 is always used.
	// +optional
	KeyAlgorithm HMACAlgorithm `json:"keyAlgorithm,omitempty"`
}

// ACMESolver is a way to prove control of names. Exactly one of http01, tlsALPN01, dns01 and
// dnsPersist01 is set.
//
// +kubebuilder:validation:XValidation:rule="[has(self.http01), has(self.tlsALPN01), has(self.dns01), has(self.dnsPersist01)].filter(set, set).size() == 1",message="a solver answers in exactly one way: set one of http01, tlsALPN01, dns01 and dnsPersist01; write a second solver for another"
type ACMESolver struct {
	// Selector says which names and certificates this solver is for. Without it the solver fits all, more
	// loosely than any selector.
	// +optional
	Selector *SolverSelector `json:"selector,omitempty"`

	// HTTP01 answers over HTTP on port 80 of the name (RFC 8555 section 8.3).
	// +optional
	HTTP01 *HTTP01Solver `json:"http01,omitempty"`

	// TLSALPN01 answers in the TLS handshake on port 443 of the name (RFC 8737). The operator answers itself, behind a
	// Gateway that passes TLS through. It proves control of DNS names, not of wildcards, nor of addresses: a TLSRoute
	// is for host names.
	// +optional
	TLSALPN01 *TLSALPN01Solver `json:"tlsALPN01,omitempty"`

	// DNS01 answers with a TXT record below the name (RFC 8555 section 8.4), which proves control of wildcards too.
	// +optional
	DNS01 *DNS01Solver `json:"dns01,omitempty"`

	// DNSPersist01 relies on a TXT record that somebody publishes once (draft-ietf-acme-dns-persist): the operator
	// needs no right to DNS. The record stands in the issuer's status and on the Certificate. Few CAs offer it.
	// +optional
	DNSPersist01 *DNSPersist01Solver `json:"dnsPersist01,omitempty"`

	// WaitInsteadOfSelfCheck replaces the operator's own check of the answer by a wait of this length, for
	// networks in which the check cannot succeed. 0s means neither check nor wait.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(h|m|s|ms))+$') && duration(self) >= duration('0s')",message="waitInsteadOfSelfCheck must be 0s or more: write hours, minutes and seconds, such as 90s"
	// +optional
	WaitInsteadOfSelfCheck *metav1.Duration `json:"waitInsteadOfSelfCheck,omitempty"`
}

// SolverSelector says which names and certificates a solver is for. All of its fields that are set must fit.
type SolverSelector struct {
	// MatchLabels are labels that the Certificate must have.
	// +optional
	MatchLabels map[string]string `json:"matchLabels,omitempty"`

	// DNSNames are the names, compared as a whole, that the solver is for.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	DNSNames []string `json:"dnsNames,omitempty"`

	// DNSZones are the zones that the solver is for, each with every name below it. The longest that fits
	// wins.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	DNSZones []string `json:"dnsZones,omitempty"`
}
