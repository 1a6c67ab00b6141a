package routing

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"
)

func (s State) httpRoute(name string, way Way, hosts []string, rules ...gatewayv1.HTTPRouteRule) *gatewayv1.HTTPRoute {
	result := &gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: s.Namespace, Labels: merged(nil, way.Gateway.Labels)}}
	s.ours(&result.ObjectMeta)
	result.Labels[s.Names.Label.HTTP01Route] = way.Key()
	result.Spec.ParentRefs = way.ParentRefs()
	for _, host := range hosts {
		result.Spec.Hostnames = append(result.Spec.Hostnames, gatewayv1.Hostname(host))
	}
	result.Spec.Rules = rules
	return result
}

func routeRule(matchType gatewayv1.PathMatchType, at, namespace, service string, port int32) gatewayv1.HTTPRouteRule {
	backend := gatewayv1.HTTPBackendRef{}
	backend.Group, backend.Kind = new(gatewayv1.Group("")), new(gatewayv1.Kind("Service"))
	backend.Name, backend.Port, backend.Weight = gatewayv1.ObjectName(service), &port, new(int32(1))
	if namespace != "" {
		backend.Namespace = new(gatewayv1.Namespace(namespace))
	}
	return gatewayv1.HTTPRouteRule{
		Matches:     []gatewayv1.HTTPRouteMatch{{Path: &gatewayv1.HTTPPathMatch{Type: &matchType, Value: &at}}},
		BackendRefs: []gatewayv1.HTTPBackendRef{backend},
	}
}

// sharedHTTPRoute leads every challenge of its hosts to the operator, in whose namespace a ReferenceGrant allows it.
func (s State) sharedHTTPRoute(name string, way Way, hosts []string) Object {
	namespace := s.OwnNamespace
	if namespace == s.Namespace {
		namespace = ""
	}
	return s.httpRoute(name, way, named(hosts), routeRule(gatewayv1.PathMatchPathPrefix, wellKnown, namespace, s.Service, s.Port))
}

// named leaves out the host of addresses: a route without a host is for all of them.
func named(hosts []string) []string {
	if len(hosts) == 1 && hosts[0] == "" {
		return nil
	}
	return hosts
}

// podHTTPRoute leads exactly these challenges to the pod of their order.
func (s State) podHTTPRoute(name string, answers []Answer) Object {
	var hosts []string
	var rules []gatewayv1.HTTPRouteRule
	for _, answer := range answers {
		if host := answer.routeHost(); host != "" {
			hosts = append(hosts, host)
		}
		rules = append(rules, routeRule(gatewayv1.PathMatchExact, answer.path(), "", podName(answer.Order), PodPort))
	}
	result := s.httpRoute(name, answers[0].Way, sorted(hosts), rules...)
	s.ownedBy(result, answers[0].Order)
	return result
}

// grant lets the HTTPRoutes and TLSRoutes of the namespace lead to the operator's Service, and to nothing else. A grant holds 16
// namespaces, so that each namespace has one of its own.
func (s State) grant() Object {
	result := &gatewayv1beta1.ReferenceGrant{ObjectMeta: metav1.ObjectMeta{Name: GrantName(s.Namespace), Namespace: s.OwnNamespace}}
	s.ours(&result.ObjectMeta)
	result.Annotations = map[string]string{s.Names.Annotation.ACME.ChallengeNamespace: s.Namespace}
	for _, kind := range []gatewayv1.Kind{"HTTPRoute", "TLSRoute"} {
		result.Spec.From = append(result.Spec.From, gatewayv1.ReferenceGrantFrom{Group: gatewayv1.GroupName, Kind: kind, Namespace: gatewayv1.Namespace(s.Namespace)})
	}
	result.Spec.To = []gatewayv1.ReferenceGrantTo{{Kind: "Service", Name: new(gatewayv1.ObjectName(s.Service))}}
	return result
}

// GrantName is the name of the ReferenceGrant for the routes of a namespace.
func GrantName(namespace string) string { return sharedName + "-" + digest(namespace) }
