package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	crsource "sigs.k8s.io/controller-runtime/pkg/source"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/source"
)

// part is a kind of the Gateway API that the API server may serve or not.
type part string

// Parts, by resource and version.
const (
	gateways            part = "gateways.v1"
	httpRoutes          part = "httproutes.v1"
	tlsRoutes           part = "tlsroutes.v1"
	listenerSets        part = "listenersets.v1"
	referenceGrants     part = "referencegrants.v1"
	referenceGrantsBeta part = "referencegrants.v1beta1"
)

// objects are an empty object of each part.
func objects() map[part]client.Object {
	return map[part]client.Object{
		gateways:            &gatewayv1.Gateway{},
		httpRoutes:          &gatewayv1.HTTPRoute{},
		tlsRoutes:           &gatewayv1.TLSRoute{},
		listenerSets:        &gatewayv1.ListenerSet{},
		referenceGrants:     &gatewayv1.ReferenceGrant{},
		referenceGrantsBeta: &gatewayv1beta1.ReferenceGrant{},
	}
}

// listWithin is how long an event waits for the sources that it may matter to. Later, they come with an event each.
const listWithin = 10 * time.Second

// IsGatewayAPI says whether a Go type, such as *v1.Gateway, is one that GatewayAPI has watched.
func IsGatewayAPI(goType string) bool {
	for _, object := range objects() {
		if fmt.Sprintf("%T", object) == goType {
			return true
		}
	}
	return false
}

// GatewayAPI knows which kinds of the Gateway API there are, and has them watched as long as there are. It looks
// every so often, which needs no right: a watch of CRDs would.
type GatewayAPI struct {
	Discovery discovery.ServerResourcesInterface
	Cache     cache.Cache
	Log       logr.Logger
	// Every is the time between two looks.
	Every time.Duration
	// Namespaces are those that the operator works in; all if there are none.
	Namespaces []string

	parts atomic.Pointer[[]part]
	// consumers are the controllers that are woken.
	consumers []consumer
	// byRoutes, if set, is woken by the HTTPRoutes and TLSRoutes that are its own, by their namespace: a TLSRoute
	// that an earlier process left would take the connections for its hosts for ever.
	byRoutes  controller.Controller
	ownRoutes predicate.Predicate
	// granted are the namespaces that byRoutes is woken for once, nil when that is done.
	granted func(context.Context) ([]string, error)
	// known are the parts that have ever been watched.
	known map[part]bool
	// missing are the parts that were served before the last look, and not at it.
	missing map[part]bool
	// first are the kinds that the very first look found.
	first []part
	// common says that what is always served is watched.
	common bool
}

// doubtedFor is how soon is looked again where the first look did not find all kinds that Certificates come of.
const doubtedFor = 5 * time.Second

// consumer is the controller of one kind of source.
type consumer struct {
	controller controller.Controller
	reconciler *SourceReconciler
	own        part
}

// SetupWithManager makes the controllers of both reconcilers. They watch nothing before the kinds are served.
func (a *GatewayAPI) SetupWithManager(mgr ctrl.Manager, workers int, ofGateways, ofListenerSets *SourceReconciler) error {
	for _, c := range []consumer{{reconciler: ofGateways, own: gateways}, {reconciler: ofListenerSets, own: listenerSets}} {
		opts := options(workers)
		opts.Reconciler = c.reconciler
		made, err := controller.New(map[part]string{gateways: "gateway", listenerSets: "listenerset"}[c.own], mgr, opts)
		if err != nil {
			return err
		}
		c.controller = made
		a.consumers = append(a.consumers, c)
	}
	a.known, a.missing = map[part]bool{}, map[part]bool{}
	return mgr.Add(a)
}

// wakeByRoutes has a controller of namespaces woken by the HTTPRoutes that a predicate holds for and, once there are
// routes, for the namespaces that have grants.
func (a *GatewayAPI) wakeByRoutes(woken controller.Controller, own predicate.Predicate, granted func(context.Context) ([]string, error)) {
	a.byRoutes, a.ownRoutes, a.granted = woken, own, granted
}

// wakeGranted wakes the namespaces that an earlier process left a grant for.
func (a *GatewayAPI) wakeGranted(ctx context.Context) error {
	if a.granted == nil || !a.serves(httpRoutes) && !a.serves(tlsRoutes) {
		return nil
	}
	namespaces, err := a.granted(ctx)
	if err != nil {
		return err
	}
	a.granted = nil
	return a.byRoutes.Watch(crsource.Func(func(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		for _, namespace := range namespaces {
			if namespace != "" && a.worksIn(namespace) {
				queue.Add(reconcile.Request{NamespacedName: types.NamespacedName{Name: namespace}})
			}
		}
		return nil
	}))
}

func (a *GatewayAPI) worksIn(namespace string) bool {
	return len(a.Namespaces) == 0 || slices.Contains(a.Namespaces, namespace)
}

func (a *GatewayAPI) serves(p part) bool {
	known := a.parts.Load()
	return known != nil && slices.Contains(*known, p)
}

// Start looks until ctx ends.
func (a *GatewayAPI) Start(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		if err := a.look(ctx); err != nil {
			a.Log.V(1).Info("cannot tell which kinds of the Gateway API there are: looking again", "error", err.Error())
		}
		next := a.Every
		if a.parts.Load() == nil {
			next = min(next, doubtedFor)
		}
		timer.Reset(next)
	}
}

// look finds out which kinds there are, and starts or ends the watches of those that came or went.
func (a *GatewayAPI) look(ctx context.Context) error {
	found, err := a.discover()
	if err != nil {
		return err
	}
	if a.isDoubtful(found) {
		return nil
	}
	var before []part
	if known := a.parts.Load(); known != nil {
		before = *known
	}
	now := a.confirm(before, found)
	a.parts.Store(&now)
	var came []part
	var failed error
	for p, object := range objects() {
		isServed, wasServed := slices.Contains(now, p), slices.Contains(before, p)
		switch {
		case isServed && !wasServed:
			a.Log.Info("watching a kind of the Gateway API", "kind", p)
			came = append(came, p)
			a.known[p] = true
		case !isServed && a.known[p]:
			if wasServed {
				a.Log.Info("a kind of the Gateway API is gone", "kind", p)
			}
			// At every look: a pass that began before may have asked for it since.
			failed = errors.Join(failed, a.Cache.RemoveInformer(ctx, object))
		}
	}
	return errors.Join(failed, a.watch(came), a.wakeGranted(ctx))
}

// isDoubtful says whether more kinds may be about to be found. An API server that starts serves one after the other, and
// what came of routes or grants before must not go for that: so what the first look missed has to be missing twice.
func (a *GatewayAPI) isDoubtful(found []part) bool {
	hasGrants := slices.Contains(found, referenceGrants) || slices.Contains(found, referenceGrantsBeta)
	if a.parts.Load() != nil || len(found) == 0 || hasGrants && slices.Contains(found, httpRoutes) {
		return false
	}
	isNews := !slices.Equal(found, a.first)
	a.first = found
	return isNews
}

// confirm takes a kind for gone only when it is missing twice: while a CRD is replaced, it may be missing for a moment,
// and what comes of routes or grants must not go for that.
func (a *GatewayAPI) confirm(before, found []part) []part {
	now := found
	for _, p := range before {
		switch {
		case slices.Contains(found, p):
			delete(a.missing, p)
		case a.missing[p]:
			delete(a.missing, p)
		default:
			a.missing[p] = true
			now = append(now, p)
		}
	}
	return now
}

// discover asks the API server. Of ReferenceGrants, one version is enough.
func (a *GatewayAPI) discover() ([]part, error) {
	var parts []part
	for _, version := range []string{gatewayv1.GroupVersion.Version, gatewayv1beta1.GroupVersion.Version} {
		list, err := a.Discovery.ServerResourcesForGroupVersion(gatewayv1.GroupName + "/" + version)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, resource := range list.APIResources {
			p := part(resource.Name + "." + version)
			_, ours := objects()[p]
			isSecond := p == referenceGrantsBeta && slices.Contains(parts, referenceGrants)
			if ours && !isSecond {
				parts = append(parts, p)
			}
		}
	}
	return parts, nil
}

// watch has both controllers woken by kinds that came, and, with the first of them, by what is always served. Sources
// themselves come first: one that something else woke its controller for, and that went before it was watched, would
// leave behind what was made for it.
func (a *GatewayAPI) watch(came []part) error {
	var failed error
	for _, c := range a.consumers {
		if slices.Contains(came, c.own) {
			failed = errors.Join(failed, a.add(c, objects()[c.own], a.requests(c, c.own), edited))
		}
	}
	if len(came) > 0 && !a.common {
		a.common = true
		failed = errors.Join(failed, a.watchCommon())
	}
	for _, p := range came {
		for _, c := range a.consumers {
			if p != c.own {
				failed = errors.Join(failed, a.add(c, objects()[p], a.requests(c, p), edited))
			}
		}
	}
	for _, p := range came {
		if (p == httpRoutes || p == tlsRoutes) && a.byRoutes != nil {
			failed = errors.Join(failed, a.byRoutes.Watch(started{crsource.Kind(a.Cache, objects()[p], handler.EnqueueRequestsFromMapFunc(namespaceOf), a.ownRoutes, edited)}))
		}
	}
	return failed
}

func (a *GatewayAPI) watchCommon() error {
	var failed error
	for _, c := range a.consumers {
		namespace := &metav1.PartialObjectMetadata{}
		namespace.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
		failed = errors.Join(failed, a.add(c, namespace, a.allOf(c), predicate.LabelChangedPredicate{}),
			a.add(c, &v1.Certificate{}, a.byCertificate(c), edited))
	}
	return failed
}

// started is a source that a controller does not wait for: its kind may go at any time, and a wait that nothing ends
// would end the operator.
type started struct{ crsource.Source }

// Start implements source.Source.
func (s started) Start(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	return s.Source.Start(ctx, queue)
}

// String names the source in logs.
func (s started) String() string { return fmt.Sprint(s.Source) }

func (a *GatewayAPI) add(c consumer, object client.Object, names mapping, which predicate.Predicate) error {
	woken := handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, object client.Object) []reconcile.Request {
		return requestsFor(names(ctx, object))
	})
	return c.controller.Watch(started{crsource.Kind(a.Cache, object, woken, which)})
}

// mapping names the sources of one kind that an object matters to.
type mapping func(context.Context, client.Object) []types.NamespacedName

// requests says which sources of a controller an object of a part matters to.
func (a *GatewayAPI) requests(c consumer, p part) mapping {
	switch p {
	case c.own:
		return func(_ context.Context, object client.Object) []types.NamespacedName {
			return []types.NamespacedName{client.ObjectKeyFromObject(object)}
		}
	case httpRoutes:
		return func(_ context.Context, object client.Object) []types.NamespacedName {
			return ofRoute(c.reconciler.kind.name, as[*gatewayv1.HTTPRoute](object))
		}
	case gateways:
		return a.setsOf(c)
	case listenerSets, tlsRoutes:
		// A Gateway does not depend on its sets, nor on what it passes through.
		return func(context.Context, client.Object) []types.NamespacedName { return nil }
	default:
		return a.allOf(c)
	}
}

// setsOf are the ListenerSets of a Gateway.
func (a *GatewayAPI) setsOf(c consumer) mapping {
	return func(ctx context.Context, object client.Object) []types.NamespacedName {
		var names []types.NamespacedName
		a.each(ctx, c, func(item client.Object) {
			if set, ok := item.(*gatewayv1.ListenerSet); ok {
				if parent, named := source.ParentOf(set); named && parent == client.ObjectKeyFromObject(object) {
					names = append(names, client.ObjectKeyFromObject(set))
				}
			}
		})
		return names
	}
}

// allOf are all sources of a controller: there are few, and what they depend on here seldom changes.
func (a *GatewayAPI) allOf(c consumer) mapping {
	return func(ctx context.Context, _ client.Object) []types.NamespacedName {
		var names []types.NamespacedName
		a.each(ctx, c, func(item client.Object) { names = append(names, client.ObjectKeyFromObject(item)) })
		return names
	}
}

// byCertificate are the sources that a Certificate was made for, or that it is in the way of.
func (a *GatewayAPI) byCertificate(c consumer) mapping {
	return func(ctx context.Context, object client.Object) []types.NamespacedName {
		crt := as[*v1.Certificate](object)
		names := ofKind(c.reconciler.kind.name, crt, c.reconciler.Config.Names.Annotation.Source)
		a.each(ctx, c, func(item client.Object) {
			if source.NamesSecret(item, client.ObjectKeyFromObject(crt)) {
				names = append(names, client.ObjectKeyFromObject(item))
			}
		})
		return names
	}
}

// each looks at every source of a controller.
func (a *GatewayAPI) each(ctx context.Context, c consumer, look func(client.Object)) {
	if !a.serves(c.own) {
		return
	}
	// A list waits for its watch, and the kind may just have gone.
	ctx, cancel := context.WithTimeout(ctx, listWithin)
	defer cancel()
	var list client.ObjectList = &gatewayv1.GatewayList{}
	if c.own == listenerSets {
		list = &gatewayv1.ListenerSetList{}
	}
	if err := c.reconciler.Client.Cached.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		return
	}
	// Our own function returns no error, and the list is one.
	_ = meta.EachListItem(list, func(item runtime.Object) error {
		if object, ok := item.(client.Object); ok {
			look(object)
		}
		return nil
	})
}
