package controllers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/certwright/certwright/api"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/outcome"
	"github.com/certwright/certwright/internal/report"
)

const (
	// maxLookups is how many kinds one pass looks up at most: tenants choose the names, and each one that
	// is not served costs a discovery.
	maxLookups = 50
	// lookupPause is how long the next lookups wait where there were more.
	lookupPause = time.Second
	// unseenFor is how long an object that is there, or is gone, may be unseen by the watch.
	unseenFor = 5 * time.Second
)

// IssuerKindsReconciler keeps the ConfigMap that tells the approval policy which resource a kind of
// another program's issuers is, and its scope: a policy cannot look that up. It makes the ConfigMap
// where there is none, and adds an entry for each kind that a CertificateRequest names and that the
// cluster serves. An entry that is there is never changed and never removed.
type IssuerKindsReconciler struct {
	Names  api.Names
	Client *kube.Client
	// Mapper knows what the cluster serves.
	Mapper meta.RESTMapper
	// ConfigMap is the one object that is kept.
	ConfigMap types.NamespacedName

	asked askedKinds
}

// SetupWithManager wakes the reconciler by the ConfigMap, by new requests, and once at start, since a
// ConfigMap that does not exist sends no event. The cache of ConfigMaps should hold this one only.
func (r *IssuerKindsReconciler) SetupWithManager(mgr ctrl.Manager) error {
	isKept := predicate.NewPredicateFuncs(func(object client.Object) bool { return client.ObjectKeyFromObject(object) == r.ConfigMap })
	// The issuerRef of a request never changes.
	isNew := predicate.Funcs{
		UpdateFunc: func(event.UpdateEvent) bool { return false },
		DeleteFunc: func(event.DeleteEvent) bool { return false },
	}
	atStart := source.Func(func(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		queue.Add(reconcile.Request{NamespacedName: r.ConfigMap})
		return nil
	})
	return ctrl.NewControllerManagedBy(mgr).
		Named("issuerkinds").
		For(&corev1.ConfigMap{}, builder.WithPredicates(isKept)).
		Watches(&v1.CertificateRequest{}, handler.EnqueueRequestsFromMapFunc(r.newKind), builder.WithPredicates(isNew)).
		WatchesRawSource(atStart).
		WithOptions(options(1)).
		Complete(r)
}

// newKind asks for a pass, and for another lookup, if a request names a kind without an entry.
func (r *IssuerKindsReconciler) newKind(ctx context.Context, object client.Object) []reconcile.Request {
	cr, ok := object.(*v1.CertificateRequest)
	if !ok || !cr.Spec.IssuerRef.IsExternal(r.Names) {
		return nil
	}
	kind := kindOf(cr.Spec.IssuerRef, r.Names)
	var kept corev1.ConfigMap
	err := r.Client.Cached.Get(ctx, r.ConfigMap, &kept, client.UnsafeDisableDeepCopy)
	if _, entered := kept.Data[kind.String()]; err == nil && entered {
		return nil
	}
	r.asked.forget(kind)
	return []reconcile.Request{{NamespacedName: r.ConfigMap}}
}

// Reconcile adds what is missing to the one ConfigMap, whatever woke it.
func (r *IssuerKindsReconciler) Reconcile(ctx context.Context, _ ctrl.Request) (ctrl.Result, error) {
	kept, err := r.load(ctx)
	if err != nil {
		return report.Result(err, noTime, r.Client.Now())
	}
	missing, err := r.missing(ctx, kept)
	if err != nil {
		return report.Result(err, noTime, r.Client.Now())
	}
	served, recheck, failed := r.lookUp(missing)
	if err := r.write(ctx, kept, served); err != nil {
		return report.Result(err, noTime, r.Client.Now())
	}
	return report.Result(failed, recheck, r.Client.Now())
}

// load reads the ConfigMap, nil if there is none.
func (r *IssuerKindsReconciler) load(ctx context.Context) (*corev1.ConfigMap, error) {
	kept := &corev1.ConfigMap{}
	err := r.Client.Get(ctx, r.ConfigMap, kept)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return kept, err
}

// missing are the kinds that requests name and that have no entry but could have one, in order. There
// are none where nothing can be added: the map is full, or somebody made it immutable.
func (r *IssuerKindsReconciler) missing(ctx context.Context, kept *corev1.ConfigMap) ([]schema.GroupKind, error) {
	var data map[string]string
	if kept != nil {
		data = kept.Data
	}
	if len(data) >= maxIssuerKinds || kept != nil && kept.Immutable != nil && *kept.Immutable {
		return nil, nil
	}
	var list v1.CertificateRequestList
	if err := r.Client.Cached.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing CertificateRequests: %w", err)
	}
	named := map[schema.GroupKind]bool{}
	for i := range list.Items {
		if ref := list.Items[i].Spec.IssuerRef; ref.IsExternal(r.Names) {
			named[kindOf(ref, r.Names)] = true
		}
	}
	r.asked.keep(named)
	return withoutEntry(data, named), nil
}

// lookUp finds out which kinds the cluster serves. recheck is set if there were too many for one pass.
func (r *IssuerKindsReconciler) lookUp(missing []schema.GroupKind) (served []issuerKind, recheck time.Time, failed error) {
	lookups := 0
	for _, kind := range missing {
		if !r.asked.begin(kind) {
			continue
		}
		if lookups++; lookups > maxLookups {
			r.asked.forget(kind)
			return served, r.Client.Now().Add(lookupPause), failed
		}
		found, err := r.resource(kind)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("looking up issuer kind %s: %w", kind, err))
		}
		if found != nil {
			served = append(served, *found)
		}
		if err != nil || found != nil {
			r.asked.forget(kind)
		}
	}
	return served, noTime, failed
}

// resource finds the resource of a kind, nil if the cluster does not serve it.
func (r *IssuerKindsReconciler) resource(kind schema.GroupKind) (*issuerKind, error) {
	mapping, err := r.Mapper.RESTMapping(kind)
	var exact schema.GroupVersionKind
	if err == nil {
		// The mapper knows every kind by its name in lower case too.
		exact, err = r.Mapper.KindFor(mapping.Resource)
	}
	if meta.IsNoMatchError(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	found := &issuerKind{GroupKind: kind, plural: mapping.Resource.Resource, namespaced: mapping.Scope.Name() == meta.RESTScopeNameNamespace}
	if _, _, ok := found.entry(); !ok || exact.GroupKind() != kind {
		return nil, nil
	}
	return found, nil
}

func (r *IssuerKindsReconciler) write(ctx context.Context, kept *corev1.ConfigMap, served []issuerKind) error {
	if kept == nil {
		err := r.Client.Create(ctx, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: r.ConfigMap.Namespace, Name: r.ConfigMap.Name},
			Data:       withIssuerKinds(nil, served),
		})
		if apierrors.IsAlreadyExists(err) {
			return r.unseen()
		}
		return err
	}
	wanted := withIssuerKinds(kept.Data, served)
	if len(wanted) == len(kept.Data) {
		return nil
	}
	kept.Data = wanted
	err := r.Client.Update(ctx, kept)
	if apierrors.IsNotFound(err) {
		return r.unseen()
	}
	return err
}

// unseen waits for the watch to show that somebody else made or deleted the ConfigMap.
func (r *IssuerKindsReconciler) unseen() error {
	return outcome.Moment(r.Client.Now().Add(unseenFor), "StaleView", "waiting for the watch to show ConfigMap %s", r.ConfigMap)
}

// askedKinds are the kinds that were looked up since a new request last named them, and were not
// served. It holds no more kinds than requests name.
type askedKinds struct {
	mu    sync.Mutex
	kinds map[schema.GroupKind]struct{}
}

// begin remembers a kind before its lookup, so that a request that names it meanwhile is not lost. It
// says whether there is anything to look up.
func (a *askedKinds) begin(kind schema.GroupKind) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, asked := a.kinds[kind]; asked {
		return false
	}
	if a.kinds == nil {
		a.kinds = map[schema.GroupKind]struct{}{}
	}
	a.kinds[kind] = struct{}{}
	return true
}

// forget has a kind looked up again.
func (a *askedKinds) forget(kind schema.GroupKind) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.kinds, kind)
}

// keep forgets the kinds that no request names any more.
func (a *askedKinds) keep(named map[schema.GroupKind]bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	maps.DeleteFunc(a.kinds, func(kind schema.GroupKind, _ struct{}) bool { return !named[kind] })
}
