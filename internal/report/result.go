// Package report turns the outcome of a reconcile into what others see: the ctrl.Result for
// controller-runtime, events and metrics. It is the only home of a ctrl.Result that is not empty.
//
// Controllers import it.
package report

import (
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/certwright/certwright/internal/outcome"
)

// Result says when to reconcile again: after an error, by its kind; without one, at recheck, or only
// when something changes if recheck is zero.
func Result(err error, recheck, now time.Time) (ctrl.Result, error) {
	failure := outcome.From(err)
	switch {
	case failure == nil:
		return at(recheck, now), nil
	case failure.Kind == outcome.Retry:
		return ctrl.Result{}, err
	case failure.Kind == outcome.Wait:
		return at(earlier(failure.At, recheck), now), nil
	default:
		return at(recheck, now), nil
	}
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

// at is a requeue at a time. A time that has passed is now, and not never.
func at(t, now time.Time) ctrl.Result {
	if t.IsZero() {
		return ctrl.Result{}
	}
	return ctrl.Result{RequeueAfter: max(t.Sub(now), time.Millisecond)}
}
