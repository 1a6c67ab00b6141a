package routing

import (
	"cmp"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
)

// pathType is how the paths of a class of Ingresses are matched: as strictly as its controller allows.
func (s State) pathType(way Way, strict networkingv1.PathType) networkingv1.PathType {
	if s.Lenient[way.Key()] {
		return networkingv1.PathTypeImplementationSpecific
	}
	return strict
}

func path(at string, pathType networkingv1.PathType, service string, port int32) networkingv1.HTTPIngressPath {
	return networkingv1.HTTPIngressPath{
		Path: at, PathType: &pathType,
		Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
			Name: service, Port: networkingv1.ServiceBackendPort{Number: port},
		}},
	}
}

func rule(host string, paths ...networkingv1.HTTPIngressPath) networkingv1.IngressRule {
	return networkingv1.IngressRule{Host: host, IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{Paths: paths}}}
}

// sharedIngress leads every challenge of its hosts to the operator.
func (s State) sharedIngress(name string, way Way, hosts []string) Object {
	result := s.ingress(name, s.Namespace, way)
	service, port := s.sharedBackend(s.Namespace)
	for _, host := range hosts {
		result.Spec.Rules = append(result.Spec.Rules, rule(host, path(wellKnown, s.pathType(way, networkingv1.PathTypePrefix), service, port)))
	}
	return result
}

// podIngress leads exactly these challenges to the pod of their order.
func (s State) podIngress(name string, answers []Answer) Object {
	way := answers[0].Way
	result := s.ingress(name, s.Namespace, way)
	for _, answer := range answers {
		leaf := path(answer.path(), s.pathType(way, networkingv1.PathTypeExact), podName(answer.Order), PodPort)
		at := slices.IndexFunc(result.Spec.Rules, func(r networkingv1.IngressRule) bool { return r.Host == answer.routeHost() })
		if at < 0 {
			result.Spec.Rules = append(result.Spec.Rules, rule(answer.routeHost(), leaf))
			continue
		}
		paths := &result.Spec.Rules[at].HTTP.Paths
		*paths = append(*paths, leaf)
	}
	s.ownedBy(result, answers[0].Order)
	return result
}

// path is where the CA looks for an answer.
func (a Answer) path() string { return wellKnown + "/" + a.Token }

// Edit is what is to change about an Ingress that somebody else made: paths to our Services that are not among Paths
// go, and those of Paths that are missing come, each before the other paths of its host.
type Edit struct {
	Ingress *networkingv1.Ingress
	Paths   []HostPath
	// Way is what the paths are routed alike by, empty if none is to come.
	Way string
	// Shared is the Service of the namespace that leads to the operator.
	Shared string
}

// HostPath is a path of a host.
type HostPath struct {
	Host string
	networkingv1.HTTPIngressPath
}

// edits are those of the Ingresses that have, or need, paths of ours.
func (s State) edits(answers []Answer) []Edit {
	wanted, ways := map[string][]HostPath{}, map[string]string{}
	for _, answer := range answers {
		if answer.Way.Edits() {
			service, port := s.backend(answer)
			leaf := path(answer.path(), s.pathType(answer.Way, networkingv1.PathTypeExact), service, port)
			ways[answer.Way.Ingress.Name] = answer.Way.Key()
			wanted[answer.Way.Ingress.Name] = append(wanted[answer.Way.Ingress.Name], HostPath{answer.routeHost(), leaf})
		}
	}
	shared, _ := s.sharedBackend(s.Namespace)
	var result []Edit
	for _, ingress := range s.Ingresses {
		if s.isOurs(ingress) {
			continue
		}
		edit := Edit{Ingress: ingress, Paths: wanted[ingress.Name], Way: ways[ingress.Name], Shared: shared}
		if _, changed := edit.Apply(ingress); changed {
			result = append(result, edit)
		}
	}
	slices.SortFunc(result, func(a, b Edit) int { return cmp.Compare(a.Ingress.Name, b.Ingress.Name) })
	return result
}

// edited are the names of the Ingresses of others that are to have paths for these answers.
func edited(answers []Answer) []string {
	var result []string
	for _, answer := range answers {
		if answer.Way.Edits() {
			result = append(result, answer.Way.Ingress.Name)
		}
	}
	return sorted(result)
}

// HasPaths says whether an Ingress that somebody else made has paths that were added for challenges.
func (s Settings) HasPaths(ingress *networkingv1.Ingress) bool {
	shared, _ := s.sharedBackend(ingress.Namespace)
	return !s.isOurs(ingress) && slices.ContainsFunc(ingress.Spec.Rules, func(rule networkingv1.IngressRule) bool {
		return rule.HTTP != nil && slices.ContainsFunc(rule.HTTP.Paths, func(path networkingv1.HTTPIngressPath) bool { return leadsToUs(path, shared) })
	})
}

// Apply gives the Ingress as it is to be, and whether that is another than it is. Whatever else it has stays as it is.
func (e Edit) Apply(ingress *networkingv1.Ingress) (*networkingv1.Ingress, bool) {
	result, changed := ingress.DeepCopy(), false
	missing := slices.Clone(e.Paths)
	rules := result.Spec.Rules[:0]
	for _, rule := range result.Spec.Rules {
		if rule.HTTP == nil {
			rules = append(rules, rule)
			continue
		}
		before := len(rule.HTTP.Paths)
		rule.HTTP.Paths = slices.DeleteFunc(rule.HTTP.Paths, func(path networkingv1.HTTPIngressPath) bool {
			if !leadsToUs(path, e.Shared) {
				return false
			}
			at := slices.IndexFunc(missing, func(wanted HostPath) bool {
				return wanted.Host == rule.Host && wanted.Path == path.Path && deref(wanted.PathType, "") == deref(path.PathType, "") &&
					*wanted.Backend.Service == *path.Backend.Service
			})
			if at >= 0 {
				missing = slices.Delete(missing, at, at+1)
			}
			return at < 0
		})
		changed = changed || len(rule.HTTP.Paths) != before
		if len(rule.HTTP.Paths) > 0 {
			rules = append(rules, rule)
		}
	}
	result.Spec.Rules = rules
	for _, wanted := range missing {
		changed = true
		insert(&result.Spec, wanted)
	}
	return result, changed
}

// insert puts a path before the others of its host: controllers that take the first that fits must find it.
func insert(spec *networkingv1.IngressSpec, wanted HostPath) {
	for i := range spec.Rules {
		if rule := &spec.Rules[i]; rule.Host == wanted.Host && rule.HTTP != nil {
			rule.HTTP.Paths = slices.Insert(rule.HTTP.Paths, 0, wanted.HTTPIngressPath)
			return
		}
	}
	spec.Rules = append(spec.Rules, rule(wanted.Host, wanted.HTTPIngressPath))
}

// leadsToUs says whether a path of somebody else's Ingress is one that we added: it is a challenge's, and its Service
// has a name that is ours. What stands for all challenges, without a token, is not.
func leadsToUs(path networkingv1.HTTPIngressPath, shared string) bool {
	service := path.Backend.Service
	token, isChallenge := strings.CutPrefix(path.Path, wellKnown+"/")
	return service != nil && isChallenge && token != "" && (service.Name == shared || isPodName(service.Name))
}
