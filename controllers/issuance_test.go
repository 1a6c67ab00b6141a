package controllers_test

import (
	"context"
	"crypto/x509"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/pki"
)

var _ = describeIssuing("selfSigned and ca issuers", func() {
	var (
		ctx       context.Context
		c         client.Client
		namespace string
	)
	BeforeEach(func() {
		ctx, c = context.Background(), newClient()
		namespace = newNamespace(ctx, c)
	})

	It("turns a Certificate into a Secret that verifies against its CA", func() {
		startOperator(namespace)
		caChain(ctx, c, namespace)
		crt := certificate(namespace, "leaf", "ca", func(crt *v1.Certificate) { crt.Spec.DNSNames = []string{"leaf.example.test"} })
		Expect(c.Create(ctx, crt)).To(Succeed())
		expectReady(ctx, c, crt)

		secret := targetSecret(ctx, c, crt)
		Expect(secret.Type).To(Equal(corev1.SecretTypeTLS))
		_, chain, err := pki.VerifyPair(secret.Data[corev1.TLSPrivateKeyKey], secret.Data[corev1.TLSCertKey])
		Expect(err).NotTo(HaveOccurred())
		roots := x509.NewCertPool()
		Expect(roots.AppendCertsFromPEM(secret.Data[kube.CAKey])).To(BeTrue())
		_, err = chain.Leaf().Verify(x509.VerifyOptions{DNSName: "leaf.example.test", Roots: roots})
		Expect(err).NotTo(HaveOccurred())
		Expect(secret.Annotations).To(HaveKeyWithValue(names.Annotation.CertificateName, "leaf"))
		Expect(secret.Annotations).To(HaveKeyWithValue(names.Annotation.IssuerName, "ca"))
		Expect(crt.Status.Revision).To(HaveValue(Equal(1)))
	})
})

// describeIssuing describes the main specs under each API group.
func describeIssuing(from string, specs func()) bool {
	for _, group := range groups {
		Describe("issuing from "+from+" under "+group, func() {
			BeforeEach(func() { underGroup(group) })
			specs()
		})
	}
	return true
}

// certificate is a minimal Certificate for an Issuer in the same namespace, with an ECDSA key because
// those are made in no time.
func certificate(namespace, name, issuer string, change ...func(*v1.Certificate)) *v1.Certificate {
	crt := &v1.Certificate{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1.CertificateSpec{
			SecretName: name + "-tls",
			CommonName: name,
			IssuerRef:  v1.IssuerRef{Name: issuer},
			PrivateKey: &v1.CertificatePrivateKey{Algorithm: v1.ECDSAKeyAlgorithm},
		},
	}
	for _, f := range change {
		f(crt)
	}
	return crt
}

// caChain makes the Issuers "selfsigned" and "ca", the latter with a self-signed CA certificate.
func caChain(ctx context.Context, c client.Client, namespace string) {
	GinkgoHelper()
	Expect(c.Create(ctx, issuer(namespace, "selfsigned", v1.IssuerSpec{SelfSigned: &v1.SelfSignedIssuer{}}))).To(Succeed())
	root := certificate(namespace, "root", "selfsigned", func(crt *v1.Certificate) { crt.Spec.IsCA = true })
	Expect(c.Create(ctx, root)).To(Succeed())
	Expect(c.Create(ctx, issuer(namespace, "ca", v1.IssuerSpec{CA: &v1.CAIssuer{SecretName: "root-tls"}}))).To(Succeed())
	expectReady(ctx, c, root)
}

func issuer(namespace, name string, spec v1.IssuerSpec) *v1.Issuer {
	return &v1.Issuer{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: spec}
}

// expectReady waits for Ready=True of the current generation, and leaves the latest view in crt.
func expectReady(ctx context.Context, c client.Client, crt *v1.Certificate) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		g.Expect(c.Get(ctx, client.ObjectKeyFromObject(crt), crt)).To(Succeed())
		ready := condition.Get(crt.Status.Conditions, v1.ConditionReady)
		g.Expect(ready).NotTo(BeNil())
		g.Expect(ready.Status).To(Equal(metav1.ConditionTrue), ready.Message)
		g.Expect(ready.ObservedGeneration).To(Equal(crt.Generation))
	}).Should(Succeed())
}

func targetSecret(ctx context.Context, c client.Client, crt *v1.Certificate) *corev1.Secret {
	GinkgoHelper()
	secret := &corev1.Secret{}
	Expect(c.Get(ctx, types.NamespacedName{Namespace: crt.Namespace, Name: crt.Spec.SecretName}, secret)).To(Succeed())
	return secret
}
