package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// GenericIssuer is an Issuer or a ClusterIssuer, for code to which the difference means nothing.
//
// +kubebuilder:object:generate=false
type GenericIssuer interface {
	runtime.Object
	metav1.Object

	// GetSpec gives the issuer's own spec, not a copy.
	GetSpec() *IssuerSpec
	// GetStatus gives the issuer's own status, not a copy.
	GetStatus() *IssuerStatus
}

var (
	_ GenericIssuer = (*Issuer)(nil)
	_ GenericIssuer = (*ClusterIssuer)(nil)
)

// Issuer is a way to have certificates signed, for requests in its own namespace. Secrets that it names are
// in that namespace too. People write its spec; the issuer reconciler alone writes its status.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,shortName=iss,categories=certwright
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Issuer struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec says who signs and how to reach them.
	Spec IssuerSpec `json:"spec"`

	// Status says whether the issuer can be used.
	// +optional
	Status IssuerStatus `json:"status,omitempty"`
}

// GetSpec gives the issuer's spec.
func (i *Issuer) GetSpec() *IssuerSpec { return &i.Spec }

// GetStatus gives the issuer's status.
func (i *Issuer) GetStatus() *IssuerStatus { return &i.Status }

// IssuerList is a list of Issuers.
//
// +kubebuilder:object:root=true
type IssuerList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`

	// Items are the Issuers.
	Items []Issuer `json:"items"`
}

// ClusterIssuer is a way to have certificates signed, for requests in every namespace. Secrets that it
// names are in the operator's cluster resource namespace. People write its spec; the issuer reconciler alone
// writes its status.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=ciss,categories=certwright
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type ClusterIssuer struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec says who signs and how to reach them.
	Spec IssuerSpec `json:"spec"`

	// Status says whether the issuer can be used.
	// +optional
	Status IssuerStatus `json:"status,omitempty"`
}

// GetSpec gives the issuer's spec.
func (i *ClusterIssuer) GetSpec() *IssuerSpec { return &i.Spec }

// GetStatus gives the issuer's status.
func (i *ClusterIssuer) GetStatus() *IssuerStatus { return &i.Status }

// ClusterIssuerList is a list of ClusterIssuers.
//
// +kubebuilder:object:root=true
type ClusterIssuerList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`

	// Items are the ClusterIssuers.
	Items []ClusterIssuer `json:"items"`
}

// IssuerSpec says who signs and how to reach them. Exactly one of its fields is set.
//
// +kubebuilder:validation:XValidation:rule="[has(self.acme), has(self.ca), has(self.vault), has(self.selfSigned), has(self.venafi)].filter(set, set).size() == 1",message="an issuer is of exactly one type: set one of acme, ca, vault, selfSigned and venafi, and remove the others"
type IssuerSpec struct {
	// ACME has certificates signed by a CA that proves control of names over ACME (RFC 8555), such as Let's
	// Encrypt.
	// +optional
	ACME *ACMEIssuer `json:"acme,omitempty"`

	// CA signs with a key pair in a Secret.
	// +optional
	CA *CAIssuer `json:"ca,omitempty"`

	// Vault has certificates signed by a PKI secrets engine of HashiCorp Vault or OpenBao.
	// +optional
	Vault *VaultIssuer `json:"vault,omitempty"`

	// SelfSigned signs each certificate with its own private key.
	// +optional
	SelfSigned *SelfSignedIssuer `json:"selfSigned,omitempty"`

	// Venafi is kept as it is given, so that nothing is lost, but not served: such an issuer is reported as
	// not ready with reason NotSupported.
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Venafi *runtime.RawExtension `json:"venafi,omitempty"`
}

// CAIssuer signs with a key pair in a Secret.
type CAIssuer struct {
	// SecretName is the Secret with the CA's chain at tls.crt (the signing certificate first), its key at
	// tls.key and, if the root is not in the chain, the root at ca.crt.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	SecretName string `json:"secretName"`

	// CRLDistributionPoints are URLs of revocation lists to put into certificates (RFC 5280 section
	// 4.2.1.13).
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	CRLDistributionPoints []string `json:"crlDistributionPoints,omitempty"`

	// PublishCRL has the operator keep a revocation list from the start, and put the URL under which it serves
	// it into certificates, in front of crlDistributionPoints. Without it, a list comes into being with the
	// first revocation, and certificates do not tell where it is. The CA certificate must have the usage "crl
	// sign". Certificates that were signed before keep what they say.
	// +optional
	PublishCRL bool `json:"publishCRL,omitempty"`

	// OCSPServers are URLs of OCSP responders to put into certificates (RFC 5280 section 4.2.2.1).
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	OCSPServers []string `json:"ocspServers,omitempty"`

	// IssuingCertificateURLs are URLs of the CA certificate to put into certificates (RFC 5280 section
	// 4.2.2.1).
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	IssuingCertificateURLs []string `json:"issuingCertificateURLs,omitempty"`
}

// SelfSignedIssuer signs each certificate with its own private key.
type SelfSignedIssuer struct {
	// CRLDistributionPoints are URLs of revocation lists to put into certificates (RFC 5280 section
	// 4.2.1.13).
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	CRLDistributionPoints []string `json:"crlDistributionPoints,omitempty"`
}

// IssuerStatus says whether the issuer can be used.
type IssuerStatus struct {
	// Conditions has Ready: whether requests can be signed.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []Condition `json:"conditions,omitempty"`

	// ACME is what is known of the account at the CA.
	// +optional
	ACME *ACMEIssuerStatus `json:"acme,omitempty"`

	// CA is what a ca issuer keeps. It is absent as long as there is nothing.
	// +optional
	CA *CAIssuerStatus `json:"ca,omitempty"`
}

// CAIssuerStatus is what a ca issuer keeps.
type CAIssuerStatus struct {
	// CRLs are the revocation lists: one for each key of the CA that has any, those of former keys too, until
	// their CA certificate expires.
	// +listType=map
	// +listMapKey=keyID
	// +kubebuilder:validation:MaxItems=64
	// +optional
	CRLs []CAIssuerCRL `json:"crls,omitempty"`
}

// CAIssuerCRL is a revocation list as it was last signed.
type CAIssuerCRL struct {
	// KeyID is the subject key identifier of the CA certificate, in hex: the authority key identifier of the
	// certificates that the list is for.
	// +kubebuilder:validation:MaxLength=128
	KeyID string `json:"keyID"`

	// Number of the list, in decimal. It only grows.
	// +kubebuilder:validation:MaxLength=64
	Number string `json:"number"`

	// ThisUpdate is when the list was signed.
	ThisUpdate metav1.Time `json:"thisUpdate"`

	// NextUpdate is when the list ends to be valid. The next one is there long before.
	NextUpdate metav1.Time `json:"nextUpdate"`

	// Entries is how many certificates are on the list.
	Entries int64 `json:"entries"`

	// URL is where the operator serves the list, if it was told under which URL that is.
	// +optional
	URL string `json:"url,omitempty"`
}

// ACMEIssuerStatus is what is known of the account at the CA. With it a restart registers nothing again.
type ACMEIssuerStatus struct {
	// URI is the account's URL at the CA.
	// +optional
	URI string `json:"uri,omitempty"`

	// LastRegisteredEmail is the contact that the CA was last told.
	// +optional
	LastRegisteredEmail string `json:"lastRegisteredEmail,omitempty"`

	// LastPrivateKeyHash identifies the account key that uri belongs to: a SHA-256 hash.
	// +optional
	LastPrivateKeyHash string `json:"lastPrivateKeyHash,omitempty"`

	// TermsOfService is the URL of the terms that were agreed to when the account was registered.
	// +optional
	TermsOfService string `json:"termsOfService,omitempty"`

	// Profiles are what spec.acme.profile may be set to: the profiles that the CA offers.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	// +optional
	Profiles []ACMEProfile `json:"profiles,omitempty"`

	// DNSPersist01 is the record that lets this account prove names without further ado, where a solver is of type
	// dnsPersist01 and the CA says beforehand what it accepts.
	// +optional
	DNSPersist01 *ACMEPersistRecord `json:"dnsPersist01,omitempty"`

	// KeyRollover is how far the change of the account's key is that was last asked for.
	// +optional
	KeyRollover *ACMEKeyRollover `json:"keyRollover,omitempty"`
}

// ACMEPersistRecord is a TXT record that somebody is to publish for each domain.
type ACMEPersistRecord struct {
	// Name of the record, with <domain> in the place of the domain.
	Name string `json:"name"`

	// Value of the record. It is for wildcards too.
	Value string `json:"value"`
}

// ACMEProfile is a kind of certificate that a CA offers.
type ACMEProfile struct {
	// Name of the profile.
	// +kubebuilder:validation:MaxLength=128
	Name string `json:"name"`

	// Description is what the CA says of it, or the URL of a page about it.
	// +kubebuilder:validation:MaxLength=2048
	// +optional
	Description string `json:"description,omitempty"`
}

// ACMEKeyRollover is the change of an account's key (RFC 8555 section 7.3.5).
type ACMEKeyRollover struct {
	// Requested is the value of the annotation rotate-account-key that asked for it.
	Requested string `json:"requested"`

	// Phase is WaitingForOrders (no challenge may be pending when the key changes), Changing, or Done.
	Phase KeyRolloverPhase `json:"phase"`

	// CompletionTime is when the new key took the old one's place.
	// +optional
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`
}

// KeyRolloverPhase is a phase of a key rollover.
//
// +kubebuilder:validation:Enum=WaitingForOrders;Changing;Done
type KeyRolloverPhase string

// Phases of a key rollover.
const (
	KeyRolloverWaiting  KeyRolloverPhase = "WaitingForOrders"
	KeyRolloverChanging KeyRolloverPhase = "Changing"
	KeyRolloverDone     KeyRolloverPhase = "Done"
)
