package controllers

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
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

// news are the events about other objects that wake an object: not that they are there when the operator starts. Then
// every object is woken by its own first sight, once all others can be seen.
var news = builder.WithPredicates(predicate.Funcs{CreateFunc: func(e event.CreateEvent) bool { return !e.IsInInitialList }})

// SetupWithManager wakes a Certificate by itself, its requests, its Secrets, Certificates that share
// its Secret, CertificateRevocations about it, its issuers and the Secrets that its issuers or keystores name.
func (r *CertificateReconciler) SetupWithManager(mgr ctrl.Manager, workers int) error {
	users := issuerUsers{reader: r.Client.Cached, list: func() client.ObjectList { return &v1.CertificateList{} }, waits: always}
	return users.watch(ctrl.NewControllerManagedBy(mgr), r.Secrets).
		For(&v1.Certificate{}).
		Owns(&v1.CertificateRequest{}, news).
		Watches(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(r.usersOf), news).
		Watches(&corev1.Secret{}, handler.EnqueueRequestForOwner(mgr.GetScheme(), mgr.GetRESTMapper(), &v1.Certificate{}, handler.OnlyControllerOwner()), news).
		Watches(&v1.Certificate{}, handler.EnqueueRequestsFromMapFunc(r.rivalsOf), news).
		Watches(&v1.CertificateRevocation{}, handler.EnqueueRequestsFromMapFunc(revokedOf), news).
		WatchesRawSource(r.Secrets.Source(v1.CertificateKind, kube.Itself)).
		WithOptions(options(workers)).
		Complete(r)
}

// revokedOf is the Certificate whose certificates a CertificateRevocation is about.
func revokedOf(_ context.Context, object client.Object) []reconcile.Request {
	revocation, ok := object.(*v1.CertificateRevocation)
	if !ok || revocation.Status.CertificateName == "" {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: revocation.Namespace, Name: revocation.Status.CertificateName}}}
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

// issuerUsers are the objects of one kind that an issuer's change, or that of a Secret it names, can bring on.
type issuerUsers struct {
	reader client.Reader
	// list makes an empty list of the kind.
	list func() client.ObjectList
	// waits says whether an object still depends on its issuer.
	waits func(client.Object) bool
}

func always(client.Object) bool { return true }

// watch adds the watches of both kinds of issuer and of their Secrets.
func (u issuerUsers) watch(b *builder.Builder, secrets *kube.SecretRefs) *builder.Builder {
	for kind, issuer := range map[string]client.Object{v1.IssuerKind: &v1.Issuer{}, v1.ClusterIssuerKind: &v1.ClusterIssuer{}} {
		users := u.of(kind)
		woken := handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, issuer client.Object) []reconcile.Request {
			return users(ctx, owner(kind, client.ObjectKeyFromObject(issuer)))
		})
		b = b.Watches(issuer, woken, builder.WithPredicates(issuerChanged)).WatchesRawSource(secrets.Source(kind, users))
	}
	return b
}

// of finds the users of an issuer of a kind.
func (u issuerUsers) of(kind string) func(context.Context, kube.Owner) []reconcile.Request {
	return func(ctx context.Context, issuer kube.Owner) []reconcile.Request {
		list := u.list()
		err := u.reader.List(ctx, list, client.InNamespace(issuer.Namespace),
			client.MatchingFields{kube.IndexIssuer: kube.IssuerKey(kind, issuer.Name)}, client.UnsafeDisableDeepCopy)
		if err != nil {
			return nil
		}
		var requests []reconcile.Request
		// Our own function returns no error, and the list is one.
		_ = meta.EachListItem(list, func(item runtime.Object) error {
			if object, ok := item.(client.Object); ok && u.waits(object) {
				requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(object)})
			}
			return nil
		})
		return requests
	}
}

// issuerChanged passes what can matter to those who use an issuer. An issuer that was there before
// the operator started needs no wake-up: its Certificates are woken by their own first sight.
var issuerChanged = predicate.Funcs{
	UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok := e.ObjectOld.(v1.GenericIssuer)
		after, okAfter := e.ObjectNew.(v1.GenericIssuer)
		return !ok || !okAfter || before.GetGeneration() != after.GetGeneration() ||
			!equality.Semantic.DeepEqual(withoutLists(before), withoutLists(after))
	},
	CreateFunc: func(e event.CreateEvent) bool { return !e.IsInInitialList },
}

// withoutLists is an issuer's status without what nobody who uses it waits for. A list is signed anew every few
// days, and with every revocation: that must not wake every Certificate.
func withoutLists(issuer v1.GenericIssuer) v1.IssuerStatus {
	status := *issuer.GetStatus()
	status.CA = nil
	return status
}

// SetupWithManager wakes a request by itself, its Order, its issuer and the Secrets that this names.
func (r *CertificateRequestReconciler) SetupWithManager(mgr ctrl.Manager, workers int) error {
	users := issuerUsers{reader: r.Client.Cached, list: func() client.ObjectList { return &v1.CertificateRequestList{} }, waits: isUnderWay}
	return users.watch(ctrl.NewControllerManagedBy(mgr), r.Secrets).
		For(&v1.CertificateRequest{}).
		Owns(&acmev1.Order{}).
		WatchesRawSource(r.Secrets.Source(v1.CertificateRequestKind, kube.Itself)).
		WithOptions(options(workers)).
		Complete(r)
}

func isUnderWay(object client.Object) bool {
	request, ok := object.(*v1.CertificateRequest)
	return ok && !finished(request)
}

// SetupWithManager wakes an issuer by itself, the Secrets it names, those of its revocation lists, and doubts about
// its account.
func (r *IssuerReconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		// An annotation asks for a new account key.
		For(r.New(), builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}))).
		WatchesRawSource(r.Secrets.Source(r.Kind, kube.Itself)).
		WatchesRawSource(r.Accounts.Doubts.Source(r.Kind, kube.Itself)).
		Watches(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(r.keeperOf), news).
		WithOptions(options(2)).
		Complete(r)
}

// keeperOf is the issuer whose revocation lists are in a Secret.
func (r *IssuerReconciler) keeperOf(ctx context.Context, secret client.Object) []reconcile.Request {
	keeper := metav1.GetControllerOf(secret)
	if keeper == nil || keeper.Kind != r.Kind || keeper.APIVersion != r.CRLs.Names.GroupVersion.String() {
		return nil
	}
	name := types.NamespacedName{Name: keeper.Name}
	if r.Kind == v1.IssuerKind {
		name.Namespace = secret.GetNamespace()
	}
	// The Secret may be in a namespace whose Issuers are not ours to look at.
	if err := r.Client.Cached.Get(ctx, name, r.New()); err != nil {
		return nil
	}
	return []reconcile.Request{{NamespacedName: name}}
}

// SetupWithManager wakes an Order by itself, by its issuer, and by the Secrets that its solvers or its
// issuer name.
func (r *OrderReconciler) SetupWithManager(mgr ctrl.Manager, workers int) error {
	users := issuerUsers{reader: r.Client.Cached, list: func() client.ObjectList { return &acmev1.OrderList{} }, waits: isAtWork}
	return users.watch(ctrl.NewControllerManagedBy(mgr), r.Secrets).
		For(&acmev1.Order{}).
		WatchesRawSource(r.Secrets.Source(orderKind, kube.Itself)).
		Watches(&v1.Certificate{}, handler.EnqueueRequestsFromMapFunc(orderOf), builder.WithPredicates(predicate.AnnotationChangedPredicate{})).
		WatchesRawSource(r.turns.woken.Source(orderKind, kube.Itself)).
		WithOptions(options(workers)).
		Complete(r)
}

// SetupWithManager wakes a CertificateRevocation by itself, by the Secrets of the Certificate that it is about, and by
// the issuers that it still needs.
func (r *RevocationReconciler) SetupWithManager(mgr ctrl.Manager, secrets *kube.SecretRefs) error {
	users := issuerUsers{reader: r.Client.Cached, list: func() client.ObjectList { return &v1.CertificateRevocationList{} }, waits: always}
	return users.watch(ctrl.NewControllerManagedBy(mgr), secrets).
		For(&v1.CertificateRevocation{}).
		Watches(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(r.ofSecret), news).
		WithOptions(options(2)).
		Complete(r)
}

// ofSecret are the CertificateRevocations under way about the Certificate that a Secret was made for.
func (r *RevocationReconciler) ofSecret(ctx context.Context, secret client.Object) []reconcile.Request {
	name := secret.GetAnnotations()[r.Records.Names.Annotation.CertificateName]
	if name == "" {
		return nil
	}
	var list v1.CertificateRevocationList
	if err := r.Client.Cached.List(ctx, &list, client.InNamespace(secret.GetNamespace()), client.MatchingFields{kube.IndexRevocations: name}, client.UnsafeDisableDeepCopy); err != nil {
		return nil
	}
	var requests []reconcile.Request
	for i := range list.Items {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
	}
	return requests
}

// SetupWithManager wakes the reconciler by the Secrets that remember what was issued.
func (r *IssuedRecordReconciler) SetupWithManager(mgr ctrl.Manager) error {
	isRecord := predicate.NewPredicateFuncs(func(object client.Object) bool {
		return object.GetLabels()[r.Names.Label.IssuedRecord] == "true"
	})
	return ctrl.NewControllerManagedBy(mgr).Named("issuedrecord").
		For(&corev1.Secret{}, builder.WithPredicates(isRecord)).
		WithOptions(options(1)).
		Complete(r)
}

func isAtWork(object client.Object) bool {
	order, ok := object.(*acmev1.Order)
	return ok && (!order.Status.State.IsFinal() || len(order.Finalizers) > 0)
}
