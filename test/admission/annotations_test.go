package admission

import (
	"maps"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/certwright/certwright/api/v1"
)

var _ = Describe("The annotations of a request", func() {
	const message = "annotations of certwright.dev and acme.certwright.dev on a CertificateRequest never change"

	before := map[string]string{
		names.Annotation.CertificateName:          "a",
		names.Annotation.ACME.OverrideIngressName: "b",
		"example.com/note":                        "c",
	}

	DescribeTable("keep what the operator reads",
		func(ctx SpecContext, accepted, refused func(map[string]string)) {
			request := requestFor(v1.IssuerRef{Name: "ca"})
			request.Annotations = maps.Clone(before)
			createRequest(ctx, admin, request)
			update := func(change func(map[string]string)) func() error {
				return func() error {
					changed := request.DeepCopy()
					change(changed.Annotations)
					return admin.Update(ctx, changed, client.DryRunAll)
				}
			}
			Eventually(update(refused)).Should(MatchError(ContainSubstring(message)))
			Expect(update(accepted)()).To(Succeed())
		},
		Entry("when one changes",
			func(a map[string]string) { a["example.com/note"] = "x" },
			func(a map[string]string) { a[names.Annotation.CertificateName] = "x" }),
		Entry("when one of the acme group changes",
			func(map[string]string) {},
			func(a map[string]string) { a[names.Annotation.ACME.OverrideIngressName] = "x" }),
		Entry("when one is added",
			func(a map[string]string) { a["example.com/other"] = "x" },
			func(a map[string]string) { a[names.Annotation.PrivateKeySecretName] = "x" }),
		Entry("when one goes",
			func(a map[string]string) { delete(a, "example.com/note") },
			func(a map[string]string) { delete(a, names.Annotation.CertificateName) }),
		Entry("when all go",
			func(a map[string]string) {
				a["example.com/certwright.dev/"] = "x"
				delete(a, "example.com/certwright.dev/")
			},
			func(a map[string]string) { clear(a) }),
		Entry("when one takes the place of another",
			func(a map[string]string) { a["example.com/certwright.dev"] = "x" },
			func(a map[string]string) {
				delete(a, names.Annotation.CertificateName)
				a[names.Annotation.CertificateRevision] = "1"
			}),
	)

	It("can be had later by a request that has none of the operator's", func(ctx SpecContext) {
		request := createRequest(ctx, admin, requestFor(v1.IssuerRef{Name: "ca"}))
		request.Annotations = map[string]string{names.Annotation.CertificateName: "a"}
		Eventually(func() error { return admin.Update(ctx, request.DeepCopy(), client.DryRunAll) }).
			Should(MatchError(ContainSubstring(message)))
		request.Annotations = map[string]string{"example.com/note": "a"}
		Expect(admin.Update(ctx, request, client.DryRunAll)).To(Succeed())
	})
})
