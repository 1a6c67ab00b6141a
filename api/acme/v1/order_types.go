package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	certv1 "github.com/certwright/certwright/api/v1"
)

// Order asks an ACME CA for one certificate (RFC 8555 section 7.4). Its spec never changes: another try is
// another Order. The CertificateRequest's reconciler writes its spec and owns it; the order reconciler alone
// writes its status. Users need no right to create or edit Orders.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,categories={certwright,certwright-acme}
// +kubebuilder:selectablefield:JSONPath=`.spec.issuerRef.group`
// +kubebuilder:selectablefield:JSONPath=`.spec.issuerRef.kind`
// +kubebuilder:selectablefield:JSONPath=`.spec.issuerRef.name`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Issuer",type=string,JSONPath=`.spec.issuerRef.name`,priority=1
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.reason`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.status) || has(self.status)",message="the status of an Order is kept: leave out of the change what is to stay"
type Order struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what is ordered.
	Spec OrderSpec `json:"spec"`

	// Status is how far the order is.
	// +optional
	Status OrderStatus `json:"status,omitempty"`
}

// OrderList is a list of Orders.
//
// +kubebuilder:object:root=true
type OrderList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`

	// Items are the Orders.
	Items []Order `json:"items"`
}

// OrderSpec is what is ordered.
//
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="the spec of an Order never changes: create another Order"
type OrderSpec struct {
	// IssuerRef names the issuer, which must be one of type acme.
	IssuerRef certv1.IssuerRef `json:"issuerRef"`

	// Request is the certificate signing request (RFC 2986) in PEM that the order is finalized with.
	// +kubebuilder:validation:MinLength=1
	Request []byte `json:"request"`

	// CommonName is the common name of the request. It is one of dnsNames or ipAddresses.
	// +optional
	CommonName string `json:"commonName,omitempty"`

	// DNSNames are the identifiers of type dns.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	DNSNames []string `json:"dnsNames,omitempty"`

	// IPAddresses are the identifiers of type ip (RFC 8738).
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	IPAddresses []string `json:"ipAddresses,omitempty"`

	// Duration is the lifetime to ask for. It is set only if the issuer's enableDurationFeature is.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(h|m|s|ms))+$') && duration(self) > duration('0s')",message="duration must be more than 0s: write hours, minutes and seconds, such as 2160h"
	// +optional
	Duration *metav1.Duration `json:"duration,omitempty"`

	// Profile is the CA's profile to order.
	// +optional
	Profile string `json:"profile,omitempty"`

	// Replaces identifies the certificate that this one is to replace (RFC 9773 section 5).
	// +optional
	Replaces string `json:"replaces,omitempty"`
}

// State is the state of an order, an authorization or a challenge.
//
// +kubebuilder:validation:Enum=valid;ready;pending;processing;invalid;expired;errored
type State string

const (
	// Pending means that control of names is still to be proved.
	Pending State = "pending"
	// Ready means that the order can be finalized.
	Ready State = "ready"
	// Processing means that the CA is at work.
	Processing State = "processing"
	// Valid means success. It is final.
	Valid State = "valid"
	// Invalid means that the CA gave up on it. It is final.
	Invalid State = "invalid"
	// Expired means that its time at the CA ran out. It is final.
	Expired State = "expired"
	// Errored means that the CA refused a call about it. It is final.
	Errored State = "errored"
)

// IsFinal says whether the state will not change any more.
func (s State) IsFinal() bool {
	return s == Valid || s.IsFailure()
}

// IsFailure says whether the state is final without success.
func (s State) IsFailure() bool {
	return s == Invalid || s == Expired || s == Errored
}

// ChallengeType is the way in which control of a name is proved, in the spelling of RFC 8555.
type ChallengeType string

// Types of challenges that solvers exist for. A CA may offer others.
const (
	HTTP01       ChallengeType = "http-01"
	TLSALPN01    ChallengeType = "tls-alpn-01"
	DNS01        ChallengeType = "dns-01"
	DNSAccount01 ChallengeType = "dns-account-01"
	DNSPersist01 ChallengeType = "dns-persist-01"
)

// IsWritten says whether the operator answers a challenge by a record that it writes to DNS, and takes away again.
func (t ChallengeType) IsWritten() bool { return t == DNS01 || t == DNSAccount01 }

// OrderStatus is how far the order is.
//
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.url) || (has(self.url) && self.url == oldSelf.url)",message="url is the CA's answer and never changes once set: leave it as it is, or create another Order"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.accountURL) || (has(self.accountURL) && self.accountURL == oldSelf.accountURL)",message="accountURL is the CA's answer and never changes once set: leave it as it is, or create another Order"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.finalizeURL) || (has(self.finalizeURL) && self.finalizeURL == oldSelf.finalizeURL)",message="finalizeURL is the CA's answer and never changes once set: leave it as it is, or create another Order"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.certificate) || (has(self.certificate) && self.certificate == oldSelf.certificate)",message="certificate is the CA's answer and never changes once set: leave it as it is, or create another Order"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.authorizations) || (has(self.authorizations) && self.authorizations.map(a, a.url) == oldSelf.authorizations.map(a, a.url))",message="the list of authorizations never changes once set: keep every entry and their order"
type OrderStatus struct {
	// State is the order's state. It is empty until the CA has taken the order.
	// +optional
	State State `json:"state,omitempty"`

	// Reason says, for people, why the order is in this state or what it waits for.
	// +optional
	Reason string `json:"reason,omitempty"`

	// Error is what the order failed with or, as long as it has not, the limit or outage that holds it up.
	// +optional
	Error *certv1.Problem `json:"error,omitempty"`

	// URL of the order at the CA.
	// +optional
	URL string `json:"url,omitempty"`

	// AccountURL is the account that ordered. The order can be worked on with the key of that account only.
	// +optional
	AccountURL string `json:"accountURL,omitempty"`

	// FinalizeURL is where the order is finalized.
	// +optional
	FinalizeURL string `json:"finalizeURL,omitempty"`

	// Expires is when the CA forgets the order.
	// +optional
	Expires *metav1.Time `json:"expires,omitempty"`

	// NextAttemptTime is the earliest time of the next call to the CA, where the CA asked to wait.
	// +optional
	NextAttemptTime *metav1.Time `json:"nextAttemptTime,omitempty"`

	// Authorizations are the names to prove control of, and the progress of each.
	// +listType=map
	// +listMapKey=url
	// +kubebuilder:validation:MaxItems=2000
	// +optional
	Authorizations []Authorization `json:"authorizations,omitempty"`

	// Certificate is the signed certificate with its chain in PEM, leaf first.
	// +optional
	Certificate []byte `json:"certificate,omitempty"`

	// FailureTime is when the order failed for good.
	// +optional
	FailureTime *metav1.Time `json:"failureTime,omitempty"`
}

// Authorization is one name to prove control of (RFC 8555 section 7.1.4).
//
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.identifier) || (has(self.identifier) && self.identifier == oldSelf.identifier)",message="identifier is the CA's answer and never changes once set: leave it as it is"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.wildcard) || (has(self.wildcard) && self.wildcard == oldSelf.wildcard)",message="wildcard is the CA's answer and never changes once set: leave it as it is"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.initialState) || (has(self.initialState) && self.initialState == oldSelf.initialState)",message="initialState is the CA's answer and never changes once set: leave it as it is"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.challenges) || (has(self.challenges) && self.challenges == oldSelf.challenges)",message="challenges is the CA's answer and never changes once set: leave it as it is"
type Authorization struct {
	// URL of the authorization at the CA.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	URL string `json:"url"`

	// Identifier is the DNS name, without "*.", or the IP address.
	// +kubebuilder:validation:MaxLength=255
	// +optional
	Identifier string `json:"identifier,omitempty"`

	// Wildcard says that the certificate is for every name one label below the identifier.
	// +optional
	Wildcard *bool `json:"wildcard,omitempty"`

	// InitialState is the state that the CA gave it at first. If that is valid, nothing is to be proved.
	// +optional
	InitialState State `json:"initialState,omitempty"`

	// State is the state last seen.
	// +optional
	State State `json:"state,omitempty"`

	// Expires is when the CA forgets the authorization.
	// +optional
	Expires *metav1.Time `json:"expires,omitempty"`

	// Challenges are the proofs that the CA offers to take.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +optional
	Challenges []OfferedChallenge `json:"challenges,omitempty"`

	// Challenge is the proof chosen, and its progress.
	// +optional
	Challenge *ChallengeProgress `json:"challenge,omitempty"`
}

// OfferedChallenge is a proof that the CA offers to take (RFC 8555 section 8).
type OfferedChallenge struct {
	// Type of the challenge, such as http-01. It may be one that no solver exists for.
	Type ChallengeType `json:"type"`

	// URL of the challenge at the CA.
	URL string `json:"url"`

	// Token that the answer is made from. Types unknown to the operator may have none.
	Token string `json:"token"`
}

// ChallengeProgress is the proof chosen for a name, and its progress.
type ChallengeProgress struct {
	// Type of the challenge: http-01, tls-alpn-01, dns-01, dns-account-01 or dns-persist-01.
	Type ChallengeType `json:"type"`

	// URL of the challenge at the CA.
	URL string `json:"url"`

	// Token that the answer is made from, and that an HTTP-01 answer is found at.
	Token string `json:"token"`

	// KeyAuthorization is the answer (RFC 8555 section 8.1), which dns-persist-01 has none of. Over HTTP it is public as soon as it is given.
	// It is written before anything is presented, so that whatever answers needs no account key.
	// +optional
	KeyAuthorization string `json:"keyAuthorization,omitempty"`

	// RecordName is the name of the TXT record of a challenge over DNS, with the CNAME records followed that
	// led there when it was presented: clean-up goes to the same place.
	// +optional
	RecordName string `json:"recordName,omitempty"`

	// RecordValue is the value of the TXT record that somebody has to publish for a dns-persist-01 challenge.
	// +optional
	RecordValue string `json:"recordValue,omitempty"`

	// Solver is a copy of the issuer's solver that was chosen, so that clean-up undoes what was presented
	// even if the issuer has been edited since.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:Type=object
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Solver *certv1.ACMESolver `json:"solver,omitempty"`

	// AnsweredBy says what answers an HTTP-01 or TLS-ALPN-01 challenge behind its route: Shared (the operator) or, for
	// HTTP-01, Pod (one of the order's own). It is empty where the operator makes no route.
	// +optional
	AnsweredBy certv1.SolverMode `json:"answeredBy,omitempty"`

	// State is the challenge's state last seen at the CA.
	// +optional
	State State `json:"state,omitempty"`

	// Presented says that an answer may be out there, which clean-up has to take away.
	// +optional
	Presented bool `json:"presented,omitempty"`

	// PresentedAt is when the answer was presented.
	// +optional
	PresentedAt *metav1.Time `json:"presentedAt,omitempty"`

	// Reason says, for people, what the challenge waits for or failed with.
	// +optional
	Reason string `json:"reason,omitempty"`

	// Error is what the CA, or the solver, refused the challenge with.
	// +optional
	Error *certv1.Problem `json:"error,omitempty"`
}
