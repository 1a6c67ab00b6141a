package controllers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/certwright/certwright/api"
	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/orderflow"
	"github.com/certwright/certwright/internal/solver"
)

// silence is a route whose every question hangs, and then fails with much text from others.
type silence struct{}

func (silence) Servers(ctx context.Context, _ solver.Challenge) ([]string, error) {
	<-ctx.Done()
	return nil, errors.New(strings.Repeat("said the controller ", 2000))
}

func (silence) Route(context.Context, solver.Challenge) (solver.Route, error) {
	return solver.Route{}, nil
}

// However many names an order has, a network that swallows questions holds a worker for a moment only; and whatever a
// controller says, what is told of it stays short.
func TestAPassOfChecksIsBounded(t *testing.T) {
	for name, age := range map[string]time.Duration{"at first": 0, "after a minute": 2 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			r := &OrderReconciler{
				Names: api.DefaultNames(), Client: &kube.Client{Now: time.Now}, Solvers: &solver.Solvers{Router: silence{}, Now: time.Now},
			}
			pass := &orderPass{order: &acmev1.Order{}, progress: &heldProgress{Progress: orderflow.NewProgress("uid")}}
			var urls []string
			for i := range 100 {
				urls = append(urls, fmt.Sprintf("https://ca.example.test/%d", i))
				pass.order.Status.Authorizations = append(pass.order.Status.Authorizations, acmev1.Authorization{
					URL: urls[i], Identifier: fmt.Sprintf("h%d.example.test", i),
					Challenge: &acmev1.ChallengeProgress{Type: acmev1.HTTP01, AnsweredBy: v1.SolverPod, Solver: &v1.ACMESolver{}},
				})
			}
			pass.progress.PresentedAt = time.Now().Add(-age)
			begun := time.Now()
			// What ends the pass anyway is not what is looked at.
			ctx, cancel := context.WithTimeout(t.Context(), reconcileTimeout)
			defer cancel()
			if err := r.check(ctx, pass, urls); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(begun); took > 20*time.Second {
				t.Errorf("%s: the pass took %s", name, took)
			}
			told := pass.progress.CheckNote
			if age > 0 {
				told = pass.progress.Unseen[urls[99]]
			}
			if told == "" || len(told) > 1500 {
				t.Errorf("%s: told in %d bytes", name, len(told))
			}
		})
	}
}
