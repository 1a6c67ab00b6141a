package routing

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
)

// Memory is when a shared route was last needed for a host, by the key of its way and the host.
type Memory map[string]time.Time

// State is everything that the routes of one namespace depend on.
type State struct {
	Settings
	Now       time.Time
	Namespace string
	// Orders are those of the namespace.
	Orders []*acmev1.Order
	// Ingresses are all of the namespace; HTTPRoutes, TLSRoutes and Others (Services, EndpointSlices, Pods and the ReferenceGrant)
	// are ours only.
	Ingresses  []*networkingv1.Ingress
	HTTPRoutes []*gatewayv1.HTTPRoute
	TLSRoutes  []*gatewayv1.TLSRoute
	Others     []Object
	// Replicas are the addresses of the operator's own pods that are ready.
	Replicas []string
	// Needed is when shared routes were last needed, as the last Plan told.
	Needed Memory
	// Served are the hosts that others route, in all namespaces.
	Served Served
	// Lenient has the keys of ways whose controller refuses strict types of paths.
	Lenient map[string]bool
}

// Plan is what to do.
type Plan struct {
	Create, Update, Delete []Object
	Edits                  []Edit
	// Edited are the names of the Ingresses of others that are to have paths of ours now, whether they exist or not.
	Edited []string
	// Needed is to be remembered for the next Plan.
	Needed Memory
	// Recheck is when something is no longer needed, zero if nothing waits for that.
	Recheck time.Time
}

// Idle says whether there is nothing to do.
func (p Plan) Idle() bool {
	return len(p.Create)+len(p.Update)+len(p.Delete)+len(p.Edits) == 0
}

// OnlyClears says whether all that there is to do is to take away what no order needs.
func (p Plan) OnlyClears() bool {
	return len(p.Create)+len(p.Update) == 0 && !slices.ContainsFunc(p.Edits, func(edit Edit) bool { return len(edit.Paths) > 0 })
}

// Decide says how the routes of a namespace are brought to what its orders need.
func Decide(s State) Plan {
	var answers []Answer
	for _, order := range s.Orders {
		answers = append(answers, Answers(s.Names, order)...)
	}
	plan := Plan{Needed: s.remember(answers)}
	desired := append(s.shared(answers, plan.Needed), s.pods(answers)...)
	s.compare(desired, &plan)
	plan.Edits, plan.Edited = s.edits(answers), edited(answers)
	for _, needed := range plan.Needed {
		if until := needed.Add(keep); plan.Recheck.IsZero() || until.Before(plan.Recheck) {
			plan.Recheck = until
		}
	}
	return plan
}

// sharesRoute says whether an answer is given by the operator behind a route of ours that others may use too, now and
// for a while after.
func (a Answer) sharesRoute() bool {
	return a.Mode == v1.SolverShared && !a.Way.Edits() && a.Way.TLS == nil
}

func memoryKey(wayKey, host string) string { return wayKey + "/" + host }

// remember is when each host was last needed: now, as remembered, or, for a host that nobody remembers because the
// operator was started anew, as if it were needed now. One that others serve by a wildcard is theirs again at once.
func (s State) remember(answers []Answer) Memory {
	result := Memory{}
	for wayKey, routes := range s.sharedRoutes() {
		for _, hosts := range routes {
			for _, host := range hosts {
				needed, known := s.Needed[memoryKey(wayKey, host)]
				if !known {
					needed = s.Now
				}
				if s.Now.Before(needed.Add(keep)) && !s.Served.byWildcard(host) {
					result[memoryKey(wayKey, host)] = needed
				}
			}
		}
	}
	for _, answer := range answers {
		if answer.sharesRoute() {
			result[memoryKey(answer.Way.Key(), answer.routeHost())] = s.Now
		}
	}
	return result
}

// sharedRoutes are the hosts of each shared route there is, by the key of its way and its name.
func (s State) sharedRoutes() map[string]map[string][]string {
	result := map[string]map[string][]string{}
	add := func(object Object, hosts []string) {
		wayKey := object.GetLabels()[s.Names.Label.HTTP01Route]
		if len(object.GetOwnerReferences()) > 0 {
			return
		}
		if result[wayKey] == nil {
			result[wayKey] = map[string][]string{}
		}
		result[wayKey][object.GetName()] = hosts
	}
	for _, ingress := range s.Ingresses {
		if s.isOurs(ingress) {
			add(ingress, ingressHosts(ingress))
		}
	}
	for _, route := range s.HTTPRoutes {
		add(route, routeHosts(route))
	}
	return result
}

func ingressHosts(ingress *networkingv1.Ingress) []string {
	var hosts []string
	for _, rule := range ingress.Spec.Rules {
		hosts = append(hosts, rule.Host)
	}
	return hosts
}

func routeHosts(route *gatewayv1.HTTPRoute) []string {
	if len(route.Spec.Hostnames) == 0 {
		return []string{""}
	}
	var hosts []string
	for _, host := range route.Spec.Hostnames {
		hosts = append(hosts, string(host))
	}
	return hosts
}

func (s Settings) isOurs(object metav1.Object) bool {
	return object.GetLabels()[s.Names.Label.HTTP01Solver] == "true"
}

// shared are the routes that lead to the operator, and what they need: a Service in the namespace for Ingresses, a
// grant in the operator's namespace for HTTPRoutes and TLSRoutes.
func (s State) shared(answers []Answer, needed Memory) []Object {
	routes := s.kept(answers, needed)
	for _, way := range s.waysOf(answers) {
		hosts := s.allot(way.Key(), needed)
		for _, name := range slices.Sorted(maps.Keys(hosts)) {
			if way.Ingress != nil {
				routes = append(routes, s.sharedIngress(name, way, hosts[name]))
			} else {
				routes = append(routes, s.sharedHTTPRoute(name, way, hosts[name]))
			}
		}
	}
	routes = append(routes, s.tlsRoutes(answers)...)
	if s.Namespace == s.OwnNamespace {
		return routes
	}
	byIngress := slices.ContainsFunc(answers, func(a Answer) bool { return a.Mode == v1.SolverShared && a.Way.Edits() })
	byGateway := false
	for _, route := range routes {
		_, isIngress := route.(*networkingv1.Ingress)
		byIngress, byGateway = byIngress || isIngress, byGateway || !isIngress
	}
	var result []Object
	if byIngress {
		result = append(result, s.sharedService())
		result = append(result, s.endpointSlices()...)
	}
	if byGateway {
		result = append(result, s.grant())
	}
	return append(result, routes...)
}

// waysOf are the ways of answers that share routes, one of each kind.
func (s State) waysOf(answers []Answer) []Way {
	ways := map[string]Way{}
	for _, answer := range answers {
		if answer.sharesRoute() {
			ways[answer.Way.Key()] = answer.Way
		}
	}
	var result []Way
	for _, key := range slices.Sorted(maps.Keys(ways)) {
		result = append(result, ways[key])
	}
	return result
}

// kept are the shared routes of ways that no order needs now, as long as one of their hosts is remembered.
func (s State) kept(answers []Answer, needed Memory) []Object {
	current := map[string]bool{}
	for _, way := range s.waysOf(answers) {
		current[way.Key()] = true
	}
	remembered := func(wayKey string, hosts []string) bool {
		return slices.ContainsFunc(hosts, func(host string) bool { _, ok := needed[memoryKey(wayKey, host)]; return ok })
	}
	var result []Object
	for _, ingress := range s.Ingresses {
		wayKey := ingress.Labels[s.Names.Label.HTTP01Route]
		if s.isOurs(ingress) && len(ingress.OwnerReferences) == 0 && !current[wayKey] && remembered(wayKey, ingressHosts(ingress)) {
			result = append(result, s.withoutServedIngress(ingress))
		}
	}
	for _, route := range s.HTTPRoutes {
		wayKey := route.Labels[s.Names.Label.HTTP01Route]
		if len(route.OwnerReferences) == 0 && !current[wayKey] && remembered(wayKey, routeHosts(route)) {
			result = append(result, s.withoutServedRoute(route))
		}
	}
	return result
}

func (s State) withoutServedIngress(ingress *networkingv1.Ingress) *networkingv1.Ingress {
	isTheirs := func(rule networkingv1.IngressRule) bool { return s.Served.byWildcard(rule.Host) }
	if !slices.ContainsFunc(ingress.Spec.Rules, isTheirs) {
		return ingress
	}
	changed := ingress.DeepCopy()
	changed.Spec.Rules = slices.DeleteFunc(changed.Spec.Rules, isTheirs)
	return changed
}

func (s State) withoutServedRoute(route *gatewayv1.HTTPRoute) *gatewayv1.HTTPRoute {
	isTheirs := func(host gatewayv1.Hostname) bool { return s.Served.byWildcard(string(host)) }
	if !slices.ContainsFunc(route.Spec.Hostnames, isTheirs) {
		return route
	}
	changed := route.DeepCopy()
	changed.Spec.Hostnames = slices.DeleteFunc(changed.Spec.Hostnames, isTheirs)
	return changed
}

// allot spreads hosts over routes: each stays where it is, new ones fill the first that has room. A route is written
// only where a host comes; hosts that are no longer needed go then, or with the last of them, or at once where others
// serve them by a wildcard. An address, which has no host, has a route of its own.
func (s State) allot(wayKey string, needed Memory) map[string][]string {
	result, placed := map[string][]string{}, map[string]bool{}
	isNeeded := func(host string) bool { _, ok := needed[memoryKey(wayKey, host)]; return ok }
	existing := s.sharedRoutes()[wayKey]
	for _, name := range slices.Sorted(maps.Keys(existing)) {
		if slices.ContainsFunc(existing[name], isNeeded) {
			result[name] = slices.DeleteFunc(slices.Clone(existing[name]), func(host string) bool { return !isNeeded(host) && s.Served.byWildcard(host) })
			for _, host := range result[name] {
				placed[host] = true
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(needed)) {
		host, ofWay := hostOf(key, wayKey)
		if !ofWay || placed[host] {
			continue
		}
		name := s.room(wayKey, host, result, isNeeded)
		hosts := slices.DeleteFunc(slices.Clone(result[name]), func(host string) bool { return !isNeeded(host) })
		result[name] = append(hosts, host)
		placed[host] = true
	}
	return result
}

func hostOf(key, wayKey string) (string, bool) {
	if len(key) <= len(wayKey) || key[:len(wayKey)+1] != wayKey+"/" {
		return "", false
	}
	return key[len(wayKey)+1:], true
}

// room is the first route that a host can go to.
func (s State) room(wayKey, host string, routes map[string][]string, isNeeded func(string) bool) string {
	for number := 0; ; number++ {
		name := fmt.Sprintf("%s-%s-%d", sharedName, wayKey, number)
		hosts, exists := routes[name]
		if !exists {
			return name
		}
		left := 0
		for _, other := range hosts {
			if isNeeded(other) {
				left++
			}
		}
		if host != "" && !slices.Contains(hosts, "") && left < perRoute {
			return name
		}
	}
}

// sharedBackend is the Service, in a namespace, that leads to the operator.
func (s Settings) sharedBackend(namespace string) (string, int32) {
	if namespace == s.OwnNamespace {
		return s.Service, s.Port
	}
	return sharedName, s.Port
}

func (s State) backend(answer Answer) (string, int32) {
	if answer.Mode == v1.SolverPod {
		return podName(answer.Order), PodPort
	}
	return s.sharedBackend(s.Namespace)
}

func (s State) sharedService() Object {
	result := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: sharedName, Namespace: s.Namespace}}
	s.ours(&result.ObjectMeta)
	result.Spec.Ports = []corev1.ServicePort{{Name: "http", Port: s.Port, TargetPort: intstr.FromInt32(s.Port), Protocol: corev1.ProtocolTCP}}
	return result
}

// endpointSlices follow the operator's ready pods, which are in another namespace and so cannot be selected.
func (s State) endpointSlices() []Object {
	families := map[discoveryv1.AddressType][]discoveryv1.Endpoint{}
	for _, text := range slices.Sorted(slices.Values(s.Replicas)) {
		address, err := netip.ParseAddr(text)
		if err != nil {
			continue
		}
		family := discoveryv1.AddressTypeIPv6
		if address.Is4() {
			family = discoveryv1.AddressTypeIPv4
		}
		families[family] = append(families[family], discoveryv1.Endpoint{
			Addresses: []string{text}, Conditions: discoveryv1.EndpointConditions{Ready: new(true)},
		})
	}
	var result []Object
	for family, endpoints := range families {
		slice := &discoveryv1.EndpointSlice{
			ObjectMeta:  metav1.ObjectMeta{Name: sharedName + "-" + string([]byte{'v', family[3]}), Namespace: s.Namespace},
			AddressType: family, Endpoints: endpoints,
			Ports: []discoveryv1.EndpointPort{{Name: new("http"), Port: new(s.Port), Protocol: new(corev1.ProtocolTCP)}},
		}
		s.ours(&slice.ObjectMeta)
		slice.Labels[discoveryv1.LabelServiceName] = sharedName
		slice.Labels[discoveryv1.LabelManagedBy] = s.Names.Group
		result = append(result, slice)
	}
	slices.SortFunc(result, func(a, b Object) int { return cmp.Compare(a.GetName(), b.GetName()) })
	return result
}

// pods are the pod of each order that has one, and its routes.
func (s State) pods(answers []Answer) []Object {
	byOrder := map[string][]Answer{}
	for _, answer := range answers {
		if answer.Mode == v1.SolverPod {
			byOrder[string(answer.Order.UID)] = append(byOrder[string(answer.Order.UID)], answer)
		}
	}
	var result []Object
	for _, uid := range slices.Sorted(maps.Keys(byOrder)) {
		own := byOrder[uid]
		order := own[0].Order
		result = append(result, s.pod(order, own), s.podService(order, own))
		number := 0
		for _, chunk := range chunks(own) {
			name := fmt.Sprintf("%s-%d", podName(order), number)
			number++
			if chunk[0].Way.Ingress != nil {
				result = append(result, s.podIngress(name, chunk))
			} else {
				result = append(result, s.podHTTPRoute(name, chunk))
			}
		}
	}
	return result
}

// chunks are the answers that go through one route each: of one way, and no more than it holds. Those that go through
// somebody else's Ingress need none.
func chunks(answers []Answer) [][]Answer {
	byWay := map[string][]Answer{}
	for _, answer := range answers {
		if !answer.Way.Edits() {
			byWay[answer.Way.Key()+kindOfHost(answer)] = append(byWay[answer.Way.Key()+kindOfHost(answer)], answer)
		}
	}
	var result [][]Answer
	for _, key := range slices.Sorted(maps.Keys(byWay)) {
		result = slices.AppendSeq(result, slices.Chunk(byWay[key], perRoute))
	}
	return result
}

// kindOfHost keeps addresses, which have routes without a host, apart from names.
func kindOfHost(answer Answer) string {
	if answer.routeHost() == "" {
		return "/address"
	}
	return "/name"
}

func sorted(words []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(words)))
}
