package kube_test

import (
	"context"
	"maps"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/outcome"
)

// behind is a cache that shows an old view for ever.
type behind struct {
	client.Client
	view *corev1.Secret
}

func (b behind) Get(_ context.Context, _ client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	b.view.DeepCopyInto(obj.(*corev1.Secret))
	return nil
}

// live answers as the API server does: what it reads is put over what is there, as JSON is decoded.
type live struct {
	client.Reader
	view *corev1.Secret
}

func (l live) Get(_ context.Context, _ client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	into := obj.(*corev1.Secret)
	if into.Annotations == nil {
		into.Annotations = map[string]string{}
	}
	maps.Copy(into.Annotations, l.view.Annotations)
	into.Namespace, into.Name, into.ResourceVersion = l.view.Namespace, l.view.Name, l.view.ResourceVersion
	return nil
}

// What the cache showed last is not mixed into what the live read shows.
func TestLiveReadIsNotMixedWithAnOldView(t *testing.T) {
	meta := metav1.ObjectMeta{Namespace: "default", Name: "leaf", ResourceVersion: "1", Annotations: map[string]string{"old": "yes"}}
	cached, current := &corev1.Secret{ObjectMeta: meta}, &corev1.Secret{ObjectMeta: meta}
	current.ResourceVersion, current.Annotations = "2", map[string]string{"new": "yes"}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	c := &kube.Client{Cached: behind{view: cached}, Live: live{view: current}, Writes: kube.NewWrites(), Now: func() time.Time { return now }}
	c.Writes.Record(current, now.Add(-time.Minute))
	got := &corev1.Secret{}
	if err := c.Get(context.Background(), types.NamespacedName{Namespace: "default", Name: "leaf"}, got); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(got.Annotations, current.Annotations) {
		t.Errorf("annotations are %v, want %v", got.Annotations, current.Annotations)
	}
}

// deletions counts what reaches the API server.
type deletions struct {
	client.Client
	count int
}

func (d *deletions) Delete(context.Context, client.Object, ...client.DeleteOption) error {
	d.count++
	return nil
}

// A cache that still shows what was deleted costs no second call; another object of its name is deleted all the same.
func TestAnObjectIsDeletedOnce(t *testing.T) {
	api := &deletions{}
	c := &kube.Client{Cached: api, Writes: kube.NewWrites(), Now: time.Now}
	for i, uid := range []types.UID{"first", "first", "second"} {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "staged", UID: uid}}
		if err := c.Delete(t.Context(), secret); err != nil {
			t.Fatal(err)
		}
		if want := []int{1, 1, 2}[i]; api.count != want {
			t.Errorf("after %d deletions the API server saw %d, want %d", i+1, api.count, want)
		}
	}
}

// gone is an API server that has nothing.
type gone struct{ client.Reader }

func (gone) Get(_ context.Context, name client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
	return apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, name.Name)
}

// A cache that is far behind does not make us forget what we have created; a deletion by somebody else does.
func TestWhatWeCreatedIsWaitedFor(t *testing.T) {
	created := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "leaf", ResourceVersion: "1"}}
	name := client.ObjectKeyFromObject(created)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	c := &kube.Client{Live: live{view: created}, Writes: kube.NewWrites(), Now: func() time.Time { return now }}
	c.Writes.Record(created, now)
	for range 3 {
		if err := c.Pending(t.Context(), &corev1.Secret{}, name); !outcome.IsMomentary(err) {
			t.Fatalf("after %s: %v, want a wait", now, err)
		}
		now = now.Add(6 * time.Second)
	}
	c.Live = gone{}
	if err := c.Pending(t.Context(), &corev1.Secret{}, name); err != nil {
		t.Errorf("what is gone is waited for: %v", err)
	}
}

// overtaken is a cache that another reader is shown our last write by while we read the view before it.
type overtaken struct {
	client.Client
	writes *kube.Writes
	views  []*corev1.Secret
}

func (o *overtaken) Get(_ context.Context, name client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	view, newest := o.views[0], o.views[len(o.views)-1]
	if len(o.views) > 1 {
		o.views = o.views[1:]
	}
	o.writes.Fresh(newest)
	if view == nil {
		return apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, name.Name)
	}
	view.DeepCopyInto(obj.(*corev1.Secret))
	return nil
}

// What another reader was shown meanwhile does not make an old view a new one.
func TestAViewThatIsOvertakenIsReadAgain(t *testing.T) {
	version := func(version string) *corev1.Secret {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "leaf", ResourceVersion: version}}
	}
	for name, old := range map[string]*corev1.Secret{"one that is old": version("1"), "none at all": nil} {
		t.Run(name, func(t *testing.T) {
			writes := kube.NewWrites()
			c := &kube.Client{Cached: &overtaken{writes: writes, views: []*corev1.Secret{old, version("2")}}, Writes: writes, Now: time.Now}
			writes.Record(version("2"), time.Now())
			got := &corev1.Secret{}
			if err := c.Get(t.Context(), client.ObjectKeyFromObject(version("2")), got); err != nil || got.ResourceVersion != "2" {
				t.Errorf("view %q, error %v, want what we wrote", got.ResourceVersion, err)
			}
		})
	}
}
