package orderflow_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/orderflow"
	"github.com/certwright/certwright/internal/outcome"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func problem(kind acme.ProblemType, status int, retryAfter time.Time) error {
	return fmt.Errorf("new order: %w", &acme.Problem{Type: kind, Status: status, Detail: "because", RetryAfter: retryAfter})
}

func TestClassify(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		kind outcome.Kind
		why  string
		at   time.Time
	}{
		"a limit with a time":          {problem(acme.TypeRateLimited, 429, now.Add(time.Hour)), outcome.Wait, orderflow.ReasonRateLimited, now.Add(time.Hour)},
		"a limit without one":          {problem(acme.TypeRateLimited, 429, time.Time{}), outcome.Wait, orderflow.ReasonUserAction, now.Add(24 * time.Hour)},
		"a limit of a proxy":           {&acme.Problem{Status: 429, Synthetic: true}, outcome.Wait, orderflow.ReasonRateLimited, now.Add(time.Hour)},
		"a limit by status alone":      {problem(acme.TypeBlank, 429, now.Add(time.Minute)), outcome.Wait, orderflow.ReasonRateLimited, now.Add(time.Minute)},
		"a limit beyond reason":        {problem(acme.TypeRateLimited, 429, now.Add(1000*time.Hour)), outcome.Wait, orderflow.ReasonRateLimited, now.Add(24 * time.Hour)},
		"a limit that is over":         {problem(acme.TypeRateLimited, 429, now.Add(-time.Hour)), outcome.Wait, orderflow.ReasonRateLimited, now.Add(5 * time.Second)},
		"trouble that is over at once": {problem(acme.TypeBlank, 503, now), outcome.Wait, orderflow.ReasonCAUnavailable, now.Add(5 * time.Second)},
		"the API server":               {fmt.Errorf("writing the status: %w", errors.New("etcdserver: no leader")), outcome.Retry, "InternalError", time.Time{}},
		"trouble at the CA":            {problem(acme.TypeServerInternal, 500, time.Time{}), outcome.Wait, orderflow.ReasonCAUnavailable, now.Add(time.Minute)},
		"a page of a load balancer":    {problem(acme.TypeBlank, 503, now.Add(5*time.Second)), outcome.Wait, orderflow.ReasonCAUnavailable, now.Add(5 * time.Second)},
		"nonces that never fit":        {problem(acme.TypeBadNonce, 400, time.Time{}), outcome.Wait, orderflow.ReasonCAUnavailable, now.Add(time.Minute)},
		"the network":                  {&acme.NetworkError{Op: "newOrder", Host: "ca.test", Kind: acme.NetworkRefused, Err: errors.New("x")}, outcome.Wait, orderflow.ReasonCAUnavailable, now.Add(time.Minute)},
		"an address that is not allowed": {fmt.Errorf("new order: %w", &acme.NetworkError{Op: "newOrder", Host: "ca.test", Kind: acme.NetworkForbidden, Err: errors.New("x")}),
			outcome.Terminal, v1.ReasonAddressNotAllowed, time.Time{}},
		"a name that is refused":         {problem(acme.TypeRejectedIdentifier, 400, time.Time{}), outcome.Terminal, orderflow.ReasonCARefused, time.Time{}},
		"terms that changed":             {problem(acme.TypeUserActionRequired, 403, time.Time{}), outcome.Wait, orderflow.ReasonUserAction, now.Add(24 * time.Hour)},
		"an account that is gone":        {problem(acme.TypeAccountDoesNotExist, 400, time.Time{}), outcome.Terminal, orderflow.ReasonAccountUnknown, time.Time{}},
		"a validation that failed":       {problem(acme.TypeIncorrectResponse, 403, time.Time{}), outcome.Terminal, orderflow.ReasonValidation, time.Time{}},
		"an order that is not ready":     {problem(acme.TypeOrderNotReady, 403, time.Time{}), outcome.Terminal, orderflow.ReasonCARefused, time.Time{}},
		"a CSR that is refused":          {problem(acme.TypeBadCSR, 400, time.Time{}), outcome.Terminal, orderflow.ReasonCARefused, time.Time{}},
		"a profile that is refused":      {problem(acme.TypeInvalidProfile, 400, time.Time{}), outcome.Terminal, orderflow.ReasonCARefused, time.Time{}},
		"a predecessor that is refused":  {problem(acme.TypeAlreadyReplaced, 409, time.Time{}), outcome.Terminal, orderflow.ReasonCARefused, time.Time{}},
		"an account that is deactivated": {problem(acme.TypeUnauthorized, 401, time.Time{}), outcome.Terminal, orderflow.ReasonCARefused, time.Time{}},
		"an account without EAB":         {problem(acme.TypeExternalAccountRequired, 403, time.Time{}), outcome.Terminal, orderflow.ReasonCARefused, time.Time{}},
		"malformed":                      {problem(acme.TypeMalformed, 400, time.Time{}), outcome.Terminal, orderflow.ReasonCARefused, time.Time{}},
		"a limit with status 503":        {problem(acme.TypeRateLimited, 503, now.Add(time.Hour)), outcome.Wait, orderflow.ReasonRateLimited, now.Add(time.Hour)},
		"a refusal without a document":   {&acme.Problem{Status: 403, Synthetic: true}, outcome.Terminal, orderflow.ReasonCARefused, time.Time{}},
		"a type nobody knows":            {problem("urn:example:new", 400, time.Time{}), outcome.Terminal, orderflow.ReasonCARefused, time.Time{}},
		"a link to another host":         {&acme.ProtocolError{Op: "newOrder", Reason: acme.ReasonForeignHost}, outcome.Terminal, orderflow.ReasonCARefused, time.Time{}},
		"an answer that is not JSON":     {&acme.ProtocolError{Op: "newOrder", Reason: acme.ReasonMalformed}, outcome.Wait, orderflow.ReasonCAUnavailable, now.Add(time.Minute)},
		"what the CA does not offer":     {fmt.Errorf("newAuthz: %w", acme.ErrNotOffered), outcome.Terminal, orderflow.ReasonCARefused, time.Time{}},
		"a profile it does not offer":    {fmt.Errorf("newOrder: %w", acme.ErrProfileNotOffered), outcome.Terminal, orderflow.ReasonCARefused, time.Time{}},
		"a key that no account has":      {fmt.Errorf("keyChange: %w", acme.ErrKeyNotFound), outcome.Terminal, orderflow.ReasonCARefused, time.Time{}},
		"a key that ACME does not know":  {acme.ErrUnsupportedKey, outcome.Terminal, orderflow.ReasonCARefused, time.Time{}},
		"an outcome of our own":          {outcome.WaitFor("Because", "x"), outcome.Wait, "Because", time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			got := orderflow.Classify(test.err, now)
			if got.Kind != test.kind || got.Reason != test.why || !got.At.Equal(test.at) {
				t.Errorf("kind %d, reason %s, at %s; want %d, %s, %s", got.Kind, got.Reason, got.At, test.kind, test.why, test.at)
			}
		})
	}
}

func TestOrderThatTheCAHasForgotten(t *testing.T) {
	gone := orderflow.Classify(fmt.Errorf("order: %w", &acme.Problem{Status: 404, Synthetic: true}), now)
	if got := orderflow.AboutOrder(gone); !strings.HasPrefix(got.Message, "the CA has forgotten the order") ||
		!strings.HasSuffix(got.Message, gone.Message) || got.Class != gone.Class || got.Reason != gone.Reason {
		t.Errorf("%+v, from %+v", got, gone)
	}
	for name, err := range map[string]error{
		"a refusal": problem(acme.TypeMalformed, 400, time.Time{}),
		"a limit":   &acme.Problem{Type: acme.TypeRateLimited, Status: 404, RetryAfter: now.Add(time.Hour)},
		"ours":      outcome.Terminalf(outcome.ClassLocal, "Because", "x"),
	} {
		if failure := orderflow.Classify(err, now); orderflow.AboutOrder(failure) != failure {
			t.Errorf("%s: the CA has not forgotten the order", name)
		}
	}
}

func TestRefusalKeepsWhatTheCASaid(t *testing.T) {
	got := orderflow.Classify(&acme.Problem{
		Type: acme.TypeCAA, Status: 403, Detail: "forbidden by a record", Instance: "https://ca.test/caa",
	}, now)
	if got.Type != string(acme.TypeCAA) || got.URL != "https://ca.test/caa" || got.Message != "caa: forbidden by a record" {
		t.Errorf("type %q, URL %q, message %q", got.Type, got.URL, got.Message)
	}
}

// What only a person can end says what to open, once.
func TestWhatAPersonHasToOpen(t *testing.T) {
	const page = "https://ca.test/page"
	for name, test := range map[string]struct {
		problem acme.Problem
		message string
	}{
		"new terms": {
			acme.Problem{Type: acme.TypeUserActionRequired, Detail: "agree to the terms", Instance: page},
			"userActionRequired: agree to the terms; open " + page,
		},
		"new terms, by the link alone": {
			acme.Problem{Type: acme.TypeUserActionRequired, Detail: "agree to the terms", TermsOfService: page, Help: "https://ca.test/help"},
			"userActionRequired: agree to the terms; open " + page,
		},
		"a paused name": {
			acme.Problem{Type: acme.TypeRateLimited, Status: 429, Detail: "paused; visit " + page, Help: page},
			"rateLimited: paused; visit " + page,
		},
		"a paused name without a page": {
			acme.Problem{Type: acme.TypeRateLimited, Status: 429, Detail: "paused"},
			"rateLimited: paused; the CA names no time and no page: ask it, or look at the account there, for what it waits for",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := orderflow.Classify(&test.problem, now)
			if got.Kind != outcome.Wait || got.Reason != orderflow.ReasonUserAction || got.Message != test.message || got.Type != string(test.problem.Type) {
				t.Errorf("kind %v, reason %q, type %q, message %q", got.Kind, got.Reason, got.Type, got.Message)
			}
		})
	}
}

// Orders that are limited together do not come back together, and none before its time.
func TestWaitsAreSpread(t *testing.T) {
	limited := problem(acme.TypeRateLimited, 429, now.Add(time.Hour))
	times := map[time.Time]bool{}
	for i := range 100 {
		progress := orderflow.NewProgress(types.UID(fmt.Sprint("order", i)))
		at := progress.Classify(limited, now).At
		if at.Before(now.Add(time.Hour)) || at.After(now.Add(66*time.Minute)) || !at.Equal(progress.Classify(limited, now).At) {
			t.Errorf("order %d comes back after %s", i, at.Sub(now))
		}
		times[at] = true
	}
	if len(times) < 90 {
		t.Errorf("100 orders come back at %d times", len(times))
	}
}

// A CA that is not there is called less and less, until it answers; one that names a time is taken at its word.
func TestWaitsForACAThatIsDownGrow(t *testing.T) {
	down := &acme.NetworkError{Op: "newOrder", Host: "ca.test", Kind: acme.NetworkRefused, Err: errors.New("x")}
	progress := orderflow.NewProgress("")
	wait := func(err error) time.Duration { return progress.Classify(err, now).At.Sub(now) }
	for i, want := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 15 * time.Minute, 15 * time.Minute} {
		if got := wait(down); got != want {
			t.Errorf("outage %d: wait of %s, want %s", i+1, got, want)
		}
	}
	if got := wait(problem(acme.TypeBlank, 503, now.Add(30*time.Second))); got != 30*time.Second {
		t.Errorf("a CA that named half a minute is called after %s", got)
	}
	progress.Moved()
	if got := wait(down); got != time.Minute {
		t.Errorf("the first outage after an answer: wait of %s", got)
	}
}

// What an Order's status says of a wait tells others why it waits.
func TestHoldReason(t *testing.T) {
	const urn = "urn:ietf:params:acme:error:"
	for problemType, want := range map[string]string{
		urn + "rateLimited":              orderflow.ReasonRateLimited,
		urn + "userActionRequired":       orderflow.ReasonUserAction,
		urn + "serverInternal":           orderflow.ReasonCAUnavailable,
		urn + "somethingNew":             orderflow.ReasonCAUnavailable,
		orderflow.ReasonCAUnavailable:    orderflow.ReasonCAUnavailable,
		"a word that stands for a limit": "a word that stands for a limit",
	} {
		if got := orderflow.HoldReason(problemType); got != want {
			t.Errorf("%s is told as %s, want %s", problemType, got, want)
		}
	}
}
