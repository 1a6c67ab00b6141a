package routing_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	"github.com/certwright/certwright/api"
	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/routing"
)

var (
	now   = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	names = api.DefaultNames()
)

const wellKnown = "/.well-known/acme-challenge"

// state is that of a namespace with an operator that has a Service, two replicas and an image for pods.
func state(orders ...*acmev1.Order) routing.State {
	return routing.State{
		Settings: routing.Settings{
			Names: names, Default: v1.SolverShared, OwnNamespace: "certwright", Service: "solver", Port: 8089, TLSPort: 8443, Image: "solver:1",
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m")},
		},
		Now: now, Namespace: "shop", Orders: orders, Replicas: []string{"10.0.0.2", "10.0.0.1", "fd00::1"}, Needed: routing.Memory{},
		Lenient: map[string]bool{},
	}
}

// order is one whose challenges for hosts are answered in a mode through a solver.
func order(name string, mode v1.SolverMode, solver v1.HTTP01Solver, hosts ...string) *acmev1.Order {
	result := &acmev1.Order{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop", UID: types.UID(name)}}
	for i, host := range hosts {
		token := fmt.Sprintf("token-%s-%d", name, i)
		result.Status.Authorizations = append(result.Status.Authorizations, acmev1.Authorization{
			Identifier: host,
			Challenge: &acmev1.ChallengeProgress{
				Type: acmev1.HTTP01, Token: token, KeyAuthorization: token + ".thumbprint", AnsweredBy: mode,
				Solver: &v1.ACMESolver{HTTP01: &solver},
			},
		})
	}
	return result
}

func byIngress(ingress v1.HTTP01Ingress) v1.HTTP01Solver { return v1.HTTP01Solver{Ingress: &ingress} }

func byGateway() v1.HTTP01Solver {
	return v1.HTTP01Solver{GatewayHTTPRoute: &v1.HTTP01GatewayHTTPRoute{ParentRefs: []v1.ParentReference{{Name: "public"}}}}
}

// hosts names n hosts.
func hosts(n int) []string {
	var result []string
	for i := range n {
		result = append(result, fmt.Sprintf("h%02d.example.test", i))
	}
	return result
}

// after is the state once a plan has been carried out.
func after(s routing.State, plan routing.Plan) routing.State {
	s.Needed = plan.Needed
	gone := map[string]bool{}
	for _, object := range append(append([]routing.Object{}, plan.Update...), plan.Delete...) {
		gone[fmt.Sprintf("%T/%s", object, object.GetName())] = true
	}
	ingresses, routes, tlsRoutes, others := s.Ingresses, s.HTTPRoutes, s.TLSRoutes, s.Others
	s.Ingresses, s.HTTPRoutes, s.TLSRoutes, s.Others = nil, nil, nil, nil
	var all []routing.Object
	for _, object := range ingresses {
		all = append(all, object)
	}
	for _, object := range routes {
		all = append(all, object)
	}
	for _, object := range tlsRoutes {
		all = append(all, object)
	}
	all = append(all, others...)
	var left []routing.Object
	for _, object := range all {
		if !gone[fmt.Sprintf("%T/%s", object, object.GetName())] {
			left = append(left, object)
		}
	}
	for _, object := range append(left, append(plan.Create, plan.Update...)...) {
		switch object := object.(type) {
		case *networkingv1.Ingress:
			s.Ingresses = append(s.Ingresses, object)
		case *gatewayv1.HTTPRoute:
			s.HTTPRoutes = append(s.HTTPRoutes, object)
		case *gatewayv1.TLSRoute:
			s.TLSRoutes = append(s.TLSRoutes, object)
		default:
			s.Others = append(s.Others, object)
		}
	}
	return s
}

// written tells the objects of a list as Kind/name.
func written(objects []routing.Object) []string {
	var result []string
	for _, object := range objects {
		kind := fmt.Sprintf("%T", object)
		result = append(result, kind[strings.LastIndex(kind, ".")+1:]+"/"+object.GetNamespace()+"/"+object.GetName())
	}
	return result
}

func find[T routing.Object](t *testing.T, objects []routing.Object) T {
	t.Helper()
	for _, object := range objects {
		if found, ok := object.(T); ok {
			return found
		}
	}
	var none T
	t.Fatalf("no %T among %v", none, written(objects))
	return none
}

func TestSharedIngress(t *testing.T) {
	s := state(order("a", v1.SolverShared, byIngress(v1.HTTP01Ingress{IngressClassName: new("public")}), "a.example.test", "B.example.test"))
	plan := routing.Decide(s)
	ingress := find[*networkingv1.Ingress](t, plan.Create)
	if *ingress.Spec.IngressClassName != "public" || len(ingress.OwnerReferences) != 0 {
		t.Errorf("ingress %+v", ingress)
	}
	var seen []string
	for _, rule := range ingress.Spec.Rules {
		path := rule.HTTP.Paths[0]
		seen = append(seen, rule.Host+path.Path+" "+string(*path.PathType)+" "+path.Backend.Service.Name)
	}
	want := []string{"a.example.test" + wellKnown + " Prefix certwright-http01", "b.example.test" + wellKnown + " Prefix certwright-http01"}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	slice := find[*discoveryv1.EndpointSlice](t, plan.Create)
	if len(slice.Endpoints) != 2 || slice.Endpoints[0].Addresses[0] != "10.0.0.1" || slice.AddressType != discoveryv1.AddressTypeIPv4 {
		t.Errorf("slice %+v", slice)
	}
	service := find[*corev1.Service](t, plan.Create)
	if service.Spec.Selector != nil || service.Labels[names.Label.HTTP01Solver] != "true" {
		t.Errorf("service %+v", service)
	}
}

// What was made once is not touched again, and a second look costs nothing.
func TestSettledIsIdle(t *testing.T) {
	for name, solver := range map[string]v1.HTTP01Solver{"ingress": byIngress(v1.HTTP01Ingress{}), "gateway": byGateway()} {
		for _, mode := range []v1.SolverMode{v1.SolverShared, v1.SolverPod} {
			s := state(order("a", mode, solver, hosts(40)...))
			first := routing.Decide(s)
			s = after(s, first)
			if plan := routing.Decide(s); !plan.Idle() {
				t.Errorf("%s %s: create %v update %v delete %v", name, mode, written(plan.Create), written(plan.Update), written(plan.Delete))
			}
		}
	}
}

func TestManyHostsShareFewRoutes(t *testing.T) {
	for name, solver := range map[string]v1.HTTP01Solver{"ingress": byIngress(v1.HTTP01Ingress{}), "gateway": byGateway()} {
		s := after(state(), routing.Decide(state(order("a", v1.SolverShared, solver, hosts(40)...))))
		if got := len(s.Ingresses) + len(s.HTTPRoutes); got != 3 {
			t.Errorf("%s: %d routes for 40 hosts, want 3", name, got)
		}
		for _, route := range s.HTTPRoutes {
			if len(route.Spec.Hostnames) > 16 {
				t.Errorf("%d host names, the Gateway API allows 16", len(route.Spec.Hostnames))
			}
		}
	}
}

// A host that comes later changes one route, and none of the others.
func TestALaterHostFillsARouteThatHasRoom(t *testing.T) {
	solver := byIngress(v1.HTTP01Ingress{})
	s := state(order("a", v1.SolverShared, solver, hosts(20)...))
	s = after(s, routing.Decide(s))
	s.Orders = append(s.Orders, order("b", v1.SolverShared, solver, "later.example.test"))
	plan := routing.Decide(s)
	if len(plan.Update) != 1 || len(plan.Create)+len(plan.Delete) != 0 {
		t.Fatalf("create %v update %v delete %v", written(plan.Create), written(plan.Update), written(plan.Delete))
	}
	if rules := plan.Update[0].(*networkingv1.Ingress).Spec.Rules; len(rules) != 5 || rules[4].Host != "later.example.test" {
		t.Errorf("rules %+v", rules)
	}
}

func TestSharedRoutesAreKeptForTenMinutes(t *testing.T) {
	for name, solver := range map[string]v1.HTTP01Solver{"ingress": byIngress(v1.HTTP01Ingress{}), "gateway": byGateway()} {
		s := state(order("a", v1.SolverShared, solver, "a.example.test"))
		s = after(s, routing.Decide(s))
		s.Orders[0].Status.State = acmev1.Valid
		s.Now = now.Add(9 * time.Minute)
		plan := routing.Decide(s)
		if !plan.Idle() || !plan.Recheck.Equal(now.Add(10*time.Minute)) {
			t.Errorf("%s: after 9 minutes: delete %v, recheck %v", name, written(plan.Delete), plan.Recheck)
		}
		s = after(s, plan)
		s.Now = now.Add(10 * time.Minute)
		plan = routing.Decide(s)
		if left := after(s, plan); len(left.Ingresses)+len(left.HTTPRoutes)+len(left.Others) != 0 {
			t.Errorf("%s: after 10 minutes there is still %v", name, written(left.Others))
		}
		if !plan.Recheck.IsZero() {
			t.Errorf("%s: waits for %v although nothing is left", name, plan.Recheck)
		}
	}
}

// An operator that has just been started knows of no need: routes that it finds get their ten minutes.
func TestRoutesOfAnEarlierProcessAreKeptAsIfNeededNow(t *testing.T) {
	s := state(order("a", v1.SolverShared, byIngress(v1.HTTP01Ingress{}), "a.example.test"))
	s = after(s, routing.Decide(s))
	s.Orders, s.Needed = nil, nil
	if plan := routing.Decide(s); !plan.Idle() || !plan.Recheck.Equal(now.Add(10*time.Minute)) {
		t.Errorf("delete %v, recheck %v", written(plan.Delete), plan.Recheck)
	}
}

func TestAddressesHaveARouteWithoutAHost(t *testing.T) {
	for name, solver := range map[string]v1.HTTP01Solver{"ingress": byIngress(v1.HTTP01Ingress{}), "gateway": byGateway()} {
		for _, mode := range []v1.SolverMode{v1.SolverShared, v1.SolverPod} {
			plan := routing.Decide(state(order("a", mode, solver, "192.0.2.1", "a.example.test")))
			without, with := 0, 0
			for _, object := range plan.Create {
				switch object := object.(type) {
				case *networkingv1.Ingress:
					for _, rule := range object.Spec.Rules {
						if rule.Host == "" {
							without++
						} else {
							with++
						}
					}
				case *gatewayv1.HTTPRoute:
					if len(object.Spec.Hostnames) == 0 {
						without++
					} else {
						with++
					}
				}
			}
			if without != 1 || with != 1 {
				t.Errorf("%s %s: %d without a host, %d with", name, mode, without, with)
			}
		}
	}
}

func TestTheOperatorsOwnNamespaceNeedsNoDetour(t *testing.T) {
	for name, solver := range map[string]v1.HTTP01Solver{"ingress": byIngress(v1.HTTP01Ingress{}), "gateway": byGateway()} {
		s := state(order("a", v1.SolverShared, solver, "a.example.test"))
		s.Namespace = "certwright"
		if plan := routing.Decide(s); len(plan.Create) != 1 {
			t.Errorf("%s: makes %v", name, written(plan.Create))
		}
	}
}

func TestGrantIsForOneNamespaceAndOneService(t *testing.T) {
	plan := routing.Decide(state(order("a", v1.SolverShared, byGateway(), "a.example.test")))
	if got := written(plan.Create); len(got) != 2 || !strings.HasPrefix(got[0], "ReferenceGrant/certwright/certwright-http01-") {
		t.Fatalf("makes %v", got)
	}
	route := find[*gatewayv1.HTTPRoute](t, plan.Create)
	backend := route.Spec.Rules[0].BackendRefs[0]
	if *backend.Namespace != "certwright" || backend.Name != "solver" || *backend.Port != 8089 {
		t.Errorf("backend %+v", backend)
	}
}

func TestPodOfAnOrder(t *testing.T) {
	plan := routing.Decide(state(order("a", v1.SolverPod, byIngress(v1.HTTP01Ingress{PodTemplate: &v1.SolverPodTemplate{
		Metadata: v1.SolverMetadata{Labels: map[string]string{"team": "web", names.Label.HTTP01Solver: "false"}},
		Spec: v1.SolverPodSpec{
			NodeSelector: map[string]string{"disk": "ssd"}, PriorityClassName: "low",
			Resources: &v1.SolverPodResources{Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("32Mi")}},
		},
	}}), "a.example.test", "b.example.test")))
	pod := find[*corev1.Pod](t, plan.Create)
	container := pod.Spec.Containers[0]
	if diff := cmp.Diff([]string{"a.example.test=token-a-0.thumbprint", "b.example.test=token-a-1.thumbprint"}, container.Args); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
	if *pod.Spec.AutomountServiceAccountToken || !*pod.Spec.SecurityContext.RunAsNonRoot || *container.SecurityContext.AllowPrivilegeEscalation ||
		!*container.SecurityContext.ReadOnlyRootFilesystem || container.SecurityContext.Capabilities.Drop[0] != "ALL" {
		t.Errorf("the pod may do more than it needs: %+v", pod.Spec)
	}
	want := map[string]string{"team": "web", names.Label.HTTP01Solver: "true", names.Label.HTTP01Route: pod.Name}
	if diff := cmp.Diff(want, pod.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if pod.Spec.NodeSelector["disk"] != "ssd" || pod.Spec.NodeSelector[corev1.LabelOSStable] != "linux" || pod.Spec.PriorityClassName != "low" ||
		container.Resources.Limits.Memory().String() != "32Mi" || container.Resources.Requests.Cpu().String() != "10m" {
		t.Errorf("the template is not honoured: %+v", pod.Spec)
	}
	for _, object := range plan.Create {
		if owners := object.GetOwnerReferences(); len(owners) != 1 || owners[0].Name != "a" {
			t.Errorf("%T is not owned by its order: %+v", object, owners)
		}
	}
	service := find[*corev1.Service](t, plan.Create)
	if service.Spec.Type != corev1.ServiceTypeNodePort || service.Spec.Selector[names.Label.HTTP01Route] != pod.Name || len(service.Name) > 63 {
		t.Errorf("service %+v", service)
	}
}

// Names of one order may have different solvers, and there is one pod: a template that one of them has is followed.
func TestThePodOfAnOrderFollowsTheTemplateOfAnyOfItsSolvers(t *testing.T) {
	plain, template := byIngress(v1.HTTP01Ingress{}), byIngress(v1.HTTP01Ingress{
		ServiceType: corev1.ServiceTypeClusterIP, PodTemplate: &v1.SolverPodTemplate{Spec: v1.SolverPodSpec{PriorityClassName: "low"}},
	})
	o := order("a", v1.SolverPod, plain, "a.example.test", "b.example.test")
	o.Status.Authorizations[1].Challenge.Solver = &v1.ACMESolver{HTTP01: &template}
	plan := routing.Decide(state(o))
	if pod := find[*corev1.Pod](t, plan.Create); pod.Spec.PriorityClassName != "low" {
		t.Errorf("the template is not honoured: %+v", pod.Spec)
	}
	if service := find[*corev1.Service](t, plan.Create); service.Spec.Type != corev1.ServiceTypeClusterIP {
		t.Errorf("service %+v", service.Spec)
	}
}

func TestPodGoesWithTheOrder(t *testing.T) {
	s := state(order("a", v1.SolverPod, byIngress(v1.HTTP01Ingress{}), "a.example.test"))
	s = after(s, routing.Decide(s))
	s.Orders[0].Status.State = acmev1.Invalid
	if left := after(s, routing.Decide(s)); len(left.Ingresses)+len(left.Others) != 0 {
		t.Errorf("left: %v", written(left.Others))
	}
}

func TestAPodThatEndedIsReplaced(t *testing.T) {
	s := state(order("a", v1.SolverPod, byIngress(v1.HTTP01Ingress{}), "a.example.test"))
	s = after(s, routing.Decide(s))
	for _, phase := range []corev1.PodPhase{corev1.PodFailed, corev1.PodSucceeded} {
		for _, object := range s.Others {
			if pod, ok := object.(*corev1.Pod); ok {
				pod.Status.Phase = phase
			}
		}
		plan := routing.Decide(s)
		if len(plan.Delete) != 1 || len(written(routing.Decide(after(s, plan)).Create)) != 1 {
			t.Errorf("%s: delete %v", phase, written(plan.Delete))
		}
	}
}

// An order may have had a pod for one name from the beginning when the route of another leads elsewhere.
func TestAPodThatLacksAnAnswerIsReplaced(t *testing.T) {
	o := order("a", v1.SolverPod, byIngress(v1.HTTP01Ingress{}), "a.example.test", "b.example.test")
	o.Status.Authorizations[1].Challenge.AnsweredBy = v1.SolverShared
	s := state(o)
	s = after(s, routing.Decide(s))
	o.Status.Authorizations[1].Challenge.AnsweredBy = v1.SolverPod
	plan := routing.Decide(s)
	find[*corev1.Pod](t, plan.Delete)
	s = after(s, plan)
	plan = routing.Decide(s)
	if pod := find[*corev1.Pod](t, plan.Create); len(pod.Spec.Containers[0].Args) != 2 {
		t.Errorf("answers %v", pod.Spec.Containers[0].Args)
	}
	if plan = routing.Decide(after(s, plan)); !plan.Idle() {
		t.Errorf("replaced again: %v", written(plan.Delete))
	}
}

// What starts programs in pods may be changed as they are made, by whoever injects credentials.
func TestAPodWithAnotherCommandLineStays(t *testing.T) {
	s := state(order("a", v1.SolverPod, byIngress(v1.HTTP01Ingress{}), "a.example.test", "b.example.test"))
	plan := routing.Decide(s)
	container := &find[*corev1.Pod](t, plan.Create).Spec.Containers[0]
	container.Command, container.Args = []string{"/injected"}, []string{"/solver " + strings.Join(container.Args, " ")}
	if plan = routing.Decide(after(s, plan)); !plan.Idle() {
		t.Errorf("replaced: %v", written(plan.Delete))
	}
}

func TestLenientPaths(t *testing.T) {
	for _, mode := range []v1.SolverMode{v1.SolverShared, v1.SolverPod} {
		s := state(order("a", mode, byIngress(v1.HTTP01Ingress{}), "a.example.test"))
		ingress := find[*networkingv1.Ingress](t, routing.Decide(s).Create)
		s.Lenient[ingress.Labels[names.Label.HTTP01Route]] = true
		ingress = find[*networkingv1.Ingress](t, routing.Decide(s).Create)
		if got := *ingress.Spec.Rules[0].HTTP.Paths[0].PathType; got != networkingv1.PathTypeImplementationSpecific {
			t.Errorf("%s: path type %s", mode, got)
		}
	}
}

func TestIngressAnnotations(t *testing.T) {
	const open = "nginx.ingress.kubernetes.io/whitelist-source-range"
	for name, test := range map[string]struct {
		template map[string]string
		class    *string
		want     map[string]string
	}{
		"open to all":     {nil, nil, map[string]string{open: "0.0.0.0/0,::/0"}},
		"limited already": {map[string]string{"haproxy.org/whitelist-source-range": "192.0.2.0/24"}, nil, map[string]string{"haproxy.org/whitelist-source-range": "192.0.2.0/24"}},
		"of a class":      {nil, new("old"), map[string]string{open: "0.0.0.0/0,::/0", api.AnnotationIngressClass: "old"}},
	} {
		ingress := find[*networkingv1.Ingress](t, routing.Decide(state(order("a", v1.SolverShared, byIngress(v1.HTTP01Ingress{
			Class: test.class, IngressTemplate: &v1.SolverIngressTemplate{Metadata: v1.SolverMetadata{Annotations: test.template}},
		}), "a.example.test"))).Create)
		if diff := cmp.Diff(test.want, ingress.Annotations); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// shop is an Ingress of somebody else's.
func shop(rules ...networkingv1.IngressRule) *networkingv1.Ingress {
	return &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Name: "shop", Namespace: "shop"}, Spec: networkingv1.IngressSpec{Rules: rules}}
}

func rule(host string, services ...string) networkingv1.IngressRule {
	result := networkingv1.IngressRule{Host: host, IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{}}}
	for _, service := range services {
		result.HTTP.Paths = append(result.HTTP.Paths, networkingv1.HTTPIngressPath{
			Path: "/" + service, PathType: new(networkingv1.PathTypePrefix),
			Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: service, Port: networkingv1.ServiceBackendPort{Number: 80}}},
		})
	}
	return result
}

func TestEditsOfAnIngressOfOthers(t *testing.T) {
	solver := byIngress(v1.HTTP01Ingress{Name: "shop"})
	s := state(order("a", v1.SolverShared, solver, "shop.example.test", "new.example.test"))
	before := shop(rule("shop.example.test", "web", "api"), networkingv1.IngressRule{Host: "default-backend.example.test"})
	s.Ingresses = []*networkingv1.Ingress{before}
	plan := routing.Decide(s)
	if len(plan.Edits) != 1 {
		t.Fatalf("edits %+v", plan.Edits)
	}
	edited, changed := plan.Edits[0].Apply(before)
	if !changed || edited.Spec.Rules[0].HTTP.Paths[0].Path != wellKnown+"/token-a-0" || len(edited.Spec.Rules) != 3 ||
		edited.Spec.Rules[2].Host != "new.example.test" || *edited.Spec.Rules[0].HTTP.Paths[0].PathType != networkingv1.PathTypeExact {
		t.Fatalf("edited %+v", edited.Spec.Rules)
	}
	if _, again := plan.Edits[0].Apply(edited); again {
		t.Error("an edit that was made is made again")
	}
	// Meanwhile somebody adds a path and takes another away.
	edited.Spec.Rules[0].HTTP.Paths = append(edited.Spec.Rules[0].HTTP.Paths[:2:2], rule("", "search").HTTP.Paths[0])
	s = after(s, plan)
	s.Ingresses, s.Orders[0].Status.State = []*networkingv1.Ingress{edited}, acmev1.Valid
	plan = routing.Decide(s)
	undone, _ := plan.Edits[0].Apply(edited)
	want := []networkingv1.IngressRule{rule("shop.example.test", "web", "search"), {Host: "default-backend.example.test"}}
	if diff := cmp.Diff(want, undone.Spec.Rules); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

// A path that looks like a challenge but leads to somebody else's Service is theirs.
func TestPathsOfOthersAreNotTaken(t *testing.T) {
	s := state()
	ingress := shop(rule("shop.example.test", "web"))
	ingress.Spec.Rules[0].HTTP.Paths[0].Path = wellKnown + "/theirs"
	s.Ingresses = []*networkingv1.Ingress{ingress}
	if plan := routing.Decide(s); !plan.Idle() {
		t.Errorf("edits %+v", plan.Edits)
	}
}

func TestOverrides(t *testing.T) {
	keys := names.Annotation.ACME
	solver := &v1.ACMESolver{HTTP01: &v1.HTTP01Solver{Ingress: &v1.HTTP01Ingress{Class: new("internal")}}}
	for name, test := range map[string]struct {
		annotations map[string]string
		want        v1.HTTP01Ingress
		problem     string
	}{
		"none":     {nil, v1.HTTP01Ingress{Class: new("internal")}, ""},
		"a name":   {map[string]string{keys.OverrideIngressName: "shop"}, v1.HTTP01Ingress{Name: "shop"}, ""},
		"a class":  {map[string]string{keys.OverrideIngressClass: "old"}, v1.HTTP01Ingress{Class: new("old")}, ""},
		"its name": {map[string]string{keys.OverrideIngressClassName: "public"}, v1.HTTP01Ingress{IngressClassName: new("public")}, ""},
		"two of them": {map[string]string{keys.OverrideIngressName: "shop", keys.OverrideIngressClass: "old"}, v1.HTTP01Ingress{},
			"keep one of them on the Certificate"},
	} {
		way, err := routing.WayOf(names, &acmev1.Order{ObjectMeta: metav1.ObjectMeta{Annotations: test.annotations}}, solver)
		if test.problem != "" {
			if err == nil || !strings.Contains(err.Error(), test.problem) {
				t.Errorf("%s: error %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if diff := cmp.Diff(test.want, *way.Ingress, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestParents(t *testing.T) {
	keys := names.Annotation.ACME
	one := []v1.ParentReference{{Name: "public"}}
	for name, test := range map[string]struct {
		solver      []v1.ParentReference
		annotations map[string]string
		want        []string
		problem     string
	}{
		"the solver's":            {one, nil, []string{"Gateway public"}, ""},
		"the certificate's":       {nil, map[string]string{keys.ParentRefName: "edge", keys.ParentRefKind: "ListenerSet"}, []string{"ListenerSet edge"}, ""},
		"both":                    {one, map[string]string{keys.ParentRefName: "edge", keys.ParentRefKind: "Gateway", keys.ParentRefNamespace: "infra"}, []string{"Gateway public", "Gateway infra/edge"}, ""},
		"the same":                {one, map[string]string{keys.ParentRefName: "public", keys.ParentRefKind: "Gateway", keys.ParentRefNamespace: "shop"}, []string{"Gateway public"}, ""},
		"a name without a kind":   {one, map[string]string{keys.ParentRefName: "edge"}, nil, "set both annotations"},
		"nothing to attach it to": {nil, nil, nil, "nothing to attach to"},
	} {
		solver := &v1.ACMESolver{HTTP01: &v1.HTTP01Solver{GatewayHTTPRoute: &v1.HTTP01GatewayHTTPRoute{ParentRefs: test.solver}}}
		way, err := routing.WayOf(names, &acmev1.Order{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Annotations: test.annotations}}, solver)
		if test.problem != "" {
			if err == nil || !strings.Contains(err.Error(), test.problem) {
				t.Errorf("%s: error %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []string
		for _, parent := range way.ParentRefs() {
			text := string(parent.Name)
			if parent.Namespace != nil {
				text = string(*parent.Namespace) + "/" + text
			}
			got = append(got, string(*parent.Kind)+" "+text)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestMode(t *testing.T) {
	template := &v1.SolverPodTemplate{}
	for name, test := range map[string]struct {
		solver v1.HTTP01Solver
		preset v1.SolverMode
		want   v1.SolverMode
	}{
		"the operator's":      {byIngress(v1.HTTP01Ingress{}), v1.SolverPod, v1.SolverPod},
		"the solver's":        {byIngress(v1.HTTP01Ingress{Solver: v1.SolverShared}), v1.SolverPod, v1.SolverShared},
		"a template is a pod": {byIngress(v1.HTTP01Ingress{PodTemplate: template}), v1.SolverShared, v1.SolverPod},
		"of a route":          {v1.HTTP01Solver{GatewayHTTPRoute: &v1.HTTP01GatewayHTTPRoute{PodTemplate: template}}, v1.SolverShared, v1.SolverPod},
	} {
		if got := routing.Mode(&v1.ACMESolver{HTTP01: &test.solver}, test.preset); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

func TestListenerProblem(t *testing.T) {
	listener := func(name string, protocol gatewayv1.ProtocolType, host string) gatewayv1.Listener {
		result := gatewayv1.Listener{Name: gatewayv1.SectionName(name), Port: 80, Protocol: protocol}
		if host != "" {
			result.Hostname = new(gatewayv1.Hostname(host))
		}
		return result
	}
	for name, test := range map[string]struct {
		listeners []gatewayv1.Listener
		parent    gatewayv1.ParentReference
		want      string
	}{
		"one for all":        {[]gatewayv1.Listener{listener("web", "HTTP", "")}, gatewayv1.ParentReference{}, ""},
		"one for the name":   {[]gatewayv1.Listener{listener("web", "HTTP", "A.example.test")}, gatewayv1.ParentReference{}, ""},
		"a wildcard":         {[]gatewayv1.Listener{listener("web", "HTTP", "*.example.test")}, gatewayv1.ParentReference{}, ""},
		"another name":       {[]gatewayv1.Listener{listener("web", "HTTP", "b.example.test")}, gatewayv1.ParentReference{}, `Gateway "public" has no listener that speaks plain HTTP for a.example.test: "web" is for b.example.test`},
		"HTTPS only":         {[]gatewayv1.Listener{listener("tls", "HTTPS", "")}, gatewayv1.ParentReference{}, `Gateway "public" has no listener that speaks plain HTTP for a.example.test: "tls" speaks HTTPS`},
		"another section":    {[]gatewayv1.Listener{listener("web", "HTTP", "")}, gatewayv1.ParentReference{SectionName: new(gatewayv1.SectionName("x"))}, `Gateway "public" has no listener that the solver's parentRefs mean`},
		"another port":       {[]gatewayv1.Listener{listener("web", "HTTP", "")}, gatewayv1.ParentReference{Port: new(int32(8080))}, `Gateway "public" has no listener that the solver's parentRefs mean`},
		"the wildcard's own": {[]gatewayv1.Listener{listener("web", "HTTP", "*.a.example.test")}, gatewayv1.ParentReference{}, `Gateway "public" has no listener that speaks plain HTTP for a.example.test: "web" is for *.a.example.test`},
	} {
		gateway := &gatewayv1.Gateway{ObjectMeta: metav1.ObjectMeta{Name: "public"}, Spec: gatewayv1.GatewaySpec{Listeners: test.listeners}}
		if got := routing.ListenerProblem(routing.ListenersOf(gateway), test.parent, "a.example.test"); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestRefusal(t *testing.T) {
	parent := func(reason string, status metav1.ConditionStatus) gatewayv1.RouteParentStatus {
		return gatewayv1.RouteParentStatus{
			ParentRef:  gatewayv1.ParentReference{Name: "public", SectionName: new(gatewayv1.SectionName("web"))},
			Conditions: []metav1.Condition{{Type: "Accepted", Status: status, Reason: reason, Message: "said the controller"}},
		}
	}
	for name, test := range map[string]struct {
		parents []gatewayv1.RouteParentStatus
		want    string
	}{
		"nobody said":   {nil, ""},
		"accepted":      {[]gatewayv1.RouteParentStatus{parent("Accepted", metav1.ConditionTrue)}, ""},
		"one of two":    {[]gatewayv1.RouteParentStatus{parent("NotAllowedByListeners", metav1.ConditionFalse), parent("Accepted", metav1.ConditionTrue)}, ""},
		"by none of it": {[]gatewayv1.RouteParentStatus{parent("NotAllowedByListeners", metav1.ConditionFalse)}, `listener "web" of Gateway "public" does not carry it: NotAllowedByListeners: said the controller`},
	} {
		route := &gatewayv1.HTTPRoute{}
		route.Status.Parents = test.parents
		if got := routing.Refusal(route.Status.RouteStatus); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestPodProblem(t *testing.T) {
	waiting := corev1.ContainerStatus{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: "no such image"}}}
	for name, test := range map[string]struct {
		status corev1.PodStatus
		want   string
	}{
		"ready":         {corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}, ""},
		"no image":      {corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{waiting}}, "ImagePullBackOff: no such image"},
		"no node":       {corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "0/3 nodes"}}}, "Unschedulable: 0/3 nodes"},
		"just made":     {corev1.PodStatus{}, "it is not ready yet"},
		"still waiting": {corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{}}}, "it is not ready yet"},
	} {
		if got := routing.PodProblem(&corev1.Pod{Status: test.status}); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// What is known of one Ingress of others, such as that its route leads elsewhere or that its controller refuses strict
// paths, says nothing of the next, nor of the Ingresses that are made for a class.
func TestIngressesOfOthersAreWaysOfTheirOwn(t *testing.T) {
	key := func(ingress v1.HTTP01Ingress) string { return routing.Way{Ingress: &ingress}.Key() }
	shop := key(v1.HTTP01Ingress{Name: "shop"})
	if shop == key(v1.HTTP01Ingress{Name: "blog"}) || shop == key(v1.HTTP01Ingress{}) {
		t.Error("two ways have one key")
	}
	// Class and template do not matter where nothing is made.
	if shop != key(v1.HTTP01Ingress{Name: "shop", IngressTemplate: &v1.SolverIngressTemplate{}}) {
		t.Error("one Ingress has two keys")
	}
}

// In the operator's own namespace the path leads to the operator's own Service.
func TestEditsInTheOperatorsOwnNamespace(t *testing.T) {
	s := state(order("a", v1.SolverShared, byIngress(v1.HTTP01Ingress{Name: "shop"}), "shop.example.test"))
	s.Namespace = s.OwnNamespace
	before := shop(rule("shop.example.test", "web"))
	before.Spec.Rules[0].HTTP.Paths = append(before.Spec.Rules[0].HTTP.Paths, rule("", "solver").HTTP.Paths...)
	before.Spec.Rules[0].HTTP.Paths[1].Path = wellKnown + "/"
	s.Ingresses = []*networkingv1.Ingress{before}
	edited, _ := routing.Decide(s).Edits[0].Apply(before)
	s.Ingresses = []*networkingv1.Ingress{edited}
	if plan := routing.Decide(s); !plan.Idle() {
		t.Fatalf("an edit that was made is made again: %+v", plan.Edits)
	}
	s.Orders = nil
	plan := routing.Decide(s)
	if len(plan.Edits) != 1 {
		t.Fatal("the path stays for ever")
	}
	undone, _ := plan.Edits[0].Apply(edited)
	if diff := cmp.Diff(before.Spec, undone.Spec); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

// The route of a class that was wrong stays for a while, and is not the one to ask.
func TestARouteOfAnotherWayDoesNotLead(t *testing.T) {
	answer := func(mode v1.SolverMode, solver v1.HTTP01Solver) routing.Answer {
		return routing.Answers(names, order("a", mode, solver, "a.example.test"))[0]
	}
	made := func(answer routing.Answer) routing.Plan {
		return routing.Decide(state(order("a", answer.Mode, v1.HTTP01Solver{Ingress: answer.Way.Ingress, GatewayHTTPRoute: answer.Way.Gateway}, "a.example.test")))
	}
	right, wrong := answer(v1.SolverShared, byIngress(v1.HTTP01Ingress{})), answer(v1.SolverShared, byIngress(v1.HTTP01Ingress{Class: new("wrong")}))
	s := state()
	ingress := find[*networkingv1.Ingress](t, made(right).Create)
	if !s.Leads(ingress, right) {
		t.Error("an Ingress does not lead where it was made for")
	}
	if s.Leads(ingress, wrong) {
		t.Error("an Ingress of another class leads")
	}
	pod := answer(v1.SolverPod, byIngress(v1.HTTP01Ingress{}))
	if s.Leads(ingress, pod) || !s.Leads(find[*networkingv1.Ingress](t, made(pod).Create), pod) {
		t.Error("the answer of a pod has an Ingress of its own")
	}
	public := answer(v1.SolverShared, byGateway())
	internal := answer(v1.SolverShared, v1.HTTP01Solver{GatewayHTTPRoute: &v1.HTTP01GatewayHTTPRoute{ParentRefs: []v1.ParentReference{{Name: "internal"}}}})
	route := find[*gatewayv1.HTTPRoute](t, made(public).Create)
	if !s.LeadsRoute(route, public) || s.LeadsRoute(route, internal) {
		t.Error("an HTTPRoute leads for its own parents only")
	}
}

// An operator that was started anew with another port or Service finds what the one before it made.
func TestWhatLeadsToTheOperatorFollowsItsServiceAndPort(t *testing.T) {
	s := state(order("a", v1.SolverShared, byIngress(v1.HTTP01Ingress{}), "a.example.test"), order("b", v1.SolverShared, byGateway(), "b.example.test"))
	s = after(s, routing.Decide(s))
	s.Service, s.Port = "answers", 8090
	plan := routing.Decide(s)
	find[*corev1.Service](t, plan.Delete)
	if grant := find[*gatewayv1beta1.ReferenceGrant](t, plan.Update); *grant.Spec.To[0].Name != "answers" {
		t.Errorf("grant %+v", grant.Spec)
	}
	s = after(s, plan)
	plan = routing.Decide(s)
	if service := find[*corev1.Service](t, plan.Create); service.Spec.Ports[0].Port != 8090 || service.Spec.Ports[0].TargetPort.IntVal != 8090 {
		t.Errorf("ports %+v", service.Spec.Ports)
	}
	if plan = routing.Decide(after(s, plan)); !plan.Idle() {
		t.Errorf("changed again: %v", written(plan.Update))
	}
}

// The cluster makes EndpointSlices for the Services of solver pods, and gives them the labels of these. To delete them
// would leave the pods without traffic until they are made again.
func TestEndpointSlicesOfTheClusterAreLeftAlone(t *testing.T) {
	s := state(order("a", v1.SolverPod, byIngress(v1.HTTP01Ingress{}), "a.example.test"))
	s = after(s, routing.Decide(s))
	service := find[*corev1.Service](t, s.Others)
	s.Others = append(s.Others, &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{
		Name: service.Name + "-x7k2p", Namespace: "shop",
		Labels: map[string]string{
			names.Label.HTTP01Solver: "true", discoveryv1.LabelServiceName: service.Name, discoveryv1.LabelManagedBy: "endpointslice-controller.k8s.io",
		},
	}})
	if plan := routing.Decide(s); !plan.Idle() {
		t.Errorf("deletes %v", written(plan.Delete))
	}
}
