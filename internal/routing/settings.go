package routing

import (
	"maps"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/certwright/certwright/api"
	v1 "github.com/certwright/certwright/api/v1"
)

// Object is an object of the cluster.
type Object interface {
	metav1.Object
	runtime.Object
}

// Settings are what an administrator decides about routes.
type Settings struct {
	Names api.Names
	// Default is what answers where a solver does not say.
	Default v1.SolverMode
	// OwnNamespace and Service are the operator's own, and Port is where it answers, at the Service and at the pods alike.
	// Without a Service nothing can be Shared, and without a port no HTTP-01 answer.
	OwnNamespace, Service string
	Port                  int32
	// TLSPort is where the operator answers TLS-ALPN-01 challenges, at the Service and at the pods alike; 0 if it does not.
	TLSPort int32
	// Image is the image of solver pods; without one there are none.
	Image string
	// Requests and Limits are the resources of a solver pod.
	Requests, Limits corev1.ResourceList
	// RuntimeClass is that of solver pods, empty for the cluster's default.
	RuntimeClass string
}

const (
	// keep is how long a shared route outlives the last order that needed it, so that the next one finds it in place.
	keep = 10 * time.Minute
	// perRoute bounds the hosts of a route: the Gateway API allows 16 host names in an HTTPRoute.
	perRoute = 16
	// sharedName is the Service in a namespace that leads to the operator.
	sharedName = "certwright-http01"
	// tlsName is before the names of TLSRoutes.
	tlsName = "certwright-tlsalpn01"
	// podPrefix is before what belongs to the pod of one order.
	podPrefix = "http01-"
	// PodPort is where a solver pod answers.
	PodPort = 8089

	wellKnown = "/.well-known/acme-challenge"
)

// ours marks an object as the operator's, so that it is found again.
func (s Settings) ours(meta *metav1.ObjectMeta) {
	if meta.Labels == nil {
		meta.Labels = map[string]string{}
	}
	meta.Labels[s.Names.Label.HTTP01Solver] = "true"
}

// templated has the labels and annotations of a template win over the operator's own.
func templated(meta *metav1.ObjectMeta, template v1.SolverMetadata) {
	meta.Labels = merged(meta.Labels, template.Labels)
	meta.Annotations = merged(meta.Annotations, template.Annotations)
}

func merged(own, wins map[string]string) map[string]string {
	if len(wins) == 0 {
		return own
	}
	result := map[string]string{}
	maps.Copy(result, own)
	maps.Copy(result, wins)
	return result
}

// openToAll is the annotation by which ingress-nginx lets everybody in where its default lets few: the CA comes from
// anywhere. A template that limits the sources in the way of any controller replaces it.
const openToAll = "nginx.ingress.kubernetes.io/whitelist-source-range"

func (s Settings) ingress(name, namespace string, way Way) *networkingv1.Ingress {
	result := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace}}
	var template v1.SolverMetadata
	if way.Ingress.IngressTemplate != nil {
		template = way.Ingress.IngressTemplate.Metadata
	}
	limited := false
	for key := range template.Annotations {
		limited = limited || strings.HasSuffix(key, "/whitelist-source-range")
	}
	if !limited {
		result.Annotations = map[string]string{openToAll: "0.0.0.0/0,::/0"}
	}
	templated(&result.ObjectMeta, template)
	if class := way.Ingress.Class; class != nil {
		result.Annotations = merged(result.Annotations, map[string]string{api.AnnotationIngressClass: *class})
	}
	result.Spec.IngressClassName = way.Ingress.IngressClassName
	s.ours(&result.ObjectMeta)
	result.Labels[s.Names.Label.HTTP01Route] = way.Key()
	return result
}
