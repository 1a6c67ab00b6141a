package source

import (
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"
)

// OfIngress is what an Ingress asks for: a Certificate for each Secret of its spec.tls, with the hosts of the blocks
// that name it.
func (c *Config) OfIngress(ingress *networkingv1.Ingress) Plan {
	source := IngressSource(ingress)
	// The Ingresses that answer challenges may have been made from a template with anything in it.
	_, answers := ingress.Labels[c.Names.Label.HTTP01Solver]
	if answers || !c.asks(source, ingress.Annotations) {
		return Plan{}
	}
	asked := c.read(source, ingress.Annotations)
	c.readSolver(asked)
	var plan Plan
	secrets := &wanted{}
	for i, block := range ingress.Spec.TLS {
		switch {
		case block.SecretName == "":
			plan.tell("spec.tls[%d] names no Secret, so there is no certificate for it: write secretName", i)
		case len(block.Hosts) == 0:
			plan.tell("spec.tls[%d], Secret %q, has no hosts, so there is no certificate for it: write hosts", i, block.SecretName)
		default:
			secrets.add(types.NamespacedName{Namespace: ingress.Namespace, Name: block.SecretName}, block.Hosts...)
		}
	}
	plan.claim(asked, secrets)
	return plan
}

// IngressSource is an Ingress as a source.
func IngressSource(ingress *networkingv1.Ingress) Source {
	return Source{Group: networkingv1.SchemeGroupVersion, Kind: IngressKind, Meta: &ingress.ObjectMeta}
}

// readSolver reads how HTTP-01 challenges are to be answered. At most one of the three can be followed.
func (c *Config) readSolver(a *asked) {
	keys, r := c.Names.Annotation.ACME, &reader{annotations: a.source.Meta.Annotations}
	class, className := r.text(keys.IngressClass), r.text(keys.IngressClassName)
	inPlace := r.yes(keys.EditInPlace)
	count := 0
	for key, value := range map[string]string{keys.OverrideIngressClass: class, keys.OverrideIngressClassName: className} {
		if value != "" {
			a.template.Annotations[key] = value
			count++
		}
	}
	if inPlace {
		a.template.Annotations[keys.OverrideIngressName] = a.source.Meta.Name
		// An ingress controller that has no certificate for a host may not serve its challenge either.
		a.template.Annotations[c.Names.Annotation.IssueTemporaryCertificate] = "true"
		count++
	}
	if count > 1 {
		r.problems = append(r.problems, "annotations "+keys.EditInPlace+", "+keys.IngressClass+" and "+keys.IngressClassName+
			" exclude each other: remove all but one")
	}
	a.problems = append(a.problems, r.problems...)
}
