package controllers

import (
	"context"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/report"
	"github.com/certwright/certwright/internal/source"
)

// NewIngressReconciler makes Certificates for Ingresses.
func NewIngressReconciler(config *source.Config, c *kube.Client, events report.Events) *SourceReconciler {
	return &SourceReconciler{Config: config, Client: c, Events: events, kind: sourceKind{
		name:   source.IngressKind,
		served: func() bool { return true },
		empty:  func() client.Object { return &networkingv1.Ingress{} },
		plan: func(_ context.Context, object client.Object) (source.Plan, error) {
			return config.OfIngress(as[*networkingv1.Ingress](object)), nil
		},
		of: func(object client.Object) source.Source {
			return source.IngressSource(as[*networkingv1.Ingress](object))
		},
	}}
}

// as is an object of a type that it is known to be of.
func as[T client.Object](object client.Object) T {
	typed, _ := object.(T)
	return typed
}

// edited passes what somebody changed about an object, and not what controllers report about it.
var edited = predicate.Or[client.Object](predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}, predicate.LabelChangedPredicate{})

// unlisted passes what edited passes, but for what was there when the operator started.
var unlisted = predicate.And(edited, predicate.Predicate(predicate.Funcs{
	CreateFunc: func(e event.CreateEvent) bool { return !e.IsInInitialList },
}))

// SetupIngresses wakes an Ingress by itself, by the Certificates that were made for it, and by Certificates with the
// name of a Secret of its, which are in its way.
func (r *SourceReconciler) SetupIngresses(mgr ctrl.Manager, workers int) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("ingress").
		For(&networkingv1.Ingress{}, builder.WithPredicates(edited)).
		Watches(&v1.Certificate{}, handler.EnqueueRequestsFromMapFunc(r.ingressesOf), builder.WithPredicates(unlisted)).
		WithOptions(options(workers)).
		Complete(r)
}

func (r *SourceReconciler) ingressesOf(ctx context.Context, object client.Object) []reconcile.Request {
	names := ofKind(source.IngressKind, as[*v1.Certificate](object), r.Config.Names.Annotation.Source)
	var list networkingv1.IngressList
	err := r.Client.Cached.List(ctx, &list, client.InNamespace(object.GetNamespace()),
		client.MatchingFields{kube.IndexTLSSecret: object.GetName()}, client.UnsafeDisableDeepCopy)
	if err == nil {
		for i := range list.Items {
			names = append(names, client.ObjectKeyFromObject(&list.Items[i]))
		}
	}
	return requestsFor(names)
}

func requestsFor(names []types.NamespacedName) []reconcile.Request {
	requests := make([]reconcile.Request, 0, len(names))
	for _, name := range names {
		requests = append(requests, reconcile.Request{NamespacedName: name})
	}
	return requests
}

func certificatesIn(group string) schema.GroupResource {
	return schema.GroupResource{Group: group, Resource: "certificates"}
}
