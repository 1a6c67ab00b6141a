package controllers_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

var _ = Describe("a challenge over DNS", func() {
	s := eachInItsOwnSpace()

	It("has a record of the account's own where the solver says dns-account-01", func(ctx SpecContext) {
		world := operateACME(s.namespace)
		createTSIG(ctx, s, s.namespace)
		solver := world.byDNS()
		solver.DNS01.Challenge = v1.DNSAccount01
		create(ctx, s, world.issuer(s.namespace, solver))
		crt := issue(ctx, s, certificate(s.namespace, "wild", "acme", withNames("example.test", "*.example.test")))
		expectSignedBy(ctx, s, crt, world.ca.Roots())
		order := &acmev1.Order{}
		Expect(s.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: "wild-1"}, order)).To(Succeed())
		record := acme.DNSAccount01Name(order.Status.AccountURL, "example.test")
		for _, authorization := range order.Status.Authorizations {
			Expect(authorization.Challenge.Type).To(Equal(acmev1.DNSAccount01))
			Expect(authorization.Challenge.RecordName).To(Equal(record + "."))
		}
		Eventually(func() []string { return world.dns.TXT(record) }).Should(BeEmpty())
	})

	It("is a record that somebody publishes once where the solver says dnsPersist01", func(ctx SpecContext) {
		world := operateACME(s.namespace, func(options *acmetest.Options) {
			options.CAAIdentities = []string{"ca.example", "ca.example.net"}
		})
		issuer := world.issuer(s.namespace, v1.ACMESolver{DNSPersist01: &v1.DNSPersist01Solver{IssuerDomainName: "ca.example.net"}})
		create(ctx, s, issuer)
		crt := certificate(s.namespace, "wild", "acme", withNames("example.test", "*.example.test"))
		create(ctx, s, crt)
		expectWaiting(ctx, s, crt, "publish the TXT record _validation-persist.example.test with the value")
		expectWaiting(ctx, s, crt, "policy=wildcard")

		Expect(s.Get(ctx, client.ObjectKeyFromObject(issuer), issuer)).To(Succeed())
		wanted := issuer.Status.ACME.DNSPersist01
		Expect(wanted).NotTo(BeNil())
		Expect(wanted.Name).To(Equal("_validation-persist.<domain>"))
		Expect(wanted.Value).To(HavePrefix("ca.example.net; accounturi=" + issuer.Status.ACME.URI))
		Expect(latest(NewWithT(GinkgoT()), ctx, s, crt, v1.ConditionIssuing).Message).To(ContainSubstring(wanted.Value))

		world.dns.SetTXT(strings.Replace(wanted.Name, "<domain>", "example.test", 1), "another.example; accounturi=https://another.example/1", wanted.Value)
		expectReady(ctx, s, crt)
		expectSignedBy(ctx, s, crt, world.ca.Roots())
		Expect(world.dns.TXT("_validation-persist.example.test")).To(HaveLen(2), "a record that is to stay was taken away")
	})
})
