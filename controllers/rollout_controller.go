package controllers

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/certwright/certwright/api"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/outcome"
	"github.com/certwright/certwright/internal/report"
	"github.com/certwright/certwright/internal/rollout"
)

// refusedFor is how long a write that a policy or a missing right forbids is not tried again, unless the workload or
// its certificates change.
const refusedFor = 10 * time.Minute

// RolloutReconciler has the pods of workloads of one kind replaced when a certificate that they use changes. It
// knows those that carry the label for it, and writes two annotations of them: what their pods are known to have
// read, and a hash of it in the pod template. The rest is the workload's own controller's.
type RolloutReconciler struct {
	// Kind is Deployment, StatefulSet or DaemonSet; New and NewList make an empty one and an empty list.
	Kind    string
	New     func() client.Object
	NewList func() client.ObjectList

	Names  api.Names
	Client *kube.Client
	Events report.Events
	// Spread is the time over which the workloads that a change concerns are restarted.
	Spread time.Duration

	memory rolloutMemory
}

// SetupWithManager wakes a workload by itself and by the certificates in the Secrets that it uses. The cache of
// its kind should hold labelled workloads only, reduced by kube.ReduceWorkload, with the indexes of
// kube.AddWorkloadIndexes.
func (r *RolloutReconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("rollout-"+strings.ToLower(r.Kind)).
		// The status changes all the time during a rollout, and is not looked at.
		For(r.New(), builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}))).
		Watches(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(r.usersOf), builder.WithPredicates(r.certificateChanged())).
		WithOptions(options(2)).
		Complete(r)
}

// certificateChanged passes Secrets whose certificate may be another than before. One that was there before the
// operator started needs no wake-up: workloads are woken by their own first sight. One that is gone replaces no pod.
func (r *RolloutReconciler) certificateChanged() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool { return !e.IsInInitialList },
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, ok := e.ObjectOld.(*corev1.Secret)
			after, okAfter := e.ObjectNew.(*corev1.Secret)
			return ok && okAfter && !rollout.SameCertificate(before, after, r.Names)
		},
		DeleteFunc: func(event.DeleteEvent) bool { return false },
	}
}

// usersOf are the workloads whose pods read a Secret.
func (r *RolloutReconciler) usersOf(ctx context.Context, secret client.Object) []reconcile.Request {
	list := r.NewList()
	err := r.Client.Cached.List(ctx, list, client.InNamespace(secret.GetNamespace()),
		client.MatchingFields{kube.IndexUsedSecret: secret.GetName()}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil
	}
	var requests []reconcile.Request
	// Our own function returns no error, and the list is one.
	_ = meta.EachListItem(list, func(item runtime.Object) error {
		if workload, ok := item.(client.Object); ok {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(workload)})
		}
		return nil
	})
	return requests
}

// Reconcile notes the certificates that one workload uses, and restarts it when it is time.
func (r *RolloutReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	workload, err := r.load(ctx, request.NamespacedName)
	if workload == nil {
		return report.Result(err, noTime, r.Client.Now())
	}
	snapshot, err := r.gather(ctx, workload)
	if err != nil {
		return report.Result(err, noTime, r.Client.Now())
	}
	plan := rollout.Decide(snapshot)
	err = r.act(ctx, workload, &plan)
	return report.Result(err, plan.At, r.Client.Now())
}

// load is nil for a workload that is gone, going, or not labelled any more.
func (r *RolloutReconciler) load(ctx context.Context, name types.NamespacedName) (client.Object, error) {
	workload := r.New()
	err := r.Client.Get(ctx, name, workload)
	if apierrors.IsNotFound(err) || err == nil && workload.GetDeletionTimestamp() != nil {
		r.memory.forget(name)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return workload, nil
}

func (r *RolloutReconciler) gather(ctx context.Context, workload client.Object) (*rollout.Snapshot, error) {
	snapshot := &rollout.Snapshot{
		UID:          workload.GetUID(),
		Uses:         kube.UsedSecrets(workload),
		Certificates: map[string]rollout.Certificate{},
		Annotation:   workload.GetAnnotations()[r.Names.Annotation.KnownCertificates],
		Memory:       r.memory.of(workload),
		Spread:       r.Spread,
		Now:          r.Client.Now(),
	}
	for _, name := range snapshot.Uses {
		secret := &corev1.Secret{}
		key := types.NamespacedName{Namespace: workload.GetNamespace(), Name: name}
		err := r.Client.Cached.Get(ctx, key, secret, client.UnsafeDisableDeepCopy)
		if apierrors.IsNotFound(err) {
			// It does not exist, or is not one of ours.
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading Secret %q: %w", name, err)
		}
		if certificate := rollout.CertificateOf(secret, r.Names); certificate != nil {
			snapshot.Certificates[name] = *certificate
		}
	}
	return snapshot, nil
}

// act writes what the plan says, tells it, and only then remembers it.
func (r *RolloutReconciler) act(ctx context.Context, workload client.Object, plan *rollout.Plan) error {
	if plan.Action == rollout.Note || plan.Action == rollout.Restart {
		if err := r.write(ctx, workload, plan); err != nil {
			return err
		}
	}
	r.memory.keep(workload, plan.Memory)
	return nil
}

func (r *RolloutReconciler) write(ctx context.Context, workload client.Object, plan *rollout.Plan) error {
	keys := r.Names.Annotation
	own, template := kube.Annotations{keys.KnownCertificates: plan.Record.String()}, kube.Annotations{}
	if plan.Action == rollout.Restart {
		template[keys.CertificatesHash] = plan.Record.Hash()
	}
	err := r.Client.Annotate(ctx, workload, r.New(), own, template)
	switch {
	case apierrors.IsForbidden(err) || apierrors.IsInvalid(err):
		r.Events.RestartRefused(workload, err.Error())
		return outcome.WaitUntil(r.Client.Now().Add(refusedFor), "RestartRefused", "%s", err.Error())
	case err != nil:
		return err
	case plan.Action == rollout.Restart:
		r.Events.Restarting(workload, plan.Changed, kube.HoldsPods(workload))
	case plan.PutBack:
		r.Events.RecordPutBack(workload, keys.KnownCertificates)
	}
	return nil
}

// rolloutMemory is what is remembered of each workload that is labelled. The zero value is ready to use.
type rolloutMemory struct {
	mu     sync.Mutex
	byName map[types.NamespacedName]remembered
}

type remembered struct {
	uid    types.UID
	memory rollout.Memory
}

// of is what is remembered of a workload; another one that has taken its name is another.
func (m *rolloutMemory) of(workload client.Object) rollout.Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	if found, ok := m.byName[client.ObjectKeyFromObject(workload)]; ok && found.uid == workload.GetUID() {
		return found.memory
	}
	return rollout.Memory{}
}

func (m *rolloutMemory) keep(workload client.Object, memory rollout.Memory) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.byName == nil {
		m.byName = map[types.NamespacedName]remembered{}
	}
	m.byName[client.ObjectKeyFromObject(workload)] = remembered{uid: workload.GetUID(), memory: memory}
}

func (m *rolloutMemory) forget(name types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.byName, name)
}
