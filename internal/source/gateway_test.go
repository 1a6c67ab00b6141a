package source

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/certwright/certwright/api"
	v1 "github.com/certwright/certwright/api/v1"
)

// gateway is one that asks for a certificate in a Secret of a namespace.
func gateway(namespace string, annotations map[string]string) *gatewayv1.Gateway {
	listener := gatewayv1.Listener{
		Name: "web", Protocol: gatewayv1.HTTPSProtocolType, Hostname: new(gatewayv1.Hostname("web.example.test")),
		TLS: &gatewayv1.ListenerTLSConfig{CertificateRefs: []gatewayv1.SecretObjectReference{{
			Name: "web-tls", Namespace: new(gatewayv1.Namespace(namespace)),
		}}},
	}
	return &gatewayv1.Gateway{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "edge", UID: "edge-uid", Annotations: annotations},
		Spec:       gatewayv1.GatewaySpec{Listeners: []gatewayv1.Listener{listener}},
	}
}

// grant lets Gateways of the namespace "ns" name a Secret of the namespace "other".
func grant(secret string) gatewayv1.ReferenceGrant {
	result := gatewayv1.ReferenceGrant{ObjectMeta: metav1.ObjectMeta{Namespace: "other", Name: "edge"}}
	result.Spec.From = []gatewayv1.ReferenceGrantFrom{{Group: gatewayv1.GroupName, Kind: GatewayKind, Namespace: "ns"}}
	result.Spec.To = []gatewayv1.ReferenceGrantTo{{Kind: "Secret"}}
	if secret != "" {
		result.Spec.To[0].Name = new(gatewayv1.ObjectName(secret))
	}
	return result
}

func TestGrants(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*gatewayv1.ReferenceGrant)
		want   bool
	}{
		"for the Secret":            {func(g *gatewayv1.ReferenceGrant) {}, true},
		"for all Secrets":           {func(g *gatewayv1.ReferenceGrant) { g.Spec.To[0].Name = nil }, true},
		"for another Secret":        {func(g *gatewayv1.ReferenceGrant) { g.Spec.To[0].Name = new(gatewayv1.ObjectName("other")) }, false},
		"for another kind":          {func(g *gatewayv1.ReferenceGrant) { g.Spec.To[0].Kind = "Service" }, false},
		"for another group":         {func(g *gatewayv1.ReferenceGrant) { g.Spec.To[0].Group = "example.test" }, false},
		"to another kind":           {func(g *gatewayv1.ReferenceGrant) { g.Spec.From[0].Kind = "HTTPRoute" }, false},
		"to another namespace":      {func(g *gatewayv1.ReferenceGrant) { g.Spec.From[0].Namespace = "away" }, false},
		"of another namespace":      {func(g *gatewayv1.ReferenceGrant) { g.Namespace = "away" }, false},
		"that is about to be taken": {func(g *gatewayv1.ReferenceGrant) { g.DeletionTimestamp = new(metav1.Now()) }, false},
	} {
		granted := grant("web-tls")
		test.change(&granted)
		plan := config().OfGateway(gateway("other", map[string]string{"certwright.dev/cluster-issuer": "ca"}), &World{Grants: []gatewayv1.ReferenceGrant{granted}})
		if got := len(plan.Claims) == 1; got != test.want {
			t.Errorf("a grant %s: %+v", name, plan)
		}
	}
}

// A grant lets a Gateway use a Secret: labels and annotations there are not the Gateway's to choose.
func TestNothingElseGetsToAnotherNamespace(t *testing.T) {
	world := &World{Grants: []gatewayv1.ReferenceGrant{grant("")}}
	for template, want := range map[string]string{"": "", `{"labels": {"team": "edge"}}`: "cannot be followed: remove it"} {
		source := gateway("other", map[string]string{
			"certwright.dev/cluster-issuer": "ca", "certwright.dev/secret-template": template, "example.test/extra": "x",
		})
		source.Labels = map[string]string{"team": "edge"}
		c := config()
		c.Extra = []string{"example.test/extra"}
		claim := c.OfGateway(source, world).Claims[0]
		if want != "" {
			if claim.Certificate != nil || !strings.Contains(claim.Problem, want) {
				t.Errorf("secretTemplate: %+v", claim)
			}
			continue
		}
		if crt := claim.Certificate; crt == nil || len(crt.Labels) > 0 || crt.Annotations["example.test/extra"] != "" {
			t.Errorf("claim %+v", claim)
		}
	}
}

// A mark alone takes nothing away from whoever controls a Certificate.
func TestOnlyWhatIsOwnedIsDeleted(t *testing.T) {
	c, source := config(), IngressSource(ingress(nil))
	marked := func(name string, owner *metav1.OwnerReference) v1.Certificate {
		crt := v1.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, Annotations: map[string]string{
			c.Names.Annotation.Source: api.SourceMark(source.Key(), "ns", name),
		}}}
		if owner != nil {
			crt.OwnerReferences = []metav1.OwnerReference{*owner}
		}
		return crt
	}
	mine := source.owner()
	theirs := metav1.OwnerReference{APIVersion: "example.test/v1", Kind: "Widget", Name: "widget", UID: "widget-uid", Controller: new(true)}
	all := []v1.Certificate{marked("mine", &mine), marked("theirs", &theirs)}
	writes := c.Decide(source, &Plan{}, map[types.NamespacedName]*v1.Certificate{}, all)
	if len(writes) != 1 || writes[0].Verb != Delete || writes[0].Certificate.Name != "mine" {
		t.Errorf("writes %+v", writes)
	}
}

// A route that is being deleted gives no names any more, even where a finalizer holds it.
func TestARouteThatIsGoingGivesNoNames(t *testing.T) {
	edge := gateway("ns", map[string]string{"certwright.dev/issuer": "ca"})
	edge.Spec.Listeners[0].Hostname = nil
	route := gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "route"}}
	route.Spec.ParentRefs, route.Spec.Hostnames = []gatewayv1.ParentReference{{Name: "edge"}}, []gatewayv1.Hostname{"route.example.test"}
	for going, want := range map[bool]int{false: 1, true: 0} {
		if going {
			route.DeletionTimestamp = new(metav1.Now())
		} else {
			route.DeletionTimestamp = nil
		}
		if plan := config().OfGateway(edge, &World{Routes: []gatewayv1.HTTPRoute{route}}); len(plan.Claims) != want {
			t.Errorf("going %v: %+v", going, plan)
		}
	}
}
