package controllers_test

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/backend"
	"github.com/certwright/certwright/internal/operator"
	"github.com/certwright/certwright/internal/orderflow"
	"github.com/certwright/certwright/internal/testkit"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

// trouble is what a CA answers to every order instead of making it, as long as it lasts.
type trouble struct {
	status          int
	problem, detail string
	retryAfter      time.Duration

	host string

	mu    sync.Mutex
	over  bool
	asked int
}

// troubled puts the operator's calls to a world's CA through t.
func (w *acmeWorld) troubled(t *trouble) func(*operator.Options) {
	GinkgoHelper()
	directory, err := url.Parse(w.ca.DirectoryURL)
	Expect(err).NotTo(HaveOccurred())
	t.host = directory.Host
	return func(options *operator.Options) {
		options.WrapCA = func(next http.RoundTripper) http.RoundTripper {
			return transportFunc(func(request *http.Request) (*http.Response, error) {
				response, err := next.RoundTrip(request)
				if err != nil || request.URL.Host != t.host || testkit.ACMECall(request) != newOrderCall || !t.answers() {
					return response, err
				}
				return response, answerInstead(response, t.status, t.problem, t.detail, t.retryAfter)
			})
		}
	}
}

func (t *trouble) answers() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.asked++
	return !t.over
}

func (t *trouble) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
}

// orders is how many orders were asked for.
func (t *trouble) orders() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.asked
}

// ahead is a clock at which every request is old enough for its progress to be told.
func ahead() *clock {
	moved := &clock{}
	moved.ahead.Store(int64(6 * time.Second))
	return moved
}

// look has the operator look at a Certificate again.
func look(ctx context.Context, s *space, crt *v1.Certificate, why string) {
	GinkgoHelper()
	edit(ctx, s, crt, func() { crt.Annotations = map[string]string{"look": why} })
}

// issuerFailed matches what a status says of an issuer.
func issuerFailed(name, problem string, parts ...string) OmegaMatcher {
	matchers := []OmegaMatcher{HaveField("IssuerRef.Name", name), HaveField("LastError.Type", problem)}
	for _, part := range parts {
		matchers = append(matchers, HaveField("LastError.Detail", ContainSubstring(part)))
	}
	return And(matchers...)
}

// expectFrom finds a certificate in the target Secret that an issuer signed, and a Secret that says so.
func expectFrom(ctx context.Context, s *space, crt *v1.Certificate, issuer string) {
	GinkgoHelper()
	expectPair(ctx, s, crt)
	Expect(targetSecret(ctx, s, crt).Annotations).To(HaveKeyWithValue(names.Annotation.IssuerName, issuer))
}

var _ = Describe("a Certificate with a fallback, whose first CA", func() {
	s := eachInItsOwnSpace()

	// world has a first CA in trouble and a fallback, and a Certificate that names both.
	begin := func(ctx context.Context, t *trouble, moved *clock, change ...func(*v1.Certificate)) (first, second *acmeWorld, crt *v1.Certificate) {
		GinkgoHelper()
		first = startACME()
		second = first.another()
		startOperator(s.namespace, first.operator, moved.operator, first.troubled(t))
		create(ctx, s, first.issuerNamed(s.namespace, "first", byHTTP()), second.issuerNamed(s.namespace, "second", byHTTP()))
		crt = certificate(s.namespace, "web", "first", append(change, withNames("web.example.test"), fallingBackTo("second"))...)
		create(ctx, s, crt)
		return first, second, crt
	}

	It("limits us for long gets it from the fallback, and keeps that until it is due", func(ctx SpecContext) {
		limit, moved := &trouble{status: http.StatusTooManyRequests, problem: "rateLimited", detail: "too many new orders", retryAfter: time.Hour}, ahead()
		first, second, crt := begin(ctx, limit, moved)
		expectReady(ctx, s, crt)
		expectSignedBy(ctx, s, crt, second.ca.Roots())
		expectFrom(ctx, s, crt, "second")
		Expect(crt.Status.Issuers).To(HaveExactElements(issuerFailed("first", orderflow.ReasonRateLimited, "too many new orders", "was given up")))
		Expect(crt.Status.Issuers[0].NextAttemptTime.Time).To(BeTemporally("~", moved.now().Add(time.Hour), 11*time.Minute))
		expectNothingLeft(ctx, s, crt)
		Expect(limit.orders()).To(Equal(1))

		By("leaving the certificate alone when the limit is over")
		limit.end()
		moved.ahead.Store(int64(2 * time.Hour))
		look(ctx, s, crt, "the limit is over")
		Consistently(revisionOf(ctx, s, crt)).WithTimeout(time.Second).Should(Equal(1))
		Expect(limit.orders()).To(Equal(1))

		By("asking the CA that signed when to renew, and the first one to do it")
		second.suggest(ctx, s, crt, time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour))
		moved.ahead.Store(int64(8 * time.Hour))
		look(ctx, s, crt, "it is due")
		Eventually(revisionOf(ctx, s, crt)).Should(Equal(2))
		expectReady(ctx, s, crt)
		expectSignedBy(ctx, s, crt, first.ca.Roots())
		expectFrom(ctx, s, crt, "first")
		Expect(crt.Status.Issuers).To(BeEmpty())
		Expect(orderNamed(Default, ctx, s, "web-3").Spec.Replaces).To(BeEmpty(), "the first CA knows nothing of the certificate")
	})

	It("is down for long gets it from the fallback", func(ctx SpecContext) {
		outage, moved := &trouble{status: http.StatusServiceUnavailable, problem: "serverInternal", detail: "down for a while"}, ahead()
		_, second, crt := begin(ctx, outage, moved)
		expectCondition(ctx, s, crt, v1.ConditionIssuing, HaveField("Message", ContainSubstring("down for a while")))
		Eventually(func(g Gomega) {
			request := &v1.CertificateRequest{}
			g.Expect(s.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: "web-1"}, request)).To(Succeed())
			g.Expect(request.Status.Waiting).To(And(HaveField("Reason", orderflow.ReasonCAUnavailable), HaveField("Until", BeNil())))
		}).Should(Succeed())
		moved.ahead.Store(int64(11 * time.Minute))
		look(ctx, s, crt, "it is down for long")
		expectReady(ctx, s, crt)
		expectSignedBy(ctx, s, crt, second.ca.Roots())
		Expect(crt.Status.Issuers).To(HaveExactElements(issuerFailed("first", orderflow.ReasonCAUnavailable, "down for a while")))
	})

	It("is down for a moment gets it from the first", func(ctx SpecContext) {
		outage, moved := &trouble{status: http.StatusServiceUnavailable, problem: "serverInternal", detail: "down for a moment"}, ahead()
		first, _, crt := begin(ctx, outage, moved)
		expectCondition(ctx, s, crt, v1.ConditionIssuing, HaveField("Message", ContainSubstring("down for a moment")))
		outage.end()
		moved.ahead.Store(int64(2 * time.Minute))
		order := &acmev1.Order{}
		order.Namespace, order.Name = s.namespace, "web-1"
		edit(ctx, s, order, func() { order.Labels = map[string]string{"look": "again"} })
		expectReady(ctx, s, crt)
		expectSignedBy(ctx, s, crt, first.ca.Roots())
		Expect(crt.Status.Issuers).To(BeEmpty())
		request := &v1.CertificateRequest{}
		Expect(s.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: "web-1"}, request)).To(Succeed())
		Expect(request.Status.Waiting).To(BeNil())
		Expect(orderStatus(ctx, s, "web-1")(Default).Error).To(BeNil())
	})

	It("limits us gets no new attempt while there is no fallback", func(ctx SpecContext) {
		limit, moved := &trouble{status: http.StatusTooManyRequests, problem: "rateLimited", detail: "too many new orders", retryAfter: time.Hour}, ahead()
		world := startACME()
		startOperator(s.namespace, world.operator, moved.operator, world.troubled(limit))
		crt := certificate(s.namespace, "web", "acme", withNames("web.example.test"))
		create(ctx, s, world.issuer(s.namespace, byHTTP()), crt)
		expectCondition(ctx, s, crt, v1.ConditionIssuing, HaveField("Message", ContainSubstring("too many new orders")))
		look(ctx, s, crt, "once more")
		Consistently(func() ([]v1.CertificateRequest, error) { return requestsIn(ctx, s, s.namespace) }).WithTimeout(time.Second).Should(
			HaveExactElements(HaveField("Name", "web-1")))
		Expect(crt.Status.FailedIssuanceAttempts).To(BeNil())

		By("adding a fallback to it")
		create(ctx, s, world.another().issuerNamed(s.namespace, "second", byHTTP()))
		edit(ctx, s, crt, func() { fallingBackTo("second")(crt) })
		expectReady(ctx, s, crt)
		expectFrom(ctx, s, crt, "second")
	})

	It("is not asked for what it would limit gets it from the fallback, when a person had time to lift that", func(ctx SpecContext) {
		moved := ahead()
		world := startACME()
		startOperator(s.namespace, world.operator, moved.operator)
		first := world.issuerNamed(s.namespace, "first", byHTTP())
		first.Spec.ACME.Limits = &v1.ACMELimits{ExactSetPerWeek: new(int32(1))}
		create(ctx, s, first, world.another().issuerNamed(s.namespace, "second", byHTTP()))
		crt := issue(ctx, s, certificate(s.namespace, "web", "first", withNames("web.example.test"), fallingBackTo("second")))
		expectFrom(ctx, s, crt, "first")
		trigger(ctx, s, crt)
		Eventually(func(g Gomega) {
			request := &v1.CertificateRequest{}
			g.Expect(s.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: "web-2"}, request)).To(Succeed())
			g.Expect(request.Status.Waiting).To(HaveField("Reason", backend.ReasonExactSetLimit))
		}).Should(Succeed())
		moved.ahead.Add(int64(10 * time.Minute))
		look(ctx, s, crt, "nobody lifted it")
		Eventually(revisionOf(ctx, s, crt)).Should(Equal(2))
		expectReady(ctx, s, crt)
		expectFrom(ctx, s, crt, "second")
		Expect(crt.Status.Issuers).To(HaveExactElements(issuerFailed("first", backend.ReasonExactSetLimit)))
	})

	It("refuses gets it at once from the fallback, and both that refuse are asked later and later", func(ctx SpecContext) {
		refusing := operateACME(s.namespace, func(options *acmetest.Options) { options.BlockedDomains = []string{"blocked.test"} })
		create(ctx, s, refusing.issuerNamed(s.namespace, "first", byHTTP()), refusing.issuerNamed(s.namespace, "second", byHTTP()))
		caChain(ctx, s, s.namespace)
		atOnce := issue(ctx, s, certificate(s.namespace, "at-once", "first", withNames("web.blocked.test"), fallingBackTo("ca")))
		expectFrom(ctx, s, atOnce, "ca")
		Expect(atOnce.Status.Issuers).To(HaveExactElements(issuerFailed("first", "urn:ietf:params:acme:error:rejectedIdentifier", "web.blocked.test")))
		Expect(atOnce.Status.FailedIssuanceAttempts).To(BeNil())

		crt := certificate(s.namespace, "web", "first", withNames("web.blocked.test"), fallingBackTo("second"))
		create(ctx, s, crt)
		expectFailed(ctx, s, crt, v1.ReasonFailed, "No issuer is left", `the next attempt is with Issuer "first" at`)
		Expect(crt.Status.Issuance.NextAttemptTime.Time).To(BeTemporally("~", time.Now().Add(time.Minute), 10*time.Second))
		Expect(crt.Status.FailedIssuanceAttempts).To(HaveValue(Equal(2)))
		Expect(crt.Status.Issuers).To(HaveExactElements(HaveField("IssuerRef.Name", "first"), HaveField("IssuerRef.Name", "second")))
		look(ctx, s, crt, "once more")
		Consistently(func(g Gomega) {
			g.Expect(latest(g, ctx, s, crt, v1.ConditionIssuing).Reason).To(Equal(v1.ReasonFailed))
		}).
			WithTimeout(time.Second).Should(Succeed())
		Expect(crt.Status.Issuance.Attempt).To(BeEquivalentTo(2))
	})

	It("does not see the answer waits: the next one would not see it either", func(ctx SpecContext) {
		world := operateACME(s.namespace, func(options *acmetest.Options) { options.HTTPPort = 1 })
		caChain(ctx, s, s.namespace)
		create(ctx, s, world.issuerNamed(s.namespace, "first", byHTTP()))
		crt := certificate(s.namespace, "web", "first", withNames("web.example.test"), fallingBackTo("ca"))
		create(ctx, s, crt)
		expectFailed(ctx, s, crt, v1.ReasonFailed, "web.example.test", "Other issuers are not asked")
		Expect(crt.Status.Issuers).To(HaveExactElements(And(issuerFailed("first", "urn:ietf:params:acme:error:connection"), HaveField("NextAttemptTime", BeNil()))))
		look(ctx, s, crt, "once more")
		Consistently(func(g Gomega) {
			g.Expect(latest(g, ctx, s, crt, v1.ConditionIssuing).Reason).To(Equal(v1.ReasonFailed))
		}).
			WithTimeout(time.Second).Should(Succeed())
		Expect(s.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: "web-2"}, &v1.CertificateRequest{})).To(Satisfy(apierrors.IsNotFound))
	})
})

var _ = describeIssuing("a ca issuer and its fallback", func() {
	s := eachInItsOwnSpace()

	// lapsed makes the issuer "ca", and the issuer "first" whose CA has no Secret, at a time when it has said so for
	// two minutes.
	lapsed := func(ctx context.Context, moved *clock) {
		GinkgoHelper()
		caChain(ctx, s, s.namespace)
		first := issuer(s.namespace, "first", v1.IssuerSpec{CA: &v1.CAIssuer{SecretName: "first"}})
		create(ctx, s, first)
		Eventually(func(g Gomega) {
			g.Expect(s.Get(ctx, client.ObjectKeyFromObject(first), first)).To(Succeed())
			g.Expect(first.Status.Conditions).To(ContainElement(And(HaveField("Type", v1.ConditionReady), HaveField("Status", metav1.ConditionFalse))))
		}).Should(Succeed())
		moved.ahead.Store(int64(2 * time.Minute))
	}

	It("waits for the one that has just said that it is not ready", func(ctx SpecContext) {
		moved := &clock{}
		startOperator(s.namespace, moved.operator)
		caChain(ctx, s, s.namespace)
		crt := certificate(s.namespace, "leaf", "first", fallingBackTo("ca"))
		create(ctx, s, issuer(s.namespace, "first", v1.IssuerSpec{CA: &v1.CAIssuer{SecretName: "first"}}), crt)
		expectCondition(ctx, s, crt, v1.ConditionIssuing, HaveField("Message", ContainSubstring("unless that changes, the next issuer is asked at")))
		create(ctx, s, handMadeCA(24*time.Hour, s.namespace, "first"))
		expectReady(ctx, s, crt)
		expectFrom(ctx, s, crt, "first")
	})

	It("passes over the one that is not ready, and comes back when it is asked to", func(ctx SpecContext) {
		moved := &clock{}
		startOperator(s.namespace, moved.operator)
		lapsed(ctx, moved)
		crt := issue(ctx, s, certificate(s.namespace, "leaf", "first", fallingBackTo("ca")))
		expectFrom(ctx, s, crt, "ca")
		Expect(crt.Status.Issuers).To(HaveExactElements(issuerFailed("first", v1.ReasonIssuerNotReady, `Issuer "first"`)))

		By("keeping it when the first is ready, and when the order changes")
		create(ctx, s, handMadeCA(24*time.Hour, s.namespace, "first"))
		edit(ctx, s, crt, func() { crt.Spec.IssuerRef.Name, crt.Spec.FallbackIssuerRefs[0].Name = "ca", "first" })
		expectReady(ctx, s, crt)
		edit(ctx, s, crt, func() { crt.Spec.IssuerRef.Name, crt.Spec.FallbackIssuerRefs[0].Name = "first", "ca" })
		expectReady(ctx, s, crt)
		Expect(crt.Status.Revision).To(HaveValue(Equal(1)))

		By("issuing again when the one that signed is taken out")
		edit(ctx, s, crt, func() { fallingBackTo("selfsigned")(crt) })
		Eventually(revisionOf(ctx, s, crt)).Should(Equal(2))
		expectFrom(ctx, s, crt, "first")
		expectReady(ctx, s, crt)
		Expect(crt.Status.Issuers).To(BeEmpty())
	})

	It("waits for a fallback that does not exist, and goes on when it does", func(ctx SpecContext) {
		moved := &clock{}
		startOperator(s.namespace, moved.operator)
		lapsed(ctx, moved)
		crt := certificate(s.namespace, "leaf", "first", fallingBackTo("late"))
		create(ctx, s, crt)
		expectCondition(ctx, s, crt, v1.ConditionIssuing, And(HaveField("Reason", v1.ReasonIssuerNotFound), HaveField("Message", ContainSubstring(`"late"`))))
		create(ctx, s, issuer(s.namespace, "late", v1.IssuerSpec{CA: &v1.CAIssuer{SecretName: "root-tls"}}))
		expectReady(ctx, s, crt)
		expectFrom(ctx, s, crt, "late")
	})

	It("follows the key of the CA that signed", func(ctx SpecContext) {
		moved := &clock{}
		startOperator(s.namespace, moved.operator)
		lapsed(ctx, moved)
		crt := issue(ctx, s, certificate(s.namespace, "leaf", "first", fallingBackTo("ca")))
		root := &v1.Certificate{}
		Expect(s.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: "root"}, root)).To(Succeed())
		trigger(ctx, s, root)
		Eventually(revisionOf(ctx, s, crt)).Should(Equal(2))
	})

	It("costs what a Certificate without a fallback does, and nothing when it is settled", func(ctx SpecContext) {
		moved := &clock{}
		stop := startOperator(s.namespace, moved.operator)
		lapsed(ctx, moved)
		issue(ctx, s, certificate(s.namespace, "leaf", "ca", fallingBackTo("selfsigned")))
		issue(ctx, s, certificate(s.namespace, "fallen-back", "first", fallingBackTo("ca")))
		stop()
		calls := testkit.NewFaults(nil)
		startOperator(s.namespace, countedBy(calls))
		// What the restarted operator does for a new Certificate comes after everything it finds to do about the others.
		issue(ctx, s, certificate(s.namespace, "another", "ca", fallingBackTo("selfsigned")))
		Eventually(func() int { return calls.Count("POST events") }).Should(Equal(1))
		Expect(calls.Calls()).To(ConsistOf(atStart,
			"POST certificaterequests", "PUT certificaterequests/status", "POST secrets", "PUT certificates/status", "POST events"))
	})
})
