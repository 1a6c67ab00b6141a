package routing_test

import (
	"slices"
	"testing"
	"time"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/routing"
)

// tlsOrder is one whose challenges for hosts are answered over TLS, through a Gateway.
func tlsOrder(name, gateway string, hosts ...string) *acmev1.Order {
	result := order(name, v1.SolverShared, v1.HTTP01Solver{}, hosts...)
	for i := range result.Status.Authorizations {
		challenge := result.Status.Authorizations[i].Challenge
		challenge.Type = acmev1.TLSALPN01
		challenge.Solver = &v1.ACMESolver{TLSALPN01: &v1.TLSALPN01Solver{GatewayTLSRoute: &v1.TLSALPN01GatewayTLSRoute{
			ParentRefs: []v1.ParentReference{{Name: gateway}}, Labels: map[string]string{"team": "web"},
		}}}
	}
	return result
}

func hostsOf(routes []*gatewayv1.TLSRoute) map[string][]string {
	result := map[string][]string{}
	for _, route := range routes {
		for _, host := range route.Spec.Hostnames {
			result[route.Name] = append(result[route.Name], string(host))
		}
	}
	return result
}

func TestTLSRoute(t *testing.T) {
	plan := routing.Decide(state(tlsOrder("a", "public", "B.example.test", "a.example.test")))
	if len(plan.Create) != 2 || len(plan.Needed) != 0 || !plan.Recheck.IsZero() {
		t.Errorf("plan %v, remembered %v, recheck at %v", written(plan.Create), plan.Needed, plan.Recheck)
	}
	route := find[*gatewayv1.TLSRoute](t, plan.Create)
	if !slices.Equal(route.Spec.Hostnames, []gatewayv1.Hostname{"a.example.test", "b.example.test"}) || route.Labels["team"] != "web" || route.Labels[names.Label.HTTP01Solver] != "true" {
		t.Errorf("route %+v", route)
	}
	backend := route.Spec.Rules[0].BackendRefs[0]
	if string(backend.Name) != "solver" || *backend.Port != 8443 || string(*backend.Namespace) != "certwright" || string(route.Spec.ParentRefs[0].Name) != "public" {
		t.Errorf("it leads from %+v to %+v", route.Spec.ParentRefs, backend)
	}
	var kinds []string
	for _, from := range find[*gatewayv1beta1.ReferenceGrant](t, plan.Create).Spec.From {
		kinds = append(kinds, string(from.Kind)+" of "+string(from.Namespace))
	}
	if !slices.Equal(kinds, []string{"HTTPRoute of shop", "TLSRoute of shop"}) {
		t.Errorf("the grant is for %v", kinds)
	}
}

func TestTLSRouteOfTheOwnNamespaceNeedsNoGrant(t *testing.T) {
	s := state(tlsOrder("a", "public", "a.example.test"))
	s.OwnNamespace = "shop"
	plan := routing.Decide(s)
	if len(plan.Create) != 1 || find[*gatewayv1.TLSRoute](t, plan.Create).Spec.Rules[0].BackendRefs[0].Namespace != nil {
		t.Errorf("plan %v", written(plan.Create))
	}
}

// TestTLSRouteGoesAtOnce follows a route until nothing is left of it: a host is taken out as soon as its order is over.
func TestTLSRouteGoesAtOnce(t *testing.T) {
	first, second := tlsOrder("a", "public", "a.example.test"), tlsOrder("b", "public", "b.example.test")
	s := state(first, second)
	s = after(s, routing.Decide(s))
	if plan := routing.Decide(s); !plan.Idle() {
		t.Fatalf("not settled: %+v", plan)
	}
	first.Status.State = acmev1.Valid
	plan := routing.Decide(s)
	if len(plan.Create)+len(plan.Delete) != 0 || len(plan.Update) != 1 {
		t.Fatalf("create %v, update %v, delete %v", written(plan.Create), written(plan.Update), written(plan.Delete))
	}
	s = after(s, plan)
	for _, hosts := range hostsOf(s.TLSRoutes) {
		if !slices.Equal(hosts, []string{"b.example.test"}) {
			t.Errorf("hosts %v", hosts)
		}
	}
	s.Orders = nil
	s.Now = s.Now.Add(time.Second)
	plan = routing.Decide(s)
	if len(plan.Delete) != 2 || len(plan.Create)+len(plan.Update) != 0 {
		t.Errorf("delete %v", written(plan.Delete))
	}
}

func TestTLSRoutesHoldSixteenHostsEach(t *testing.T) {
	s := state(tlsOrder("a", "public", hosts(20)...))
	s = after(s, routing.Decide(s))
	before := hostsOf(s.TLSRoutes)
	sizes := []int{}
	for _, route := range s.TLSRoutes {
		sizes = append(sizes, len(route.Spec.Hostnames))
	}
	slices.Sort(sizes)
	if !slices.Equal(sizes, []int{4, 16}) {
		t.Fatalf("sizes %v", sizes)
	}
	// Another order fills the second; those that are there stay where they are. A second way has routes of its own.
	s.Orders = append(s.Orders, tlsOrder("b", "public", "late.example.test"), tlsOrder("c", "other", "late.example.test"))
	s = after(s, routing.Decide(s))
	if len(s.TLSRoutes) != 3 {
		t.Errorf("%d routes", len(s.TLSRoutes))
	}
	now := hostsOf(s.TLSRoutes)
	for name, hosts := range before {
		for _, host := range hosts {
			if !slices.Contains(now[name], host) {
				t.Errorf("%s was moved from %s", host, name)
			}
		}
	}
}

func TestTLSRouteGoesWithTheValidation(t *testing.T) {
	over := tlsOrder("a", "public", "a.example.test", "b.example.test")
	over.Status.Authorizations[0].State = acmev1.Valid
	route := find[*gatewayv1.TLSRoute](t, routing.Decide(state(over)).Create)
	if !slices.Equal(route.Spec.Hostnames, []gatewayv1.Hostname{"b.example.test"}) {
		t.Errorf("hosts %v", route.Spec.Hostnames)
	}
}

// TestTLSRouteTakesNoPartInOthers has both types of challenges side by side.
func TestTLSRouteTakesNoPartInOthers(t *testing.T) {
	s := state(tlsOrder("a", "public", "a.example.test"), order("b", v1.SolverShared, byGateway(), "b.example.test"))
	s = after(s, routing.Decide(s))
	if len(s.TLSRoutes) != 1 || len(s.HTTPRoutes) != 1 {
		t.Fatalf("%d TLSRoutes, %d HTTPRoutes", len(s.TLSRoutes), len(s.HTTPRoutes))
	}
	s.Orders = nil
	plan := routing.Decide(s)
	if got := written(plan.Delete); len(got) != 1 || find[*gatewayv1.TLSRoute](t, plan.Delete) == nil {
		t.Errorf("delete %v: the HTTPRoute stays for a while, and its grant with it", got)
	}
}

// Two issuers may prove the same name through different Gateways at the same time.
func TestATLSRouteOfAnotherWayDoesNotLead(t *testing.T) {
	mine, theirs := tlsOrder("a", "public", "a.example.test"), tlsOrder("b", "internal", "a.example.test")
	s := state(mine)
	route := find[*gatewayv1.TLSRoute](t, routing.Decide(s).Create)
	if !s.LeadsTLS(route, routing.Answers(names, mine)[0]) || s.LeadsTLS(route, routing.Answers(names, theirs)[0]) {
		t.Error("a TLSRoute leads for its own parents only")
	}
}

func TestGrantOfBeforeIsWidened(t *testing.T) {
	s := state(tlsOrder("a", "public", "a.example.test"))
	s = after(s, routing.Decide(s))
	for _, object := range s.Others {
		if grant, ok := object.(*gatewayv1beta1.ReferenceGrant); ok {
			grant.Spec.From = grant.Spec.From[:1]
		}
	}
	if plan := routing.Decide(s); len(find[*gatewayv1beta1.ReferenceGrant](t, plan.Update).Spec.From) != 2 {
		t.Errorf("update %v", written(plan.Update))
	}
}

func TestTLSWay(t *testing.T) {
	solver := &v1.ACMESolver{TLSALPN01: &v1.TLSALPN01Solver{GatewayTLSRoute: &v1.TLSALPN01GatewayTLSRoute{}}}
	if _, err := routing.WayOf(names, &acmev1.Order{}, solver); err == nil {
		t.Error("a route without parents is a way")
	}
	if mode := routing.Mode(solver, v1.SolverPod); mode != v1.SolverShared {
		t.Errorf("mode %s: no pod answers over TLS", mode)
	}
}

func TestTLSListenerProblem(t *testing.T) {
	const none = `Gateway "public" has no listener that passes TLS through (protocol TLS, mode Passthrough) for a.example.test: `
	listener := func(protocol gatewayv1.ProtocolType, mode *gatewayv1.TLSModeType, host gatewayv1.Hostname) gatewayv1.Listener {
		return gatewayv1.Listener{Name: "tls", Protocol: protocol, Hostname: &host, TLS: &gatewayv1.ListenerTLSConfig{Mode: mode}}
	}
	passthrough, terminate := new(gatewayv1.TLSModePassthrough), new(gatewayv1.TLSModeTerminate)
	for name, test := range map[string]struct {
		listener gatewayv1.Listener
		want     string
	}{
		"passes through":           {listener("TLS", passthrough, "*.example.test"), ""},
		"for another name":         {listener("TLS", passthrough, "b.example.test"), none + `"tls" is for b.example.test`},
		"terminates":               {listener("TLS", terminate, ""), none + `"tls" terminates TLS`},
		"terminates by default":    {listener("TLS", nil, ""), none + `"tls" terminates TLS`},
		"has no settings for TLS":  {gatewayv1.Listener{Name: "tls", Protocol: "TLS"}, none + `"tls" terminates TLS`},
		"terminates TLS for HTTPS": {listener("HTTPS", passthrough, ""), none + `"tls" speaks HTTPS`},
	} {
		gateway := &gatewayv1.Gateway{Spec: gatewayv1.GatewaySpec{Listeners: []gatewayv1.Listener{test.listener}}}
		gateway.Name = "public"
		if got := routing.TLSListenerProblem(routing.ListenersOf(gateway), gatewayv1.ParentReference{}, "a.example.test"); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
