package controllers

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/outcome"
	"github.com/certwright/certwright/internal/routing"
	"github.com/certwright/certwright/internal/solver"
	"github.com/certwright/certwright/internal/source"
)

// Mode says what answers the challenges of a solver, or why nothing can. It is empty where no routes are made, because
// the operator does not know where it is reached itself.
func (r *RoutingReconciler) Mode(order *acmev1.Order, chosen *v1.ACMESolver) (v1.SolverMode, error) {
	if chosen.TLSALPN01 != nil {
		return r.tlsMode(order, chosen)
	}
	mode := routing.Mode(chosen, r.Settings.Default)
	switch {
	case mode == v1.SolverShared && (r.Settings.Service == "" || r.Settings.Port == 0):
		return "", nil
	case mode == v1.SolverShared && r.prefersPods(order, chosen):
		return v1.SolverPod, nil
	case mode == v1.SolverPod && r.Settings.Image == "":
		return "", outcome.Terminalf(outcome.ClassRefused, v1.ReasonInvalidSolver,
			"the solver wants a pod to answer, and the operator has no image for it: start it with --http01-solver-image, or let the solver be Shared")
	}
	_, err := routing.WayOf(r.Settings.Names, order, chosen)
	if err != nil {
		return "", outcome.Terminalf(outcome.ClassRefused, v1.ReasonInvalidSolver, "%v", err)
	}
	return mode, nil
}

// tlsMode says that the operator answers TLS-ALPN-01 challenges itself, or why it cannot.
func (r *RoutingReconciler) tlsMode(order *acmev1.Order, chosen *v1.ACMESolver) (v1.SolverMode, error) {
	if r.Settings.TLSPort == 0 {
		return "", outcome.Terminalf(outcome.ClassRefused, v1.ReasonInvalidSolver,
			"the solver is of type tlsALPN01, and the operator does not answer such challenges: start it with --tls-alpn01-solver-bind-address, or use another solver")
	}
	if r.Settings.Service == "" {
		return "", nil
	}
	if _, err := routing.WayOf(r.Settings.Names, order, chosen); err != nil {
		return "", outcome.Terminalf(outcome.ClassRefused, v1.ReasonInvalidSolver, "%v", err)
	}
	return v1.SolverShared, nil
}

// answer is the answer of an Order that a challenge is.
func (r *RoutingReconciler) answer(challenge solver.Challenge) (routing.Answer, bool) {
	for _, answer := range routing.Answers(r.Settings.Names, challenge.Order) {
		if answer.Token == challenge.Progress.Token {
			return answer, true
		}
	}
	return routing.Answer{}, false
}

// Servers implements solver.Router: the operator's own replicas, or the pod of the order.
func (r *RoutingReconciler) Servers(ctx context.Context, challenge solver.Challenge) ([]string, error) {
	if challenge.Progress.AnsweredBy != v1.SolverPod {
		return nil, nil
	}
	pod := &corev1.Pod{}
	name := types.NamespacedName{Namespace: challenge.Order.Namespace, Name: routing.PodName(challenge.Order)}
	if err := r.Client.Cached.Get(ctx, name, pod); err != nil {
		return nil, r.missing(challenge, fmt.Sprintf("Pod %q", name.Name), err)
	}
	if problem := routing.PodProblem(pod); problem != "" {
		return nil, fmt.Errorf("waiting for Pod %q: %s", name.Name, problem)
	}
	return []string{net.JoinHostPort(pod.Status.PodIP, strconv.Itoa(routing.PodPort))}, nil
}

// missing says why something that the routes need is not there.
func (r *RoutingReconciler) missing(challenge solver.Challenge, what string, err error) error {
	if err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	if problem := r.problem(challenge.Order.Namespace); problem != nil {
		return fmt.Errorf("%s is not there: %w", what, problem)
	}
	return fmt.Errorf("%s is being made", what)
}

// Route implements solver.Router.
func (r *RoutingReconciler) Route(ctx context.Context, challenge solver.Challenge) (solver.Route, error) {
	answer, known := r.answer(challenge)
	if !known {
		return solver.Route{}, fmt.Errorf("the challenge has no route")
	}
	switch {
	case answer.Way.Ingress != nil:
		return r.throughIngress(ctx, challenge, answer)
	case answer.Way.TLS != nil:
		return r.throughPassthrough(ctx, challenge, answer)
	default:
		return r.throughGateway(ctx, challenge, answer)
	}
}

// nowhere says that there is no route, for a reason that a pod in the operator's place would meet as well.
func nowhere(format string, args ...any) error {
	return &solver.RouteError{Message: fmt.Sprintf(format, args...)}
}

func (r *RoutingReconciler) throughIngress(ctx context.Context, challenge solver.Challenge, answer routing.Answer) (solver.Route, error) {
	var ingresses networkingv1.IngressList
	if err := r.Client.Cached.List(ctx, &ingresses, client.InNamespace(challenge.Order.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		return solver.Route{}, err
	}
	named := false
	for i := range ingresses.Items {
		ingress := &ingresses.Items[i]
		named = named || answer.Way.Edits() && ingress.Name == answer.Way.Ingress.Name
		if r.Settings.Leads(ingress, answer) {
			return solver.Route{Name: fmt.Sprintf("Ingress %q", ingress.Name), Addresses: routing.IngressAddresses(ingress)}, nil
		}
	}
	if answer.Way.Edits() && !named {
		return solver.Route{}, nowhere("there is no Ingress %q, which the challenge's path is to be added to", answer.Way.Ingress.Name)
	}
	return solver.Route{}, r.missing(challenge, "the path in an Ingress", nil)
}

func (r *RoutingReconciler) throughGateway(ctx context.Context, challenge solver.Challenge, answer routing.Answer) (solver.Route, error) {
	if !r.Gateways.serves(httpRoutes) {
		return solver.Route{}, nowhere("the cluster does not serve HTTPRoutes: install the CRDs of the Gateway API")
	}
	var routes gatewayv1.HTTPRouteList
	if err := r.Client.Cached.List(ctx, &routes, client.InNamespace(challenge.Order.Namespace), r.ours(), client.UnsafeDisableDeepCopy); err != nil {
		return solver.Route{}, r.missing(challenge, "the HTTPRoute", nil)
	}
	for i := range routes.Items {
		route := &routes.Items[i]
		if !r.Settings.LeadsRoute(route, answer) {
			continue
		}
		return r.attached(ctx, attachment{
			name: fmt.Sprintf("HTTPRoute %q", route.Name), namespace: route.Namespace, host: answer.Host,
			parents: route.Spec.ParentRefs, status: route.Status.RouteStatus, problem: routing.ListenerProblem,
		})
	}
	return solver.Route{}, r.missing(challenge, "the HTTPRoute", nil)
}

// throughPassthrough finds the TLSRoute of a TLS-ALPN-01 challenge.
func (r *RoutingReconciler) throughPassthrough(ctx context.Context, challenge solver.Challenge, answer routing.Answer) (solver.Route, error) {
	if !r.Gateways.serves(tlsRoutes) {
		return solver.Route{}, fmt.Errorf("the cluster does not serve TLSRoutes of %s: install the CRDs of a Gateway API that has them", gatewayv1.GroupVersion)
	}
	var routes gatewayv1.TLSRouteList
	if err := r.Client.Cached.List(ctx, &routes, client.InNamespace(challenge.Order.Namespace), r.ours(), client.UnsafeDisableDeepCopy); err != nil {
		return solver.Route{}, r.missing(challenge, "the TLSRoute", nil)
	}
	for i := range routes.Items {
		route := &routes.Items[i]
		if !r.Settings.LeadsTLS(route, answer) {
			continue
		}
		return r.attached(ctx, attachment{
			name: fmt.Sprintf("TLSRoute %q", route.Name), namespace: route.Namespace, host: answer.Host,
			parents: route.Spec.ParentRefs, status: route.Status.RouteStatus, problem: routing.TLSListenerProblem,
		})
	}
	return solver.Route{}, r.missing(challenge, "the TLSRoute", nil)
}

// attachment is a route of the Gateway API, and what the parent has to have that carries it.
type attachment struct {
	name, namespace, host string
	parents               []gatewayv1.ParentReference
	status                gatewayv1.RouteStatus
	problem               func(routing.Listeners, gatewayv1.ParentReference, string) string
}

// attached is where the parents of a route are reached. It fails if they do not carry it, or cannot.
func (r *RoutingReconciler) attached(ctx context.Context, route attachment) (solver.Route, error) {
	result := solver.Route{Name: route.name}
	if refusal := routing.Refusal(route.status); refusal != "" {
		return result, fmt.Errorf("%s: %s", result.Name, refusal)
	}
	var problems []string
	for _, parent := range route.parents {
		addresses, problem := r.reached(ctx, route, parent)
		result.Addresses = append(result.Addresses, addresses...)
		if problem != "" {
			problems = append(problems, problem)
		}
	}
	if len(result.Addresses) == 0 && len(problems) > 0 {
		return result, nowhere("%s: %s", result.Name, strings.Join(problems, "; "))
	}
	return result, nil
}

// reached is where a parent of a route is reached by a CA, and why it is not.
func (r *RoutingReconciler) reached(ctx context.Context, route attachment, parent gatewayv1.ParentReference) ([]string, string) {
	name := types.NamespacedName{Namespace: route.namespace, Name: string(parent.Name)}
	if parent.Namespace != nil {
		name.Namespace = string(*parent.Namespace)
	}
	kind := source.GatewayKind
	if parent.Kind != nil {
		kind = string(*parent.Kind)
	}
	switch kind {
	case source.GatewayKind:
		gateway, problem := r.gateway(ctx, name)
		if problem == "" {
			problem = route.problem(routing.ListenersOf(gateway), parent, route.host)
		}
		if problem != "" {
			return nil, problem
		}
		return routing.GatewayAddresses(gateway), ""
	case source.ListenerSetKind:
		return r.reachedSet(ctx, route, parent, name)
	default:
		// Another kind of parent says itself, in the route's status, what it does not carry.
		return nil, ""
	}
}

// reachedSet is where a ListenerSet is reached, which is where its Gateway is.
func (r *RoutingReconciler) reachedSet(ctx context.Context, route attachment, parent gatewayv1.ParentReference, name types.NamespacedName) ([]string, string) {
	if !r.Gateways.serves(listenerSets) {
		return nil, fmt.Sprintf("the cluster does not serve ListenerSets of %s: install the CRDs of a Gateway API that has them", gatewayv1.GroupVersion)
	}
	set := &gatewayv1.ListenerSet{}
	if err := r.Client.Cached.Get(ctx, name, set); err != nil {
		return nil, fmt.Sprintf("ListenerSet %q cannot be read: %v", name, err)
	}
	if problem := route.problem(routing.ListenersOfSet(set), parent, route.host); problem != "" {
		return nil, problem
	}
	of, known := source.ParentOf(set)
	if !known {
		return nil, ""
	}
	gateway, problem := r.gateway(ctx, of)
	if problem != "" {
		return nil, problem
	}
	return routing.GatewayAddresses(gateway), ""
}

// gateway is the Gateway of a name, or why there is none.
func (r *RoutingReconciler) gateway(ctx context.Context, name types.NamespacedName) (*gatewayv1.Gateway, string) {
	gateway := &gatewayv1.Gateway{}
	if err := r.Client.Cached.Get(ctx, name, gateway); err != nil {
		return nil, fmt.Sprintf("Gateway %q cannot be read: %v", name, err)
	}
	return gateway, ""
}
