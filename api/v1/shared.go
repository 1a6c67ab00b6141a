package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certwright/certwright/api"
)

// Condition is one observation about an object, the same shape for every kind.
type Condition struct {
	// Type names the condition. An object has at most one of each type.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=316
	Type string `json:"type"`

	// Status is True, False or Unknown. Unknown means that what it depends on could not be read.
	// +kubebuilder:validation:Enum=True;False;Unknown
	Status metav1.ConditionStatus `json:"status"`

	// LastTransitionTime is when status last changed.
	// +optional
	LastTransitionTime *metav1.Time `json:"lastTransitionTime,omitempty"`

	// Reason is one word for programs that says why the status is what it is.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Reason string `json:"reason,omitempty"`

	// Message says the same to people, with what to do where something is to be done.
	// +kubebuilder:validation:MaxLength=32768
	// +optional
	Message string `json:"message,omitempty"`

	// ObservedGeneration is the metadata.generation that this observation was made of. A smaller value
	// than the current one means that the latest edit has not been looked at yet.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
}

// IssuerRef names the issuer that signs.
//
// +kubebuilder:validation:XValidation:rule="!has(self.kind) || size(self.kind) == 0 || self.kind in ['Issuer', 'ClusterIssuer'] || (has(self.group) && size(self.group) > 0 && self.group != 'certwright.dev')",message="certwright.dev has the kinds Issuer and ClusterIssuer: write one of them as kind, or the other kind's API group as group"
type IssuerRef struct {
	// Name of the issuer.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// Kind of the issuer: Issuer (the default, in the same namespace), ClusterIssuer, or a kind of another
	// group.
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Kind string `json:"kind,omitempty"`

	// Group is the API group of the issuer's kind. The default is certwright.dev; issuers that other
	// programs implement are in groups of their own.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	Group string `json:"group,omitempty"`
}

// WithDefaults fills in the kind and the group that an empty field stands for. References must be compared
// and looked up in this form only.
func (r IssuerRef) WithDefaults(names api.Names) IssuerRef {
	if r.Kind == "" {
		r.Kind = IssuerKind
	}
	if r.Group == "" {
		r.Group = names.Group
	}
	return r
}

// SameAs says whether both references mean the same issuer once defaults are filled in.
func (r IssuerRef) SameAs(other IssuerRef, names api.Names) bool {
	return r.WithDefaults(names) == other.WithDefaults(names)
}

// IsExternal says whether the issuer is of a group that this operator does not serve.
func (r IssuerRef) IsExternal(names api.Names) bool {
	return r.WithDefaults(names).Group != names.Group
}

// IsCluster says whether the reference means a ClusterIssuer of ours.
func (r IssuerRef) IsCluster(names api.Names) bool {
	return r.Kind == ClusterIssuerKind && !r.IsExternal(names)
}

// SecretKeySelector names one entry of a Secret. The Secret is looked up in the namespace of the object
// that names it; for a ClusterIssuer, in the operator's cluster resource namespace.
type SecretKeySelector struct {
	// Name of the Secret.
	// +kubebuilder:validation:MinLength=1
	Name string `json:"name"`

	// Key of the entry in the Secret's data. Where it may be left out, the field that holds this reference
	// says which key is meant.
	// +optional
	Key string `json:"key,omitempty"`
}

// ServiceAccountRef names a ServiceAccount whose token the operator asks the API server for.
type ServiceAccountRef struct {
	// Name of the ServiceAccount, in the namespace that Secrets of this issuer are looked up in.
	// +kubebuilder:validation:MinLength=1
	Name string `json:"name"`

	// Audiences to ask for in addition to the ones that the operator always asks for; with Route 53, in the place of its
	// default.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	Audiences []string `json:"audiences,omitempty"`
}

// Problem is what went wrong, in the words of whoever said so: a problem document of a CA (RFC 7807), or a
// fault that the operator saw itself.
type Problem struct {
	// Type is the class of the problem: the URN that a CA gave, or a word of the operator's own.
	Type string `json:"type"`

	// Detail says what happened, for people.
	// +optional
	Detail string `json:"detail,omitempty"`

	// URL is where the problem arose or is explained.
	// +optional
	URL string `json:"url,omitempty"`
}
