package sources

import (
	"net/http"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/api"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/operator"
	"github.com/certwright/certwright/internal/testkit"
)

// calls keeps the requests to the API server that a condition holds for.
type calls struct {
	mu   sync.Mutex
	list []string
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (r roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return r(request) }

func (c *calls) watch(keep func(*http.Request) bool) func(*operator.Options) {
	return func(options *operator.Options) {
		options.WrapAPI = func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(request *http.Request) (*http.Response, error) {
				if keep(request) {
					c.mu.Lock()
					c.list = append(c.list, request.Method+" "+request.URL.Path)
					c.mu.Unlock()
				}
				return next.RoundTrip(request)
			})
		}
	}
}

func (c *calls) all() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string{}, c.list...)
}

func writesCertificates(request *http.Request) bool {
	return request.Method != http.MethodGet && strings.Contains(request.URL.Path, "/certificates")
}

var _ = Describe("the operator", func() {
	It("writes nothing about what is settled when it starts again", func(ctx SpecContext) {
		s := newSpace(ctx, plane, api.DefaultGroup)
		stop := s.start()
		web := s.ingress(nil)
		web.Labels = map[string]string{"team": "web"}
		edge := s.gateway(listener("edge", "", "edge-tls", s.other+"/edge-tls"))
		edge.Annotations = map[string]string{s.names.Annotation.ClusterIssuer: "everyone", s.names.Annotation.SecretTemplate: ""}
		s.create(ctx, s.selfSigned(), web, s.grant("Gateway", ""), edge, route(s.namespace, "route", edge, "edge.example.test"))
		for _, crt := range []struct{ namespace, name, condition string }{
			{s.namespace, "web-tls", v1.ConditionReady}, {s.namespace, "edge-tls", v1.ConditionIssuing}, {s.other, "edge-tls", v1.ConditionIssuing},
		} {
			s.certificate(ctx, crt.namespace, crt.name, func(g Gomega, there *v1.Certificate) {
				g.Expect(condition.IsTrue(there.Status.Conditions, crt.condition)).To(BeTrue())
			})
		}
		stop()
		written := &calls{}
		s.start(written.watch(writesCertificates))
		s.edit(ctx, web, func() { web.Spec.TLS = append(web.Spec.TLS, block("second-tls", "second.example.test")) })
		s.edit(ctx, edge, func() {
			edge.Spec.Listeners = append(edge.Spec.Listeners, listener("second", "second.example.test", "third-tls"))
		})
		s.certificate(ctx, s.namespace, "second-tls", func(g Gomega, crt *v1.Certificate) {
			g.Expect(condition.IsTrue(crt.Status.Conditions, v1.ConditionReady)).To(BeTrue())
		})
		s.certificate(ctx, s.namespace, "third-tls", func(g Gomega, crt *v1.Certificate) {
			g.Expect(condition.IsTrue(crt.Status.Conditions, v1.ConditionIssuing)).To(BeTrue())
		})
		collection := "POST /apis/" + s.names.GroupVersion.String() + "/namespaces/" + s.namespace + "/certificates"
		item := "PUT /apis/" + s.names.GroupVersion.String() + "/namespaces/" + s.namespace + "/certificates/"
		Expect(written.all()).To(ConsistOf(collection, collection, item+"second-tls/status", item+"third-tls/status"))
	})

	It("acts on no view that is older than its own last write", func(ctx SpecContext) {
		s := newSpace(ctx, plane, api.DefaultGroup)
		written := &calls{}
		s.start(func(options *operator.Options) {
			written.watch(func(request *http.Request) bool {
				return writesCertificates(request) && !strings.HasSuffix(request.URL.Path, "/status")
			})(options)
			count := options.WrapAPI
			options.WrapAPI = func(next http.RoundTripper) http.RoundTripper {
				return count(testkit.SlowWatch(next, "certificates", 700*time.Millisecond))
			}
		})
		web := s.ingress(nil)
		s.create(ctx, web)
		s.certificate(ctx, s.namespace, "web-tls", hosts("web.example.test"))
		s.edit(ctx, web, func() { web.Spec.TLS[0].Hosts = []string{"second.example.test"} })
		s.edit(ctx, web, func() { web.Spec.TLS[0].Hosts = []string{"third.example.test"} })
		s.certificate(ctx, s.namespace, "web-tls", hosts("third.example.test"))
		s.edit(ctx, web, func() { web.Spec.TLS = []networkingv1.IngressTLS{block("next-tls", "next.example.test")} })
		s.noCertificate(ctx, s.namespace, "web-tls")
		s.certificate(ctx, s.namespace, "next-tls", hosts("next.example.test"))
		s.event(ctx, web, "DeleteCertificate", "web-tls")
		count := map[string]int{}
		for _, call := range written.all() {
			count[strings.Fields(call)[0]]++
		}
		Expect(count["POST"]).To(Equal(2), "%v", written.all())
		Expect(count["DELETE"]).To(Equal(1), "%v", written.all())
		Expect(count["PUT"]).To(BeNumerically("<=", 2), "%v", written.all())
	})

	It("keeps to the namespaces that it was given", func(ctx SpecContext) {
		s := newSpace(ctx, plane, api.DefaultGroup)
		s.start(func(options *operator.Options) { options.Namespaces = []string{s.namespace} })
		edge := s.gateway(listener("edge", "edge.example.test", s.other+"/edge-tls", "edge-tls"))
		outside := s.ingress(nil)
		outside.Namespace = s.other
		// It is of a Gateway that cannot be seen, and so not known to be gone.
		theirs := &v1.Certificate{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "theirs", Annotations: map[string]string{
				s.names.Annotation.Source: api.SourceMark("Gateway/"+s.other+"/edge", s.namespace, "theirs"),
			}},
			Spec: v1.CertificateSpec{SecretName: "theirs", DNSNames: []string{"theirs.example.test"}, IssuerRef: v1.IssuerRef{Name: "any"}},
		}
		gone := theirs.DeepCopy()
		gone.Name, gone.Annotations[s.names.Annotation.Source] = "gone", api.SourceMark("Gateway/"+s.namespace+"/gone", s.namespace, "gone")
		gone.Namespace = s.namespace
		s.create(ctx, theirs, gone)
		s.create(ctx, s.grant("Gateway", ""), outside, edge)
		s.certificate(ctx, s.namespace, "edge-tls", hosts("edge.example.test"))
		s.event(ctx, edge, "BadConfig", "in a namespace that the operator does not work in")
		s.noCertificate(ctx, s.other, "edge-tls")
		s.noCertificate(ctx, s.other, "web-tls")
		Expect(s.Get(ctx, client.ObjectKeyFromObject(theirs), theirs)).To(Succeed())
		Expect(s.Get(ctx, client.ObjectKeyFromObject(gone), gone)).To(Succeed(), "in the namespace of its source, garbage collection decides")
	})

	It("starts without a Gateway API, begins with it when it comes, and goes on when it goes", func(ctx SpecContext) {
		begin := len(logged.since(0))
		log := func() string { return logged.since(begin) }
		fresh := startPlane()
		s := newSpace(ctx, fresh, api.DefaultGroup)
		// Long enough for a watch to fail before it is ended.
		s.start(func(options *operator.Options) { options.GatewayAPIEvery = 3 * time.Second })
		s.create(ctx, s.ingress(nil))
		s.certificate(ctx, s.namespace, "web-tls", hosts("web.example.test"))
		Expect(log()).NotTo(Or(ContainSubstring("ERROR"), ContainSubstring("WARN"), ContainSubstring("gateway.networking")))

		By("Gateways alone")
		Expect(fresh.InstallGatewayAPI("gateways")).To(Succeed())
		edge := s.gateway(listener("edge", "edge.example.test", "edge-tls"), listener("routed", "", "routed-tls"))
		s.create(ctx, edge)
		s.certificate(ctx, s.namespace, "edge-tls", hosts("edge.example.test"))

		By("routes, grants and ListenerSets")
		Expect(fresh.InstallGatewayAPI("httproutes", "referencegrants", "listenersets")).To(Succeed())
		s.create(ctx, route(s.namespace, "route", edge, "routed.example.test"))
		s.certificate(ctx, s.namespace, "routed-tls", hosts("routed.example.test"))

		By("grants of an older version")
		crd := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}}
		crd.SetName("referencegrants.gateway.networking.k8s.io")
		Expect(s.Patch(ctx, crd, client.RawPatch(types.JSONPatchType, []byte(`[
			{"op": "test", "path": "/spec/versions/0/name", "value": "v1"},
			{"op": "replace", "path": "/spec/versions/0/served", "value": false}
		]`)))).To(Succeed())
		s.edit(ctx, edge, func() { edge.Spec.Listeners[0].TLS = listener("", "", "edge-tls", s.other+"/granted-tls").TLS })
		s.create(ctx, s.grant("Gateway", ""))
		s.certificate(ctx, s.other, "granted-tls", hosts("edge.example.test"))

		By("no routes again")
		Expect(fresh.RemoveGatewayAPI(ctx, "httproutes")).To(Succeed())
		s.noCertificate(ctx, s.namespace, "routed-tls")
		Expect(fresh.InstallGatewayAPI("httproutes")).To(Succeed())
		s.create(ctx, route(s.namespace, "route", edge, "again.example.test"))
		s.certificate(ctx, s.namespace, "routed-tls", hosts("again.example.test"))

		By("nothing of it")
		Expect(fresh.RemoveGatewayAPI(ctx, gatewayAPI...)).To(Succeed())
		Eventually(log).Should(MatchRegexp(`gone.*kind=gateways`))
		web := s.ingress(nil)
		s.edit(ctx, web, func() { web.Spec.TLS[0].Hosts = []string{"new.example.test"} })
		s.certificate(ctx, s.namespace, "web-tls", hosts("new.example.test"))
		Expect(fresh.InstallGatewayAPI(gatewayAPI...)).To(Succeed())
		s.create(ctx, s.gateway(listener("edge", "back.example.test", "edge-tls")))
		s.certificate(ctx, s.namespace, "edge-tls", func(g Gomega, crt *v1.Certificate) {
			g.Expect(crt.Spec.DNSNames).To(Equal([]string{"back.example.test"}))
		})
		Expect(log()).NotTo(Or(ContainSubstring("ERROR"), ContainSubstring("WARN")))
	})
})
