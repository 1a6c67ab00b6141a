package routing

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/certwright/certwright/api"
	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
)

// Way is how a CA's request finds its answer: through an Ingress, an HTTPRoute or, for TLS-ALPN-01, a TLSRoute. Exactly
// one of them is set.
type Way struct {
	Ingress *v1.HTTP01Ingress
	Gateway *v1.HTTP01GatewayHTTPRoute
	TLS     *v1.TLSALPN01GatewayTLSRoute
}

// WayOf is the way of a solver, with what the Order's annotations override. It fails if these contradict each other.
func WayOf(names api.Names, order *acmev1.Order, solver *v1.ACMESolver) (Way, error) {
	switch {
	case solver != nil && solver.TLSALPN01 != nil:
		return tlsWay(solver.TLSALPN01)
	case solver == nil || solver.HTTP01 == nil:
		return Way{}, fmt.Errorf("the solver is of neither type http01 nor tlsALPN01")
	case solver.HTTP01.Ingress != nil:
		ingress, err := overridden(names, order, solver.HTTP01.Ingress)
		return Way{Ingress: ingress}, err
	case solver.HTTP01.GatewayHTTPRoute != nil:
		gateway, err := withParent(names, order, solver.HTTP01.GatewayHTTPRoute)
		return Way{Gateway: gateway}, err
	default:
		return Way{}, fmt.Errorf("the http01 solver has neither ingress nor gatewayHTTPRoute")
	}
}

func tlsWay(solver *v1.TLSALPN01Solver) (Way, error) {
	if solver.GatewayTLSRoute == nil || len(solver.GatewayTLSRoute.ParentRefs) == 0 {
		return Way{}, fmt.Errorf("the solver's TLSRoute has nothing to attach to: set parentRefs in gatewayTLSRoute")
	}
	return Way{TLS: solver.GatewayTLSRoute}, nil
}

func overridden(names api.Names, order *acmev1.Order, ingress *v1.HTTP01Ingress) (*v1.HTTP01Ingress, error) {
	keys := names.Annotation.ACME
	var set []string
	for _, key := range []string{keys.OverrideIngressName, keys.OverrideIngressClass, keys.OverrideIngressClassName} {
		if order.Annotations[key] != "" {
			set = append(set, key)
		}
	}
	if len(set) == 0 {
		return ingress, nil
	}
	if len(set) > 1 {
		return nil, fmt.Errorf("the annotations %s exclude each other: keep one of them on the Certificate", strings.Join(set, " and "))
	}
	result, value := ingress.DeepCopy(), order.Annotations[set[0]]
	result.Name, result.Class, result.IngressClassName = "", nil, nil
	switch set[0] {
	case keys.OverrideIngressName:
		result.Name = value
	case keys.OverrideIngressClass:
		result.Class = &value
	default:
		result.IngressClassName = &value
	}
	return result, nil
}

// withParent adds the parent that the annotations name to those of the solver.
func withParent(names api.Names, order *acmev1.Order, gateway *v1.HTTP01GatewayHTTPRoute) (*v1.HTTP01GatewayHTTPRoute, error) {
	keys := names.Annotation.ACME
	name, kind, namespace := order.Annotations[keys.ParentRefName], order.Annotations[keys.ParentRefKind], order.Annotations[keys.ParentRefNamespace]
	if (name == "") != (kind == "") {
		return nil, fmt.Errorf("a parent of HTTPRoutes has a name and a kind: set both annotations %s and %s, or neither", keys.ParentRefName, keys.ParentRefKind)
	}
	if name == "" {
		if len(gateway.ParentRefs) == 0 {
			return nil, fmt.Errorf("the solver's HTTPRoute has nothing to attach to: set parentRefs in gatewayHTTPRoute, or the annotations %s and %s on the Certificate", keys.ParentRefName, keys.ParentRefKind)
		}
		return gateway, nil
	}
	parent := v1.ParentReference{Name: name, Kind: &kind}
	if namespace != "" {
		parent.Namespace = &namespace
	}
	same := func(other v1.ParentReference) bool {
		return other.Name == name && parentKind(other) == kind && deref(other.Namespace, order.Namespace) == cmp.Or(namespace, order.Namespace)
	}
	if slices.ContainsFunc(gateway.ParentRefs, same) {
		return gateway, nil
	}
	result := gateway.DeepCopy()
	result.ParentRefs = append(result.ParentRefs, parent)
	return result, nil
}

func deref[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

func parentKind(parent v1.ParentReference) string { return deref(parent.Kind, "Gateway") }

// ParentRefs are the parents of the way, in the types of the Gateway API.
func (w Way) ParentRefs() []gatewayv1.ParentReference {
	var parents []v1.ParentReference
	if w.TLS != nil {
		parents = w.TLS.ParentRefs
	} else {
		parents = w.Gateway.ParentRefs
	}
	var result []gatewayv1.ParentReference
	for _, parent := range parents {
		result = append(result, gatewayv1.ParentReference{
			Group: new(gatewayv1.Group(deref(parent.Group, gatewayv1.GroupName))), Kind: new(gatewayv1.Kind(parentKind(parent))),
			Namespace: converted[gatewayv1.Namespace](parent.Namespace), Name: gatewayv1.ObjectName(parent.Name),
			SectionName: converted[gatewayv1.SectionName](parent.SectionName), Port: parent.Port,
		})
	}
	return result
}

func converted[T ~string](from *string) *T {
	if from == nil {
		return nil
	}
	return new(T(*from))
}

// Edits says whether the path goes into an Ingress that somebody else made.
func (w Way) Edits() bool { return w.Ingress != nil && w.Ingress.Name != "" }

// Key is the same for ways that can share an object, and short enough for a label.
func (w Way) Key() string {
	switch {
	case w.Edits():
		return digest([]any{"Ingress", w.Ingress.Name})
	case w.Ingress != nil:
		return digest([]any{"Ingress", w.Ingress.Class, w.Ingress.IngressClassName, w.Ingress.IngressTemplate})
	case w.TLS != nil:
		return digest([]any{"TLSRoute", w.TLS.ParentRefs, w.TLS.Labels})
	default:
		return digest([]any{"HTTPRoute", w.Gateway.ParentRefs, w.Gateway.Labels})
	}
}

// digest is a short hash of what a value looks like in JSON, which sorts the keys of maps.
func digest(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // Types of the API have a form in JSON: this cannot depend on input.
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:5])
}

// Mode says what answers for a solver, where the operator's own setting is preset.
func Mode(solver *v1.ACMESolver, preset v1.SolverMode) v1.SolverMode {
	if solver != nil && solver.TLSALPN01 != nil {
		return v1.SolverShared
	}
	if solver == nil || solver.HTTP01 == nil {
		return ""
	}
	chosen, template := v1.SolverMode(""), (*v1.SolverPodTemplate)(nil)
	if ingress := solver.HTTP01.Ingress; ingress != nil {
		chosen, template = ingress.Solver, ingress.PodTemplate
	} else if gateway := solver.HTTP01.GatewayHTTPRoute; gateway != nil {
		chosen, template = gateway.Solver, gateway.PodTemplate
	}
	if template != nil {
		return v1.SolverPod
	}
	return cmp.Or(chosen, preset)
}

// Answer is one HTTP-01 or TLS-ALPN-01 challenge that needs a route.
type Answer struct {
	Order *acmev1.Order
	// Host is the name or the address in the request.
	Host             string
	Token            string
	KeyAuthorization string
	Mode             v1.SolverMode
	Way              Way
}

// routeHost is the host that a route is for: none for an address, since routes know names only.
func (a Answer) routeHost() string {
	if _, err := netip.ParseAddr(a.Host); err == nil {
		return ""
	}
	return strings.ToLower(a.Host)
}

// isRouted says whether the challenge of an authorization wants a route. One over TLS does not any more once the CA has
// validated it: its route takes all connections for the host.
func isRouted(authorization *acmev1.Authorization) bool {
	switch authorization.Challenge.Type {
	case acmev1.HTTP01:
		return true
	case acmev1.TLSALPN01:
		return authorization.State != acmev1.Valid
	default:
		return false
	}
}

// Answers are the challenges of an Order that need a route now: chosen, not over, and of an Order that is at work.
// One whose way contradicts itself is left out; the order controller tells of it.
func Answers(names api.Names, order *acmev1.Order) []Answer {
	if order.DeletionTimestamp != nil || order.Status.State.IsFinal() {
		return nil
	}
	var answers []Answer
	for i := range order.Status.Authorizations {
		authorization := &order.Status.Authorizations[i]
		challenge := authorization.Challenge
		if challenge == nil || !isRouted(authorization) || challenge.AnsweredBy == "" || challenge.KeyAuthorization == "" {
			continue
		}
		way, err := WayOf(names, order, challenge.Solver)
		if err != nil {
			continue
		}
		answers = append(answers, Answer{
			Order: order, Host: authorization.Identifier, Token: challenge.Token, KeyAuthorization: challenge.KeyAuthorization,
			Mode: challenge.AnsweredBy, Way: way,
		})
	}
	return answers
}
