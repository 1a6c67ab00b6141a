// Package sources has the specs of annotated Ingresses, Gateways, ListenerSets and HTTPRoutes, which the whole
// operator turns into Certificates of a real API server. Nothing imports it.
package sources

import (
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/api"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/operator"
	"github.com/certwright/certwright/internal/testkit"
)

// groups are the API groups that specs run under: ours, and the one whose clusters we take over.
var groups = []string{api.DefaultGroup, "cert-manager.io"}

// gatewayAPI are the kinds of the Gateway API that are looked at.
var gatewayAPI = []string{"gateways", "httproutes", "listenersets", "referencegrants"}

var (
	plane *testkit.ControlPlane
	// logged is what the operators have logged.
	logged = &record{}
)

// record keeps what is written to it.
type record struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (r *record) Write(text []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(text)
}

// since is what was written after the first characters.
func (r *record) since(start int) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()[start:]
}

func TestSources(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(20 * time.Second)
	SetDefaultEventuallyPollingInterval(20 * time.Millisecond)
	RunSpecs(t, "Sources")
}

var _ = BeforeSuite(func() {
	options := operator.Default()
	options.LogFormat = "text"
	operator.SetLogger(io.MultiWriter(GinkgoWriter, logged), options)
	plane = startPlane()
	Expect(plane.InstallGatewayAPI(gatewayAPI...)).To(Succeed())
})

func startPlane() *testkit.ControlPlane {
	GinkgoHelper()
	started, err := testkit.StartControlPlane(testkit.ControlPlaneOptions{Names: api.DefaultNames()})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(started.Stop()).To(Succeed()) })
	for _, group := range groups {
		names, err := api.NamesFor(group)
		Expect(err).NotTo(HaveOccurred())
		Expect(started.InstallCRDs(names)).To(Succeed())
	}
	return started
}

// space is where a spec works: namespaces of its own, under one API group.
type space struct {
	client.Client
	plane *testkit.ControlPlane
	names api.Names
	// namespace has the sources, other may have what they name.
	namespace, other string
}

func newSpace(ctx context.Context, on *testkit.ControlPlane, group string) *space {
	GinkgoHelper()
	names, err := api.NamesFor(group)
	Expect(err).NotTo(HaveOccurred())
	scheme, err := operator.Scheme(names)
	Expect(err).NotTo(HaveOccurred())
	c, err := client.New(on.Config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	s := &space{Client: c, plane: on, names: names}
	s.namespace, s.other = s.newNamespace(ctx), s.newNamespace(ctx)
	DeferCleanup(func(ctx SpecContext) {
		if CurrentSpecReport().Failed() {
			s.story(ctx)
		}
	})
	return s
}

// underEachGroup describes specs under each API group, each in a space of its own.
func underEachGroup(title string, specs func(s *space)) bool {
	for _, group := range groups {
		Describe(title+" under "+group, func() {
			s := &space{}
			BeforeEach(func(ctx SpecContext) { *s = *newSpace(ctx, plane, group) })
			specs(s)
		})
	}
	return true
}

func (s *space) newNamespace(ctx context.Context) string {
	GinkgoHelper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "spec-"}}
	Expect(s.Create(ctx, namespace)).To(Succeed())
	return namespace.Name
}

// start runs the whole operator on the space until stop is called or the spec ends.
func (s *space) start(change ...func(*operator.Options)) (stop func()) {
	GinkgoHelper()
	options := operator.Default()
	options.APIGroup = s.names.Group
	options.Namespaces, options.OwnNamespace = []string{s.namespace, s.other}, s.namespace
	options.MetricsAddress, options.HealthAddress, options.HTTP01SolverAddress, options.CRLAddress = "0", "0", "0", "0"
	options.SharedProcess = true
	options.GatewayAPIEvery = 100 * time.Millisecond
	for _, f := range change {
		f(&options)
	}
	ctx, cancel := context.WithCancel(context.Background())
	mgr, err := operator.New(ctx, s.plane.Config, options)
	Expect(err).NotTo(HaveOccurred())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	stopped := false
	stop = func() {
		GinkgoHelper()
		if stopped {
			return
		}
		stopped = true
		cancel()
		Eventually(ended).Should(Receive(BeNil()), "the operator did not stop")
	}
	DeferCleanup(stop)
	return stop
}

// story tells, when a spec fails, what is in its namespaces.
func (s *space) story(ctx context.Context) {
	for _, namespace := range []string{s.namespace, s.other} {
		var certificates v1.CertificateList
		var events eventsv1.EventList
		Expect(s.List(ctx, &certificates, client.InNamespace(namespace))).To(Succeed())
		Expect(s.List(ctx, &events, client.InNamespace(namespace))).To(Succeed())
		for _, crt := range certificates.Items {
			GinkgoWriter.Printf("Certificate %s/%s: %v %+v %+v\n", namespace, crt.Name, crt.Annotations, crt.Spec, crt.Status.Conditions)
		}
		for _, event := range events.Items {
			GinkgoWriter.Printf("Event on %s %s: %s: %s\n", event.Regarding.Kind, event.Regarding.Name, event.Reason, event.Note)
		}
	}
}

func (s *space) create(ctx context.Context, objects ...client.Object) {
	GinkgoHelper()
	for _, object := range objects {
		Expect(s.Create(ctx, object)).To(Succeed())
	}
}

// edit changes the latest view of an object.
func (s *space) edit(ctx context.Context, object client.Object, change func()) {
	GinkgoHelper()
	Eventually(func() error {
		if err := s.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
			return err
		}
		change()
		return s.Update(ctx, object)
	}).Should(Succeed())
}

// annotate sets annotations of an object, and takes away those that are empty.
func (s *space) annotate(ctx context.Context, object client.Object, annotations map[string]string) {
	GinkgoHelper()
	s.edit(ctx, object, func() {
		all := object.GetAnnotations()
		for key, value := range annotations {
			if all == nil {
				all = map[string]string{}
			}
			if all[key] = value; value == "" {
				delete(all, key)
			}
		}
		object.SetAnnotations(all)
	})
}

func (s *space) selfSigned() *v1.Issuer {
	return &v1.Issuer{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "selfsigned"}, Spec: v1.IssuerSpec{SelfSigned: &v1.SelfSignedIssuer{}}}
}

// ingress is annotated for the Issuer "selfsigned", with a host web.example.test whose Secret is web-tls.
func (s *space) ingress(annotations map[string]string, tls ...networkingv1.IngressTLS) *networkingv1.Ingress {
	if tls == nil {
		tls = []networkingv1.IngressTLS{block("web-tls", "web.example.test")}
	}
	all := map[string]string{s.names.Annotation.Issuer: "selfsigned", s.names.Annotation.PrivateKeyAlgorithm: "ECDSA"}
	for key, value := range annotations {
		if all[key] = value; value == "" {
			delete(all, key)
		}
	}
	pathType := networkingv1.PathTypePrefix
	return &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "web", Annotations: all},
		Spec: networkingv1.IngressSpec{
			TLS: tls,
			Rules: []networkingv1.IngressRule{{Host: "web.example.test", IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
				Paths: []networkingv1.HTTPIngressPath{{Path: "/", PathType: &pathType, Backend: networkingv1.IngressBackend{
					Service: &networkingv1.IngressServiceBackend{Name: "web", Port: networkingv1.ServiceBackendPort{Number: 80}},
				}}},
			}}}},
		},
	}
}

func block(secret string, hosts ...string) networkingv1.IngressTLS {
	return networkingv1.IngressTLS{SecretName: secret, Hosts: hosts}
}

// certificate waits until a Certificate is as expected.
func (s *space) certificate(ctx context.Context, namespace, name string, expect func(Gomega, *v1.Certificate)) *v1.Certificate {
	GinkgoHelper()
	crt := &v1.Certificate{}
	Eventually(func(g Gomega) {
		*crt = v1.Certificate{}
		g.Expect(s.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, crt)).To(Succeed())
		expect(g, crt)
	}).Should(Succeed())
	return crt
}

// hosts expects a Certificate with exactly these DNS names.
func hosts(names ...string) func(Gomega, *v1.Certificate) {
	return func(g Gomega, crt *v1.Certificate) { g.Expect(crt.Spec.DNSNames).To(ConsistOf(names)) }
}

// noCertificate waits until there is none of a name.
func (s *space) noCertificate(ctx context.Context, namespace, name string) {
	GinkgoHelper()
	Eventually(func() bool {
		return apierrors.IsNotFound(s.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &v1.Certificate{}))
	}).Should(BeTrue(), "Certificate %s/%s is still there", namespace, name)
}

// event waits for an event on an object whose note has a text.
func (s *space) event(ctx context.Context, object client.Object, reason, text string) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		g.Expect(s.notes(ctx, object, reason)).To(ContainElement(ContainSubstring(text)))
	}).Should(Succeed())
}

// notes are the notes of the events on an object with a reason.
func (s *space) notes(ctx context.Context, object client.Object, reason string) []string {
	GinkgoHelper()
	var list eventsv1.EventList
	Expect(s.List(ctx, &list, client.InNamespace(object.GetNamespace()))).To(Succeed())
	var notes []string
	for _, event := range list.Items {
		if event.Regarding.UID == object.GetUID() && event.Reason == reason {
			notes = append(notes, event.Note)
		}
	}
	return notes
}

// inGroup replaces the default group in keys.
func (s *space) inGroup(annotations map[string]string) map[string]string {
	result := map[string]string{}
	for key, value := range annotations {
		result[strings.ReplaceAll(key, api.DefaultGroup, s.names.Group)] = value
	}
	return result
}
