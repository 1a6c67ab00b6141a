package controllers

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/certwright/certwright/internal/routing"
)

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
