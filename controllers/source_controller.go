package controllers

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/api"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/outcome"
	"github.com/certwright/certwright/internal/report"
	"github.com/certwright/certwright/internal/source"
)

// SourceReconciler makes the Certificates that sources of one kind ask for, keeps them as they are asked for, and
// deletes those that it made and nobody asks for any more. It writes the spec of these Certificates, and the
// annotations that package source knows; it never writes a source.
type SourceReconciler struct {
	Config *source.Config
	Client *kube.Client
	Events report.Events

	kind sourceKind
	told toldMemory
}

// sourceKind is what differs between the kinds of sources.
type sourceKind struct {
	name string
	// served says whether the API server has the kind.
	served func() bool
	empty  func() client.Object
	// plan gathers what an object is to be seen with, and says what it asks for.
	plan func(context.Context, client.Object) (source.Plan, error)
	// of is an object as a source.
	of func(client.Object) source.Source
	// abroad says whether Certificates may be in another namespace than their source, so that garbage collection
	// does not take them.
	abroad bool
}

// Reconcile brings the Certificates of one source up to date.
func (r *SourceReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	object, err := r.load(ctx, request.NamespacedName)
	if object == nil {
		return report.Result(err, noTime, r.Client.Now())
	}
	snapshot, err := r.gather(ctx, object)
	if err != nil {
		return report.Result(err, noTime, r.Client.Now())
	}
	writes := r.Config.Decide(snapshot.source, &snapshot.plan, snapshot.existing, snapshot.marked)
	err = r.act(ctx, snapshot, writes)
	r.tell(snapshot)
	return report.Result(err, noTime, r.Client.Now())
}

// load is nil for a source that is going or gone. Garbage collection takes the Certificates in its namespace; those
// in others are deleted here.
func (r *SourceReconciler) load(ctx context.Context, name types.NamespacedName) (client.Object, error) {
	if !r.kind.served() {
		return nil, nil
	}
	object := r.kind.empty()
	err := r.Client.Cached.Get(ctx, name, object)
	switch {
	case apierrors.IsNotFound(err):
		r.told.forget(name)
		return nil, r.abandon(ctx, name)
	case err != nil:
		return nil, err
	case object.GetDeletionTimestamp() != nil:
		return nil, nil
	default:
		return object, nil
	}
}

// abandon deletes what was made in other namespaces for a source that is gone, and makes sure of that first.
func (r *SourceReconciler) abandon(ctx context.Context, name types.NamespacedName) error {
	if !r.kind.abroad || len(r.Config.Namespaces) > 0 && !slices.Contains(r.Config.Namespaces, name.Namespace) {
		return nil
	}
	marked, err := r.marked(ctx, source.KeyOf(r.kind.name, name.Namespace, name.Name))
	if err != nil {
		return err
	}
	marked = slices.DeleteFunc(marked, func(crt v1.Certificate) bool { return crt.Namespace == name.Namespace })
	if len(marked) == 0 {
		return nil
	}
	err = r.Client.Live.Get(ctx, name, r.kind.empty())
	if err == nil || !apierrors.IsNotFound(err) && !meta.IsNoMatchError(err) {
		return err
	}
	for i := range marked {
		if err := r.Client.Delete(ctx, &marked[i]); err != nil {
			return fmt.Errorf("deleting Certificate %q: %w", client.ObjectKeyFromObject(&marked[i]), err)
		}
	}
	return nil
}

func (r *SourceReconciler) marked(ctx context.Context, key string) ([]v1.Certificate, error) {
	var list v1.CertificateList
	if err := r.Client.Cached.List(ctx, &list, client.MatchingFields{kube.IndexSource: key}); err != nil {
		return nil, fmt.Errorf("listing the Certificates of %s: %w", key, err)
	}
	return list.Items, nil
}

// sourceSnapshot is what is known of one source.
type sourceSnapshot struct {
	object   client.Object
	source   source.Source
	plan     source.Plan
	existing map[types.NamespacedName]*v1.Certificate
	marked   []v1.Certificate
}

func (r *SourceReconciler) gather(ctx context.Context, object client.Object) (*sourceSnapshot, error) {
	plan, err := r.kind.plan(ctx, object)
	if err != nil {
		return nil, err
	}
	snapshot := &sourceSnapshot{object: object, source: r.kind.of(object), plan: plan, existing: map[types.NamespacedName]*v1.Certificate{}}
	for _, claim := range plan.Claims {
		crt := &v1.Certificate{}
		err := r.Client.Get(ctx, claim.NamespacedName, crt)
		if err == nil {
			snapshot.existing[claim.NamespacedName] = crt
		} else if !apierrors.IsNotFound(err) {
			return nil, err
		}
	}
	snapshot.marked, err = r.marked(ctx, snapshot.source.Key())
	return snapshot, err
}

// act carries out what does not depend on each other: one that fails does not keep the others from being done.
func (r *SourceReconciler) act(ctx context.Context, snapshot *sourceSnapshot, writes []source.Write) error {
	var failed error
	for _, write := range writes {
		err := r.write(ctx, snapshot, write)
		if err != nil && (failed == nil || outcome.From(err).Kind == outcome.Retry) {
			failed = err
		}
	}
	return failed
}

func (r *SourceReconciler) write(ctx context.Context, snapshot *sourceSnapshot, write source.Write) error {
	crt := write.Certificate
	name := client.ObjectKeyFromObject(crt)
	var err error
	switch write.Verb {
	case source.Create:
		err = r.create(ctx, snapshot, crt)
	case source.Update:
		err = r.Client.Update(ctx, crt)
	case source.Delete:
		err = r.Client.Delete(ctx, crt)
	}
	if isRefused(err) {
		return r.refused(ctx, snapshot, write, err)
	}
	if err != nil {
		return err
	}
	if before := snapshot.existing[name]; write.Verb != source.Update || before.Generation != crt.Generation {
		r.Events.SourceWrote(snapshot.object, crt, string(write.Verb), name.String())
	}
	return nil
}

// isRefused says whether trying again at once would be refused again.
func isRefused(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsForbidden(err) || apierrors.IsBadRequest(err) || apierrors.IsRequestEntityTooLargeError(err)
}

// create makes a Certificate. In another namespace, it must not take over a Secret that somebody else wrote: who
// lets a source use Secrets did not let it write them.
func (r *SourceReconciler) create(ctx context.Context, snapshot *sourceSnapshot, crt *v1.Certificate) error {
	name := client.ObjectKeyFromObject(crt)
	if crt.Namespace != snapshot.source.Meta.Namespace {
		secret := &corev1.Secret{}
		err := r.Client.Live.Get(ctx, name, secret)
		if err == nil && secret.Annotations[r.Config.Names.Annotation.CertificateName] != crt.Name {
			return apierrors.NewForbidden(certificatesIn(r.Config.Names.Group), crt.Name,
				fmt.Errorf("secret %q exists and was not made for a Certificate of this name: it is left alone", name))
		}
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	err := r.Client.Create(ctx, crt)
	if apierrors.IsAlreadyExists(err) {
		return outcome.Moment(r.Client.Now().Add(shownWithin), "StaleView", "waiting for the watch to show Certificate %q", name)
	}
	return err
}

// shownWithin is when to look again for a Certificate that exists and that the watch has not shown.
const shownWithin = 5 * time.Second

func (r *SourceReconciler) refused(ctx context.Context, snapshot *sourceSnapshot, write source.Write, cause error) error {
	there := snapshot.existing[client.ObjectKeyFromObject(write.Certificate)]
	if told := r.Config.Refused(&snapshot.plan, write, there, cause.Error()); told != nil {
		if err := r.Client.Update(ctx, told); err != nil && !isRefused(err) {
			return err
		}
	}
	return outcome.WaitUntil(r.Client.Now().Add(refusedFor), v1.ReasonWriteRefused, "%s", cause.Error())
}

// tell tells what was not told at the last look.
func (r *SourceReconciler) tell(snapshot *sourceSnapshot) {
	name := client.ObjectKeyFromObject(snapshot.object)
	for _, told := range r.told.news(name, snapshot.plan.Told) {
		r.Events.SourceTold(snapshot.object, told.Reason, told.Message, !told.Normal)
	}
}

// toldMemory is what was told of each source last. The zero value is ready to use. It is lost with the process: then
// everything that is still so is told once more.
type toldMemory struct {
	mu     sync.Mutex
	byName map[types.NamespacedName][]source.Told
}

// news are those of the messages that were not told before, which are remembered.
func (m *toldMemory) news(name types.NamespacedName, all []source.Told) []source.Told {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := m.byName[name]
	if len(all) == 0 {
		delete(m.byName, name)
		return nil
	}
	if m.byName == nil {
		m.byName = map[types.NamespacedName][]source.Told{}
	}
	m.byName[name] = all
	return slices.DeleteFunc(slices.Clone(all), func(told source.Told) bool { return slices.Contains(before, told) })
}

func (m *toldMemory) forget(name types.NamespacedName) { m.news(name, nil) }

// ofKind are the requests for a source of a kind that a Certificate was made for, by its mark or its controller.
func ofKind(kind string, crt *v1.Certificate, annotation string) []types.NamespacedName {
	var names []types.NamespacedName
	key := api.MarkedSource(crt.Annotations[annotation], crt.Namespace, crt.Name)
	if name, ok := source.ParseKey(key, kind); ok {
		names = append(names, name)
	}
	if controller := metav1.GetControllerOf(crt); controller != nil && controller.Kind == kind {
		names = append(names, types.NamespacedName{Namespace: crt.Namespace, Name: controller.Name})
	}
	return names
}
