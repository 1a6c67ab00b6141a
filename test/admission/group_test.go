package admission

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/api"
	v1 "github.com/certwright/certwright/api/v1"
)

var _ = Describe("The group cert-manager.io", Ordered, func() {
	var (
		theirs api.Names
		c      client.Client
	)

	BeforeAll(func(ctx SpecContext) {
		var err error
		theirs, err = api.NamesFor("cert-manager.io")
		Expect(err).NotTo(HaveOccurred())
		installGroup(ctx, theirs, "cert-manager")
		c = newClient(controlPlane.Config, theirs)
	})

	It("has its Certificates accepted", func(ctx SpecContext) {
		crt := &v1.Certificate{
			ObjectMeta: metav1.ObjectMeta{Name: "a", Namespace: "default"},
			Spec: v1.CertificateSpec{
				SecretName: "a",
				DNSNames:   []string{"a.example.com"},
				IssuerRef:  v1.IssuerRef{Name: "ca", Kind: "ClusterIssuer", Group: "cert-manager.io"},
			},
		}
		Eventually(func() error { return c.Create(ctx, crt.DeepCopy(), client.DryRunAll) }).Should(Succeed())
	})

	It("has rules with its own name", func(ctx SpecContext) {
		theirCertificates := certificates
		theirCertificates.GroupVersionKind = theirs.GroupVersion.WithKind(v1.CertificateKind)
		Eventually(func() error { return create(ctx, theirCertificates.object("default", `{}`)) }).Should(Succeed())
		Expect(create(ctx, theirCertificates.object("default", `spec: {issuerRef: {name: a, kind: Widget, group: cert-manager.io}}`))).
			To(beRefused("spec.issuerRef", "cert-manager.io has the kinds Issuer and ClusterIssuer"))
		Expect(create(ctx, theirCertificates.object("default", `spec: {secretTemplate: {annotations: {cert-manager.io/issuer-name: a}}}`))).
			To(beRefused("spec.secretTemplate.annotations", "annotations of cert-manager.io"))
		Expect(create(ctx, theirCertificates.object("default", `spec: {secretTemplate: {annotations: {cert-manager.io/allow-direct-injection: "true"}}}`))).
			To(Succeed())
	})

	It("has the samples accepted", func(ctx SpecContext) {
		for _, sample := range samples(theirs) {
			if sample.GetKind() != v1.ClusterIssuerKind {
				sample.SetNamespace("default")
			}
			Eventually(func() error { return create(ctx, sample.DeepCopy()) }).Should(Succeed(), sample.GetName())
		}
	})

	It("has the identity filled in", func(ctx SpecContext) {
		u := newUser(ctx, theirs, fullUser)
		Eventually(created(ctx, u, forged)).Should(Equal(identityOf(ctx, u)))
	})

	It("has its annotations kept", func(ctx SpecContext) {
		request := createRequest(ctx, c, requestFor(v1.IssuerRef{Name: "ca"}))
		request.Annotations = map[string]string{theirs.Annotation.CertificateName: "a"}
		Eventually(func() error { return c.Update(ctx, request.DeepCopy(), client.DryRunAll) }).
			Should(MatchError(ContainSubstring("annotations of cert-manager.io and acme.cert-manager.io on a CertificateRequest never change")))
	})

	It("has its signers asked for", func(ctx SpecContext) {
		setIssuerKinds(ctx, "cert-manager", map[string]string{"Widget.example.com": "widgets,Namespaced"})
		own := createRequest(ctx, c, requestFor(v1.IssuerRef{Name: "ca"}))
		foreign := createRequest(ctx, c, requestFor(v1.IssuerRef{Name: "w", Kind: "Widget", Group: "example.com"}))
		u := newUser(ctx, theirs, rest.ImpersonationConfig{UserName: "their approver"})
		Eventually(decide(ctx, u, own, v1.ConditionApproved)).
			Should(beForbidden("signers of cert-manager.io named issuers.cert-manager.io/default.ca or issuers.cert-manager.io/*"))
		Eventually(decide(ctx, u, foreign, v1.ConditionApproved)).
			Should(beForbidden("signers of cert-manager.io named widgets.example.com/default.w"))
		u.allowSigner(ctx, "issuers.cert-manager.io/default.ca")
		Eventually(decide(ctx, u, own, v1.ConditionApproved)).Should(Succeed())
	})
})
