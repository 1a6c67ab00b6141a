package routing

import (
	"fmt"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// tlsRoutes lead the TLS connections for the hosts of TLS-ALPN-01 challenges to the operator. Such a route takes all
// connections for a host, whatever their protocol is: it has the hosts of challenges that are under way, and goes with
// the last.
func (s State) tlsRoutes(answers []Answer) []Object {
	ways, needed := map[string]Way{}, map[string][]string{}
	for _, answer := range answers {
		if answer.Way.TLS != nil {
			key := answer.Way.Key()
			ways[key], needed[key] = answer.Way, append(needed[key], answer.routeHost())
		}
	}
	var result []Object
	for _, key := range slices.Sorted(maps.Keys(ways)) {
		hosts := s.allotTLS(key, sorted(needed[key]))
		for _, name := range slices.Sorted(maps.Keys(hosts)) {
			result = append(result, s.tlsRoute(name, ways[key], hosts[name]))
		}
	}
	return result
}

// allotTLS spreads hosts over routes: each stays where it is, and new ones fill the first that has room.
func (s State) allotTLS(wayKey string, needed []string) map[string][]string {
	result, placed := map[string][]string{}, map[string]bool{}
	for _, route := range s.TLSRoutes {
		if route.Labels[s.Names.Label.HTTP01Route] != wayKey {
			continue
		}
		for _, host := range route.Spec.Hostnames {
			if slices.Contains(needed, string(host)) && !placed[string(host)] && len(result[route.Name]) < perRoute {
				result[route.Name] = append(result[route.Name], string(host))
				placed[string(host)] = true
			}
		}
	}
	for _, host := range needed {
		for number := 0; !placed[host]; number++ {
			name := fmt.Sprintf("%s-%s-%d", tlsName, wayKey, number)
			if len(result[name]) < perRoute {
				result[name], placed[host] = append(result[name], host), true
			}
		}
	}
	return result
}

func (s State) tlsRoute(name string, way Way, hosts []string) *gatewayv1.TLSRoute {
	result := &gatewayv1.TLSRoute{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: s.Namespace, Labels: merged(nil, way.TLS.Labels)}}
	s.ours(&result.ObjectMeta)
	result.Labels[s.Names.Label.HTTP01Route] = way.Key()
	result.Spec.ParentRefs = way.ParentRefs()
	for _, host := range hosts {
		result.Spec.Hostnames = append(result.Spec.Hostnames, gatewayv1.Hostname(host))
	}
	backend := gatewayv1.BackendRef{Weight: new(int32(1))}
	backend.Group, backend.Kind = new(gatewayv1.Group("")), new(gatewayv1.Kind("Service"))
	backend.Name, backend.Port = gatewayv1.ObjectName(s.Service), new(s.TLSPort)
	if s.Namespace != s.OwnNamespace {
		backend.Namespace = new(gatewayv1.Namespace(s.OwnNamespace))
	}
	result.Spec.Rules = []gatewayv1.TLSRouteRule{{BackendRefs: []gatewayv1.BackendRef{backend}}}
	return result
}

// LeadsTLS says whether a TLSRoute of ours leads to an answer.
func (s Settings) LeadsTLS(route *gatewayv1.TLSRoute, answer Answer) bool {
	return s.isOfWay(route, answer) && slices.Contains(route.Spec.Hostnames, gatewayv1.Hostname(answer.routeHost()))
}
