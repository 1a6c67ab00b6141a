package controllers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/outcome"
	"github.com/certwright/certwright/internal/report"
	"github.com/certwright/certwright/internal/routing"
)

// RoutingReconciler leads the HTTP-01 requests and TLS-ALPN-01 handshakes of CAs to what answers them, one namespace at
// a time. It is the one owner of the objects that do: however many orders come at once, they share a few routes that are
// written together.
type RoutingReconciler struct {
	Client   *kube.Client
	Settings routing.Settings
	// Replicas gives the addresses of the operator's pods that answer.
	Replicas func(ctx context.Context) ([]string, error)

	// Gateways knows whether the cluster has the Gateway API.
	Gateways *GatewayAPI

	mu   sync.Mutex
	held map[string]*heldRoutes
	// misrouted is when the routes of a way, in a namespace, were last seen not to lead to the operator.
	misrouted map[string]time.Time
}

// heldRoutes is what is remembered of the routes of a namespace.
type heldRoutes struct {
	needed  routing.Memory
	lenient map[string]bool
	// nextPass is the earliest time of the next pass, so that orders which come together are routed together: every
	// change makes an ingress controller load its configuration anew, and every pass looks at all orders.
	nextPass time.Time
	// edited are the Ingresses of others that orders need paths in.
	edited []string
	grant  heldGrant
	// problem is what the last change failed with.
	problem error
}

// heldGrant is what is known of the ReferenceGrant of a namespace, which is not watched.
type heldGrant struct {
	// found is the grant as it was seen last, nil if there was none.
	found *gatewayv1beta1.ReferenceGrant
	// looked is when it was looked for last, zero if it never was, or may have been changed since.
	looked time.Time
}

const (
	// betweenLooks is the least time between two passes over a namespace, whatever happens there.
	betweenLooks = 100 * time.Millisecond
	// grantTrust is how long a grant is taken to be as it was seen.
	grantTrust = time.Minute
	// betweenWrites is the least time between two changes of the routes of a namespace.
	betweenWrites = time.Second
	// distrust is how long orders have pods of their own after a route did not lead to the operator.
	distrust = time.Hour
	// heldFor is how long a namespace without routes is remembered.
	heldFor = time.Hour
	// routeRetry is how soon a change that failed is tried again, and clearRetry how soon where no order waits for it: what
	// the API server refuses to have taken away may be there for ever.
	routeRetry, clearRetry = 2 * time.Second, time.Minute
)

func retryAt(plan routing.Plan, now time.Time) time.Time {
	if plan.OnlyClears() {
		return now.Add(clearRetry)
	}
	return now.Add(routeRetry)
}

// Reconcile brings the routes of one namespace to what its orders need.
func (r *RoutingReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	now, held := r.Client.Now(), r.holding(request.Name)
	if now.Before(held.nextPass) {
		return report.Result(nil, held.nextPass, now)
	}
	state, err := r.load(ctx, request.Name, held)
	if err != nil {
		return report.Result(err, noTime, now)
	}
	plan := routing.Decide(*state)
	news := r.remember(held, plan)
	if plan.Idle() {
		r.looked(held, now)
		if news {
			// An Ingress that came while this pass looked woke nobody, since nobody was known to wait for it.
			return report.Result(nil, held.nextPass, now)
		}
		return report.Result(nil, plan.Recheck, now)
	}
	err = r.act(ctx, held, plan)
	if r.wrote(held, err) {
		logf.FromContext(ctx).Info("The routes of challenges cannot be changed as they should be", "error", err.Error())
	}
	if err != nil {
		return report.Result(outcome.WaitUntil(retryAt(plan, now), "RouteError", "%v", err), plan.Recheck, now)
	}
	// Whether all of it came to be is seen then.
	return report.Result(nil, held.nextPass, now)
}

func (r *RoutingReconciler) holding(namespace string) *heldRoutes {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held == nil {
		r.held = map[string]*heldRoutes{}
	}
	if r.held[namespace] == nil {
		now := r.Client.Now()
		maps.DeleteFunc(r.held, func(_ string, held *heldRoutes) bool {
			return len(held.needed)+len(held.edited) == 0 && !held.nextPass.IsZero() && now.After(held.nextPass.Add(heldFor))
		})
		r.held[namespace] = &heldRoutes{lenient: map[string]bool{}}
	}
	return r.held[namespace]
}

// remember keeps what the next passes and the watches need, and says whether the orders wait for other Ingresses than
// before.
func (r *RoutingReconciler) remember(held *heldRoutes, plan routing.Plan) (news bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	news = !slices.Equal(held.edited, plan.Edited)
	held.needed, held.edited = plan.Needed, plan.Edited
	if plan.Idle() {
		held.problem = nil
	}
	return news
}

func (r *RoutingReconciler) looked(held *heldRoutes, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	held.nextPass = now.Add(betweenLooks)
}

// wrote keeps how a change went, and says whether it failed in another way than the one before.
func (r *RoutingReconciler) wrote(held *heldRoutes, problem error) (news bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	news = problem != nil && (held.problem == nil || held.problem.Error() != problem.Error())
	held.nextPass, held.problem = r.Client.Now().Add(betweenWrites), problem
	held.grant = heldGrant{}
	return news
}

// problem is what the routes of a namespace could not be made for, nil if they could.
func (r *RoutingReconciler) problem(namespace string) error {
	held := r.holding(namespace)
	r.mu.Lock()
	defer r.mu.Unlock()
	return held.problem
}

// load reads the orders of a namespace and what leads to their answers, from the cache.
func (r *RoutingReconciler) load(ctx context.Context, namespace string, held *heldRoutes) (*routing.State, error) {
	state := &routing.State{
		Settings: r.Settings, Now: r.Client.Now(), Namespace: namespace, Needed: held.needed, Lenient: held.lenient,
	}
	var orders acmev1.OrderList
	if err := r.Client.Cached.List(ctx, &orders, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	for i := range orders.Items {
		state.Orders = append(state.Orders, &orders.Items[i])
	}
	var ingresses networkingv1.IngressList
	if err := r.Client.Cached.List(ctx, &ingresses, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	for i := range ingresses.Items {
		state.Ingresses = append(state.Ingresses, &ingresses.Items[i])
	}
	if err := r.loadOthers(ctx, state); err != nil {
		return nil, err
	}
	if len(held.needed) > 0 {
		if err := r.loadServed(ctx, state); err != nil {
			return nil, err
		}
	}
	if err := r.loadGateways(ctx, state, held); err != nil {
		return nil, err
	}
	var err error
	state.Replicas, err = r.Replicas(ctx)
	return state, err
}

// loadServed reads the hosts that others route, wherever they do: a controller knows no namespaces of hosts.
func (r *RoutingReconciler) loadServed(ctx context.Context, state *routing.State) error {
	others, err := labels.NewRequirement(r.Settings.Names.Label.HTTP01Solver, selection.DoesNotExist, nil)
	if err != nil {
		return err
	}
	ofOthers := client.MatchingLabelsSelector{Selector: labels.NewSelector().Add(*others)}
	var ingresses networkingv1.IngressList
	if err := r.Client.Cached.List(ctx, &ingresses, ofOthers, client.UnsafeDisableDeepCopy); err != nil {
		return err
	}
	for i := range ingresses.Items {
		state.Served.AddIngress(&ingresses.Items[i])
	}
	if !r.Gateways.serves(httpRoutes) {
		return nil
	}
	var routes gatewayv1.HTTPRouteList
	if err := r.Client.Cached.List(ctx, &routes, ofOthers, client.UnsafeDisableDeepCopy); err != nil {
		return err
	}
	for i := range routes.Items {
		state.Served.AddHTTPRoute(&routes.Items[i])
	}
	return nil
}

func (r *RoutingReconciler) ours() client.MatchingLabels {
	return client.MatchingLabels{r.Settings.Names.Label.HTTP01Solver: "true"}
}

func (r *RoutingReconciler) loadOthers(ctx context.Context, state *routing.State) error {
	lists := []client.ObjectList{&corev1.ServiceList{}, &discoveryv1.EndpointSliceList{}}
	if r.Settings.Image != "" {
		lists = append(lists, &corev1.PodList{})
	}
	for _, list := range lists {
		if err := r.Client.Cached.List(ctx, list, client.InNamespace(state.Namespace), r.ours(), client.UnsafeDisableDeepCopy); err != nil {
			return err
		}
		items, err := meta.ExtractList(list)
		if err != nil {
			return err
		}
		for _, item := range items {
			if object, ok := item.(routing.Object); ok {
				state.Others = append(state.Others, object)
			}
		}
	}
	return nil
}

// loadGateways reads what there is of the Gateway API, if the cluster has it.
func (r *RoutingReconciler) loadGateways(ctx context.Context, state *routing.State, held *heldRoutes) error {
	if !r.Gateways.serves(httpRoutes) && !r.Gateways.serves(tlsRoutes) {
		return nil
	}
	if err := errors.Join(r.loadHTTPRoutes(ctx, state), r.loadTLSRoutes(ctx, state)); err != nil {
		return err
	}
	return r.loadGrant(ctx, state, held)
}

func (r *RoutingReconciler) loadHTTPRoutes(ctx context.Context, state *routing.State) error {
	if !r.Gateways.serves(httpRoutes) {
		return nil
	}
	var routes gatewayv1.HTTPRouteList
	if err := r.Client.Cached.List(ctx, &routes, client.InNamespace(state.Namespace), r.ours(), client.UnsafeDisableDeepCopy); err != nil {
		return err
	}
	for i := range routes.Items {
		state.HTTPRoutes = append(state.HTTPRoutes, &routes.Items[i])
	}
	return nil
}

func (r *RoutingReconciler) loadTLSRoutes(ctx context.Context, state *routing.State) error {
	if !r.Gateways.serves(tlsRoutes) {
		return nil
	}
	var routes gatewayv1.TLSRouteList
	if err := r.Client.Cached.List(ctx, &routes, client.InNamespace(state.Namespace), r.ours(), client.UnsafeDisableDeepCopy); err != nil {
		return err
	}
	for i := range routes.Items {
		state.TLSRoutes = append(state.TLSRoutes, &routes.Items[i])
	}
	return nil
}

// loadGrant reads the grant, which is there as long as routes of the Gateway API are. It may outlive them, where they
// went with their namespace, or where an earlier process left it: it is known to be gone only when it was looked for and
// not found.
func (r *RoutingReconciler) loadGrant(ctx context.Context, state *routing.State, held *heldRoutes) error {
	known := &held.grant
	isGone := !known.looked.IsZero() && known.found == nil && len(state.HTTPRoutes)+len(state.TLSRoutes) == 0
	if !isGone && (known.found == nil || !state.Now.Before(known.looked.Add(grantTrust))) {
		grant := &gatewayv1beta1.ReferenceGrant{}
		err := r.Client.Live.Get(ctx, types.NamespacedName{Namespace: r.Settings.OwnNamespace, Name: routing.GrantName(state.Namespace)}, grant)
		// A cluster may have HTTPRoutes and no grants: then only what needs one fails.
		if client.IgnoreNotFound(err) != nil && !meta.IsNoMatchError(err) {
			return err
		}
		*known = heldGrant{looked: state.Now}
		if err == nil && grant.Labels[r.Settings.Names.Label.HTTP01Solver] == "true" {
			known.found = grant
		}
	}
	if known.found != nil {
		state.Others = append(state.Others, known.found)
	}
	return nil
}

// act carries a plan out. What fails does not hold up the rest. What was written need not be remembered: the next pass
// compares what the lists show then, and nobody reads these objects by their names, which would end the memory.
func (r *RoutingReconciler) act(ctx context.Context, held *heldRoutes, plan routing.Plan) error {
	var failures []error
	for _, object := range plan.Create {
		failures = append(failures, r.refused(held, r.wayOf(object), written("making", object, r.Client.Cached.Create(ctx, object))))
	}
	for _, object := range plan.Update {
		failures = append(failures, r.refused(held, r.wayOf(object), written("changing", object, r.Client.Cached.Update(ctx, object))))
	}
	for _, edit := range plan.Edits {
		failures = append(failures, r.refused(held, edit.Way, r.edit(ctx, edit)))
	}
	for _, object := range plan.Delete {
		failures = append(failures, written("deleting", object, r.Client.Delete(ctx, object)))
	}
	return errors.Join(failures...)
}

// edit changes an Ingress that somebody else made, as it is now.
func (r *RoutingReconciler) edit(ctx context.Context, edit routing.Edit) error {
	now := &networkingv1.Ingress{}
	err := r.Client.Live.Get(ctx, client.ObjectKeyFromObject(edit.Ingress), now)
	if err != nil {
		return written("reading", edit.Ingress, err)
	}
	changed, needed := edit.Apply(now)
	if !needed {
		return nil
	}
	return written("changing the challenges' paths in", now, r.Client.Cached.Update(ctx, changed))
}

// wayOf is what an Ingress of ours has in common with those that are routed alike, empty for anything else.
func (r *RoutingReconciler) wayOf(object routing.Object) string {
	if _, ok := object.(*networkingv1.Ingress); !ok {
		return ""
	}
	return object.GetLabels()[r.Settings.Names.Label.HTTP01Route]
}

// refused has the paths of a way matched as its controller likes, if that refused them as they were.
func (r *RoutingReconciler) refused(held *heldRoutes, way string, err error) error {
	if way == "" || held.lenient[way] || !apierrors.IsInvalid(err) && !apierrors.IsBadRequest(err) && !apierrors.IsForbidden(err) {
		return err
	}
	held.lenient[way] = true
	return fmt.Errorf("%w; it is tried again with paths of type ImplementationSpecific", err)
}

// written says what a write failed with. An object that goes, with its namespace or by another hand, is no failure, nor
// one that somebody changed meanwhile: the next pass sees it.
func written(doing string, object routing.Object, err error) error {
	switch {
	case err == nil, apierrors.IsNotFound(err), apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause), apierrors.IsConflict(err):
		return nil
	case meta.IsNoMatchError(err):
		return fmt.Errorf("the cluster does not serve kind %s: install the CRDs of the Gateway API", routeKind(object))
	case apierrors.IsAlreadyExists(err):
		return fmt.Errorf("%s %q exists already, and is left alone if it is not ours", routeKind(object), object.GetName())
	default:
		return fmt.Errorf("%s %s %q: %w", doing, routeKind(object), object.GetName(), err)
	}
}

func routeKind(object routing.Object) string {
	switch object.(type) {
	case *networkingv1.Ingress:
		return "Ingress"
	case *gatewayv1.HTTPRoute:
		return "HTTPRoute"
	case *gatewayv1.TLSRoute:
		return "TLSRoute"
	case *gatewayv1beta1.ReferenceGrant:
		return "ReferenceGrant"
	case *corev1.Service:
		return "Service"
	case *corev1.Pod:
		return "Pod"
	default:
		return "EndpointSlice"
	}
}

// distrusts takes note that the routes of a solver do not lead to the operator.
func (r *RoutingReconciler) distrusts(order *acmev1.Order, chosen *v1.ACMESolver) {
	way, err := routing.WayOf(r.Settings.Names, order, chosen)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.misrouted == nil {
		r.misrouted = map[string]time.Time{}
	}
	now := r.Client.Now()
	for key, at := range r.misrouted {
		if now.After(at.Add(distrust)) {
			delete(r.misrouted, key)
		}
	}
	r.misrouted[order.Namespace+"/"+way.Key()] = now
}

// prefersPods says whether the routes of a solver were seen not to lead to the operator.
func (r *RoutingReconciler) prefersPods(order *acmev1.Order, chosen *v1.ACMESolver) bool {
	way, err := routing.WayOf(r.Settings.Names, order, chosen)
	if err != nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	at, known := r.misrouted[order.Namespace+"/"+way.Key()]
	return known && r.Client.Now().Before(at.Add(distrust))
}

// SetupWithManager wakes a namespace by its Orders, by what is ours that somebody changes or an earlier process left, by
// the Ingresses of others that orders need paths in, and, all that have routes, by the operator's own endpoints.
func (r *RoutingReconciler) SetupWithManager(mgr ctrl.Manager) error {
	isOurs := predicate.NewPredicateFuncs(func(object client.Object) bool {
		return object.GetLabels()[r.Settings.Names.Label.HTTP01Solver] == "true"
	})
	isOwnEndpoints := predicate.NewPredicateFuncs(func(object client.Object) bool {
		return object.GetNamespace() == r.Settings.OwnNamespace && object.GetLabels()[discoveryv1.LabelServiceName] == r.Settings.Service
	})
	isRouted := predicate.NewPredicateFuncs(func(object client.Object) bool {
		order, ok := object.(*acmev1.Order)
		return ok && wasRouted(order)
	})
	ours := builder.WithPredicates(isOurs)
	b := ctrl.NewControllerManagedBy(mgr).Named("routing")
	if r.Settings.Image != "" {
		b = b.Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(namespaceOf), ours)
	}
	made, err := b.
		Watches(&acmev1.Order{}, handler.EnqueueRequestsFromMapFunc(namespaceOf), builder.WithPredicates(isRouted)).
		Watches(&networkingv1.Ingress{}, handler.EnqueueRequestsFromMapFunc(namespaceOf), builder.WithPredicates(predicate.NewPredicateFuncs(r.concerns))).
		Watches(&corev1.Service{}, handler.EnqueueRequestsFromMapFunc(namespaceOf), ours).
		Watches(&discoveryv1.EndpointSlice{}, handler.EnqueueRequestsFromMapFunc(namespaceOf), ours).
		Watches(&discoveryv1.EndpointSlice{}, handler.EnqueueRequestsFromMapFunc(r.routed), builder.WithPredicates(isOwnEndpoints), news).
		WithOptions(options(2)).
		Build(r)
	if err != nil {
		return err
	}
	r.Gateways.wakeByRoutes(made, isOurs, r.granted)
	return nil
}

// granted are the namespaces that have a grant of ours. One whose namespace went while no operator ran is found by
// nothing else.
func (r *RoutingReconciler) granted(ctx context.Context) ([]string, error) {
	if r.Settings.Service == "" {
		return nil, nil
	}
	var grants gatewayv1beta1.ReferenceGrantList
	err := r.Client.Live.List(ctx, &grants, client.InNamespace(r.Settings.OwnNamespace), r.ours())
	if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) {
		return nil, nil
	}
	var namespaces []string
	for i := range grants.Items {
		namespaces = append(namespaces, grants.Items[i].Annotations[r.Settings.Names.Annotation.ACME.ChallengeNamespace])
	}
	return namespaces, err
}

// concerns says whether an Ingress is ours, has a path of ours, or is to have one.
func (r *RoutingReconciler) concerns(object client.Object) bool {
	ingress, ok := object.(*networkingv1.Ingress)
	if !ok {
		return false
	}
	if ingress.Labels[r.Settings.Names.Label.HTTP01Solver] == "true" || r.Settings.HasPaths(ingress) {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	held := r.held[ingress.Namespace]
	return held != nil && slices.Contains(held.edited, ingress.Name)
}

func namespaceOf(_ context.Context, object client.Object) []reconcile.Request {
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Name: object.GetNamespace()}}}
}

// wasRouted says whether routes may have been made for an Order.
func wasRouted(order *acmev1.Order) bool {
	return slices.ContainsFunc(order.Status.Authorizations, func(a acmev1.Authorization) bool {
		return a.Challenge != nil && a.Challenge.AnsweredBy != ""
	})
}

// routed are the namespaces that have routes, or paths in the Ingresses of others.
func (r *RoutingReconciler) routed(context.Context, client.Object) []reconcile.Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	var requests []reconcile.Request
	for namespace, held := range r.held {
		if len(held.needed)+len(held.edited) > 0 {
			requests = append(requests, reconcile.Request{NamespacedName: types.NamespacedName{Name: namespace}})
		}
	}
	return requests
}
