package admission

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/api"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/testkit"
)

// decide asks whether a user could set a condition of a request.
func decide(ctx context.Context, u user, request *v1.CertificateRequest, condition string) func() error {
	return func() error {
		changed := request.DeepCopy()
		changed.Status.Conditions = append(changed.Status.Conditions, v1.Condition{
			Type: condition, Status: metav1.ConditionTrue, Reason: "Spec", Message: "set by a spec",
		})
		return u.Status().Update(ctx, changed, client.DryRunAll)
	}
}

// setIssuerKinds replaces the entries of the ConfigMap that tells the policy of other programs' issuer kinds.
func setIssuerKinds(ctx context.Context, namespace string, entries map[string]string) {
	GinkgoHelper()
	kinds := &corev1.ConfigMap{}
	key := client.ObjectKey{Namespace: namespace, Name: "certwright-issuer-kinds"}
	Expect(admin.Get(ctx, key, kinds)).To(Succeed())
	kinds.Data = entries
	Expect(admin.Update(ctx, kinds)).To(Succeed())
}

var _ = Describe("Approving a request", func() {
	const needs = "approving or denying this request needs the verb approve on signers of certwright.dev named "

	BeforeEach(func(ctx SpecContext) {
		setIssuerKinds(ctx, testkit.DefaultNamespace, map[string]string{
			"Widget.example.com":        "widgets,Namespaced",
			"ClusterGadget.example.com": "clustergadgets,Cluster",
			"Broken.example.com":        "brokens",
		})
	})

	DescribeTable("needs the right to approve for the signer",
		func(ctx SpecContext, ref v1.IssuerRef, message string, signers ...string) {
			request := createRequest(ctx, admin, requestFor(ref))
			stranger := newUser(ctx, names, rest.ImpersonationConfig{UserName: "stranger"})
			for _, decision := range []string{v1.ConditionApproved, v1.ConditionDenied} {
				Eventually(decide(ctx, stranger, request, decision)).Should(beForbidden(needs + message + ":"))
			}
			for _, signer := range signers {
				approver := newUser(ctx, names, rest.ImpersonationConfig{UserName: "approver of " + signer})
				approver.allowSigner(ctx, signer)
				for _, decision := range []string{v1.ConditionApproved, v1.ConditionDenied} {
					Eventually(decide(ctx, approver, request, decision)).Should(Succeed())
				}
			}
		},
		Entry("of an Issuer", v1.IssuerRef{Name: "ca"},
			"issuers.certwright.dev/default.ca or issuers.certwright.dev/*",
			"issuers.certwright.dev/default.ca", "issuers.certwright.dev/*"),
		Entry("of an Issuer whose kind and group are written out", v1.IssuerRef{Name: "ca", Kind: "Issuer", Group: "certwright.dev"},
			"issuers.certwright.dev/default.ca or issuers.certwright.dev/*",
			"issuers.certwright.dev/default.ca"),
		Entry("of a ClusterIssuer", v1.IssuerRef{Name: "ca", Kind: "ClusterIssuer"},
			"clusterissuers.certwright.dev/ca or clusterissuers.certwright.dev/*",
			"clusterissuers.certwright.dev/ca", "clusterissuers.certwright.dev/*"),
		Entry("of another program's kind", v1.IssuerRef{Name: "w", Kind: "Widget", Group: "example.com"},
			"widgets.example.com/default.w or widgets.example.com/*",
			"widgets.example.com/default.w", "widgets.example.com/*", "*"),
		Entry("of another program's cluster-wide kind", v1.IssuerRef{Name: "g", Kind: "ClusterGadget", Group: "example.com"},
			"clustergadgets.example.com/g or clustergadgets.example.com/*",
			"clustergadgets.example.com/g", "clustergadgets.example.com/*", "*"),
		Entry("of a kind that nobody knows", v1.IssuerRef{Name: "u", Kind: "Unknown", Group: "example.com"}, "*", "*"),
		Entry("of a kind that is entered wrongly", v1.IssuerRef{Name: "b", Kind: "Broken", Group: "example.com"}, "*", "*"),
		Entry("of a kind that is ours in name only", v1.IssuerRef{Name: "i", Kind: "Issuer", Group: "example.com"}, "*", "*"),
	)

	DescribeTable("is refused to who may approve for another signer",
		func(ctx SpecContext, ref v1.IssuerRef, allowed v1.IssuerRef, signer string) {
			approver := newUser(ctx, names, rest.ImpersonationConfig{UserName: "only " + signer})
			approver.allowSigner(ctx, signer)
			Eventually(decide(ctx, approver, createRequest(ctx, admin, requestFor(allowed)), v1.ConditionApproved)).Should(Succeed())
			Eventually(decide(ctx, approver, createRequest(ctx, admin, requestFor(ref)), v1.ConditionApproved)).Should(beForbidden(needs))
		},
		Entry("of another name", v1.IssuerRef{Name: "b"}, v1.IssuerRef{Name: "a"}, "issuers.certwright.dev/default.a"),
		Entry("of another kind", v1.IssuerRef{Name: "a", Kind: "ClusterIssuer"}, v1.IssuerRef{Name: "a"}, "issuers.certwright.dev/*"),
		Entry("of our own kind", v1.IssuerRef{Name: "a"}, v1.IssuerRef{Name: "a", Kind: "Widget", Group: "example.com"}, "*"),
		Entry("of a name that looks like another's", v1.IssuerRef{Name: "default.a"}, v1.IssuerRef{Name: "a"}, "issuers.certwright.dev/default.a"),
		Entry("of its own kind, where the kind is unknown", v1.IssuerRef{Name: "a", Kind: "Unknown", Group: "example.com"},
			v1.IssuerRef{Name: "a", Kind: "Widget", Group: "example.com"}, "widgets.example.com/*"),
	)

	It("is no matter for who writes the rest of the status", func(ctx SpecContext) {
		request := createRequest(ctx, admin, requestFor(v1.IssuerRef{Name: "ca"}))
		signer := newUser(ctx, names, rest.ImpersonationConfig{UserName: "issuer"})
		Eventually(decide(ctx, signer, request, v1.ConditionApproved)).Should(beForbidden(needs))
		Expect(decide(ctx, signer, request, v1.ConditionReady)()).To(Succeed())
	})

	It("lets others write the status once it is done", func(ctx SpecContext) {
		request := createRequest(ctx, admin, requestFor(v1.IssuerRef{Name: "ca"}))
		request.Status.Conditions = []v1.Condition{{Type: v1.ConditionApproved, Status: metav1.ConditionTrue}}
		Expect(admin.Status().Update(ctx, request)).To(Succeed())
		signer := newUser(ctx, names, rest.ImpersonationConfig{UserName: "issuer"})
		Eventually(decide(ctx, signer, request, v1.ConditionReady)).Should(Succeed())
	})

	It("cannot be had by naming another issuer along with the decision", func(ctx SpecContext) {
		request := createRequest(ctx, admin, requestFor(v1.IssuerRef{Name: "theirs"}))
		approver := newUser(ctx, names, rest.ImpersonationConfig{UserName: "approver of mine"})
		approver.allowSigner(ctx, "issuers.certwright.dev/default.mine")
		request.Spec.IssuerRef.Name = "mine"
		Eventually(decide(ctx, approver, request, v1.ConditionApproved)).
			Should(beForbidden("issuers.certwright.dev/default.theirs"))
	})

	It("cannot be had by creating a request that is approved", func(ctx SpecContext) {
		request := requestFor(v1.IssuerRef{Name: "ca"})
		request.Status.Conditions = []v1.Condition{{Type: v1.ConditionApproved, Status: metav1.ConditionTrue}}
		Expect(createRequest(ctx, admin, request).Status.Conditions).To(BeEmpty())
	})

	It("is impossible while nothing is known of issuer kinds", func(ctx SpecContext) {
		lost, err := api.NamesFor("lost.example.com")
		Expect(err).NotTo(HaveOccurred())
		installGroup(ctx, lost, "lost-system", "ConfigMap")
		requester := newUser(ctx, lost, rest.ImpersonationConfig{UserName: "requester"})
		request := createRequest(ctx, newClient(controlPlane.Config, lost), requestFor(v1.IssuerRef{Name: "ca"}))
		Eventually(decide(ctx, requester, request, v1.ConditionApproved)).Should(MatchError(ContainSubstring("no params found")))
	})
})
