package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Certificate asks for a private key and a signed X.509 certificate for it, kept in a Secret and renewed
// before it expires. People, and the operator's source reconcilers, write its spec; the certificate
// reconciler alone writes its status.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,shortName={cert,certs},categories=certwright
// +kubebuilder:selectablefield:JSONPath=`.spec.issuerRef.group`
// +kubebuilder:selectablefield:JSONPath=`.spec.issuerRef.kind`
// +kubebuilder:selectablefield:JSONPath=`.spec.issuerRef.name`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Secret",type=string,JSONPath=`.spec.secretName`
// +kubebuilder:printcolumn:name="Issuer",type=string,JSONPath=`.spec.issuerRef.name`,priority=1
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:printcolumn:name="Step",type=string,JSONPath=`.status.issuance.step`,priority=1
// +kubebuilder:printcolumn:name="Expiration",type=date,JSONPath=`.status.notAfter`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Certificate struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is the certificate wanted.
	Spec CertificateSpec `json:"spec"`

	// Status is what has been reached and what happens next.
	// +optional
	Status CertificateStatus `json:"status,omitempty"`
}

// CertificateList is a list of Certificates.
//
// +kubebuilder:object:root=true
type CertificateList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`

	// Items are the Certificates.
	Items []Certificate `json:"items"`
}

// CertificateSpec is the certificate wanted.
//
// +kubebuilder:validation:XValidation:rule="(has(self.commonName) && size(self.commonName) > 0) || (has(self.literalSubject) && size(self.literalSubject) > 0) || (has(self.dnsNames) && size(self.dnsNames) > 0) || (has(self.ipAddresses) && size(self.ipAddresses) > 0) || (has(self.uris) && size(self.uris) > 0) || (has(self.emailAddresses) && size(self.emailAddresses) > 0) || (has(self.otherNames) && size(self.otherNames) > 0)",message="the certificate needs a name: set at least one of dnsNames, ipAddresses, uris, emailAddresses, otherNames, commonName or literalSubject"
// +kubebuilder:validation:XValidation:rule="!has(self.literalSubject) || size(self.literalSubject) == 0 || (!has(self.subject) && (!has(self.commonName) || size(self.commonName) == 0))",message="literalSubject is the whole subject: write what commonName and subject say into it and remove them, or remove literalSubject"
// +kubebuilder:validation:XValidation:rule="!has(self.renewBefore) || !has(self.renewBeforePercentage)",message="renewBefore and renewBeforePercentage say the same thing in two ways: remove one of them"
// +kubebuilder:validation:XValidation:rule="!has(self.renewBefore) || duration(self.renewBefore) < duration(has(self.duration) ? self.duration : '2160h')",message="renewBefore must be less than duration (2160h if it is not set): write a shorter renewBefore or a longer duration"
// +kubebuilder:validation:XValidation:rule="!has(self.renewBeforePercentage) || duration(has(self.duration) ? self.duration : '2160h').getSeconds() * self.renewBeforePercentage >= 30000",message="renewBeforePercentage is the part of the lifetime left at renewal and must leave at least 5m of duration: write a larger percentage"
// +kubebuilder:validation:XValidation:rule="!has(self.nameConstraints) || (has(self.isCA) && self.isCA)",message="nameConstraints are for CA certificates: set isCA to true or remove nameConstraints"
// +kubebuilder:validation:XValidation:rule="!has(self.signatureAlgorithm) || self.signatureAlgorithm.contains(has(self.privateKey) && has(self.privateKey.algorithm) ? self.privateKey.algorithm : 'RSA')",message="signatureAlgorithm must fit privateKey.algorithm (RSA if it is not set): write one of SHA*WithRSA for RSA, ECDSAWithSHA* for ECDSA, PureEd25519 for Ed25519, or remove it"
type CertificateSpec struct {
	// IssuerRef names the issuer that signs. Changing it issues the certificate anew.
	IssuerRef IssuerRef `json:"issuerRef"`

	// SecretName is the Secret, in the same namespace, that key and certificate are written to. It is made
	// if it does not exist; one Secret belongs to one Certificate.
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="secretName must be the name of a Secret: lower-case letters, digits, dashes and dots, at most 253 characters"
	// +kubebuilder:validation:MaxLength=253
	SecretName string `json:"secretName"`

	// CommonName is the subject's CN, at most 64 characters. TLS clients look at dnsNames and ipAddresses
	// only; ACME issuers want the common name repeated there. Excludes literalSubject.
	// +kubebuilder:validation:XValidation:rule="size(self) <= 64",message="commonName is limited to 64 characters: write longer names into dnsNames"
	// +optional
	CommonName string `json:"commonName,omitempty"`

	// DNSNames are the DNS names that the certificate is valid for. A wildcard takes the place of the
	// whole left-most label.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	DNSNames []string `json:"dnsNames,omitempty"`

	// IPAddresses are the IPv4 and IPv6 addresses that the certificate is valid for.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:items:MaxLength=64
	// +kubebuilder:validation:items:XValidation:rule="isIP(self)",message="write an IPv4 or IPv6 address without zone, such as 192.0.2.1 or 2001:db8::1"
	// +optional
	IPAddresses []string `json:"ipAddresses,omitempty"`

	// URIs are the URIs that the certificate is valid for, such as a SPIFFE ID.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	URIs []string `json:"uris,omitempty"`

	// EmailAddresses are the bare e-mail addresses, without display names, that the certificate is valid for.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	EmailAddresses []string `json:"emailAddresses,omitempty"`

	// OtherNames are subject alternative names of type otherName, such as a user principal name.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	OtherNames []OtherName `json:"otherNames,omitempty"`

	// Subject is the rest of the subject's distinguished name. Excludes literalSubject.
	// +optional
	Subject *X509Subject `json:"subject,omitempty"`

	// LiteralSubject is the whole subject as a distinguished name in the form of RFC 4514, such as
	// "CN=db,OU=storage,O=example", where the order of its parts matters. Excludes subject and commonName.
	// +optional
	LiteralSubject string `json:"literalSubject,omitempty"`

	// Duration is the lifetime to ask for, at least 1h, written in hours, minutes and seconds. The default
	// is 2160h (90 days). The issuer may grant another.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(h|m|s|ms))+$') && duration(self) >= duration('1h')",message="duration must be at least 1h: write hours, minutes and seconds, such as 2160h"
	// +optional
	Duration *metav1.Duration `json:"duration,omitempty"`

	// RenewBefore is how long before expiry the certificate is renewed, at least 5m and less than duration.
	// Without it and renewBeforePercentage, a third of the lifetime granted is left at renewal. Excludes
	// renewBeforePercentage.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(h|m|s|ms))+$') && duration(self) >= duration('5m')",message="renewBefore must be at least 5m: write hours, minutes and seconds, such as 720h"
	// +optional
	RenewBefore *metav1.Duration `json:"renewBefore,omitempty"`

	// RenewBeforePercentage is the part of the lifetime granted that is left when the certificate is
	// renewed, 1 to 99 percent: with 25, a certificate of 40 days is renewed after 30. Excludes renewBefore.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=99
	// +optional
	RenewBeforePercentage *int32 `json:"renewBeforePercentage,omitempty"`

	// Renewal says whether, and in which hours, the certificate is renewed.
	// +optional
	Renewal *CertificateRenewal `json:"renewal,omitempty"`

	// PrivateKey says what key to make and when to replace it.
	// +optional
	PrivateKey *CertificatePrivateKey `json:"privateKey,omitempty"`

	// SignatureAlgorithm is the algorithm that the request is signed with, and that selfSigned issuers sign
	// with. It must fit privateKey.algorithm. The default follows from the key.
	// +kubebuilder:validation:Enum=SHA256WithRSA;SHA384WithRSA;SHA512WithRSA;ECDSAWithSHA256;ECDSAWithSHA384;ECDSAWithSHA512;PureEd25519
	// +optional
	SignatureAlgorithm SignatureAlgorithm `json:"signatureAlgorithm,omitempty"`

	// Usages are the purposes of the key. The default is digital signature and key encipherment.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	Usages []KeyUsage `json:"usages,omitempty"`

	// EncodeUsagesInRequest puts the usages into the certificate signing request too. The default is true.
	// +optional
	EncodeUsagesInRequest *bool `json:"encodeUsagesInRequest,omitempty"`

	// IsCA asks for a certificate that may sign others, and adds the usage "cert sign".
	// +optional
	IsCA bool `json:"isCA,omitempty"`

	// NameConstraints limits the names that a CA certificate may sign for (RFC 5280 section 4.2.1.10).
	// Needs isCA.
	// +optional
	NameConstraints *NameConstraints `json:"nameConstraints,omitempty"`

	// SecretTemplate has labels and annotations for the Secret. They are kept in step with it.
	// +optional
	SecretTemplate *CertificateSecretTemplate `json:"secretTemplate,omitempty"`

	// Keystores asks for further entries in the Secret, with key and certificate in the formats of Java
	// and PKCS#12.
	// +optional
	Keystores *CertificateKeystores `json:"keystores,omitempty"`

	// AdditionalOutputFormats asks for further entries in the Secret.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=2
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.exists_one(b, a.type == b.type))",message="additionalOutputFormats names a type twice: write each type once"
	// +optional
	AdditionalOutputFormats []CertificateAdditionalOutputFormat `json:"additionalOutputFormats,omitempty"`

	// RevisionHistoryLimit is how many CertificateRequests are kept, at least 1. The default is 1.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=2147483647
	// +optional
	RevisionHistoryLimit *int32 `json:"revisionHistoryLimit,omitempty"`
}

// OtherName is a subject alternative name of type otherName (RFC 5280 section 4.2.1.6).
//
// +kubebuilder:validation:XValidation:rule="has(self.utf8Value) && size(self.utf8Value) > 0 && has(self.oid) && self.oid.matches('^[0-2]([.](0|[1-9][0-9]*))+$')",message="an otherName needs both oid (in dotted form, such as 1.3.6.1.4.1.311.20.2.3) and utf8Value"
type OtherName struct {
	// OID is the object identifier of the name's type, in dotted form.
	// +kubebuilder:validation:MaxLength=256
	// +optional
	OID string `json:"oid,omitempty"`

	// UTF8Value is the name, encoded as a UTF8String.
	// +optional
	UTF8Value string `json:"utf8Value,omitempty"`
}

// X509Subject has the attributes of a distinguished name other than the common name.
type X509Subject struct {
	// Organizations become attributes O.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	Organizations []string `json:"organizations,omitempty"`

	// OrganizationalUnits become attributes OU.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	OrganizationalUnits []string `json:"organizationalUnits,omitempty"`

	// Countries become attributes C, two letters each.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	Countries []string `json:"countries,omitempty"`

	// Provinces become attributes ST.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	Provinces []string `json:"provinces,omitempty"`

	// Localities become attributes L.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	Localities []string `json:"localities,omitempty"`

	// StreetAddresses become attributes STREET.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	StreetAddresses []string `json:"streetAddresses,omitempty"`

	// PostalCodes become attributes postalCode.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	PostalCodes []string `json:"postalCodes,omitempty"`

	// SerialNumber is the attribute serialNumber of the subject. It is not the certificate's serial number.
	// +optional
	SerialNumber string `json:"serialNumber,omitempty"`
}

// RenewalPolicy says whether time alone leads to a renewal.
//
// +kubebuilder:validation:Enum=RenewBefore;Disabled
type RenewalPolicy string

const (
	// RenewalRenewBefore renews ahead of expiry. It is the default.
	RenewalRenewBefore RenewalPolicy = "RenewBefore"
	// RenewalDisabled never renews because of time; edits and lost Secrets still issue anew.
	RenewalDisabled RenewalPolicy = "Disabled"
)

// CertificateRenewal says whether, and in which hours, a certificate is renewed.
//
// +kubebuilder:validation:XValidation:rule="!has(self.policy) || self.policy != 'Disabled' || !has(self.windows) || size(self.windows) == 0",message="a policy of Disabled never renews, so that windows mean nothing: remove windows or write RenewBefore"
type CertificateRenewal struct {
	// Policy is RenewBefore (the default: renew ahead of expiry) or Disabled (never renew because of time).
	// +optional
	Policy RenewalPolicy `json:"policy,omitempty"`

	// Windows are the only times at which a renewal may start. If none opens before expiry, the
	// certificate is renewed at the time it would have been renewed without windows.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	Windows []RenewalWindow `json:"windows,omitempty"`
}

// RenewalWindow is a span of time that opens again and again.
type RenewalWindow struct {
	// Cron says when the window opens, in the five fields of crontab: minute, hour, day of month, month,
	// day of week.
	// +kubebuilder:validation:MinLength=1
	Cron string `json:"cron"`

	// WindowDuration is how long the window stays open, written in hours, minutes and seconds.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(h|m|s|ms))+$') && duration(self) > duration('0s')",message="windowDuration must be more than 0s: write hours, minutes and seconds, such as 4h"
	WindowDuration metav1.Duration `json:"windowDuration"`

	// Timezone is the IANA name of the time zone that cron is read in, such as Europe/Berlin. The default
	// is UTC.
	// +kubebuilder:validation:MinLength=1
	// +optional
	Timezone string `json:"timezone,omitempty"`
}

// KeyAlgorithm is the algorithm of a private key.
//
// +kubebuilder:validation:Enum=RSA;ECDSA;Ed25519
type KeyAlgorithm string

// Algorithms of private keys.
const (
	RSAKeyAlgorithm     KeyAlgorithm = "RSA"
	ECDSAKeyAlgorithm   KeyAlgorithm = "ECDSA"
	Ed25519KeyAlgorithm KeyAlgorithm = "Ed25519"
)

// KeyEncoding is the form that a private key is written in.
//
// +kubebuilder:validation:Enum=PKCS1;PKCS8
type KeyEncoding string

const (
	// PKCS1 is PKCS #1 for RSA (RFC 8017) and SEC 1 for ECDSA (RFC 5915).
	PKCS1 KeyEncoding = "PKCS1"
	// PKCS8 is the form that holds every algorithm (RFC 5958).
	PKCS8 KeyEncoding = "PKCS8"
)

// RotationPolicy says when a private key is replaced.
//
// +kubebuilder:validation:Enum=Never;Always
type RotationPolicy string

const (
	// RotationNever keeps the key as long as it fits the spec.
	RotationNever RotationPolicy = "Never"
	// RotationAlways makes a key for every issuance. It is the default.
	RotationAlways RotationPolicy = "Always"
)

// SignatureAlgorithm is how a request is signed.
type SignatureAlgorithm string

// Signature algorithms.
const (
	SHA256WithRSA   SignatureAlgorithm = "SHA256WithRSA"
	SHA384WithRSA   SignatureAlgorithm = "SHA384WithRSA"
	SHA512WithRSA   SignatureAlgorithm = "SHA512WithRSA"
	ECDSAWithSHA256 SignatureAlgorithm = "ECDSAWithSHA256"
	ECDSAWithSHA384 SignatureAlgorithm = "ECDSAWithSHA384"
	ECDSAWithSHA512 SignatureAlgorithm = "ECDSAWithSHA512"
	PureEd25519     SignatureAlgorithm = "PureEd25519"
)

// CertificatePrivateKey says what key to make and when to replace it.
//
// +kubebuilder:validation:XValidation:rule="!has(self.size) || self.size == 0 || (has(self.algorithm) && self.algorithm != 'RSA') || (self.size >= 2048 && self.size <= 8192)",message="an RSA key has 2048 to 8192 bits: write 2048, 3072, 4096 or 8192"
// +kubebuilder:validation:XValidation:rule="!has(self.size) || self.size == 0 || !has(self.algorithm) || self.algorithm != 'ECDSA' || self.size in [256, 384, 521]",message="an ECDSA key has 256, 384 or 521 bits: write one of these"
type CertificatePrivateKey struct {
	// RotationPolicy is Always (the default: a key for every issuance) or Never (keep the key in the Secret;
	// if it does not fit the spec, issuance stops and says so).
	// +optional
	RotationPolicy RotationPolicy `json:"rotationPolicy,omitempty"`

	// Encoding of tls.key: PKCS1 (the default; for ECDSA this means SEC 1) or PKCS8. Ed25519 keys are
	// always written as PKCS8.
	// +optional
	Encoding KeyEncoding `json:"encoding,omitempty"`

	// Algorithm is RSA (the default), ECDSA or Ed25519.
	// +optional
	Algorithm KeyAlgorithm `json:"algorithm,omitempty"`

	// Size of the key in bits: for RSA 2048 (the default) to 8192, for ECDSA 256 (the default), 384 or 521.
	// It means nothing for Ed25519.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=8192
	// +optional
	Size int `json:"size,omitempty"`
}

// NameConstraints limits the names that a CA certificate may sign for.
//
// +kubebuilder:validation:XValidation:rule="has(self.permitted) || has(self.excluded)",message="nameConstraints limit nothing: set permitted, excluded or both"
type NameConstraints struct {
	// Critical makes clients that do not understand the limits refuse the certificate.
	// +optional
	Critical bool `json:"critical,omitempty"`

	// Permitted lists the only names allowed, for each type of name that it lists at all.
	// +optional
	Permitted *NameConstraintItem `json:"permitted,omitempty"`

	// Excluded lists names that are never allowed. It wins over permitted.
	// +optional
	Excluded *NameConstraintItem `json:"excluded,omitempty"`
}

// NameConstraintItem is a set of names.
type NameConstraintItem struct {
	// DNSDomains are domains, each with everything below it.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	DNSDomains []string `json:"dnsDomains,omitempty"`

	// IPRanges are networks in CIDR form.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:items:MaxLength=64
	// +kubebuilder:validation:items:XValidation:rule="isCIDR(self)",message="write a network in CIDR form, such as 192.0.2.0/24 or 2001:db8::/32"
	// +optional
	IPRanges []string `json:"ipRanges,omitempty"`

	// EmailAddresses are addresses, hosts, or domains with a dot before them.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	EmailAddresses []string `json:"emailAddresses,omitempty"`

	// URIDomains are hosts of URIs, or domains with a dot before them.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	URIDomains []string `json:"uriDomains,omitempty"`
}

// CertificateSecretTemplate has metadata for the Secret.
type CertificateSecretTemplate struct {
	// Annotations to set on the Secret. Keys of certwright.dev are the operator's own and are refused,
	// except certwright.dev/allow-direct-injection.
	// +kubebuilder:validation:MaxProperties=1000
	// +kubebuilder:validation:XValidation:rule="self.all(key, !(key.startsWith('certwright.dev/') || key.startsWith('acme.certwright.dev/')) || key == 'certwright.dev/allow-direct-injection')",message="annotations of certwright.dev on the Secret are the operator's own: remove them, except certwright.dev/allow-direct-injection"
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`

	// Labels to set on the Secret.
	// +kubebuilder:validation:MaxProperties=1000
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
}

// CertificateKeystores asks for keystores in the Secret.
type CertificateKeystores struct {
	// JKS asks for keystore.jks, and truststore.jks where the issuer tells its CA certificate.
	// +optional
	JKS *JKSKeystore `json:"jks,omitempty"`

	// PKCS12 asks for keystore.p12, and truststore.p12 where the issuer tells its CA certificate.
	// +optional
	PKCS12 *PKCS12Keystore `json:"pkcs12,omitempty"`
}

// JKSKeystore asks for a keystore in the format of Java.
//
// +kubebuilder:validation:XValidation:rule="has(self.password) != has(self.passwordSecretRef)",message="a JKS keystore needs one password: set either passwordSecretRef or password"
type JKSKeystore struct {
	// Create says whether to write the keystore.
	Create bool `json:"create"`

	// Alias is the name of the key's entry. The default is "certificate". Entries of CA certificates are
	// named "ca", "ca-1" and so on.
	// +optional
	Alias *string `json:"alias,omitempty"`

	// PasswordSecretRef names the password: the entry of a Secret, by default "password". Excludes password.
	// +optional
	PasswordSecretRef *SecretKeySelector `json:"passwordSecretRef,omitempty"`

	// Password is the password itself, for readers that insist on one where it protects nothing. Excludes
	// passwordSecretRef.
	// +kubebuilder:validation:MinLength=1
	// +optional
	Password *string `json:"password,omitempty"`
}

// PKCS12Profile is the set of algorithms that a PKCS#12 file is protected with.
//
// +kubebuilder:validation:Enum=LegacyRC2;LegacyDES;Modern2023;Modern2026
type PKCS12Profile string

// Profiles of PKCS#12, oldest first.
const (
	LegacyRC2PKCS12Profile  PKCS12Profile = "LegacyRC2"
	LegacyDESPKCS12Profile  PKCS12Profile = "LegacyDES"
	Modern2023PKCS12Profile PKCS12Profile = "Modern2023"
	Modern2026PKCS12Profile PKCS12Profile = "Modern2026"
)

// PKCS12Keystore asks for a keystore in the format PKCS#12 (RFC 7292).
//
// +kubebuilder:validation:XValidation:rule="has(self.password) != has(self.passwordSecretRef)",message="a PKCS#12 keystore needs one password: set either passwordSecretRef or password"
type PKCS12Keystore struct {
	// Create says whether to write the keystore.
	Create bool `json:"create"`

	// Profile is the set of algorithms: LegacyRC2 (the default) and LegacyDES for old readers, Modern2023
	// for PBES2 with AES-256-CBC, Modern2026 with PBMAC1 in addition (OpenSSL 3.4, Java 26).
	// +optional
	Profile PKCS12Profile `json:"profile,omitempty"`

	// PasswordSecretRef names the password: the entry of a Secret, by default "password". Excludes password.
	// +optional
	PasswordSecretRef *SecretKeySelector `json:"passwordSecretRef,omitempty"`

	// Password is the password itself, for readers that insist on one where it protects nothing. Excludes
	// passwordSecretRef.
	// +kubebuilder:validation:MinLength=1
	// +optional
	Password *string `json:"password,omitempty"`
}

// CertificateOutputFormatType names a further entry of the Secret.
//
// +kubebuilder:validation:Enum=DER;CombinedPEM
type CertificateOutputFormatType string

const (
	// OutputFormatDER is the private key in DER, at key.der.
	OutputFormatDER CertificateOutputFormatType = "DER"
	// OutputFormatCombinedPEM is the private key, an empty line and the chain in PEM, at tls-combined.pem.
	OutputFormatCombinedPEM CertificateOutputFormatType = "CombinedPEM"
)

// CertificateAdditionalOutputFormat asks for a further entry in the Secret.
type CertificateAdditionalOutputFormat struct {
	// Type is DER (the private key in DER, at key.der) or CombinedPEM (private key and chain in PEM, at
	// tls-combined.pem).
	Type CertificateOutputFormatType `json:"type"`
}
