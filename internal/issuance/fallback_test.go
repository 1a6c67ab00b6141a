package issuance_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/issuance"
)

const acmeError = "urn:ietf:params:acme:error:"

var (
	first  = v1.IssuerRef{Name: "ca"}
	second = v1.IssuerRef{Name: "second", Kind: v1.ClusterIssuerKind}
	third  = v1.IssuerRef{Name: "third"}
)

// withFallbacks is a Certificate that three issuers may sign.
func withFallbacks(crt *v1.Certificate) { crt.Spec.FallbackIssuerRefs = []v1.IssuerRef{second, third} }

// ask follows a Begin: it insists on who is asked, and adds the request.
func (w *world) ask(ref v1.IssuerRef) *v1.CertificateRequest {
	w.t.Helper()
	plan := w.decide()
	if plan.Action != issuance.Begin || plan.Issuer != ref {
		w.t.Fatalf("decided %s (%s) with %q until %s, want to begin with %q", plan.Action, plan.Message, plan.Issuer.Name, plan.Recheck, ref.Name)
	}
	request, key := w.request(plan.Attempt, issuance.Revision(w.Certificate)+1)
	request.Spec.IssuerRef, w.Key = ref, key
	return request
}

// fail ends an attempt with a problem of a type, and takes the plan over.
func (w *world) fail(request *v1.CertificateRequest, problem string) issuance.Plan {
	w.t.Helper()
	w.conclude(request, metav1.ConditionFalse, v1.ReasonFailed, "the CA says no")
	if problem != "" {
		request.Status.Error = &v1.Problem{Type: problem}
	}
	plan := w.decide()
	w.expect(plan, issuance.Fail, v1.ReasonFailed)
	return plan
}

// sign answers a request of this world, and stores the answer.
func (w *world) storeAnswer(request *v1.CertificateRequest) issuance.Plan {
	w.t.Helper()
	key := w.Key
	w.sign(request, key, w.Now)
	plan := w.decide()
	w.expect(plan, issuance.Store, v1.ReasonReady)
	w.store(request, key)
	w.Key = nil
	return plan
}

// told is what status says of an issuer, nil if nothing.
func (w *world) told(ref v1.IssuerRef) *v1.CertificateIssuerStatus {
	for i := range w.Certificate.Status.Issuers {
		if w.Certificate.Status.Issuers[i].IssuerRef == ref {
			return &w.Certificate.Status.Issuers[i]
		}
	}
	return nil
}

func waitingRequest(request *v1.CertificateRequest, reason string, since, until time.Time) {
	request.Status.Waiting = &v1.CertificateRequestWaiting{Reason: reason, Since: metav1.NewTime(since)}
	if !until.IsZero() {
		request.Status.Waiting.Until = &metav1.Time{Time: until}
	}
	request.Status.Conditions = condition.Set(nil, v1.Condition{
		Type: v1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1.ReasonPending, Message: "too many orders",
	}, since)
}

// Which failures are the issuer's own, so that the next one is asked at once.
func TestFailuresThatTheNextIssuerMayNotShare(t *testing.T) {
	for name, test := range map[string]struct {
		fail func(*v1.CertificateRequest)
		own  bool
	}{
		"a refusal without a type": {func(*v1.CertificateRequest) {}, true},
		"a name that the CA rejects": {func(r *v1.CertificateRequest) {
			r.Status.Error = &v1.Problem{Type: acmeError + "rejectedIdentifier"}
		}, true},
		"a CAA record that leaves this CA out": {func(r *v1.CertificateRequest) { r.Status.Error = &v1.Problem{Type: acmeError + "caa"} }, true},
		"an account that the CA does not know": {func(r *v1.CertificateRequest) { r.Status.Error = &v1.Problem{Type: acmeError + "accountDoesNotExist"} }, false},
		"a name that does not resolve":         {func(r *v1.CertificateRequest) { r.Status.Error = &v1.Problem{Type: acmeError + "dns"} }, false},
		"an answer that is not there":          {func(r *v1.CertificateRequest) { r.Status.Error = &v1.Problem{Type: acmeError + "incorrectResponse"} }, false},
		"a server that is not there":           {func(r *v1.CertificateRequest) { r.Status.Error = &v1.Problem{Type: acmeError + "connection"} }, false},
		"several names":                        {func(r *v1.CertificateRequest) { r.Status.Error = &v1.Problem{Type: acmeError + "compound"} }, false},
		"a validation without a type":          {func(r *v1.CertificateRequest) { r.Status.Error = &v1.Problem{Type: "Validation"} }, false},
		"a fault on this side":                 {func(r *v1.CertificateRequest) { r.Status.Error = &v1.Problem{Type: "Local"} }, false},
		"a denial": {func(r *v1.CertificateRequest) {
			r.Status.Conditions = condition.Set(r.Status.Conditions, v1.Condition{Type: v1.ConditionDenied, Status: metav1.ConditionTrue}, start)
		}, false},
		"a request that makes no sense": {func(r *v1.CertificateRequest) {
			r.Status.Conditions = condition.Set(r.Status.Conditions, v1.Condition{Type: v1.ConditionInvalidRequest, Status: metav1.ConditionTrue}, start)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, withFallbacks)
			request := w.ask(first)
			w.conclude(request, metav1.ConditionFalse, v1.ReasonFailed, "no")
			test.fail(request)
			plan := w.decide()
			if plan.Action != issuance.Fail {
				t.Fatalf("decided %s", plan.Action)
			}
			told := w.told(first)
			if told == nil || told.LastError == nil || told.FailedAttempts != 1 || told.LastFailureTime == nil {
				t.Fatalf("status says of the issuer: %+v", told)
			}
			issuing := w.condition(v1.ConditionIssuing).Message
			if test.own {
				if told.NextAttemptTime == nil || !plan.Recheck.Equal(w.Now) || !strings.Contains(issuing, `ClusterIssuer "second" is asked next`) {
					t.Errorf("rests until %s, next at %s: %s", told.NextAttemptTime, plan.Recheck, issuing)
				}
				w.ask(second)
				return
			}
			if told.NextAttemptTime != nil || !strings.Contains(issuing, "Other issuers are not asked") {
				t.Errorf("rests until %s: %s", told.NextAttemptTime, issuing)
			}
			w.expect(w.decide(), issuance.Hold, v1.ReasonDoesNotExist)
			w.Now = plan.Recheck
			w.ask(first)
		})
	}
}

// Each issuer waits at its own pace, and the first of them whose wait is over is asked.
func TestEveryIssuerFails(t *testing.T) {
	w := newWorld(t, withFallbacks)
	for _, ref := range []v1.IssuerRef{first, second} {
		if plan := w.fail(w.ask(ref), ""); !plan.Recheck.Equal(w.Now) {
			t.Fatalf("after %s the next issuer waits until %s", ref.Name, plan.Recheck)
		}
		w.Now = w.Now.Add(10 * time.Second)
	}
	plan := w.fail(w.ask(third), "")
	if want := start.Add(time.Minute); !plan.Recheck.Equal(want) || plan.Next != first {
		t.Fatalf("the next attempt is at %s with %q, want at %s with the first", plan.Recheck, plan.Next.Name, want)
	}
	if got := w.condition(v1.ConditionIssuing).Message; !strings.Contains(got, `No issuer is left: the next attempt is with Issuer "ca" at 2026-03-01T12:01:00Z`) {
		t.Errorf("Issuing says %q", got)
	}
	before := w.Certificate
	plan = w.decide()
	w.expect(plan, issuance.Hold, v1.ReasonDoesNotExist)
	if !plan.Recheck.Equal(start.Add(time.Minute)) || !sameStatus(before, w.Certificate) {
		t.Errorf("holds until %s, status %+v", plan.Recheck, plan.Status)
	}

	w.Now = start.Add(time.Minute)
	plan = w.fail(w.ask(first), "")
	if rests := w.told(first).NextAttemptTime.Time; !rests.Equal(w.Now.Add(10*time.Minute)) || !plan.Recheck.Equal(start.Add(70*time.Second)) || plan.Next != second {
		t.Errorf("the first rests until %s, next at %s with %q", rests, plan.Recheck, plan.Next.Name)
	}
	if count := *w.Certificate.Status.FailedIssuanceAttempts; count != 4 {
		t.Errorf("%d attempts failed, want 4", count)
	}
}

func sameStatus(a, b *v1.Certificate) bool {
	return a.Status.Issuance.NextAttemptTime.Equal(b.Status.Issuance.NextAttemptTime) && len(a.Status.Issuers) == len(b.Status.Issuers) &&
		condition.Get(a.Status.Conditions, v1.ConditionIssuing).Message == condition.Get(b.Status.Conditions, v1.ConditionIssuing).Message
}

// fallenBack is a world whose certificate is from the second issuer, since the first has refused.
func fallenBack(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, withFallbacks)
	w.fail(w.ask(first), "")
	w.storeAnswer(w.ask(second))
	return w
}

// A certificate from a fallback is a good one: nothing happens until it is due, and then the first is asked again.
func TestTheWayBackIsTheRenewal(t *testing.T) {
	w := fallenBack(t)
	if told := w.told(first); told == nil || told.LastError == nil || w.told(second) != nil {
		t.Fatalf("status says of issuers: %+v", w.Certificate.Status.Issuers)
	}
	if got := w.condition(v1.ConditionReady).Message; !strings.Contains(got, `from ClusterIssuer "second", a fallback`) {
		t.Errorf("Ready says %q", got)
	}
	w.Now = start.Add(24 * time.Hour)
	before := w.Certificate.Status.DeepCopy()
	plan := w.decide()
	w.expect(plan, issuance.Keep, v1.ReasonReady)
	if plan.Issuer.Name != second.Name {
		t.Errorf("the Secret is described as %q's", plan.Issuer.Name)
	}
	if w.Now = before.RenewalTime.Time; !plan.Recheck.Equal(w.Now) {
		t.Errorf("looks again at %s, want the renewal at %s", plan.Recheck, w.Now)
	}
	w.storeAnswer(w.ask(first))
	if w.Certificate.Status.Issuers != nil || *w.Certificate.Status.Revision != 2 {
		t.Errorf("after the way back: %+v", w.Certificate.Status)
	}
	w.expect(w.decide(), issuance.Keep, v1.ReasonReady)
}

// An issuer whose rest outlasts the certificate is still passed over at the renewal.
func TestRestOutlastsTheRenewal(t *testing.T) {
	w := fallenBack(t)
	w.Now = w.Certificate.Status.RenewalTime.Time
	w.told(first).NextAttemptTime = &metav1.Time{Time: w.Now.Add(time.Hour)}
	w.ask(second)
	if got := w.condition(v1.ConditionIssuing).Message; !strings.Contains(got, `ClusterIssuer "second" is asked: Issuer "ca" failed and rests until`) {
		t.Errorf("Issuing says %q", got)
	}
}

func TestEditsOfTheIssuers(t *testing.T) {
	for name, test := range map[string]struct {
		edit func(*v1.Certificate)
		want string // the reason to issue again, empty if the certificate is kept
	}{
		"another order":                   {func(crt *v1.Certificate) { crt.Spec.FallbackIssuerRefs = []v1.IssuerRef{third, second} }, ""},
		"the one that signed comes first": {func(crt *v1.Certificate) { crt.Spec.IssuerRef, crt.Spec.FallbackIssuerRefs = second, nil }, ""},
		"the others go":                   {func(crt *v1.Certificate) { crt.Spec.FallbackIssuerRefs = []v1.IssuerRef{second} }, ""},
		"the one that failed goes": {func(crt *v1.Certificate) {
			crt.Spec.IssuerRef, crt.Spec.FallbackIssuerRefs = second, []v1.IssuerRef{third}
		}, ""},
		"the one that signed goes": {func(crt *v1.Certificate) { crt.Spec.FallbackIssuerRefs = []v1.IssuerRef{third} }, v1.ReasonIncorrectIssuer},
		"all fallbacks go":         {func(crt *v1.Certificate) { crt.Spec.FallbackIssuerRefs = nil }, v1.ReasonIncorrectIssuer},
	} {
		t.Run(name, func(t *testing.T) {
			w := fallenBack(t)
			test.edit(w.Certificate)
			w.Certificate.Generation++
			plan := w.decide()
			if test.want == "" {
				w.expect(plan, issuance.Keep, v1.ReasonReady)
			} else {
				w.expect(plan, issuance.Begin, test.want)
				if plan.Issuer != first {
					t.Errorf("asks %q, want the first", plan.Issuer.Name)
				}
			}
			named := append([]v1.IssuerRef{w.Certificate.Spec.IssuerRef}, w.Certificate.Spec.FallbackIssuerRefs...)
			if told := w.told(first); told != nil && (len(named) == 1 || !slices.Contains(named, first)) {
				t.Errorf("status still tells of issuers: %+v", w.Certificate.Status.Issuers)
			}
		})
	}
}

func TestEditAsksAtOnceFromTheTop(t *testing.T) {
	w := newWorld(t, withFallbacks)
	w.fail(w.ask(first), "")
	w.Certificate.Generation++
	w.ask(first)
}

// When all rest, a person who asks for a certificate gets an attempt.
func TestTriggerByHandWhenAllRest(t *testing.T) {
	w := newWorld(t, withFallbacks)
	for _, ref := range []v1.IssuerRef{first, second, third} {
		w.fail(w.ask(ref), "")
	}
	w.expect(w.decide(), issuance.Hold, v1.ReasonDoesNotExist)
	w.trigger()
	w.ask(first)
}

// unable is an issuer that has said for long that it is not ready.
func unable() issuance.Issuer {
	return issuance.Issuer{Blocked: "its CA expired", BlockedReason: v1.ReasonIssuerNotReady, Unable: true}
}

// What a person asks for by hand is asked of the next issuer too, although the certificate is not due.
func TestTriggerByHandIsPassedOn(t *testing.T) {
	for name, issuer := range map[string]issuance.Issuer{"an issuer that takes its time": {}, "an issuer that answers at once": {Instant: true}} {
		t.Run(name, func(t *testing.T) {
			w := issuedWorld(t, withFallbacks)
			w.Issuer = issuer
			w.trigger()
			w.fail(w.ask(first), "")
			if step := w.Certificate.Status.Issuance.Step; step != issuance.StepAskingNextIssuer {
				t.Errorf("the step is %s", step)
			}
			request := w.ask(second)
			if got := w.condition(v1.ConditionIssuing); got.Reason != v1.ReasonManuallyTriggered || strings.Count(got.Message, `"second" is asked`) != 1 {
				t.Errorf("Issuing says %s: %s", got.Reason, got.Message)
			}
			w.storeAnswer(request)
			w.expect(w.decide(), issuance.Keep, v1.ReasonReady)
		})
	}
}

func TestIssuersThatAreNotReady(t *testing.T) {
	unable := unable()
	silent := issuance.Issuer{Blocked: "no word yet", BlockedReason: v1.ReasonIssuerNotReady}
	absent := issuance.Issuer{Blocked: "it does not exist", BlockedReason: v1.ReasonIssuerNotFound}
	ready := issuance.Issuer{}
	for name, test := range map[string]struct {
		issuers [3]issuance.Issuer
		asked   v1.IssuerRef // zero: nobody
		says    string
	}{
		"the first is ready":       {[3]issuance.Issuer{ready, unable, absent}, first, ""},
		"the first says no":        {[3]issuance.Issuer{unable, ready, ready}, second, "its CA expired"},
		"two say no":               {[3]issuance.Issuer{unable, unable, ready}, third, "its CA expired"},
		"all say no":               {[3]issuance.Issuer{unable, unable, unable}, v1.IssuerRef{}, "its CA expired"},
		"the first is silent":      {[3]issuance.Issuer{silent, ready, ready}, v1.IssuerRef{}, "no word yet"},
		"the first does not exist": {[3]issuance.Issuer{absent, ready, ready}, v1.IssuerRef{}, "it does not exist"},
		"the next does not exist":  {[3]issuance.Issuer{unable, absent, ready}, v1.IssuerRef{}, "it does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, withFallbacks)
			w.Issuer, w.Fallbacks = test.issuers[0], test.issuers[1:]
			plan := w.decide()
			if (plan.Action == issuance.Begin) != (test.asked.Name != "") || plan.Issuer != test.asked {
				t.Fatalf("decided %s with %q: %s", plan.Action, plan.Issuer.Name, plan.Message)
			}
			if got := w.condition(v1.ConditionIssuing).Message; !strings.Contains(got, test.says) {
				t.Errorf("Issuing says %q, want %q", got, test.says)
			}
			if test.asked == second && w.told(first).LastError.Detail != "its CA expired" {
				t.Errorf("status says of issuers: %+v", w.Certificate.Status.Issuers)
			}
		})
	}
}

// With a twentieth of its life left, a certificate does not wait for an issuer that is not there.
func TestLittleTimeIsLeftForAnIssuerThatIsNotThere(t *testing.T) {
	w := issuedWorld(t, withFallbacks)
	w.Issuer = issuance.Issuer{Blocked: "it does not exist", BlockedReason: v1.ReasonIssuerNotFound}
	w.Now = start.Add(lifetime * 94 / 100)
	w.expect(w.decide(), issuance.Hold, v1.ReasonIssuerNotFound)
	w.Now = start.Add(lifetime * 96 / 100)
	w.ask(second)
}

// An issuer that rests is asked when its rest ends, although another is being waited for.
func TestRestEndsWhileAnIssuerIsWaitedFor(t *testing.T) {
	w := newWorld(t, withFallbacks)
	w.fail(w.ask(first), "")
	w.Fallbacks = []issuance.Issuer{{Blocked: "no word yet", BlockedReason: v1.ReasonIssuerNotReady}}
	plan := w.decide()
	w.expect(plan, issuance.Hold, v1.ReasonIssuerNotReady)
	if w.Now = start.Add(time.Minute); !plan.Recheck.Equal(w.Now) {
		t.Errorf("looks again at %s", plan.Recheck)
	}
	w.ask(first)
}

// An issuer that gets ready ends a wait for the rest of another.
func TestIssuerGetsReadyWhileTheOthersRest(t *testing.T) {
	w := newWorld(t, withFallbacks)
	w.Fallbacks = []issuance.Issuer{unable(), unable()}
	plan := w.fail(w.ask(first), "")
	if !plan.Recheck.Equal(start.Add(time.Minute)) || plan.Next != first {
		t.Errorf("the next attempt is at %s with %q", plan.Recheck, plan.Next.Name)
	}
	w.expect(w.decide(), issuance.Hold, v1.ReasonDoesNotExist)
	w.Fallbacks = []issuance.Issuer{unable(), {}}
	w.ask(third)
}

// An issuer that was waited for, and then says no, leaves the others to their rest.
func TestIssuerThatIsWaitedForSaysNo(t *testing.T) {
	w := newWorld(t, func(crt *v1.Certificate) { crt.Spec.FallbackIssuerRefs = []v1.IssuerRef{second} })
	w.Fallbacks = []issuance.Issuer{{Blocked: "no word yet", BlockedReason: v1.ReasonIssuerNotReady}}
	w.fail(w.ask(first), "")
	w.expect(w.decide(), issuance.Hold, v1.ReasonIssuerNotReady)
	w.Fallbacks = []issuance.Issuer{unable()}
	plan := w.decide()
	w.expect(plan, issuance.Hold, v1.ReasonDoesNotExist)
	if !plan.Recheck.Equal(start.Add(time.Minute)) {
		t.Errorf("holds until %s", plan.Recheck)
	}
}

// An issuer that has just said no may be about to get what it needs.
func TestFreshVerdictIsWaitedFor(t *testing.T) {
	w := newWorld(t, withFallbacks)
	w.Issuer = unable()
	w.Issuer.UnableSince = start.Add(-time.Second)
	plan := w.decide()
	w.expect(plan, issuance.Hold, v1.ReasonIssuerNotReady)
	if want := start.Add(59 * time.Second); !plan.Recheck.Equal(want) || !strings.Contains(w.condition(v1.ConditionIssuing).Message, "the next issuer is asked at 2026-03-01T12:00:59Z") {
		t.Errorf("looks again at %s: %s", plan.Recheck, plan.Message)
	}
	w.Now = plan.Recheck
	w.ask(second)
}

// An issuer that is passed over is told with what it says, once, and whenever it says something else.
func TestPassedOverIssuersAreTold(t *testing.T) {
	w := newWorld(t, withFallbacks)
	w.Issuer, w.Fallbacks = unable(), []issuance.Issuer{{Instant: true}}
	w.storeAnswer(w.ask(second))
	told := *w.told(first)
	if told.LastError.Detail != "its CA expired" || told.NextAttemptTime != nil || told.FailedAttempts != 0 {
		t.Fatalf("status says of the first: %+v", told)
	}
	w.Fallbacks = nil
	w.Now = w.Certificate.Status.RenewalTime.Time
	request := w.ask(second)
	if again := w.told(first); !again.LastFailureTime.Equal(told.LastFailureTime) {
		t.Errorf("the same is told again: %+v", again)
	}
	w.Now = w.Now.Add(time.Minute)
	w.Issuer.Blocked = "its Secret is gone"
	w.decide()
	if again := w.told(first); again.LastError.Detail != "its Secret is gone" || !again.LastFailureTime.Time.Equal(w.Now) {
		t.Errorf("status still says of the first: %+v", again)
	}
	w.Issuer = issuance.Issuer{}
	w.fail(request, "")
	w.Issuer = unable()
	w.ask(third)
	if count := w.told(second).FailedAttempts; count != 1 {
		t.Errorf("%d failures of the second", count)
	}
}

// What an issuer rests for is not hidden by what it says of itself meanwhile, and its failures still count.
func TestErrorOfARestIsKept(t *testing.T) {
	w := newWorld(t, withFallbacks)
	w.fail(w.ask(first), "")
	w.Issuer = unable()
	request := w.ask(second)
	if told := w.told(first); !strings.Contains(told.LastError.Detail, "the CA says no") {
		t.Errorf("status says of the first: %+v", told.LastError)
	}
	w.Now = start.Add(2 * time.Minute)
	w.decide()
	if told := w.told(first); told.LastError.Detail != "its CA expired" || told.FailedAttempts != 1 {
		t.Errorf("status says of the first after its rest: %+v", told)
	}
	w.storeAnswer(request)
	if told := w.told(first); told.FailedAttempts != 0 {
		t.Errorf("failures from before the certificate still count: %+v", told)
	}
}

// A fallback that says no after all leaves the others to their rest.
func TestNextIssuerSaysNoAfterAll(t *testing.T) {
	w := newWorld(t, func(crt *v1.Certificate) { crt.Spec.FallbackIssuerRefs = []v1.IssuerRef{second} })
	w.fail(w.ask(first), "")
	w.Fallbacks = []issuance.Issuer{{Blocked: "its CA expired", BlockedReason: v1.ReasonIssuerNotReady, Unable: true}}
	plan := w.decide()
	w.expect(plan, issuance.Hold, v1.ReasonDoesNotExist)
	if !plan.Recheck.Equal(start.Add(time.Minute)) {
		t.Errorf("holds until %s", plan.Recheck)
	}
	w.Fallbacks = nil
	w.ask(second)
}

func TestAttemptsThatAreHeldUp(t *testing.T) {
	busy := issuance.Issuer{Blocked: "its CA expired", BlockedReason: v1.ReasonIssuerNotReady, Unable: true, UnableSince: start}
	for name, test := range map[string]struct {
		set  func(*world, *v1.CertificateRequest)
		at   time.Duration // when to decide
		fail bool
		// look is when to decide again; rests is until when the issuer rests after a failure. Both from the start.
		look, rests time.Duration
	}{
		"nothing holds it up": {func(*world, *v1.CertificateRequest) {}, time.Hour, false, 0, 0},
		"a long limit": {func(_ *world, r *v1.CertificateRequest) {
			waitingRequest(r, "RateLimited", start, start.Add(3*time.Hour))
		},
			10 * time.Second, true, 0, 3 * time.Hour},
		"a short limit": {func(_ *world, r *v1.CertificateRequest) {
			waitingRequest(r, "RateLimited", start, start.Add(9*time.Minute))
		},
			10 * time.Second, false, 10 * time.Minute, 0},
		"a limit without an end, at first": {func(_ *world, r *v1.CertificateRequest) { waitingRequest(r, "ExactSetLimit", start, time.Time{}) },
			9 * time.Minute, false, 10 * time.Minute, 0},
		"a limit without an end, later": {func(_ *world, r *v1.CertificateRequest) { waitingRequest(r, "ExactSetLimit", start, time.Time{}) },
			10 * time.Minute, true, 0, 20 * time.Minute},
		"an outage, later": {func(_ *world, r *v1.CertificateRequest) { waitingRequest(r, "CAUnavailable", start, time.Time{}) },
			11 * time.Minute, true, 0, 21 * time.Minute},
		"an issuer that says no, at first": {func(w *world, _ *v1.CertificateRequest) { w.Issuer = busy }, time.Minute, false, 10 * time.Minute, 0},
		"an issuer that says no, later":    {func(w *world, _ *v1.CertificateRequest) { w.Issuer = busy }, 10 * time.Minute, true, 0, 20 * time.Minute},
		"an issuer that said no before it was asked": {func(w *world, _ *v1.CertificateRequest) {
			w.Issuer = busy
			w.Issuer.UnableSince = start.Add(-time.Hour)
		}, time.Minute, false, 10 * time.Minute, 0},
		"an outage of a CA without a fallback that is ready": {func(w *world, r *v1.CertificateRequest) {
			waitingRequest(r, "CAUnavailable", start, time.Time{})
			w.Fallbacks = []issuance.Issuer{busy, {Blocked: "no word yet"}}
		}, time.Hour, false, 0, 0},
		"a long limit while the others rest": {func(w *world, r *v1.CertificateRequest) {
			waitingRequest(r, "RateLimited", start, start.Add(3*time.Hour))
			for _, ref := range []v1.IssuerRef{second, third} {
				w.Certificate.Status.Issuers = append(w.Certificate.Status.Issuers, v1.CertificateIssuerStatus{
					IssuerRef: ref, NextAttemptTime: &metav1.Time{Time: start.Add(time.Hour)}, ObservedGeneration: 1,
				})
			}
		}, time.Minute, false, time.Hour, 0},
		"a long limit of an issuer without fallbacks": {func(w *world, r *v1.CertificateRequest) {
			waitingRequest(r, "RateLimited", start, start.Add(3*time.Hour))
			w.Certificate.Spec.FallbackIssuerRefs = nil
		}, time.Hour, false, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, withFallbacks)
			request := w.ask(first)
			test.set(w, request)
			w.Now = start.Add(test.at)
			plan := w.decide()
			if !test.fail {
				w.expect(plan, issuance.Continue, v1.ReasonDoesNotExist)
				if got := plan.Recheck; test.look == 0 != got.IsZero() || test.look != 0 && !got.Equal(start.Add(test.look)) {
					t.Errorf("looks again at %s, want after %s", got, test.look)
				}
				return
			}
			if plan.Action != issuance.Fail || !strings.Contains(plan.Message, "was given up") {
				t.Fatalf("decided %s: %s", plan.Action, plan.Message)
			}
			if got := w.told(first).NextAttemptTime.Time; !got.Equal(start.Add(test.rests)) {
				t.Errorf("rests until %s, want for %s", got, test.rests)
			}
			w.ask(second)
		})
	}
}

// The less time is left, the sooner another issuer is asked.
func TestPatienceEndsWithTheCertificate(t *testing.T) {
	for share, want := range map[time.Duration]time.Duration{70: 10 * time.Minute, 96: time.Minute, 101: time.Minute} {
		w := issuedWorld(t, withFallbacks)
		w.Now = start.Add(lifetime * share / 100)
		request := w.ask(first)
		held := w.Now
		waitingRequest(request, "CAUnavailable", held, time.Time{})
		w.Now = held.Add(want - time.Second)
		if plan := w.decide(); plan.Action != issuance.Continue || !plan.Recheck.Equal(held.Add(want)) {
			t.Errorf("at %d %%: %s, looks again after %s, want after %s", share, plan.Action, plan.Recheck.Sub(held), want)
		}
		w.Now = held.Add(want)
		w.expect(w.decide(), issuance.Fail, "CAUnavailable")
	}
}

// A crash after any write of a Fail leaves the next issuer to be asked, once.
func TestGivenUpAttemptIsNotTakenUpAgain(t *testing.T) {
	w := newWorld(t, withFallbacks)
	request := w.ask(first)
	waitingRequest(request, "RateLimited", start, start.Add(3*time.Hour))
	w.expect(w.decide(), issuance.Fail, "RateLimited")
	plan := w.decide()
	w.expect(plan, issuance.Begin, v1.ReasonDoesNotExist)
	if plan.Issuer != second || plan.Attempt != 2 || len(plan.Obsolete) != 1 || plan.Obsolete[0] != request {
		t.Errorf("attempt %d with %q, obsolete %v", plan.Attempt, plan.Issuer.Name, plan.Obsolete)
	}
	if *w.Certificate.Status.FailedIssuanceAttempts != 1 {
		t.Errorf("%d failures", *w.Certificate.Status.FailedIssuanceAttempts)
	}
}

// What a decision knows of an issuer is asked of the one that the attempt, or the certificate, is with.
func TestEachIssuerIsKnownByItself(t *testing.T) {
	t.Run("a fallback that answers at once needs no staged key", func(t *testing.T) {
		w := newWorld(t, withFallbacks)
		w.fail(w.ask(first), "")
		if w.Fallbacks = []issuance.Issuer{{Instant: true}}; !w.AsksInstant() {
			t.Error("the next issuer does not count as one that answers at once")
		}
		w.ask(second)
		if w.Certificate.Status.NextPrivateKeySecretName != nil {
			t.Errorf("status names the key %q", *w.Certificate.Status.NextPrivateKeySecretName)
		}
	})
	t.Run("a key is staged for a fallback that takes its time", func(t *testing.T) {
		w := newWorld(t, withFallbacks)
		w.Issuer.Instant = true
		w.fail(w.ask(first), "")
		w.ask(second)
		if got := w.Certificate.Status.NextPrivateKeySecretName; got == nil || *got != "leaf-2-key" || w.AsksInstant() {
			t.Errorf("status names the key %v", got)
		}
	})
	t.Run("a key that was staged before is not kept for it", func(t *testing.T) {
		w := newWorld(t, withFallbacks)
		w.ask(first)
		w.Certificate.Spec.DNSNames = []string{"other.example.test"}
		w.Issuer, w.Fallbacks = unable(), []issuance.Issuer{{Instant: true}}
		w.ask(second)
		w.Now = start.Add(time.Minute)
		w.expect(w.decide(), issuance.Continue, v1.ReasonDoesNotExist)
		if got := w.Certificate.Status.NextPrivateKeySecretName; got != nil {
			t.Errorf("status names the key %q", *got)
		}
	})
	t.Run("a fallback that answers at once needs no temporary certificate", func(t *testing.T) {
		w := newWorld(t, withFallbacks, func(crt *v1.Certificate) {
			crt.Annotations = map[string]string{names.Annotation.IssueTemporaryCertificate: "true"}
		})
		w.Issuer, w.Fallbacks = unable(), []issuance.Issuer{{Instant: true}}
		if plan := w.decide(); plan.Action != issuance.Begin || plan.Temporary {
			t.Errorf("decided %s, temporary: %t", plan.Action, plan.Temporary)
		}
	})
	t.Run("a lost key of a fallback that answers at once is no failure", func(t *testing.T) {
		w := newWorld(t, withFallbacks)
		w.fail(w.ask(first), "")
		w.Fallbacks = []issuance.Issuer{{Instant: true}}
		request := w.ask(second)
		w.Key = nil
		w.conclude(request, metav1.ConditionFalse, v1.ReasonFailed, "needs the request's private key")
		w.expect(w.decide(), issuance.Begin, v1.ReasonKeyLost)
	})
	t.Run("the key of the CA that signed", func(t *testing.T) {
		w := fallenBack(t)
		otherSigner(w)
		w.expect(w.decide(), issuance.Keep, v1.ReasonReady)
		w.Fallbacks = []issuance.Issuer{{Signer: w.Issuer.Signer}}
		plan := w.decide()
		w.expect(plan, issuance.Begin, v1.ReasonIssuerKeyChanged)
		if !strings.Contains(plan.Message, `ClusterIssuer "second"`) {
			t.Errorf("says %q", plan.Message)
		}
	})
	t.Run("the suggestion of the CA that signed", func(t *testing.T) {
		w := fallenBack(t)
		w.Issuer.SuggestsRenewal = true
		info := &issuance.RenewalInfo{Start: start.Add(24 * time.Hour), End: start.Add(48 * time.Hour), Next: start.Add(6 * time.Hour)}
		w.RenewalInfo = info
		w.decide()
		if w.Certificate.Status.ACME != nil {
			t.Errorf("the CA of the first issuer is followed: %+v", w.Certificate.Status.ACME)
		}
		w.Fallbacks, w.RenewalInfo = []issuance.Issuer{{SuggestsRenewal: true}}, info
		w.decide()
		if w.Certificate.Status.ACME == nil {
			t.Error("the CA that signed is not followed")
		}
		if w.SignedBy() != 1 {
			t.Errorf("signed by number %d", w.SignedBy())
		}
	})
}

// Where the annotations are lost, the request still says which issuer signed.
func TestSourceWithoutAnnotations(t *testing.T) {
	w := fallenBack(t)
	w.Secret.Annotations = nil
	plan := w.decide()
	w.expect(plan, issuance.Keep, v1.ReasonReady)
	if plan.Issuer != second || w.SignedBy() != -1 {
		t.Errorf("kept as %q's, signed by number %d", plan.Issuer.Name, w.SignedBy())
	}
}

// A Secret from a backup says itself which issuer signed.
func TestSourceWithoutRequests(t *testing.T) {
	w := fallenBack(t)
	w.Requests, w.Certificate.Status = nil, v1.CertificateStatus{}
	plan := w.decide()
	w.expect(plan, issuance.Keep, v1.ReasonReady)
	if !plan.Issuer.SameAs(second, names) {
		t.Errorf("kept as %q's", plan.Issuer.Name)
	}
}

// An attempt with an issuer that the spec does not name any more is not gone on with.
func TestAttemptEndsWithItsIssuer(t *testing.T) {
	w := newWorld(t, withFallbacks)
	w.ask(first)
	w.Certificate.Spec.IssuerRef.Name = "other"
	plan := w.decide()
	w.expect(plan, issuance.Begin, v1.ReasonDoesNotExist)
	if plan.Attempt != 2 || plan.Issuer.Name != "other" {
		t.Errorf("attempt %d with %q", plan.Attempt, plan.Issuer.Name)
	}
}

// What the CA says about a certificate that has just been stored is followed, though the Secret has another's.
func TestSuggestionForAFallbackThatWasJustStored(t *testing.T) {
	w := issuedWorld(t, withFallbacks)
	w.Now = start.Add(lifetime * 2 / 3)
	w.fail(w.ask(first), "")
	w.Fallbacks = []issuance.Issuer{{SuggestsRenewal: true}}
	request := w.ask(second)
	w.sign(request, w.Key, w.Now)
	plan := issuance.Decide(w.Snapshot)
	w.expect(plan, issuance.Store, v1.ReasonReady)
	issuance.Suggested(w.Snapshot, &plan, &issuance.RenewalInfo{Start: w.Now.Add(24 * time.Hour), End: w.Now.Add(48 * time.Hour)})
	if plan.Status.ACME == nil {
		t.Error("the CA's suggestion is lost")
	}
}
