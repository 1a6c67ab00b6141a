package chart

import (
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/api"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/testkit"
)

var _ = Describe("what is installed", func() {
	DescribeTable("is these kinds and no others", func(r *release) {
		kinds := map[string]int{}
		for _, object := range r.objects {
			kinds[object.GetKind()]++
		}
		Expect(kinds).To(Equal(r.kinds))
	}, eachRelease())

	DescribeTable("carries the release's labels", func(r *release) {
		for _, object := range r.objects {
			Expect(object.GetLabels()).To(HaveKeyWithValue("app.kubernetes.io/instance", r.name), object.GetKind()+" "+object.GetName())
			Expect(object.GetLabels()).To(HaveKeyWithValue("app.kubernetes.io/managed-by", "Helm"), object.GetKind()+" "+object.GetName())
		}
	}, eachRelease())

	DescribeTable("is CRDs of the one group, which stay when the chart goes", func(ctx SpecContext, r *release) {
		var served []string
		for _, object := range ofKind(r.objects, "CustomResourceDefinition") {
			Expect(object.GetAnnotations()).To(HaveKeyWithValue("helm.sh/resource-policy", "keep"))
			served = append(served, object.GetName())
			Eventually(func(g Gomega) {
				crd := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}}
				g.Expect(r.admin().Get(ctx, client.ObjectKeyFromObject(object), crd)).To(Succeed())
				conditions := typed[apiextensionsv1.CustomResourceDefinition](crd).Status.Conditions
				g.Expect(conditions).To(ContainElement(And(
					HaveField("Type", apiextensionsv1.Established), HaveField("Status", apiextensionsv1.ConditionTrue))))
			}).Should(Succeed())
		}
		Expect(served).To(ConsistOf("certificates."+r.names.Group, "certificaterequests."+r.names.Group, "certificaterevocations."+r.names.Group,
			"issuers."+r.names.Group, "clusterissuers."+r.names.Group, "orders."+r.names.ACMEGroup))
	}, eachRelease())

	DescribeTable("names no other API group of ours and no other namespace", func(r *release) {
		for _, object := range r.objects {
			text, err := object.MarshalJSON()
			Expect(err).NotTo(HaveOccurred())
			if r.names.Group != api.DefaultGroup {
				Expect(string(text)).NotTo(ContainSubstring(api.DefaultGroup), object.GetName())
			}
			if r.namespace != "certwright-system" {
				Expect(string(text)).NotTo(ContainSubstring("certwright-system"), object.GetName())
			}
		}
	}, eachRelease())

	DescribeTable("refuses a request that says somebody else made it, or says the truth instead", func(ctx SpecContext, r *release) {
		Eventually(func(g Gomega) {
			request := &v1.CertificateRequest{
				ObjectMeta: metav1.ObjectMeta{Namespace: r.work, Name: "forged"},
				Spec:       v1.CertificateRequestSpec{IssuerRef: v1.IssuerRef{Name: "any"}, Request: []byte("any"), Username: "somebody-else"},
			}
			err := r.admin().Create(ctx, request, client.DryRunAll)
			if !r.fills {
				g.Expect(err).To(MatchError(ContainSubstring("are the identity of whoever creates the request")))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(request.Spec.Username).NotTo(Equal("somebody-else"))
		}).Should(Succeed())
	}, eachRelease())

	It("leaves out CRDs, policies and roles that are made elsewhere", func() {
		kinds := map[string]int{}
		for _, object := range rendered("--set=crds.enabled=false,policies.enabled=false,rbac.create=false,rbac.userRoles=false") {
			kinds[object.GetKind()]++
		}
		Expect(kinds).To(Equal(map[string]int{"Deployment": 1, "Service": 3, "ServiceAccount": 1}))
	})

	It("tells the approval policy of the issuer kinds of other programs", func(ctx SpecContext) {
		const flag = `--set=issuerKinds.FooIssuer\.foo\.example\.com=fooissuers\,Namespaced`
		kinds := only[corev1.ConfigMap](rendered(flag), "ConfigMap")
		Expect(kinds.Data).To(Equal(map[string]string{"FooIssuer.foo.example.com": "fooissuers,Namespaced"}))
		for _, r := range releases {
			for _, object := range ofKind(r.objects, "ValidatingAdmissionPolicyBinding") {
				ref, found, err := unstructured.NestedStringMap(object.Object, "spec", "paramRef")
				Expect(err).NotTo(HaveOccurred())
				if !found {
					continue
				}
				name := types.NamespacedName{Namespace: ref["namespace"], Name: ref["name"]}
				Expect(r.admin().Get(ctx, name, &corev1.ConfigMap{})).To(Succeed(), "the parameters of "+object.GetName())
			}
		}
	})
})

var _ = It("a chart that has this one as a part may switch it by its value enabled", func() {
	parent := GinkgoT().TempDir()
	root, err := testkit.Root()
	Expect(err).NotTo(HaveOccurred())
	Expect(os.WriteFile(filepath.Join(parent, "Chart.yaml"), []byte(`
apiVersion: v2
name: platform
version: 1.0.0
dependencies: [{name: certwright, version: ">=0", condition: certwright.enabled}]
`), 0o600)).To(Succeed())
	Expect(os.CopyFS(filepath.Join(parent, "charts", "certwright"), os.DirFS(filepath.Join(root, "charts", "certwright")))).To(Succeed())
	deployments := func(enabled string) int {
		manifests, problems, err := tool("helm", "template", "platform", parent, "--set=certwright.enabled="+enabled)
		Expect(err).NotTo(HaveOccurred(), problems)
		return len(ofKind(decode(manifests), "Deployment"))
	}
	Expect(deployments("true")).To(Equal(1))
	Expect(deployments("false")).To(BeZero())
})

var _ = It("a name that YAML takes for something else is one all the same", func() {
	manifests, problems, err := tool("helm", "template", "on", "charts/certwright", "--namespace=1e3", "--set=fullnameOverride=certwright",
		`--set-json=namespaces=["1000"]`, `--set-json=clusterResourceNamespace="0x1f"`, "--set=restartOnRenewal.enabled=true",
		"--set=replicaCount=2,networkPolicy.enabled=true,prometheus.serviceMonitor.enabled=true,prometheus.podMonitor.enabled=true",
		"--set=prometheus.rules.enabled=true,prometheus.dashboard.enabled=true",
		`--set-json=dnsSolver.serviceAccountTokens={"1000":["dns"]}`)
	Expect(err).NotTo(HaveOccurred(), problems)
	for _, object := range decode(manifests) {
		what := object.GetKind() + " " + object.GetName()
		_, _, err := unstructured.NestedStringMap(object.Object, "metadata", "labels")
		Expect(err).NotTo(HaveOccurred(), what)
		if namespace, given, err := unstructured.NestedFieldNoCopy(object.Object, "metadata", "namespace"); given {
			Expect(err).NotTo(HaveOccurred())
			Expect(namespace).To(BeAssignableToTypeOf(""), what)
		}
		subjects, _, err := unstructured.NestedSlice(object.Object, "subjects")
		Expect(err).NotTo(HaveOccurred())
		for _, subject := range subjects {
			Expect(subject).To(HaveKeyWithValue("namespace", "1e3"), what)
		}
	}
})

var _ = DescribeTable("users of the pod that differ, or that the cluster chooses, are taken", func(flags ...string) {
	rendered(flags...)
}, Entry("by a cluster", "--set=podSecurityContext=null", "--set=dnsSolver.securityContext=null"),
	Entry("by a cluster, of the pod alone", "--set=podSecurityContext=null"),
	Entry("of containers", "--set=podSecurityContext.runAsUser=1000,dnsSolver.securityContext.runAsUser=1001"),
	Entry("without DNS providers", "--set=dnsSolver.enabled=false,dnsSolver.securityContext=null"))

var _ = DescribeTable("values that cannot work are refused", func(flag, message string) {
	_, problems, err := template(flag)
	Expect(err).To(HaveOccurred())
	Expect(strings.ToLower(problems)).To(ContainSubstring(strings.ToLower(message)))
},
	Entry("one that does not exist", "--set=replicas=2", "additional properties 'replicas' not allowed"),
	Entry("one that does not exist in a group", "--set=image.name=x", "additional properties 'name' not allowed"),
	Entry("an API group without a dot", "--set=apiGroup=certwright", "/apiGroup"),
	Entry("an API group that YAML takes for a number", "--set-string=apiGroup=1.5", "/apiGroup"),
	Entry("an unknown log format", "--set=logFormat=xml", "/logFormat"),
	Entry("a signer that is none", "--set=approveSignerNames={issuers}", "/approveSignerNames/0"),
	Entry("an issuer kind without a scope", `--set=issuerKinds.Foo\.example\.com=foos`, "/issuerKinds"),
	Entry("a namespace that is none", "--set=namespaces={A}", "/namespaces/0"),
	Entry("a nameserver without a port", "--set=dns01.recursiveNameservers={9.9.9.9}", "/dns01/recursiveNameservers/0"),
	Entry("a private network by its name", "--set=allowPrivateAddresses={loopback}", "/allowPrivateAddresses/0"),
	Entry("restarts in a namespace that the operator does not work in", "--set=namespaces={a},restartOnRenewal.enabled=true,restartOnRenewal.namespaces={b}",
		`restartOnRenewal.namespaces has "b", which is not among namespaces`),
	Entry("tokens in a namespace that the operator does not work in", "--set=namespaces={a},dnsSolver.serviceAccountTokens.b={dns}",
		`dnsSolver.serviceAccountTokens has "b", which is neither among namespaces`),
	Entry("tokens of every ServiceAccount", "--set-json=dnsSolver.serviceAccountTokens.b=[]", "/dnsSolver/serviceAccountTokens/b"),
	Entry("tokens of no name", `--set=dnsSolver.serviceAccountTokens.b={*}`, "/dnsSolver/serviceAccountTokens/b/0"),
	Entry("restarts over more than a day", "--set=restartOnRenewal.spread=25h", "/restartOnRenewal/spread"),
	Entry("restarts over no time without a unit", "--set-string=restartOnRenewal.spread=0", "/restartOnRenewal/spread"),
	Entry("a URL of revocation lists that is not http", "--set=crl.baseURL=https://crl.example.com", "/crl/baseURL"),
	Entry("no ServiceAccount", "--set=serviceAccount.create=false", "serviceAccount.name is needed"),
	Entry("DNS providers as the operator's user", "--set=dnsSolver.securityContext.runAsUser=65532", "dnsSolver.securityContext.runAsUser"),
	Entry("DNS providers as the pod's user", "--set=dnsSolver.securityContext=null", "dnsSolver.securityContext.runAsUser"),
	Entry("the operator as the DNS providers' user", "--set=containerSecurityContext.runAsUser=65533", "dnsSolver.securityContext.runAsUser"),
	Entry("a cluster that is too old", "--kube-version=v1.31.0", "requires kubeVersion"),
)
