package controllers_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/api"
	"github.com/certwright/certwright/internal/operator"
	"github.com/certwright/certwright/internal/testkit"
)

var (
	plane *testkit.ControlPlane
	names = api.DefaultNames()
)

func TestControllers(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(20 * time.Second)
	SetDefaultEventuallyPollingInterval(20 * time.Millisecond)
	RunSpecs(t, "Controllers")
}

var _ = BeforeSuite(func() {
	options := operator.Default()
	options.LogFormat = "text"
	operator.SetLogger(GinkgoWriter, options)
	var err error
	plane, err = testkit.StartControlPlane(testkit.ControlPlaneOptions{Names: names})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(plane.Stop()).To(Succeed()) })
})

// newClient reads and writes past every cache.
func newClient() client.Client {
	scheme, err := operator.Scheme(names)
	Expect(err).NotTo(HaveOccurred())
	c, err := client.New(plane.Config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	return c
}

// newNamespace is a namespace of the spec's own, so that specs do not see each other.
func newNamespace(ctx context.Context, c client.Client) string {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "spec-"}}
	Expect(c.Create(ctx, namespace)).To(Succeed())
	return namespace.Name
}

// startOperator runs the whole operator on one namespace until stop is called or the spec ends.
func startOperator(namespace string, change ...func(*operator.Options)) (stop func()) {
	options := operator.Default()
	options.Namespaces, options.OwnNamespace = []string{namespace}, namespace
	options.MetricsAddress, options.HealthAddress, options.HTTP01SolverAddress = "0", "0", "0"
	options.SharedProcess = true
	for _, f := range change {
		f(&options)
	}
	ctx, cancel := context.WithCancel(context.Background())
	mgr, err := operator.New(ctx, plane.Config, options)
	Expect(err).NotTo(HaveOccurred())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
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

func describe(object client.Object) string {
	return fmt.Sprintf("%T %s", object, client.ObjectKeyFromObject(object))
}
