package chart

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/api"
	"github.com/certwright/certwright/internal/operator"
)

// release is one way to install the chart. Each has an API group of its own, so that all of them fit into one
// API server.
type release struct {
	title string
	// name is the release's: roles and their bindings are in no namespace, so each has its own.
	name string
	// namespace is where the operator is, and where the Secrets of ClusterIssuers are.
	namespace string
	// work is a namespace that the operator works in.
	work  string
	names api.Names
	// cluster is what helm knows of the cluster, values what is set.
	cluster, values []string
	// kinds is how many objects there are of each kind.
	kinds map[string]int
	// fills says whether the API server writes who made a request.
	fills bool
	// tokens are the ServiceAccounts in work whose tokens the operator makes.
	tokens []string
	// restarts says whether the operator restarts workloads in work, and there alone if it works in some
	// namespaces only.
	restarts bool

	objects []*unstructured.Unstructured
}

var releases = []*release{
	{
		title: "no values set", name: "certwright", namespace: "certwright-system", work: "work",
		names: api.DefaultNames(), cluster: newest, kinds: everywhere, fills: true,
	},
	{
		title: "the API group of cert-manager", name: "takeover", namespace: "takeover", work: "takeover-work",
		names: group("cert-manager.io"), cluster: newest,
		values: []string{"--set=apiGroup=cert-manager.io", "--set=restartOnRenewal.enabled=true"},
		kinds:  with(everywhere, map[string]int{"ClusterRole": 7, "ClusterRoleBinding": 4}), fills: true, restarts: true,
	},
	{
		title: "some namespaces only", name: "narrow", namespace: "narrow", work: "tenant-a",
		names: group("narrow.example.com"), cluster: newest,
		values: []string{
			"--set=apiGroup=narrow.example.com", "--set=namespaces={tenant-a,tenant-b}",
			"--set=restartOnRenewal.enabled=true,restartOnRenewal.namespaces={tenant-a}",
			"--set=dnsSolver.serviceAccountTokens.tenant-a={dns,dns-backup}",
			"--set=approveSignerNames={issuers.narrow.example.com/*,clusterissuers.narrow.example.com/ca,clusterissuers.narrow.example.com/acme}",
		},
		kinds: inSomeNamespaces, fills: true, restarts: true, tokens: []string{"dns", "dns-backup"},
	},
	{
		title: "a cluster without MutatingAdmissionPolicy, and no solver pods", name: "older", namespace: "older", work: "older-work",
		names: group("older.example.com"), cluster: []string{"--kube-version=v1.35.0"},
		values: []string{"--set=apiGroup=older.example.com", "--set=http01Solver.pods.enabled=false"}, kinds: with(withoutMutation, withoutPods),
	},
}

var (
	everywhere = map[string]int{
		"ClusterRole": 6, "ClusterRoleBinding": 3, "ConfigMap": 1, "CustomResourceDefinition": 6, "Deployment": 1,
		"MutatingAdmissionPolicy": 1, "MutatingAdmissionPolicyBinding": 1, "Role": 1, "RoleBinding": 1, "Service": 3,
		"ServiceAccount": 1, "ValidatingAdmissionPolicy": 4, "ValidatingAdmissionPolicyBinding": 4,
	}
	// inSomeNamespaces has two bindings less for the cluster, two for each namespace, two roles for ClusterIssuers,
	// one for workloads in one namespace, and one for tokens there.
	inSomeNamespaces = with(everywhere, map[string]int{"ClusterRole": 7, "ClusterRoleBinding": 1, "Role": 4, "RoleBinding": 9})
	withoutMutation  = with(everywhere, map[string]int{"MutatingAdmissionPolicy": 0, "MutatingAdmissionPolicyBinding": 0})
	// withoutPods lacks the role for solver pods, and its binding.
	withoutPods = map[string]int{"ClusterRole": 5, "ClusterRoleBinding": 2}
)

func with(kinds, other map[string]int) map[string]int {
	result := map[string]int{}
	for _, from := range []map[string]int{kinds, other} {
		for kind, count := range from {
			if result[kind] = count; count == 0 {
				delete(result, kind)
			}
		}
	}
	return result
}

func group(name string) api.Names {
	names, err := api.NamesFor(name)
	if err != nil {
		panic(err)
	}
	return names
}

// install applies what helm renders, in helm's order.
func (r *release) install(ctx context.Context) {
	GinkgoHelper()
	arguments := append([]string{"template", r.name, "charts/certwright", "--namespace=" + r.namespace}, r.cluster...)
	manifests, problems, err := tool("helm", append(arguments, r.values...)...)
	Expect(err).NotTo(HaveOccurred(), problems)
	r.objects = decode(manifests)
	for _, namespace := range []string{r.namespace, r.work, "tenant-b"} {
		createNamespace(ctx, r.admin(), namespace)
	}
	Expect(controlPlane.Apply(ctx, manifests)).To(Succeed())
}

// admin may do everything.
func (r *release) admin() client.Client {
	GinkgoHelper()
	return r.client(controlPlane.Config)
}

func (r *release) client(config *rest.Config) client.Client {
	GinkgoHelper()
	scheme, err := operator.Scheme(r.names)
	Expect(err).NotTo(HaveOccurred())
	c, err := client.New(config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	return c
}

// user is the operator's ServiceAccount, which the Deployment names.
func (r *release) user() string {
	GinkgoHelper()
	account := podOf(r.objects).ServiceAccountName
	Expect(ofKind(r.objects, "ServiceAccount")).To(ConsistOf(HaveField("GetName()", account)))
	return "system:serviceaccount:" + r.namespace + ":" + account
}

func (r *release) asOperator() *rest.Config {
	return as(r.user(), "system:serviceaccounts", "system:serviceaccounts:"+r.namespace)
}

// eachRelease is the entries of a table with a row for every release.
func eachRelease() []TableEntry {
	entries := make([]TableEntry, 0, len(releases))
	for _, release := range releases {
		entries = append(entries, Entry(release.title, release))
	}
	return entries
}
