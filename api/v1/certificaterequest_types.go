package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// CertificateRequest asks an issuer, once, to sign a certificate signing request. Its spec never changes:
// another try is another CertificateRequest. The certificate reconciler or a person writes its spec; the
// reconciler of the issuer's kind writes its status, except for the conditions Approved and Denied, which an
// approver sets once.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,shortName={cr,crs},categories=certwright
// +kubebuilder:selectablefield:JSONPath=`.spec.issuerRef.group`
// +kubebuilder:selectablefield:JSONPath=`.spec.issuerRef.kind`
// +kubebuilder:selectablefield:JSONPath=`.spec.issuerRef.name`
// +kubebuilder:printcolumn:name="Approved",type=string,JSONPath=`.status.conditions[?(@.type=="Approved")].status`
// +kubebuilder:printcolumn:name="Denied",type=string,JSONPath=`.status.conditions[?(@.type=="Denied")].status`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Issuer",type=string,JSONPath=`.spec.issuerRef.name`
// +kubebuilder:printcolumn:name="Requester",type=string,JSONPath=`.spec.username`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.status) || has(self.status)",message="the status of a CertificateRequest is kept: leave out of the change what is to stay"
type CertificateRequest struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what is asked for, and who asked.
	Spec CertificateRequestSpec `json:"spec"`

	// Status is the answer.
	// +optional
	Status CertificateRequestStatus `json:"status,omitempty"`
}

// CertificateRequestList is a list of CertificateRequests.
//
// +kubebuilder:object:root=true
type CertificateRequestList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`

	// Items are the CertificateRequests.
	Items []CertificateRequest `json:"items"`
}

// CertificateRequestSpec is what is asked for, and who asked.
//
// +kubebuilder:validation:XValidation:rule="self.request == oldSelf.request && self.issuerRef.name == oldSelf.issuerRef.name && (has(self.issuerRef.kind) ? self.issuerRef.kind : \"\") == (has(oldSelf.issuerRef.kind) ? oldSelf.issuerRef.kind : \"\") && (has(self.issuerRef.group) ? self.issuerRef.group : \"\") == (has(oldSelf.issuerRef.group) ? oldSelf.issuerRef.group : \"\") && (has(self.isCA) ? self.isCA : false) == (has(oldSelf.isCA) ? oldSelf.isCA : false) && (has(self.usages) ? self.usages : []) == (has(oldSelf.usages) ? oldSelf.usages : []) && has(self.duration) == has(oldSelf.duration) && (!has(self.duration) || duration(self.duration) == duration(oldSelf.duration))",message="the spec of a CertificateRequest never changes: create another CertificateRequest"
// +kubebuilder:validation:XValidation:rule="(has(self.username) ? self.username : \"\") == (has(oldSelf.username) ? oldSelf.username : \"\") && (has(self.uid) ? self.uid : \"\") == (has(oldSelf.uid) ? oldSelf.uid : \"\") && (has(self.groups) ? self.groups : []) == (has(oldSelf.groups) ? oldSelf.groups : []) && (has(self.extra) ? self.extra : {}) == (has(oldSelf.extra) ? oldSelf.extra : {})",message="username, uid, groups and extra say who created the CertificateRequest and never change: leave them as they are"
type CertificateRequestSpec struct {
	// IssuerRef names the issuer that is to sign.
	IssuerRef IssuerRef `json:"issuerRef"`

	// Request is the certificate signing request (RFC 2986) in PEM.
	// +kubebuilder:validation:MinLength=1
	Request []byte `json:"request"`

	// Duration is the lifetime asked for. The default is the issuer's.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(h|m|s|ms))+$') && duration(self) > duration('0s')",message="duration must be more than 0s: write hours, minutes and seconds, such as 2160h"
	// +optional
	Duration *metav1.Duration `json:"duration,omitempty"`

	// IsCA asks for a certificate that may sign others. It must agree with the basic constraints of the
	// signing request, if that has them.
	// +optional
	IsCA bool `json:"isCA,omitempty"`

	// Usages are the purposes of the key. They must agree with the usages of the signing request, if that
	// has them. The default is digital signature and key encipherment.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	Usages []KeyUsage `json:"usages,omitempty"`

	// Username is who made this request. The API server fills it in; nobody can make it say another.
	// +optional
	Username string `json:"username,omitempty"`

	// UID is the requester's UID, filled in like username.
	// +optional
	UID string `json:"uid,omitempty"`

	// Groups are the requester's groups, filled in like username.
	// +listType=atomic
	// +optional
	Groups []string `json:"groups,omitempty"`

	// Extra has what else the authenticator knows about the requester, filled in like username.
	// +optional
	Extra map[string][]string `json:"extra,omitempty"`
}

// CertificateRequestStatus is the answer to a request.
//
// +kubebuilder:validation:XValidation:rule="!has(self.conditions) || !(self.conditions.exists(c, c.type == 'Approved') && self.conditions.exists(c, c.type == 'Denied'))",message="a CertificateRequest is either approved or denied: set only one of the conditions Approved and Denied"
// +kubebuilder:validation:XValidation:rule="!has(self.conditions) || self.conditions.all(c, !(c.type in ['Approved', 'Denied', 'InvalidRequest']) || c.status == 'True')",message="the conditions Approved, Denied and InvalidRequest are True or absent: write True or leave the condition out"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.conditions) || oldSelf.conditions.all(o, !(o.type in ['Approved', 'Denied']) || (has(self.conditions) && self.conditions.exists(c, c.type == o.type)))",message="the conditions Approved and Denied stay once set: leave the condition where it is, or create another CertificateRequest"
type CertificateRequestStatus struct {
	// Conditions are Ready, and Approved, Denied and InvalidRequest, which only ever are True. Approved and
	// Denied exclude each other and stay once set.
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:XValidation:rule="!(self.type in ['Approved', 'Denied']) || (self.status == oldSelf.status && (has(self.reason) ? self.reason : \"\") == (has(oldSelf.reason) ? oldSelf.reason : \"\") && (has(self.message) ? self.message : \"\") == (has(oldSelf.message) ? oldSelf.message : \"\"))",message="the conditions Approved and Denied never change once set: leave the condition as it is, or create another CertificateRequest"
	// +optional
	Conditions []Condition `json:"conditions,omitempty"`

	// Certificate is the signed certificate with its chain in PEM, leaf first.
	// +optional
	Certificate []byte `json:"certificate,omitempty"`

	// CA is the certificate in PEM of the authority nearest to the root, if the issuer knows it.
	// +optional
	CA []byte `json:"ca,omitempty"`

	// Error is what the CA refused the request with, or has it wait for, where it said something, or that the
	// fault was on this side of it.
	// +optional
	Error *Problem `json:"error,omitempty"`

	// Waiting is what holds the request up at the CA: a limit, an outage, or something that a person has to do
	// there. It is absent while the request goes on. Issuers that other programs implement need not set it.
	// +optional
	Waiting *CertificateRequestWaiting `json:"waiting,omitempty"`

	// FailureTime is when the request failed for good.
	// +optional
	FailureTime *metav1.Time `json:"failureTime,omitempty"`
}

// CertificateRequestWaiting is what holds a request up.
type CertificateRequestWaiting struct {
	// Reason is one word for programs, such as RateLimited or CAUnavailable.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Reason string `json:"reason"`

	// Since is when it was first seen.
	Since metav1.Time `json:"since"`

	// Until is when it ends, where that is known.
	// +optional
	Until *metav1.Time `json:"until,omitempty"`

	// URL is a page that explains it, or where a person can end it.
	// +optional
	URL string `json:"url,omitempty"`
}
