package controllers_test

import (
	"io"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/testkit"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

var _ = describeIssuing("an ACME CA", func() {
	s := eachInItsOwnSpace()

	It("proves control over HTTP-01", func(ctx SpecContext) {
		world := operateACME(s.namespace)
		create(ctx, s, world.issuer(s.namespace, byHTTP()))
		crt := issue(ctx, s, certificate(s.namespace, "web", "acme", withNames("web.example.test", "www.example.test")))
		expectSignedBy(ctx, s, crt, world.ca.Roots())
		expectNothingLeft(ctx, s, crt)
	})

	It("proves control over DNS-01, wildcard and apex at one name, and takes the records away", func(ctx SpecContext) {
		world := operateACME(s.namespace)
		createTSIG(ctx, s, s.namespace)
		create(ctx, s, world.issuer(s.namespace, world.byDNS()))
		crt := issue(ctx, s, certificate(s.namespace, "wild", "acme", withNames("example.test", "*.example.test")))
		expectSignedBy(ctx, s, crt, world.ca.Roots())
		Eventually(func() []string { return world.dns.TXT("_acme-challenge.example.test") }).Should(BeEmpty())
		expectNothingLeft(ctx, s, crt)
	})

	It("uses an authorization that is valid already without a challenge", func(ctx SpecContext) {
		world := operateACME(s.namespace, func(options *acmetest.Options) { options.AuthzReusePercent = 100 })
		create(ctx, s, world.issuer(s.namespace, byHTTP()))
		for _, name := range []string{"first", "second"} {
			issue(ctx, s, certificate(s.namespace, name, "acme", withNames("web.example.test")))
		}
		order := &acmev1.Order{}
		Expect(s.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: "second-1"}, order)).To(Succeed())
		for _, authorization := range order.Status.Authorizations {
			Expect(authorization.Challenge).To(BeNil(), "a challenge was answered for nothing")
		}
	})

	It("prefers the chain that the issuer names", func(ctx SpecContext) {
		world := operateACME(s.namespace, func(options *acmetest.Options) { options.AlternateRoots, options.ChainLength = 2, 2 })
		acme := world.issuer(s.namespace, byHTTP())
		acme.Spec.ACME.PreferredChain = "no such root"
		create(ctx, s, acme)
		crt := issue(ctx, s, certificate(s.namespace, "web", "acme", withNames("web.example.test")))
		expectSignedBy(ctx, s, crt, world.ca.Roots())
	})
})

var _ = Describe("an ACME CA that does not cooperate", func() {
	s := eachInItsOwnSpace()

	It("refuses a name, and the Certificate says what it said and when the next attempt is", func(ctx SpecContext) {
		world := operateACME(s.namespace, func(options *acmetest.Options) { options.BlockedDomains = []string{"blocked.test"} })
		crt := certificate(s.namespace, "web", "acme", withNames("web.blocked.test"))
		create(ctx, s, world.issuer(s.namespace, byHTTP()), crt)
		expectFailed(ctx, s, crt, v1.ReasonFailed, "web.blocked.test", "next attempt is at")
		Expect(crt.Status.Issuance.LastError.Type).To(Equal("urn:ietf:params:acme:error:rejectedIdentifier"))
		Expect(crt.Status.Issuance.NextAttemptTime.Time).To(BeTemporally("~", time.Now().Add(time.Minute), 10*time.Second))
		Expect(crt.Status.FailedIssuanceAttempts).To(HaveValue(Equal(1)))
	})

	It("forgets the account, and the operator registers it again", func(ctx SpecContext) {
		world := operateACME(s.namespace)
		acme := world.issuer(s.namespace, byHTTP())
		// The CA comes back with another TLS certificate.
		acme.Spec.ACME.CABundle, acme.Spec.ACME.SkipTLSVerify = nil, true
		create(ctx, s, acme)
		issue(ctx, s, certificate(s.namespace, "first", "acme", withNames("first.example.test")))
		world.restart()
		second := issue(ctx, s, certificate(s.namespace, "second", "acme", withNames("second.example.test")))
		expectSignedBy(ctx, s, second, world.ca.Roots())
	})

	It("does not see the answer, and the Certificate says which name failed and why", func(ctx SpecContext) {
		world := operateACME(s.namespace, func(options *acmetest.Options) { options.HTTPPort = 1 })
		crt := certificate(s.namespace, "web", "acme", withNames("web.example.test"))
		create(ctx, s, world.issuer(s.namespace, byHTTP()), crt)
		expectFailed(ctx, s, crt, v1.ReasonFailed, "web.example.test")
		Expect(crt.Status.Issuance.LastError.Type).To(Equal("urn:ietf:params:acme:error:connection"))
	})

	It("is asked nothing for a name that no solver fits, and goes on when one is added", func(ctx SpecContext) {
		world := operateACME(s.namespace)
		solver := byHTTP()
		solver.Selector = &v1.SolverSelector{DNSNames: []string{"other.example.test"}}
		acme := world.issuer(s.namespace, solver)
		crt := certificate(s.namespace, "web", "acme", withNames("web.example.test"))
		create(ctx, s, acme, crt)
		Eventually(func(g Gomega) {
			order := &acmev1.Order{}
			g.Expect(s.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: "web-1"}, order)).To(Succeed())
			g.Expect(order.Status.Reason).To(ContainSubstring(`no solver of the issuer fits "web.example.test"`))
			g.Expect(order.Status.URL).To(BeEmpty())
		}).Should(Succeed())
		edit(ctx, s, acme, func() { acme.Spec.ACME.Solvers = append(acme.Spec.ACME.Solvers, byHTTP()) })
		expectReady(ctx, s, crt)
	})
})

var _ = Describe("an API server that refuses an Order", func() {
	s := eachInItsOwnSpace()

	DescribeTable("one write costs no order and leaves nothing behind", func(ctx SpecContext, label string, occurrence int) {
		world := startACME()
		calls := testkit.NewFaults(nil)
		refused := &refusals{label: label, first: occurrence, last: occurrence, err: apierrors.NewInternalError(io.ErrUnexpectedEOF)}
		startOperator(s.namespace, world.operator, refused.refuse, countedBy(calls))
		crt := world.requestLeaf(ctx, s, s.namespace)
		expectReady(ctx, s, crt)
		expectNothingLeft(ctx, s, crt)
		Expect(refused.calls()).To(BeNumerically(">=", occurrence), "the call was not made")
		Expect(calls.Count(newOrderCall)).To(Equal(1))
	},
		Entry("with its URL", "PUT orders/status", 1),
		Entry("with its answers", "PUT orders/status", 2),
		Entry("with its result", "PUT orders/status", 3),
		Entry("that adds the finalizer", "PUT orders", 1),
		Entry("that takes the finalizer away", "PUT orders", 2),
	)
})
