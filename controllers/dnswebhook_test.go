package controllers_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/solver/dns01/webhook"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

const webhookGroup = "acme.vendor.test"

// webhookSolver is a program that serves an aggregated API, as webhook solvers do, and writes to a DNS server.
type webhookSolver struct {
	dns *acmetest.DNS

	mu       sync.Mutex
	requests []webhook.Request
	refuses  string
}

// ServeHTTP implements http.Handler.
func (s *webhookSolver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	const version = "/apis/" + webhookGroup + "/v1alpha1"
	if r.Method == http.MethodGet && r.URL.Path == version {
		_ = json.NewEncoder(w).Encode(metav1.APIResourceList{
			TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: webhookGroup + "/v1alpha1",
			APIResources: []metav1.APIResource{{Name: "vendor", Kind: "ChallengePayload", Verbs: metav1.Verbs{"create"}}},
		})
		return
	}
	var payload webhook.Payload
	if r.Method != http.MethodPost || r.URL.Path != version+"/vendor" || json.NewDecoder(r.Body).Decode(&payload) != nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.WriteHeader(http.StatusCreated)
	payload.Response = s.solve(*payload.Request)
	_ = json.NewEncoder(w).Encode(payload)
}

func (s *webhookSolver) solve(request webhook.Request) *webhook.Response {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, request)
	if s.refuses != "" {
		return &webhook.Response{UID: request.UID, Status: &metav1.Status{Message: s.refuses}}
	}
	values := slices.DeleteFunc(s.dns.TXT(request.ResolvedFQDN), func(value string) bool { return value == request.Key })
	if request.Action == "Present" {
		values = append(values, request.Key)
	}
	s.dns.SetTXT(request.ResolvedFQDN, values...)
	return &webhook.Response{UID: request.UID, Success: true}
}

func (s *webhookSolver) refuse(why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuses = why
}

func (s *webhookSolver) asked() []webhook.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// installWebhook starts a webhook solver and registers it with the API server.
func installWebhook(ctx context.Context, s *space, dns *acmetest.DNS) *webhookSolver {
	GinkgoHelper()
	solver := &webhookSolver{dns: dns}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(hostAddress(), "0"))
	Expect(err).NotTo(HaveOccurred())
	server := httptest.NewUnstartedServer(solver)
	Expect(server.Listener.Close()).To(Succeed())
	server.Listener = listener
	server.StartTLS()
	DeferCleanup(server.Close)
	host, text, err := net.SplitHostPort(listener.Addr().String())
	Expect(err).NotTo(HaveOccurred())
	port, err := strconv.Atoi(text)
	Expect(err).NotTo(HaveOccurred())
	service := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
		"metadata": map[string]any{"name": "v1alpha1." + webhookGroup},
		"spec": map[string]any{
			"group": webhookGroup, "version": "v1alpha1", "groupPriorityMinimum": int64(1000), "versionPriority": int64(15), "insecureSkipTLSVerify": true,
			"service": map[string]any{"namespace": s.namespace, "name": "webhook", "port": int64(443)},
		},
	}}
	create(ctx, s.Client,
		&corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "webhook"},
			Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "https", Port: 443}}},
		},
		&discoveryv1.EndpointSlice{
			ObjectMeta:  metav1.ObjectMeta{Namespace: s.namespace, Name: "webhook-1", Labels: map[string]string{discoveryv1.LabelServiceName: "webhook"}},
			AddressType: discoveryv1.AddressTypeIPv4,
			Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{host}, Conditions: discoveryv1.EndpointConditions{Ready: new(true)}}},
			Ports:       []discoveryv1.EndpointPort{{Name: new("https"), Port: new(int32(port))}},
		},
		service)
	DeferCleanup(func(ctx SpecContext) { Expect(s.Delete(ctx, service)).To(Succeed()) })
	Eventually(func(g Gomega) {
		g.Expect(s.Get(ctx, client.ObjectKeyFromObject(service), service)).To(Succeed())
		conditions, _, _ := unstructured.NestedSlice(service.Object, "status", "conditions")
		g.Expect(conditions).To(ContainElement(And(HaveKeyWithValue("type", "Available"), HaveKeyWithValue("status", "True"))), "%v", conditions)
	}).WithTimeout(30 * time.Second).Should(Succeed())
	return solver
}

func byWebhook() v1.ACMESolver {
	return v1.ACMESolver{DNS01: &v1.DNS01Solver{Webhook: &v1.WebhookProvider{
		GroupName: webhookGroup, SolverName: "vendor", Config: &runtime.RawExtension{Raw: []byte(`{"zone":"example.test"}`)},
	}}}
}

var _ = Describe("a webhook solver", func() {
	s := eachInItsOwnSpace()

	It("writes the records of challenges, and takes them away", func(ctx SpecContext) {
		world := operateACME(s.namespace)
		solver := installWebhook(ctx, s, world.dns)
		create(ctx, s, world.issuer(s.namespace, byWebhook()))
		crt := issue(ctx, s, certificate(s.namespace, "wild", "acme", withNames("example.test", "*.example.test")))
		expectSignedBy(ctx, s, crt, world.ca.Roots())
		Eventually(func() []string { return world.dns.TXT("_acme-challenge.example.test") }).Should(BeEmpty())
		request := solver.asked()[0]
		Expect(request).To(And(
			HaveField("Type", "dns-01"), HaveField("DNSName", "example.test"), HaveField("ResourceNamespace", s.namespace),
			HaveField("ResolvedFQDN", "_acme-challenge.example.test."), HaveField("ResolvedZone", "example.test."),
			HaveField("AllowAmbientCredentials", false), HaveField("Config", MatchJSON(`{"zone":"example.test"}`)),
		))
	})

	It("tells on the Certificate why it refused", func(ctx SpecContext) {
		world := operateACME(s.namespace)
		solver := installWebhook(ctx, s, world.dns)
		solver.refuse("the zone is locked")
		create(ctx, s, world.issuer(s.namespace, byWebhook()))
		crt := certificate(s.namespace, "web", "acme", withNames("web.example.test"))
		create(ctx, s, crt)
		expectWaiting(ctx, s, crt, "webhook solver vendor."+webhookGroup+": the zone is locked")
		solver.refuse("")
		expectReady(ctx, s, crt)
	})

	It("that is not installed is named", func(ctx SpecContext) {
		world := operateACME(s.namespace)
		create(ctx, s, world.issuer(s.namespace, byWebhook()))
		crt := certificate(s.namespace, "web", "acme", withNames("web.example.test"))
		create(ctx, s, crt)
		expectWaiting(ctx, s, crt, "the API server knows no vendor in API group "+webhookGroup)
	})
})

var _ = Describe("an acme-dns server", func() {
	s := eachInItsOwnSpace()

	It("has the answer where the name's CNAME record leads", func(ctx SpecContext) {
		world := operateACME(s.namespace)
		var values []string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var update struct{ Subdomain, Txt string }
			if json.NewDecoder(r.Body).Decode(&update) != nil || r.Header.Get("X-Api-Key") != "secret" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			// It keeps the last two, as acme-dns does.
			values = append(values, update.Txt)
			values = values[max(0, len(values)-2):]
			world.dns.SetTXT(update.Subdomain+".auth.example.test", values...)
		}))
		DeferCleanup(server.Close)
		world.dns.SetCNAME("_acme-challenge.example.test", "sub-1.auth.example.test")
		create(ctx, s,
			&corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "accounts"},
				Data:       map[string][]byte{"accounts.json": []byte(`{"example.test": {"username": "u", "password": "secret", "fulldomain": "sub-1.auth.example.test", "subdomain": "sub-1"}}`)},
			},
			world.issuer(s.namespace, v1.ACMESolver{DNS01: &v1.DNS01Solver{ACMEDNS: &v1.ACMEDNSProvider{
				Host: server.URL, AccountSecretRef: v1.SecretKeySelector{Name: "accounts", Key: "accounts.json"},
			}}}))
		crt := issue(ctx, s, certificate(s.namespace, "wild", "acme", withNames("example.test", "*.example.test")))
		expectSignedBy(ctx, s, crt, world.ca.Roots())
	})
})
