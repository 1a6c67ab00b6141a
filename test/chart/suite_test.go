// Package chart has the specs of the Helm chart: what it renders, that a real API server takes it, and that the
// operator can work with the rights that it gives and with no others. Nothing imports it.
package chart

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/internal/operator"
	"github.com/certwright/certwright/internal/testkit"
)

var controlPlane *testkit.ControlPlane

func TestChart(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(30 * time.Second)
	SetDefaultEventuallyPollingInterval(50 * time.Millisecond)
	RunSpecs(t, "Chart")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	options := operator.Default()
	options.LogFormat = "text"
	operator.SetLogger(GinkgoWriter, options)
	var err error
	controlPlane, err = testkit.StartControlPlane(testkit.ControlPlaneOptions{
		NoCRDs: true,
		// It asks for the right to set the finalizers of an owner, as some distributions of Kubernetes do.
		APIServer: map[string][]string{"enable-admission-plugins": {"OwnerReferencesPermissionEnforcement"}},
	})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(controlPlane.Stop()).To(Succeed()) })
	for _, release := range releases {
		release.install(ctx)
	}
})

// tool runs one of the pinned tools and gives what it writes to standard output and to standard error.
func tool(name string, arguments ...string) (stdout []byte, stderr string, err error) {
	GinkgoHelper()
	root, err := testkit.Root()
	Expect(err).NotTo(HaveOccurred())
	path, err := exec.Command(filepath.Join(root, "hack", "tools", "build.sh"), name).Output()
	Expect(err).NotTo(HaveOccurred())
	var out, problems bytes.Buffer
	cmd := exec.Command(strings.TrimSpace(string(path)), arguments...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = root, &out, &problems
	err = cmd.Run()
	return out.Bytes(), problems.String(), err
}

// template renders the chart for a cluster that serves everything that the newest one serves.
func template(flags ...string) (manifests []byte, problems string, err error) {
	GinkgoHelper()
	arguments := []string{"template", "certwright", "charts/certwright", "--namespace=certwright-system"}
	return tool("helm", append(append(arguments, newest...), flags...)...)
}

// newest tells helm what a cluster would tell it.
var newest = []string{"--kube-version=v1.37.0", "--api-versions=admissionregistration.k8s.io/v1/MutatingAdmissionPolicy"}

// rendered is the chart's objects with these flags.
func rendered(flags ...string) []*unstructured.Unstructured {
	GinkgoHelper()
	manifests, problems, err := template(flags...)
	Expect(err).NotTo(HaveOccurred(), problems)
	return decode(manifests)
}

func decode(manifests []byte) []*unstructured.Unstructured {
	GinkgoHelper()
	var objects []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifests), 4096)
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(object)
		if errors.Is(err, io.EOF) {
			return objects
		}
		Expect(err).NotTo(HaveOccurred())
		if len(object.Object) > 0 {
			objects = append(objects, object)
		}
	}
}

func ofKind(objects []*unstructured.Unstructured, kind string) []*unstructured.Unstructured {
	var found []*unstructured.Unstructured
	for _, object := range objects {
		if object.GetKind() == kind {
			found = append(found, object)
		}
	}
	return found
}

// only is the one object of a kind, as its type.
func only[T any](objects []*unstructured.Unstructured, kind string) *T {
	GinkgoHelper()
	found := ofKind(objects, kind)
	Expect(found).To(HaveLen(1))
	return typed[T](found[0])
}

func typed[T any](object *unstructured.Unstructured) *T {
	GinkgoHelper()
	result := new(T)
	Expect(runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, result, true)).To(Succeed())
	return result
}

// as is the configuration of a user that the API server takes us for.
func as(user string, groups ...string) *rest.Config {
	config := rest.CopyConfig(controlPlane.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: append(groups, "system:authenticated")}
	return config
}

func createNamespace(ctx context.Context, c client.Client, name string) {
	GinkgoHelper()
	err := c.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	if !apierrors.IsAlreadyExists(err) {
		Expect(err).NotTo(HaveOccurred())
	}
}
