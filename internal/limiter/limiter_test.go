package limiter_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/internal/limiter"
)

const force = "example.com/issue-now"

var (
	now    = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	names  = limiter.Order{Set: limiter.SetOf([]string{"a.test", "b.test"})}
	limits = limiter.Limits{Orders: 3, OrdersPer: 3 * time.Hour, ExactSet: 2, ExactSetPer: 7 * 24 * time.Hour}
)

func order(change func(*limiter.Order)) limiter.Order {
	result := names
	change(&result)
	return result
}

func TestDefaultLimits(t *testing.T) {
	windows := limiter.Limits{OrdersPer: 3 * time.Hour, ExactSetPer: 7 * 24 * time.Hour}
	production, staging := windows, windows
	production.Orders, production.ExactSet = 285, 4
	staging.Orders = 1425
	for directory, want := range map[string]limiter.Limits{
		"https://acme-v02.api.letsencrypt.org/directory":         production,
		"https://ACME-v02.api.letsencrypt.org:443/directory":     production,
		"https://acme-staging-v02.api.letsencrypt.org/directory": staging,
		"https://acme-v02.api.letsencrypt.org.evil.test/":        windows,
		"https://ca.test/acme-v02.api.letsencrypt.org/directory": windows,
		"https://ca.test/directory":                              windows,
		"::":                                                     windows,
	} {
		if diff := cmp.Diff(want, limiter.DefaultLimits(directory)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", directory, diff)
		}
	}
}

func TestSetOf(t *testing.T) {
	one := limiter.SetOf([]string{"a.test", "b.test"})
	for name, test := range map[string]struct {
		names []string
		same  bool
	}{
		"another order, case and count": {[]string{"B.test", "a.TEST", "b.test"}, true},
		"a name less":                   {[]string{"a.test"}, false},
		"names that run together":       {[]string{"a.testb.test"}, false},
	} {
		if got := limiter.SetOf(test.names); (got == one) != test.same {
			t.Errorf("%s: %s and %s", name, got, one)
		}
	}
}

// The bucket is full at first, then it gives one order an hour.
func TestOrdersOfAnAccount(t *testing.T) {
	state := &limiter.State{}
	for i := range 3 {
		if refusal := state.Ask(limits, now, names, force); refusal != nil {
			t.Fatalf("order %d of a full bucket is refused: %s", i, refusal.Why)
		}
		state.Ordered(limits, now, names)
	}
	for name, test := range map[string]struct {
		limits limiter.Limits
		after  time.Duration
		order  limiter.Order
		wait   time.Duration
	}{
		"an empty bucket":                   {limits, 0, names, time.Hour},
		"before its turn":                   {limits, time.Hour - time.Second, names, time.Second},
		"in its turn":                       {limits, time.Hour, names, 0},
		"with an order before it":           {limits, time.Hour, order(func(o *limiter.Order) { o.Before = 1 }), time.Hour},
		"a full bucket":                     {limits, 3 * time.Hour, order(func(o *limiter.Order) { o.Before = 2 }), 0},
		"more than a full bucket holds":     {limits, 9 * time.Hour, order(func(o *limiter.Order) { o.Before = 3 }), time.Hour},
		"one that replaces":                 {limits, 0, order(func(o *limiter.Order) { o.Replaces = true }), 0},
		"one that is urgent":                {limits, 0, order(func(o *limiter.Order) { o.PastBackstop = true }), time.Hour},
		"one that is forced":                {limits, 0, order(func(o *limiter.Order) { o.Forced = true }), time.Hour},
		"no limit":                          {limiter.Limits{}, 0, names, 0},
		"a clock that went back":            {limits, -time.Hour, names, 0},
		"a clock that is a little off":      {limits, -time.Minute, names, time.Hour + time.Minute},
		"turns beyond what can be computed": {limits, 0, order(func(o *limiter.Order) { o.Before = 1 << 40 }), 100_001 * time.Hour},
	} {
		refusal := state.Ask(test.limits, now.Add(test.after), test.order, force)
		if (refusal != nil) != (test.wait != 0) {
			t.Errorf("%s: refused %+v, want a wait of %s", name, refusal, test.wait)
			continue
		}
		if refusal != nil && (refusal.By != limiter.LimitOrders || !refusal.Until.Equal(now.Add(test.after+test.wait))) {
			t.Errorf("%s: %s until %s, want a wait of %s", name, refusal.By, refusal.Until, test.wait)
		}
	}
	const want = "this account may make 3 orders in 3 hours, and they are used up: the order waits for its turn"
	if got := state.Ask(limits, now, names, force).Why; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestWhatCountsAsAnOrder(t *testing.T) {
	for name, test := range map[string]struct {
		limits limiter.Limits
		order  limiter.Order
		counts bool
	}{
		"any":                {limits, names, true},
		"a forced one":       {limits, order(func(o *limiter.Order) { o.Forced = true }), true},
		"an urgent one":      {limits, order(func(o *limiter.Order) { o.PastBackstop = true }), true},
		"one that replaces":  {limits, order(func(o *limiter.Order) { o.Replaces = true }), false},
		"one without limits": {limiter.Limits{}, names, false},
	} {
		state := &limiter.State{}
		if changed := state.Ordered(test.limits, now, test.order); changed != test.counts || state.IsEmpty() == test.counts {
			t.Errorf("%s order: changed %t, %+v", name, changed, state)
		}
		state = &limiter.State{}
		if changed := state.Issued(test.limits, now, test.order, "https://ca.test/order/1"); changed != test.counts || state.IsEmpty() == test.counts {
			t.Errorf("%s certificate: changed %t, %+v", name, changed, state)
		}
	}
}

func issued(t *testing.T) *limiter.State {
	t.Helper()
	state := &limiter.State{}
	for i, url := range []string{"https://ca.test/order/1", "https://ca.test/order/2", "https://ca.test/order/1"} {
		if changed := state.Issued(limits, now.Add(time.Duration(i)*time.Hour), names, url); changed != (i < 2) {
			t.Errorf("certificate %d: changed %t", i, changed)
		}
	}
	return state
}

// Two orders were issued, one of them twice: a process came back after a crash.
func TestCertificatesForTheSameNames(t *testing.T) {
	state := issued(t)
	week, at := 7*24*time.Hour, now.Add(2*time.Hour)
	for name, test := range map[string]struct {
		limits limiter.Limits
		at     time.Time
		order  limiter.Order
		until  time.Time
	}{
		"a third":                {limits, at, names, now.Add(week)},
		"with a smaller limit":   {limiter.Limits{ExactSet: 1, ExactSetPer: week}, at, names, now.Add(week + time.Hour)},
		"with a larger limit":    {limiter.Limits{ExactSet: 3, ExactSetPer: week}, at, names, time.Time{}},
		"without a limit":        {limiter.Limits{}, at, names, time.Time{}},
		"when the first is over": {limits, now.Add(week), names, time.Time{}},
		"just before":            {limits, now.Add(week - time.Second), names, now.Add(week)},
		"for other names":        {limits, at, order(func(o *limiter.Order) { o.Set = limiter.SetOf([]string{"c.test"}) }), time.Time{}},
		"that replaces":          {limits, at, order(func(o *limiter.Order) { o.Replaces = true }), time.Time{}},
		"that is urgent":         {limits, at, order(func(o *limiter.Order) { o.PastBackstop = true }), time.Time{}},
		"that is forced":         {limits, at, order(func(o *limiter.Order) { o.Forced = true }), time.Time{}},
		"in a past that is not":  {limits, now.Add(-time.Hour), names, time.Time{}},
	} {
		refusal := state.Ask(test.limits, test.at, test.order, force)
		if (refusal != nil) != !test.until.IsZero() {
			t.Errorf("a certificate %s: refused %+v, want until %s", name, refusal, test.until)
			continue
		}
		if refusal != nil && (refusal.By != limiter.LimitExactSet || !refusal.Until.Equal(test.until)) {
			t.Errorf("a certificate %s: %s until %s, want %s", name, refusal.By, refusal.Until, test.until)
		}
	}
	const want = "2 certificates for exactly these names were issued in the last 7 days, and the CA has a limit for that: " +
		"find out what asks for them again and again; the next is allowed at 2026-03-08T12:00:00Z, or at once with the annotation example.com/issue-now: \"true\""
	if got := state.Ask(limits, at, names, force).Why; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestHold(t *testing.T) {
	for name, test := range map[string]struct {
		until, asked, want time.Duration // want zero means that the order is allowed
	}{
		"while it lasts":                 {time.Hour, 30 * time.Minute, time.Hour},
		"when it is over":                {time.Hour, time.Hour, 0},
		"longer than any CA should want": {1000 * time.Hour, 0, 24 * time.Hour},
		"that is over at once":           {0, 0, 0},
		"after a clock went back":        {24 * time.Hour, -time.Hour, 0},
	} {
		state := &limiter.State{}
		changed := state.Hold(now, now.Add(test.until), "because")
		if changed != (test.until > 0) {
			t.Errorf("a hold %s: changed %t", name, changed)
		}
		// Nothing that lets an order past another limit lets it past the CA's own word.
		refusal := state.Ask(limiter.Limits{}, now.Add(test.asked), limiter.Order{Replaces: true, PastBackstop: true, Forced: true}, force)
		if (refusal != nil) != (test.want != 0) {
			t.Errorf("a hold %s: refused %+v, want %s", name, refusal, test.want)
			continue
		}
		if refusal != nil && (refusal.By != limiter.LimitHold || !refusal.Until.Equal(now.Add(test.want))) {
			t.Errorf("a hold %s: %s until %s, want %s", name, refusal.By, refusal.Until, test.want)
		}
	}
	state := &limiter.State{}
	state.Hold(now, now.Add(time.Hour), "because")
	if state.Hold(now, now.Add(time.Minute), "another") || state.Hold(now, now.Add(time.Hour), "because") {
		t.Error("a hold was replaced by one that lasts no longer")
	}
	if !state.Hold(now, now.Add(2*time.Hour), "another") {
		t.Error("a hold was not extended")
	}
	const want = "the CA takes no orders of this account until 2026-03-01T14:00:00Z: another"
	if got := state.Ask(limits, now, names, force).Why; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if !state.Hold(now.Add(3*time.Hour), now.Add(4*time.Hour), "later") {
		t.Error("a hold that is over keeps another out")
	}
	state.Held.Until = now.Add(1000 * time.Hour)
	if !state.Hold(now, now.Add(time.Hour), "because") {
		t.Error("a hold of a clock that was wrong keeps another out")
	}
}

func TestTheLongestLimitIsTold(t *testing.T) {
	state, at := issued(t), now.Add(2*time.Hour)
	state.Hold(at, at.Add(90*time.Minute), "because")
	for range 3 {
		state.Ordered(limits, at, names)
	}
	for name, test := range map[string]struct {
		order limiter.Order
		by    limiter.Limit
	}{
		"any order":                {names, limiter.LimitExactSet},
		"a forced one":             {order(func(o *limiter.Order) { o.Forced = true }), limiter.LimitHold},
		"a forced one in the rear": {order(func(o *limiter.Order) { o.Forced, o.Before = true, 1 }), limiter.LimitOrders},
	} {
		if refusal := state.Ask(limits, at, test.order, force); refusal == nil || refusal.By != test.by {
			t.Errorf("%s: refused %+v, want by %s", name, refusal, test.by)
		}
	}
}

func TestIsAccountWide(t *testing.T) {
	const limited = "urn:ietf:params:acme:error:rateLimited"
	for name, test := range map[string]struct {
		problem, detail string
		ofIdentifiers   bool
		want            bool
	}{
		"orders of the account":    {limited, "too many new orders (300) from this account in the last 3h0m0s, retry after 2026-03-01 12:00:00 UTC", false, true},
		"in another case":          {limited, "Too many new orders (300) from this Account in the last 3h0m0s", false, true},
		"of identifiers":           {limited, "too many new orders (300) from this account in the last 3h0m0s", true, false},
		"another problem":          {"urn:ietf:params:acme:error:malformed", "too many new orders (300) from this account in the last 3h0m0s", false, false},
		"an exact set":             {limited, "too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s", false, false},
		"a registered domain":      {limited, `too many certificates (50) already issued for "example.com" in the last 168h0m0s`, false, false},
		"failed authorizations":    {limited, `too many failed authorizations (5) for "x" in the last 1h0m0s`, false, false},
		"paused names":             {limited, "Your account is temporarily prevented from requesting certificates for x and possibly others. Please visit: https://ca.test/", false, false},
		"new accounts":             {limited, "too many new registrations (10) from this IP address in the last 3h0m0s", false, false},
		"a limit that is unknown":  {limited, "slow down", false, false},
		"a limit that says naught": {limited, "", false, false},
	} {
		if got := limiter.IsAccountWide(test.problem, test.detail, test.ofIdentifiers); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
