// Package revocation decides what to do about a CertificateRevocation: which certificates it is about, whether
// they wait for their replacement, and what is to be told.
//
// It is pure. The revocation controller gathers what it needs and carries its plans out.
package revocation

import (
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/issued"
	"github.com/certwright/certwright/internal/pki"
)

// recordGrace is how long a certificate that is not recorded is waited for: the watch may show the
// revocation before the Secret of a certificate that was stored just now.
const recordGrace = 5 * time.Second

// Action is what to do about a CertificateRevocation now.
type Action string

const (
	// Choose means that the certificates have been chosen, to be written down before anything else.
	Choose Action = "Choose"
	// Wait means that something has to come first, or a time.
	Wait Action = "Wait"
	// Revoke means that CAs are asked to revoke.
	Revoke Action = "Revoke"
	// Done means that there is nothing left to do.
	Done Action = "Done"
)

// Snapshot is everything that a decision depends on. Nothing in it is changed.
type Snapshot struct {
	Now        time.Time
	Revocation *v1.CertificateRevocation
	// Records are the certificates that the operator got issued for Certificates of the namespace, each once.
	Records []*issued.Record
}

// Plan is a decision. Status is what the status is to be, but for what becomes of the certificates to revoke.
type Plan struct {
	Action Action
	// Records are the certificates to revoke.
	Records []*issued.Record
	// Recheck is when to decide again even if nothing changes; zero means never.
	Recheck time.Time
	Status  v1.CertificateRevocationStatus
}

// Finished says whether a CertificateRevocation has its final status.
func Finished(r *v1.CertificateRevocation) bool {
	ready := condition.Get(r.Status.Conditions, v1.ConditionReady)
	return ready != nil && (ready.Status == metav1.ConditionTrue ||
		slices.Contains([]string{v1.ReasonNotRecorded, v1.ReasonRevocationFailed, v1.ReasonInvalidSpec}, ready.Reason))
}

// Decide says what to do about a CertificateRevocation that is not finished.
func Decide(s Snapshot) Plan {
	if len(s.Revocation.Status.Certificates) == 0 {
		return s.choose()
	}
	plan := Plan{Action: Wait, Status: *s.Revocation.Status.DeepCopy()}
	waiting := s.sort(&plan)
	switch {
	case len(waiting) > 0:
		plan.Records = nil
		Tell(s, &plan.Status, metav1.ConditionFalse, v1.ReasonWaitingForRenewal, fmt.Sprintf(
			"waiting until Certificate %q has a new certificate instead of %s: its condition Issuing tells how far that is; with renewFirst: false, another CertificateRevocation does not wait for that",
			plan.Status.CertificateName, strings.Join(waiting, ", ")))
	case len(plan.Records) > 0:
		plan.Action = Revoke
	default:
		Conclude(s, &plan.Status)
		plan.Action = Done
	}
	return plan
}

// sort looks at every certificate that is not revoked yet: it puts those to revoke into the plan and gives the
// serial numbers of those that wait for their replacement.
func (s Snapshot) sort(plan *Plan) []string {
	var waiting []string
	for i := range plan.Status.Certificates {
		entry := &plan.Status.Certificates[i]
		if entry.State != v1.RevocationPending {
			continue
		}
		record := s.record(entry.Fingerprint)
		switch {
		case entry.NotAfter != nil && !s.Now.Before(entry.NotAfter.Time):
			entry.State, entry.Message = v1.RevocationExpired, "it expired before it could be revoked, and nobody takes it any more"
		case record == nil:
			entry.State, entry.Message = v1.RevocationFailed, "the record of this certificate is gone: it cannot be revoked without"
		default:
			if record.InUse && s.renewsFirst() {
				waiting = append(waiting, entry.Serial)
			}
			plan.Records = append(plan.Records, record)
			plan.Recheck = sooner(plan.Recheck, entry.NotAfter.Time)
		}
	}
	return waiting
}

func sooner(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

func (s Snapshot) renewsFirst() bool {
	return s.Revocation.Spec.RenewFirst == nil || *s.Revocation.Spec.RenewFirst
}

func (s Snapshot) record(fingerprint string) *issued.Record {
	at := slices.IndexFunc(s.Records, func(r *issued.Record) bool { return r.Fingerprint() == fingerprint })
	if at < 0 {
		return nil
	}
	return s.Records[at]
}

// choose finds the certificates that the spec means, once: what is current changes with the renewal.
func (s Snapshot) choose() Plan {
	plan := Plan{Action: Choose, Status: *s.Revocation.Status.DeepCopy()}
	chosen, err := s.matching()
	if err != nil {
		Tell(s, &plan.Status, metav1.ConditionFalse, v1.ReasonInvalidSpec, err.Error())
		return plan
	}
	if len(chosen) == 0 {
		return s.notRecorded(plan)
	}
	plan.Status.CertificateName = chosen[0].Certificate.Name
	for _, record := range chosen {
		notAfter := metav1.NewTime(record.Leaf.NotAfter)
		plan.Status.Certificates = append(plan.Status.Certificates, v1.RevokedCertificate{
			Fingerprint: record.Fingerprint(), Serial: record.Serial(), PublicKeyHash: pki.PublicKeyID(record.Leaf.PublicKey),
			IssuerRef: record.Issuer, NotAfter: &notAfter, State: v1.RevocationPending,
		})
	}
	Tell(s, &plan.Status, metav1.ConditionFalse, v1.ReasonRevoking, "the certificates have been chosen")
	return plan
}

// mostChosen bounds what one CertificateRevocation is about: its status has to hold it.
const mostChosen = 1000

func (s Snapshot) matching() ([]*issued.Record, error) {
	spec := &s.Revocation.Spec
	matches := func(r *issued.Record) bool {
		return r.Certificate.Name == spec.CertificateRef.Name && (r.InUse || spec.Scope == v1.RevocationScopeAllValid)
	}
	if spec.CertificateRef == nil {
		serial, err := pki.ParseSerial(spec.Serial)
		if err != nil {
			return nil, err
		}
		matches = func(r *issued.Record) bool { return r.Leaf.SerialNumber.Cmp(serial) == 0 }
	}
	var chosen []*issued.Record
	for _, record := range s.Records {
		if s.Now.Before(record.Leaf.NotAfter) && len(chosen) < mostChosen && matches(record) {
			chosen = append(chosen, record)
		}
	}
	return chosen, nil
}

func (s Snapshot) notRecorded(plan Plan) Plan {
	spec, until := &s.Revocation.Spec, s.Revocation.CreationTimestamp.Add(recordGrace)
	if s.Now.Before(until) {
		plan.Action, plan.Recheck = Wait, until
		return plan
	}
	what := "with the serial number " + spec.Serial
	if spec.CertificateRef != nil {
		what = fmt.Sprintf("of Certificate %q", spec.CertificateRef.Name)
	}
	Tell(s, &plan.Status, metav1.ConditionFalse, v1.ReasonNotRecorded, fmt.Sprintf(
		"there is no record of a valid certificate %s that was issued for a Certificate of this namespace, and only such certificates are revoked: one that another program or an earlier version stored is recorded with its next renewal", what))
	return plan
}

// Conclude tells the result once nothing is pending.
func Conclude(s Snapshot, status *v1.CertificateRevocationStatus) {
	var failed []string
	for i := range status.Certificates {
		if entry := &status.Certificates[i]; entry.State == v1.RevocationFailed {
			failed = append(failed, fmt.Sprintf("%s: %s", entry.Serial, entry.Message))
		}
	}
	if len(failed) > 0 {
		Tell(s, status, metav1.ConditionFalse, v1.ReasonRevocationFailed, condition.Bounded(strings.Join(failed, "; "), longestMessage))
		return
	}
	Tell(s, status, metav1.ConditionTrue, v1.ReasonRevoked, "Every certificate that was still valid is revoked")
}

// longestMessage bounds, in bytes, what a condition quotes of all that failed.
const longestMessage = 8192

// Tell sets the condition Ready.
func Tell(s Snapshot, status *v1.CertificateRevocationStatus, value metav1.ConditionStatus, reason, message string) {
	status.Conditions = condition.Set(status.Conditions, v1.Condition{
		Type: v1.ConditionReady, Status: value, Reason: reason, Message: message, ObservedGeneration: s.Revocation.Generation,
	}, s.Now)
}
