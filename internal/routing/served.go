package routing

import (
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// Served are hosts that others route. A controller that picks the rules of a request by the host alone, as most do, has
// nothing but the path of a challenge for a host of ours: what a wildcard of others serves there is away meanwhile.
type Served struct {
	exact    map[string]bool
	suffixes []string
	// all says that something takes requests for any host.
	all bool
}

// AddIngress adds what an Ingress of others routes.
func (s *Served) AddIngress(ingress *networkingv1.Ingress) {
	s.all = s.all || ingress.Spec.DefaultBackend != nil
	for i := range ingress.Spec.Rules {
		s.add(ingress.Spec.Rules[i].Host)
	}
}

// AddHTTPRoute adds what an HTTPRoute of others routes. One without hostnames has those of its listeners.
func (s *Served) AddHTTPRoute(route *gatewayv1.HTTPRoute) {
	s.all = s.all || len(route.Spec.Hostnames) == 0
	for _, host := range route.Spec.Hostnames {
		s.add(string(host))
	}
}

func (s *Served) add(host string) {
	switch suffix, isWildcard := strings.CutPrefix(host, "*"); {
	case host == "":
		s.all = true
	case isWildcard:
		s.suffixes = append(s.suffixes, suffix)
	default:
		if s.exact == nil {
			s.exact = map[string]bool{}
		}
		s.exact[host] = true
	}
}

// byWildcard says whether a host is served, and only by what serves others as well.
func (s *Served) byWildcard(host string) bool {
	if host == "" || s.exact[host] {
		return false
	}
	for _, suffix := range s.suffixes {
		if strings.HasSuffix(host, suffix) {
			return true
		}
	}
	return s.all
}
