package controllers_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/issuance"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/operator"
	"github.com/certwright/certwright/internal/pki"
)

var _ = Describe("the target Secret", func() {
	var (
		ctx       context.Context
		c         client.Client
		namespace string
	)
	BeforeEach(func() {
		ctx, c = context.Background(), newClient()
		namespace = newNamespace(ctx, c)
	})

	// issuedLeaf is a Certificate of a ca issuer that is Ready.
	issuedLeaf := func(change ...func(*v1.Certificate)) *v1.Certificate {
		GinkgoHelper()
		caChain(ctx, c, namespace)
		crt := certificate(namespace, "leaf", "ca", change...)
		Expect(c.Create(ctx, crt)).To(Succeed())
		expectReady(ctx, c, crt)
		return crt
	}

	It("is issued again after somebody deletes it", func() {
		startOperator(namespace)
		crt := issuedLeaf()
		before := targetSecret(ctx, c, crt)
		Expect(c.Delete(ctx, before)).To(Succeed())
		Eventually(func(g Gomega) {
			after := &corev1.Secret{}
			g.Expect(c.Get(ctx, client.ObjectKeyFromObject(before), after)).To(Succeed())
			g.Expect(after.Data[corev1.TLSCertKey]).NotTo(Equal(before.Data[corev1.TLSCertKey]))
		}).Should(Succeed())
		Eventually(revisionOf(ctx, c, crt)).Should(Equal(2))
	})

	It("gets its label back when it lost it, and nothing is issued", func() {
		startOperator(namespace)
		crt := issuedLeaf()
		secret := targetSecret(ctx, c, crt)
		certificateBefore := secret.Data[corev1.TLSCertKey]
		delete(secret.Labels, names.Label.Managed)
		Expect(c.Update(ctx, secret)).To(Succeed())
		Eventually(func(g Gomega) {
			g.Expect(targetSecret(ctx, c, crt).Labels).To(HaveKeyWithValue(names.Label.Managed, "true"))
		}).Should(Succeed())
		Expect(targetSecret(ctx, c, crt).Data[corev1.TLSCertKey]).To(Equal(certificateBefore))
		Expect(revisionOf(ctx, c, crt)()).To(Equal(1))
	})

	It("is adopted when it belongs to nobody and fits, and keeps its type", func() {
		existing := handMadeSecret(namespace, "leaf-tls", certificate(namespace, "leaf", "ca"))
		Expect(c.Create(ctx, existing)).To(Succeed())
		startOperator(namespace)
		caChain(ctx, c, namespace)
		crt := certificate(namespace, "leaf", "ca")
		Expect(c.Create(ctx, crt)).To(Succeed())
		expectReady(ctx, c, crt)
		adopted := targetSecret(ctx, c, crt)
		Expect(adopted.Data).To(Equal(existing.Data))
		Expect(adopted.Type).To(Equal(corev1.SecretTypeOpaque))
		Expect(adopted.Labels).To(HaveKeyWithValue(names.Label.Managed, "true"))
		Expect(crt.Status.Revision).To(BeNil(), "something was issued")
		Eventually(func(g Gomega) {
			var requests v1.CertificateRequestList
			g.Expect(c.List(ctx, &requests, client.InNamespace(namespace))).To(Succeed())
			g.Expect(requests.Items).To(HaveLen(1), "the request that nobody needs is left over")
		}).Should(Succeed())
	})

	It("is taken over when it belongs to nobody and does not fit", func() {
		other := certificate(namespace, "leaf", "ca", withNames("other.example.test"))
		Expect(c.Create(ctx, handMadeSecret(namespace, "leaf-tls", other))).To(Succeed())
		startOperator(namespace)
		crt := issuedLeaf()
		Expect(targetSecret(ctx, c, crt).Annotations).To(HaveKeyWithValue(names.Annotation.CommonName, "leaf"))
		Expect(crt.Status.Revision).To(HaveValue(Equal(1)))
	})

	It("is left alone when another controller owns it, and Ready says whose it is", func() {
		web := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "web"}}
		Expect(c.Create(ctx, web)).To(Succeed())
		existing := handMadeSecret(namespace, "leaf-tls", certificate(namespace, "other", "ca"))
		existing.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(web, corev1.SchemeGroupVersion.WithKind("ConfigMap"))}
		Expect(c.Create(ctx, existing)).To(Succeed())
		startOperator(namespace)
		caChain(ctx, c, namespace)
		crt := certificate(namespace, "leaf", "ca")
		Expect(c.Create(ctx, crt)).To(Succeed())
		expectNotReady(ctx, c, crt, v1.ReasonSecretNotOurs, `ConfigMap "web"`)
		Expect(targetSecret(ctx, c, crt).Data).To(Equal(existing.Data))
	})

	It("has one owner among Certificates that share its name, and the next when that one goes", func() {
		startOperator(namespace)
		first := issuedLeaf()
		second := certificate(namespace, "second", "ca", func(crt *v1.Certificate) { crt.Spec.SecretName = "leaf-tls" })
		Expect(c.Create(ctx, second)).To(Succeed())
		expectNotReady(ctx, c, second, v1.ReasonIncorrectCertificate, `Certificate "leaf"`)
		Expect(c.Delete(ctx, first)).To(Succeed())
		expectReady(ctx, c, second)
		Expect(targetSecret(ctx, c, second).Annotations).To(HaveKeyWithValue(names.Annotation.CertificateName, "second"))
	})

	It("follows the template and leaves alone what others put there", func() {
		startOperator(namespace)
		crt := issuedLeaf(func(crt *v1.Certificate) {
			crt.Spec.SecretTemplate = &v1.CertificateSecretTemplate{Labels: map[string]string{"a": "1", "b": "1"}}
		})
		secret := targetSecret(ctx, c, crt)
		secret.Labels["theirs"] = "yes"
		Expect(c.Update(ctx, secret)).To(Succeed())
		Expect(c.Get(ctx, client.ObjectKeyFromObject(crt), crt)).To(Succeed())
		crt.Spec.SecretTemplate.Labels = map[string]string{"b": "2"}
		Expect(c.Update(ctx, crt)).To(Succeed())
		Eventually(func() map[string]string { return targetSecret(ctx, c, crt).Labels }).Should(Equal(map[string]string{
			"b": "2", "theirs": "yes", names.Label.Managed: "true",
		}))
		Expect(revisionOf(ctx, c, crt)()).To(Equal(1))
	})

	It("waits for the password of a keystore, and then holds it", func() {
		startOperator(namespace)
		caChain(ctx, c, namespace)
		crt := certificate(namespace, "leaf", "ca", func(crt *v1.Certificate) {
			crt.Spec.Keystores = &v1.CertificateKeystores{PKCS12: &v1.PKCS12Keystore{
				Create: true, Profile: v1.Modern2023PKCS12Profile, PasswordSecretRef: &v1.SecretKeySelector{Name: "password", Key: "password"},
			}}
		})
		Expect(c.Create(ctx, crt)).To(Succeed())
		expectNotReady(ctx, c, crt, v1.ReasonKeystorePasswordSecretNotFound, `Secret "password"`)
		Expect(c.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "password"}, Data: map[string][]byte{"password": []byte("changeit")},
		})).To(Succeed())
		expectReady(ctx, c, crt)
		Expect(targetSecret(ctx, c, crt).Data).To(HaveKey(kube.PKCS12Key))
	})

	It("goes with its Certificate where that was asked for", func() {
		startOperator(namespace, func(options *operator.Options) { options.CertificateOwnerRef = true })
		crt := issuedLeaf()
		secret := targetSecret(ctx, c, crt)
		Expect(metav1.IsControlledBy(secret, crt)).To(BeTrue())
		Expect(c.Delete(ctx, crt)).To(Succeed())
		Eventually(func() error {
			return client.IgnoreNotFound(c.Get(ctx, client.ObjectKeyFromObject(secret), secret))
		}).Should(Succeed())
		Eventually(func() bool { return c.Get(ctx, client.ObjectKeyFromObject(secret), secret) != nil }).Should(BeTrue())
	})

	It("is kept in a cluster restored from a backup, and nothing is issued", func() {
		stop := startOperator(namespace)
		crt := issuedLeaf()
		stop()
		// A backup brings back Certificates without status and new UIDs, and Secrets; not requests.
		var requests v1.CertificateRequestList
		Expect(c.List(ctx, &requests, client.InNamespace(namespace))).To(Succeed())
		for i := range requests.Items {
			Expect(c.Delete(ctx, &requests.Items[i])).To(Succeed())
		}
		Expect(c.Delete(ctx, crt)).To(Succeed())
		restored := certificate(namespace, "leaf", "ca")
		Expect(c.Create(ctx, restored)).To(Succeed())
		before := targetSecret(ctx, c, crt)
		startOperator(namespace)
		expectReady(ctx, c, restored)
		Expect(targetSecret(ctx, c, restored).Data).To(Equal(before.Data))
		Expect(c.List(ctx, &requests, client.InNamespace(namespace))).To(Succeed())
		Expect(requests.Items).To(BeEmpty())
	})
})

// handMadeCA is the key pair of a CA.
func handMadeCA(crt *v1.Certificate) *corev1.Secret { return handMadeSecret("", "", crt) }

// handMadeSecret holds a pair that fits crt, as somebody would have made it by hand.
func handMadeSecret(namespace, name string, crt *v1.Certificate) *corev1.Secret {
	GinkgoHelper()
	return handMadeSecretFor(24*time.Hour, namespace, name, crt)
}

// handMadeSecretFor is a handMadeSecret whose certificate is valid for lifetime from now.
func handMadeSecretFor(lifetime time.Duration, namespace, name string, crt *v1.Certificate) *corev1.Secret {
	GinkgoHelper()
	key, err := pki.GenerateKey(issuance.RequestSpec(crt).Key)
	Expect(err).NotTo(HaveOccurred())
	encoded, err := pki.CreateRequest(issuance.RequestSpec(crt), key)
	Expect(err).NotTo(HaveOccurred())
	csr, err := pki.ParseRequest(encoded)
	Expect(err).NotTo(HaveOccurred())
	chain, err := pki.SelfSign(csr, key, pki.Template{Duration: lifetime, IsCA: crt.Spec.IsCA}, time.Now())
	Expect(err).NotTo(HaveOccurred())
	keyPEM, err := pki.EncodePrivateKey(key, pki.PKCS1)
	Expect(err).NotTo(HaveOccurred())
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Data:       map[string][]byte{corev1.TLSPrivateKeyKey: keyPEM, corev1.TLSCertKey: chain.PEM()},
	}
}

func revisionOf(ctx context.Context, c client.Client, crt *v1.Certificate) func() int {
	return func() int {
		latest := &v1.Certificate{}
		if err := c.Get(ctx, types.NamespacedName{Namespace: crt.Namespace, Name: crt.Name}, latest); err != nil {
			return -1
		}
		return issuance.Revision(latest)
	}
}

// expectNotReady waits for Ready=False with a reason and a message that holds part.
func expectNotReady(ctx context.Context, c client.Client, crt *v1.Certificate, reason, part string) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		g.Expect(c.Get(ctx, client.ObjectKeyFromObject(crt), crt)).To(Succeed())
		ready := condition.Get(crt.Status.Conditions, v1.ConditionReady)
		g.Expect(ready).NotTo(BeNil())
		g.Expect(ready.Status).To(Equal(metav1.ConditionFalse))
		g.Expect(ready.Reason).To(Equal(reason))
		g.Expect(ready.Message).To(ContainSubstring(part))
	}).Should(Succeed())
}
