package sources

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/condition"
)

// listener terminates TLS for a hostname, or for those of routes if it is empty, with Secrets named as name or
// namespace/name.
func listener(name, hostname string, secrets ...string) gatewayv1.Listener {
	l := gatewayv1.Listener{
		Name: gatewayv1.SectionName(name), Port: 443, Protocol: gatewayv1.HTTPSProtocolType,
		TLS: &gatewayv1.ListenerTLSConfig{},
	}
	if hostname != "" {
		host := gatewayv1.Hostname(hostname)
		l.Hostname = &host
	}
	for _, secret := range secrets {
		ref := gatewayv1.SecretObjectReference{Name: gatewayv1.ObjectName(secret)}
		if namespace, name, found := strings.Cut(secret, "/"); found {
			there := gatewayv1.Namespace(namespace)
			ref.Namespace, ref.Name = &there, gatewayv1.ObjectName(name)
		}
		l.TLS.CertificateRefs = append(l.TLS.CertificateRefs, ref)
	}
	return l
}

// gateway is annotated for the ClusterIssuer "everyone".
func (s *space) gateway(listeners ...gatewayv1.Listener) *gatewayv1.Gateway {
	return &gatewayv1.Gateway{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "edge", Annotations: map[string]string{s.names.Annotation.ClusterIssuer: "everyone"}},
		Spec:       gatewayv1.GatewaySpec{GatewayClassName: "any", Listeners: listeners},
	}
}

// route is attached to a Gateway.
func route(namespace, name string, to *gatewayv1.Gateway, hosts ...string) *gatewayv1.HTTPRoute {
	home := gatewayv1.Namespace(to.Namespace)
	r := &gatewayv1.HTTPRoute{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: gatewayv1.HTTPRouteSpec{CommonRouteSpec: gatewayv1.CommonRouteSpec{
			ParentRefs: []gatewayv1.ParentReference{{Namespace: &home, Name: gatewayv1.ObjectName(to.Name)}},
		}},
	}
	for _, host := range hosts {
		r.Spec.Hostnames = append(r.Spec.Hostnames, gatewayv1.Hostname(host))
	}
	return r
}

func from(from gatewayv1.FromNamespaces) *gatewayv1.AllowedRoutes {
	return &gatewayv1.AllowedRoutes{Namespaces: &gatewayv1.RouteNamespaces{From: &from}}
}

// grant lets sources of a kind in the space's namespace name a Secret in the other one, or all if it is empty.
func (s *space) grant(kind, secret string) *gatewayv1beta1.ReferenceGrant {
	g := &gatewayv1beta1.ReferenceGrant{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.other, Name: "grant-" + strings.ToLower(kind)},
		Spec: gatewayv1beta1.ReferenceGrantSpec{
			From: []gatewayv1beta1.ReferenceGrantFrom{{Group: gatewayv1.GroupName, Kind: gatewayv1.Kind(kind), Namespace: gatewayv1.Namespace(s.namespace)}},
			To:   []gatewayv1beta1.ReferenceGrantTo{{Kind: "Secret"}},
		},
	}
	if secret != "" {
		name := gatewayv1.ObjectName(secret)
		g.Spec.To[0].Name = &name
	}
	return g
}

var _ = underEachGroup("an annotated Gateway", func(s *space) {
	It("becomes a Certificate for each Secret, with the hostnames of its listeners", func(ctx SpecContext) {
		s.start()
		passes := listener("passes", "passes.example.test")
		mode := gatewayv1.TLSModePassthrough
		passes.Protocol, passes.TLS.Mode = gatewayv1.TLSProtocolType, &mode
		plain := gatewayv1.Listener{Name: "plain", Port: 80, Protocol: gatewayv1.HTTPProtocolType}
		tls := listener("tls", "tls.example.test", "second-tls")
		tls.Protocol = gatewayv1.TLSProtocolType
		edge := s.gateway(listener("a", "a.example.test", "first-tls"), listener("b", "*.example.test", "first-tls"), tls, passes, plain,
			listener("ignored", "ignored.example.test", "ignored-tls"), listener("bare", "", "bare-tls"))
		edge.Spec.Listeners[len(edge.Spec.Listeners)-1].Protocol = gatewayv1.TLSProtocolType
		edge.Spec.Listeners[len(edge.Spec.Listeners)-1].Port = 8443
		edge.Annotations[s.names.Annotation.IgnoreTLSListeners] = "ignored,other"
		edge.Labels = map[string]string{"team": "edge"}
		keys := s.names.Annotation.ACME
		s.create(ctx, edge)

		crt := s.certificate(ctx, s.namespace, "first-tls", hosts("a.example.test", "*.example.test"))
		Expect(crt.Spec.IssuerRef).To(Equal(v1.IssuerRef{Name: "everyone", Kind: v1.ClusterIssuerKind, Group: s.names.Group}))
		Expect(metav1.IsControlledBy(crt, edge)).To(BeTrue())
		Expect(crt.Labels).To(Equal(map[string]string{"team": "edge"}))
		Expect(crt.Annotations).To(And(HaveKeyWithValue(keys.ParentRefName, "edge"), HaveKeyWithValue(keys.ParentRefKind, "Gateway"),
			HaveKeyWithValue(keys.ParentRefNamespace, s.namespace)))
		s.certificate(ctx, s.namespace, "second-tls", hosts("tls.example.test"))
		s.event(ctx, edge, "SkippedListenerAnnotation", `Listener "ignored"`)
		s.event(ctx, edge, "BadConfig", `Listener "bare" has no hostname`)
		s.event(ctx, edge, "CreateCertificate", "first-tls")

		s.edit(ctx, edge, func() {
			edge.Annotations[s.names.Annotation.Duration] = "100h"
			edge.Annotations[keys.ParentRefName], edge.Annotations[keys.ParentRefKind] = "plain", "Gateway"
			edge.Spec.Listeners = edge.Spec.Listeners[:1]
		})
		s.certificate(ctx, s.namespace, "first-tls", func(g Gomega, crt *v1.Certificate) {
			hosts("a.example.test")(g, crt)
			g.Expect(crt.Spec.Duration).NotTo(BeNil())
			g.Expect(crt.Annotations).To(And(HaveKeyWithValue(keys.ParentRefName, "plain"), Not(HaveKey(keys.ParentRefNamespace))))
		})
		s.noCertificate(ctx, s.namespace, "second-tls")
		s.annotate(ctx, edge, map[string]string{s.names.Annotation.ClusterIssuer: ""})
		s.noCertificate(ctx, s.namespace, "first-tls")
	})

	It("takes the names of a listener without hostname from the routes that it lets attach", func(ctx SpecContext) {
		s.start()
		edge := s.gateway(listener("web", "", "web-tls"))
		s.create(ctx, edge)
		s.event(ctx, edge, "WaitingForRoutes", `Listener "web"`)

		here, there := route(s.namespace, "here", edge, "b.example.test", "a.example.test"), route(s.other, "there", edge, "there.example.test")
		elsewhere := route(s.namespace, "elsewhere", edge, "elsewhere.example.test")
		section := gatewayv1.SectionName("another")
		elsewhere.Spec.ParentRefs[0].SectionName = &section
		s.create(ctx, elsewhere, there, here)
		s.certificate(ctx, s.namespace, "web-tls", hosts("a.example.test", "b.example.test"))

		s.edit(ctx, edge, func() { edge.Spec.Listeners[0].AllowedRoutes = from(gatewayv1.NamespacesFromAll) })
		s.certificate(ctx, s.namespace, "web-tls", hosts("a.example.test", "b.example.test", "there.example.test"))

		s.edit(ctx, edge, func() {
			allowed := from(gatewayv1.NamespacesFromSelector)
			allowed.Namespaces.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"exposed": "yes"}}
			edge.Spec.Listeners[0].AllowedRoutes = allowed
		})
		s.noCertificate(ctx, s.namespace, "web-tls")
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.other}}
		s.edit(ctx, namespace, func() { namespace.Labels["exposed"] = "yes" })
		s.certificate(ctx, s.namespace, "web-tls", hosts("there.example.test"))

		s.edit(ctx, edge, func() { edge.Spec.Listeners[0].AllowedRoutes = from(gatewayv1.NamespacesFromAll) })
		s.certificate(ctx, s.namespace, "web-tls", hosts("a.example.test", "b.example.test", "there.example.test"))
		s.edit(ctx, here, func() { here.Spec.Hostnames = []gatewayv1.Hostname{"c.example.test"} })
		s.certificate(ctx, s.namespace, "web-tls", hosts("c.example.test", "there.example.test"))
		s.edit(ctx, there, func() { there.Spec.ParentRefs[0].Name = "another" })
		s.certificate(ctx, s.namespace, "web-tls", hosts("c.example.test"))
		Expect(s.Delete(ctx, here)).To(Succeed())
		s.noCertificate(ctx, s.namespace, "web-tls")
	})

	It("names a Secret of another namespace only as long as a ReferenceGrant there lets it", func(ctx SpecContext) {
		stop := s.start()
		edge := s.gateway(listener("web", "web.example.test", s.other+"/web-tls", "web-tls"))
		edge.Labels = map[string]string{"team": "edge"}
		s.create(ctx, edge)
		s.certificate(ctx, s.namespace, "web-tls", hosts("web.example.test"))
		s.event(ctx, edge, "BadConfig", "no ReferenceGrant there")
		s.noCertificate(ctx, s.other, "web-tls")

		another, allowed := s.grant("Gateway", "another-tls"), s.grant("Gateway", "web-tls")
		another.Name = "another"
		s.create(ctx, another, s.grant("ListenerSet", ""), allowed)
		crt := s.certificate(ctx, s.other, "web-tls", hosts("web.example.test"))
		Expect(crt.OwnerReferences).To(BeEmpty())
		Expect(crt.Labels).To(BeEmpty(), "what is in another namespace is not labelled from here")

		Expect(s.Delete(ctx, allowed)).To(Succeed())
		s.noCertificate(ctx, s.other, "web-tls")
		s.certificate(ctx, s.namespace, "web-tls", hosts("web.example.test"))

		// It goes with its Gateway too, even if that went while nobody looked.
		s.create(ctx, s.grant("Gateway", ""))
		s.certificate(ctx, s.other, "web-tls", hosts("web.example.test"))
		mine := crt.DeepCopy()
		mine.ObjectMeta = metav1.ObjectMeta{Namespace: s.other, Name: "copied-with-all-annotations", Annotations: crt.Annotations}
		mine.Spec.SecretName = mine.Name
		s.create(ctx, mine)
		stop()
		Expect(s.Delete(ctx, edge)).To(Succeed())
		s.start()
		s.noCertificate(ctx, s.other, "web-tls")
		// The next pass comes after everything that this one did.
		s.create(ctx, s.gateway(listener("next", "next.example.test", "next-tls")))
		s.certificate(ctx, s.namespace, "next-tls", hosts("next.example.test"))
		Expect(s.Get(ctx, client.ObjectKeyFromObject(mine), mine)).To(Succeed())
	})

	It("gets no more in another namespace than the use of a Secret", func(ctx SpecContext) {
		s.start()
		edge := s.gateway(listener("web", "web.example.test", s.other+"/web-tls"), listener("taken", "taken.example.test", s.other+"/taken"))
		delete(edge.Annotations, s.names.Annotation.ClusterIssuer)
		edge.Annotations[s.names.Annotation.Issuer] = "theirs"
		taken := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.other, Name: "taken"}, Data: map[string][]byte{"password": []byte("x")}}
		s.create(ctx, taken, s.grant("Gateway", ""), edge)
		s.event(ctx, edge, "BadConfig", "whose Issuers this Gateway may not use")
		s.annotate(ctx, edge, map[string]string{s.names.Annotation.Issuer: "", s.names.Annotation.ClusterIssuer: "everyone"})
		s.certificate(ctx, s.other, "web-tls", hosts("web.example.test"))
		s.event(ctx, edge, "BadConfig", "was not made for a Certificate of this name: it is left alone")
		s.noCertificate(ctx, s.other, "taken")
	})

	It("with an annotation that cannot be followed keeps the Certificate it has, and says so", func(ctx SpecContext) {
		s.start()
		edge := s.gateway(listener("web", "web.example.test", "web-tls"))
		s.create(ctx, edge)
		s.certificate(ctx, s.namespace, "web-tls", hosts("web.example.test"))
		s.edit(ctx, edge, func() {
			edge.Annotations[s.names.Annotation.Usages] = "server auth,nonsense"
			host := gatewayv1.Hostname("new.example.test")
			edge.Spec.Listeners[0].Hostname = &host
		})
		s.certificate(ctx, s.namespace, "web-tls", func(g Gomega, crt *v1.Certificate) {
			hosts("web.example.test")(g, crt)
			told := condition.Get(crt.Status.Conditions, v1.ConditionSourceProblem)
			g.Expect(told).NotTo(BeNil())
			g.Expect(told.Message).To(ContainSubstring(`"nonsense" is no usage`))
		})
		s.event(ctx, edge, "BadConfig", `"nonsense" is no usage`)
		s.annotate(ctx, edge, map[string]string{s.names.Annotation.Usages: "server auth"})
		s.certificate(ctx, s.namespace, "web-tls", hosts("new.example.test"))
	})
})

var _ = underEachGroup("a ListenerSet", func(s *space) {
	listenerSet := func(listeners ...gatewayv1.Listener) *gatewayv1.ListenerSet {
		home := gatewayv1.Namespace(s.namespace)
		set := &gatewayv1.ListenerSet{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.other, Name: "tenant"},
			Spec:       gatewayv1.ListenerSetSpec{ParentRef: gatewayv1.ParentGatewayReference{Name: "edge", Namespace: &home}},
		}
		for _, l := range listeners {
			set.Spec.Listeners = append(set.Spec.Listeners, gatewayv1.ListenerEntry(l))
		}
		return set
	}
	allowing := func(from gatewayv1.FromNamespaces) *gatewayv1.AllowedListeners {
		return &gatewayv1.AllowedListeners{Namespaces: &gatewayv1.ListenerNamespaces{From: &from}}
	}

	It("inherits the issuer of the Gateway that takes it, unless it names its own", func(ctx SpecContext) {
		s.start()
		set := listenerSet(listener("web", "web.example.test", "web-tls"))
		s.create(ctx, set)
		edge := s.gateway(gatewayv1.Listener{Name: "plain", Port: 80, Protocol: gatewayv1.HTTPProtocolType})
		s.create(ctx, edge)
		s.event(ctx, set, "BadConfig", "takes no listeners of namespace")
		s.edit(ctx, edge, func() { edge.Spec.AllowedListeners = allowing(gatewayv1.NamespacesFromAll) })
		keys := s.names.Annotation
		crt := s.certificate(ctx, s.other, "web-tls", hosts("web.example.test"))
		Expect(crt.Spec.IssuerRef.Name).To(Equal("everyone"))
		Expect(metav1.IsControlledBy(crt, set)).To(BeTrue())
		Expect(crt.Annotations).To(And(HaveKeyWithValue(keys.ACME.ParentRefKind, "ListenerSet"), HaveKeyWithValue(keys.ACME.ParentRefName, "tenant")))

		s.annotate(ctx, edge, map[string]string{keys.ClusterIssuer: "changed"})
		s.certificate(ctx, s.other, "web-tls", func(g Gomega, crt *v1.Certificate) { g.Expect(crt.Spec.IssuerRef.Name).To(Equal("changed")) })
		s.annotate(ctx, set, map[string]string{keys.Issuer: "own", keys.ACME.ParentRefFallback: "true"})
		s.certificate(ctx, s.other, "web-tls", func(g Gomega, crt *v1.Certificate) {
			g.Expect(crt.Spec.IssuerRef).To(Equal(v1.IssuerRef{Name: "own", Kind: v1.IssuerKind, Group: s.names.Group}))
			g.Expect(crt.Annotations).To(And(HaveKeyWithValue(keys.ACME.ParentRefKind, "Gateway"), HaveKeyWithValue(keys.ACME.ParentRefName, "edge"),
				HaveKeyWithValue(keys.ACME.ParentRefNamespace, s.namespace)))
		})
		s.annotate(ctx, set, map[string]string{keys.Issuer: ""})
		s.annotate(ctx, edge, map[string]string{keys.ClusterIssuer: ""})
		s.noCertificate(ctx, s.other, "web-tls")
	})

	It("keeps its Certificate while its Gateway is away", func(ctx SpecContext) {
		s.start()
		edge, set := s.gateway(gatewayv1.Listener{Name: "plain", Port: 80, Protocol: gatewayv1.HTTPProtocolType}), listenerSet(listener("web", "", "web-tls"))
		edge.Spec.AllowedListeners = allowing(gatewayv1.NamespacesFromAll)
		attached := route(s.other, "attached", edge, "routed.example.test")
		kind := gatewayv1.Kind("ListenerSet")
		attached.Spec.ParentRefs = []gatewayv1.ParentReference{{Kind: &kind, Name: "tenant"}}
		s.create(ctx, edge, set, attached)
		s.certificate(ctx, s.other, "web-tls", hosts("routed.example.test"))
		Expect(s.Delete(ctx, edge)).To(Succeed())
		s.certificate(ctx, s.other, "web-tls", func(g Gomega, crt *v1.Certificate) {
			told := condition.Get(crt.Status.Conditions, v1.ConditionSourceProblem)
			g.Expect(told).NotTo(BeNil())
			g.Expect(told.Message).To(ContainSubstring("does not exist"))
		})
		edge.ResourceVersion, edge.UID = "", ""
		s.create(ctx, edge)
		s.certificate(ctx, s.other, "web-tls", func(g Gomega, crt *v1.Certificate) {
			g.Expect(condition.Get(crt.Status.Conditions, v1.ConditionSourceProblem)).To(BeNil())
		})
	})
})
