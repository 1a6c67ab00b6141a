package controllers_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/testkit"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

var _ = Describe("the key of an ACME account", func() {
	const keyChangeCall = "CA POST rollover-account-key"
	s := eachInItsOwnSpace()

	rotate := func(ctx SpecContext, issuer *v1.Issuer) {
		GinkgoHelper()
		edit(ctx, s, issuer, func() { issuer.Annotations = map[string]string{names.Annotation.ACME.RotateAccountKey: "today"} })
	}
	// changed waits until the key has been changed, and expects the new one alone in the Secret.
	changed := func(ctx SpecContext, issuer *v1.Issuer, before v1.ACMEIssuerStatus) {
		GinkgoHelper()
		Eventually(func(g Gomega) {
			g.Expect(s.Get(ctx, client.ObjectKeyFromObject(issuer), issuer)).To(Succeed())
			g.Expect(issuer.Status.ACME.KeyRollover).NotTo(BeNil())
			g.Expect(issuer.Status.ACME.KeyRollover.Phase).To(Equal(v1.KeyRolloverDone))
		}).Should(Succeed())
		Expect(issuer.Status.ACME.URI).To(Equal(before.URI), "it is the same account")
		Expect(issuer.Status.ACME.LastPrivateKeyHash).NotTo(Equal(before.LastPrivateKeyHash))
		secret := &corev1.Secret{}
		Expect(s.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: "acme-account"}, secret)).To(Succeed())
		Expect(secret.Data).To(HaveLen(1))
	}
	registered := func(ctx SpecContext, issuer *v1.Issuer) v1.ACMEIssuerStatus {
		GinkgoHelper()
		create(ctx, s, issuer)
		Eventually(func(g Gomega) {
			g.Expect(s.Get(ctx, client.ObjectKeyFromObject(issuer), issuer)).To(Succeed())
			g.Expect(condition.IsTrue(issuer.Status.Conditions, v1.ConditionReady)).To(BeTrue())
		}).Should(Succeed())
		return *issuer.Status.ACME
	}

	It("is changed where an annotation asks for that, and once", func(ctx SpecContext) {
		world, calls := startACME(), testkit.NewFaults(nil)
		startOperator(s.namespace, world.operator, countedBy(calls))
		issuer := world.issuer(s.namespace, byHTTP())
		before := registered(ctx, issuer)
		rotate(ctx, issuer)
		changed(ctx, issuer, before)
		crt := issue(ctx, s, certificate(s.namespace, "web", "acme", withNames("web.example.test")))
		expectSignedBy(ctx, s, crt, world.ca.Roots())
		Expect(calls.Count(keyChangeCall)).To(Equal(1))
	})

	DescribeTable("is changed to one key, though the operator dies", func(ctx SpecContext, label string, occurrence int, moment testkit.Moment) {
		world := startACME()
		faults := testkit.NewFaults(&testkit.Point{Label: label, Occurrence: occurrence, Moment: moment})
		stop := startOperator(s.namespace, world.operator, countedBy(faults))
		issuer := world.issuer(s.namespace, byHTTP())
		before := registered(ctx, issuer)
		rotate(ctx, issuer)
		Eventually(faults.Died).Should(BeClosed())
		stop()
		startOperator(s.namespace, world.operator)
		changed(ctx, issuer, before)
		issue(ctx, s, certificate(s.namespace, "web", "acme", withNames("web.example.test")))
	},
		Entry("before the new key is stored", "PUT secrets", 1, testkit.Before),
		Entry("after the new key is stored", "PUT secrets", 1, testkit.After),
		Entry("before the CA is told", keyChangeCall, 1, testkit.Before),
		Entry("after the CA is told", keyChangeCall, 1, testkit.After),
		Entry("before the new key takes its place", "PUT secrets", 2, testkit.Before),
		Entry("after the new key takes its place", "PUT secrets", 2, testkit.After),
	)

	It("is not changed while a challenge is pending, and no other begins meanwhile", func(ctx SpecContext) {
		world, calls := startACME(), testkit.NewFaults(nil)
		startOperator(s.namespace, world.operator, countedBy(calls))
		issuer := world.issuer(s.namespace, slowly(byHTTP()))
		before := registered(ctx, issuer)
		slow := certificate(s.namespace, "slow", "acme", withNames("slow.example.test"))
		create(ctx, s, slow)
		Eventually(orderStatus(ctx, s, "slow-1")).Should(HaveField("Authorizations", Not(BeEmpty())))
		rotate(ctx, issuer)
		Eventually(func(g Gomega) {
			g.Expect(s.Get(ctx, client.ObjectKeyFromObject(issuer), issuer)).To(Succeed())
			g.Expect(issuer.Status.ACME.KeyRollover).To(HaveField("Phase", v1.KeyRolloverWaiting))
		}).Should(Succeed())
		create(ctx, s, certificate(s.namespace, "next", "acme", withNames("next.example.test")))
		Eventually(orderStatus(ctx, s, "next-1")).Should(HaveField("Reason", ContainSubstring("key of the account")))
		Expect(calls.Count(keyChangeCall)).To(BeZero())
		Expect(s.Delete(ctx, slow)).To(Succeed())
		changed(ctx, issuer, before)
		Eventually(orderStatus(ctx, s, "next-1")).Should(HaveField("URL", Not(BeEmpty())))
	})
})

var _ = Describe("an ACME account", func() {
	s := eachInItsOwnSpace()

	It("tells what the CA offers, and an issuer that wants another profile says which there are", func(ctx SpecContext) {
		world := operateACME(s.namespace, func(options *acmetest.Options) {
			options.Profiles = map[string]acmetest.Profile{"default": {Description: "for servers"}, "short": {Description: "for a week"}}
		})
		issuer := world.issuer(s.namespace, byHTTP())
		issuer.Spec.ACME.Profile = "long"
		create(ctx, s, issuer)
		Eventually(func(g Gomega) {
			g.Expect(s.Get(ctx, client.ObjectKeyFromObject(issuer), issuer)).To(Succeed())
			ready := condition.Get(issuer.Status.Conditions, v1.ConditionReady)
			g.Expect(ready).To(HaveValue(And(HaveField("Reason", v1.ReasonInvalidConfig), HaveField("Message", ContainSubstring("it offers default, short")))))
			g.Expect(issuer.Status.ACME.Profiles).To(ContainElement(v1.ACMEProfile{Name: "short", Description: "for a week"}))
			g.Expect(issuer.Status.ACME.TermsOfService).NotTo(BeEmpty())
		}).Should(Succeed())
		edit(ctx, s, issuer, func() { issuer.Spec.ACME.Profile = "short" })
		issue(ctx, s, certificate(s.namespace, "web", "acme", withNames("web.example.test")))
	})

	It("is not told its external account again after a restart", func(ctx SpecContext) {
		world := startACME(func(options *acmetest.Options) {
			options.ExternalAccountKeys = map[string]string{"kid-1": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"}
		})
		stop := startOperator(s.namespace, world.operator)
		create(ctx, s, &corev1.Secret{ObjectMeta: issuer(s.namespace, "eab", v1.IssuerSpec{}).ObjectMeta, Data: map[string][]byte{
			"mac": []byte("zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"),
		}})
		bound := world.issuer(s.namespace, byHTTP())
		bound.Spec.ACME.ExternalAccountBinding = &v1.ExternalAccountBinding{KeyID: "kid-1", KeySecretRef: v1.SecretKeySelector{Name: "eab", Key: "mac"}}
		create(ctx, s, bound)
		issue(ctx, s, certificate(s.namespace, "first", "acme", withNames("first.example.test")))
		stop()
		Expect(s.Delete(ctx, &corev1.Secret{ObjectMeta: issuer(s.namespace, "eab", v1.IssuerSpec{}).ObjectMeta})).To(Succeed())
		calls := testkit.NewFaults(nil)
		startOperator(s.namespace, world.operator, countedBy(calls))
		issue(ctx, s, certificate(s.namespace, "second", "acme", withNames("second.example.test")))
		Expect(calls.Count(newOrderCall)).To(Equal(1))
		Expect(calls.Count("CA POST sign-me-up")).To(BeZero())
	})
})
