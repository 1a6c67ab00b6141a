package controllers_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/operator"
	"github.com/certwright/certwright/internal/testkit"
)

var _ = Describe("the limits of an ACME account", func() {
	s := eachInItsOwnSpace()

	It("stop a loop that issues the same names, across a restart, until a person lifts them", func(ctx SpecContext) {
		world, calls := startACME(), testkit.NewFaults(nil)
		stop := startOperator(s.namespace, world.operator, countedBy(calls))
		issuer := world.issuer(s.namespace, byHTTP())
		issuer.Spec.ACME.Limits = &v1.ACMELimits{ExactSetPerWeek: new(int32(2))}
		create(ctx, s, issuer)
		crt := issue(ctx, s, certificate(s.namespace, "web", "acme", withNames("web.example.test")))
		trigger(ctx, s, crt)
		Eventually(revisionOf(ctx, s, crt)).Should(Equal(2))
		stop()
		Expect(calls.Count(newOrderCall)).To(Equal(2))

		again := testkit.NewFaults(nil)
		startOperator(s.namespace, world.operator, countedBy(again))
		trigger(ctx, s, crt)
		Eventually(orderStatus(ctx, s, "web-3")).Should(HaveField("Reason", ContainSubstring(names.Annotation.ACME.IgnoreLimits)))
		issue(ctx, s, certificate(s.namespace, "other", "acme", withNames("other.example.test")))
		Expect(again.Count(newOrderCall)).To(Equal(1), "for the other names only")
		edit(ctx, s, crt, func() { crt.Annotations = map[string]string{names.Annotation.ACME.IgnoreLimits: "true"} })
		Eventually(revisionOf(ctx, s, crt)).Should(Equal(3))
	})

	It("neither stop nor count a renewal in the window that the CA suggests, right after a restart either", func(ctx SpecContext) {
		world := startACME()
		stop := startOperator(s.namespace, world.operator)
		issuer := world.issuer(s.namespace, byHTTP())
		issuer.Spec.ACME.Limits = &v1.ACMELimits{ExactSetPerWeek: new(int32(1))}
		create(ctx, s, issuer)
		crt := issue(ctx, s, certificate(s.namespace, "web", "acme", withNames("web.example.test")))
		stop()
		world.suggest(ctx, s, crt, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
		startOperator(s.namespace, world.operator)
		trigger(ctx, s, crt)
		Eventually(revisionOf(ctx, s, crt)).Should(Equal(2))
		By("counting it, where the CA suggests no such thing")
		trigger(ctx, s, crt)
		Eventually(orderStatus(ctx, s, "web-3")).Should(HaveField("Reason", ContainSubstring(names.Annotation.ACME.IgnoreLimits)))
	})

	It("hold every order of an account that the CA limits as a whole", func(ctx SpecContext) {
		world, limited := startACME(), &limitedOnce{}
		startOperator(s.namespace, world.operator, limited.operator)
		create(ctx, s, world.issuer(s.namespace, byHTTP()))
		first := certificate(s.namespace, "first", "acme", withNames("first.example.test"))
		create(ctx, s, first)
		Eventually(orderStatus(ctx, s, "first-1")).Should(HaveField("Reason", ContainSubstring("too many new orders")))
		create(ctx, s, certificate(s.namespace, "second", "acme", withNames("second.example.test")))
		Eventually(orderStatus(ctx, s, "second-1")).Should(HaveField("NextAttemptTime", Not(BeNil())))
		Expect(limited.orders.Count(newOrderCall)).To(Equal(1), "the CA is not asked for another meanwhile")
		secrets := &corev1.SecretList{}
		Expect(s.List(ctx, secrets, client.InNamespace(s.namespace))).To(Succeed())
		Expect(secrets.Items).To(ContainElement(HaveField("Name", HavePrefix("certwright-limits-"))))
	})
})

// limitedOnce is a CA that answers every order with a limit of the whole account.
type limitedOnce struct{ orders *testkit.Faults }

func (l *limitedOnce) operator(options *operator.Options) {
	l.orders = testkit.NewFaults(nil)
	options.WrapCA = func(next http.RoundTripper) http.RoundTripper {
		return l.orders.Wrap(limitOrders{next}, testkit.ACMECall)
	}
}

type limitOrders struct{ next http.RoundTripper }

func (l limitOrders) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := l.next.RoundTrip(request)
	if err != nil || testkit.ACMECall(request) != newOrderCall {
		return response, err
	}
	return response, answerInstead(response, http.StatusTooManyRequests, "rateLimited", "too many new orders (300) from this account in the last 3h0m0s", time.Hour)
}

// answerInstead makes a response a problem of an ACME type, with Retry-After unless that is zero.
func answerInstead(response *http.Response, status int, problem, detail string, retryAfter time.Duration) error {
	if err := response.Body.Close(); err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{"type": "urn:ietf:params:acme:error:" + problem, "status": status, "detail": detail})
	if err != nil {
		return err
	}
	response.StatusCode, response.Status = status, strconv.Itoa(status)+" "+http.StatusText(status)
	response.Header.Set("Content-Type", "application/problem+json")
	if retryAfter > 0 {
		response.Header.Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
	}
	response.Header.Del("Location")
	response.ContentLength = int64(len(body))
	response.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}
