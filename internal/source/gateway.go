package source

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	k8slabels "k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// World is what Gateways and ListenerSets are seen with.
type World struct {
	Routes []gatewayv1.HTTPRoute
	Grants []gatewayv1.ReferenceGrant
	// Namespaces are the labels of each namespace.
	Namespaces map[string]map[string]string
}

// listeners are the listeners of a Gateway or a ListenerSet.
type listeners struct {
	config  *Config
	source  Source
	world   *World
	entries []gatewayv1.Listener
}

// GatewaySource is a Gateway as a source.
func GatewaySource(gateway *gatewayv1.Gateway) Source {
	return Source{Group: gatewayVersion, Kind: GatewayKind, Meta: &gateway.ObjectMeta}
}

// gatewayVersion is that of Gateways and ListenerSets.
var gatewayVersion = schema.GroupVersion{Group: gatewayv1.GroupName, Version: gatewayv1.GroupVersion.Version}

// OfGateway is what a Gateway asks for: a Certificate for each Secret that listeners which terminate TLS name, with
// the hostnames of these listeners, or of the routes that are attached to one without.
func (c *Config) OfGateway(gateway *gatewayv1.Gateway, world *World) Plan {
	source := GatewaySource(gateway)
	if !c.asks(source, gateway.Annotations) {
		return Plan{}
	}
	asked := c.read(source, gateway.Annotations)
	c.attachTo(asked, GatewayKind, gateway.Namespace, gateway.Name)
	var plan Plan
	l := listeners{config: c, source: source, world: world, entries: gateway.Spec.Listeners}
	plan.claim(asked, l.secrets(&plan, asked.ignored))
	return plan
}

// secrets are the Secrets that the listeners need, and the hosts in each.
func (l *listeners) secrets(plan *Plan, ignored []string) *wanted {
	secrets := &wanted{}
	for i := range l.entries {
		listener := &l.entries[i]
		if !terminates(listener) {
			continue
		}
		if slices.Contains(ignored, string(listener.Name)) {
			plan.note(SkippedListenerAnnotation, "Listener %q is left out, as annotation %s says", listener.Name, l.config.Names.Annotation.IgnoreTLSListeners)
			continue
		}
		if hosts := l.hosts(plan, listener); len(hosts) > 0 {
			l.add(plan, secrets, listener, hosts)
		}
	}
	return secrets
}

// terminates says whether a listener serves with certificates from Secrets. One that names none has them from
// somewhere else, by options of its implementation.
func terminates(listener *gatewayv1.Listener) bool {
	speaksTLS := listener.Protocol == gatewayv1.HTTPSProtocolType || listener.Protocol == gatewayv1.TLSProtocolType
	return speaksTLS && listener.TLS != nil && len(listener.TLS.CertificateRefs) > 0 && (listener.TLS.Mode == nil || *listener.TLS.Mode == gatewayv1.TLSModeTerminate)
}

// hosts are the names that a listener serves.
func (l *listeners) hosts(plan *Plan, listener *gatewayv1.Listener) []string {
	if listener.Hostname != nil && *listener.Hostname != "" {
		return []string{string(*listener.Hostname)}
	}
	if listener.Protocol != gatewayv1.HTTPSProtocolType || !takesHTTPRoutes(listener.AllowedRoutes) {
		plan.tell("Listener %q has no hostname, and takes no HTTPRoutes that would have some: write hostname", listener.Name)
		return nil
	}
	hosts := l.ofRoutes(listener)
	if len(hosts) == 0 {
		plan.note(WaitingForRoutes, "Listener %q has no hostname, and no HTTPRoute with hostnames is attached to it: there is a certificate once there is either", listener.Name)
	}
	return hosts
}

func takesHTTPRoutes(allowed *gatewayv1.AllowedRoutes) bool {
	if allowed == nil || len(allowed.Kinds) == 0 {
		return true
	}
	return slices.ContainsFunc(allowed.Kinds, func(kind gatewayv1.RouteGroupKind) bool {
		return kind.Kind == "HTTPRoute" && (kind.Group == nil || *kind.Group == gatewayv1.GroupName)
	})
}

// ofRoutes are the hostnames of the routes that are attached to a listener, sorted.
func (l *listeners) ofRoutes(listener *gatewayv1.Listener) []string {
	var hosts []string
	for i := range l.world.Routes {
		route := &l.world.Routes[i]
		// A route that answers a challenge is there for a certificate that has been asked for already, of whatever.
		_, answers := route.Labels[l.config.Names.Label.HTTP01Solver]
		if route.DeletionTimestamp == nil && !answers && l.isAttached(route, listener) {
			for _, host := range route.Spec.Hostnames {
				hosts = append(hosts, string(host))
			}
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

// isAttached says whether a route names a listener as its parent, and the listener lets it.
func (l *listeners) isAttached(route *gatewayv1.HTTPRoute, listener *gatewayv1.Listener) bool {
	names := slices.ContainsFunc(route.Spec.ParentRefs, func(ref gatewayv1.ParentReference) bool {
		return l.source.isParent(ref, route.Namespace) &&
			(ref.SectionName == nil || *ref.SectionName == listener.Name) &&
			(ref.Port == nil || *ref.Port == listener.Port)
	})
	if !names {
		return false
	}
	var from *gatewayv1.FromNamespaces
	var selector *metav1.LabelSelector
	if listener.AllowedRoutes != nil && listener.AllowedRoutes.Namespaces != nil {
		from, selector = listener.AllowedRoutes.Namespaces.From, listener.AllowedRoutes.Namespaces.Selector
	}
	return l.world.allows(orElse(from, gatewayv1.NamespacesFromSame), selector, l.source.Meta.Namespace, route.Namespace)
}

// isParent says whether a reference from an object in namespace means the source.
func (s Source) isParent(ref gatewayv1.ParentReference, namespace string) bool {
	return s.names(orElse(ref.Group, gatewayv1.GroupName), orElse(ref.Kind, GatewayKind),
		orElse(ref.Namespace, gatewayv1.Namespace(namespace)), ref.Name)
}

func (s Source) names(group gatewayv1.Group, kind gatewayv1.Kind, namespace gatewayv1.Namespace, name gatewayv1.ObjectName) bool {
	return string(group) == s.Group.Group && string(kind) == s.Kind && string(namespace) == s.Meta.Namespace && string(name) == s.Meta.Name
}

// orElse is a value that may be left out.
func orElse[T any](value *T, absent T) T {
	if value == nil {
		return absent
	}
	return *value
}

// allows says whether objects of a namespace may attach to one in home.
func (w *World) allows(from gatewayv1.FromNamespaces, selector *metav1.LabelSelector, home, namespace string) bool {
	switch from {
	case gatewayv1.NamespacesFromAll:
		return true
	case gatewayv1.NamespacesFromSame:
		return home == namespace
	case gatewayv1.NamespacesFromSelector:
		// A selector that is missing selects nothing.
		chosen, err := metav1.LabelSelectorAsSelector(selector)
		labels, exists := w.Namespaces[namespace]
		return err == nil && exists && chosen.Matches(k8slabels.Set(labels))
	default:
		return false
	}
}

// add adds the hosts of a listener to each of its Secrets.
func (l *listeners) add(plan *Plan, secrets *wanted, listener *gatewayv1.Listener, hosts []string) {
	for i := range listener.TLS.CertificateRefs {
		ref := &listener.TLS.CertificateRefs[i]
		name := types.NamespacedName{Namespace: l.source.Meta.Namespace, Name: string(ref.Name)}
		if ref.Namespace != nil && *ref.Namespace != "" {
			name.Namespace = string(*ref.Namespace)
		}
		if problem := l.refuses(ref, name); problem != "" {
			plan.tell("Listener %q, certificateRefs[%d]: %s", listener.Name, i, problem)
			continue
		}
		secrets.add(name, hosts...)
	}
}

// refuses says why there is no certificate for a reference, empty if there is one.
func (l *listeners) refuses(ref *gatewayv1.SecretObjectReference, name types.NamespacedName) string {
	if orElse(ref.Group, "") != corev1.GroupName || orElse(ref.Kind, "Secret") != "Secret" {
		return fmt.Sprintf("a certificate goes into a Secret, and this names a %s", quoted(string(orElse(ref.Kind, ""))))
	}
	switch {
	case name.Namespace == l.source.Meta.Namespace:
		return ""
	case !l.config.worksIn(name.Namespace):
		return fmt.Sprintf("Secret %q is in a namespace that the operator does not work in", name)
	case !l.isGranted(name):
		return fmt.Sprintf("Secret %q is in another namespace, and no ReferenceGrant there lets a %s of namespace %q name it", name, l.source.Kind, l.source.Meta.Namespace)
	default:
		return ""
	}
}

// isGranted says whether a ReferenceGrant beside a Secret lets the source name it.
func (l *listeners) isGranted(name types.NamespacedName) bool {
	return slices.ContainsFunc(l.world.Grants, func(grant gatewayv1.ReferenceGrant) bool {
		return grant.Namespace == name.Namespace && grant.DeletionTimestamp == nil &&
			slices.ContainsFunc(grant.Spec.From, func(from gatewayv1.ReferenceGrantFrom) bool {
				return string(from.Group) == l.source.Group.Group && string(from.Kind) == l.source.Kind && string(from.Namespace) == l.source.Meta.Namespace
			}) &&
			slices.ContainsFunc(grant.Spec.To, func(to gatewayv1.ReferenceGrantTo) bool {
				return to.Group == corev1.GroupName && to.Kind == "Secret" && (to.Name == nil || *to.Name == "" || string(*to.Name) == name.Name)
			})
	})
}

// NamesSecret says whether a listener of a Gateway or a ListenerSet names a Secret.
func NamesSecret(object metav1.Object, secret types.NamespacedName) bool {
	var entries []gatewayv1.Listener
	switch object := object.(type) {
	case *gatewayv1.Gateway:
		entries = object.Spec.Listeners
	case *gatewayv1.ListenerSet:
		entries = listenersOf(object)
	}
	return slices.ContainsFunc(entries, func(listener gatewayv1.Listener) bool {
		return listener.TLS != nil && slices.ContainsFunc(listener.TLS.CertificateRefs, func(ref gatewayv1.SecretObjectReference) bool {
			namespace := orElse(ref.Namespace, gatewayv1.Namespace(object.GetNamespace()))
			return string(ref.Name) == secret.Name && string(namespace) == secret.Namespace
		})
	})
}
