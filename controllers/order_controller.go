package controllers

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/api"
	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/backend"
	"github.com/certwright/certwright/internal/issuance"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/orderflow"
	"github.com/certwright/certwright/internal/outcome"
	"github.com/certwright/certwright/internal/report"
	"github.com/certwright/certwright/internal/solver"
)

// OrderReconciler takes an Order through the CA: create, answer, accept, finalize, download, clean
// up. It does all that needs no waiting in one pass, and is the one writer of an Order's status.
//
// Three writes of the status are forced, because what follows them could not be undone or repeated
// without them: the order's URL; the answers to its challenges, which every replica serves from its
// cache; the result.
type OrderReconciler struct {
	Names    api.Names
	Client   *kube.Client
	Secrets  *kube.SecretRefs
	Accounts *backend.Accounts
	Events   report.Events
	Solvers  *solver.Solvers
	// Routing leads to the answers of HTTP-01 challenges.
	Routing *RoutingReconciler
	// Limits keeps accounts to the limits of their CA.
	Limits *backend.Limiters
	// RenewalInfos knows which certificates CAs want replaced.
	RenewalInfos *backend.RenewalInfos
	// ClusterResourceNamespace is where the Secrets of ClusterIssuers are.
	ClusterResourceNamespace string

	mu       sync.Mutex
	progress map[types.NamespacedName]*heldProgress
	turns    turns
}

// heldProgress is the progress of the Order that has a name now, with the account that made it at the CA.
type heldProgress struct {
	uid types.UID
	*orderflow.Progress
	client  *acme.Client
	account acme.Account
}

const (
	// stepsPerPass ends a pass that would go round in circles; no order needs as many.
	stepsPerPass = 64
	// creationPause is how soon an Order is looked at again that the watch showed before our own creation
	// of it was answered.
	creationPause = 20 * time.Millisecond
	// progressAfter is how long an order may take before what it waits for is written to its status.
	progressAfter = 5 * time.Second
)

// orderPass is one reconciliation of an Order.
type orderPass struct {
	// order is a working copy; saved is its status as the API server has it.
	order    *acmev1.Order
	saved    acmev1.OrderStatus
	progress *heldProgress
	issuer   v1.GenericIssuer
	client   *acme.Client
	account  acme.Account
}

// Reconcile brings one Order as far as it goes without waiting.
func (r *OrderReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	pass, err := r.load(ctx, request.NamespacedName)
	if pass == nil {
		return report.Result(err, noTime, r.Client.Now())
	}
	if err := r.gather(ctx, pass); err != nil {
		return report.Result(err, noTime, r.Client.Now())
	}
	r.resumeTurn(pass.order)
	for range stepsPerPass {
		next := orderflow.Decide(r.snapshot(pass))
		if next.Step == orderflow.Wait || next.Step == orderflow.Done {
			return r.rest(ctx, pass, next)
		}
		if err := r.act(ctx, pass, next); err != nil {
			return r.postpone(ctx, pass, err)
		}
	}
	return report.Result(nil, r.Client.Now().Add(time.Second), r.Client.Now())
}

// load reads the Order. One that this process has not written or seen before is read live: its
// status may hold an order URL that the cache does not show yet.
func (r *OrderReconciler) load(ctx context.Context, name types.NamespacedName) (*orderPass, error) {
	order := &acmev1.Order{}
	err := r.Client.Get(ctx, name, order)
	if err == nil && r.Client.Writes.IsCreating(order) {
		return nil, outcome.Moment(r.Client.Now().Add(creationPause), "OrderPending", "waiting for the answer to the creation of Order %q", name.Name)
	}
	if err == nil && !r.known(order) {
		order = &acmev1.Order{}
		err = r.Client.Live.Get(ctx, name, order)
	}
	if apierrors.IsNotFound(err) {
		r.vanished(ctx, name)
		r.Secrets.Keep(owner(orderKind, name))
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	order = order.DeepCopy()
	return &orderPass{order: order, saved: *order.Status.DeepCopy(), progress: r.progressOf(order)}, nil
}

const orderKind = "Order"

// known says whether the view of an Order can be relied on: this process has seen or written it
// before, or it is over and done with.
func (r *OrderReconciler) known(order *acmev1.Order) bool {
	if order.Status.State.IsFinal() && len(order.Finalizers) == 0 || r.Client.Writes.Created(order.UID) {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	held := r.progress[client.ObjectKeyFromObject(order)]
	return held != nil && held.uid == order.UID
}

func (r *OrderReconciler) progressOf(order *acmev1.Order) *heldProgress {
	name := client.ObjectKeyFromObject(order)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.progress == nil {
		r.progress = map[types.NamespacedName]*heldProgress{}
	}
	held := r.progress[name]
	if held == nil || held.uid != order.UID {
		if held != nil {
			r.Client.Writes.ForgetCreated(held.uid)
		}
		held = &heldProgress{uid: order.UID, Progress: orderflow.NewProgress(order.UID)}
		r.progress[name] = held
	}
	return held
}

// forget drops what is remembered of an Order that is done with or gone, and gives it back.
func (r *OrderReconciler) forget(name types.NamespacedName) *heldProgress {
	r.turns.pass(name)
	r.mu.Lock()
	defer r.mu.Unlock()
	held := r.progress[name]
	if held != nil {
		r.Client.Writes.ForgetCreated(held.uid)
		delete(r.progress, name)
	}
	return held
}

// gather finds the issuer and the account of an Order that is still at work.
func (r *OrderReconciler) gather(ctx context.Context, pass *orderPass) error {
	ref := pass.order.Spec.IssuerRef.WithDefaults(r.Names)
	var err error
	pass.issuer, err = getIssuer(ctx, r.Client, ref, pass.order.Namespace)
	if err == nil && pass.issuer.GetSpec().ACME == nil {
		err = outcome.Invalidf(v1.ReasonInvalidSpec, "%s is not of type acme any more", describeRef(ref))
	}
	if err == nil {
		pass.client, pass.account, err = r.Accounts.For(pass.issuer)
		pass.progress.client, pass.progress.account = pass.client, pass.account
	}
	if err != nil && (pass.order.Status.State.IsFinal() || pass.order.DeletionTimestamp != nil) {
		// Cleaning up needs no CA, and may have to do without the issuer.
		return nil
	}
	return err
}

func (r *OrderReconciler) snapshot(pass *orderPass) orderflow.Snapshot {
	snapshot := orderflow.Snapshot{Now: r.Client.Now(), Order: pass.order, Progress: pass.progress.Progress, Finalizer: r.Names.OrderFinalizer}
	if pass.issuer != nil && pass.issuer.GetSpec().ACME != nil {
		snapshot.Solvers = pass.issuer.GetSpec().ACME.Solvers
	}
	snapshot.Alone = map[string]string{}
	for _, authorization := range pass.order.Status.Authorizations {
		if place, alone := solver.StandsAlone(authorization.Challenge); alone {
			snapshot.Alone[authorization.URL] = place
		}
	}
	return snapshot
}

// act carries out one step. What held an order up before is over then, or is told anew.
func (r *OrderReconciler) act(ctx context.Context, pass *orderPass, next orderflow.Next) error {
	if status := &pass.order.Status; !status.State.IsFinal() {
		status.Error, status.NextAttemptTime = nil, nil
	}
	steps := map[orderflow.Step]func(context.Context, *orderPass) error{
		orderflow.Create: r.create, orderflow.Read: r.read, orderflow.Authorize: r.authorize,
		orderflow.Finalize: r.finalize, orderflow.Download: r.download, orderflow.CleanUp: r.cleanUp,
	}
	if step, ok := steps[next.Step]; ok {
		return step(ctx, pass)
	}
	stepsOf := map[orderflow.Step]func(context.Context, *orderPass, []string) error{
		orderflow.Poll: r.poll, orderflow.Present: r.present, orderflow.Check: r.check,
		orderflow.Accept: r.accept, orderflow.Abandon: r.abandon, orderflow.Withdraw: r.withdraw,
	}
	if step, ok := stepsOf[next.Step]; ok {
		return step(ctx, pass, next.URLs)
	}
	return r.fail(ctx, pass, next.State, next.Failure)
}

// rest ends a pass that has to wait or has nothing left to do.
func (r *OrderReconciler) rest(ctx context.Context, pass *orderPass, next orderflow.Next) (ctrl.Result, error) {
	if next.Step == orderflow.Done {
		name := client.ObjectKeyFromObject(pass.order)
		r.forget(name)
		r.Secrets.Keep(owner(orderKind, name))
		return report.Result(nil, noTime, r.Client.Now())
	}
	if err := r.note(ctx, pass, next.Note, nil); err != nil {
		return report.Result(err, noTime, r.Client.Now())
	}
	if next.At.IsZero() {
		next.At = r.tellAt(pass)
	}
	return report.Result(nil, next.At, r.Client.Now())
}

// tellAt is when what an Order waits for is told, zero if it has been.
func (r *OrderReconciler) tellAt(pass *orderPass) time.Time {
	at := pass.order.CreationTimestamp.Add(progressAfter)
	if !r.Client.Now().Before(at) {
		return noTime
	}
	return at
}

// note writes what an Order waits for, once it has taken longer than most do. held is what holds it up, nil where it
// goes on.
func (r *OrderReconciler) note(ctx context.Context, pass *orderPass, text string, held *v1.Problem) error {
	if text == "" || r.Client.Now().Before(pass.order.CreationTimestamp.Add(progressAfter)) || pass.order.Status.Reason == text {
		return nil
	}
	status := &pass.order.Status
	status.Reason = text
	if next := status.NextAttemptTime; held != nil || next == nil || !r.Client.Now().Before(next.Time) {
		// What the CA refused last is behind us.
		status.NextAttemptTime, status.Error = nil, held
	}
	return r.writeStatus(ctx, pass)
}

// postpone ends a pass whose step failed: for good, or until the CA, the network or a person is ready.
func (r *OrderReconciler) postpone(ctx context.Context, pass *orderPass, err error) (ctrl.Result, error) {
	now := r.Client.Now()
	if pass.issuer != nil {
		r.Limits.Refused(pass.issuer, err)
	}
	failure := pass.progress.Classify(err, now)
	switch failure.Reason {
	case orderflow.ReasonAccountUnknown:
		failure = r.doubt(pass, failure)
	case orderflow.ReasonCARefused:
		if concernsIssuer(pass.order, err) {
			r.Accounts.Suspect(pass.issuer)
		}
		if pass.order.Status.URL != "" {
			failure = orderflow.AboutOrder(failure)
		}
	case v1.ReasonAddressNotAllowed:
		// The issuer was ready under another rule, or its name led elsewhere: it looks again, and says so.
		r.Accounts.Suspect(pass.issuer)
	}
	if failure.Kind == outcome.Terminal && !pass.order.Status.State.IsFinal() {
		err = r.fail(ctx, pass, acmev1.Errored, failure)
		return report.Result(err, now.Add(time.Millisecond), now)
	}
	if failure.Momentary {
		return report.Result(failure, noTime, now)
	}
	if err := r.tell(ctx, pass, failure); err != nil {
		return report.Result(err, noTime, now)
	}
	return report.Result(failure, r.tellAt(pass), now)
}

// tell writes down what an Order waits for: at once where a CA asked for the wait, so that a restart does not
// cut it short.
func (r *OrderReconciler) tell(ctx context.Context, pass *orderPass, failure *outcome.Error) error {
	switch {
	case failure.Kind == outcome.Wait && !failure.At.IsZero() && orderflow.IsFromCA(failure):
		until := metav1.NewTime(failure.At)
		pass.order.Status.NextAttemptTime, pass.order.Status.Reason, pass.order.Status.Error = &until, failure.Message, problemOf(failure)
		return r.writeStatus(ctx, pass)
	case failure.Reason == backend.ReasonExactSetLimit:
		return r.note(ctx, pass, failure.Message, problemOf(failure))
	default:
		return r.note(ctx, pass, failure.Message, nil)
	}
}

// concernsIssuer says whether a refusal may be of everything that an issuer orders, so that it has to look again:
// its account was deactivated, or the CA has its profile no more.
func concernsIssuer(order *acmev1.Order, err error) bool {
	return acme.IsProblem(err, acme.TypeInvalidProfile) || order.Status.URL == "" && acme.IsProblem(err, acme.TypeUnauthorized)
}

// doubtsPerOrder is how often an Order asks for its account to be registered again: the first answer may be about
// an account that has been replaced meanwhile.
const doubtsPerOrder = 2

// accountDeadline bounds the wait for an account to be registered again.
const accountDeadline = 30 * time.Second

// doubt has the account of an order registered again, which the CA does not know. An order that was
// not made yet waits for that; one that was made is lost with its account.
func (r *OrderReconciler) doubt(pass *orderPass, failure *outcome.Error) *outcome.Error {
	r.Accounts.Suspect(pass.issuer)
	if pass.order.Status.URL != "" || pass.progress.Doubts == doubtsPerOrder {
		return failure
	}
	pass.progress.Doubts++
	return outcome.WaitUntil(r.Client.Now().Add(accountDeadline), v1.ReasonIssuerNotReady,
		"waiting for the account to be registered again: %s", failure.Message)
}

// fail writes the final state of an order that got no certificate.
func (r *OrderReconciler) fail(ctx context.Context, pass *orderPass, state acmev1.State, failure *outcome.Error) error {
	now := metav1.NewTime(r.Client.Now())
	status := &pass.order.Status
	status.State, status.Reason, status.FailureTime, status.NextAttemptTime = state, failure.Message, &now, nil
	status.Error = problemOf(failure)
	if err := r.writeStatus(ctx, pass); err != nil {
		return err
	}
	r.Events.Failed(pass.order, failure.Reason, failure.Message)
	return nil
}

func problemOf(failure *outcome.Error) *v1.Problem {
	return &v1.Problem{Type: issuance.ProblemType(failure, failure.Reason), Detail: failure.Message, URL: failure.URL}
}

// writeStatus is the one place that writes an Order's status, and only when it changed.
func (r *OrderReconciler) writeStatus(ctx context.Context, pass *orderPass) error {
	if equality.Semantic.DeepEqual(pass.saved, pass.order.Status) {
		return nil
	}
	if err := r.Client.UpdateStatus(ctx, pass.order); err != nil {
		return err
	}
	pass.saved = *pass.order.Status.DeepCopy()
	if pass.order.Status.State.IsFinal() {
		r.turns.pass(client.ObjectKeyFromObject(pass.order))
	}
	return nil
}
