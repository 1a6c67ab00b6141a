package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// CertificateRevocation asks, once, the CAs of certificates to revoke them. Only certificates that the
// operator got issued for a Certificate of the same namespace are revoked. A person writes its spec, which
// never changes; the revocation reconciler alone writes its status.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,shortName=crev,categories=certwright
// +kubebuilder:selectablefield:JSONPath=`.spec.certificateRef.name`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Certificate",type=string,JSONPath=`.status.certificateName`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.spec.reason`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type CertificateRevocation struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what to revoke, and why.
	Spec CertificateRevocationSpec `json:"spec"`

	// Status is what became of it.
	// +optional
	Status CertificateRevocationStatus `json:"status,omitempty"`
}

// CertificateRevocationList is a list of CertificateRevocations.
//
// +kubebuilder:object:root=true
type CertificateRevocationList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`

	// Items are the CertificateRevocations.
	Items []CertificateRevocation `json:"items"`
}

// CertificateRevocationSpec is what to revoke, and why.
//
// +kubebuilder:validation:XValidation:rule="has(self.certificateRef) != has(self.serial)",message="say in one way what to revoke: set certificateRef for a Certificate's current certificate, or serial for a certificate by its number"
// +kubebuilder:validation:XValidation:rule="!has(self.serial) || !has(self.scope) || self.scope == 'Current'",message="a serial is one certificate: leave scope out, or name the Certificate in certificateRef to revoke all of its certificates"
// +kubebuilder:validation:XValidation:rule="(has(self.certificateRef) ? self.certificateRef.name : \"\") == (has(oldSelf.certificateRef) ? oldSelf.certificateRef.name : \"\") && (has(self.serial) ? self.serial : \"\") == (has(oldSelf.serial) ? oldSelf.serial : \"\") && (has(self.reason) ? self.reason : \"\") == (has(oldSelf.reason) ? oldSelf.reason : \"\") && (has(self.scope) ? self.scope : \"\") == (has(oldSelf.scope) ? oldSelf.scope : \"\") && (has(self.renewFirst) ? self.renewFirst : true) == (has(oldSelf.renewFirst) ? oldSelf.renewFirst : true)",message="the spec of a CertificateRevocation never changes: create another CertificateRevocation"
type CertificateRevocationSpec struct {
	// CertificateRef names the Certificate, in the same namespace, whose certificates are to be revoked.
	// Excludes serial.
	// +optional
	CertificateRef *CertificateReference `json:"certificateRef,omitempty"`

	// Serial is the serial number of the certificate to revoke: at most 20 octets in hex, with or without
	// colons between them, such as 04AB12 or 04:ab:12. Excludes certificateRef.
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches('^(0[xX])?(00)?[0-9A-Fa-f]{1,40}$') || self.matches('^(00:)?[0-9A-Fa-f]{1,2}(:[0-9A-Fa-f]{2}){0,19}$')",message="write the serial number in hex, at most 20 octets, such as 04AB12 or 04:ab:12"
	// +optional
	Serial string `json:"serial,omitempty"`

	// Reason is why, as RFC 5280 section 5.3.1 names it. A CA may accept only some of them.
	// +kubebuilder:default=unspecified
	// +optional
	Reason RevocationReason `json:"reason,omitempty"`

	// Scope says which certificates of the Certificate: Current, the one in its Secret, or AllValid, those
	// before it that have not expired as well.
	// +kubebuilder:default=Current
	// +optional
	Scope RevocationScope `json:"scope,omitempty"`

	// RenewFirst has a certificate that is in use replaced before it is revoked. With the reason
	// keyCompromise, the new one has a new key whatever the Certificate says. With false, it is revoked at
	// once and replaced after that. The default is true.
	// +kubebuilder:default=true
	// +optional
	RenewFirst *bool `json:"renewFirst,omitempty"`
}

// CertificateReference names a Certificate in the same namespace.
type CertificateReference struct {
	// Name of the Certificate.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// RevocationReason is why a certificate is revoked (RFC 5280 section 5.3.1).
//
// +kubebuilder:validation:Enum=unspecified;keyCompromise;affiliationChanged;superseded;cessationOfOperation;privilegeWithdrawn
type RevocationReason string

// Reasons for a revocation. Those of RFC 5280 that are left out are for CAs and for delta lists, or can be
// taken back.
const (
	RevocationUnspecified          RevocationReason = "unspecified"
	RevocationKeyCompromise        RevocationReason = "keyCompromise"
	RevocationAffiliationChanged   RevocationReason = "affiliationChanged"
	RevocationSuperseded           RevocationReason = "superseded"
	RevocationCessationOfOperation RevocationReason = "cessationOfOperation"
	RevocationPrivilegeWithdrawn   RevocationReason = "privilegeWithdrawn"
)

// RevocationScope says which certificates of a Certificate are revoked.
//
// +kubebuilder:validation:Enum=Current;AllValid
type RevocationScope string

// Scopes of a revocation.
const (
	RevocationScopeCurrent  RevocationScope = "Current"
	RevocationScopeAllValid RevocationScope = "AllValid"
)

// CertificateRevocationStatus is what became of a revocation.
type CertificateRevocationStatus struct {
	// Conditions are Ready: True once every certificate is revoked, False with what it waits for or failed
	// of.
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=64
	// +optional
	Conditions []Condition `json:"conditions,omitempty"`

	// CertificateName is the Certificate that the certificates were issued for.
	// +optional
	CertificateName string `json:"certificateName,omitempty"`

	// Certificates are those that are revoked, chosen when the CertificateRevocation was first looked at.
	// +listType=map
	// +listMapKey=fingerprint
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	Certificates []RevokedCertificate `json:"certificates,omitempty"`
}

// RevokedCertificate is one certificate of a revocation.
type RevokedCertificate struct {
	// Fingerprint is the SHA-256 hash of the certificate in DER, in hex.
	// +kubebuilder:validation:MaxLength=64
	Fingerprint string `json:"fingerprint"`

	// Serial is the serial number in hex.
	// +kubebuilder:validation:MaxLength=64
	Serial string `json:"serial"`

	// PublicKeyHash is the SHA-256 hash of the certificate's public key, in hex. With the reason keyCompromise, no
	// certificate of this namespace keeps the key.
	// +kubebuilder:validation:MaxLength=64
	// +optional
	PublicKeyHash string `json:"publicKeyHash,omitempty"`

	// IssuerRef names the issuer that it came from.
	IssuerRef IssuerRef `json:"issuerRef"`

	// NotAfter is when the certificate expires.
	// +optional
	NotAfter *metav1.Time `json:"notAfter,omitempty"`

	// State is how far it is.
	State RevocationState `json:"state"`

	// RevokedAt is when the CA took the revocation.
	// +optional
	RevokedAt *metav1.Time `json:"revokedAt,omitempty"`

	// Message says what it waits for, or why it failed.
	// +kubebuilder:validation:MaxLength=4096
	// +optional
	Message string `json:"message,omitempty"`

	// Error is what the CA refused the revocation with, where it said something.
	// +optional
	Error *Problem `json:"error,omitempty"`
}

// RevocationState is how far the revocation of one certificate is.
//
// +kubebuilder:validation:Enum=Pending;Revoked;AlreadyRevoked;Expired;Failed
type RevocationState string

// States of the revocation of one certificate. All but Pending are final.
const (
	// RevocationPending means that the CA has not taken it yet.
	RevocationPending RevocationState = "Pending"
	// RevocationRevoked means that the CA has taken it.
	RevocationRevoked RevocationState = "Revoked"
	// RevocationAlreadyRevoked means that the CA had revoked the certificate before, for whatever reason.
	RevocationAlreadyRevoked RevocationState = "AlreadyRevoked"
	// RevocationExpired means that the certificate expired before it could be revoked.
	RevocationExpired RevocationState = "Expired"
	// RevocationFailed means that it cannot be revoked.
	RevocationFailed RevocationState = "Failed"
)

// IsRevoked says whether a certificate is revoked.
func (s RevocationState) IsRevoked() bool {
	return s == RevocationRevoked || s == RevocationAlreadyRevoked
}
