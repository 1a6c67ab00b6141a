package controllers_test

import (
	"context"
	"crypto/x509"
	"errors"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/issuance"
	"github.com/certwright/certwright/internal/pki"
)

// expectReady waits for Ready=True of the current generation, and leaves the latest view in crt.
func expectReady(ctx context.Context, c client.Client, crt *v1.Certificate) {
	GinkgoHelper()
	expectCondition(ctx, c, crt, v1.ConditionReady, HaveField("Status", metav1.ConditionTrue))
}

// expectNotReady waits for Ready=False with a reason and a message that holds part.
func expectNotReady(ctx context.Context, c client.Client, crt *v1.Certificate, reason, part string) {
	GinkgoHelper()
	expectCondition(ctx, c, crt, v1.ConditionReady, beFalse(reason, part))
}

// expectFailed waits for an attempt that failed for a reason, told in a message that holds every part.
func expectFailed(ctx context.Context, c client.Client, crt *v1.Certificate, reason string, parts ...string) {
	GinkgoHelper()
	expectCondition(ctx, c, crt, v1.ConditionIssuing, beFalse(reason, parts...))
}

func beFalse(reason string, parts ...string) types.GomegaMatcher {
	matchers := []types.GomegaMatcher{HaveField("Status", metav1.ConditionFalse), HaveField("Reason", reason)}
	for _, part := range parts {
		matchers = append(matchers, HaveField("Message", ContainSubstring(part)))
	}
	return And(matchers...)
}

// expectCondition waits for a condition of the current generation that fits, and leaves the latest view
// in crt.
func expectCondition(ctx context.Context, c client.Client, crt *v1.Certificate, conditionType string, fits types.GomegaMatcher) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		found := latest(g, ctx, c, crt, conditionType)
		g.Expect(found).To(fits, "%s: %s", found.Reason, found.Message)
		g.Expect(found.ObservedGeneration).To(Equal(crt.Generation))
	}).Should(Succeed())
}

// latest reads crt anew, and is the condition of a type that it has.
func latest(g Gomega, ctx context.Context, c client.Client, crt *v1.Certificate, conditionType string) v1.Condition {
	g.Expect(c.Get(ctx, client.ObjectKeyFromObject(crt), crt)).To(Succeed())
	found := condition.Get(crt.Status.Conditions, conditionType)
	g.Expect(found).NotTo(BeNil(), "the Certificate has no condition %s", conditionType)
	return *found
}

// expectPair finds a key and a chain that belong together in the target Secret.
func expectPair(ctx context.Context, c client.Client, crt *v1.Certificate) pki.Chain {
	GinkgoHelper()
	secret := targetSecret(ctx, c, crt)
	_, chain, err := pki.VerifyPair(secret.Data[corev1.TLSPrivateKeyKey], secret.Data[corev1.TLSCertKey])
	Expect(err).NotTo(HaveOccurred())
	return chain
}

// expectSignedBy verifies the pair in the target Secret against roots for each of its names.
func expectSignedBy(ctx context.Context, c client.Client, crt *v1.Certificate, roots []byte) {
	GinkgoHelper()
	chain := expectPair(ctx, c, crt)
	pool, intermediates := x509.NewCertPool(), x509.NewCertPool()
	Expect(pool.AppendCertsFromPEM(roots)).To(BeTrue())
	for _, intermediate := range chain[1:] {
		intermediates.AddCert(intermediate)
	}
	_, err := chain.Leaf().Verify(x509.VerifyOptions{Roots: pool, Intermediates: intermediates})
	Expect(err).NotTo(HaveOccurred())
	Expect(chain.Leaf().DNSNames).To(ConsistOf(crt.Spec.DNSNames))
}

// expectNothingLeft finds one request and one order, both done, no Secret but the target and no finalizer.
func expectNothingLeft(ctx context.Context, c client.Client, crt *v1.Certificate) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		requests, err := requestsIn(ctx, c, crt.Namespace)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(requests).To(HaveLen(1))
		g.Expect(condition.IsTrue(requests[0].Status.Conditions, v1.ConditionReady)).To(BeTrue())
		orders, err := ordersIn(ctx, c, crt.Namespace)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(orders).To(HaveLen(1))
		g.Expect(orders[0].Status.State).To(Equal(acmev1.Valid))
		g.Expect(orders[0].Finalizers).To(BeEmpty())
		g.Expect(leftIn(ctx, c, crt.Namespace)).To(BeEmpty())
	}).Should(Succeed())
}

func targetSecret(ctx context.Context, c client.Client, crt *v1.Certificate) *corev1.Secret {
	GinkgoHelper()
	secret := &corev1.Secret{}
	Expect(c.Get(ctx, client.ObjectKey{Namespace: crt.Namespace, Name: crt.Spec.SecretName}, secret)).To(Succeed())
	return secret
}

func requestsIn(ctx context.Context, c client.Client, namespace string) ([]v1.CertificateRequest, error) {
	var list v1.CertificateRequestList
	err := c.List(ctx, &list, client.InNamespace(namespace))
	return list.Items, err
}

func ordersIn(ctx context.Context, c client.Client, namespace string) ([]acmev1.Order, error) {
	var list acmev1.OrderList
	err := c.List(ctx, &list, client.InNamespace(namespace))
	return list.Items, err
}

func orderNamed(g Gomega, ctx context.Context, s *space, name string) *acmev1.Order {
	order := &acmev1.Order{}
	g.Expect(s.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: name}, order)).To(Succeed())
	return order
}

// orderStatus reads the status of an Order, for use with Eventually.
func orderStatus(ctx context.Context, s *space, name string) func(Gomega) acmev1.OrderStatus {
	return func(g Gomega) acmev1.OrderStatus { return orderNamed(g, ctx, s, name).Status }
}

// leftIn are the Secrets that the operator made and that are no Certificate's: staged keys, and what was kept
// for a clean-up. What is on record for a revocation is meant to stay.
func leftIn(ctx context.Context, c client.Client, namespace string) ([]string, error) {
	var certificates v1.CertificateList
	var managed corev1.SecretList
	err := errors.Join(
		c.List(ctx, &certificates, client.InNamespace(namespace)),
		c.List(ctx, &managed, client.InNamespace(namespace), client.MatchingLabels{names.Label.Managed: "true"}))
	var left []string
	for i := range managed.Items {
		isTarget := func(crt v1.Certificate) bool { return crt.Spec.SecretName == managed.Items[i].Name }
		onRecord := managed.Items[i].Labels[names.Label.IssuedRecord] == "true"
		if !onRecord && !slices.ContainsFunc(certificates.Items, isTarget) {
			left = append(left, managed.Items[i].Name)
		}
	}
	return left, err
}

func revisionOf(ctx context.Context, c client.Client, crt *v1.Certificate) func() int {
	return func() int {
		latest := &v1.Certificate{}
		if err := c.Get(ctx, client.ObjectKeyFromObject(crt), latest); err != nil {
			return -1
		}
		return issuance.Revision(latest)
	}
}
