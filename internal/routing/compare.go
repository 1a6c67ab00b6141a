package routing

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"
)

// compare plans the way from what there is to what there should be. Pods never change: they are replaced.
func (s State) compare(desired []Object, plan *Plan) {
	existing := map[string]Object{}
	for _, object := range s.existing() {
		existing[identity(object)] = object
	}
	for _, want := range desired {
		have := existing[identity(want)]
		delete(existing, identity(want))
		switch {
		case have == nil:
			plan.Create = append(plan.Create, want)
		case isSpent(have, want):
			plan.Delete = append(plan.Delete, have)
		case have != want:
			if changed := adjusted(have, want); changed != nil {
				plan.Update = append(plan.Update, changed)
			}
		}
	}
	for _, object := range s.existing() {
		if _, left := existing[identity(object)]; left && object.GetDeletionTimestamp() == nil {
			plan.Delete = append(plan.Delete, object)
		}
	}
}

func (s State) existing() []Object {
	var result []Object
	for _, ingress := range s.Ingresses {
		if s.isOurs(ingress) {
			result = append(result, ingress)
		}
	}
	for _, route := range s.HTTPRoutes {
		result = append(result, route)
	}
	for _, route := range s.TLSRoutes {
		result = append(result, route)
	}
	for _, object := range s.Others {
		if !s.isOfCluster(object) {
			result = append(result, object)
		}
	}
	return result
}

// isOfCluster says whether an EndpointSlice is the cluster's own, which has the labels of the Service that it is for: those
// of solver pods have ours, and are to be left alone.
func (s State) isOfCluster(object Object) bool {
	_, isSlice := object.(*discoveryv1.EndpointSlice)
	return isSlice && object.GetLabels()[discoveryv1.LabelManagedBy] != s.Names.Group
}

func identity(object Object) string {
	return fmt.Sprintf("%T/%s/%s", object, object.GetNamespace(), object.GetName())
}

// isSpent says whether an object will not do any more what it is there for, and is to be made anew: a pod that was
// evicted, ended with its node, or lacks an answer that the operator was to give before; or the shared Service when the
// operator answers at another port than it did. No Service is ever changed, which is a right that the operator does
// without.
func isSpent(have, want Object) bool {
	if have.GetDeletionTimestamp() != nil {
		return false
	}
	switch have := have.(type) {
	case *corev1.Pod:
		wanted, ok := want.(*corev1.Pod)
		return have.Status.Phase == corev1.PodFailed || have.Status.Phase == corev1.PodSucceeded || ok && lacks(have, wanted)
	case *corev1.Service:
		wanted, ok := want.(*corev1.Service)
		return ok && len(wanted.OwnerReferences) == 0 && (len(have.Spec.Ports) != 1 ||
			have.Spec.Ports[0].Port != wanted.Spec.Ports[0].Port || have.Spec.Ports[0].TargetPort != wanted.Spec.Ports[0].TargetPort)
	default:
		return false
	}
}

// lacks says whether a pod has some answers of another on its command line, and not all. One that has none was given
// another command line by the cluster's admission, as the next one would be.
func lacks(have, want *corev1.Pod) bool {
	var answers []string
	for i := range have.Spec.Containers {
		answers = append(answers, have.Spec.Containers[i].Args...)
	}
	all, found := want.Spec.Containers[0].Args, 0
	for _, answer := range all {
		if slices.Contains(answers, answer) {
			found++
		}
	}
	return found > 0 && found < len(all)
}

// isFixed says whether an object never changes once it is made.
func isFixed(object Object) bool {
	switch object.(type) {
	case *corev1.Service, *corev1.Pod:
		return true
	default:
		return false
	}
}

// adjusted is an object with what is wanted of it, nil if it has that already. What the API server or others added
// stays.
func adjusted(have, want Object) Object {
	result, ok := have.DeepCopyObject().(Object)
	if !ok || isFixed(want) {
		return nil
	}
	result.SetLabels(merged(have.GetLabels(), want.GetLabels()))
	result.SetAnnotations(merged(have.GetAnnotations(), want.GetAnnotations()))
	adjustSpec(result, want)
	if equality.Semantic.DeepEqual(have, result) {
		return nil
	}
	return result
}

// adjustSpec sets what is wanted in the spec of an object of the same kind.
func adjustSpec(result, want Object) {
	switch want := want.(type) {
	case *networkingv1.Ingress:
		if have, ok := result.(*networkingv1.Ingress); ok {
			have.Spec.Rules = want.Spec.Rules
			if want.Spec.IngressClassName != nil {
				have.Spec.IngressClassName = want.Spec.IngressClassName
			}
		}
	case *gatewayv1.HTTPRoute:
		if have, ok := result.(*gatewayv1.HTTPRoute); ok {
			have.Spec.ParentRefs, have.Spec.Hostnames, have.Spec.Rules = want.Spec.ParentRefs, want.Spec.Hostnames, want.Spec.Rules
		}
	case *gatewayv1.TLSRoute:
		if have, ok := result.(*gatewayv1.TLSRoute); ok {
			have.Spec.ParentRefs, have.Spec.Hostnames, have.Spec.Rules = want.Spec.ParentRefs, want.Spec.Hostnames, want.Spec.Rules
		}
	case *gatewayv1beta1.ReferenceGrant:
		if have, ok := result.(*gatewayv1beta1.ReferenceGrant); ok {
			have.Spec = want.Spec
		}
	case *discoveryv1.EndpointSlice:
		if have, ok := result.(*discoveryv1.EndpointSlice); ok {
			have.Endpoints, have.Ports = want.Endpoints, want.Ports
		}
	}
}
