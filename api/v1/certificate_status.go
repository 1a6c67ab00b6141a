package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// CertificateStatus is what has been reached and what happens next.
type CertificateStatus struct {
	// Conditions are Ready (the Secret holds what the spec asks for and has not expired) and, while a
	// certificate is being issued or after that failed, Issuing. Setting Issuing to True asks for a new
	// certificate.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []Condition `json:"conditions,omitempty"`

	// Issuance says how far the attempt under way is, or what the last one ended with.
	// +optional
	Issuance *CertificateIssuance `json:"issuance,omitempty"`

	// NotBefore is when the certificate in the Secret begins to be valid.
	// +optional
	NotBefore *metav1.Time `json:"notBefore,omitempty"`

	// NotAfter is when the certificate in the Secret expires.
	// +optional
	NotAfter *metav1.Time `json:"notAfter,omitempty"`

	// RenewalTime is when the certificate will be renewed, to the second. It is absent if time alone never
	// renews it.
	// +optional
	RenewalTime *metav1.Time `json:"renewalTime,omitempty"`

	// Revision counts the certificates issued, from 1.
	// +optional
	Revision *int `json:"revision,omitempty"`

	// NextPrivateKeySecretName is the Secret that holds the key of the attempt under way, where it has to
	// outlive the process.
	// +optional
	NextPrivateKeySecretName *string `json:"nextPrivateKeySecretName,omitempty"`

	// LastFailureTime is when the last attempt failed. It is absent after a success.
	// +optional
	LastFailureTime *metav1.Time `json:"lastFailureTime,omitempty"`

	// FailedIssuanceAttempts counts the attempts that failed since the last success, with whichever issuer.
	// +optional
	FailedIssuanceAttempts *int `json:"failedIssuanceAttempts,omitempty"`

	// Issuers are those of the issuers that the spec names which failed, in the order of the spec. It is there
	// only where the spec has fallbackIssuerRefs. An issuer is taken out when it signs.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=9
	// +optional
	Issuers []CertificateIssuerStatus `json:"issuers,omitempty"`

	// ACME is what the CA said through ACME about the certificate in the Secret.
	// +optional
	ACME *CertificateACMEStatus `json:"acme,omitempty"`
}

// CertificateIssuance is the course of an attempt to get a certificate.
type CertificateIssuance struct {
	// Attempt numbers the attempts of this Certificate, from 1. A number is never used twice.
	// +optional
	Attempt int64 `json:"attempt,omitempty"`

	// Step is what the attempt is doing or waiting for.
	// +optional
	Step string `json:"step,omitempty"`

	// Reason says why the attempt was begun: the reason of the check that the Secret failed.
	// +optional
	Reason string `json:"reason,omitempty"`

	// IssuerRef is the issuer that the attempt asks, where the spec has fallbackIssuerRefs.
	// +optional
	IssuerRef *IssuerRef `json:"issuerRef,omitempty"`

	// RequestName is the CertificateRequest of the attempt.
	// +optional
	RequestName string `json:"requestName,omitempty"`

	// LastError is what the last attempt failed with, or what the one under way is held up by. It is absent
	// after a success.
	// +optional
	LastError *Problem `json:"lastError,omitempty"`

	// NextAttemptTime is the earliest time of the next attempt after a failure.
	// +optional
	NextAttemptTime *metav1.Time `json:"nextAttemptTime,omitempty"`
}

// CertificateIssuerStatus is how an issuer failed that a Certificate names.
type CertificateIssuerStatus struct {
	// IssuerRef names the issuer, as the spec does.
	IssuerRef IssuerRef `json:"issuerRef"`

	// LastError is what the issuer's last attempt failed with, or why the issuer was passed over.
	// +optional
	LastError *Problem `json:"lastError,omitempty"`

	// LastFailureTime is when that was.
	// +optional
	LastFailureTime *metav1.Time `json:"lastFailureTime,omitempty"`

	// FailedAttempts counts the attempts with this issuer that failed since the Certificate last got a
	// certificate. Each failure makes the rest longer.
	// +optional
	FailedAttempts int32 `json:"failedAttempts,omitempty"`

	// NextAttemptTime is until when the issuer rests: others are asked before. It is absent after a failure
	// that another issuer would share.
	// +optional
	NextAttemptTime *metav1.Time `json:"nextAttemptTime,omitempty"`

	// ObservedGeneration is the metadata.generation that failed. After an edit of the spec nothing rests.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
}

// CertificateACMEStatus is what the CA said through ACME.
type CertificateACMEStatus struct {
	// ARI is when the CA would like the certificate to be renewed (RFC 9773).
	// +optional
	ARI *ARIStatus `json:"ari,omitempty"`
}

// ARIStatus is the renewal information of a certificate (RFC 9773).
type ARIStatus struct {
	// SuggestedWindow is the time in which the CA suggests to renew.
	// +optional
	SuggestedWindow *ARIWindow `json:"suggestedWindow,omitempty"`

	// ExplanationURL is a page of the CA that explains the window.
	// +optional
	ExplanationURL string `json:"explanationURL,omitempty"`

	// LastChecked is when the CA was last asked with success.
	// +optional
	LastChecked *metav1.Time `json:"lastChecked,omitempty"`

	// NextCheck is when the CA will be asked again.
	// +optional
	NextCheck *metav1.Time `json:"nextCheck,omitempty"`

	// LastError says why the CA could not be asked. It is absent after a success.
	// +optional
	LastError string `json:"lastError,omitempty"`
}

// ARIWindow is a span of time.
type ARIWindow struct {
	// Start of the window.
	Start metav1.Time `json:"start"`

	// End of the window.
	End metav1.Time `json:"end"`
}
