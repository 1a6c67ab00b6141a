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
// +kubebuilder:validation:XValidation:rule="!has(self.fallbackIssuerRefs) || self.fallbackIssuerRefs.all(f, f.name != self.issuerRef.name || (has(f.kind) && size(f.kind) > 0 ? f.kind : 'Issuer') != (has(self.issuerRef.kind) && size(self.issuerRef.kind) > 0 ? self.issuerRef.kind : 'Issuer') || (has(f.group) && size(f.group) > 0 ? f.group : 'certwright.dev') != (has(self.issuerRef.group) && size(self.issuerRef.group) > 0 ? self.issuerRef.group : 'certwright.dev'))",message="fallbackIssuerRefs names the issuer of issuerRef, which is asked first anyway: remove it there, or name another one"
type CertificateSpec struct {
	// IssuerRef names the issuer that signs. Changing it issues the certificate anew, unless the issuer that
	// signed is one of fallbackIssuerRefs now.
	IssuerRef IssuerRef `json:"issuerRef"`

	// FallbackIssuerRefs name the issuers to ask, in this order, while the ones before them cannot sign: their
	// CA refuses, limits us for long, or cannot be reached. A certificate from one of them is kept until it is
	// due for renewal; then issuerRef is asked first again. Removing the issuer that signed issues the
	// certificate anew.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.exists_one(b, a.name == b.name && (has(a.kind) && size(a.kind) > 0 ? a.kind : 'Issuer') == (has(b.kind) && size(b.kind) > 0 ? b.kind : 'Issuer') && (has(a.group) && size(a.group) > 0 ? a.group : 'certwright.dev') == (has(b.group) && size(b.group) > 0 ? b.group : 'certwright.dev')))",message="fallbackIssuerRefs names an issuer twice: write each issuer once"
	// +optional
	FallbackIssuerRefs []IssuerRef `json:"fallbackIssuerRefs,omitempty"`

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

	// RevokeOnDelete has the certificates that have not expired revoked when the Certificate is deleted. The
	// deletion waits for that for 5 minutes at most. The default is false.
	// +optional
	RevokeOnDelete bool `json:"revokeOnDelete,omitempty"`
}
