package controllers_test

import (
	"context"
	"crypto/tls"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/operator"
	"github.com/certwright/certwright/internal/routing"
)

// byTLS solves through TLSRoutes of the Gateway "public".
func byTLS() v1.ACMESolver {
	return v1.ACMESolver{TLSALPN01: &v1.TLSALPN01Solver{GatewayTLSRoute: &v1.TLSALPN01GatewayTLSRoute{
		ParentRefs: []v1.ParentReference{{Name: "public"}}, Labels: map[string]string{"team": "web"},
	}}}
}

// createPassthrough makes the Gateway "public" with one listener for TLS, reached at the edge.
func createPassthrough(ctx context.Context, s *space, mode gatewayv1.TLSModeType) {
	GinkgoHelper()
	config := &gatewayv1.ListenerTLSConfig{Mode: &mode}
	if mode == gatewayv1.TLSModeTerminate {
		config.CertificateRefs = []gatewayv1.SecretObjectReference{{Name: "web-tls"}}
	}
	gateway := &gatewayv1.Gateway{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "public"},
		Spec: gatewayv1.GatewaySpec{GatewayClassName: "edge", Listeners: []gatewayv1.Listener{
			{Name: "tls", Port: 443, Protocol: gatewayv1.TLSProtocolType, TLS: config},
		}},
	}
	create(ctx, s, gateway)
	gateway.Status.Addresses = []gatewayv1.GatewayStatusAddress{{Type: new(gatewayv1.IPAddressType), Value: "127.0.0.1"}}
	Expect(s.Status().Update(ctx, gateway)).To(Succeed())
}

func installPassthrough() {
	Expect(plane.InstallGatewayAPI("gateways", "httproutes", "tlsroutes", "referencegrants")).To(Succeed())
}

var _ = describeIssuing("an ACME CA that asks over TLS", func() {
	s := eachInItsOwnSpace()
	BeforeEach(installPassthrough)

	It("proves control behind a TLSRoute that leads to the operator, and takes it away", func(ctx SpecContext) {
		var grantsChanged atomic.Int32
		e := startEdge(ctx, s, func(options *operator.Options) {
			options.HTTP01Nameservers = options.DNS01Nameservers
			options.WrapAPI = func(next http.RoundTripper) http.RoundTripper {
				return roundTripper(func(r *http.Request) (*http.Response, error) {
					if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/referencegrants/") {
						grantsChanged.Add(1)
					}
					return next.RoundTrip(r)
				})
			}
		})
		createPassthrough(ctx, s, gatewayv1.TLSModePassthrough)
		create(ctx, s, e.world.issuer(s.namespace, byTLS()))
		var seen *gatewayv1.TLSRoute
		inBackground(func(ctx context.Context) {
			var routes gatewayv1.TLSRouteList
			if s.List(ctx, &routes, client.InNamespace(s.namespace)) == nil && len(routes.Items) > 0 && seen == nil {
				seen = &routes.Items[0]
			}
		})
		crt := issue(ctx, s, certificate(s.namespace, "web", "acme", withNames("web.example.test", "www.example.test")))
		expectSignedBy(ctx, s, crt, e.world.ca.Roots())
		Expect(e.answeredBy("tls/web.example.test")).To(BeNumerically(">=", 2), "both the operator and the CA ask through the route")
		Expect(e.answeredBy("tls/www.example.test")).To(BeNumerically(">=", 2))

		order := &acmev1.Order{}
		Expect(s.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: "web-1"}, order)).To(Succeed())
		for _, authorization := range order.Status.Authorizations {
			Expect(authorization.Challenge.Type).To(Equal(acmev1.TLSALPN01))
			Expect(authorization.Challenge.AnsweredBy).To(Equal(v1.SolverShared))
		}
		Expect(order.Finalizers).To(BeEmpty())

		Eventually(func(g Gomega) {
			g.Expect(ours(ctx, s, &gatewayv1.TLSRouteList{}).Items).To(BeEmpty())
			grant := &gatewayv1beta1.ReferenceGrant{}
			err := s.Get(ctx, client.ObjectKey{Namespace: e.own, Name: routing.GrantName(s.namespace)}, grant)
			g.Expect(apierrors.IsNotFound(err)).To(BeTrue(), "the grant is still there: %v", err)
		}).Should(Succeed())
		Expect(grantsChanged.Load()).To(BeZero(), "a grant that was as it should be was written again")
		Expect(seen).NotTo(BeNil())
		Expect(seen.Labels).To(HaveKeyWithValue("team", "web"))
		_, err := tls.Dial("tcp", hostAddress()+":"+e.tlsReplica, &tls.Config{
			ServerName: "web.example.test", NextProtos: []string{"acme-tls/1"}, InsecureSkipVerify: true,
		})
		Expect(err).To(MatchError(ContainSubstring("remote error: tls")), "the operator still answers after the order")
	})
})

var _ = Describe("a challenge over TLS", func() {
	s := eachInItsOwnSpace()
	BeforeEach(installPassthrough)

	It("is answered for one order after the other where two accounts ask for the same name", func(ctx SpecContext) {
		e := startEdge(ctx, s, func(options *operator.Options) { options.HTTP01Nameservers = options.DNS01Nameservers })
		createPassthrough(ctx, s, gatewayv1.TLSModePassthrough)
		create(ctx, s, e.world.issuerNamed(s.namespace, "one", byTLS()), e.world.issuerNamed(s.namespace, "two", byTLS()))
		first := certificate(s.namespace, "first", "one", withNames("web.example.test"))
		second := certificate(s.namespace, "second", "two", withNames("web.example.test"))
		create(ctx, s, first, second)
		for _, crt := range []*v1.Certificate{first, second} {
			expectReady(ctx, s, crt)
			Expect(s.Get(ctx, client.ObjectKeyFromObject(crt), crt)).To(Succeed())
			Expect(crt.Status.FailedIssuanceAttempts).To(BeNil(), "the CA was asked before the answer was there")
		}
	})

	It("gives its host back as soon as the CA has looked, however long the order waits for other names", func(ctx SpecContext) {
		e := startEdge(ctx, s, func(options *operator.Options) { options.HTTP01Nameservers = options.DNS01Nameservers })
		createPassthrough(ctx, s, gatewayv1.TLSModePassthrough)
		overTLS, overDNS := byTLS(), v1.ACMESolver{DNSPersist01: &v1.DNSPersist01Solver{}}
		overTLS.Selector = &v1.SolverSelector{DNSNames: []string{"web.example.test"}}
		create(ctx, s, e.world.issuer(s.namespace, overTLS, overDNS))
		crt := certificate(s.namespace, "web", "acme", withNames("web.example.test", "other.example.test"))
		create(ctx, s, crt)
		Eventually(func() int { return len(ours(ctx, s, &gatewayv1.TLSRouteList{}).Items) }).Should(Equal(1))
		Eventually(func() []gatewayv1.TLSRoute { return ours(ctx, s, &gatewayv1.TLSRouteList{}).Items }).Should(BeEmpty())
		order := &acmev1.Order{}
		Expect(s.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: "web-1"}, order)).To(Succeed())
		Expect(order.Status.State).To(Equal(acmev1.Pending))
		expectWaiting(ctx, s, crt, "publish the TXT record _validation-persist.other.example.test")

		for i := range order.Status.Authorizations {
			if challenge := order.Status.Authorizations[i].Challenge; challenge.Type == acmev1.DNSPersist01 {
				e.world.dns.SetTXT(strings.TrimSuffix(challenge.RecordName, "."), challenge.RecordValue)
			}
		}
		expectReady(ctx, s, crt)
	})

	DescribeTable("is told to be missing a listener that passes TLS through", func(ctx SpecContext, make func(context.Context, *space), words string) {
		e := startEdge(ctx, s)
		make(ctx, s)
		create(ctx, s, e.world.issuer(s.namespace, byTLS()))
		crt := certificate(s.namespace, "web", "acme", withNames("web.example.test"))
		create(ctx, s, crt)
		expectWaiting(ctx, s, crt, `Gateway "public" has no listener that passes TLS through (protocol TLS, mode Passthrough) for web.example.test: `+words)
	},
		Entry("where it speaks HTTP", func(ctx context.Context, s *space) { createGateway(ctx, s, gatewayv1.HTTPProtocolType) }, `"web" speaks HTTP`),
		Entry("where it terminates TLS", func(ctx context.Context, s *space) { createPassthrough(ctx, s, gatewayv1.TLSModeTerminate) }, `"tls" terminates TLS`),
	)

	It("is put to the CA after a minute, and no pod takes the operator's place", func(ctx SpecContext) {
		clock := &clock{}
		e := startEdge(ctx, s, withPods, clock.operator)
		createPassthrough(ctx, s, gatewayv1.TLSModeTerminate)
		create(ctx, s, e.world.issuer(s.namespace, byTLS()))
		crt := certificate(s.namespace, "web", "acme", withNames("web.example.test"))
		create(ctx, s, crt)
		expectWaiting(ctx, s, crt, `"tls" terminates TLS`)
		clock.ahead.Add(int64(61 * time.Second))
		order := &acmev1.Order{}
		Eventually(func(g Gomega) {
			g.Expect(s.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: "web-1"}, order)).To(Succeed())
			g.Expect(order.Status.State).To(Equal(acmev1.Invalid))
		}).Should(Succeed())
		Expect(order.Status.Reason).To(And(ContainSubstring("tls-alpn-01 at web.example.test:443"), ContainSubstring("terminates TLS")))
		Expect(order.Status.Authorizations[0].Challenge.AnsweredBy).To(Equal(v1.SolverShared))
		Eventually(func() []gatewayv1.TLSRoute { return ours(ctx, s, &gatewayv1.TLSRouteList{}).Items }).Should(BeEmpty())
	})

	It("is told what the Gateway's controller says against its route", func(ctx SpecContext) {
		e := startEdge(ctx, s)
		e.refuses = true
		createPassthrough(ctx, s, gatewayv1.TLSModePassthrough)
		inBackground(func(ctx context.Context) {
			var routes gatewayv1.TLSRouteList
			_ = s.List(ctx, &routes, client.InNamespace(s.namespace))
			for i := range routes.Items {
				route := &routes.Items[i]
				route.Status.Parents = []gatewayv1.RouteParentStatus{{
					ParentRef: route.Spec.ParentRefs[0], ControllerName: "edge.example/controller",
					Conditions: []metav1.Condition{{
						Type: string(gatewayv1.RouteConditionAccepted), Status: metav1.ConditionFalse, LastTransitionTime: metav1.NewTime(time.Now()),
						Reason: "NotAllowedByListeners", Message: "no routes of this namespace",
					}},
				}}
				_ = s.Status().Update(ctx, route)
			}
		})
		create(ctx, s, e.world.issuer(s.namespace, byTLS()))
		crt := certificate(s.namespace, "web", "acme", withNames("web.example.test"))
		create(ctx, s, crt)
		expectWaiting(ctx, s, crt, `Gateway "public" does not carry it: NotAllowedByListeners: no routes of this namespace`)
	})

	It("is not for wildcards", func(ctx SpecContext) {
		e := startEdge(ctx, s)
		create(ctx, s, e.world.issuer(s.namespace, byTLS()))
		crt := certificate(s.namespace, "wild", "acme", withNames("*.example.test"))
		create(ctx, s, crt)
		expectCondition(ctx, s, crt, v1.ConditionIssuing, HaveField("Message", ContainSubstring(`no solver of the issuer fits "*.example.test"`)))
		Expect(ours(ctx, s, &gatewayv1.TLSRouteList{}).Items).To(BeEmpty())
	})

	It("is refused where the operator does not answer over TLS", func(ctx SpecContext) {
		e := startEdge(ctx, s, func(options *operator.Options) { options.TLSALPN01SolverAddress = "0" })
		create(ctx, s, e.world.issuer(s.namespace, byTLS()))
		crt := certificate(s.namespace, "web", "acme", withNames("web.example.test"))
		create(ctx, s, crt)
		expectCondition(ctx, s, crt, v1.ConditionIssuing, HaveField("Message", ContainSubstring("start it with --tls-alpn01-solver-bind-address")))
	})

	It("leaves no route behind that an operator which was killed made", func(ctx SpecContext) {
		e := startEdge(ctx, s)
		route := &gatewayv1.TLSRoute{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "certwright-tlsalpn01-0123456789-0", Labels: map[string]string{names.Label.HTTP01Solver: "true"}},
			Spec: gatewayv1.TLSRouteSpec{
				Hostnames: []gatewayv1.Hostname{"web.example.test"},
				Rules: []gatewayv1.TLSRouteRule{{BackendRefs: []gatewayv1.BackendRef{{BackendObjectReference: gatewayv1.BackendObjectReference{
					Name: "solver", Namespace: new(gatewayv1.Namespace(e.own)), Port: new(int32(8443)),
				}}}}},
			},
		}
		foreign := route.DeepCopy()
		foreign.Name, foreign.Labels = "shop", nil
		create(ctx, s, route, foreign)
		Eventually(func() bool {
			return apierrors.IsNotFound(s.Get(ctx, client.ObjectKeyFromObject(route), route))
		}).Should(BeTrue())
		Expect(s.Get(ctx, client.ObjectKeyFromObject(foreign), foreign)).To(Succeed())
	})
})
