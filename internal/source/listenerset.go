package source

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// ListenerSetSource is a ListenerSet as a source.
func ListenerSetSource(set *gatewayv1.ListenerSet) Source {
	return Source{Group: gatewayVersion, Kind: ListenerSetKind, Meta: &set.ObjectMeta}
}

// ParentOf names the Gateway that a ListenerSet belongs to, with ok false if its parent is something else.
func ParentOf(set *gatewayv1.ListenerSet) (name types.NamespacedName, ok bool) {
	ref := set.Spec.ParentRef
	name = types.NamespacedName{
		Namespace: string(orElse(ref.Namespace, gatewayv1.Namespace(set.Namespace))),
		Name:      string(ref.Name),
	}
	return name, orElse(ref.Group, gatewayv1.GroupName) == gatewayv1.GroupName && orElse(ref.Kind, GatewayKind) == GatewayKind
}

// OfListenerSet is what a ListenerSet asks for, by its own annotations, and by those of its parent where it names no
// issuer itself. The parent is nil if there is no such Gateway. While the set is not one of the parent's, nothing is
// made for it, and what was made stays.
func (c *Config) OfListenerSet(set *gatewayv1.ListenerSet, parent *gatewayv1.Gateway, world *World) Plan {
	source := ListenerSetSource(set)
	issuer := c.inherited(source, parent)
	isAsked := c.asks(source, issuer)
	if !isAsked && parent != nil {
		return Plan{}
	}
	var plan Plan
	l := listeners{config: c, source: source, world: world, entries: listenersOf(set)}
	asked := c.read(source, issuer)
	secrets := l.secrets(&plan, asked.ignored)
	if problem := l.isDetached(set, parent); problem != "" {
		plan.keep(secrets, problem)
		if !isAsked {
			// It may well be one that nobody wants a certificate for.
			plan.Told = nil
		}
		return plan
	}
	r := &reader{annotations: set.Annotations}
	if r.yes(c.Names.Annotation.ACME.ParentRefFallback) {
		c.attachTo(asked, GatewayKind, parent.Namespace, parent.Name)
	} else {
		c.attachTo(asked, ListenerSetKind, set.Namespace, set.Name)
	}
	asked.problems = append(asked.problems, r.problems...)
	plan.claim(asked, secrets)
	return plan
}

// inherited are the annotations that name the issuer: the set's own, or its parent's.
func (c *Config) inherited(source Source, parent *gatewayv1.Gateway) map[string]string {
	keys := c.Names.Annotation
	for _, key := range []string{keys.Issuer, keys.ClusterIssuer} {
		if _, own := source.Meta.Annotations[key]; own || parent == nil {
			return source.Meta.Annotations
		}
	}
	return parent.Annotations
}

// isDetached says why a set does not belong to its parent, empty if it does.
func (l *listeners) isDetached(set *gatewayv1.ListenerSet, parent *gatewayv1.Gateway) string {
	name, ok := ParentOf(set)
	switch {
	case !ok:
		return "spec.parentRef does not name a Gateway"
	case parent == nil && !l.config.worksIn(name.Namespace):
		return fmt.Sprintf("Gateway %q is in a namespace that the operator does not work in", name)
	case parent == nil:
		return fmt.Sprintf("Gateway %q does not exist", name)
	}
	var from *gatewayv1.FromNamespaces
	var selector *metav1.LabelSelector
	if allowed := parent.Spec.AllowedListeners; allowed != nil && allowed.Namespaces != nil {
		from, selector = allowed.Namespaces.From, allowed.Namespaces.Selector
	}
	if l.world.allows(orElse(from, gatewayv1.NamespacesFromNone), selector, parent.Namespace, set.Namespace) {
		return ""
	}
	return fmt.Sprintf("Gateway %q takes no listeners of namespace %q: spec.allowedListeners there says which", name, set.Namespace)
}

// listenersOf are the listeners of a set, as those of a Gateway.
func listenersOf(set *gatewayv1.ListenerSet) []gatewayv1.Listener {
	result := make([]gatewayv1.Listener, 0, len(set.Spec.Listeners))
	for _, entry := range set.Spec.Listeners {
		result = append(result, gatewayv1.Listener(entry))
	}
	return result
}
