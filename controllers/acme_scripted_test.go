package controllers_test

import (
	"net/http"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

var _ = Describe("a CA that has an order wait", func() {
	const minute, hour, day = time.Minute, time.Hour, 24 * time.Hour
	s := eachInItsOwnSpace()

	DescribeTable("is asked for it again when it said, and no attempt has failed", func(ctx SpecContext, change acmetest.Change, problemType string, from, to time.Duration, parts ...string) {
		world := scriptACME(s)
		world.ca.On(atNewOrder, change, world.longLived())
		crt := world.request(ctx, "web.example.test")
		world.expectHeld(ctx, crt, problemType, from, to, parts...)
		Expect(world.calls.Count(newOrderCall)).To(Equal(1))
		Expect(crt.Status.Issuance.LastError.Detail).NotTo(ContainSubstring("secret words"))

		world.advance(ctx, to)
		expectReady(ctx, s, crt)
		expectSignedBy(ctx, s, crt, world.ca.Roots())
		Expect(world.calls.Count(newOrderCall)).To(Equal(2))
		Expect(crt.Status.Issuance.LastError).To(BeNil())
	},
		Entry("a limit with a time", refusal(429, "rateLimited", "too many certificates for example.test", "Retry-After", "3600"),
			problemPrefix+"rateLimited", hour, hour+6*minute, "too many certificates for example.test"),
		Entry("a limit with a time, as a date", refusal(429, "rateLimited", "too many", "Date", "Mon, 02 Mar 2026 12:00:00 GMT", "Retry-After", "Mon, 02 Mar 2026 12:30:00 GMT"),
			problemPrefix+"rateLimited", 30*minute, 33*minute, "too many"),
		Entry("a limit without a time, which a person ends", refusal(429, "rateLimited", "paused: visit https://ca.test/unpause to unpause"),
			problemPrefix+"rateLimited", day, day+11*minute, "https://ca.test/unpause"),
		Entry("a limit without a time or a word", refusal(429, "rateLimited", "too many"),
			problemPrefix+"rateLimited", day, day+11*minute, "too many", "look at the account there"),
		Entry("a limit of a proxy", page(429), "RateLimited", hour, hour+6*minute, "HTTP status 429"),
		Entry("terms that have changed", acmetest.Say(acmetest.Reply{
			Status: 403, Header: http.Header{"Content-Type": {"application/problem+json"}},
			Body: `{"type": "urn:ietf:params:acme:error:userActionRequired", "detail": "agree to the new terms", "instance": "https://ca.test/terms/2"}`,
		}), problemPrefix+"userActionRequired", day, day+11*minute, "agree to the new terms", "open https://ca.test/terms/2"),
		Entry("the page of a load balancer", page(503), "CAUnavailable", minute, minute+7*time.Second, "HTTP status 503"),
		Entry("the page of a load balancer with a time", page(503, "Retry-After", "120"), "CAUnavailable", 2*minute, 2*minute+13*time.Second, "HTTP status 503"),
		Entry("a fault of its own", refusal(500, "serverInternal", "out of luck", "Retry-After", "60"),
			problemPrefix+"serverInternal", minute, minute+7*time.Second, "out of luck"),
		Entry("a connection that is cut", acmetest.Say(acmetest.Reply{Drop: true}), "CAUnavailable", minute, minute+7*time.Second, "newOrder"),
		Entry("an answer that is no order", acmetest.Say(acmetest.JSONReply(201, "[]")), "CAUnavailable", minute, minute+7*time.Second, "newOrder"),
		Entry("Retry-After in the year 9999", refusal(429, "rateLimited", "too many", "Retry-After", "Fri, 31 Dec 9999 23:59:59 GMT"),
			problemPrefix+"rateLimited", day, day+11*minute, "too many"),
		Entry("Retry-After of nothing", page(503, "Retry-After", "0"), "CAUnavailable", 5*time.Second, 6*time.Second, "HTTP status 503"),
		Entry("Retry-After below nothing", page(503, "Retry-After", "-5"), "CAUnavailable", minute, minute+7*time.Second, "HTTP status 503"),
	)

	DescribeTable("goes on with the same order afterwards", func(ctx SpecContext, resource string) {
		world := scriptACME(s)
		world.ca.On(resource, page(503, "Retry-After", "600"))
		crt := world.request(ctx, "web.example.test")
		world.expectHeld(ctx, crt, "CAUnavailable", 10*minute, 11*minute, "HTTP status 503")
		world.advance(ctx, 11*minute)
		expectReady(ctx, s, crt)
		Expect(world.calls.Count(newOrderCall)).To(Equal(1))
		Expect(orderNamed(Default, ctx, s, "web-1").Status).To(And(HaveField("Error", BeNil()), HaveField("NextAttemptTime", BeNil())))
	},
		Entry("while authorizations are read", atAuthorization),
		Entry("while a challenge is accepted", atChallenge),
		Entry("while the order is finalized", atFinalize),
		Entry("while the order is read", atOrder),
		Entry("while the certificate is fetched", atCertificate),
	)

	It("longer than the order lives gets a new one", func(ctx SpecContext) {
		world := scriptACME(s)
		world.ca.On(atNewOrder, acmetest.EditObject(func(order map[string]any) {
			order["expires"] = world.moved.now().Add(hour).UTC().Format(time.RFC3339)
		}))
		world.ca.On(atFinalize, page(503, "Retry-After", inSeconds(10*hour)))
		crt := world.request(ctx, "web.example.test")
		world.expectHeld(ctx, crt, "CAUnavailable", 10*hour, 10*hour+11*minute)
		world.advance(ctx, hour)
		expectFailed(ctx, s, crt, v1.ReasonFailed, "the order expired at the CA before it was done", "HTTP status 503")
		world.advance(ctx, minute)
		expectReady(ctx, s, crt)
		Expect(world.calls.Count(newOrderCall)).To(Equal(2))
	})
})

var _ = Describe("a CA whose answer ends an attempt", func() {
	s := eachInItsOwnSpace()

	DescribeTable("is not asked again at once, and the Certificate says what it said", func(ctx SpecContext, resource string, change acmetest.Change, problemType string, parts ...string) {
		world := scriptACME(s)
		world.ca.On(resource, change)
		crt := world.request(ctx, "web.example.test")
		expectFailed(ctx, s, crt, v1.ReasonFailed, append(parts, "Attempt 1 failed", "The next attempt is at")...)
		Expect(crt.Status.Issuance.LastError.Type).To(Equal(problemType))
		Expect(crt.Status.Issuance.NextAttemptTime.Time).To(BeTemporally("~", world.moved.now().Add(time.Minute), 10*time.Second))
		Expect(crt.Status.FailedIssuanceAttempts).To(HaveValue(Equal(1)))
		Expect(world.calls.Count(newOrderCall)).To(Equal(1))

		world.advance(ctx, time.Minute)
		expectReady(ctx, s, crt)
		expectSignedBy(ctx, s, crt, world.ca.Roots())
		Expect(world.calls.Count(newOrderCall)).To(Equal(2))
	},
		Entry("a link to another host", atNewOrder, acmetest.EditObject(func(order map[string]any) { order["finalize"] = "https://elsewhere.test/finalize" }),
			"CARefused", "a host that is not the directory's", "allowedHosts", "elsewhere.test"),
		Entry("a link without TLS", atNewOrder, acmetest.EditObject(func(order map[string]any) { order["finalize"] = "http://127.0.0.1/finalize" }),
			"CARefused", "https"),
		Entry("a profile that it has no more", atNewOrder, refusal(400, "invalidProfile", "profile short is not for these names"),
			problemPrefix+"invalidProfile", "profile short is not for these names"),
		Entry("a profile that it has no more, at the end", atFinalize, refusal(400, "invalidProfile", "profile short was withdrawn"),
			problemPrefix+"invalidProfile", "profile short was withdrawn"),
		Entry("a CSR that it does not take", atFinalize, refusal(400, "badCSR", "a weak key"), problemPrefix+"badCSR", "badCSR: a weak key"),
		Entry("a type that nobody knows", atNewOrder, refusal(400, "brandNew", "something new"), problemPrefix+"brandNew", "brandNew: something new"),
		Entry("a refusal without a document", atNewOrder, page(403), "CARefused", "HTTP status 403"),
		Entry("an order that is gone", atChallenge, refusal(404, "malformed", "no such challenge"), problemPrefix+"malformed", "no such challenge"),
		Entry("a chain with a key in it", atCertificate, acmetest.Edit(func(reply *acmetest.Reply) {
			reply.Body += "-----BEGIN PRIVATE KEY-----\nbm90IGEga2V5\n-----END PRIVATE KEY-----\n"
		}), "CARefused", "certificate"),
		Entry("an order with other names than before", atOrder, acmetest.EditObject(func(order map[string]any) {
			order["identifiers"] = []any{map[string]any{"type": "dns", "value": "other.example.test"}}
		}), "OrderChanged", "the CA changed the names or the authorizations of the order"),
		Entry("challenges that no solver answers", atAuthorization, acmetest.EditObject(func(authorization map[string]any) {
			authorization["challenges"] = []any{map[string]any{"type": "carrier-pigeon-01", "url": "{base}/chalZ/1", "status": "pending"}}
		}), "NoSolver", "it offers carrier-pigeon-01"),
	)

	It("with an empty error says where it looked, and counts as a failed validation", func(ctx SpecContext) {
		world := scriptACME(s, func(options *acmetest.Options) { options.HTTPPort = 1 })
		world.ca.Always(atAuthorization, acmetest.EditObject(func(authorization map[string]any) {
			for _, challenge := range authorization["challenges"].([]any) {
				if challenge := challenge.(map[string]any); challenge["error"] != nil {
					challenge["error"] = map[string]any{}
				}
			}
		}))
		crt := world.request(ctx, "web.example.test")
		expectFailed(ctx, s, crt, v1.ReasonFailed, "web.example.test, http-01 at http://web.example.test/.well-known/acme-challenge/", "the CA gave no reason")
		Expect(crt.Status.Issuance.LastError.Type).To(Equal("Validation"))
	})
})

var _ = Describe("a CA that is unusual", func() {
	s := eachInItsOwnSpace()

	DescribeTable("issues all the same", func(ctx SpecContext, resource string, changes ...acmetest.Change) {
		world := scriptACME(s)
		world.ca.On(resource, changes...)
		crt := world.request(ctx, "web.example.test")
		expectReady(ctx, s, crt)
		expectSignedBy(ctx, s, crt, world.ca.Roots())
		expectNothingLeft(ctx, s, crt)
		Expect(world.calls.Count(newOrderCall)).To(Equal(1))
	},
		Entry("with challenges of other types beside", atAuthorization, acmetest.EditObject(func(authorization map[string]any) {
			authorization["wildcard"] = false
			authorization["challenges"] = append([]any{
				map[string]any{"type": "carrier-pigeon-01", "url": "{base}/chalZ/x", "status": "pending", "cage": []any{7}},
				"not even an object",
			}, authorization["challenges"].([]any)...)
		})),
		Entry("that is not ready when it is finalized", atFinalize, refusal(403, "orderNotReady", "not yet")),
		Entry("that answers polls with Retry-After in seconds", atAuthorization, acmetest.Pass, acmetest.EditHeader("Retry-After", "1")),
		Entry("that answers polls with Retry-After as a date", atAuthorization, acmetest.Pass, acmetest.EditHeader("Retry-After", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))),
	)

	It("signs for hours, is asked ever less, and nobody writes meanwhile", func(ctx SpecContext) {
		world := scriptACME(s)
		signing := acmetest.EditObject(func(order map[string]any) {
			if order["status"] == "valid" {
				order["status"] = "processing"
				delete(order, "certificate")
			}
		})
		world.ca.Always(atOrder, signing)
		crt := world.request(ctx, "web.example.test")
		expectCondition(ctx, s, crt, v1.ConditionIssuing, HaveField("Message", ContainSubstring("waiting for the CA to sign")))
		reads, writes := world.calls.Count("CA POST my-order"), world.calls.Count("PUT orders/status")
		for range 8 {
			world.advance(ctx, 20*time.Minute)
			Eventually(func() int { return world.calls.Count("CA POST my-order") }).Should(BeNumerically(">", reads))
			reads = world.calls.Count("CA POST my-order")
		}
		Expect(world.calls.Count("PUT orders/status")).To(Equal(writes))
		world.ca.On(atOrder)
		world.advance(ctx, 20*time.Minute)
		expectReady(ctx, s, crt)
		Expect(world.calls.Count(newOrderCall)).To(Equal(1))
		Expect(world.calls.Count("CA POST finalize-order")).To(Equal(1))
	})

	It("gives an order that is valid already, whose certificate is taken", func(ctx SpecContext) {
		world := scriptACME(s)
		crt := certificate(s.namespace, "web", "acme", withNames("web.example.test"), keepingItsKey)
		var order atomic.Value
		world.ca.Always(atOrder, acmetest.Edit(func(reply *acmetest.Reply) { order.Store(reply.Body) }))
		create(ctx, s, world.issuer(s.namespace, byHTTP()))
		issue(ctx, s, crt)
		made := orderNamed(Default, ctx, s, "web-1").Status
		again := acmetest.JSONReply(http.StatusCreated, order.Load().(string))
		again.Header.Set("Location", made.URL)
		world.ca.On(atNewOrder, acmetest.Say(again))
		trigger(ctx, s, crt)
		Eventually(revisionOf(ctx, s, crt)).Should(Equal(2))
		Expect(orderNamed(Default, ctx, s, "web-2").Status).To(And(
			HaveField("URL", made.URL), HaveField("State", acmev1.Valid), HaveField("Authorizations", BeEmpty())))
		Expect(world.calls.Count("CA POST finalize-order")).To(Equal(1))
	})
})
