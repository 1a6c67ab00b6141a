package controllers_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/api"
	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/operator"
	"github.com/certwright/certwright/internal/testkit"
	"github.com/certwright/certwright/internal/testkit/dnssolvertest"
)

// groups are the API groups that the main specs run under: ours, and the one whose clusters we take over.
var groups = []string{api.DefaultGroup, "cert-manager.io"}

var (
	plane *testkit.ControlPlane
	// names are those of the group that the spec at hand runs under.
	names = api.DefaultNames()
)

// underGroup runs a spec under an API group.
func underGroup(group string) {
	GinkgoHelper()
	before := names
	var err error
	names, err = api.NamesFor(group)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { names = before })
}

func TestMain(m *testing.M) { dnssolvertest.Main(m) }

func TestControllers(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(time.Minute)
	SetDefaultEventuallyPollingInterval(50 * time.Millisecond)
	RunSpecs(t, "Controllers")
}

var _ = BeforeSuite(func() {
	options := operator.Default()
	options.LogFormat = "text"
	operator.SetLogger(GinkgoWriter, options)
	resolveToLoopback()
	var err error
	plane, err = testkit.StartControlPlane(testkit.ControlPlaneOptions{
		Names: names,
		// Aggregated APIs are reached at the endpoints of their Service: nothing here implements its address.
		APIServer: map[string][]string{"enable-aggregator-routing": {"true"}},
	})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(plane.Stop()).To(Succeed()) })
	for _, group := range groups {
		served, err := api.NamesFor(group)
		Expect(err).NotTo(HaveOccurred())
		Expect(plane.InstallCRDs(served)).To(Succeed())
	}
	// It knows at once the kinds that are served when it starts, and others half a minute later.
	Expect(plane.StartControllerManager()).To(Succeed())
})

// describeIssuing describes the main specs under each API group.
func describeIssuing(from string, specs func()) bool {
	for _, group := range groups {
		Describe("issuing from "+from+" under "+group, func() {
			BeforeEach(func() { underGroup(group) })
			specs()
		})
	}
	return true
}

// clients holds one client for each API group: each new one would ask what the API server serves.
var clients sync.Map

// directClient reads and writes past every cache.
func directClient() client.Client {
	if c, made := clients.Load(names.Group); made {
		return c.(client.Client)
	}
	scheme, err := operator.Scheme(names)
	Expect(err).NotTo(HaveOccurred())
	c, err := client.New(plane.Config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	clients.Store(names.Group, c)
	return c
}

// newNamespace is a namespace of the spec's own, so that specs do not see each other.
func newNamespace(ctx context.Context, c client.Client) string {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "spec-"}}
	Expect(c.Create(ctx, namespace)).To(Succeed())
	DeferCleanup(func() {
		if CurrentSpecReport().Failed() {
			story(context.Background(), c, namespace.Name)
		}
	})
	return namespace.Name
}

// space is where a spec works: a namespace of its own, and a client that reads and writes past every
// cache.
type space struct {
	client.Client
	namespace string
}

func newSpace(ctx context.Context) *space {
	GinkgoHelper()
	c := directClient()
	return &space{Client: c, namespace: newNamespace(ctx, c)}
}

// eachInItsOwnSpace gives a space to each spec of the container that it is called in.
func eachInItsOwnSpace() *space {
	s := &space{}
	BeforeEach(func(ctx SpecContext) { *s = *newSpace(ctx) })
	return s
}

// startOperator runs the whole operator on one namespace until stop is called or the spec ends.
func startOperator(namespace string, change ...func(*operator.Options)) (stop func()) {
	options := operator.Default()
	options.APIGroup = names.Group
	options.Namespaces, options.OwnNamespace = []string{namespace}, namespace
	options.MetricsAddress, options.HealthAddress, options.HTTP01SolverAddress, options.CRLAddress = "0", "0", "0", "0"
	options.SharedProcess = true
	options.AllowPrivateAddresses = []string{"127.0.0.0/8", "::1"}
	for _, f := range change {
		f(&options)
	}
	ctx, cancel := context.WithCancel(context.Background())
	mgr, err := operator.New(ctx, plane.Config, options)
	Expect(err).NotTo(HaveOccurred())
	ended := make(chan error, 1)
	go func() {
		err := mgr.Start(ctx)
		if err != nil {
			GinkgoWriter.Println("the operator ended:", err)
		}
		ended <- err
	}()
	stopped := false
	stop = func() {
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

// story tells, when a spec fails, what the operator has written about everything in its namespace.
func story(ctx context.Context, c client.Client, namespace string) {
	var (
		certificates v1.CertificateList
		requests     v1.CertificateRequestList
		orders       acmev1.OrderList
		events       eventsv1.EventList
	)
	for _, list := range []client.ObjectList{&certificates, &requests, &orders, &events} {
		Expect(c.List(ctx, list, client.InNamespace(namespace))).To(Succeed())
	}
	for _, crt := range certificates.Items {
		tell("Certificate", crt.Name, crt.Status)
	}
	for _, cr := range requests.Items {
		tell("CertificateRequest", cr.Name, cr.Status.Conditions)
	}
	for _, order := range orders.Items {
		order.Status.Certificate = nil
		tell("Order", order.Name, order.Status)
	}
	for _, event := range events.Items {
		tell("Event on "+event.Regarding.Kind, event.Regarding.Name, event.Reason+": "+event.Note)
	}
}

func tell(kind, name string, what any) {
	text, err := json.Marshal(what)
	Expect(err).NotTo(HaveOccurred())
	GinkgoWriter.Printf("%s %s: %s\n", kind, name, text)
}
