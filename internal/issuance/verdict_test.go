package issuance_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/issuance"
	"github.com/certwright/certwright/internal/outcome"
)

// How soon an attempt is made again follows from what the request's status says of the failure.
func TestTheClassOfAFailureSurvivesTheRequest(t *testing.T) {
	tests := map[string]struct {
		failure *outcome.Error
		wait    time.Duration
	}{
		"a fault on this side":    {outcome.Terminalf(outcome.ClassLocal, v1.ReasonFailed, "the key does not fit"), 5 * time.Second},
		"a refusal":               {outcome.Terminalf(outcome.ClassRefused, v1.ReasonFailed, "no"), time.Minute},
		"a CA's own word":         {&outcome.Error{Kind: outcome.Terminal, Class: outcome.ClassRefused, Type: "urn:ietf:params:acme:error:rejectedIdentifier"}, time.Minute},
		"an account that is gone": {&outcome.Error{Kind: outcome.Terminal, Class: outcome.ClassLocal, Type: "urn:ietf:params:acme:error:accountDoesNotExist"}, 5 * time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			request, key := w.request(1, 1)
			w.Key = key
			w.conclude(request, metav1.ConditionFalse, v1.ReasonFailed, "it failed")
			if problem := issuance.ProblemType(test.failure, ""); problem != "" {
				request.Status.Error = &v1.Problem{Type: problem}
			}
			plan := w.decide()
			w.expect(plan, issuance.Fail, v1.ReasonFailed)
			if got := plan.Recheck.Sub(w.Now); got != test.wait {
				t.Errorf("the next attempt comes after %s, want %s", got, test.wait)
			}
		})
	}
}

// What a request's status says of a failure tells its class, with a CA's own type and without.
func TestProblemTypesKeepTheClass(t *testing.T) {
	for _, class := range []outcome.Class{outcome.ClassLocal, outcome.ClassRefused, outcome.ClassValidation} {
		failure := outcome.Terminalf(class, "ValidationFailed", "the CA did not say why")
		if got := issuance.ClassOf(issuance.ProblemType(failure, failure.Reason)); got != class {
			t.Errorf("a failure of class %s comes back as %s", class, got)
		}
	}
}

// An attempt that is held up says by what, where the issuer said something, and goes on saying what the last one
// failed with where it did not.
func TestWhatHoldsAnAttemptUpIsTold(t *testing.T) {
	for name, held := range map[string]*v1.Problem{
		"by what the CA said": {Type: "urn:ietf:params:acme:error:rateLimited", Detail: "too many", URL: "https://ca.test/limits"},
		"by nothing":          nil,
	} {
		t.Run(name, func(t *testing.T) {
			before := v1.Problem{Type: "before"}
			w := newWorld(t)
			request, key := w.request(1, 1)
			w.Key = key
			w.Now = start.Add(time.Hour)
			w.Certificate.Status.Issuance = &v1.CertificateIssuance{LastError: &before}
			w.conclude(request, metav1.ConditionFalse, v1.ReasonPending, "waiting")
			request.Status.Error = held
			w.expect(w.decide(), issuance.Continue, v1.ReasonDoesNotExist)
			want := before
			if held != nil {
				want = *held
			}
			if got := w.Certificate.Status.Issuance.LastError; got == nil || *got != want {
				t.Errorf("lastError is %+v, want %+v", got, want)
			}
		})
	}
}
