package orderflow_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

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
		"a limit with a time":           {problem(acme.TypeRateLimited, 429, now.Add(time.Hour)), outcome.Wait, orderflow.ReasonRateLimited, now.Add(time.Hour)},
		"a limit without one":           {problem(acme.TypeRateLimited, 429, time.Time{}), outcome.Wait, orderflow.ReasonRateLimited, now.Add(time.Hour)},
		"a limit by status alone":       {problem(acme.TypeBlank, 429, now.Add(time.Minute)), outcome.Wait, orderflow.ReasonRateLimited, now.Add(time.Minute)},
		"a limit beyond reason":         {problem(acme.TypeRateLimited, 429, now.Add(1000*time.Hour)), outcome.Wait, orderflow.ReasonRateLimited, now.Add(24 * time.Hour)},
		"a limit that is over":          {problem(acme.TypeRateLimited, 429, now.Add(-time.Hour)), outcome.Wait, orderflow.ReasonRateLimited, now.Add(5 * time.Second)},
		"trouble that is over at once":  {problem(acme.TypeBlank, 503, now), outcome.Wait, orderflow.ReasonCAUnavailable, now.Add(5 * time.Second)},
		"the API server":                {fmt.Errorf("writing the status: %w", errors.New("etcdserver: no leader")), outcome.Retry, "InternalError", time.Time{}},
		"trouble at the CA":             {problem(acme.TypeServerInternal, 500, time.Time{}), outcome.Wait, orderflow.ReasonCAUnavailable, now.Add(time.Minute)},
		"a page of a load balancer":     {problem(acme.TypeBlank, 503, now.Add(5*time.Second)), outcome.Wait, orderflow.ReasonCAUnavailable, now.Add(5 * time.Second)},
		"nonces that never fit":         {problem(acme.TypeBadNonce, 400, time.Time{}), outcome.Wait, orderflow.ReasonCAUnavailable, now.Add(time.Minute)},
		"the network":                   {&acme.NetworkError{Op: "newOrder", Host: "ca.test", Kind: acme.NetworkRefused, Err: errors.New("x")}, outcome.Wait, orderflow.ReasonCAUnavailable, now.Add(time.Minute)},
		"a name that is refused":        {problem(acme.TypeRejectedIdentifier, 400, time.Time{}), outcome.Terminal, orderflow.ReasonCARefused, time.Time{}},
		"terms that changed":            {problem(acme.TypeUserActionRequired, 403, time.Time{}), outcome.Terminal, orderflow.ReasonUserAction, time.Time{}},
		"an account that is gone":       {problem(acme.TypeAccountDoesNotExist, 400, time.Time{}), outcome.Terminal, orderflow.ReasonAccountUnknown, time.Time{}},
		"a validation that failed":      {problem(acme.TypeIncorrectResponse, 403, time.Time{}), outcome.Terminal, orderflow.ReasonValidation, time.Time{}},
		"a type nobody knows":           {problem("urn:example:new", 400, time.Time{}), outcome.Terminal, orderflow.ReasonCARefused, time.Time{}},
		"a link to another host":        {&acme.ProtocolError{Op: "newOrder", Reason: acme.ReasonForeignHost}, outcome.Terminal, orderflow.ReasonCARefused, time.Time{}},
		"an answer that is not JSON":    {&acme.ProtocolError{Op: "newOrder", Reason: acme.ReasonMalformed}, outcome.Wait, orderflow.ReasonCAUnavailable, now.Add(time.Minute)},
		"a key that ACME does not know": {acme.ErrUnsupportedKey, outcome.Terminal, orderflow.ReasonCARefused, time.Time{}},
		"an outcome of our own":         {outcome.WaitFor("Because", "x"), outcome.Wait, "Because", time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			got := orderflow.Classify(test.err, now)
			if got.Kind != test.kind || got.Reason != test.why || !got.At.Equal(test.at) {
				t.Errorf("kind %d, reason %s, at %s; want %d, %s, %s", got.Kind, got.Reason, got.At, test.kind, test.why, test.at)
			}
		})
	}
}

func TestRefusalKeepsWhatTheCASaid(t *testing.T) {
	got := orderflow.Classify(&acme.Problem{
		Type: acme.TypeUserActionRequired, Status: 403, Detail: "agree to the terms", Instance: "https://ca.test/terms",
	}, now)
	if got.Type != string(acme.TypeUserActionRequired) || got.URL != "https://ca.test/terms" || got.Message != "userActionRequired: agree to the terms" {
		t.Errorf("type %q, URL %q, message %q", got.Type, got.URL, got.Message)
	}
}

// A CA that is not there is called less and less, until it answers; one that names a time is taken at its word.
func TestWaitsForACAThatIsDownGrow(t *testing.T) {
	down := &acme.NetworkError{Op: "newOrder", Host: "ca.test", Kind: acme.NetworkRefused, Err: errors.New("x")}
	progress := orderflow.NewProgress()
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
