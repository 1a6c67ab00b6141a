package controllers

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/backend"
	"github.com/certwright/certwright/internal/orderflow"
	"github.com/certwright/certwright/internal/outcome"
)

// What holds a request up is told with its beginning and, where the CA named one, its end. A short outage says the same
// each time it is met again, so that it costs no write.
func TestWaitingFor(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	held := func(reason string, after time.Duration) *outcome.Error {
		wait := outcome.WaitUntil(now.Add(after), backend.ReasonOrderPending, "it waits")
		wait.Type = reason
		return wait
	}
	heldFor := func(reason string) *outcome.Error {
		wait := outcome.WaitFor(backend.ReasonOrderPending, "it waits")
		wait.Type = reason
		return wait
	}
	told := func(reason string, since, until time.Duration) *v1.CertificateRequestWaiting {
		waiting := &v1.CertificateRequestWaiting{Reason: reason, Since: metav1.NewTime(now.Add(since))}
		if until != 0 {
			waiting.Until = &metav1.Time{Time: now.Add(until)}
		}
		return waiting
	}
	const limit, outage = orderflow.ReasonRateLimited, orderflow.ReasonCAUnavailable
	for name, test := range map[string]struct {
		before  *v1.CertificateRequestWaiting
		failure *outcome.Error
		want    *v1.CertificateRequestWaiting
	}{
		"a limit":                          {nil, held(limit, time.Minute), told(limit, 0, time.Minute)},
		"a limit that is met again":        {told(limit, -time.Hour, -time.Minute), held(limit, time.Minute), told(limit, -time.Hour, time.Minute)},
		"an outage":                        {nil, held(outage, 15*time.Minute), told(outage, 0, 0)},
		"an outage that is met again":      {told(outage, -time.Hour, 0), held(outage, 15*time.Minute), told(outage, -time.Hour, 0)},
		"an outage that the CA names":      {nil, held(outage, time.Hour), told(outage, 0, time.Hour)},
		"the same a moment before it ends": {told(outage, -time.Hour, time.Minute), held(outage, time.Minute), told(outage, -time.Hour, time.Minute)},
		"the same when its end has come":   {told(limit, -time.Hour, -time.Second), heldFor(limit), told(limit, -time.Hour, -time.Second)},
		"an outage after a limit":          {told(limit, -time.Hour, 0), held(outage, time.Minute), told(outage, 0, 0)},
		"an Order that goes on":            {told(limit, -time.Hour, time.Minute), held("", time.Minute), nil},
		"a certificate":                    {told(limit, -time.Hour, time.Minute), nil, nil},
		"a failure with a type":            {nil, &outcome.Error{Kind: outcome.Terminal, Reason: v1.ReasonFailed, Type: "dns"}, nil},
		"an issuer that is not ready":      {told(limit, -time.Hour, 0), outcome.WaitFor(v1.ReasonIssuerNotReady, "it waits"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := waitingFor(test.before, test.failure, now)
			if (got == nil) != (test.want == nil) {
				t.Fatalf("told %+v, want %+v", got, test.want)
			}
			if got != nil && (got.Reason != test.want.Reason || !got.Since.Equal(&test.want.Since) || !got.Until.Equal(test.want.Until)) {
				t.Errorf("told %+v, want %+v", got, test.want)
			}
		})
	}
}
