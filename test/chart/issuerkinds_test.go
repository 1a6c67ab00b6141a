package chart

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/operator"
)

// others is the API group of another program's issuers.
const others = "issuers.example.net"

// serve installs the CRD of an issuer kind of another program.
func serve(kind string, scope apiextensionsv1.ResourceScope) {
	GinkgoHelper()
	plural, anything := strings.ToLower(kind)+"s", true
	_, err := envtest.InstallCRDs(controlPlane.Config, envtest.CRDInstallOptions{CRDs: []*apiextensionsv1.CustomResourceDefinition{{
		ObjectMeta: metav1.ObjectMeta{Name: plural + "." + others},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: others, Scope: scope,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Kind: kind, Plural: plural},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: "v1", Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{
					OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Type: "object", XPreserveUnknownFields: &anything},
				},
			}},
		},
	}}})
	Expect(err).NotTo(HaveOccurred())
}

// issuerKinds is the ConfigMap that the operator is told to keep.
func (r *release) issuerKinds(ctx context.Context) (*corev1.ConfigMap, error) {
	GinkgoHelper()
	kinds := &corev1.ConfigMap{}
	key := client.ObjectKey{Namespace: r.namespace, Name: optionsOf(r.objects).IssuerKindsConfigMap}
	return kinds, r.admin().Get(ctx, key, kinds)
}

func (r *release) entries(ctx context.Context) func() (map[string]string, error) {
	return func() (map[string]string, error) {
		kinds, err := r.issuerKinds(ctx)
		return kinds.Data, err
	}
}

// ask makes a request to an issuer of another program.
func (r *release) ask(ctx context.Context, kind, issuer string) *v1.CertificateRequest {
	GinkgoHelper()
	return r.request(ctx, v1.IssuerRef{Group: others, Kind: kind, Name: issuer})
}

func (r *release) request(ctx context.Context, issuer v1.IssuerRef) *v1.CertificateRequest {
	GinkgoHelper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{"asked.example.test"}}, key)
	Expect(err).NotTo(HaveOccurred())
	request := &v1.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: r.work, GenerateName: "asked-"},
		Spec: v1.CertificateRequestSpec{
			IssuerRef: issuer,
			Request:   pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr}),
		},
	}
	Expect(r.admin().Create(ctx, request)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) { Expect(r.admin().Delete(ctx, request)).To(Succeed()) })
	return request
}

// approver is a user who may write the status of requests, and approve for these signers.
func (r *release) approver(ctx context.Context, user string, signers ...string) client.Client {
	GinkgoHelper()
	role := &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: user},
		Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{r.names.Group}, Resources: []string{"certificaterequests/status"}, Verbs: []string{"update"}},
		},
	}
	if len(signers) > 0 {
		role.Rules = append(role.Rules, rbacv1.PolicyRule{
			APIGroups: []string{r.names.Group}, Resources: []string{"signers"}, Verbs: []string{"approve"}, ResourceNames: signers,
		})
	}
	Expect(r.admin().Create(ctx, role)).To(Succeed())
	Expect(r.admin().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: user},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: user},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	})).To(Succeed())
	return r.client(as(user))
}

// approving asks whether a user could approve a request.
func (r *release) approving(ctx context.Context, user client.Client, request *v1.CertificateRequest) func() error {
	return func() error {
		changed := &v1.CertificateRequest{}
		if err := r.admin().Get(ctx, client.ObjectKeyFromObject(request), changed); err != nil {
			return err
		}
		changed.Status.Conditions = append(changed.Status.Conditions, v1.Condition{
			Type: v1.ConditionApproved, Status: metav1.ConditionTrue, Reason: "Spec", Message: "set by a spec",
		})
		return user.Status().Update(ctx, changed, client.DryRunAll)
	}
}

var _ = Describe("the ConfigMap of issuer kinds", func() {
	// This release approves nothing of other programs by itself, and works in some namespaces only, of which the
	// ConfigMap's is none.
	r := releases[2]
	// withEntries are entries and anything else.
	withEntries := func(entries map[string]string) OmegaMatcher {
		var all []OmegaMatcher
		for key, value := range entries {
			all = append(all, HaveKeyWithValue(key, value))
		}
		return And(all...)
	}

	DescribeTable("comes back when it is deleted, and approval with it", func(ctx SpecContext, r *release) {
		serve("Returner", apiextensionsv1.NamespaceScoped)
		r.ask(ctx, "Returner", "any")
		r.run(ctx, func(options *operator.Options) {
			options.ApproveSignerNames = []string{"issuers." + r.names.Group + "/*"}
		})
		entered := withEntries(map[string]string{"Returner." + others: "returners,Namespaced"})
		Eventually(r.entries(ctx)).Should(entered)
		lost, err := r.issuerKinds(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(r.admin().Delete(ctx, lost)).To(Succeed())
		Eventually(func(g Gomega) {
			kinds, err := r.issuerKinds(ctx)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(kinds.UID).NotTo(Equal(lost.UID))
			g.Expect(kinds.Data).To(entered)
		}).Should(Succeed())
		request := r.request(ctx, v1.IssuerRef{Name: "absent"})
		Eventually(func(g Gomega) {
			g.Expect(r.admin().Get(ctx, client.ObjectKeyFromObject(request), request)).To(Succeed())
			g.Expect(condition.IsTrue(request.Status.Conditions, v1.ConditionApproved)).To(BeTrue())
		}).Should(Succeed())
	}, eachRelease())

	It("is made where it never was", func(ctx SpecContext) {
		lost, err := r.issuerKinds(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(r.admin().Delete(ctx, lost)).To(Succeed())
		r.run(ctx)
		Eventually(r.entries(ctx)).Should(BeEmpty())
	})

	DescribeTable("gets the kinds that requests name, so that each issuer can have its approver",
		func(ctx SpecContext, kind string, scope apiextensionsv1.ResourceScope, value, signer string) {
			serve(kind, scope)
			r.run(ctx)
			request := r.ask(ctx, kind, "mine")
			Eventually(r.entries(ctx)).Should(HaveKeyWithValue(kind+"."+others, value))

			stranger := r.approver(ctx, "stranger to "+kind)
			Eventually(r.approving(ctx, stranger, request)).Should(And(
				Satisfy(apierrors.IsForbidden), MatchError(ContainSubstring("named "+signer+" or "))))
			approver := r.approver(ctx, "approver of "+kind, signer)
			Eventually(r.approving(ctx, approver, request)).Should(Succeed())
			// Until the operator has written that it waits, an approval can be a conflict.
			Eventually(r.approving(ctx, approver, r.ask(ctx, kind, "theirs"))).Should(Satisfy(apierrors.IsForbidden))
		},
		Entry("in a namespace", "Widget", apiextensionsv1.NamespaceScoped, "widgets,Namespaced", "widgets."+others+"/tenant-a.mine"),
		Entry("of the cluster", "ClusterWidget", apiextensionsv1.ClusterScoped, "clusterwidgets,Cluster", "clusterwidgets."+others+"/mine"),
	)

	It("leaves its approval to an operator that was told to approve for all issuers of other programs", func(ctx SpecContext) {
		r := releases[0]
		serve("Told", apiextensionsv1.NamespaceScoped)
		r.run(ctx)
		r.ask(ctx, "Told", "first")
		Eventually(r.entries(ctx)).Should(HaveKey("Told." + others))
		request := r.ask(ctx, "Told", "second")
		Eventually(func(g Gomega) {
			g.Expect(r.admin().Get(ctx, client.ObjectKeyFromObject(request), request)).To(Succeed())
			g.Expect(condition.IsTrue(request.Status.Conditions, v1.ConditionApproved)).To(BeTrue())
		}).Should(Succeed())
	})

	It("gets a kind that was served too late by the next request that names it", func(ctx SpecContext) {
		serve("Early", apiextensionsv1.NamespaceScoped)
		r.run(ctx)
		r.ask(ctx, "Late", "any")
		r.ask(ctx, "early", "any")
		r.ask(ctx, "Early", "any")
		// By then, the kinds of the requests before it have been looked up too.
		Eventually(r.entries(ctx)).Should(HaveKeyWithValue("Early."+others, "earlys,Namespaced"))
		Expect(r.entries(ctx)()).NotTo(Or(HaveKey("Late."+others), HaveKey("early."+others)))

		serve("Late", apiextensionsv1.ClusterScoped)
		r.ask(ctx, "Late", "again")
		Eventually(r.entries(ctx)).Should(HaveKeyWithValue("Late."+others, "lates,Cluster"))
	})

	It("keeps what others wrote, and is not written again for what it has", func(ctx SpecContext) {
		for _, kind := range []string{"Gadget", "Gizmo"} {
			serve(kind, apiextensionsv1.NamespaceScoped)
		}
		// The operator has answered for all that is asked before, then for an entry that somebody else made.
		theirs := map[string]string{"Gadget." + others: "gadgets,Cluster", "Absent.example.org": "absents,Namespaced"}
		Eventually(func(g Gomega) {
			kinds, err := r.issuerKinds(ctx)
			if apierrors.IsNotFound(err) {
				kinds.Namespace, kinds.Name = r.namespace, optionsOf(r.objects).IssuerKindsConfigMap
				g.Expect(r.admin().Create(ctx, kinds)).To(Succeed())
			}
			kinds.Labels, kinds.Annotations = map[string]string{"their": "label"}, map[string]string{"their": "annotation"}
			kinds.Data = theirs
			g.Expect(r.admin().Update(ctx, kinds)).To(Succeed())
		}).Should(Succeed())
		r.ask(ctx, "Gadget", "any")
		var writes atomic.Int32
		r.run(ctx, func(options *operator.Options) {
			options.WrapAPI = func(next http.RoundTripper) http.RoundTripper {
				return roundTripper(func(request *http.Request) (*http.Response, error) {
					if request.Method != http.MethodGet && strings.Contains(request.URL.Path, "/configmaps") {
						writes.Add(1)
					}
					return next.RoundTrip(request)
				})
			}
		})
		r.ask(ctx, "Gizmo", "any")
		r.ask(ctx, "Gadget", "another")
		Eventually(r.entries(ctx)).Should(HaveKeyWithValue("Gizmo."+others, "gizmos,Namespaced"))
		kinds, err := r.issuerKinds(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(kinds.Data).To(withEntries(theirs))
		Expect(kinds.Labels).To(HaveKeyWithValue("their", "label"))
		Expect(kinds.Annotations).To(HaveKeyWithValue("their", "annotation"))
		Expect(writes.Load()).To(BeEquivalentTo(1))
	})
})

// The operator is another writer of an object that is Helm's: neither may take away what the other has written.
var _ = DescribeTable("helm upgrade leaves the operator's entries alone", func(ctx SpecContext, name, how string) {
	c := releases[0].admin()
	kubeconfig := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
	Expect(os.WriteFile(kubeconfig, controlPlane.KubeConfig, 0o600)).To(Succeed())
	helm := func(arguments ...string) {
		GinkgoHelper()
		_, problems, err := tool("helm", append(arguments, name, "charts/certwright", how, "--kubeconfig="+kubeconfig, "--namespace="+name,
			"--set=crds.enabled=false,fullnameOverride=kinds,rbac.create=false,rbac.userRoles=false,apiGroup="+name+".example.com")...)
		Expect(err).NotTo(HaveOccurred(), problems)
	}
	kinds := &corev1.ConfigMap{}
	key := client.ObjectKey{Namespace: name, Name: "kinds-issuer-kinds"}
	expectEntries := func(entries map[string]string) {
		GinkgoHelper()
		kinds = &corev1.ConfigMap{}
		Expect(c.Get(ctx, key, kinds)).To(Succeed())
		Expect(kinds.Data).To(Equal(entries))
		Expect(kinds.Labels).To(HaveKeyWithValue("app.kubernetes.io/managed-by", "Helm"))
	}
	asOperator := client.WithFieldOwner(c, "certwright")

	helm("install", "--create-namespace", `--set=issuerKinds.Old\.example\.org=olds\,Cluster`)
	expectEntries(map[string]string{"Old.example.org": "olds,Cluster"})
	kinds.Data["Added."+others] = "addeds,Cluster"
	Expect(asOperator.Update(ctx, kinds)).To(Succeed())
	helm("upgrade", `--set=issuerKinds.New\.example\.org=news\,Cluster`)
	expectEntries(map[string]string{"New.example.org": "news,Cluster", "Added." + others: "addeds,Cluster"})
	helm("upgrade")
	expectEntries(map[string]string{"Added." + others: "addeds,Cluster"})

	// The operator knows nothing of Helm's labels: the next upgrade brings them back.
	Expect(c.Delete(ctx, kinds)).To(Succeed())
	Expect(asOperator.Create(ctx, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: key.Name}, Data: map[string]string{"Added." + others: "addeds,Cluster"},
	})).To(Succeed())
	helm("upgrade", `--set=issuerKinds.New\.example\.org=news\,Cluster`)
	expectEntries(map[string]string{"New.example.org": "news,Cluster", "Added." + others: "addeds,Cluster"})
},
	Entry("merging in the server", "upgrade-server", "--server-side=true"),
	Entry("merging by itself", "upgrade-client", "--server-side=false"),
)
