package controllers_test

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/operator"
	"github.com/certwright/certwright/internal/pki"
	"github.com/certwright/certwright/internal/testkit"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

// account is the account of the world's Issuer as its owner could use it elsewhere.
func (w *scriptedWorld) account(ctx SpecContext) (*acme.Client, acme.Account) {
	GinkgoHelper()
	secret, issuer := &corev1.Secret{}, &v1.Issuer{}
	Expect(w.space.Get(ctx, client.ObjectKey{Namespace: w.space.namespace, Name: "acme-account"}, secret)).To(Succeed())
	Expect(w.space.Get(ctx, client.ObjectKey{Namespace: w.space.namespace, Name: "acme"}, issuer)).To(Succeed())
	key, err := pki.DecodePrivateKey(secret.Data[corev1.TLSPrivateKeyKey])
	Expect(err).NotTo(HaveOccurred())
	return &acme.Client{Directory: w.ca.DirectoryURL, HTTP: w.ca.HTTPClient()}, acme.Account{Key: key, URL: issuer.Status.ACME.URI}
}

// forgetful is an Issuer that goes on with a CA that comes back with another TLS certificate.
func (w *scriptedWorld) forgetful(solvers ...v1.ACMESolver) *v1.Issuer {
	made := w.issuer(w.space.namespace, solvers...)
	made.Spec.ACME.CABundle, made.Spec.ACME.SkipTLSVerify = nil, true
	return made
}

var _ = Describe("an order at an ACME CA", func() {
	s := eachInItsOwnSpace()

	It("gets through although the CA refuses nine of ten nonces, and is made once", func(ctx SpecContext) {
		world := scriptACME(s, func(options *acmetest.Options) { options.NonceRejectPercent = 90 })
		crt := world.request(ctx, "web.example.test")
		Eventually(func(g Gomega) {
			// Calls that lose eleven times in a row wait for a minute and more.
			world.advance(ctx, 10*time.Minute)
			g.Expect(latest(g, ctx, s, crt, v1.ConditionReady)).To(beTrue)
		}).WithPolling(500 * time.Millisecond).WithTimeout(time.Minute).Should(Succeed())
		expectNothingLeft(ctx, s, crt)
		Expect(crt.Status.Revision).To(HaveValue(Equal(1)))
	})

	It("for an IP address is proved over HTTP-01", func(ctx SpecContext) {
		world := scriptACME(s)
		crt := certificate(s.namespace, "web", "acme", withNames(), func(crt *v1.Certificate) { crt.Spec.IPAddresses = []string{"127.0.0.1"} })
		create(ctx, s, world.issuer(s.namespace, byHTTP()))
		issue(ctx, s, crt)
		expectSignedBy(ctx, s, crt, world.ca.Roots())
		Expect(expectPair(ctx, s, crt).Leaf().IPAddresses).To(HaveLen(1))
	})

	It("has a hundred names, and costs three writes of its status", func(ctx SpecContext) {
		world, calls := startACME(), testkit.NewFaults(nil)
		startOperator(s.namespace, world.operator, countedBy(calls), func(options *operator.Options) {
			// An order that takes longer than five seconds says what it waits for. By this clock, none does.
			options.Now = func() time.Time { return time.Now().Add(-time.Minute) }
		})
		var hundred []string
		for i := range 100 {
			hundred = append(hundred, fmt.Sprintf("n%d.example.test", i))
		}
		create(ctx, s, world.issuer(s.namespace, byHTTP()))
		crt := issue(ctx, s, certificate(s.namespace, "web", "acme", withNames(hundred...)))
		expectSignedBy(ctx, s, crt, world.ca.Roots())
		Expect(calls.Count(newOrderCall)).To(Equal(1))
		Expect(calls.Count("CA POST chalZ")).To(Equal(100))
		Expect(calls.Count("PUT orders/status")).To(Equal(3))
	})

	It("needs no solver where nothing is to be proved", func(ctx SpecContext) {
		world := scriptACME(s, func(options *acmetest.Options) { options.AuthzReusePercent = 100 })
		bare := world.issuer(s.namespace)
		bare.Name = "bare"
		create(ctx, s, world.issuer(s.namespace, byHTTP()))
		issue(ctx, s, certificate(s.namespace, "first", "acme", withNames("web.example.test")))
		create(ctx, s, bare)
		read := world.calls.Count(readAuthorization)
		issue(ctx, s, certificate(s.namespace, "second", "bare", withNames("web.example.test")))
		Expect(world.calls.Count(readAuthorization)).To(Equal(read), "it is ready when it is made")
		Expect(orderStatus(ctx, s, "second-1")(Default).Authorizations).To(BeEmpty())
	})

	It("fails where something is to be proved and the issuer has no solver, and gives up what it opened", func(ctx SpecContext) {
		world := scriptACME(s)
		crt := certificate(s.namespace, "web", "acme", withNames("web.example.test"))
		create(ctx, s, world.issuer(s.namespace), crt)
		expectFailed(ctx, s, crt, v1.ReasonFailed, `no solver of the issuer can answer what the CA offers for "web.example.test"`, "http-01")
		client, account := world.account(ctx)
		for _, authorization := range orderStatus(ctx, s, "web-1")(Default).Authorizations {
			Eventually(func(g Gomega) {
				found, err := client.FetchAuthorization(ctx, account, authorization.URL)
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(found.Status).To(Equal(acme.AuthorizationDeactivated))
			}).Should(Succeed())
		}
	})

	It("for the same names as another's does not race with it", func(ctx SpecContext) {
		world := scriptACME(s)
		first := certificate(s.namespace, "first", "acme", withNames("web.example.test", "www.example.test"))
		second := certificate(s.namespace, "second", "acme", withNames("www.example.test", "web.example.test"))
		create(ctx, s, world.issuer(s.namespace, byHTTP()), first, second)
		Eventually(func(g Gomega) {
			for _, crt := range []*v1.Certificate{first, second} {
				g.Expect(latest(g, ctx, s, crt, v1.ConditionReady)).To(beTrue)
				g.Expect(crt.Status.FailedIssuanceAttempts).To(BeNil())
			}
		}).Should(Succeed())
		Expect(world.calls.Count(newOrderCall)).To(Equal(2))
	})

	It("that lives for hours is done before its authorizations end, whatever a solver waits for", func(ctx SpecContext) {
		world := scriptACME(s)
		ends := func(at time.Duration) acmetest.Change {
			return acmetest.EditObject(func(object map[string]any) {
				object["expires"] = time.Now().Add(at).UTC().Format(time.RFC3339)
			})
		}
		world.ca.Always(atNewOrder, ends(8*time.Hour))
		world.ca.Always(atAuthorization, ends(time.Hour))
		slow := byHTTP()
		slow.WaitInsteadOfSelfCheck = &metav1.Duration{Duration: 6 * time.Hour}
		crt := certificate(s.namespace, "web", "acme", withNames("web.example.test"))
		create(ctx, s, world.issuer(s.namespace, slow), crt)
		expectCondition(ctx, s, crt, v1.ConditionIssuing, HaveField("Message", ContainSubstring("waitInsteadOfSelfCheck")))
		Expect(world.calls.Count("CA POST chalZ")).To(BeZero())
		world.advance(ctx, 49*time.Minute)
		expectReady(ctx, s, crt)
		Expect(world.calls.Count(newOrderCall)).To(Equal(1))
	})

	It("that its CA forgets with the account is made anew with another", func(ctx SpecContext) {
		world := scriptACME(s)
		crt := certificate(s.namespace, "web", "acme", withNames("web.example.test"))
		made := world.forgetful(slowly(byHTTP()))
		create(ctx, s, made, crt)
		Eventually(orderStatus(ctx, s, "web-1")).Should(HaveField("Authorizations", Not(BeEmpty())))
		world.restart()
		world.advance(ctx, time.Hour)
		// The issuer may have another account by the time that the order asks: the CA does not know the order of that one.
		expectCondition(ctx, s, crt, v1.ConditionIssuing, And(beFalse(v1.ReasonFailed), HaveField("Message", Or(
			ContainSubstring("accountDoesNotExist"), ContainSubstring("has forgotten the order"),
		))))
		edit(ctx, s, made, func() { made.Spec.ACME.Solvers = []v1.ACMESolver{byHTTP()} })
		world.advance(ctx, 2*time.Minute)
		expectReady(ctx, s, crt)
		expectSignedBy(ctx, s, crt, world.ca.Roots())
	})

	It("comes with the chain that the issuer prefers", func(ctx SpecContext) {
		world := scriptACME(s, func(options *acmetest.Options) { options.AlternateRoots, options.ChainLength = 2, 2 })
		var preferred string
		for rest := world.ca.Roots(); ; {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil {
				break
			}
			root, err := x509.ParseCertificate(block.Bytes)
			Expect(err).NotTo(HaveOccurred())
			preferred = root.Subject.CommonName
		}
		picky := world.issuer(s.namespace, byHTTP())
		picky.Spec.ACME.PreferredChain = preferred
		create(ctx, s, picky)
		crt := issue(ctx, s, certificate(s.namespace, "web", "acme", withNames("web.example.test")))
		expectSignedBy(ctx, s, crt, world.ca.Roots())
		chain := expectPair(ctx, s, crt)
		Expect(chain[len(chain)-1].Issuer.CommonName).To(Equal(preferred))
	})
})

var _ = Describe("an ACME account that cannot order", func() {
	s := eachInItsOwnSpace()

	It("because somebody deactivated it is looked at once, and the Certificate waits for the issuer", func(ctx SpecContext) {
		world := scriptACME(s)
		made := world.issuer(s.namespace, byHTTP())
		create(ctx, s, made)
		issue(ctx, s, certificate(s.namespace, "first", "acme", withNames("first.example.test")))
		client, account := world.account(ctx)
		_, err := client.DeactivateAccount(ctx, account)
		Expect(err).NotTo(HaveOccurred())

		crt := certificate(s.namespace, "web", "acme", withNames("web.example.test"))
		create(ctx, s, crt)
		told := HaveField("Message", ContainSubstring("deactivated"))
		expectFailed(ctx, s, crt, v1.ReasonFailed, "deactivated")
		expectIssuer(ctx, s, made, And(HaveField("Status", metav1.ConditionFalse), told, HaveField("Message", ContainSubstring("privateKeySecretRef"))))
		world.advance(ctx, 2*time.Minute)
		expectCondition(ctx, s, crt, v1.ConditionIssuing, And(beTrue, told))
		Expect(world.calls.Count(newOrderCall)).To(Equal(2))
		Expect(crt.Status.FailedIssuanceAttempts).To(HaveValue(Equal(1)))

		By("going on with another account")
		edit(ctx, s, made, func() { made.Spec.ACME.PrivateKeySecretRef.Name = "another-account" })
		expectReady(ctx, s, crt)
	})

	It("because the CA never knows it is registered anew a few times, and not without end", func(ctx SpecContext) {
		world := scriptACME(s)
		world.ca.Always(atNewOrder, refusal(http.StatusBadRequest, "accountDoesNotExist", "who are you"))
		crt := world.request(ctx, "web.example.test")
		// Not beyond: a minute later comes the next attempt.
		Eventually(func() int {
			world.advance(ctx, 31*time.Second)
			return world.calls.Count(newOrderCall)
		}).WithPolling(300 * time.Millisecond).Should(Equal(3))
		expectFailed(ctx, s, crt, v1.ReasonFailed, "who are you")
		Expect(world.calls.Count(newOrderCall)).To(Equal(3))
		Expect(crt.Status.Issuance.LastError.Type).To(Equal(problemPrefix + "accountDoesNotExist"))
	})

	It("for the profile that the issuer names says which the CA has now", func(ctx SpecContext) {
		world := scriptACME(s, func(options *acmetest.Options) {
			options.Profiles = map[string]acmetest.Profile{"default": {Description: "for servers"}, "short": {Description: "for a week"}}
		})
		made := world.issuer(s.namespace, byHTTP())
		made.Spec.ACME.Profile = "short"
		create(ctx, s, made)
		expectIssuer(ctx, s, made, beTrue)
		world.ca.Always(atNewOrder, refusal(http.StatusBadRequest, "invalidProfile", "profile short was withdrawn"))
		world.ca.Always(atDirectory, acmetest.EditObject(func(directory map[string]any) {
			delete(directory["meta"].(map[string]any)["profiles"].(map[string]any), "short")
		}))
		crt := certificate(s.namespace, "web", "acme", withNames("web.example.test"))
		create(ctx, s, crt)
		expectFailed(ctx, s, crt, v1.ReasonFailed, "profile short was withdrawn")
		expectIssuer(ctx, s, made, And(HaveField("Reason", v1.ReasonInvalidConfig), HaveField("Message", ContainSubstring("it offers default"))))
		Expect(world.calls.Count(newOrderCall)).To(Equal(1))
	})

	DescribeTable("because its external account is not the CA's tells the Certificate, too", func(ctx SpecContext, binding *v1.ExternalAccountBinding, advice string) {
		world := scriptACME(s, func(options *acmetest.Options) {
			options.ExternalAccountKeys = map[string]string{"kid-1": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"}
		})
		bound := world.issuer(s.namespace, byHTTP())
		bound.Spec.ACME.ExternalAccountBinding = binding
		crt := certificate(s.namespace, "web", "acme", withNames("web.example.test"))
		create(ctx, s, &corev1.Secret{ObjectMeta: issuer(s.namespace, "eab", v1.IssuerSpec{}).ObjectMeta, Data: map[string][]byte{
			"mac": []byte("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
		}}, bound, crt)
		expectIssuer(ctx, s, bound, And(
			HaveField("Status", metav1.ConditionFalse), HaveField("Reason", v1.ReasonErrRegisterACMEAccount),
			HaveField("Message", ContainSubstring(advice))))
		told := condition.Get(bound.Status.Conditions, v1.ConditionReady).Message
		expectCondition(ctx, s, crt, v1.ConditionIssuing, And(beTrue, HaveField("Message", ContainSubstring(told))))
		Expect(world.calls.Count(newOrderCall)).To(BeZero())
	},
		Entry("for lack of one", nil, "set spec.acme.externalAccountBinding"),
		Entry("for a wrong key", &v1.ExternalAccountBinding{KeyID: "kid-1", KeySecretRef: v1.SecretKeySelector{Name: "eab", Key: "mac"}},
			"look whether spec.acme.externalAccountBinding"),
	)
})

var _ = Describe("what a CA says about renewals", func() {
	s := eachInItsOwnSpace()

	It("replaces a certificate that it has revoked, once it is asked again", func(ctx SpecContext) {
		world := scriptACME(s)
		crt := world.request(ctx, "web.example.test")
		expectReady(ctx, s, crt)
		leaf := expectPair(ctx, s, crt).Leaf()
		// The CA revokes: the operator hears of it by asking only.
		client, account := world.account(ctx)
		_, err := client.RevokeCertificate(ctx, account, leaf.Raw, acme.RevocationKeyCompromise)
		Expect(err).NotTo(HaveOccurred())
		world.advance(ctx, 7*time.Hour)
		Eventually(revisionOf(ctx, s, crt)).Should(Equal(2))
		expectReady(ctx, s, crt)
		Expect(expectPair(ctx, s, crt).Leaf().SerialNumber).NotTo(Equal(leaf.SerialNumber))
		id, err := acme.CertID(leaf)
		Expect(err).NotTo(HaveOccurred())
		Expect(orderNamed(Default, ctx, s, "web-2").Spec.Replaces).To(Equal(id))
	})

	DescribeTable("is done without where it makes no sense", func(ctx SpecContext, resource string, change acmetest.Change, told string) {
		world := scriptACME(s)
		world.ca.Always(resource, change)
		crt := world.request(ctx, "web.example.test")
		expectReady(ctx, s, crt)
		lifetime := crt.Status.NotAfter.Sub(crt.Status.NotBefore.Time)
		Expect(crt.Status.RenewalTime.Time).To(BeTemporally("~", crt.Status.NotBefore.Add(lifetime*2/3), lifetime/20))
		if told == "" {
			Expect(crt.Status.ACME).To(BeNil())
			return
		}
		Expect(crt.Status.ACME.ARI.LastError).To(ContainSubstring(told))
	},
		Entry("because it is no JSON", atRenewalInfo, acmetest.Say(acmetest.JSONReply(http.StatusOK, "{")), "renewalInfo"),
		Entry("because the window ends before it starts", atRenewalInfo, acmetest.Say(acmetest.JSONReply(http.StatusOK,
			`{"suggestedWindow": {"start": "2027-01-02T00:00:00Z", "end": "2027-01-01T00:00:00Z"}}`)), "renewalInfo"),
		Entry("because the CA does not know the certificate", atRenewalInfo, refusal(http.StatusNotFound, "malformed", "no such certificate"), "no such certificate"),
		Entry("because the CA has none", atDirectory, acmetest.EditObject(func(directory map[string]any) { delete(directory, "renewalInfo") }), ""),
	)

	It("is not insisted on where another order replaces the certificate already", func(ctx SpecContext) {
		world := scriptACME(s)
		crt := world.request(ctx, "web.example.test")
		expectReady(ctx, s, crt)
		world.ca.On(atNewOrder, refusal(http.StatusConflict, "alreadyReplaced", "another order replaces it"))
		trigger(ctx, s, crt)
		Eventually(revisionOf(ctx, s, crt)).Should(Equal(2))
		expectReady(ctx, s, crt)
		Expect(world.calls.Count(newOrderCall)).To(Equal(3))
		Expect(slices.Contains(world.calls.Calls(), "CA GET draft-ietf-acme-ari-03")).To(BeTrue())
	})
})
