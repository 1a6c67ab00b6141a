package issuance_test

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/issuance"
	"github.com/certwright/certwright/internal/issued"
	"github.com/certwright/certwright/internal/pki"
)

// revoke adds a CertificateRevocation of the certificate in the Secret that is in a state.
func (w *world) revoke(state v1.RevocationState, reason v1.RevocationReason, renewFirst bool) {
	w.t.Helper()
	chain, err := pki.ParseChain(w.Secret.Data["tls.crt"], pki.MaxChainBytes)
	w.must(err)
	at := metav1.NewTime(w.Now)
	w.Revocations = append(w.Revocations, issuance.Revocation{
		Name: "revocation", Reason: reason, RenewFirst: renewFirst,
		RevokedCertificate: v1.RevokedCertificate{
			Fingerprint: issued.Fingerprint(chain.Leaf()), Serial: pki.FormatSerial(chain.Leaf().SerialNumber),
			PublicKeyHash: pki.PublicKeyID(chain.Leaf().PublicKey), State: state, RevokedAt: &at,
		},
	})
}

func TestRevocationsThatBringOnANewCertificate(t *testing.T) {
	for name, test := range map[string]struct {
		state      v1.RevocationState
		reason     v1.RevocationReason
		renewFirst bool
		action     issuance.Action
		because    string
		compromise bool
	}{
		"waits for one":                      {v1.RevocationPending, v1.RevocationSuperseded, true, issuance.Begin, v1.ReasonRevocationRequested, false},
		"waits for one with a new key":       {v1.RevocationPending, v1.RevocationKeyCompromise, true, issuance.Begin, v1.ReasonRevocationRequested, true},
		"does not wait":                      {v1.RevocationPending, v1.RevocationSuperseded, false, issuance.Keep, v1.ReasonReady, false},
		"does not wait, though the key":      {v1.RevocationPending, v1.RevocationKeyCompromise, false, issuance.Keep, v1.ReasonReady, false},
		"is revoked":                         {v1.RevocationRevoked, v1.RevocationSuperseded, false, issuance.Begin, v1.ReasonRevoked, false},
		"was revoked before":                 {v1.RevocationAlreadyRevoked, v1.RevocationSuperseded, true, issuance.Begin, v1.ReasonRevoked, false},
		"is revoked, its key known":          {v1.RevocationRevoked, v1.RevocationKeyCompromise, false, issuance.Begin, v1.ReasonRevoked, true},
		"failed":                             {v1.RevocationFailed, v1.RevocationSuperseded, true, issuance.Keep, v1.ReasonReady, false},
		"failed, its key known all the same": {v1.RevocationFailed, v1.RevocationKeyCompromise, true, issuance.Begin, v1.ReasonRevocationRequested, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := issuedWorld(t)
			w.Now = start.Add(time.Hour)
			w.revoke(test.state, test.reason, test.renewFirst)
			w.expect(w.decide(), test.action, test.because)
			chain, err := pki.ParseChain(w.Secret.Data["tls.crt"], pki.MaxChainBytes)
			w.must(err)
			if got := w.IsCompromised(chain.Leaf().PublicKey); got != test.compromise {
				t.Errorf("the key is compromised: %v, want %v", got, test.compromise)
			}
		})
	}
}

func TestARevokedCertificateIsNotReady(t *testing.T) {
	w := issuedWorld(t)
	w.revoke(v1.RevocationRevoked, v1.RevocationKeyCompromise, false)
	w.decide()
	if ready := w.condition(v1.ConditionReady); ready.Status != metav1.ConditionFalse || ready.Reason != v1.ReasonRevoked {
		t.Errorf("Ready is %s/%s", ready.Status, ready.Reason)
	}
	told := w.condition(v1.ConditionRevoked)
	if told.Status != metav1.ConditionTrue || !strings.Contains(told.Message, w.Revocations[0].Serial) || !strings.Contains(told.Message, "keyCompromise") {
		t.Errorf("Revoked is %s: %s", told.Status, told.Message)
	}
}

func TestTheConditionRevokedFollowsTheReplacementAndGoesWithTheRevocation(t *testing.T) {
	w := issuedWorld(t)
	w.revoke(v1.RevocationRevoked, v1.RevocationSuperseded, false)
	w.Now = start.Add(time.Hour)
	w.decide()
	request, key := w.request(2, 2)
	w.sign(request, key, w.Now)
	w.Key = key
	w.expect(w.decide(), issuance.Store, v1.ReasonReady)
	if told := w.condition(v1.ConditionRevoked); told.Status != metav1.ConditionFalse || told.Reason != v1.ReasonReplaced {
		t.Errorf("with the replacement stored, Revoked is %s/%s", told.Status, told.Reason)
	}
	w.store(request, key)
	w.Key = nil
	w.expect(w.decide(), issuance.Keep, v1.ReasonReady)
	w.Revocations = nil
	w.decide()
	if told := condition.Get(w.Certificate.Status.Conditions, v1.ConditionRevoked); told != nil {
		t.Errorf("without the revocation, Revoked is %s", told.Status)
	}
}

// The request under way may be for the key that has just become known.
func TestARequestForACompromisedKeyIsNotGoneOnWith(t *testing.T) {
	w := issuedWorld(t, func(crt *v1.Certificate) { crt.Spec.PrivateKey.RotationPolicy = v1.RotationNever })
	w.Now = start.Add(time.Hour)
	w.trigger()
	w.decide()
	request, key := w.request(2, 2)
	w.sign(request, key, w.Now)
	w.Key = key
	at := metav1.NewTime(w.Now)
	w.Revocations = []issuance.Revocation{{
		Name: "revocation", Reason: v1.RevocationKeyCompromise, RenewFirst: true,
		RevokedCertificate: v1.RevokedCertificate{Fingerprint: "other", PublicKeyHash: pki.PublicKeyID(key.Public()), State: v1.RevocationRevoked, RevokedAt: &at},
	}}
	plan := w.decide()
	if plan.Action != issuance.Begin || plan.Attempt != 3 {
		t.Errorf("decided %s, attempt %d (%s)", plan.Action, plan.Attempt, plan.Message)
	}
}
