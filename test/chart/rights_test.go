package chart

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	. "github.com/onsi/gomega/gstruct"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// right is a set of calls. A namespace is "" for the whole cluster.
type right struct {
	namespace, group, resource, subresource, name string
	verbs                                         []string
}

// may asks the API server, as the user of c, about each verb of a right.
func may(ctx context.Context, c client.Client, r right) (allowed, denied []string) {
	GinkgoHelper()
	for _, verb := range r.verbs {
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: r.namespace, Verb: verb, Group: r.group, Version: "*", Resource: r.resource, Subresource: r.subresource, Name: r.name,
			},
		}}
		Expect(c.Create(ctx, review)).To(Succeed())
		if call := fmt.Sprintf("%s %s", verb, r.where()); review.Status.Allowed {
			allowed = append(allowed, call)
		} else {
			denied = append(denied, call)
		}
	}
	return allowed, denied
}

func (r right) where() string {
	return fmt.Sprintf("%s/%s/%s %q in %q", r.group, r.resource, r.subresource, r.name, r.namespace)
}

func expectAllowed(ctx context.Context, c client.Client, rights []right) {
	GinkgoHelper()
	for _, right := range rights {
		Eventually(func() []string { _, denied := may(ctx, c, right); return denied }).Should(BeEmpty())
	}
}

// expectDenied comes after expectAllowed, which waits until the authorizer knows the roles.
func expectDenied(ctx context.Context, c client.Client, rights []right) {
	GinkgoHelper()
	for _, right := range rights {
		allowed, _ := may(ctx, c, right)
		Expect(allowed).To(BeEmpty())
	}
}

var (
	read     = []string{"get", "list", "watch"}
	write    = []string{"create", "update", "patch", "delete", "deletecollection"}
	anything = append(append([]string{}, read...), write...)

	// workloads are what can be restarted.
	workloads = []string{"deployments", "statefulsets", "daemonsets"}
)

// needed is what the operator does in a namespace that it works in.
func (r *release) needed() []right {
	ours, acme := r.names.Group, r.names.ACMEGroup
	rights := r.neededAnywhere()
	if r.restarts {
		for _, resource := range workloads {
			rights = append(rights, right{namespace: r.work, group: "apps", resource: resource, verbs: append([]string{"patch"}, read...)})
		}
	}
	if r.pods() {
		rights = append(rights, right{namespace: r.work, resource: "pods", verbs: []string{"list", "watch", "create", "delete"}})
	}
	for _, account := range r.tokens {
		rights = append(rights, right{namespace: r.work, resource: "serviceaccounts", subresource: "token", name: account, verbs: []string{"create"}})
	}
	return append(rights,
		right{namespace: r.work, group: ours, resource: "certificates", verbs: append([]string{"create", "update", "patch", "delete"}, read...)},
		right{namespace: r.work, group: "networking.k8s.io", resource: "ingresses", verbs: append([]string{"create", "update", "delete"}, read...)},
		right{namespace: r.work, resource: "services", verbs: []string{"list", "watch", "create", "delete"}},
		right{namespace: r.work, group: "discovery.k8s.io", resource: "endpointslices", verbs: []string{"list", "watch", "create", "update", "delete"}},
		right{namespace: r.work, group: "gateway.networking.k8s.io", resource: "gateways", verbs: read},
		right{namespace: r.work, group: "gateway.networking.k8s.io", resource: "listenersets", verbs: read},
		right{namespace: r.work, group: "gateway.networking.k8s.io", resource: "httproutes", verbs: []string{"list", "watch", "create", "update", "delete"}},
		right{namespace: r.work, group: "gateway.networking.k8s.io", resource: "tlsroutes", verbs: []string{"list", "watch", "create", "update", "delete"}},
		right{namespace: r.work, group: "gateway.networking.k8s.io", resource: "referencegrants", verbs: []string{"list", "watch"}},
		right{namespace: r.work, group: ours, resource: "certificaterevocations", verbs: read},
		right{namespace: r.work, group: ours, resource: "certificaterevocations", subresource: "status", verbs: []string{"update"}},
		right{namespace: r.work, group: ours, resource: "certificates", subresource: "status", verbs: []string{"update"}},
		right{namespace: r.work, group: ours, resource: "certificates", subresource: "finalizers", verbs: []string{"update"}},
		right{namespace: r.work, group: ours, resource: "issuers", verbs: read},
		right{namespace: r.work, group: ours, resource: "issuers", subresource: "status", verbs: []string{"update"}},
		right{namespace: r.work, group: ours, resource: "certificaterequests", verbs: append([]string{"create", "delete"}, read...)},
		right{namespace: r.work, group: ours, resource: "certificaterequests", subresource: "status", verbs: []string{"update"}},
		right{namespace: r.work, group: ours, resource: "certificaterequests", subresource: "finalizers", verbs: []string{"update"}},
		right{namespace: r.work, group: acme, resource: "orders", verbs: append([]string{"create", "update"}, read...)},
		right{namespace: r.work, group: acme, resource: "orders", subresource: "status", verbs: []string{"update"}},
		right{namespace: r.work, resource: "secrets", verbs: append([]string{"create", "update", "delete"}, read...)},
		right{namespace: r.work, group: "events.k8s.io", resource: "events", verbs: []string{"create", "patch"}},
	)
}

// neededAnywhere is what the operator does whatever namespaces it works in.
func (r *release) neededAnywhere() []right {
	return []right{
		{group: r.names.Group, resource: "clusterissuers", verbs: read},
		{resource: "namespaces", verbs: []string{"list", "watch"}},
		{group: r.names.Group, resource: "clusterissuers", subresource: "status", verbs: []string{"update"}},
		{group: r.names.Group, resource: "signers", name: "issuers." + r.names.Group + "/*", verbs: []string{"approve"}},
		{namespace: "default", group: "events.k8s.io", resource: "events", verbs: []string{"create", "patch"}},
		{namespace: r.namespace, resource: "secrets", verbs: append([]string{"create", "update"}, read...)},
		{namespace: r.namespace, resource: "events", verbs: []string{"create", "patch"}},
		{namespace: r.namespace, group: "coordination.k8s.io", resource: "leases", verbs: []string{"create"}},
		{namespace: r.namespace, group: "coordination.k8s.io", resource: "leases", name: "certwright." + r.names.Group, verbs: []string{"get", "update"}},
		{namespace: r.namespace, group: "discovery.k8s.io", resource: "endpointslices", verbs: []string{"list", "watch"}},
		{namespace: r.namespace, group: "gateway.networking.k8s.io", resource: "referencegrants", verbs: []string{"get", "list", "create", "update", "delete"}},
		{namespace: r.namespace, resource: "configmaps", verbs: []string{"create"}},
		{namespace: r.namespace, resource: "configmaps", name: optionsOf(r.objects).IssuerKindsConfigMap, verbs: []string{"get", "list", "watch", "update"}},
	}
}

// withheld is what no release lets the operator do, in a namespace that it works in or its own.
func (r *release) withheld() []right {
	var rights []right
	for _, namespace := range []string{"", r.work, r.namespace, "kube-system"} {
		rights = append(rights,
			right{namespace: namespace, resource: "configmaps", verbs: append([]string{"update", "patch", "delete", "deletecollection"}, read...)},
			right{namespace: namespace, resource: "configmaps", name: "another", verbs: append([]string{"update"}, read...)},
			right{namespace: namespace, resource: "pods", verbs: r.withheldOfPods()},
			right{namespace: namespace, resource: "pods", subresource: "exec", verbs: anything},
			right{namespace: namespace, resource: "pods", subresource: "log", verbs: read},
			right{namespace: namespace, resource: "services", verbs: []string{"get", "update", "patch", "deletecollection"}},
			right{namespace: namespace, group: "discovery.k8s.io", resource: "endpointslices", verbs: []string{"get", "patch", "deletecollection"}},
			right{namespace: namespace, resource: "serviceaccounts", verbs: anything},
			right{namespace: namespace, resource: "serviceaccounts", subresource: "token", verbs: anything},
			right{namespace: namespace, resource: "serviceaccounts", subresource: "token", name: "default", verbs: anything},
			right{namespace: namespace, group: "apps", resource: "replicasets", verbs: anything},
			right{namespace: namespace, group: rbacv1.GroupName, resource: "rolebindings", verbs: append([]string{"bind", "escalate"}, anything...)},
			right{namespace: namespace, group: r.names.Group, resource: "issuers", verbs: write},
			right{namespace: namespace, group: r.names.Group, resource: "certificates", verbs: []string{"deletecollection"}},
			right{namespace: namespace, group: "networking.k8s.io", resource: "ingresses", verbs: []string{"patch", "deletecollection"}},
			right{namespace: namespace, group: "networking.k8s.io", resource: "ingresses", subresource: "status", verbs: write},
			right{namespace: namespace, group: "gateway.networking.k8s.io", resource: "gateways", verbs: write},
			right{namespace: namespace, group: "gateway.networking.k8s.io", resource: "listenersets", verbs: write},
			right{namespace: namespace, group: "gateway.networking.k8s.io", resource: "httproutes", verbs: []string{"get", "patch", "deletecollection"}},
			right{namespace: namespace, group: "gateway.networking.k8s.io", resource: "tlsroutes", verbs: []string{"get", "patch", "deletecollection"}},
			right{namespace: namespace, group: "gateway.networking.k8s.io", resource: "referencegrants", verbs: []string{"patch", "deletecollection"}},
			right{namespace: namespace, group: r.names.Group, resource: "certificaterevocations", verbs: write},
			right{namespace: namespace, group: r.names.Group, resource: "certificaterequests", verbs: []string{"update", "patch", "deletecollection"}},
			right{namespace: namespace, group: r.names.ACMEGroup, resource: "orders", verbs: []string{"patch", "delete", "deletecollection"}},
			right{namespace: namespace, resource: "secrets", verbs: []string{"patch", "deletecollection"}},
			right{namespace: namespace, group: "coordination.k8s.io", resource: "leases", name: "another", verbs: anything[0:1]},
		)
		for _, resource := range workloads {
			rights = append(rights,
				right{namespace: namespace, group: "apps", resource: resource, verbs: r.withheldOfWorkloads(namespace)},
				right{namespace: namespace, group: "apps", resource: resource, subresource: "scale", verbs: anything},
				right{namespace: namespace, group: "apps", resource: resource, subresource: "status", verbs: anything})
		}
	}
	for _, namespace := range []string{"", r.work, "kube-system"} {
		rights = append(rights,
			right{namespace: namespace, resource: "configmaps", verbs: []string{"create"}},
			right{namespace: namespace, group: "gateway.networking.k8s.io", resource: "referencegrants", verbs: write})
	}
	return append(rights,
		right{namespace: r.namespace, resource: "configmaps", name: optionsOf(r.objects).IssuerKindsConfigMap, verbs: []string{"patch", "delete"}},
		right{group: rbacv1.GroupName, resource: "clusterroles", verbs: append([]string{"bind", "escalate"}, write...)},
		right{group: r.names.Group, resource: "clusterissuers", verbs: write},
		right{group: r.names.Group, resource: "signers", name: "fooissuers.foo.example.com/*", verbs: []string{"approve"}},
		right{group: "admissionregistration.k8s.io", resource: "validatingadmissionpolicies", verbs: write},
		right{group: "apiextensions.k8s.io", resource: "customresourcedefinitions", verbs: write},
		right{resource: "nodes", verbs: anything},
		right{resource: "namespaces", verbs: write},
		right{resource: "users", verbs: []string{"impersonate"}},
	)
}

// pods says whether the operator may start pods that answer challenges.
func (r *release) pods() bool { return optionsOf(r.objects).HTTP01SolverImage != "" }

// withheldOfPods is what the operator may not do with pods: anything, unless it starts pods.
func (r *release) withheldOfPods() []string {
	if r.pods() {
		return []string{"get", "update", "patch", "deletecollection"}
	}
	return anything
}

// withheldOfWorkloads is what the operator may not do with workloads in a namespace: anything, unless it restarts
// them there.
func (r *release) withheldOfWorkloads(namespace string) []string {
	everywhere := len(optionsOf(r.objects).Namespaces) == 0
	if !r.restarts || !everywhere && namespace != r.work {
		return anything
	}
	return []string{"create", "update", "delete", "deletecollection"}
}

var _ = Describe("the operator's rights", func() {
	DescribeTable("are what it needs, and no more", func(ctx SpecContext, r *release) {
		c := r.client(r.asOperator())
		expectAllowed(ctx, c, r.needed())
		expectDenied(ctx, c, r.withheld())
	}, eachRelease())

	It("end at the namespaces that it was given", func(ctx SpecContext) {
		r := releases[2]
		c := r.client(r.asOperator())
		expectAllowed(ctx, c, r.needed())
		for _, namespace := range []string{"", "work", "kube-system", "default"} {
			expectDenied(ctx, c, []right{
				{namespace: namespace, resource: "secrets", verbs: anything},
				{namespace: namespace, group: r.names.Group, resource: "certificates", verbs: anything},
				{namespace: namespace, group: r.names.Group, resource: "certificaterequests", subresource: "status", verbs: []string{"update"}},
			})
		}
		// Its own namespace has the Secrets of ClusterIssuers: it makes account keys there and changes nothing but
		// what it keeps of the limits of ACME accounts, and revocation lists.
		expectDenied(ctx, c, []right{
			{namespace: r.namespace, resource: "secrets", verbs: []string{"patch", "delete", "deletecollection"}},
			{namespace: "default", resource: "events", verbs: anything},
		})
		for _, namespace := range []string{r.namespace, "tenant-b"} {
			expectDenied(ctx, c, []right{{namespace: namespace, resource: "serviceaccounts", subresource: "token", name: r.tokens[0], verbs: []string{"create"}}})
		}
		for _, resource := range workloads {
			expectDenied(ctx, c, []right{{namespace: "tenant-b", group: "apps", resource: resource, verbs: anything}})
		}
	})

	It("end at the signers that it was told to approve", func(ctx SpecContext) {
		r := releases[2]
		c := r.client(r.asOperator())
		signer := func(name string) []right {
			return []right{{group: r.names.Group, resource: "signers", name: name, verbs: []string{"approve"}}}
		}
		expectAllowed(ctx, c, signer("clusterissuers.narrow.example.com/ca"))
		for _, name := range []string{"clusterissuers.narrow.example.com/other", "clusterissuers.narrow.example.com/*", "*", ""} {
			expectDenied(ctx, c, signer(name))
		}
	})
})

var _ = Describe("what people may do", func() {
	const namespace = "people"
	r := releases[0]

	// bound is a user with one of the chart's roles in a namespace, as the cluster's own role would give it.
	bound := func(ctx context.Context, role string) client.Client {
		GinkgoHelper()
		createNamespace(ctx, r.admin(), namespace)
		Expect(r.admin().Create(ctx, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: role},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: role + "-user"}},
		})).To(Succeed())
		return r.client(as(role + "-user"))
	}

	It("is to read with the role view", func(ctx SpecContext) {
		c := bound(ctx, "certwright-view")
		for _, resource := range []string{"certificates", "certificaterequests", "certificaterevocations", "issuers"} {
			expectAllowed(ctx, c, []right{{namespace: namespace, group: r.names.Group, resource: resource, verbs: read}})
			expectDenied(ctx, c, []right{{namespace: namespace, group: r.names.Group, resource: resource, verbs: write}})
		}
		expectAllowed(ctx, c, []right{{namespace: namespace, group: r.names.ACMEGroup, resource: "orders", verbs: read}})
	})

	It("is to ask for certificates with the role edit, and not to approve or to order", func(ctx SpecContext) {
		c := bound(ctx, "certwright-edit")
		for _, resource := range []string{"certificates", "certificaterequests", "certificaterevocations", "issuers"} {
			expectAllowed(ctx, c, []right{{namespace: namespace, group: r.names.Group, resource: resource, verbs: write}})
		}
		expectAllowed(ctx, c, []right{
			{namespace: namespace, group: r.names.Group, resource: "certificates", subresource: "status", verbs: []string{"update"}},
			{namespace: namespace, group: r.names.ACMEGroup, resource: "orders", verbs: []string{"delete"}},
		})
		expectDenied(ctx, c, []right{
			{namespace: namespace, group: r.names.Group, resource: "certificaterequests", subresource: "status", verbs: write},
			{namespace: namespace, group: r.names.Group, resource: "certificaterevocations", subresource: "status", verbs: write},
			{namespace: namespace, group: r.names.Group, resource: "issuers", subresource: "status", verbs: write},
			{namespace: namespace, group: r.names.ACMEGroup, resource: "orders", verbs: []string{"create", "update", "patch"}},
			{namespace: namespace, group: r.names.ACMEGroup, resource: "orders", subresource: "status", verbs: write},
			{group: r.names.Group, resource: "signers", name: "*", verbs: []string{"approve"}},
			{group: r.names.Group, resource: "clusterissuers", verbs: write},
		})
	})

	It("comes with the cluster's own roles", func() {
		aggregated := map[string][]string{}
		for _, object := range ofKind(r.objects, "ClusterRole") {
			for _, role := range []string{"view", "edit", "admin", "cluster-reader"} {
				if object.GetLabels()["rbac.authorization.k8s.io/aggregate-to-"+role] == "true" {
					aggregated[role] = append(aggregated[role], object.GetName())
				}
			}
		}
		Expect(aggregated).To(MatchAllKeys(Keys{
			"view": ConsistOf("certwright-view"), "edit": ConsistOf("certwright-edit", "certwright-view"),
			"admin":          ConsistOf("certwright-edit", "certwright-view"),
			"cluster-reader": ConsistOf("certwright-cluster-view", "certwright-view"),
		}))
	})
})
