package backend

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/limiter"
	"github.com/certwright/certwright/internal/orderflow"
	"github.com/certwright/certwright/internal/outcome"
)

var limitsStart = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// clock is a time that only a test moves.
type clock struct{ now time.Time }

func (c *clock) add(d time.Duration) { c.now = c.now.Add(d) }

// limitedIssuer is an issuer with an account of its own, and limits.
func limitedIssuer(account string, orders, exactSet int32) *v1.Issuer {
	issuer := &v1.Issuer{}
	issuer.Spec.ACME = &v1.ACMEIssuer{
		Server: "https://ca.test/directory",
		Limits: &v1.ACMELimits{OrdersPer3Hours: &orders, ExactSetPerWeek: &exactSet},
	}
	issuer.Status.ACME = &v1.ACMEIssuerStatus{URI: "https://ca.test/account/" + account}
	return issuer
}

// inMemory keeps an account that has been read already, so that nothing calls the API server.
func inMemory(issuer v1.GenericIssuer) (*Limiters, *clock) {
	c := &clock{now: limitsStart}
	l := &Limiters{Client: &kube.Client{Now: func() time.Time { return c.now }}, Annotations: LimitAnnotations{Force: "example.com/force"}}
	a := l.lock(issuer)
	defer a.mu.Unlock()
	a.loaded = true
	return l, c
}

// askFor gives the permit, or how long the Order has to wait.
func askFor(t *testing.T, l *Limiters, issuer v1.GenericIssuer, id string, order limiter.Order) (*Permit, time.Duration) {
	t.Helper()
	permit, err := l.Ask(t.Context(), issuer, types.UID(id), order)
	if err == nil {
		return permit, 0
	}
	var refusal *outcome.Error
	if !errors.As(err, &refusal) || refusal.Kind != outcome.Wait {
		t.Fatalf("order %s: %v", id, err)
	}
	return nil, refusal.At.Sub(l.Client.Now())
}

func TestLimitsOf(t *testing.T) {
	own := limitedIssuer("a", 7, 0)
	letsEncrypt := limitedIssuer("a", 0, 0)
	letsEncrypt.Spec.ACME.Server, letsEncrypt.Spec.ACME.Limits.OrdersPer3Hours = "https://acme-v02.api.letsencrypt.org/directory", nil
	other := limitedIssuer("a", 0, 0)
	other.Spec.ACME.Limits = nil
	for name, test := range map[string]struct {
		issuer           *v1.Issuer
		orders, exactSet int
	}{
		"its own":                       {own, 7, 0},
		"the CA's, but one that is off": {letsEncrypt, 285, 0},
		"none":                          {other, 0, 0},
	} {
		want := limiter.Limits{Orders: test.orders, OrdersPer: 3 * time.Hour, ExactSet: test.exactSet, ExactSetPer: 7 * 24 * time.Hour}
		if diff := cmp.Diff(want, limitsOf(test.issuer)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// What was allowed takes its place until it is known that it was not made.
func TestPermitsCountUntilReleased(t *testing.T) {
	issuer := limitedIssuer("a", 2, 0)
	l, c := inMemory(issuer)
	first, _ := askFor(t, l, issuer, "1", limiter.Order{})
	second, _ := askFor(t, l, issuer, "2", limiter.Order{})
	if _, wait := askFor(t, l, issuer, "3", limiter.Order{}); wait != 90*time.Minute {
		t.Errorf("a third order waits %s, want 90m", wait)
	}
	first.Ordered()
	first.Release()
	second.Release()
	second.Ordered()
	permit, wait := askFor(t, l, issuer, "3", limiter.Order{})
	if wait != 0 {
		t.Fatalf("the place of an order that was not made is taken for %s", wait)
	}
	permit.Ordered()
	c.add(89 * time.Minute)
	if _, wait := askFor(t, l, issuer, "4", limiter.Order{}); wait != time.Minute {
		t.Errorf("two orders take the places of two for %s, want 1m", wait)
	}
}

// Orders that wait each have a turn of their own, and nobody comes before them but what is urgent.
func TestTurnsOfTheBucket(t *testing.T) {
	issuer := limitedIssuer("a", 3, 0)
	l, c := inMemory(issuer)
	for i := range 3 {
		permit, _ := askFor(t, l, issuer, fmt.Sprint("made", i), limiter.Order{})
		permit.Ordered()
	}
	for i, id := range []string{"1", "2", "3", "2", "1"} {
		want := time.Duration([]int{1, 2, 3, 2, 1}[i]) * time.Hour
		if _, wait := askFor(t, l, issuer, id, limiter.Order{}); wait != want {
			t.Errorf("order %s waits %s, want %s", id, wait, want)
		}
	}
	c.add(time.Hour)
	if _, wait := askFor(t, l, issuer, "newcomer", limiter.Order{}); wait != 3*time.Hour {
		t.Errorf("a newcomer waits %s, want 3h", wait)
	}
	urgent, wait := askFor(t, l, issuer, "urgent", limiter.Order{PastBackstop: true})
	if wait != 0 {
		t.Fatalf("an urgent order waits %s for others that wait", wait)
	}
	urgent.Release()
	permit, wait := askFor(t, l, issuer, "1", limiter.Order{})
	if wait != 0 {
		t.Fatalf("an order whose turn it is waits %s", wait)
	}
	permit.Ordered()
	// The second never comes: its turn goes to the next.
	c.add(time.Hour + turnKept + time.Second)
	permit, wait = askFor(t, l, issuer, "3", limiter.Order{})
	if wait != 0 {
		t.Fatalf("an order waits %s for one that does not come", wait)
	}
	permit.Ordered()
	if _, wait := askFor(t, l, issuer, "newcomer", limiter.Order{}); wait > time.Hour {
		t.Errorf("the last in turn waits %s", wait)
	}
}

func TestWhatAnOrderIsTold(t *testing.T) {
	order := limiter.Order{Set: limiter.SetOf([]string{"a.test"})}
	for name, test := range map[string]struct {
		before func(*Limiters, *v1.Issuer)
		reason string
	}{
		"certificates for its names": {func(l *Limiters, issuer *v1.Issuer) { l.Issued(issuer, order, "1") }, ReasonExactSetLimit},
		"a refusal of the account": {func(l *Limiters, issuer *v1.Issuer) {
			l.Refused(issuer, fmt.Errorf("new order: %w", accountLimited(time.Hour)))
		}, orderflow.ReasonRateLimited},
	} {
		issuer := limitedIssuer("a", 0, 1)
		l, _ := inMemory(issuer)
		test.before(l, issuer)
		_, err := l.Ask(t.Context(), issuer, "1", order)
		if refusal := outcome.From(err); refusal == nil || refusal.Kind != outcome.Wait || refusal.Reason != test.reason || refusal.At.IsZero() {
			t.Errorf("after %s: %+v", name, refusal)
		}
	}
}

func accountLimited(after time.Duration) *acme.Problem {
	return &acme.Problem{
		Type: acme.TypeRateLimited, Status: 429, RetryAfter: limitsStart.Add(after),
		Detail: "too many new orders (300) from this account in the last 3h0m0s",
	}
}

func TestRefused(t *testing.T) {
	ofNames, ofIdentifiers, ofThePast := accountLimited(time.Hour), accountLimited(time.Hour), accountLimited(-time.Hour)
	ofNames.Detail = `too many certificates (50) already issued for "example.com"`
	ofIdentifiers.Subproblems = []acme.Problem{{Identifier: &acme.Identifier{Type: "dns", Value: "a.test"}}}
	for name, test := range map[string]struct {
		err  error
		want time.Duration
	}{
		"the account":             {accountLimited(time.Hour), time.Hour},
		"the account for a year":  {accountLimited(365 * 24 * time.Hour), 24 * time.Hour},
		"the account in the past": {ofThePast, 0},
		"names":                   {ofNames, 0},
		"identifiers":             {ofIdentifiers, 0},
		"nothing by the CA":       {errors.New("no route"), 0},
	} {
		issuer := limitedIssuer("a", 0, 0)
		l, _ := inMemory(issuer)
		l.Refused(issuer, test.err)
		if _, wait := askFor(t, l, issuer, "1", limiter.Order{Replaces: true}); wait != test.want {
			t.Errorf("a refusal of %s: others wait %s, want %s", name, wait, test.want)
		}
		other := limitedIssuer("b", 0, 0)
		a := l.lock(other)
		a.loaded = true
		a.mu.Unlock()
		if _, wait := askFor(t, l, other, "1", limiter.Order{}); wait != 0 {
			t.Errorf("a refusal of %s: another account waits %s", name, wait)
		}
	}
}

// An account is held as long as something is known of it that Start has to write or that limits it.
func TestIdleAccountsAreForgotten(t *testing.T) {
	for name, test := range map[string]struct {
		use  func(*testing.T, *Limiters, *v1.Issuer)
		held bool
	}{
		"one that is asked about":     {func(*testing.T, *Limiters, *v1.Issuer) {}, false},
		"one with an order under way": {func(t *testing.T, l *Limiters, i *v1.Issuer) { askFor(t, l, i, "1", limiter.Order{}) }, true},
		"one with something to write": {func(_ *testing.T, l *Limiters, i *v1.Issuer) { l.Issued(i, limiter.Order{Set: "a"}, "1") }, true},
		"one that made orders": {func(t *testing.T, l *Limiters, i *v1.Issuer) {
			l.Issued(i, limiter.Order{Set: "a"}, "1")
			a := l.lock(i)
			a.written = a.changes
			a.mu.Unlock()
		}, true},
	} {
		issuer := limitedIssuer("a", 5, 5)
		l, c := inMemory(issuer)
		test.use(t, l, issuer)
		l.forgetIdle(c.now)
		if len(l.accounts) != 1 {
			t.Errorf("%s is forgotten at once", name)
		}
		c.add(forgetAfter)
		l.forgetIdle(c.now)
		if (len(l.accounts) == 1) != test.held {
			t.Errorf("%s: held %t, want %t", name, len(l.accounts) == 1, test.held)
		}
	}
}
