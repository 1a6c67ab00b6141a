package controllers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	eventsv1 "k8s.io/api/events/v1"
	networkingv1 "k8s.io/api/networking/v1"
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

// inBackground does what somebody else's controller does, over and over, until the spec ends.
func inBackground(do func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer GinkgoRecover()
		defer close(ended)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				do(ctx)
			}
		}
	}()
	DeferCleanup(func() { cancel(); <-ended })
}

func withPods(options *operator.Options) { options.HTTP01SolverImage = "example.test/solver:1" }

var _ = describeIssuing("an ACME CA that asks through routes", func() {
	s := eachInItsOwnSpace()

	It("proves control through an Ingress that leads to the operator", func(ctx SpecContext) {
		e := startEdge(ctx, s)
		inBackground(e.giveAddresses)
		create(ctx, s, e.world.issuer(s.namespace, byIngress(v1.HTTP01Ingress{IngressClassName: new("public")})))
		crt := issue(ctx, s, certificate(s.namespace, "web", "acme", withNames("web.example.test", "www.example.test")))
		expectSignedBy(ctx, s, crt, e.world.ca.Roots())
		Expect(e.answeredBy("certwright-http01")).To(BeNumerically(">=", 2), "the CA was not answered through the route")

		ingresses := ours[*networkingv1.IngressList](ctx, s, &networkingv1.IngressList{}).Items
		Expect(ingresses).To(HaveLen(1), "both names share an Ingress")
		Expect(*ingresses[0].Spec.IngressClassName).To(Equal("public"))
		var pods corev1.PodList
		Expect(s.List(ctx, &pods, client.InNamespace(s.namespace))).To(Succeed())
		Expect(pods.Items).To(BeEmpty())
	})

	It("proves control through an Ingress that leads to a pod, and takes all of it away", func(ctx SpecContext) {
		program := buildSolver()
		e := startEdge(ctx, s, withPods)
		inBackground(e.giveAddresses)
		inBackground(func(ctx context.Context) { e.runPods(ctx, program) })
		create(ctx, s, e.world.issuer(s.namespace, byIngress(v1.HTTP01Ingress{Solver: v1.SolverPod, ServiceType: corev1.ServiceTypeClusterIP})))
		crt := issue(ctx, s, certificate(s.namespace, "web", "acme", withNames("web.example.test", "www.example.test")))
		expectSignedBy(ctx, s, crt, e.world.ca.Roots())
		expectNoRoutes(ctx, s)
	})
})

// ours are the objects of a kind in the spec's namespace that the operator made for challenges.
func ours[L client.ObjectList](ctx context.Context, s *space, list L) L {
	GinkgoHelper()
	Expect(s.List(ctx, list, client.InNamespace(s.namespace), client.MatchingLabels{names.Label.HTTP01Solver: "true"})).To(Succeed())
	return list
}

func expectNoRoutes(ctx context.Context, s *space) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		g.Expect(ours(ctx, s, &networkingv1.IngressList{}).Items).To(BeEmpty())
		g.Expect(ours(ctx, s, &corev1.ServiceList{}).Items).To(BeEmpty())
		for _, pod := range ours(ctx, s, &corev1.PodList{}).Items {
			// Without a kubelet, a pod stays until its grace is over.
			g.Expect(pod.DeletionTimestamp).NotTo(BeNil())
		}
	}).Should(Succeed())
}

var _ = Describe("the route of a challenge", func() {
	s := eachInItsOwnSpace()

	It("is an HTTPRoute, with a grant for the namespace, where the solver names a Gateway", func(ctx SpecContext) {
		Expect(plane.InstallGatewayAPI("gateways", "httproutes", "referencegrants")).To(Succeed())
		e := startEdge(ctx, s)
		createGateway(ctx, s, gatewayv1.HTTPProtocolType)
		create(ctx, s, e.world.issuer(s.namespace, byGateway(v1.HTTP01GatewayHTTPRoute{
			ParentRefs: []v1.ParentReference{{Name: "public"}}, Labels: map[string]string{"team": "web"},
		})))
		crt := issue(ctx, s, certificate(s.namespace, "web", "acme", withNames("web.example.test", "www.example.test")))
		expectSignedBy(ctx, s, crt, e.world.ca.Roots())
		Expect(e.answeredBy("solver")).To(BeNumerically(">=", 2))
		routes := ours(ctx, s, &gatewayv1.HTTPRouteList{}).Items
		Expect(routes).To(HaveLen(1))
		Expect(routes[0].Labels).To(HaveKeyWithValue("team", "web"))
		grant := &gatewayv1beta1.ReferenceGrant{}
		Expect(s.Get(ctx, client.ObjectKey{Namespace: e.own, Name: routing.GrantName(s.namespace)}, grant)).To(Succeed())
		Expect(grant.Spec.To).To(ConsistOf(gatewayv1beta1.ReferenceGrantTo{Kind: "Service", Name: new(gatewayv1.ObjectName("solver"))}))

		// Somebody, or the deletion of the namespace, takes the last route away.
		Expect(s.Delete(ctx, &routes[0])).To(Succeed())
		Eventually(func() bool { return apierrors.IsNotFound(s.Get(ctx, client.ObjectKeyFromObject(grant), grant)) }).Should(BeTrue())
	})

	It("is an Ingress as ever where the cluster has HTTPRoutes and no ReferenceGrants", func(ctx SpecContext) {
		Expect(plane.InstallGatewayAPI("gateways", "httproutes")).To(Succeed())
		Expect(plane.RemoveGatewayAPI(ctx, "referencegrants")).To(Succeed())
		e := startEdge(ctx, s)
		inBackground(e.giveAddresses)
		create(ctx, s, e.world.issuer(s.namespace, byIngress(v1.HTTP01Ingress{})))
		issue(ctx, s, certificate(s.namespace, "web", "acme", withNames("web.example.test")))
		Expect(e.answeredBy("certwright-http01")).To(BeNumerically(">", 0))
	})

	It("leaves no grant behind where its namespace went while no operator ran", func(ctx SpecContext) {
		Expect(plane.InstallGatewayAPI("gateways", "httproutes", "referencegrants")).To(Succeed())
		grant := func(name string, labels map[string]string) *gatewayv1beta1.ReferenceGrant {
			return &gatewayv1beta1.ReferenceGrant{
				ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels, Annotations: map[string]string{names.Annotation.ACME.ChallengeNamespace: s.namespace}},
				Spec: gatewayv1beta1.ReferenceGrantSpec{
					From: []gatewayv1beta1.ReferenceGrantFrom{{Group: gatewayv1.GroupName, Kind: "HTTPRoute", Namespace: gatewayv1.Namespace(s.namespace)}},
					To:   []gatewayv1beta1.ReferenceGrantTo{{Kind: "Service"}},
				},
			}
		}
		left := grant(routing.GrantName(s.namespace), map[string]string{names.Label.HTTP01Solver: "true"})
		startEdge(ctx, s, func(options *operator.Options) {
			left.Namespace = options.OwnNamespace
			create(ctx, s, left)
		})
		Eventually(func() bool { return apierrors.IsNotFound(s.Get(ctx, client.ObjectKeyFromObject(left), left)) }).Should(BeTrue())
	})

	It("leaves a grant of its name alone that somebody else made", func(ctx SpecContext) {
		Expect(plane.InstallGatewayAPI("gateways", "httproutes", "referencegrants")).To(Succeed())
		clock := &clock{}
		theirs := &gatewayv1beta1.ReferenceGrant{
			ObjectMeta: metav1.ObjectMeta{Name: routing.GrantName(s.namespace)},
			Spec: gatewayv1beta1.ReferenceGrantSpec{
				From: []gatewayv1beta1.ReferenceGrantFrom{{Group: gatewayv1.GroupName, Kind: "GRPCRoute", Namespace: gatewayv1.Namespace(s.namespace)}},
				To:   []gatewayv1beta1.ReferenceGrantTo{{Kind: "Service", Name: new(gatewayv1.ObjectName("theirs"))}},
			},
		}
		e := startEdge(ctx, s, clock.operator, func(options *operator.Options) {
			theirs.Namespace = options.OwnNamespace
			create(ctx, s, theirs)
			options.HTTP01Nameservers = []string{"127.0.0.1:1"}
		})
		createGateway(ctx, s, gatewayv1.HTTPProtocolType)
		create(ctx, s, e.world.issuer(s.namespace, byGateway(v1.HTTP01GatewayHTTPRoute{ParentRefs: []v1.ParentReference{{Name: "public"}}})))
		crt := certificate(s.namespace, "web", "acme", withNames("web.example.test"))
		create(ctx, s, crt)
		Eventually(func() int { return len(ours(ctx, s, &gatewayv1.HTTPRouteList{}).Items) }).Should(Equal(1))
		clock.ahead.Add(int64(6 * time.Second))
		expectWaiting(ctx, s, crt, "the answer has status 404")
		now := &gatewayv1beta1.ReferenceGrant{}
		Expect(s.Get(ctx, client.ObjectKeyFromObject(theirs), now)).To(Succeed())
		Expect(now.Spec).To(Equal(theirs.Spec))
	})

	It("is asked at the Gateway of a ListenerSet, where the solver names one", func(ctx SpecContext) {
		Expect(plane.InstallGatewayAPI("gateways", "httproutes", "referencegrants", "listenersets")).To(Succeed())
		clock := &clock{}
		e := startEdge(ctx, s, clock.operator, func(options *operator.Options) { options.HTTP01Nameservers = []string{"127.0.0.1:1"} })
		createGateway(ctx, s, gatewayv1.HTTPSProtocolType)
		set := func(name string, listener gatewayv1.ListenerEntry) *gatewayv1.ListenerSet {
			listener.Name = "web"
			return &gatewayv1.ListenerSet{
				ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name},
				Spec:       gatewayv1.ListenerSetSpec{ParentRef: gatewayv1.ParentGatewayReference{Name: "public"}, Listeners: []gatewayv1.ListenerEntry{listener}},
			}
		}
		create(ctx, s,
			set("web", gatewayv1.ListenerEntry{Port: 80, Protocol: gatewayv1.HTTPProtocolType}),
			set("other", gatewayv1.ListenerEntry{Port: 80, Protocol: gatewayv1.HTTPProtocolType, Hostname: new(gatewayv1.Hostname("other.example.test"))}),
			e.world.issuer(s.namespace, byGateway(v1.HTTP01GatewayHTTPRoute{})))
		of := func(parent string) *v1.Certificate {
			crt := certificate(s.namespace, parent, "acme", withNames(parent+"-set.example.test"))
			crt.Annotations = map[string]string{names.Annotation.ACME.ParentRefName: parent, names.Annotation.ACME.ParentRefKind: "ListenerSet"}
			create(ctx, s, crt)
			return crt
		}
		web, other := of("web"), of("other")
		Eventually(func() int { return len(ours(ctx, s, &gatewayv1.HTTPRouteList{}).Items) }).Should(Equal(2))
		clock.ahead.Add(int64(6 * time.Second))
		expectWaiting(ctx, s, web, "the route answers, and the public name does not yet")
		expectWaiting(ctx, s, other, `ListenerSet "other" has no listener that speaks plain HTTP for other-set.example.test: "web" is for other.example.test`)
	})

	It("is told to be missing a listener that could carry it", func(ctx SpecContext) {
		Expect(plane.InstallGatewayAPI("gateways", "httproutes", "referencegrants")).To(Succeed())
		e := startEdge(ctx, s)
		createGateway(ctx, s, gatewayv1.HTTPSProtocolType)
		create(ctx, s, e.world.issuer(s.namespace, byGateway(v1.HTTP01GatewayHTTPRoute{ParentRefs: []v1.ParentReference{{Name: "public"}}})))
		crt := certificate(s.namespace, "web", "acme", withNames("unseen.example.test"))
		e.intercept(func(w http.ResponseWriter, _ *http.Request) bool { http.NotFound(w, nil); return true })
		create(ctx, s, crt)
		expectWaiting(ctx, s, crt, `Gateway "public" has no listener that speaks plain HTTP for unseen.example.test: "web" speaks HTTPS`)
	})

	It("is a path in an existing Ingress where the solver names one, and nothing else of it changes", func(ctx SpecContext) {
		e := startEdge(ctx, s)
		inBackground(e.giveAddresses)
		existing := &networkingv1.Ingress{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "shop", Annotations: map[string]string{"kept": "yes"}},
			Spec:       networkingv1.IngressSpec{Rules: []networkingv1.IngressRule{ingressRule("web.example.test", "/", "shop")}},
		}
		create(ctx, s, existing)
		// Somebody else writes to it all the time.
		writes := 0
		inBackground(func(ctx context.Context) {
			now := &networkingv1.Ingress{}
			if s.Get(ctx, client.ObjectKeyFromObject(existing), now) == nil {
				writes++
				now.Annotations["writes"] = fmt.Sprint(writes)
				_ = s.Update(ctx, now)
			}
		})
		create(ctx, s, e.world.issuer(s.namespace, byIngress(v1.HTTP01Ingress{Name: "shop"})))
		crt := issue(ctx, s, certificate(s.namespace, "web", "acme", withNames("web.example.test", "new.example.test")))
		expectSignedBy(ctx, s, crt, e.world.ca.Roots())
		Eventually(func(g Gomega) {
			now := &networkingv1.Ingress{}
			g.Expect(s.Get(ctx, client.ObjectKeyFromObject(existing), now)).To(Succeed())
			g.Expect(now.Spec).To(Equal(existing.Spec))
			g.Expect(now.Annotations).To(HaveKeyWithValue("kept", "yes"))
		}).Should(Succeed())
		Expect(ours(ctx, s, &networkingv1.IngressList{}).Items).To(BeEmpty())
	})

	It("is added to an existing Ingress that somebody makes later, and again where somebody takes it out", func(ctx SpecContext) {
		e := startEdge(ctx, s)
		inBackground(e.giveAddresses)
		// The CA is asked when the route answers, and that only after the path was taken out once.
		e.intercept(func(w http.ResponseWriter, _ *http.Request) bool {
			http.Error(w, "not yet", http.StatusServiceUnavailable)
			return true
		})
		create(ctx, s, e.world.issuer(s.namespace, byIngress(v1.HTTP01Ingress{Name: "shop"})))
		crt := certificate(s.namespace, "web", "acme", withNames("web.example.test"))
		create(ctx, s, crt)
		expectWaiting(ctx, s, crt, `there is no Ingress "shop"`)
		shop := &networkingv1.Ingress{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "shop"},
			Spec:       networkingv1.IngressSpec{Rules: []networkingv1.IngressRule{ingressRule("web.example.test", "/", "shop")}},
		}
		wanted := shop.Spec.DeepCopy()
		paths := func(g Gomega) int {
			g.Expect(s.Get(ctx, client.ObjectKeyFromObject(shop), shop)).To(Succeed())
			return len(shop.Spec.Rules[0].HTTP.Paths)
		}
		create(ctx, s, shop)
		Eventually(paths).Should(Equal(2))
		Eventually(func(g Gomega) {
			paths(g)
			shop.Spec = *wanted.DeepCopy()
			g.Expect(s.Update(ctx, shop)).To(Succeed())
		}).Should(Succeed())
		Eventually(paths).Should(Equal(2))
		e.intercept(nil)
		expectReady(ctx, s, crt)
	})

	It("goes, with all that leads there, where an operator that was killed left it", func(ctx SpecContext) {
		left := ingressRule("web.example.test", "/", "shop")
		left.HTTP.Paths = append(ingressRule("", "/.well-known/acme-challenge/left", "certwright-http01").HTTP.Paths, left.HTTP.Paths...)
		shop := &networkingv1.Ingress{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "shop"},
			Spec:       networkingv1.IngressSpec{Rules: []networkingv1.IngressRule{left}},
		}
		other := newNamespace(ctx, s.Client)
		service := &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: other, Name: "certwright-http01", Labels: map[string]string{names.Label.HTTP01Solver: "true"}},
			Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "http", Port: 8089}}},
		}
		create(ctx, s, shop, service)
		startEdge(ctx, s, func(options *operator.Options) { options.Namespaces = append(options.Namespaces, other) })
		Eventually(func(g Gomega) {
			g.Expect(s.Get(ctx, client.ObjectKeyFromObject(shop), shop)).To(Succeed())
			g.Expect(shop.Spec.Rules).To(HaveExactElements(ingressRule("web.example.test", "/", "shop")))
			g.Expect(apierrors.IsNotFound(s.Get(ctx, client.ObjectKeyFromObject(service), service))).To(BeTrue())
		}).Should(Succeed())
	})

	It("is for the Ingress that the Certificate's annotation names instead of the solver's class", func(ctx SpecContext) {
		e := startEdge(ctx, s)
		inBackground(e.giveAddresses)
		create(ctx, s, &networkingv1.Ingress{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "shop"},
			Spec:       networkingv1.IngressSpec{Rules: []networkingv1.IngressRule{ingressRule("web.example.test", "/", "shop")}},
		})
		create(ctx, s, e.world.issuer(s.namespace, byIngress(v1.HTTP01Ingress{IngressClassName: new("public")})))
		crt := certificate(s.namespace, "web", "acme", withNames("web.example.test"))
		crt.Annotations = map[string]string{names.Annotation.ACME.OverrideIngressName: "shop"}
		issue(ctx, s, crt)
		Expect(ours(ctx, s, &networkingv1.IngressList{}).Items).To(BeEmpty())
		Expect(e.answeredBy("certwright-http01")).To(BeNumerically(">", 0))
	})

	// expectPatience has a Certificate issued although something is amiss with its route: that is told after a while, and
	// waited for no longer after twice as long.
	expectPatience := func(ctx SpecContext, crt *v1.Certificate, clock *clock, while time.Duration, told string) {
		GinkgoHelper()
		create(ctx, s, crt)
		Eventually(func() int { return len(ours(ctx, s, &networkingv1.IngressList{}).Items) }).Should(Equal(1))
		clock.ahead.Add(int64(while))
		expectWaiting(ctx, s, crt, told)
		clock.ahead.Add(int64(while))
		expectReady(ctx, s, crt)
	}

	It("leads to a pod after it did not lead to the operator, and says so", func(ctx SpecContext) {
		program := buildSolver()
		clock := &clock{}
		e := startEdge(ctx, s, withPods, clock.operator)
		e.blind = true
		inBackground(e.giveAddresses)
		inBackground(func(ctx context.Context) { e.runPods(ctx, program) })
		create(ctx, s, e.world.issuer(s.namespace, byIngress(v1.HTTP01Ingress{})))
		crt := certificate(s.namespace, "web", "acme", withNames("web.example.test"))
		expectPatience(ctx, crt, clock, 12*time.Second, "the answer has status 503")
		Eventually(func(g Gomega) {
			var events eventsv1.EventList
			g.Expect(s.List(ctx, &events, client.InNamespace(s.namespace))).To(Succeed())
			g.Expect(events.Items).To(ContainElement(And(HaveField("Reason", "FallsBackToPods"),
				HaveField("Note", ContainSubstring("the answer has status 503")))))
		}).Should(Succeed())
	})

	It("stays as it is for the names of an order whose route does lead to the operator", func(ctx SpecContext) {
		program := buildSolver()
		clock := &clock{}
		e := startEdge(ctx, s, withPods, clock.operator)
		inBackground(e.giveAddresses)
		inBackground(func(ctx context.Context) { e.runPods(ctx, program) })
		e.intercept(func(w http.ResponseWriter, r *http.Request) bool {
			var pods corev1.PodList
			if !strings.HasPrefix(r.Host, "bad.") || s.List(ctx, &pods, client.InNamespace(s.namespace)) != nil || len(pods.Items) > 0 {
				return false
			}
			http.Error(w, "not from here", http.StatusServiceUnavailable)
			return true
		})
		create(ctx, s, e.world.issuer(s.namespace, byIngress(v1.HTTP01Ingress{})))
		crt := certificate(s.namespace, "web", "acme", withNames("good.example.test", "bad.example.test"))
		expectPatience(ctx, crt, clock, 12*time.Second, "the answer has status 503")
		var orders acmev1.OrderList
		Expect(s.List(ctx, &orders, client.InNamespace(s.namespace))).To(Succeed())
		Expect(orders.Items).To(HaveLen(1), "it took more than one order")
		answered := map[string]v1.SolverMode{}
		for _, authorization := range orders.Items[0].Status.Authorizations {
			answered[authorization.Identifier] = authorization.Challenge.AnsweredBy
		}
		Expect(answered).To(Equal(map[string]v1.SolverMode{"good.example.test": v1.SolverShared, "bad.example.test": v1.SolverPod}))
	})

	It("need not be seen by the operator: after a minute the CA is asked all the same", func(ctx SpecContext) {
		clock := &clock{}
		e := startEdge(ctx, s, clock.operator)
		inBackground(e.giveAddresses)
		create(ctx, s, e.world.issuer(s.namespace, byIngress(v1.HTTP01Ingress{})))
		e.intercept(func(w http.ResponseWriter, r *http.Request) bool {
			if isCA(r) {
				return false
			}
			http.Error(w, "not from here", http.StatusForbidden)
			return true
		})
		crt := certificate(s.namespace, "web", "acme", withNames("web.example.test"))
		create(ctx, s, crt)
		Eventually(func() int { return len(ours(ctx, s, &networkingv1.IngressList{}).Items) }).Should(Equal(1))
		clock.ahead.Add(int64(10 * time.Second))
		expectWaiting(ctx, s, crt, `through Ingress "certwright-http01-`)
		expectWaiting(ctx, s, crt, `the answer has status 403`)
		clock.ahead.Add(int64(60 * time.Second))
		expectReady(ctx, s, crt)
	})

	It("need not be reached by its name: split DNS gives the CA another answer than us", func(ctx SpecContext) {
		clock := &clock{}
		e := startEdge(ctx, s, clock.operator, func(options *operator.Options) { options.HTTP01Nameservers = []string{"127.0.0.1:1"} })
		inBackground(e.giveAddresses)
		create(ctx, s, e.world.issuer(s.namespace, byIngress(v1.HTTP01Ingress{})))
		crt := certificate(s.namespace, "web", "acme", withNames("web.example.test"))
		expectPatience(ctx, crt, clock, 6*time.Second, "the route answers, and the public name does not yet")
	})

	It("is made with paths that its controller may match as it likes, where that refuses stricter ones", func(ctx SpecContext) {
		refused := 0
		e := startEdge(ctx, s, func(options *operator.Options) {
			options.WrapAPI = func(next http.RoundTripper) http.RoundTripper {
				return roundTripper(func(r *http.Request) (*http.Response, error) {
					if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/ingresses") {
						body, err := io.ReadAll(r.Body)
						if err != nil {
							return nil, err
						}
						r.Body = io.NopCloser(bytes.NewReader(body))
						if !bytes.Contains(body, []byte(networkingv1.PathTypeImplementationSpecific)) {
							refused++
							return denied(r, `admission webhook "validate.nginx.ingress.kubernetes.io" denied the request: ingress contains invalid paths: path /.well-known/acme-challenge cannot be used with pathType Prefix`), nil
						}
					}
					return next.RoundTrip(r)
				})
			}
		})
		inBackground(e.giveAddresses)
		create(ctx, s, e.world.issuer(s.namespace, byIngress(v1.HTTP01Ingress{})))
		issue(ctx, s, certificate(s.namespace, "web", "acme", withNames("web.example.test")))
		Expect(refused).To(Equal(1))
	})

	DescribeTable("does not hold up the deletion of its namespace", func(ctx SpecContext, mode v1.SolverMode, ingress string) {
		e := startEdge(ctx, s, withPods)
		create(ctx, s,
			&networkingv1.Ingress{
				ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "shop"},
				Spec:       networkingv1.IngressSpec{Rules: []networkingv1.IngressRule{ingressRule("web.example.test", "/", "shop")}},
			},
			e.world.issuer(s.namespace, byIngress(v1.HTTP01Ingress{Solver: mode, Name: ingress})),
			certificate(s.namespace, "web", "acme", withNames("web.example.test")))
		Eventually(func() int { return len(ours(ctx, s, &corev1.ServiceList{}).Items) }).Should(BeNumerically(">", 0))
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.namespace}}
		Expect(s.Delete(ctx, namespace)).To(Succeed())
		// There is no kubelet that would end a pod.
		inBackground(func(ctx context.Context) {
			var pods corev1.PodList
			_ = s.List(ctx, &pods, client.InNamespace(s.namespace))
			for i := range pods.Items {
				_ = s.Delete(ctx, &pods.Items[i], client.GracePeriodSeconds(0))
			}
		})
		Eventually(func() bool {
			return apierrors.IsNotFound(s.Get(ctx, client.ObjectKeyFromObject(namespace), namespace))
		}).WithTimeout(60 * time.Second).Should(BeTrue())
	},
		Entry("shared", v1.SolverShared, ""),
		Entry("with a pod", v1.SolverPod, ""),
		Entry("in an Ingress of others", v1.SolverShared, "shop"),
	)

	It("is given back with its order where a wildcard of others serves the host, and nothing else of the route", func(ctx SpecContext) {
		e := startEdge(ctx, s)
		inBackground(e.giveAddresses)
		create(ctx, s, e.world.issuer(s.namespace, byIngress(v1.HTTP01Ingress{})), &networkingv1.Ingress{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "apps"},
			Spec:       networkingv1.IngressSpec{Rules: []networkingv1.IngressRule{ingressRule("*.apps.example.test", "/", "apps")}},
		})
		issue(ctx, s, certificate(s.namespace, "web", "acme", withNames("one.apps.example.test", "web.example.test")))
		Eventually(func(g Gomega) {
			var hosts []string
			for _, ingress := range ours(ctx, s, &networkingv1.IngressList{}).Items {
				for _, rule := range ingress.Spec.Rules {
					hosts = append(hosts, rule.Host)
				}
			}
			g.Expect(hosts).To(ConsistOf("web.example.test"))
		}).Should(Succeed())
	})

	It("shares a few objects with the routes of many orders", func(ctx SpecContext) {
		e := startEdge(ctx, s)
		inBackground(e.giveAddresses)
		create(ctx, s, e.world.issuer(s.namespace, byIngress(v1.HTTP01Ingress{})))
		var certificates []*v1.Certificate
		for i := range 40 {
			certificates = append(certificates, certificate(s.namespace, fmt.Sprintf("web-%d", i), "acme", withNames(fmt.Sprintf("web-%d.example.test", i))))
		}
		for _, crt := range certificates {
			create(ctx, s, crt)
		}
		for _, crt := range certificates {
			expectReady(ctx, s, crt)
		}
		ingresses := ours(ctx, s, &networkingv1.IngressList{}).Items
		Expect(len(ingresses)).To(BeNumerically("<=", 4))
		var generations int64
		for _, ingress := range ingresses {
			generations += ingress.Generation
		}
		Expect(generations).To(BeNumerically("<=", 20), "the routes were written too often")
	})

	It("follows the operator's ready pods", func(ctx SpecContext) {
		e := startEdge(ctx, s)
		inBackground(e.giveAddresses)
		create(ctx, s, e.world.issuer(s.namespace, byIngress(v1.HTTP01Ingress{})))
		issue(ctx, s, certificate(s.namespace, "web", "acme", withNames("web.example.test")))
		slice := &discoveryv1.EndpointSlice{}
		Expect(s.Get(ctx, client.ObjectKey{Namespace: e.own, Name: "solver-1"}, slice)).To(Succeed())
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{Addresses: []string{"192.0.2.77"}, Conditions: discoveryv1.EndpointConditions{Ready: new(true)}})
		Expect(s.Update(ctx, slice)).To(Succeed())
		Eventually(func() []string {
			var addresses []string
			for _, slice := range ours(ctx, s, &discoveryv1.EndpointSliceList{}).Items {
				for _, endpoint := range slice.Endpoints {
					addresses = append(addresses, endpoint.Addresses...)
				}
			}
			return addresses
		}).Should(ConsistOf(hostAddress(), "192.0.2.77"))
	})
})

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// denied is the answer of an API server whose admission refuses a request.
func denied(r *http.Request, message string) *http.Response {
	status := apierrors.NewBadRequest(message).Status()
	status.Kind, status.APIVersion = "Status", "v1"
	body, err := json.Marshal(status)
	Expect(err).NotTo(HaveOccurred())
	return &http.Response{
		StatusCode: http.StatusBadRequest, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(bytes.NewReader(body)), Request: r,
	}
}

// expectWaiting waits for a Certificate to say what its attempt waits for.
func expectWaiting(ctx context.Context, s *space, crt *v1.Certificate, part string) {
	GinkgoHelper()
	expectCondition(ctx, s, crt, v1.ConditionIssuing, HaveField("Message", ContainSubstring(part)))
}

// isCA says whether Pebble asks.
func isCA(r *http.Request) bool { return strings.Contains(r.UserAgent(), "Pebble-VA") }

func ingressRule(host, path, service string) networkingv1.IngressRule {
	return networkingv1.IngressRule{Host: host, IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
		Paths: []networkingv1.HTTPIngressPath{{Path: path, PathType: new(networkingv1.PathTypePrefix), Backend: networkingv1.IngressBackend{
			Service: &networkingv1.IngressServiceBackend{Name: service, Port: networkingv1.ServiceBackendPort{Number: 80}},
		}}},
	}}}
}

// createGateway makes the Gateway "public" with one listener, reached at the edge.
func createGateway(ctx context.Context, s *space, protocol gatewayv1.ProtocolType) {
	GinkgoHelper()
	gateway := &gatewayv1.Gateway{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "public"},
		Spec:       gatewayv1.GatewaySpec{GatewayClassName: "edge", Listeners: []gatewayv1.Listener{{Name: "web", Port: 80, Protocol: protocol}}},
	}
	if protocol == gatewayv1.HTTPSProtocolType {
		gateway.Spec.Listeners[0].TLS = &gatewayv1.ListenerTLSConfig{CertificateRefs: []gatewayv1.SecretObjectReference{{Name: "web-tls"}}}
	}
	create(ctx, s, gateway)
	gateway.Status.Addresses = []gatewayv1.GatewayStatusAddress{{Type: new(gatewayv1.IPAddressType), Value: "127.0.0.1"}}
	Expect(s.Status().Update(ctx, gateway)).To(Succeed())
}
