package controllers

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/kube"
)

// reconcileTimeout ends a pass whose API or CA calls hang; the next one starts from what was kept.
const reconcileTimeout = 3 * time.Minute

func options(workers int) controller.Options {
	return controller.Options{MaxConcurrentReconciles: workers, ReconciliationTimeout: reconcileTimeout}
}

// SetupWithManager wakes a Certificate by itself, its requests, its Secrets, Certificates that share
// its Secret, its issuer and the Secrets that its issuer or keystores name.
func (r *CertificateReconciler) SetupWithManager(mgr ctrl.Manager, workers int) error {
	byIssuer := r.dependents(v1.IssuerKind)
	byClusterIssuer := r.dependents(v1.ClusterIssuerKind)
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1.Certificate{}).
		Owns(&v1.CertificateRequest{}).
		Watches(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(r.usersOf)).
		Watches(&corev1.Secret{}, handler.EnqueueRequestForOwner(mgr.GetScheme(), mgr.GetRESTMapper(), &v1.Certificate{}, handler.OnlyControllerOwner())).
		Watches(&v1.Certificate{}, handler.EnqueueRequestsFromMapFunc(r.rivalsOf)).
		Watches(&v1.Issuer{}, mapIssuer(v1.IssuerKind, byIssuer), builder.WithPredicates(issuerChanged)).
		Watches(&v1.ClusterIssuer{}, mapIssuer(v1.ClusterIssuerKind, byClusterIssuer), builder.WithPredicates(issuerChanged)).
		WatchesRawSource(r.Secrets.Source(v1.CertificateKind, kube.Itself)).
		WatchesRawSource(r.Secrets.Source(v1.IssuerKind, byIssuer)).
		WatchesRawSource(r.Secrets.Source(v1.ClusterIssuerKind, byClusterIssuer)).
		WithOptions(options(workers)).
		Complete(r)
}

// usersOf are the Certificates whose target a Secret is.
func (r *CertificateReconciler) usersOf(ctx context.Context, secret client.Object) []reconcile.Request {
	return r.bySecret(ctx, secret.GetNamespace(), secret.GetName(), "")
}

// rivalsOf are the other Certificates with the same secretName: when their owner goes, it is their turn.
func (r *CertificateReconciler) rivalsOf(ctx context.Context, object client.Object) []reconcile.Request {
	crt, ok := object.(*v1.Certificate)
	if !ok {
		return nil
	}
	return r.bySecret(ctx, crt.Namespace, crt.Spec.SecretName, crt.Name)
}

func (r *CertificateReconciler) bySecret(ctx context.Context, namespace, secretName, except string) []reconcile.Request {
	var list v1.CertificateList
	if err := r.Client.Cached.List(ctx, &list, client.InNamespace(namespace), client.MatchingFields{kube.IndexSecretName: secretName}, client.UnsafeDisableDeepCopy); err != nil {
		return nil
	}
	var requests []reconcile.Request
	for i := range list.Items {
		if list.Items[i].Name != except {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
		}
	}
	return requests
}

// dependents finds the Certificates of an issuer.
func (r *CertificateReconciler) dependents(kind string) func(context.Context, kube.Owner) []reconcile.Request {
	return func(ctx context.Context, issuer kube.Owner) []reconcile.Request {
		var list v1.CertificateList
		if err := r.Client.Cached.List(ctx, &list, issuedBy(kind, issuer)...); err != nil {
			return nil
		}
		requests := make([]reconcile.Request, len(list.Items))
		for i := range list.Items {
			requests[i].NamespacedName = client.ObjectKeyFromObject(&list.Items[i])
		}
		return requests
	}
}

func issuedBy(kind string, issuer kube.Owner) []client.ListOption {
	return []client.ListOption{
		client.InNamespace(issuer.Namespace),
		client.MatchingFields{kube.IndexIssuer: kube.IssuerKey(kind, issuer.Name)},
		client.UnsafeDisableDeepCopy,
	}
}

func mapIssuer(kind string, dependents func(context.Context, kube.Owner) []reconcile.Request) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, issuer client.Object) []reconcile.Request {
		return dependents(ctx, owner(kind, client.ObjectKeyFromObject(issuer)))
	})
}

// issuerChanged passes what can matter to those who use an issuer. An issuer that was there before
// the operator started needs no wake-up: its Certificates are woken by their own first sight.
var issuerChanged = predicate.Funcs{
	UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok := e.ObjectOld.(v1.GenericIssuer)
		after, okAfter := e.ObjectNew.(v1.GenericIssuer)
		return !ok || !okAfter || before.GetGeneration() != after.GetGeneration() ||
			!equality.Semantic.DeepEqual(before.GetStatus(), after.GetStatus())
	},
	CreateFunc: func(e event.CreateEvent) bool { return !e.IsInInitialList },
}

// SetupWithManager wakes a request by itself, its Order, its issuer and the Secrets that this names.
func (r *CertificateRequestReconciler) SetupWithManager(mgr ctrl.Manager, workers int) error {
	byIssuer, byClusterIssuer := r.pending(v1.IssuerKind), r.pending(v1.ClusterIssuerKind)
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1.CertificateRequest{}).
		Owns(&acmev1.Order{}).
		Watches(&v1.Issuer{}, mapIssuer(v1.IssuerKind, byIssuer), builder.WithPredicates(issuerChanged)).
		Watches(&v1.ClusterIssuer{}, mapIssuer(v1.ClusterIssuerKind, byClusterIssuer), builder.WithPredicates(issuerChanged)).
		WatchesRawSource(r.Secrets.Source(v1.CertificateRequestKind, kube.Itself)).
		WatchesRawSource(r.Secrets.Source(v1.IssuerKind, byIssuer)).
		WatchesRawSource(r.Secrets.Source(v1.ClusterIssuerKind, byClusterIssuer)).
		WithOptions(options(workers)).
		Complete(r)
}

// pending finds the requests of an issuer that still wait.
func (r *CertificateRequestReconciler) pending(kind string) func(context.Context, kube.Owner) []reconcile.Request {
	return func(ctx context.Context, issuer kube.Owner) []reconcile.Request {
		var list v1.CertificateRequestList
		if err := r.Client.Cached.List(ctx, &list, issuedBy(kind, issuer)...); err != nil {
			return nil
		}
		var requests []reconcile.Request
		for i := range list.Items {
			if !finished(&list.Items[i]) {
				requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
			}
		}
		return requests
	}
}

// SetupWithManager wakes an issuer by itself, the Secrets it names, and doubts about its account.
func (r *IssuerReconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		For(r.New(), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WatchesRawSource(r.Secrets.Source(r.Kind, kube.Itself)).
		WatchesRawSource(r.Accounts.Doubts.Source(r.Kind, kube.Itself)).
		WithOptions(options(2)).
		Complete(r)
}

// SetupWithManager wakes an Order by itself, by its issuer, and by the Secrets that its solvers or its
// issuer name.
func (r *OrderReconciler) SetupWithManager(mgr ctrl.Manager, workers int) error {
	byIssuer, byClusterIssuer := r.pending(v1.IssuerKind), r.pending(v1.ClusterIssuerKind)
	return ctrl.NewControllerManagedBy(mgr).
		For(&acmev1.Order{}).
		Watches(&v1.Issuer{}, mapIssuer(v1.IssuerKind, byIssuer), builder.WithPredicates(issuerChanged)).
		Watches(&v1.ClusterIssuer{}, mapIssuer(v1.ClusterIssuerKind, byClusterIssuer), builder.WithPredicates(issuerChanged)).
		WatchesRawSource(r.Secrets.Source(orderKind, kube.Itself)).
		WatchesRawSource(r.Secrets.Source(v1.IssuerKind, byIssuer)).
		WatchesRawSource(r.Secrets.Source(v1.ClusterIssuerKind, byClusterIssuer)).
		WithOptions(options(workers)).
		Complete(r)
}

// pending finds the Orders of an issuer that are still at work.
func (r *OrderReconciler) pending(kind string) func(context.Context, kube.Owner) []reconcile.Request {
	return func(ctx context.Context, issuer kube.Owner) []reconcile.Request {
		var list acmev1.OrderList
		if err := r.Client.Cached.List(ctx, &list, issuedBy(kind, issuer)...); err != nil {
			return nil
		}
		var requests []reconcile.Request
		for i := range list.Items {
			if !list.Items[i].Status.State.IsFinal() || len(list.Items[i].Finalizers) > 0 {
				requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
			}
		}
		return requests
	}
}
