package controllers_test

import (
	"context"
	"io"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/operator"
	"github.com/certwright/certwright/internal/testkit"
)

var _ = Describe("certificate requests", func() {
	s := eachInItsOwnSpace()

	onlyRequest := func(ctx context.Context) *v1.CertificateRequest {
		GinkgoHelper()
		var requests []v1.CertificateRequest
		Eventually(func() (_ []v1.CertificateRequest, err error) {
			requests, err = requestsIn(ctx, s, s.namespace)
			return requests, err
		}).Should(HaveLen(1))
		return &requests[0]
	}

	// unapproved starts an operator that leaves the approval to others, and asks it for a Certificate.
	unapproved := func(ctx context.Context, change ...func(*operator.Options)) *v1.Certificate {
		GinkgoHelper()
		startOperator(s.namespace, append(change, func(options *operator.Options) {
			options.ApproveSignerNames = []string{"issuers.example.test/*"}
		})...)
		crt := certificate(s.namespace, "leaf", "selfsigned")
		create(ctx, s, selfSigned(s.namespace), crt)
		return crt
	}

	It("are approved for an external issuer, whose answer is stored", func(ctx SpecContext) {
		startOperator(s.namespace)
		crt := certificate(s.namespace, "leaf", "theirs", func(crt *v1.Certificate) {
			crt.Spec.IssuerRef.Group, crt.Spec.IssuerRef.Kind = "issuers.example.test", "TheirIssuer"
		})
		create(ctx, s, crt)
		var request *v1.CertificateRequest
		Eventually(func() bool {
			request = onlyRequest(ctx)
			return condition.IsTrue(request.Status.Conditions, v1.ConditionApproved)
		}).Should(BeTrue())
		request.Status.Certificate = signExternally(request)
		setTrue(&request.Status.Conditions, v1.ConditionReady, v1.ReasonIssued)
		Expect(s.Status().Update(ctx, request)).To(Succeed())
		expectReady(ctx, s, crt)
		expectPair(ctx, s, crt)
	})

	It("wait for approval where the operator may not give it", func(ctx SpecContext) {
		crt := unapproved(ctx)
		var request *v1.CertificateRequest
		Eventually(func(g Gomega) {
			request = onlyRequest(ctx)
			ready := condition.Get(request.Status.Conditions, v1.ConditionReady)
			g.Expect(ready).NotTo(BeNil())
			g.Expect(ready.Message).To(Equal("waiting for approval"))
		}).Should(Succeed())
		setTrue(&request.Status.Conditions, v1.ConditionApproved, "Spec")
		Expect(s.Status().Update(ctx, request)).To(Succeed())
		expectReady(ctx, s, crt)
		expectPair(ctx, s, crt)
	})

	It("that are denied fail their attempt, and the Certificate says why and when the next one is", func(ctx SpecContext) {
		crt := unapproved(ctx)
		Eventually(func() error {
			request := onlyRequest(ctx)
			setTrue(&request.Status.Conditions, v1.ConditionDenied, "Spec")
			return s.Status().Update(ctx, request)
		}).Should(Succeed())
		expectFailed(ctx, s, crt, v1.ReasonDenied)
		Expect(crt.Status.Issuance.NextAttemptTime).NotTo(BeNil())
		Expect(crt.Status.Issuance.LastError.Detail).To(ContainSubstring("by the spec"))
	})

	It("with a CSR that cannot be read are refused with a sentence", func(ctx SpecContext) {
		startOperator(s.namespace)
		create(ctx, s, selfSigned(s.namespace), &v1.CertificateRequest{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "broken"},
			Spec:       v1.CertificateRequestSpec{IssuerRef: v1.IssuerRef{Name: "selfsigned"}, Request: []byte("-----BEGIN CERTIFICATE REQUEST-----\nrubbish\n-----END CERTIFICATE REQUEST-----\n")},
		})
		Eventually(func(g Gomega) {
			request := onlyRequest(ctx)
			g.Expect(condition.IsTrue(request.Status.Conditions, v1.ConditionInvalidRequest)).To(BeTrue())
			ready := condition.Get(request.Status.Conditions, v1.ConditionReady)
			g.Expect(ready.Reason).To(Equal(v1.ReasonFailed))
			g.Expect(ready.Message).To(ContainSubstring("spec.request cannot be used"))
			g.Expect(request.Status.FailureTime).NotTo(BeNil())
		}).Should(Succeed())
	})

	It("cost no more API calls than the floor, and a settled Certificate none after a restart", func(ctx SpecContext) {
		stop := startOperator(s.namespace)
		// A leaf beside shows that the issuers are ready and written down.
		issueLeaf(ctx, s)
		stop()
		issuing := testkit.NewFaults(nil)
		stop = startOperator(s.namespace, countedBy(issuing))
		issue(ctx, s, certificate(s.namespace, "second", "ca"))
		// The event is sent in the background: it is the last call of an issuance.
		Eventually(func() int { return issuing.Count("POST events") }).Should(Equal(1))
		stop()
		Expect(issuing.Calls()).To(ConsistOf(atStart,
			"POST certificaterequests", "PUT certificaterequests/status", "POST secrets", "PUT certificates/status", "POST events"))

		settled := testkit.NewFaults(nil)
		startOperator(s.namespace, countedBy(settled))
		// What the restarted operator does for a new Certificate comes after everything it finds to do
		// about the old ones.
		issue(ctx, s, certificate(s.namespace, "another", "ca"))
		Eventually(func() int { return settled.Count("POST events") }).Should(Equal(1))
		Expect(settled.Calls()).To(And(HaveLen(6), ContainElement(atStart)), "a settled Certificate was written or read again")
	})

	It("are made anew for every leaf when the key of their CA changes", func(ctx SpecContext) {
		startOperator(s.namespace)
		leaf := issueLeaf(ctx, s)
		root := &v1.Certificate{}
		Expect(s.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: "root"}, root)).To(Succeed())
		trigger(ctx, s, root)
		Eventually(revisionOf(ctx, s, root)).Should(Equal(2))
		Eventually(revisionOf(ctx, s, leaf)).Should(Equal(2))
		ca := targetSecret(ctx, s, root)
		Eventually(func(g Gomega) {
			g.Expect(targetSecret(ctx, s, leaf).Data["ca.crt"]).To(Equal(ca.Data[corev1.TLSCertKey]))
		}).Should(Succeed())
	})

	It("of a renewal by hand get a new key, or the same one where the policy says so", func(ctx SpecContext) {
		startOperator(s.namespace)
		caChain(ctx, s, s.namespace)
		rotating := certificate(s.namespace, "rotating", "ca")
		keeping := certificate(s.namespace, "keeping", "ca", keepingItsKey)
		for crt, same := range map[*v1.Certificate]bool{rotating: false, keeping: true} {
			issue(ctx, s, crt)
			before := targetSecret(ctx, s, crt).Data[corev1.TLSPrivateKeyKey]
			trigger(ctx, s, crt)
			Eventually(revisionOf(ctx, s, crt)).Should(Equal(2))
			Expect(string(targetSecret(ctx, s, crt).Data[corev1.TLSPrivateKeyKey]) == string(before)).To(Equal(same), crt.Name)
		}
	})

	// With approval by others, the key is kept in a Secret and the attempt is written down.
	DescribeTable("that the API server refuses are asked for later and later, and the Certificate says so", func(ctx SpecContext, err *apierrors.StatusError) {
		refused := &refusals{label: "POST certificaterequests", first: 1, err: err}
		crt := unapproved(ctx, refused.refuse)
		expectFailed(ctx, s, crt, v1.ReasonWriteRefused, err.Error())
		Consistently(refused.calls).WithTimeout(3 * time.Second).Should(BeNumerically("<=", 2))
		var staged corev1.SecretList
		Expect(s.List(ctx, &staged, client.InNamespace(s.namespace), client.MatchingLabels{names.Label.NextPrivateKey: "true"})).To(Succeed())
		Expect(staged.Items).To(BeEmpty(), "staged keys are left over")
	},
		Entry("by a policy", apierrors.NewForbidden(schema.GroupResource{Resource: "certificaterequests"}, "leaf-1", io.ErrUnexpectedEOF)),
		Entry("for a webhook that does not answer", apierrors.NewInternalError(io.ErrUnexpectedEOF)),
	)
})

// atStart is the one call of an operator that starts: it reads the key that what it issues is recorded with.
const atStart = "GET secrets"

// trigger asks for a new certificate as people and tools do: by the condition Issuing.
func trigger(ctx context.Context, c client.Client, crt *v1.Certificate) {
	GinkgoHelper()
	Eventually(func() error {
		if err := c.Get(ctx, client.ObjectKeyFromObject(crt), crt); err != nil {
			return err
		}
		setTrue(&crt.Status.Conditions, v1.ConditionIssuing, v1.ReasonManuallyTriggered)
		return c.Status().Update(ctx, crt)
	}).Should(Succeed())
}

func setTrue(conditions *[]v1.Condition, conditionType, reason string) {
	*conditions = condition.Set(*conditions, v1.Condition{
		Type: conditionType, Status: metav1.ConditionTrue, Reason: reason, Message: "by the spec",
	}, time.Now())
}
