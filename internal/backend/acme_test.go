package backend

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/orderflow"
	"github.com/certwright/certwright/internal/outcome"
)

// What a request waits for says what holds its Order up, and until when as long as that is ahead: a time that has
// passed would have the request looked at again and again until the Order says more.
func TestPendingOrderSaysWhatHoldsItUp(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	limit := &v1.Problem{Type: orderflow.ReasonRateLimited, URL: "https://ca.test/limits"}
	for name, test := range map[string]struct {
		held  *v1.Problem
		until time.Duration
		at    time.Duration
	}{
		"nothing":                     {nil, 0, 0},
		"nothing any more":            {nil, time.Hour, 0},
		"a limit":                     {limit, time.Hour, time.Hour},
		"a limit that has ended":      {limit, -time.Second, 0},
		"a limit that ends now":       {limit, 0, 0},
		"a limit of our own, for now": {&v1.Problem{Type: ReasonExactSetLimit}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			until := metav1.NewTime(now.Add(test.until))
			order := &acmev1.Order{Status: acmev1.OrderStatus{Reason: "it waits", Error: test.held, NextAttemptTime: &until}}
			_, err := answer(order, now)
			failure := outcome.From(err)
			if failure.Kind != outcome.Wait || failure.Reason != ReasonOrderPending {
				t.Fatalf("answered %+v", failure)
			}
			if test.at == 0 != failure.At.IsZero() || test.at != 0 && !failure.At.Equal(now.Add(test.at)) {
				t.Errorf("waits until %s, want for %s", failure.At, test.at)
			}
			want := v1.Problem{}
			if test.held != nil {
				want = *test.held
			}
			if failure.Type != want.Type || failure.URL != want.URL {
				t.Errorf("held up by %q, %q, want %+v", failure.Type, failure.URL, want)
			}
		})
	}
}
