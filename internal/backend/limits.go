package backend

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/limiter"
	"github.com/certwright/certwright/internal/orderflow"
	"github.com/certwright/certwright/internal/outcome"
)

// ReasonExactSetLimit is the wait for a set of names that certificates were issued for too often. Unlike a CA's
// own limit it is not worth writing down as a time: a person may end it.
const ReasonExactSetLimit = "ExactSetLimit"

// Limiters keep every ACME account to its limits, across restarts: what is known of an account is in one Secret
// for each account and directory, which is read when the account is first asked about, and written after changes
// by Start. Issuance does not wait for a write and is not stopped by one that fails.
//
// It is a manager.Runnable: Start runs where the controllers do.
type Limiters struct {
	Client *kube.Client
	// Namespace is where the Secrets are: that of the Secrets of ClusterIssuers.
	Namespace string
	// Annotations are the keys of annotations.
	Annotations LimitAnnotations
	Log         logr.Logger

	mu       sync.Mutex
	accounts map[accountKey]*limitedAccount
	// changed has an entry as long as there may be something to write.
	changed chan struct{}
}

// LimitAnnotations are keys of annotations.
type LimitAnnotations struct {
	// Force on a Certificate lets it be issued although its names were issued too often: it is told to people.
	Force string
	// Directory and Account on a Secret tell people what it is about.
	Directory, Account string
}

// accountKey is an account, by the URLs of the CA's directory and of the account itself.
type accountKey struct{ directory, account string }

// secretName is the name of the Secret with what is known of an account.
func (k accountKey) secretName() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q", k.directory, k.account))
	return fmt.Sprintf("certwright-limits-%x", sum[:8])
}

// Registered reads what is known of an account at a directory that was registered just now, so that its first order
// does not have to. An error is of the API server; the first order tries again.
func (l *Limiters) Registered(ctx context.Context, directory, account string) error {
	a := l.lockAccount(accountKey{directory: directory, account: account})
	defer a.mu.Unlock()
	return l.load(ctx, a)
}

// Ask says whether the account of an issuer that is ready may make an order now. If it may not, the error is a
// Wait; any other error is of the API server, before the Secret of the account was read once. id is that of the
// Order that asks, which keeps its turn among those that wait. Every Permit has to be released.
func (l *Limiters) Ask(ctx context.Context, issuer v1.GenericIssuer, id types.UID, order limiter.Order) (*Permit, error) {
	limits := limitsOf(issuer)
	a := l.lock(issuer)
	defer a.mu.Unlock()
	if err := l.load(ctx, a); err != nil {
		return nil, err
	}
	now := l.Client.Now()
	order.Before = a.before(id, order, now)
	if refusal := a.state.Ask(limits, now, order, l.Annotations.Force); refusal != nil {
		a.await(id, refusal)
		return nil, waitFor(refusal)
	}
	a.leave(id)
	a.underWay++
	return &Permit{limiters: l, account: a, limits: limits, order: order}, nil
}

func waitFor(refusal *limiter.Refusal) error {
	reason := orderflow.ReasonRateLimited
	if refusal.By == limiter.LimitExactSet {
		reason = ReasonExactSetLimit
	}
	return outcome.WaitUntil(refusal.Until, reason, "%s", refusal.Why)
}

// Permit lets one order be made. Until it is used or released, the order counts as one that may have been made.
type Permit struct {
	limiters *Limiters
	account  *limitedAccount
	limits   limiter.Limits
	order    limiter.Order
	done     bool
}

// Ordered says that the CA has made the order.
func (p *Permit) Ordered() { p.end(true) }

// Release says that the CA has not made the order. After Ordered it does nothing.
func (p *Permit) Release() { p.end(false) }

func (p *Permit) end(ordered bool) {
	p.account.mu.Lock()
	defer p.account.mu.Unlock()
	if p.done {
		return
	}
	p.done = true
	p.account.underWay--
	if ordered {
		p.limiters.note(p.account, p.account.state.Ordered(p.limits, p.limiters.Client.Now(), p.order))
	}
}

// Issued counts the certificate of an order, which is known by its URL, once.
func (l *Limiters) Issued(issuer v1.GenericIssuer, order limiter.Order, orderURL string) {
	a := l.lock(issuer)
	defer a.mu.Unlock()
	l.note(a, a.state.Issued(limitsOf(issuer), l.Client.Now(), order, orderURL))
}

// Refused takes note of a CA's refusal of an order. If it is of every order of the issuer's account, none is made
// until the time that the CA names; any other error changes nothing.
func (l *Limiters) Refused(issuer v1.GenericIssuer, err error) {
	problem, ok := acme.AsProblem(err)
	if !ok || !limiter.IsAccountWide(string(problem.Type), problem.Detail, ofIdentifiers(problem)) {
		return
	}
	a := l.lock(issuer)
	defer a.mu.Unlock()
	l.note(a, a.state.Hold(l.Client.Now(), problem.RetryAfter, problem.Detail))
}

func ofIdentifiers(problem *acme.Problem) bool {
	return slices.ContainsFunc(problem.Subproblems, func(p acme.Problem) bool { return p.Identifier != nil })
}

// limitsOf are the limits of an issuer's account: those of its spec, and else those of the CA.
func limitsOf(issuer v1.GenericIssuer) limiter.Limits {
	spec := issuer.GetSpec().ACME
	limits := limiter.DefaultLimits(spec.Server)
	if spec.Limits == nil {
		return limits
	}
	if orders := spec.Limits.OrdersPer3Hours; orders != nil {
		limits.Orders = int(*orders)
	}
	if exactSet := spec.Limits.ExactSetPerWeek; exactSet != nil {
		limits.ExactSet = int(*exactSet)
	}
	return limits
}
