package issuance_test

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/issuance"
)

func TestFirstIssuance(t *testing.T) {
	w := newWorld(t)
	plan := w.decide()
	w.expect(plan, issuance.Begin, v1.ReasonDoesNotExist)
	if issuing := w.condition(v1.ConditionIssuing); issuing.Status != metav1.ConditionTrue || w.Certificate.Status.Issuance.Attempt != 1 {
		t.Fatalf("the attempt is not written down: %+v", w.Certificate.Status)
	}
	request, key := w.request(1, 1)
	w.Key = key
	w.expect(w.decide(), issuance.Continue, v1.ReasonDoesNotExist)
	w.sign(request, key, w.Now)
	w.expect(w.decide(), issuance.Store, v1.ReasonReady)
	w.store(request, key)
	w.Key = nil
	plan = w.decide()
	w.expect(plan, issuance.Keep, v1.ReasonReady)
	status := w.Certificate.Status
	if *status.Revision != 1 || condition.Get(status.Conditions, v1.ConditionIssuing) != nil || status.NextPrivateKeySecretName != nil {
		t.Errorf("after success the status still tells of an attempt: %+v", status)
	}
	if want := status.RenewalTime.Time; !plan.Recheck.Equal(want) {
		t.Errorf("looks again at %s, want the renewal time %s", plan.Recheck, want)
	}
}

// Where asking again costs nothing, an attempt that is over in a moment is not written down at all.
func TestInstantIssuerCostsNoExtraWrites(t *testing.T) {
	w := newWorld(t)
	w.Issuer.Instant = true
	plan := issuance.Decide(w.Snapshot)
	w.expect(plan, issuance.Begin, v1.ReasonDoesNotExist)
	if plan.Status.Conditions != nil || plan.Status.Issuance != nil {
		t.Errorf("Begin writes %+v", plan.Status)
	}
	_, w.Key = w.request(1, 1)
	plan = issuance.Decide(w.Snapshot)
	w.expect(plan, issuance.Continue, v1.ReasonDoesNotExist)
	if plan.Status.Conditions != nil {
		t.Errorf("Continue writes %+v", plan.Status)
	}
	w.Now = plan.Recheck
	if plan = w.decide(); w.condition(v1.ConditionIssuing).Status != metav1.ConditionTrue || !plan.Recheck.IsZero() {
		t.Errorf("an attempt that takes long is not told: %+v", plan)
	}
}

func TestLostKeyMeansTheNextAttempt(t *testing.T) {
	w := newWorld(t)
	request, _ := w.request(1, 1)
	plan := w.decide()
	w.expect(plan, issuance.Begin, v1.ReasonKeyLost)
	if plan.Attempt != 2 || len(plan.Obsolete) != 1 || plan.Obsolete[0] != request {
		t.Errorf("attempt %d, obsolete %v", plan.Attempt, plan.Obsolete)
	}
	if w.Certificate.Status.FailedIssuanceAttempts != nil {
		t.Error("a lost key counts as a failure of the issuer")
	}
}

// A process that was restarted has lost the key of a request that costs nothing: that the request
// cannot be signed without it is no failure to wait after.
func TestRequestThatFailedForItsLostKeyIsMadeAgain(t *testing.T) {
	w := newWorld(t)
	w.Issuer.Instant = true
	request, _ := w.request(1, 1)
	w.conclude(request, metav1.ConditionFalse, v1.ReasonFailed, "needs the request's private key")
	w.expect(w.decide(), issuance.Begin, v1.ReasonKeyLost)
}

// An issuer that answers a new request with the certificate that is in use already, to a key that is
// lost since, must not take the process down.
func TestOldCertificateForANewRequestWhoseKeyIsLost(t *testing.T) {
	w := issuedWorld(t)
	w.trigger()
	request, _ := w.request(2, 2)
	request.Status.Certificate = w.Secret.Data[corev1.TLSCertKey]
	w.conclude(request, metav1.ConditionTrue, v1.ReasonIssued, "signed")
	w.expect(w.decide(), issuance.Begin, v1.ReasonKeyLost)
}

func TestAttemptNumbersMoveOn(t *testing.T) {
	w := newWorld(t)
	w.Certificate.Status.Issuance = &v1.CertificateIssuance{Attempt: 7}
	if plan := w.decide(); plan.Attempt != 8 {
		t.Errorf("attempt %d, want 8", plan.Attempt)
	}
}

func TestManualTriggerIssuesAgainOnce(t *testing.T) {
	w := issuedWorld(t)
	w.trigger()
	w.expect(w.decide(), issuance.Begin, v1.ReasonManuallyTriggered)
	request, key := w.request(2, 2)
	w.Key = key
	w.sign(request, key, w.Now)
	plan := w.decide()
	w.expect(plan, issuance.Store, v1.ReasonReady)
	if *plan.Status.Revision != 2 || len(plan.Obsolete) != 1 || plan.Obsolete[0].Name != "leaf-1" {
		t.Errorf("revision %d, obsolete %v", *plan.Status.Revision, plan.Obsolete)
	}
	w.store(request, key)
	w.expect(w.decide(), issuance.Keep, v1.ReasonReady)
}

// A crash between the write of the Secret and that of the status: the rest of the same Store
// follows, even though the key is lost with the process.
func TestStoreIsFinishedAfterACrash(t *testing.T) {
	for name, w := range map[string]*world{"first": newWorld(t), "renewal": issuedWorld(t)} {
		t.Run(name, func(t *testing.T) {
			w.Now = start.Add(lifetime * 2 / 3)
			revision := issuance.Revision(w.Certificate) + 1
			request, key := w.request(5, revision)
			w.sign(request, key, w.Now)
			w.store(request, key)
			plan := w.decide()
			w.expect(plan, issuance.Store, v1.ReasonReady)
			if *plan.Status.Revision != revision {
				t.Errorf("revision %d, want %d", *plan.Status.Revision, revision)
			}
		})
	}
}

func TestSpecEditReplacesTheAttemptUnderWay(t *testing.T) {
	w := newWorld(t)
	_, w.Key = w.request(1, 1)
	w.Certificate.Spec.DNSNames = []string{"other.example.test"}
	plan := w.decide()
	w.expect(plan, issuance.Begin, v1.ReasonDoesNotExist)
	if plan.Attempt != 2 {
		t.Errorf("attempt %d, want 2", plan.Attempt)
	}
}

func TestRequestNobodyNeedsIsDeleted(t *testing.T) {
	w := issuedWorld(t)
	request, _ := w.request(2, 2)
	plan := w.decide()
	w.expect(plan, issuance.Keep, v1.ReasonReady)
	if len(plan.Obsolete) != 1 || plan.Obsolete[0] != request {
		t.Errorf("obsolete: %v", plan.Obsolete)
	}
}

func TestIssuerThatIsNotReadyIsWaitedFor(t *testing.T) {
	w := newWorld(t)
	w.Issuer = issuance.Issuer{Blocked: "waiting for it", BlockedReason: v1.ReasonIssuerNotReady}
	w.expect(w.decide(), issuance.Hold, v1.ReasonIssuerNotReady)
	if got := w.condition(v1.ConditionIssuing); got.Message != "waiting for it" {
		t.Errorf("Issuing says %q", got.Message)
	}
	w.Issuer = issuance.Issuer{}
	w.expect(w.decide(), issuance.Begin, v1.ReasonDoesNotExist)
}

func TestBadSpecIsRefusedWithEveryMistake(t *testing.T) {
	w := newWorld(t, func(crt *v1.Certificate) {
		crt.Spec.EmailAddresses = []string{"A Name <a@example.test>"}
		crt.Spec.Renewal = &v1.CertificateRenewal{Windows: []v1.RenewalWindow{{Cron: "every day", WindowDuration: metav1.Duration{Duration: time.Hour}}}}
	})
	w.expect(w.decide(), issuance.Hold, v1.ReasonInvalidSpec)
	message := w.condition(v1.ConditionReady).Message
	for _, part := range []string{"a@example.test", "every day"} {
		if !strings.Contains(message, part) {
			t.Errorf("Ready does not mention %q: %s", part, message)
		}
	}
}

func TestHistoryLimit(t *testing.T) {
	limit := int32(2)
	w := issuedWorld(t, func(crt *v1.Certificate) { crt.Spec.RevisionHistoryLimit = &limit })
	for revision := 2; revision <= 4; revision++ {
		w.trigger()
		request, key := w.request(int64(revision), revision)
		w.Key = key
		w.sign(request, key, w.Now)
		plan := w.decide()
		w.expect(plan, issuance.Store, v1.ReasonReady)
		w.store(request, key)
		if plan = w.decide(); revision == 4 && (len(plan.Obsolete) != 2 || plan.Obsolete[0].Name != "leaf-1" || plan.Obsolete[1].Name != "leaf-2") {
			t.Errorf("obsolete: %v", plan.Obsolete)
		}
	}
}

func TestExpiredCertificateIsNotReady(t *testing.T) {
	w := issuedWorld(t, func(crt *v1.Certificate) { crt.Spec.Renewal = &v1.CertificateRenewal{Policy: v1.RenewalDisabled} })
	plan := w.decide()
	w.expect(plan, issuance.Keep, v1.ReasonReady)
	w.Now = plan.Recheck
	w.expect(w.decide(), issuance.Keep, v1.ReasonReady)
	if got := w.condition(v1.ConditionReady); got.Status != metav1.ConditionFalse || got.Reason != v1.ReasonExpired {
		t.Errorf("Ready is %s/%s after expiry", got.Status, got.Reason)
	}
}

func TestRequestNamesFitTheirLimit(t *testing.T) {
	w := newWorld(t, func(crt *v1.Certificate) { crt.Name = strings.Repeat("a", 253) })
	other := newWorld(t, func(crt *v1.Certificate) { crt.Name = strings.Repeat("a", 252) + "b" })
	name := issuance.RequestName(w.Certificate, 12)
	if len(name) > 253 || name == issuance.RequestName(other.Certificate, 12) {
		t.Errorf("%d characters: %s", len(name), name)
	}
	if got := issuance.AttemptOf(w.Certificate, &v1.CertificateRequest{ObjectMeta: metav1.ObjectMeta{Name: name}}); got != 12 {
		t.Errorf("attempt %d, want 12", got)
	}
}
