package issuance_test

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/issuance"
)

func TestAnswerIsVerified(t *testing.T) {
	for name, answer := range map[string]func(w *world, request *v1.CertificateRequest){
		"rubbish": func(_ *world, request *v1.CertificateRequest) { request.Status.Certificate = []byte("rubbish") },
		"another key's": func(w *world, request *v1.CertificateRequest) {
			other := newWorld(w.t)
			otherRequest, key := other.request(1, 1)
			other.sign(otherRequest, key, start)
			request.Status.Certificate = otherRequest.Status.Certificate
		},
		"expired": func(w *world, request *v1.CertificateRequest) { w.sign(request, w.Key, start.Add(-2*lifetime)) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			request, key := w.request(1, 1)
			w.Key = key
			w.sign(request, key, start)
			answer(w, request)
			w.expect(w.decide(), issuance.Fail, v1.ReasonInvalidCertificate)
		})
	}
}

func TestDeniedAndInvalidRequestsFail(t *testing.T) {
	for _, conditionType := range []string{v1.ConditionDenied, v1.ConditionInvalidRequest} {
		w := newWorld(t)
		request, key := w.request(1, 1)
		w.Key = key
		request.Status.Conditions = []v1.Condition{{Type: conditionType, Status: metav1.ConditionTrue, Message: "not this one"}}
		plan := w.decide()
		if plan.Action != issuance.Fail || !strings.Contains(plan.Message, "not this one") {
			t.Errorf("%s: %s %s", conditionType, plan.Action, plan.Message)
		}
	}
}

func TestFailureIsToldAndWaitedFor(t *testing.T) {
	w := newWorld(t)
	request, key := w.request(1, 1)
	w.Key = key
	w.conclude(request, metav1.ConditionFalse, v1.ReasonFailed, "the CA says no")
	request.Status.Error = &v1.Problem{Type: "urn:ietf:params:acme:error:rejectedIdentifier", URL: "https://ca.test/why"}
	plan := w.decide()
	w.expect(plan, issuance.Fail, v1.ReasonFailed)
	status := w.Certificate.Status
	if got := status.Issuance.LastError; got.Type != request.Status.Error.Type || got.URL != request.Status.Error.URL || !strings.Contains(got.Detail, "the CA says no") {
		t.Errorf("lastError is %+v", got)
	}
	if *status.FailedIssuanceAttempts != 1 || !status.Issuance.NextAttemptTime.Time.Equal(start.Add(time.Minute)) {
		t.Errorf("failure %d, next attempt %s", *status.FailedIssuanceAttempts, status.Issuance.NextAttemptTime)
	}
	if issuing := w.condition(v1.ConditionIssuing); issuing.Status != metav1.ConditionFalse || !strings.Contains(issuing.Message, "2026-03-01T12:01:00Z") {
		t.Errorf("Issuing does not say when the next attempt is: %+v", issuing)
	}

	w.Now = start.Add(30 * time.Second)
	plan = w.decide()
	w.expect(plan, issuance.Hold, v1.ReasonDoesNotExist)
	if !plan.Recheck.Equal(start.Add(time.Minute)) {
		t.Errorf("holds until %s", plan.Recheck)
	}
	w.Now = start.Add(time.Minute)
	w.expect(w.decide(), issuance.Begin, v1.ReasonDoesNotExist)
}

// What ends the wait after a failure before its time.
func TestWaitAfterFailureEndsEarly(t *testing.T) {
	t.Run("an edit of the spec", func(t *testing.T) {
		w := failed(t)
		w.expect(w.decide(), issuance.Hold, v1.ReasonDoesNotExist)
		w.Certificate.Generation++
		w.expect(w.decide(), issuance.Begin, v1.ReasonDoesNotExist)
	})
	t.Run("a manual trigger", func(t *testing.T) {
		w := failed(t)
		w.expect(w.decide(), issuance.Hold, v1.ReasonDoesNotExist)
		w.trigger()
		w.expect(w.decide(), issuance.Begin, v1.ReasonDoesNotExist)
	})
}

// An issuer that is not ready when the wait after a failure ends is waited for: the one failure does
// not count again and again, each time with a longer wait.
func TestFailureCountsOnceWhileTheIssuerIsNotReady(t *testing.T) {
	w := failed(t)
	w.Issuer = issuance.Issuer{Blocked: "waiting for it", BlockedReason: v1.ReasonIssuerNotReady}
	w.Now = start.Add(time.Minute)
	for range 3 {
		w.expect(w.decide(), issuance.Hold, v1.ReasonIssuerNotReady)
	}
	if count := *w.Certificate.Status.FailedIssuanceAttempts; count != 1 {
		t.Errorf("one failed attempt counts %d times", count)
	}
	w.Issuer = issuance.Issuer{}
	w.expect(w.decide(), issuance.Begin, v1.ReasonDoesNotExist)
}

// A process that died after it had written down a new attempt, before the request of the one before
// was deleted, does not count that one's failure again.
func TestFailureBeforeALaterAttemptIsNotCountedAgain(t *testing.T) {
	w := failed(t)
	w.Now = start.Add(time.Minute)
	w.expect(w.decide(), issuance.Begin, v1.ReasonDoesNotExist)
	plan := w.decide()
	w.expect(plan, issuance.Begin, v1.ReasonDoesNotExist)
	if plan.Attempt != 3 || *w.Certificate.Status.FailedIssuanceAttempts != 1 {
		t.Errorf("attempt %d after %d failures", plan.Attempt, *w.Certificate.Status.FailedIssuanceAttempts)
	}
}
