package controllers

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/routing"
)

// takesAll takes every write, or answers each with the same error.
type takesAll struct {
	client.Client
	answer error
}

func (t takesAll) Create(context.Context, client.Object, ...client.CreateOption) error {
	return t.answer
}

func (t takesAll) Update(context.Context, client.Object, ...client.UpdateOption) error {
	return t.answer
}

// The objects of an order have names of their own, and nobody reads them one by one, which would end the memory of a
// write: each order would leave some behind for ever.
func TestWritesOfRoutesAreNotRemembered(t *testing.T) {
	r := &RoutingReconciler{Client: &kube.Client{Cached: takesAll{}, Writes: kube.NewWrites(), Now: time.Now}}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "http01-1", ResourceVersion: "1"}}
	ingress := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "http01-1-0", ResourceVersion: "1"}}
	plan := routing.Plan{Create: []routing.Object{pod}, Update: []routing.Object{ingress}}
	if err := r.act(t.Context(), &heldRoutes{}, plan); err != nil {
		t.Fatal(err)
	}
	for _, object := range []client.Object{pod, ingress} {
		if _, remembered := r.Client.Writes.Since(object, client.ObjectKeyFromObject(object)); remembered {
			t.Errorf("the write of %T is remembered", object)
		}
	}
}

// The next pass sees what somebody else has written meanwhile.
func TestAConflictIsNoFailureOfRoutes(t *testing.T) {
	conflict := apierrors.NewConflict(schema.GroupResource{Resource: "ingresses"}, "shop", nil)
	r := &RoutingReconciler{Client: &kube.Client{Cached: takesAll{answer: conflict}, Writes: kube.NewWrites(), Now: time.Now}}
	plan := routing.Plan{Update: []routing.Object{&networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "shop"}}}}
	if err := r.act(t.Context(), &heldRoutes{}, plan); err != nil {
		t.Error(err)
	}
}

// A namespace whose only paths are in Ingresses of others leads to the operator through slices as well, and they have
// to follow the operator's pods.
func TestNamespacesThatFollowTheOperatorsPods(t *testing.T) {
	for name, test := range map[string]struct {
		held heldRoutes
		want int
	}{
		"none":                     {heldRoutes{}, 0},
		"routes of its own":        {heldRoutes{needed: routing.Memory{"way/web.example.test": time.Time{}}}, 1},
		"paths in others' Ingress": {heldRoutes{edited: []string{"shop"}}, 1},
	} {
		r := &RoutingReconciler{held: map[string]*heldRoutes{"shop": &test.held}}
		want := make([]ctrl.Request, test.want)
		for i := range want {
			want[i].Name = "shop"
		}
		if got := r.routed(t.Context(), nil); !cmp.Equal(append([]ctrl.Request{}, got...), want) {
			t.Errorf("%s: wakes %v, want %v", name, got, want)
		}
	}
}

// Namespaces come and go, and an operator runs for months.
func TestNamespacesWithoutRoutesAreForgotten(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	r := &RoutingReconciler{Client: &kube.Client{Now: func() time.Time { return now }}}
	r.holding("gone").nextPass = now
	r.holding("kept").nextPass = now
	r.holding("kept").needed = routing.Memory{"way/web.example.test": now}
	now = now.Add(time.Hour)
	r.holding("young")
	if len(r.held) != 3 {
		t.Errorf("%d namespaces are remembered after an hour, want 3", len(r.held))
	}
	now = now.Add(time.Minute)
	r.holding("new")
	if r.held["gone"] != nil || r.held["kept"] == nil || r.held["young"] == nil {
		t.Errorf("remembered: %v", r.held)
	}
}

// A change that an order waits for is tried again soon; a clean-up that is refused may be for ever.
func TestWhatIsRefusedIsTriedAgain(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	pod := []routing.Object{&corev1.Pod{}}
	for want, plan := range map[time.Duration]routing.Plan{2 * time.Second: {Create: pod, Delete: pod}, time.Minute: {Delete: pod}} {
		if got := retryAt(plan, now).Sub(now); got != want {
			t.Errorf("after %s, want %s", got, want)
		}
	}
}

// Once its order is over, nobody is told of a path that cannot be taken away but who reads the log.
func TestAProblemOfRoutesIsNewOnce(t *testing.T) {
	r, held := &RoutingReconciler{Client: &kube.Client{Now: time.Now}}, &heldRoutes{}
	refused, other := errors.New("refused"), errors.New("refused otherwise")
	for i, step := range []struct {
		problem error
		news    bool
	}{{nil, false}, {refused, true}, {errors.New("refused"), false}, {other, true}, {nil, false}, {other, true}} {
		if news := r.wrote(held, step.problem); news != step.news {
			t.Errorf("step %d, %v: news %v", i, step.problem, news)
		}
	}
}
