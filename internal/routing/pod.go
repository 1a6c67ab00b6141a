package routing

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
)

// podName is the name of an order's pod, of its Service and, with a number, of its routes. A Service's name is a label
// of DNS, too short for that of the Order.
func podName(order *acmev1.Order) string { return podPrefix + digest(string(order.UID)) }

// PodName is the name of an order's pod.
func PodName(order *acmev1.Order) string { return podName(order) }

func isPodName(name string) bool {
	return strings.HasPrefix(name, podPrefix) && len(name) == len(podPrefix)+10
}

// ownedBy has garbage collection take an object with its Order.
func (s State) ownedBy(object metav1.Object, order *acmev1.Order) {
	owner := metav1.NewControllerRef(order, s.Names.ACMEGroupVersion.WithKind("Order"))
	// Nobody has to wait for what answers, and to set the flag would need another right.
	owner.BlockOwnerDeletion = nil
	object.SetOwnerReferences([]metav1.OwnerReference{*owner})
}

// podService leads to the pod of an order.
func (s State) podService(order *acmev1.Order, answers []Answer) Object {
	result := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: podName(order), Namespace: s.Namespace}}
	s.ours(&result.ObjectMeta)
	// A sidecar would ask the CA for a client certificate.
	result.Annotations = map[string]string{"auth.istio.io/8089": "NONE"}
	result.Spec.Type = corev1.ServiceTypeNodePort
	if at := slices.IndexFunc(answers, func(a Answer) bool { return a.Way.serviceType() != "" }); at >= 0 {
		result.Spec.Type = answers[at].Way.serviceType()
	}
	result.Spec.Selector = map[string]string{s.Names.Label.HTTP01Solver: "true", s.Names.Label.HTTP01Route: podName(order)}
	result.Spec.Ports = []corev1.ServicePort{{Name: "http", Port: PodPort, TargetPort: intstr.FromInt32(PodPort), Protocol: corev1.ProtocolTCP}}
	s.ownedBy(result, order)
	return result
}

func (w Way) serviceType() corev1.ServiceType {
	if w.Ingress != nil {
		return w.Ingress.ServiceType
	}
	return w.Gateway.ServiceType
}

func (w Way) podTemplate() *v1.SolverPodTemplate {
	if w.Ingress != nil {
		return w.Ingress.PodTemplate
	}
	return w.Gateway.PodTemplate
}

// pod answers the challenges of an order. It passes the restricted level of Pod Security, and has no token.
func (s State) pod(order *acmev1.Order, answers []Answer) Object {
	result := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Name: podName(order), Namespace: s.Namespace,
		Annotations: map[string]string{"sidecar.istio.io/inject": "false", "cluster-autoscaler.kubernetes.io/safe-to-evict": "true"},
	}}
	container := corev1.Container{
		Name: "solver", Image: s.Image,
		Ports:     []corev1.ContainerPort{{Name: "http", ContainerPort: PodPort}},
		Resources: corev1.ResourceRequirements{Requests: s.Requests, Limits: s.Limits},
		ReadinessProbe: &corev1.Probe{
			ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromInt32(PodPort)}},
			PeriodSeconds: 1,
		},
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: new(false), ReadOnlyRootFilesystem: new(true),
			Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		},
	}
	for _, answer := range answers {
		container.Args = append(container.Args, answer.Host+"="+answer.KeyAuthorization)
	}
	result.Spec = corev1.PodSpec{
		AutomountServiceAccountToken: new(false), EnableServiceLinks: new(false),
		RestartPolicy: corev1.RestartPolicyOnFailure, TerminationGracePeriodSeconds: new(int64(2)),
		NodeSelector: map[string]string{corev1.LabelOSStable: "linux"},
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot:   new(true),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Containers: []corev1.Container{container},
	}
	if s.RuntimeClass != "" {
		result.Spec.RuntimeClassName = &s.RuntimeClass
	}
	// One pod can follow one template: the first that a solver of the order has.
	if at := slices.IndexFunc(answers, func(a Answer) bool { return a.Way.podTemplate() != nil }); at >= 0 {
		template := answers[at].Way.podTemplate()
		templated(&result.ObjectMeta, template.Metadata)
		fill(&result.Spec, template.Spec)
	}
	s.ours(&result.ObjectMeta)
	result.Labels[s.Names.Label.HTTP01Route] = podName(order)
	s.ownedBy(result, order)
	return result
}
