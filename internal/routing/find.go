package routing

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// routePath is the path by which a route leads to an answer: that of the challenge, or, where orders share the route,
// that of all challenges.
func (a Answer) routePath() string {
	if a.sharesRoute() {
		return wellKnown
	}
	return a.path()
}

// isOfWay says whether a route of ours is one that an answer takes. One of another class or of other parents may be for
// the same host: it stays for a while after somebody has corrected a solver.
func (s Settings) isOfWay(object metav1.Object, answer Answer) bool {
	return s.isOurs(object) && object.GetLabels()[s.Names.Label.HTTP01Route] == answer.Way.Key()
}

// Leads says whether an Ingress leads to an answer.
func (s Settings) Leads(ingress *networkingv1.Ingress, answer Answer) bool {
	if answer.Way.Edits() {
		if s.isOurs(ingress) || ingress.Name != answer.Way.Ingress.Name {
			return false
		}
	} else if !s.isOfWay(ingress, answer) {
		return false
	}
	for _, rule := range ingress.Spec.Rules {
		if rule.Host != answer.routeHost() || rule.HTTP == nil {
			continue
		}
		if slices.ContainsFunc(rule.HTTP.Paths, func(path networkingv1.HTTPIngressPath) bool {
			return path.Path == answer.routePath()
		}) {
			return true
		}
	}
	return false
}

// LeadsRoute says whether an HTTPRoute of ours leads to an answer.
func (s Settings) LeadsRoute(route *gatewayv1.HTTPRoute, answer Answer) bool {
	if !s.isOfWay(route, answer) {
		return false
	}
	if !slices.Contains(routeHosts(route), answer.routeHost()) && len(route.Spec.Hostnames) > 0 {
		return false
	}
	for _, rule := range route.Spec.Rules {
		for _, match := range rule.Matches {
			if match.Path != nil && match.Path.Value != nil && *match.Path.Value == answer.routePath() {
				return true
			}
		}
	}
	return false
}

// IngressAddresses are where an Ingress is reached, as its controller says.
func IngressAddresses(ingress *networkingv1.Ingress) []string {
	var addresses []string
	for _, point := range ingress.Status.LoadBalancer.Ingress {
		if point.IP != "" {
			addresses = append(addresses, point.IP)
		} else if point.Hostname != "" {
			addresses = append(addresses, point.Hostname)
		}
	}
	return addresses
}

// GatewayAddresses are where a Gateway is reached, as its controller says.
func GatewayAddresses(gateway *gatewayv1.Gateway) []string {
	var addresses []string
	for _, address := range gateway.Status.Addresses {
		addresses = append(addresses, address.Value)
	}
	return addresses
}

// Refusal says why the parents of a route do not carry it, in their controllers' words; it is empty as long as one of
// them does, or none has said anything.
func Refusal(status gatewayv1.RouteStatus) string {
	var refusals []string
	for _, parent := range status.Parents {
		refusal := ""
		for _, condition := range parent.Conditions {
			wanted := condition.Type == string(gatewayv1.RouteConditionAccepted) || condition.Type == string(gatewayv1.RouteConditionResolvedRefs)
			if wanted && condition.Status == metav1.ConditionFalse {
				refusal = fmt.Sprintf("%s does not carry it: %s: %s", parentText(parent.ParentRef), condition.Reason, condition.Message)
			}
		}
		if refusal == "" {
			return ""
		}
		refusals = append(refusals, refusal)
	}
	return strings.Join(refusals, "; ")
}

func parentText(parent gatewayv1.ParentReference) string {
	text := fmt.Sprintf("%s %q", deref(parent.Kind, "Gateway"), parent.Name)
	if parent.SectionName != nil {
		text = fmt.Sprintf("listener %q of %s", *parent.SectionName, text)
	}
	return text
}

// Listeners are those of a parent of routes.
type Listeners struct {
	// Of is the kind and the name of the parent, for people.
	Of      string
	Entries []gatewayv1.Listener
}

// ListenersOf are those of a Gateway.
func ListenersOf(gateway *gatewayv1.Gateway) Listeners {
	return Listeners{Of: fmt.Sprintf("Gateway %q", gateway.Name), Entries: gateway.Spec.Listeners}
}

// ListenersOfSet are those of a ListenerSet.
func ListenersOfSet(set *gatewayv1.ListenerSet) Listeners {
	result := Listeners{Of: fmt.Sprintf("ListenerSet %q", set.Name)}
	for _, entry := range set.Spec.Listeners {
		result.Entries = append(result.Entries, gatewayv1.Listener(entry))
	}
	return result
}

// ListenerProblem says why listeners cannot answer a CA at a host: the CA asks in plain HTTP at port 80. section and
// port narrow the listeners down as a parent reference does. It is empty if one can.
func ListenerProblem(listeners Listeners, parent gatewayv1.ParentReference, host string) string {
	return listenerProblem(listeners, parent, host, "speaks plain HTTP", func(listener *gatewayv1.Listener) string {
		if listener.Protocol != gatewayv1.HTTPProtocolType {
			return fmt.Sprintf("speaks %s", listener.Protocol)
		}
		return ""
	})
}

// TLSListenerProblem is ListenerProblem for TLS-ALPN-01: the CA asks by TLS at port 443, which the Gateway must not
// answer itself.
func TLSListenerProblem(listeners Listeners, parent gatewayv1.ParentReference, host string) string {
	return listenerProblem(listeners, parent, host, "passes TLS through (protocol TLS, mode Passthrough)", func(listener *gatewayv1.Listener) string {
		if listener.Protocol != gatewayv1.TLSProtocolType {
			return fmt.Sprintf("speaks %s", listener.Protocol)
		}
		if listener.TLS == nil || deref(listener.TLS.Mode, gatewayv1.TLSModeTerminate) != gatewayv1.TLSModePassthrough {
			return "terminates TLS"
		}
		return ""
	})
}

// listenerProblem looks for a listener for a host in which nothing is unfit.
func listenerProblem(listeners Listeners, parent gatewayv1.ParentReference, host, wanted string, unfit func(*gatewayv1.Listener) string) string {
	var seen []string
	for i := range listeners.Entries {
		listener := &listeners.Entries[i]
		if parent.SectionName != nil && *parent.SectionName != listener.Name || parent.Port != nil && *parent.Port != listener.Port {
			continue
		}
		problem := unfit(listener)
		switch {
		case problem != "":
			seen = append(seen, fmt.Sprintf("%q %s", listener.Name, problem))
		case !admits(listener.Hostname, host):
			seen = append(seen, fmt.Sprintf("%q is for %s", listener.Name, *listener.Hostname))
		default:
			return ""
		}
	}
	if len(seen) == 0 {
		return fmt.Sprintf("%s has no listener that the solver's parentRefs mean", listeners.Of)
	}
	return fmt.Sprintf("%s has no listener that %s for %s: %s", listeners.Of, wanted, host, strings.Join(seen, ", "))
}

// admits says whether a listener's host name covers a host.
func admits(pattern *gatewayv1.Hostname, host string) bool {
	if pattern == nil || *pattern == "" || strings.EqualFold(string(*pattern), host) {
		return true
	}
	suffix, wildcard := strings.CutPrefix(string(*pattern), "*")
	return wildcard && len(host) > len(suffix) && strings.EqualFold(host[len(host)-len(suffix):], suffix)
}

// PodProblem says why a pod does not answer yet, empty if it does.
func PodProblem(pod *corev1.Pod) string {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue {
			return ""
		}
	}
	for _, status := range pod.Status.ContainerStatuses {
		if waiting := status.State.Waiting; waiting != nil && waiting.Reason != "" {
			return strings.TrimSuffix(waiting.Reason+": "+waiting.Message, ": ")
		}
	}
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse {
			return strings.TrimSuffix(condition.Reason+": "+condition.Message, ": ")
		}
	}
	return "it is not ready yet"
}
