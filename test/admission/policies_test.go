package admission

import (
	"context"
	"path/filepath"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gcustom"
	"github.com/onsi/gomega/types"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/certwright/certwright/api"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/testkit"
)

// The policies begin to act a moment after they are applied, and so do roles. Specs of them therefore ask
// again and again, as a dry run, until the answer is the one expected.

// installPolicies applies the policies of a group, but for the kinds of objects left out.
func installPolicies(ctx context.Context, names api.Names, namespace string, leaveOut ...string) {
	GinkgoHelper()
	manifests, err := testkit.Manifests(filepath.Join("config", "policy"), names, namespace)
	Expect(err).NotTo(HaveOccurred())
	for _, manifest := range manifests {
		first := &unstructured.Unstructured{}
		Expect(yaml.Unmarshal(manifest, first)).To(Succeed())
		if !slices.Contains(leaveOut, first.GetKind()) {
			Expect(controlPlane.Apply(ctx, manifest)).To(Succeed())
		}
	}
	if !slices.Contains(leaveOut, "MutatingAdmissionPolicy") {
		awaitIdentities(ctx, names)
	}
}

// awaitIdentities waits until requests are told who asks: as long as a server that mutates by policy does not know the
// schema of a kind that was just installed, it refuses every object of it.
func awaitIdentities(ctx context.Context, names api.Names) {
	GinkgoHelper()
	c := newClient(controlPlane.Config, names)
	Eventually(func() (string, error) {
		request := requestFor(v1.IssuerRef{Name: "ca"})
		err := c.Create(ctx, request, client.DryRunAll)
		return request.Spec.Username, err
	}).ShouldNot(BeEmpty())
}

// installGroup installs the CRDs of another group and its policies, but for the kinds of objects left out.
func installGroup(ctx context.Context, names api.Names, namespace string, leaveOut ...string) {
	GinkgoHelper()
	crds, err := testkit.Manifests(filepath.Join("config", "crd", "bases"), names, "")
	Expect(err).NotTo(HaveOccurred())
	Expect(controlPlane.Apply(ctx, crds...)).To(Succeed())
	createNamespace(ctx, namespace)
	installPolicies(ctx, names, namespace, leaveOut...)
}

// user is somebody who may write requests, their status, and issuers, but may not approve.
type user struct {
	client.Client
	names api.Names
	as    rest.ImpersonationConfig
}

func newUser(ctx context.Context, names api.Names, as rest.ImpersonationConfig) user {
	GinkgoHelper()
	config := rest.CopyConfig(controlPlane.Config)
	config.Impersonate = as
	u := user{Client: newClient(config, names), names: names, as: as}
	u.allow(ctx, rbacv1.PolicyRule{
		APIGroups: []string{names.Group},
		Resources: []string{"certificaterequests", "certificaterequests/status", "issuers"},
		Verbs:     []string{"get", "create", "update"},
	})
	return u
}

// allow gives a user one more right.
func (u user) allow(ctx context.Context, right rbacv1.PolicyRule) {
	GinkgoHelper()
	role := &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "admission-"},
		Rules:      []rbacv1.PolicyRule{right},
	}
	Expect(admin.Create(ctx, role)).To(Succeed())
	Expect(admin.Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: u.as.UserName}},
	})).To(Succeed())
}

// allowSigner lets a user approve for signers of this name.
func (u user) allowSigner(ctx context.Context, signer string) {
	GinkgoHelper()
	u.allow(ctx, rbacv1.PolicyRule{
		APIGroups:     []string{u.names.Group},
		Resources:     []string{"signers"},
		Verbs:         []string{"approve"},
		ResourceNames: []string{signer},
	})
}

// requestFor is a request that has not been created.
func requestFor(ref v1.IssuerRef) *v1.CertificateRequest {
	return &v1.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "request-", Namespace: corev1.NamespaceDefault},
		Spec:       v1.CertificateRequestSpec{IssuerRef: ref, Request: []byte("csr")},
	}
}

// createRequest makes a request for one spec.
func createRequest(ctx context.Context, c client.Client, request *v1.CertificateRequest) *v1.CertificateRequest {
	GinkgoHelper()
	Eventually(func() error { return c.Create(ctx, request) }).Should(Succeed())
	DeferCleanup(func(ctx SpecContext) { Expect(c.Delete(ctx, request)).To(Succeed()) })
	return request
}

// beForbidden matches the error of something that a policy does not let this user do.
func beForbidden(message string) types.GomegaMatcher {
	return And(gcustom.MakeMatcher(func(err error) (bool, error) {
		return apierrors.IsForbidden(err), nil
	}).WithMessage("be forbidden"), MatchError(ContainSubstring(message)))
}
