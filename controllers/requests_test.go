package controllers_test

import (
	"context"
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/operator"
	"github.com/certwright/certwright/internal/pki"
	"github.com/certwright/certwright/internal/testkit"
)

var _ = Describe("certificate requests", func() {
	var (
		ctx       context.Context
		c         client.Client
		namespace string
	)
	BeforeEach(func() {
		ctx, c = context.Background(), newClient()
		namespace = newNamespace(ctx, c)
	})

	onlyRequest := func() *v1.CertificateRequest {
		GinkgoHelper()
		var requests v1.CertificateRequestList
		Eventually(func(g Gomega) {
			g.Expect(c.List(ctx, &requests, client.InNamespace(namespace))).To(Succeed())
			g.Expect(requests.Items).To(HaveLen(1))
		}).Should(Succeed())
		return &requests.Items[0]
	}
	setCondition := func(request *v1.CertificateRequest, conditionType, reason string) {
		request.Status.Conditions = condition.Set(request.Status.Conditions, v1.Condition{
			Type: conditionType, Status: metav1.ConditionTrue, Reason: reason, Message: "by the spec",
		}, time.Now())
	}

	It("are approved for an external issuer, whose answer is stored", func() {
		startOperator(namespace)
		crt := certificate(namespace, "leaf", "theirs", func(crt *v1.Certificate) {
			crt.Spec.IssuerRef.Group, crt.Spec.IssuerRef.Kind = "issuers.example.test", "TheirIssuer"
		})
		Expect(c.Create(ctx, crt)).To(Succeed())
		var request *v1.CertificateRequest
		Eventually(func() bool {
			request = onlyRequest()
			return condition.IsTrue(request.Status.Conditions, v1.ConditionApproved)
		}).Should(BeTrue())
		request.Status.Certificate = signExternally(request)
		setCondition(request, v1.ConditionReady, v1.ReasonIssued)
		Expect(c.Status().Update(ctx, request)).To(Succeed())
		expectReady(ctx, c, crt)
		expectPair(ctx, c, crt)
	})

	It("wait for approval where the operator may not give it", func() {
		startOperator(namespace, func(options *operator.Options) { options.ApproveSignerNames = []string{"issuers.example.test/*"} })
		Expect(c.Create(ctx, issuer(namespace, "selfsigned", v1.IssuerSpec{SelfSigned: &v1.SelfSignedIssuer{}}))).To(Succeed())
		crt := certificate(namespace, "leaf", "selfsigned")
		Expect(c.Create(ctx, crt)).To(Succeed())
		var request *v1.CertificateRequest
		Eventually(func(g Gomega) {
			request = onlyRequest()
			ready := condition.Get(request.Status.Conditions, v1.ConditionReady)
			g.Expect(ready).NotTo(BeNil())
			g.Expect(ready.Message).To(Equal("waiting for approval"))
		}).Should(Succeed())
		setCondition(request, v1.ConditionApproved, "Spec")
		Expect(c.Status().Update(ctx, request)).To(Succeed())
		expectReady(ctx, c, crt)
		expectPair(ctx, c, crt)
	})

	It("that are denied fail their attempt, and the Certificate says why and when the next one is", func() {
		startOperator(namespace, func(options *operator.Options) { options.ApproveSignerNames = []string{"issuers.example.test/*"} })
		Expect(c.Create(ctx, issuer(namespace, "selfsigned", v1.IssuerSpec{SelfSigned: &v1.SelfSignedIssuer{}}))).To(Succeed())
		crt := certificate(namespace, "leaf", "selfsigned")
		Expect(c.Create(ctx, crt)).To(Succeed())
		request := onlyRequest()
		Eventually(func() error {
			request = onlyRequest()
			setCondition(request, v1.ConditionDenied, "Spec")
			return c.Status().Update(ctx, request)
		}).Should(Succeed())
		Eventually(func(g Gomega) {
			g.Expect(c.Get(ctx, client.ObjectKeyFromObject(crt), crt)).To(Succeed())
			issuing := condition.Get(crt.Status.Conditions, v1.ConditionIssuing)
			g.Expect(issuing).NotTo(BeNil())
			g.Expect(issuing.Reason).To(Equal(v1.ReasonDenied))
			g.Expect(crt.Status.Issuance.NextAttemptTime).NotTo(BeNil())
			g.Expect(crt.Status.Issuance.LastError.Detail).To(ContainSubstring("by the spec"))
		}).Should(Succeed())
	})

	It("with a CSR that cannot be read are refused with a sentence", func() {
		startOperator(namespace)
		Expect(c.Create(ctx, issuer(namespace, "selfsigned", v1.IssuerSpec{SelfSigned: &v1.SelfSignedIssuer{}}))).To(Succeed())
		Expect(c.Create(ctx, &v1.CertificateRequest{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "broken"},
			Spec:       v1.CertificateRequestSpec{IssuerRef: v1.IssuerRef{Name: "selfsigned"}, Request: []byte("-----BEGIN CERTIFICATE REQUEST-----\nrubbish\n-----END CERTIFICATE REQUEST-----\n")},
		})).To(Succeed())
		Eventually(func(g Gomega) {
			request := onlyRequest()
			g.Expect(condition.IsTrue(request.Status.Conditions, v1.ConditionInvalidRequest)).To(BeTrue())
			ready := condition.Get(request.Status.Conditions, v1.ConditionReady)
			g.Expect(ready.Reason).To(Equal(v1.ReasonFailed))
			g.Expect(ready.Message).To(ContainSubstring("spec.request cannot be used"))
			g.Expect(request.Status.FailureTime).NotTo(BeNil())
		}).Should(Succeed())
	})

	It("cost no more API calls than the floor, and a settled Certificate none after a restart", func() {
		stop := startOperator(namespace)
		caChain(ctx, c, namespace)
		stop()
		issuing := testkit.NewFaults(nil)
		stop = startOperator(namespace, countedBy(issuing))
		crt := certificate(namespace, "leaf", "ca")
		Expect(c.Create(ctx, crt)).To(Succeed())
		expectReady(ctx, c, crt)
		// The event is sent in the background: it is the last call of an issuance.
		Eventually(func() int { return issuing.Count("POST events") }).Should(Equal(1))
		stop()
		Expect(issuing.Calls()).To(ConsistOf(
			"POST certificaterequests", "PUT certificaterequests/status", "POST secrets", "PUT certificates/status", "POST events"))

		settled := testkit.NewFaults(nil)
		startOperator(namespace, countedBy(settled))
		// What the restarted operator does for a new Certificate comes after everything it finds to do
		// about the old ones.
		another := certificate(namespace, "another", "ca")
		Expect(c.Create(ctx, another)).To(Succeed())
		expectReady(ctx, c, another)
		Eventually(func() int { return settled.Count("POST events") }).Should(Equal(1))
		Expect(settled.Calls()).To(HaveLen(5), "a settled Certificate was written or read again")
	})

	It("are made anew for every leaf when the key of their CA changes", func() {
		startOperator(namespace)
		caChain(ctx, c, namespace)
		leaf := certificate(namespace, "leaf", "ca")
		Expect(c.Create(ctx, leaf)).To(Succeed())
		expectReady(ctx, c, leaf)
		root := &v1.Certificate{}
		Expect(c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "root"}, root)).To(Succeed())
		trigger(ctx, c, root)
		Eventually(revisionOf(ctx, c, root)).Should(Equal(2))
		Eventually(revisionOf(ctx, c, leaf)).Should(Equal(2))
		ca := targetSecret(ctx, c, root)
		Eventually(func(g Gomega) {
			g.Expect(targetSecret(ctx, c, leaf).Data["ca.crt"]).To(Equal(ca.Data[corev1.TLSCertKey]))
		}).Should(Succeed())
	})

	It("of a renewal by hand get a new key, or the same one where the policy says so", func() {
		startOperator(namespace)
		caChain(ctx, c, namespace)
		rotating := certificate(namespace, "rotating", "ca")
		keeping := certificate(namespace, "keeping", "ca", func(crt *v1.Certificate) { crt.Spec.PrivateKey.RotationPolicy = v1.RotationNever })
		for crt, same := range map[*v1.Certificate]bool{rotating: false, keeping: true} {
			Expect(c.Create(ctx, crt)).To(Succeed())
			expectReady(ctx, c, crt)
			before := targetSecret(ctx, c, crt).Data[corev1.TLSPrivateKeyKey]
			trigger(ctx, c, crt)
			Eventually(revisionOf(ctx, c, crt)).Should(Equal(2))
			Expect(string(targetSecret(ctx, c, crt).Data[corev1.TLSPrivateKeyKey]) == string(before)).To(Equal(same), crt.Name)
		}
	})
})

// trigger asks for a new certificate as people and tools do: by the condition Issuing.
func trigger(ctx context.Context, c client.Client, crt *v1.Certificate) {
	GinkgoHelper()
	Eventually(func() error {
		if err := c.Get(ctx, client.ObjectKeyFromObject(crt), crt); err != nil {
			return err
		}
		crt.Status.Conditions = condition.Set(crt.Status.Conditions, v1.Condition{
			Type: v1.ConditionIssuing, Status: metav1.ConditionTrue, Reason: v1.ReasonManuallyTriggered, Message: "by the spec",
		}, time.Now())
		return c.Status().Update(ctx, crt)
	}).Should(Succeed())
}

// signExternally plays the controller of an external issuer.
func signExternally(request *v1.CertificateRequest) []byte {
	GinkgoHelper()
	csr, err := pki.ParseRequest(request.Spec.Request)
	Expect(err).NotTo(HaveOccurred())
	root := certificate("", "root", "", func(crt *v1.Certificate) { crt.Spec.IsCA = true })
	secret := handMadeCA(root)
	signer, err := pki.ParseSigner(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey], nil)
	Expect(err).NotTo(HaveOccurred())
	issued, err := signer.Sign(csr, pki.Template{Duration: time.Hour}, time.Now())
	Expect(err).NotTo(HaveOccurred())
	return issued.Chain.PEM()
}

func countedBy(faults *testkit.Faults) func(*operator.Options) {
	return func(options *operator.Options) {
		options.WrapAPI = func(next http.RoundTripper) http.RoundTripper { return faults.Wrap(next, testkit.APICall) }
	}
}
