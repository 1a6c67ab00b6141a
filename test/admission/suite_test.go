// Package admission has the specs of what the API server accepts and refuses: the rules of the CRDs and the
// admission policies, against a real kube-apiserver. Nothing imports it, and no operator runs in it.
package admission

import (
	"context"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/certwright/certwright/api"
	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/testkit"
)

var (
	controlPlane *testkit.ControlPlane
	// admin may do everything.
	admin client.Client
	// names are the default group's, which has all CRDs and all policies.
	names = api.DefaultNames()
)

func TestAdmission(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Admission")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	logf.SetLogger(GinkgoLogr)
	SetDefaultEventuallyTimeout(30 * time.Second)
	SetDefaultEventuallyPollingInterval(100 * time.Millisecond)

	var err error
	controlPlane, err = testkit.StartControlPlane(testkit.ControlPlaneOptions{Names: names})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(controlPlane.Stop)
	admin = newClient(controlPlane.Config, names)
	createNamespace(ctx, testkit.DefaultNamespace)
	installPolicies(ctx, names, testkit.DefaultNamespace)
})

// newClient makes a client that knows the kinds of a group.
func newClient(config *rest.Config, names api.Names) client.Client {
	GinkgoHelper()
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(v1.AddToScheme(names)(scheme))
	utilruntime.Must(acmev1.AddToScheme(names)(scheme))
	c, err := client.New(config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	return c
}

func createNamespace(ctx context.Context, name string) {
	GinkgoHelper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	Expect(admin.Create(ctx, namespace)).To(Succeed())
}
