package controllers

import (
	"context"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/orderflow"
	"github.com/certwright/certwright/internal/outcome"
	"github.com/certwright/certwright/internal/solver"
)

// challenges are the authorizations with these URLs.
func (p *orderPass) challenges(urls []string) []*acmev1.Authorization {
	var result []*acmev1.Authorization
	for i := range p.order.Status.Authorizations {
		if slices.Contains(urls, p.order.Status.Authorizations[i].URL) {
			result = append(result, &p.order.Status.Authorizations[i])
		}
	}
	return result
}

func (r *OrderReconciler) challenge(pass *orderPass, authorization *acmev1.Authorization) solver.Challenge {
	return solver.Challenge{
		Order:           pass.order,
		AccountURL:      pass.order.Status.AccountURL,
		Owner:           owner(orderKind, client.ObjectKeyFromObject(pass.order)),
		Identifier:      authorization.Identifier,
		Progress:        authorization.Challenge,
		OfClusterIssuer: pass.order.Spec.IssuerRef.IsCluster(r.Names),
		SecretNamespace: r.secretNamespace(pass),
	}
}

func (r *OrderReconciler) secretNamespace(pass *orderPass) string {
	if pass.order.Spec.IssuerRef.IsCluster(r.Names) {
		return r.ClusterResourceNamespace
	}
	return pass.order.Namespace
}

// longestCalls is after how long a pass asks no further provider to write a record: an order may have a hundred names,
// and the worker that waits for a slow provider is one that other orders do not have. The next pass goes on.
const longestCalls = 30 * time.Second

// present puts answers in place. Where an answer outside of the cluster has to be taken away again, the
// finalizer comes first, and then what the clean-up will need.
func (r *OrderReconciler) present(ctx context.Context, pass *orderPass, urls []string) error {
	over := r.Client.Now().Add(longestCalls)
	for _, authorization := range pass.challenges(urls) {
		if r.Client.Now().After(over) {
			return outcome.Moment(r.Client.Now(), "OrderPending", "presenting the answers that the last pass had no time for")
		}
		if authorization.Challenge.Type.IsWritten() {
			if err := r.prepareCleanUp(ctx, pass); err != nil {
				return err
			}
		}
		if err := r.Solvers.Present(ctx, r.challenge(pass, authorization)); err != nil {
			return fmt.Errorf("presenting the answer for %q: %w", authorization.Identifier, err)
		}
		pass.progress.Presented[authorization.URL] = true
		pass.progress.PresentedAt = r.Client.Now()
	}
	pass.progress.Moved()
	return nil
}

// check looks whether answers can be seen. One that cannot is no failure, and after a minute the CA
// is asked all the same: it may see what we cannot. Only for a record that somebody has yet to publish is
// waited as long as the order lives.
func (r *OrderReconciler) check(ctx context.Context, pass *orderPass, urls []string) error {
	over := r.snapshot(pass).CheckIsOver()
	looking, cancel := context.WithTimeout(ctx, longestChecks)
	defer cancel()
	pass.progress.CheckNote = ""
	persists := false
	for _, authorization := range pass.challenges(urls) {
		if authorization.Challenge.Solver != nil && authorization.Challenge.Solver.WaitInsteadOfSelfCheck != nil {
			pass.progress.Checked[authorization.URL] = true
			continue
		}
		err := r.Solvers.Check(looking, r.challenge(pass, authorization))
		if r.mayHavePod(authorization.Challenge, err) {
			return r.fallBackToPods(ctx, pass, authorization, err)
		}
		switch {
		case err == nil:
			pass.progress.Checked[authorization.URL] = true
		case over && authorization.Challenge.Type != acmev1.DNSPersist01:
			pass.progress.Checked[authorization.URL] = true
			pass.progress.Unseen[authorization.URL] = condition.Bounded(err.Error(), longestNote)
		default:
			persists = persists || authorization.Challenge.Type == acmev1.DNSPersist01
			pass.progress.CheckNote = fmt.Sprintf("waiting until the answer for %q can be seen: %s", authorization.Identifier, condition.Bounded(err.Error(), longestNote))
		}
	}
	if pass.progress.CheckNote != "" {
		if persists {
			pass.progress.Polled(time.Time{}, r.Client.Now())
		} else {
			pass.progress.Looked(r.Client.Now())
		}
		return r.pollTLS(ctx, pass)
	}
	pass.progress.Moved()
	return nil
}

// sharedDeadline is how long a route that leads elsewhere is given to lead to the operator, before a pod of the order's
// own takes its place.
const sharedDeadline = 20 * time.Second

// mayHavePod says whether a pod may do better than the operator did behind a route.
func (r *OrderReconciler) mayHavePod(challenge *acmev1.ChallengeProgress, err error) bool {
	return isShared(challenge) && r.Routing.Settings.Image != "" && solver.IsMisrouted(err) &&
		challenge.PresentedAt != nil && r.Client.Now().After(challenge.PresentedAt.Add(sharedDeadline))
}

func isShared(challenge *acmev1.ChallengeProgress) bool {
	return challenge != nil && challenge.Type == acmev1.HTTP01 && challenge.AnsweredBy == v1.SolverShared
}

// fallBackToPods has a pod answer what the operator was to answer and has not been seen yet, and says why. Orders that
// come after this one have pods at once.
func (r *OrderReconciler) fallBackToPods(ctx context.Context, pass *orderPass, failed *acmev1.Authorization, err error) error {
	now := metav1.NewTime(r.Client.Now())
	r.Routing.distrusts(pass.order, failed.Challenge.Solver)
	for i := range pass.order.Status.Authorizations {
		authorization := &pass.order.Status.Authorizations[i]
		// The CA may be looking at those that were seen already: a pod that is not there yet would come between.
		if challenge := authorization.Challenge; isShared(challenge) && !pass.progress.Checked[authorization.URL] {
			challenge.AnsweredBy, challenge.PresentedAt = v1.SolverPod, &now
		}
	}
	message := fmt.Sprintf("the route to the operator does not answer for %q, a pod answers instead: %v", failed.Identifier, err)
	pass.order.Status.Reason = condition.Bounded(message, longestNote)
	if err := r.writeStatus(ctx, pass); err != nil {
		return err
	}
	pass.progress.PresentedAt = now.Time
	pass.progress.Moved()
	r.Events.FallsBackToPods(pass.order, message)
	return nil
}

// longestChecks bounds all checks of a pass together: an order may have a hundred names, and a network that swallows
// questions takes seconds for each. What was seen by then need not be looked at again by the next pass.
const longestChecks = 15 * time.Second

// longestNote bounds what is written of a check, in bytes.
const longestNote = 1024

// accept tells the CA to look (RFC 8555 section 7.5.1). A refusal may only mean that it has looked
// already: then the authorization says so.
func (r *OrderReconciler) accept(ctx context.Context, pass *orderPass, urls []string) error {
	var retryAfter time.Time
	for _, authorization := range pass.challenges(urls) {
		challenge, err := pass.client.AcceptChallenge(ctx, pass.account, authorization.Challenge.URL)
		if _, refused := acme.AsProblem(err); refused {
			if err := r.acceptedBefore(ctx, pass, authorization, err); err != nil {
				return err
			}
		} else if err != nil {
			return err
		}
		pass.progress.Accepted[authorization.URL] = true
		if challenge != nil {
			retryAfter = challenge.RetryAfter
		}
	}
	// One wait, and the shortest, however many names there are.
	pass.progress.Moved()
	pass.progress.Polled(retryAfter, r.Client.Now())
	return nil
}

func (r *OrderReconciler) acceptedBefore(ctx context.Context, pass *orderPass, authorization *acmev1.Authorization, refusal error) error {
	seen, err := pass.client.FetchAuthorization(ctx, pass.account, authorization.URL)
	if err != nil {
		return err
	}
	pass.progress.Authorizations[authorization.URL] = seen
	if seen.Status == acme.AuthorizationPending && !orderflow.Begun(seen, authorization.Challenge) {
		return refusal
	}
	return nil
}
