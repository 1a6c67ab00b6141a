package routing_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/routing"
)

// The routes of a pod are its order's own: no other order gets into them, and they do not stay for the next.
func TestRoutesOfPodsAreNotShared(t *testing.T) {
	solver := byIngress(v1.HTTP01Ingress{})
	pod, shared := order("a", v1.SolverPod, solver, "a.example.test"), order("b", v1.SolverShared, solver, "b.example.test")
	s := state(pod, shared)
	s = after(s, routing.Decide(s))
	plan := routing.Decide(s)
	if !plan.Idle() {
		t.Fatalf("update %v delete %v", written(plan.Update), written(plan.Delete))
	}
	for _, key := range slices.Sorted(maps.Keys(plan.Needed)) {
		if strings.Contains(key, "a.example.test") {
			t.Errorf("the host of a pod is remembered as one that is shared: %s", key)
		}
	}
}

// A deleted Order may wait for its clean-up, which needs no route.
func TestADeletedOrderNeedsNoRoute(t *testing.T) {
	o := order("a", v1.SolverPod, byIngress(v1.HTTP01Ingress{}), "a.example.test")
	s := state(o)
	s = after(s, routing.Decide(s))
	o.DeletionTimestamp = &metav1.Time{Time: now}
	s = after(s, routing.Decide(s))
	if len(s.Ingresses)+len(s.Others) != 0 {
		t.Errorf("left: %v", written(s.Others))
	}
}

// What is deleted already is not deleted again while a finalizer or its grace holds it.
func TestWhatIsGoingIsLeftToGo(t *testing.T) {
	o := order("a", v1.SolverPod, byIngress(v1.HTTP01Ingress{}), "a.example.test")
	s := state(o)
	s = after(s, routing.Decide(s))
	s.Orders = nil
	for _, object := range s.Others {
		object.SetDeletionTimestamp(&metav1.Time{Time: now})
	}
	for _, ingress := range s.Ingresses {
		ingress.DeletionTimestamp = &metav1.Time{Time: now}
	}
	if plan := routing.Decide(s); !plan.Idle() {
		t.Errorf("deletes again: %v", written(plan.Delete))
	}
}

// A path in an Ingress of others leads to the operator through a Service and slices as well, for as long as it is there.
func TestAPathInAnIngressOfOthersHasAServiceToLeadTo(t *testing.T) {
	s := state(order("a", v1.SolverShared, byIngress(v1.HTTP01Ingress{Name: "shop"}), "shop.example.test"))
	s.Ingresses = []*networkingv1.Ingress{shop(rule("shop.example.test", "web"))}
	plan := routing.Decide(s)
	find[*corev1.Service](t, plan.Create)
	if slice := find[*discoveryv1.EndpointSlice](t, plan.Create); len(slice.Endpoints) != 2 {
		t.Errorf("slice %+v", slice)
	}
	s = after(s, plan)
	s.Orders = nil
	if s = after(s, routing.Decide(s)); len(s.Others) != 0 {
		t.Errorf("left: %v", written(s.Others))
	}
}

// Where a controller refuses strict paths that are there already, as after a change of its rules, they are made again.
func TestPathsInAnIngressOfOthersBecomeLenient(t *testing.T) {
	o := order("a", v1.SolverShared, byIngress(v1.HTTP01Ingress{Name: "shop"}), "shop.example.test")
	s := state(o)
	s.Ingresses = []*networkingv1.Ingress{shop(rule("shop.example.test", "web"))}
	edit := routing.Decide(s).Edits[0]
	s.Ingresses[0], _ = edit.Apply(s.Ingresses[0])
	s.Lenient[edit.Way] = true
	edits := routing.Decide(s).Edits
	if len(edits) != 1 {
		t.Fatal("the path stays strict")
	}
	edited, _ := edits[0].Apply(s.Ingresses[0])
	if paths := edited.Spec.Rules[0].HTTP.Paths; len(paths) != 2 || *paths[0].PathType != networkingv1.PathTypeImplementationSpecific {
		t.Errorf("paths %+v", paths)
	}
}

// What somebody takes away of a route, such as the label by which a Gateway takes it, is put back.
func TestLabelsOfARouteComeBack(t *testing.T) {
	solver := byGateway()
	solver.GatewayHTTPRoute.Labels = map[string]string{"team": "web"}
	s := state(order("a", v1.SolverShared, solver, "a.example.test"))
	s = after(s, routing.Decide(s))
	delete(s.HTTPRoutes[0].Labels, "team")
	s.HTTPRoutes[0].Labels["theirs"] = "stays"
	route := find[*gatewayv1.HTTPRoute](t, routing.Decide(s).Update)
	if route.Labels["team"] != "web" || route.Labels["theirs"] != "stays" {
		t.Errorf("labels %v", route.Labels)
	}
}

// A Gateway that takes a route whose backend it may not use says so in another condition than the one about the route.
func TestRefusalOfTheBackend(t *testing.T) {
	status := gatewayv1.RouteStatus{Parents: []gatewayv1.RouteParentStatus{{
		ParentRef: gatewayv1.ParentReference{Name: "public"},
		Conditions: []metav1.Condition{
			{Type: "Accepted", Status: metav1.ConditionTrue, Reason: "Accepted"},
			{Type: "ResolvedRefs", Status: metav1.ConditionFalse, Reason: "RefNotPermitted", Message: "said the controller"},
		},
	}}}
	if got, want := routing.Refusal(status), `Gateway "public" does not carry it: RefNotPermitted: said the controller`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// What only takes away holds nobody up when it fails.
func TestPlansThatOnlyClear(t *testing.T) {
	o := order("a", v1.SolverShared, byIngress(v1.HTTP01Ingress{Name: "shop"}), "shop.example.test")
	s := state(o)
	s.Ingresses = []*networkingv1.Ingress{shop(rule("shop.example.test", "web"))}
	plan := routing.Decide(s)
	if plan.OnlyClears() {
		t.Error("a plan that makes something only clears")
	}
	s = after(s, plan)
	if plan = routing.Decide(s); len(plan.Edits) != 1 || plan.OnlyClears() {
		t.Errorf("a plan that adds a path only clears: %+v", plan)
	}
	s.Ingresses[0], _ = plan.Edits[0].Apply(s.Ingresses[0])
	s.Orders = nil
	if plan = routing.Decide(s); len(plan.Edits) != 1 || len(plan.Delete) == 0 || !plan.OnlyClears() {
		t.Errorf("a plan that takes all away does more: %+v", plan)
	}
}
