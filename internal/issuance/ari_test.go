package issuance_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/issuance"
)

// suggested is a world with a certificate of 90 days, about which the CA has said that it is to be renewed
// between two times, in days after its issuance.
func suggested(t *testing.T, from, to float64, change ...func(*v1.Certificate)) *world {
	t.Helper()
	w := issuedWorld(t, change...)
	w.Issuer.SuggestsRenewal = true
	w.Now = start.Add(day)
	w.suggest(from, to)
	return w
}

// suggest is an answer of the CA, in days after the issuance.
func (w *world) suggest(from, to float64) {
	w.RenewalInfo = &issuance.RenewalInfo{Start: after(from), End: after(to), ExplanationURL: "https://ca.test/why", Next: w.Now.Add(6 * time.Hour)}
}

func after(days float64) time.Time { return start.Add(time.Duration(days * float64(day))) }

func (w *world) due() time.Time {
	w.t.Helper()
	if w.Certificate.Status.RenewalTime == nil {
		w.t.Fatal("no renewal time is told")
	}
	return w.Certificate.Status.RenewalTime.Time
}

func within(at time.Time, from, to float64) bool {
	return !at.Before(after(from)) && at.Before(after(to))
}

func TestTheCAsSuggestionDecides(t *testing.T) {
	w := suggested(t, 50, 52)
	plan := w.decide()
	w.expect(plan, issuance.Keep, v1.ReasonReady)
	if !within(w.due(), 50, 52) {
		t.Errorf("due at %s, want between %s and %s", w.due(), after(50), after(52))
	}
	if !plan.Recheck.Equal(w.RenewalInfo.Next) {
		t.Errorf("looked at again at %s, want when the CA wants to be asked again", plan.Recheck)
	}
	ari := w.Certificate.Status.ACME.ARI
	if !ari.SuggestedWindow.Start.Time.Equal(after(50)) || ari.ExplanationURL != "https://ca.test/why" || !ari.LastChecked.Time.Equal(w.Now) {
		t.Errorf("status tells %+v", ari)
	}
	first := w.Certificate.Status
	t.Run("and is written once", func(t *testing.T) {
		w.Now = w.Now.Add(6 * time.Hour)
		w.suggest(50, 52)
		w.decide()
		if diff := cmp.Diff(first, w.Certificate.Status); diff != "" {
			t.Errorf("the same answer changes the status:\n%s", diff)
		}
	})
	t.Run("and outlives the process", func(t *testing.T) {
		w.RenewalInfo = nil
		w.decide()
		if diff := cmp.Diff(first, w.Certificate.Status); diff != "" {
			t.Errorf("before the first answer the status changes:\n%s", diff)
		}
	})
	t.Run("and outlives a CA that does not answer", func(t *testing.T) {
		w.RenewalInfo = &issuance.RenewalInfo{LastError: "the CA answered with HTTP status 503", Next: w.Now.Add(time.Minute)}
		w.decide()
		ari := w.Certificate.Status.ACME.ARI
		if ari.LastError == "" || !sameStart(ari, after(50)) || !w.due().Equal(first.RenewalTime.Time) {
			t.Errorf("status tells %+v, due %s", ari, w.due())
		}
	})
	t.Run("and is chosen anew for another window", func(t *testing.T) {
		w.suggest(54, 56)
		plan := w.decide()
		if !within(w.due(), 54, 56) || plan.Moved != "" {
			t.Errorf("due at %s (%s)", w.due(), plan.Moved)
		}
	})
	t.Run("and is about one certificate", func(t *testing.T) {
		w.Now = w.due()
		w.expect(w.decide(), issuance.Begin, v1.ReasonRenewing)
		request, key := w.request(2, 2)
		w.sign(request, key, w.Now)
		w.Key = key
		w.expect(w.decide(), issuance.Store, v1.ReasonReady)
		if w.Certificate.Status.ACME != nil || !within(w.due(), 54+55, 56+61) {
			t.Errorf("of the new certificate the status tells %+v, due %s", w.Certificate.Status.ACME, w.due())
		}
	})
}

func sameStart(ari *v1.ARIStatus, at time.Time) bool {
	return ari.SuggestedWindow != nil && ari.SuggestedWindow.Start.Time.Equal(at)
}

// What the CA says about a certificate at once is told together with its issuance.
func TestASuggestionAboutANewCertificate(t *testing.T) {
	w := newWorld(t)
	w.Issuer.SuggestsRenewal = true
	request, key := w.request(1, 1)
	w.Key = key
	w.sign(request, key, start)
	plan := issuance.Decide(w.Snapshot)
	w.expect(plan, issuance.Store, v1.ReasonReady)
	w.suggest(50, 52)
	issuance.Suggested(w.Snapshot, &plan, w.RenewalInfo)
	w.Certificate.Status = plan.Status
	if !within(w.due(), 50, 52) || !sameStart(w.Certificate.Status.ACME.ARI, after(50)) || !plan.Recheck.Equal(w.RenewalInfo.Next) {
		t.Errorf("due %s, looked at again %s, status tells %+v", w.due(), plan.Recheck, w.Certificate.Status.ACME)
	}
	w.store(request, key)
	before := w.Certificate.Status
	w.Key = nil
	w.expect(w.decide(), issuance.Keep, v1.ReasonReady)
	if diff := cmp.Diff(before, w.Certificate.Status); diff != "" {
		t.Errorf("the next look changes the status:\n%s", diff)
	}
}

// A certificate that the CA has revoked, or will, is replaced at once, and the person is told.
func TestASuggestionThatMovesToThePast(t *testing.T) {
	w := suggested(t, 50, 52)
	w.Now = start.Add(10 * time.Minute)
	w.decide()
	w.suggest(-0.1, -0.05)
	plan := w.decide()
	w.expect(plan, issuance.Begin, v1.ReasonRenewing)
	if !strings.Contains(plan.Moved, "https://ca.test/why") || !strings.Contains(plan.Moved, after(-0.1).Format(time.RFC3339)) {
		t.Errorf("the person is told %q", plan.Moved)
	}
	due := w.due()
	w.request(2, 2)
	again := w.decide()
	w.expect(again, issuance.Begin, v1.ReasonKeyLost)
	if !w.due().Equal(due) {
		t.Errorf("due at %s, and at the next look at %s", due, w.due())
	}
	if again.Moved != "" {
		t.Errorf("the person is told twice: %q", again.Moved)
	}
}

// A CA whose first word about a new certificate is that it is due does not make us order without end.
func TestASuggestionThatIsPastFromTheStart(t *testing.T) {
	w := issuedWorld(t)
	w.Issuer.SuggestsRenewal = true
	w.suggest(-0.1, -0.05)
	plan := w.decide()
	w.expect(plan, issuance.Keep, v1.ReasonReady)
	if got := w.due().Sub(start); got != time.Hour {
		t.Errorf("due %s after it was asked for, want an hour", got)
	}
}

// Nor does a spec that wants a certificate renewed before it is there, whatever the CA suggests.
func TestASuggestionBesideARenewBeforeThatIsTooLong(t *testing.T) {
	w := suggested(t, 50, 52, func(crt *v1.Certificate) { crt.Spec.RenewBefore = &metav1.Duration{Duration: lifetime - time.Second} })
	w.Now = start.Add(time.Minute)
	w.expect(w.decide(), issuance.Keep, v1.ReasonReady)
	if got := w.due().Sub(start); got != time.Hour {
		t.Errorf("due %s after it was asked for, want an hour", got)
	}
}

func TestBoundsOfASuggestion(t *testing.T) {
	cron := func(expression string) func(*v1.Certificate) {
		return func(crt *v1.Certificate) {
			crt.Spec.Renewal = &v1.CertificateRenewal{Windows: []v1.RenewalWindow{{Cron: expression, WindowDuration: metav1.Duration{Duration: time.Hour}}}}
		}
	}
	for name, test := range map[string]struct {
		from, to float64
		change   func(*v1.Certificate)
		// The renewal is due between these days.
		first, last float64
		warns       bool
	}{
		"never later than is safe":             {88, 89, func(*v1.Certificate) {}, 85.5, 85.51, false},
		"earlier where the spec says so":       {80, 81, func(crt *v1.Certificate) { crt.Spec.RenewBefore = &metav1.Duration{Duration: 30 * day} }, 58, 60.01, false},
		"not later because the spec says so":   {50, 51, func(crt *v1.Certificate) { crt.Spec.RenewBefore = &metav1.Duration{Duration: 10 * day} }, 50, 51, false},
		"in a window of the spec":              {50, 60, cron("0 2 * * *"), 50, 60, false},
		"outside of them rather than too late": {50, 50.01, cron("0 2 1 1 *"), 50, 50.01, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := suggested(t, test.from, test.to, test.change)
			plan := w.decide()
			if !within(w.due(), test.first, test.last) || (plan.Warning != "") != test.warns {
				t.Errorf("due at %s, want between %s and %s (%s)", w.due(), after(test.first), after(test.last), plan.Warning)
			}
			due := w.due()
			if w.decide(); !w.due().Equal(due) {
				t.Errorf("at the next look due at %s, before at %s", w.due(), due)
			}
		})
	}
	disabled := suggested(t, 50, 51, func(crt *v1.Certificate) { crt.Spec.Renewal = &v1.CertificateRenewal{Policy: v1.RenewalDisabled} })
	if disabled.decide(); disabled.Certificate.Status.RenewalTime != nil {
		t.Errorf("policy Disabled is due at %s", disabled.Certificate.Status.RenewalTime)
	}
}

// A process that starts does not ask about all certificates at once, and about none later than usual.
func TestQuestionsAfterARestartAreSpread(t *testing.T) {
	const count, buckets = 3000, 12
	now := start.Add(20*day + 1234*time.Second)
	histogram := map[int]int{}
	for i := range count {
		uid := types.UID(fmt.Sprintf("0b5e11a2-0000-4000-8000-%012d", i))
		next := issuance.NextInRound(uid, start, now)
		if !next.After(now) || next.After(now.Add(6*time.Hour)) || !next.Equal(issuance.NextInRound(uid, start, now.Add(-time.Second))) && next.Sub(now) < 6*time.Hour-time.Second {
			t.Fatalf("asked at %s, %s after the start", next, next.Sub(now))
		}
		histogram[int(next.Sub(now)/(6*time.Hour/buckets))]++
	}
	for bucket := range buckets {
		if got, even := histogram[bucket], count/buckets; got < even/2 || got > even*2 {
			t.Errorf("bucket %d of %d holds %d questions of %d: %v", bucket, buckets, got, count, histogram)
		}
	}
}
