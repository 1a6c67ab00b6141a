package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

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
