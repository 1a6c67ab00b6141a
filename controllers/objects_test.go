package controllers_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/issuance"
	"github.com/certwright/certwright/internal/pki"
)

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

func withNames(dnsNames ...string) func(*v1.Certificate) {
	return func(crt *v1.Certificate) { crt.Spec.CommonName, crt.Spec.DNSNames = "", dnsNames }
}

// fallingBackTo names Issuers in the same namespace to ask next.
func fallingBackTo(issuers ...string) func(*v1.Certificate) {
	return func(crt *v1.Certificate) {
		crt.Spec.FallbackIssuerRefs = nil
		for _, name := range issuers {
			crt.Spec.FallbackIssuerRefs = append(crt.Spec.FallbackIssuerRefs, v1.IssuerRef{Name: name})
		}
	}
}

func asCA(crt *v1.Certificate) { crt.Spec.IsCA = true }

func keepingItsKey(crt *v1.Certificate) { crt.Spec.PrivateKey.RotationPolicy = v1.RotationNever }

func issuer(namespace, name string, spec v1.IssuerSpec) *v1.Issuer {
	return &v1.Issuer{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: spec}
}

func selfSigned(namespace string) *v1.Issuer {
	return issuer(namespace, "selfsigned", v1.IssuerSpec{SelfSigned: &v1.SelfSignedIssuer{}})
}

func create(ctx context.Context, c client.Client, objects ...client.Object) {
	GinkgoHelper()
	for _, object := range objects {
		Expect(c.Create(ctx, object)).To(Succeed())
	}
}

// edit changes the latest view of an object that nobody else writes now.
func edit(ctx context.Context, c client.Client, object client.Object, change func()) {
	GinkgoHelper()
	Eventually(func() error {
		if err := c.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
			return err
		}
		change()
		return c.Update(ctx, object)
	}).Should(Succeed())
}

// issue creates a Certificate and waits until it is Ready.
func issue(ctx context.Context, c client.Client, crt *v1.Certificate) *v1.Certificate {
	GinkgoHelper()
	create(ctx, c, crt)
	expectReady(ctx, c, crt)
	return crt
}

// createCA makes the Issuers "selfsigned" and "ca", and the self-signed CA certificate of the latter.
func createCA(ctx context.Context, c client.Client, namespace string) (root *v1.Certificate) {
	GinkgoHelper()
	root = certificate(namespace, "root", "selfsigned", asCA)
	create(ctx, c, selfSigned(namespace), root, issuer(namespace, "ca", v1.IssuerSpec{CA: &v1.CAIssuer{SecretName: "root-tls"}}))
	return root
}

// caChain is createCA with a CA certificate that is Ready.
func caChain(ctx context.Context, c client.Client, namespace string) {
	GinkgoHelper()
	expectReady(ctx, c, createCA(ctx, c, namespace))
}

// issueLeaf makes a ca issuer, and with it the Certificate "leaf", which is Ready.
func issueLeaf(ctx context.Context, s *space, change ...func(*v1.Certificate)) *v1.Certificate {
	GinkgoHelper()
	caChain(ctx, s, s.namespace)
	return issue(ctx, s, certificate(s.namespace, "leaf", "ca", change...))
}

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
	chain, err := pki.SelfSign(csr, key, pki.Template{Duration: lifetime, IsCA: crt.Spec.IsCA, Usages: issuance.Usages(crt.Spec.Usages)}, time.Now())
	Expect(err).NotTo(HaveOccurred())
	keyPEM, err := pki.EncodePrivateKey(key, pki.PKCS1)
	Expect(err).NotTo(HaveOccurred())
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Data:       map[string][]byte{corev1.TLSPrivateKeyKey: keyPEM, corev1.TLSCertKey: chain.PEM()},
	}
}

// handMadeCA is a handMadeSecretFor of a CA.
func handMadeCA(lifetime time.Duration, namespace, name string) *corev1.Secret {
	GinkgoHelper()
	return handMadeSecretFor(lifetime, namespace, name, certificate(namespace, name, "", asCA))
}

// signExternally plays the controller of an external issuer.
func signExternally(request *v1.CertificateRequest) []byte {
	GinkgoHelper()
	csr, err := pki.ParseRequest(request.Spec.Request)
	Expect(err).NotTo(HaveOccurred())
	secret := handMadeCA(24*time.Hour, "", "root")
	signer, err := pki.ParseSigner(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey], nil)
	Expect(err).NotTo(HaveOccurred())
	issued, err := signer.Sign(csr, pki.Template{Duration: time.Hour}, time.Now())
	Expect(err).NotTo(HaveOccurred())
	return issued.Chain.PEM()
}
