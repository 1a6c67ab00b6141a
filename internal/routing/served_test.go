package routing_test

import (
	"slices"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/routing"
)

func servedBy(hosts ...string) (served routing.Served) {
	for _, host := range hosts {
		served.AddIngress(&networkingv1.Ingress{Spec: networkingv1.IngressSpec{Rules: []networkingv1.IngressRule{{Host: host}}}})
	}
	return served
}

// routed are the hosts of the shared routes of a state.
func routed(s routing.State) (hosts []string) {
	for _, ingress := range s.Ingresses {
		for _, rule := range ingress.Spec.Rules {
			hosts = append(hosts, rule.Host)
		}
	}
	for _, route := range s.HTTPRoutes {
		for _, host := range route.Spec.Hostnames {
			hosts = append(hosts, string(host))
		}
	}
	return hosts
}

// A route for the path of a challenge takes the whole host, with many controllers, from whatever serves it by a wildcard:
// it goes with the last order that needs it, and its neighbours stay for the next.
func TestHostsThatOthersServeByAWildcard(t *testing.T) {
	const own, theirs = "own.example.test", "a.apps.example.test"
	for name, solver := range map[string]v1.HTTP01Solver{"Ingress": byIngress(v1.HTTP01Ingress{}), "HTTPRoute": byGateway()} {
		for others, test := range map[string]struct {
			served routing.Served
			stay   []string
		}{
			"nothing":      {servedBy(), []string{own, theirs}},
			"a wildcard":   {servedBy("*.apps.example.test", own), []string{own}},
			"anything":     {servedBy("", own), []string{own}},
			"its own rule": {servedBy("*.apps.example.test", theirs), []string{own, theirs}},
			"both so":      {servedBy("*.example.test"), nil},
			"another":      {servedBy("*.pps.example.test", "apps.example.test"), []string{own, theirs}},
		} {
			for next, orders := range map[string][]*acmev1.Order{"no order": nil, "another order": {order("b", v1.SolverShared, solver, "next.example.org")}} {
				s := state(order("a", v1.SolverShared, solver, own, theirs))
				s.Served = test.served
				s = after(s, routing.Decide(s))
				if got := routed(s); !slices.Equal(got, []string{theirs, own}) && !slices.Equal(got, []string{own, theirs}) {
					t.Fatalf("%s, %s: while they are needed, %v are routed", name, others, got)
				}
				s.Orders = orders
				s = after(s, routing.Decide(s))
				want := slices.Clone(test.stay)
				if orders != nil {
					want = append(want, "next.example.org")
				}
				got := routed(s)
				slices.Sort(got)
				slices.Sort(want)
				if !slices.Equal(got, want) {
					t.Errorf("%s, others serve %s, %s: %v are routed, not %v", name, others, next, got, want)
				}
				if plan := routing.Decide(s); !plan.Idle() {
					t.Errorf("%s, others serve %s, %s: changes again: %v, %v", name, others, next, written(plan.Update), written(plan.Delete))
				}
			}
		}
	}
}

func TestServed(t *testing.T) {
	backend, route := &networkingv1.Ingress{}, &gatewayv1.HTTPRoute{}
	backend.Spec.DefaultBackend = &networkingv1.IngressBackend{}
	solver := byIngress(v1.HTTP01Ingress{})
	for name, serve := range map[string]func(*routing.Served){
		"a default backend":         func(s *routing.Served) { s.AddIngress(backend) },
		"a route without hostnames": func(s *routing.Served) { s.AddHTTPRoute(route) },
		"a route for a wildcard": func(s *routing.Served) {
			s.AddHTTPRoute(&gatewayv1.HTTPRoute{Spec: gatewayv1.HTTPRouteSpec{Hostnames: []gatewayv1.Hostname{"*.test"}}})
		},
	} {
		s := state(order("a", v1.SolverShared, solver, "web.example.test"))
		serve(&s.Served)
		s = after(s, routing.Decide(s))
		s.Orders = nil
		if s = after(s, routing.Decide(s)); len(routed(s)) > 0 {
			t.Errorf("%s: %v", name, routed(s))
		}
	}
}
