package controllers_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/operator"
)

var _ = Describe("the target Secret", func() {
	s := eachInItsOwnSpace()

	It("is issued again after somebody deletes it", func(ctx SpecContext) {
		startOperator(s.namespace)
		crt := issueLeaf(ctx, s)
		before := targetSecret(ctx, s, crt)
		Expect(s.Delete(ctx, before)).To(Succeed())
		Eventually(func(g Gomega) {
			after := &corev1.Secret{}
			g.Expect(s.Get(ctx, client.ObjectKeyFromObject(before), after)).To(Succeed())
			g.Expect(after.Data[corev1.TLSCertKey]).NotTo(Equal(before.Data[corev1.TLSCertKey]))
		}).Should(Succeed())
		Eventually(revisionOf(ctx, s, crt)).Should(Equal(2))
	})

	It("gets its label back when it lost it, and nothing is issued", func(ctx SpecContext) {
		startOperator(s.namespace)
		crt := issueLeaf(ctx, s)
		secret := targetSecret(ctx, s, crt)
		certificateBefore := secret.Data[corev1.TLSCertKey]
		delete(secret.Labels, names.Label.Managed)
		Expect(s.Update(ctx, secret)).To(Succeed())
		Eventually(func(g Gomega) {
			g.Expect(targetSecret(ctx, s, crt).Labels).To(HaveKeyWithValue(names.Label.Managed, "true"))
		}).Should(Succeed())
		Expect(targetSecret(ctx, s, crt).Data[corev1.TLSCertKey]).To(Equal(certificateBefore))
		Expect(revisionOf(ctx, s, crt)()).To(Equal(1))
	})

	It("is adopted when it belongs to nobody and fits, and keeps its type", func(ctx SpecContext) {
		existing := handMadeSecret(s.namespace, "leaf-tls", certificate(s.namespace, "leaf", "ca"))
		create(ctx, s, existing)
		startOperator(s.namespace)
		crt := issueLeaf(ctx, s)
		adopted := targetSecret(ctx, s, crt)
		Expect(adopted.Data).To(Equal(existing.Data))
		Expect(adopted.Type).To(Equal(corev1.SecretTypeOpaque))
		Expect(adopted.Labels).To(HaveKeyWithValue(names.Label.Managed, "true"))
		Expect(crt.Status.Revision).To(BeNil(), "something was issued")
		Eventually(requestsIn).WithArguments(ctx, s, s.namespace).Should(HaveLen(1), "the request that nobody needs is left over")
	})

	It("is taken over when it belongs to nobody and does not fit", func(ctx SpecContext) {
		other := certificate(s.namespace, "leaf", "ca", withNames("other.example.test"))
		create(ctx, s, handMadeSecret(s.namespace, "leaf-tls", other))
		startOperator(s.namespace)
		crt := issueLeaf(ctx, s)
		Expect(targetSecret(ctx, s, crt).Annotations).To(HaveKeyWithValue(names.Annotation.CommonName, "leaf"))
		Expect(crt.Status.Revision).To(HaveValue(Equal(1)))
	})

	It("is left alone when another controller owns it, and Ready says whose it is", func(ctx SpecContext) {
		web := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "web"}}
		create(ctx, s, web)
		existing := handMadeSecret(s.namespace, "leaf-tls", certificate(s.namespace, "other", "ca"))
		existing.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(web, corev1.SchemeGroupVersion.WithKind("ConfigMap"))}
		create(ctx, s, existing)
		startOperator(s.namespace)
		caChain(ctx, s, s.namespace)
		crt := certificate(s.namespace, "leaf", "ca")
		create(ctx, s, crt)
		expectNotReady(ctx, s, crt, v1.ReasonSecretNotOurs, `ConfigMap "web"`)
		Expect(targetSecret(ctx, s, crt).Data).To(Equal(existing.Data))
	})

	It("has one owner among Certificates that share its name, and the next when that one goes", func(ctx SpecContext) {
		startOperator(s.namespace)
		first := issueLeaf(ctx, s)
		second := certificate(s.namespace, "second", "ca", func(crt *v1.Certificate) { crt.Spec.SecretName = "leaf-tls" })
		create(ctx, s, second)
		expectNotReady(ctx, s, second, v1.ReasonIncorrectCertificate, `Certificate "leaf"`)
		Expect(s.Delete(ctx, first)).To(Succeed())
		expectReady(ctx, s, second)
		Expect(targetSecret(ctx, s, second).Annotations).To(HaveKeyWithValue(names.Annotation.CertificateName, "second"))
	})

	It("follows the template and leaves alone what others put there", func(ctx SpecContext) {
		startOperator(s.namespace)
		crt := issueLeaf(ctx, s, func(crt *v1.Certificate) {
			crt.Spec.SecretTemplate = &v1.CertificateSecretTemplate{Labels: map[string]string{"a": "1", "b": "1"}}
		})
		secret := targetSecret(ctx, s, crt)
		secret.Labels["theirs"] = "yes"
		Expect(s.Update(ctx, secret)).To(Succeed())
		edit(ctx, s, crt, func() { crt.Spec.SecretTemplate.Labels = map[string]string{"b": "2"} })
		Eventually(func() map[string]string { return targetSecret(ctx, s, crt).Labels }).Should(Equal(map[string]string{
			"b": "2", "theirs": "yes", names.Label.Managed: "true",
		}))
		Expect(revisionOf(ctx, s, crt)()).To(Equal(1))
	})

	It("waits for the password of a keystore, and then holds it", func(ctx SpecContext) {
		startOperator(s.namespace)
		caChain(ctx, s, s.namespace)
		crt := certificate(s.namespace, "leaf", "ca", func(crt *v1.Certificate) {
			crt.Spec.Keystores = &v1.CertificateKeystores{PKCS12: &v1.PKCS12Keystore{
				Create: true, Profile: v1.Modern2023PKCS12Profile, PasswordSecretRef: &v1.SecretKeySelector{Name: "password", Key: "password"},
			}}
		})
		create(ctx, s, crt)
		expectNotReady(ctx, s, crt, v1.ReasonKeystorePasswordSecretNotFound, `Secret "password"`)
		create(ctx, s, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "password"}, Data: map[string][]byte{"password": []byte("changeit")},
		})
		expectReady(ctx, s, crt)
		Expect(targetSecret(ctx, s, crt).Data).To(HaveKey(kube.PKCS12Key))
	})

	It("is not written while the password of a keystore cannot be used, and Ready says which", func(ctx SpecContext) {
		startOperator(s.namespace)
		caChain(ctx, s, s.namespace)
		password := "пароль"
		crt := certificate(s.namespace, "leaf", "ca", func(crt *v1.Certificate) {
			crt.Spec.Keystores = &v1.CertificateKeystores{JKS: &v1.JKSKeystore{Create: true, Password: &password}}
		})
		create(ctx, s, crt)
		expectNotReady(ctx, s, crt, v1.ReasonInvalidSpec, "Latin-1")
	})

	It("is not written where it is immutable, and Ready says so", func(ctx SpecContext) {
		startOperator(s.namespace)
		crt := issueLeaf(ctx, s)
		secret := targetSecret(ctx, s, crt)
		immutable := true
		secret.Immutable = &immutable
		Expect(s.Update(ctx, secret)).To(Succeed())
		edit(ctx, s, crt, func() { crt.Spec.DNSNames = []string{"leaf.example.test"} })
		expectNotReady(ctx, s, crt, v1.ReasonWriteRefused, "immutable")
	})

	It("gives the key that is certified where somebody put one there and rotationPolicy is Never", func(ctx SpecContext) {
		startOperator(s.namespace)
		existing := handMadeSecret(s.namespace, "leaf-tls", certificate(s.namespace, "leaf", "ca"))
		delete(existing.Data, corev1.TLSCertKey)
		create(ctx, s, existing)
		crt := issueLeaf(ctx, s, keepingItsKey)
		Expect(targetSecret(ctx, s, crt).Data[corev1.TLSPrivateKeyKey]).To(Equal(existing.Data[corev1.TLSPrivateKeyKey]))
	})

	It("goes with its Certificate where that was asked for", func(ctx SpecContext) {
		startOperator(s.namespace, func(options *operator.Options) { options.CertificateOwnerRef = true })
		crt := issueLeaf(ctx, s)
		secret := targetSecret(ctx, s, crt)
		Expect(metav1.IsControlledBy(secret, crt)).To(BeTrue())
		Expect(s.Delete(ctx, crt)).To(Succeed())
		Eventually(func() error {
			return s.Get(ctx, client.ObjectKeyFromObject(secret), secret)
		}).Should(MatchError(apierrors.IsNotFound, "is not found"))
	})

	It("is kept in a cluster restored from a backup, and nothing is issued", func(ctx SpecContext) {
		stop := startOperator(s.namespace)
		crt := issueLeaf(ctx, s)
		stop()
		// A backup brings back Certificates without status and new UIDs, and Secrets; not requests.
		Expect(s.DeleteAllOf(ctx, &v1.CertificateRequest{}, client.InNamespace(s.namespace))).To(Succeed())
		Expect(s.Delete(ctx, crt)).To(Succeed())
		restored := certificate(s.namespace, "leaf", "ca")
		create(ctx, s, restored)
		before := targetSecret(ctx, s, crt)
		startOperator(s.namespace)
		expectReady(ctx, s, restored)
		Expect(targetSecret(ctx, s, restored).Data).To(Equal(before.Data))
		Expect(requestsIn(ctx, s, s.namespace)).To(BeEmpty())
	})
})
