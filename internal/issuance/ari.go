package issuance

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/certwright/certwright/api/v1"
)

// RenewalInfo is what the CA last said about when to renew the certificate in the Secret (RFC 9773).
type RenewalInfo struct {
	// Start and End are the suggested window; zero where the CA has not suggested one.
	Start, End time.Time
	// ExplanationURL is a page of the CA about the window.
	ExplanationURL string
	// LastError says why the last question had no answer, empty if it had one.
	LastError string
	// Next is when the CA is to be asked again.
	Next time.Time
}

// knownWindow is the window that status has of the certificate in the Secret, nil if none.
func (t *target) knownWindow() *v1.ARIWindow {
	status := &t.Certificate.Status
	if status.ACME == nil || status.ACME.ARI == nil || !t.describesCurrent(status) {
		return nil
	}
	return status.ACME.ARI.SuggestedWindow
}

// describesCurrent says whether a status is about the certificate that the Secret holds now.
func (t *target) describesCurrent(status *v1.CertificateStatus) bool {
	leaf := t.chain.Leaf()
	return status.NotBefore != nil && status.NotAfter != nil &&
		status.NotBefore.Time.Equal(leaf.NotBefore) && status.NotAfter.Time.Equal(leaf.NotAfter)
}

// suggestedWindow is the window that holds: the CA's last answer or, before the first since the process
// started, what status remembers.
func (t *target) suggestedWindow() *v1.ARIWindow {
	if !t.IssuerOf(t.signed).SuggestsRenewal {
		return nil
	}
	if info := t.RenewalInfo; info != nil && !info.Start.IsZero() {
		window := &v1.ARIWindow{}
		window.Start.Time, window.End.Time = info.Start.Truncate(time.Second), info.End.Truncate(time.Second)
		return window
	}
	return t.knownWindow()
}

// suggestion is when the CA's suggestion says to renew the certificate in the Secret; zero where it makes
// none. asked is when the certificate was asked for.
//
// The instant is chosen once for each window (RFC 9773 section 4.2) and stays in status: choosing again
// at every look would drift towards the window's start.
func (t *target) suggestion(asked time.Time) time.Time {
	window := t.suggestedWindow()
	if window == nil {
		return time.Time{}
	}
	known := t.knownWindow()
	chosen := t.Certificate.Status.RenewalTime
	if known != nil && sameWindow(known, window) && chosen != nil && t.reported() {
		return chosen.Time
	}
	instant := pick(t.Certificate.UID, window)
	if known != nil && window.Start.Before(&known.Start) {
		// The CA has changed its mind: the certificate is revoked, or will be.
		return instant
	}
	// A CA whose first word about each new certificate is that it is due would have it renewed for ever.
	return later(instant, earliestRenewal(asked, t.chain.Leaf().NotAfter))
}

// suggestedRenewal is when the certificate in the Secret is renewed where the CA suggests an instant for it:
// then, or before if the spec itself asks for that, and never later than is safe. Windows of the spec are
// kept as long as the CA's own lasts. asked is when the certificate was asked for: a spec does not have it renewed at
// once.
func (t *target) suggestedRenewal(asked, suggested time.Time) (time.Time, string) {
	crt, leaf := t.Certificate, t.chain.Leaf()
	if renewalDisabled(crt) {
		return time.Time{}, ""
	}
	due := suggested
	if crt.Spec.RenewBefore != nil || crt.Spec.RenewBeforePercentage != nil {
		due = sooner(due, later(byLifetime(crt, leaf.NotBefore, leaf.NotAfter), earliestRenewal(asked, leaf.NotAfter)))
	}
	latest := latestRenewal(leaf.NotBefore, leaf.NotAfter)
	return inWindow(crt, sooner(due, latest), sooner(latest, t.suggestedWindow().End.Time))
}

// Suggested completes the plan of a Store with what the CA says about the certificate that was stored, so that
// one write of the status tells all.
func Suggested(s *Snapshot, plan *Plan, info *RenewalInfo) {
	stored := *s
	stored.Certificate = s.Certificate.DeepCopy()
	stored.Certificate.Status, stored.RenewalInfo = plan.Status, info
	t := &target{Snapshot: &stored, chain: plan.Pair.Chain, signed: plan.Issuer}
	t.renewalStatus(&plan.Status)
	plan.Recheck = info.Next
	if plan.Status.RenewalTime != nil {
		plan.Recheck = sooner(plan.Status.RenewalTime.Time, info.Next)
	}
}

// reported says whether status is about the spec as it is now.
func (t *target) reported() bool {
	for _, c := range t.Certificate.Status.Conditions {
		if c.Type == v1.ConditionReady {
			return c.ObservedGeneration == t.Certificate.Generation
		}
	}
	return false
}

func sameWindow(a, b *v1.ARIWindow) bool { return a.Start.Equal(&b.Start) && a.End.Equal(&b.End) }

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// pick chooses an instant of a window evenly, the same for the same window and Certificate.
func pick(uid types.UID, window *v1.ARIWindow) time.Time {
	seed := fmt.Sprintf("%s %d %d", uid, window.Start.Unix(), window.End.Unix())
	length := window.End.Sub(window.Start.Time)
	return window.Start.Add(time.Duration(fraction(types.UID(seed)) * float64(length))).Truncate(time.Second)
}

// movedEarlier tells a person that the CA wants the certificate renewed earlier than it said before, empty
// if it does not.
func (t *target) movedEarlier() string {
	known, window := t.knownWindow(), t.suggestedWindow()
	if known == nil || window == nil || !window.Start.Before(&known.Start) {
		return ""
	}
	message := fmt.Sprintf("the CA wants the certificate renewed between %s and %s, earlier than it said before",
		window.Start.UTC().Format(time.RFC3339), window.End.UTC().Format(time.RFC3339))
	if t.RenewalInfo.ExplanationURL != "" {
		message += "; it explains why at " + t.RenewalInfo.ExplanationURL
	}
	return message
}

// renewalInfoStatus is what status is to say of the CA's suggestion: the old words where nothing changed.
func (t *target) renewalInfoStatus() *v1.CertificateACMEStatus {
	if !t.IssuerOf(t.signed).SuggestsRenewal {
		return nil
	}
	before := t.Certificate.Status.ACME
	if before != nil && !t.describesCurrent(&t.Certificate.Status) {
		before = nil
	}
	window, info := t.suggestedWindow(), t.RenewalInfo
	if info == nil || window == nil && info.LastError == "" {
		return before
	}
	now := &v1.ARIStatus{SuggestedWindow: window, ExplanationURL: info.ExplanationURL, LastError: info.LastError}
	if before != nil && before.ARI != nil {
		now.LastChecked = before.ARI.LastChecked
		if info.LastError != "" {
			now.ExplanationURL = before.ARI.ExplanationURL
		}
		if saysTheSame(before.ARI, now) {
			return before
		}
	}
	if info.LastError == "" {
		checked := metav1.NewTime(t.Now.Truncate(time.Second))
		now.LastChecked = &checked
	}
	return &v1.CertificateACMEStatus{ARI: now}
}

// saysTheSame leaves out when the CA was asked.
func saysTheSame(a, b *v1.ARIStatus) bool {
	if a.ExplanationURL != b.ExplanationURL || a.LastError != b.LastError {
		return false
	}
	if a.SuggestedWindow == nil || b.SuggestedWindow == nil {
		return a.SuggestedWindow == b.SuggestedWindow
	}
	return sameWindow(a.SuggestedWindow, b.SuggestedWindow)
}
