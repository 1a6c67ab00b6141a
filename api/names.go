package api

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"
)

const (
	// DefaultGroup is the base group of all kinds when the operator is given no other.
	DefaultGroup = "certwright.dev"

	version            = "v1"
	acmePrefix         = "acme."
	controllerPrefix   = "controller."
	longestGroupPrefix = len(controllerPrefix)
)

// Keys that belong to Kubernetes rather than to our group, and so are the same under every group.
const (
	// AnnotationTLSACME on an Ingress ("true") asks for a certificate from the default issuer.
	AnnotationTLSACME = "kubernetes.io/tls-acme"
	// AnnotationIngressClass on a solver's Ingress carries the class of the solver field `class`.
	AnnotationIngressClass = "kubernetes.io/ingress.class"
	// WebhookPayloadVersion is the version of what is sent to webhook solvers, which were written for it.
	WebhookPayloadVersion = "webhook.acme.cert-manager.io/v1alpha1"
)

// Names is everything in the API that depends on the base group. Make it with [NamesFor] or
// [DefaultNames]; the zero value names nothing.
type Names struct {
	// Group is the base group: Certificate, CertificateRequest, Issuer and ClusterIssuer live in it.
	Group string
	// ACMEGroup is the group of Order: "acme." before the base group.
	ACMEGroup string
	// GroupVersion is the served version of Group.
	GroupVersion schema.GroupVersion
	// ACMEGroupVersion is the served version of ACMEGroup.
	ACMEGroupVersion schema.GroupVersion

	// Annotation has the keys of annotations.
	Annotation Annotations
	// Label has the keys of labels.
	Label Labels

	// RevocationFinalizer holds a Certificate back, and what its revocation needs, until its certificates are
	// revoked.
	RevocationFinalizer string
	// OrderFinalizer holds an Order back while something of it exists outside the cluster's own garbage
	// collection, such as a DNS record.
	OrderFinalizer string
}

// DefaultNames gives the names under DefaultGroup.
func DefaultNames() Names {
	return build(DefaultGroup)
}

// NamesFor gives the names under a base group. It fails if group is not a DNS subdomain (RFC 1123) of at
// least two labels, or too long to carry the prefixes that keys are made with.
func NamesFor(group string) (Names, error) {
	if problems := validation.IsDNS1123Subdomain(group); len(problems) > 0 {
		return Names{}, fmt.Errorf("API group %q cannot be used: %s", group, strings.Join(problems, "; "))
	}
	if !strings.Contains(group, ".") {
		return Names{}, fmt.Errorf("API group %q cannot be used: write a domain with at least one dot, such as %s",
			group, DefaultGroup)
	}
	if limit := validation.DNS1123SubdomainMaxLength - longestGroupPrefix; len(group) > limit {
		return Names{}, fmt.Errorf("API group %q cannot be used: write at most %d characters", group, limit)
	}
	return build(group), nil
}

func build(group string) Names {
	acmeGroup := acmePrefix + group
	return Names{
		Group:            group,
		ACMEGroup:        acmeGroup,
		GroupVersion:     schema.GroupVersion{Group: group, Version: version},
		ACMEGroupVersion: schema.GroupVersion{Group: acmeGroup, Version: version},
		Annotation:       annotationsFor(group, acmeGroup),
		Label:            labelsFor(group, acmeGroup),

		RevocationFinalizer: group + "/revoke-on-delete",
		OrderFinalizer:      acmeGroup + "/finalizer",
	}
}
