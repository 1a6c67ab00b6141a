package controllers_test

import (
	"crypto/x509"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/operator"
)

var _ = describeIssuing("selfSigned and ca issuers", func() {
	s := eachInItsOwnSpace()

	It("turns a Certificate into a Secret that verifies against its CA", func(ctx SpecContext) {
		startOperator(s.namespace)
		crt := issueLeaf(ctx, s, func(crt *v1.Certificate) { crt.Spec.DNSNames = []string{"leaf.example.test"} })

		secret := targetSecret(ctx, s, crt)
		Expect(secret.Type).To(Equal(corev1.SecretTypeTLS))
		roots := x509.NewCertPool()
		Expect(roots.AppendCertsFromPEM(secret.Data[kube.CAKey])).To(BeTrue())
		_, err := expectPair(ctx, s, crt).Leaf().Verify(x509.VerifyOptions{DNSName: "leaf.example.test", Roots: roots})
		Expect(err).NotTo(HaveOccurred())
		Expect(secret.Annotations).To(HaveKeyWithValue(names.Annotation.CertificateName, "leaf"))
		Expect(secret.Annotations).To(HaveKeyWithValue(names.Annotation.IssuerName, "ca"))
		Expect(crt.Status.Revision).To(HaveValue(Equal(1)))
	})
})

var _ = Describe("a ca issuer", func() {
	s := eachInItsOwnSpace()

	It("is not ready any more when its CA expires", func(ctx SpecContext) {
		startOperator(s.namespace)
		short := issuer(s.namespace, "ca", v1.IssuerSpec{CA: &v1.CAIssuer{SecretName: "ca"}})
		create(ctx, s, handMadeCA(4*time.Second, s.namespace, "ca"), short)
		ready := func() v1.Condition {
			Expect(s.Get(ctx, client.ObjectKeyFromObject(short), short)).To(Succeed())
			if ready := condition.Get(short.Status.Conditions, v1.ConditionReady); ready != nil {
				return *ready
			}
			return v1.Condition{}
		}
		Eventually(ready).Should(HaveField("Status", metav1.ConditionTrue))
		Eventually(ready).Should(And(HaveField("Status", metav1.ConditionFalse), HaveField("Message", ContainSubstring("expired"))))
	})
})

var _ = Describe("a ClusterIssuer whose Secret is outside of the namespaces that the operator works in", func() {
	s := eachInItsOwnSpace()

	It("issues in those", func(ctx SpecContext) {
		resources := newNamespace(ctx, s)
		cluster := &v1.ClusterIssuer{ObjectMeta: metav1.ObjectMeta{Name: s.namespace}, Spec: v1.IssuerSpec{CA: &v1.CAIssuer{SecretName: "ca"}}}
		create(ctx, s, handMadeCA(24*time.Hour, resources, "ca"), cluster)
		DeferCleanup(func(ctx SpecContext) { Expect(s.Delete(ctx, cluster)).To(Succeed()) })
		startOperator(s.namespace, func(options *operator.Options) { options.ClusterResourceNamespace = resources })
		issue(ctx, s, certificate(s.namespace, "leaf", cluster.Name, func(crt *v1.Certificate) { crt.Spec.IssuerRef.Kind = v1.ClusterIssuerKind }))
	})
})
