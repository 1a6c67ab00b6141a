package controllers_test

import (
	"io"
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/testkit"
)

// readAuthorization is the call that reads an authorization or gives it up.
const readAuthorization = "CA POST authZ"

// slowly has a solver wait long before the CA is told to look.
func slowly(solver v1.ACMESolver) v1.ACMESolver {
	solver.WaitInsteadOfSelfCheck = &metav1.Duration{Duration: time.Hour}
	return solver
}

var _ = Describe("Orders at one account", func() {
	s := eachInItsOwnSpace()

	presented := HaveField("Authorizations", HaveExactElements(HaveField("Challenge.Presented", BeTrue())))

	It("give up what they leave pending when they are deleted", func(ctx SpecContext) {
		world, calls := startACME(), testkit.NewFaults(nil)
		startOperator(s.namespace, world.operator, countedBy(calls))
		crt := certificate(s.namespace, "web", "acme", withNames("web.example.test"))
		create(ctx, s, world.issuer(s.namespace, slowly(byHTTP())), crt)
		Eventually(orderStatus(ctx, s, "web-1")).Should(presented)
		read := calls.Count(readAuthorization)
		Expect(s.Delete(ctx, crt)).To(Succeed())
		Eventually(func() int { return calls.Count(readAuthorization) }).Should(Equal(read + 1))
	})

	It("for the same names take turns", func(ctx SpecContext) {
		world := operateACME(s.namespace)
		first := certificate(s.namespace, "first", "acme", withNames("web.example.test", "www.example.test"))
		create(ctx, s, world.issuer(s.namespace, slowly(byHTTP())), first)
		Eventually(orderStatus(ctx, s, "first-1")).Should(HaveField("URL", Not(BeEmpty())))
		second := certificate(s.namespace, "second", "acme", withNames("www.example.test", "web.example.test"))
		other := certificate(s.namespace, "other", "acme", withNames("web.example.test"))
		create(ctx, s, second, other)
		Eventually(orderStatus(ctx, s, "other-1")).Should(HaveField("URL", Not(BeEmpty())), "other names wait for nothing")
		Eventually(orderStatus(ctx, s, "second-1")).Should(HaveField("Reason", ContainSubstring("another Order for the same names")))
		Expect(orderStatus(ctx, s, "second-1")(Default)).To(HaveField("URL", BeEmpty()))
		Expect(s.Delete(ctx, first)).To(Succeed())
		Eventually(orderStatus(ctx, s, "second-1")).Should(HaveField("URL", Not(BeEmpty())))
	})

	It("for the same names take turns after a restart, too", func(ctx SpecContext) {
		world := startACME()
		stop := startOperator(s.namespace, world.operator)
		first := certificate(s.namespace, "first", "acme", withNames("web.example.test"))
		create(ctx, s, world.issuer(s.namespace, slowly(byHTTP())), first)
		Eventually(orderStatus(ctx, s, "first-1")).Should(HaveField("URL", Not(BeEmpty())))
		stop()
		create(ctx, s, certificate(s.namespace, "second", "acme", withNames("web.example.test")))
		startOperator(s.namespace, world.operator)
		Eventually(orderStatus(ctx, s, "second-1")).Should(HaveField("Reason", ContainSubstring("another Order for the same names")))
		Expect(orderStatus(ctx, s, "second-1")(Default)).To(HaveField("URL", BeEmpty()))
	})

	It("for the same names take turns where the one from before the restart has just been written", func(ctx SpecContext) {
		world := startACME()
		urlOnly := &refusals{label: "PUT orders/status", first: 2, last: 1000, err: apierrors.NewInternalError(io.ErrUnexpectedEOF)}
		stop := startOperator(s.namespace, world.operator, urlOnly.refuse)
		first := certificate(s.namespace, "first", "acme", withNames("web.example.test"))
		create(ctx, s, world.issuer(s.namespace, slowly(byHTTP())), first)
		Eventually(orderStatus(ctx, s, "first-1")).Should(HaveField("URL", Not(BeEmpty())))
		stop()

		// The answers are written after the second Order is made and before the operator sees it.
		made := make(chan struct{})
		world.ca.Always(atAuthorization, func(w http.ResponseWriter, r *http.Request, pebble http.Handler) {
			select {
			case <-made:
				pebble.ServeHTTP(w, r)
			case <-r.Context().Done():
			}
		})
		create(ctx, s, certificate(s.namespace, "second", "acme", withNames("web.example.test")))
		startOperator(s.namespace, world.operator, laggingBehind("orders"))
		Eventually(orderStatus(ctx, s, "second-1")).Should(HaveField("URL", BeEmpty()))
		close(made)
		Eventually(orderStatus(ctx, s, "first-1")).Should(presented)
		Eventually(orderStatus(ctx, s, "second-1")).Should(HaveField("Reason", ContainSubstring("another Order for the same names")))
		Expect(orderStatus(ctx, s, "second-1")(Default)).To(HaveField("URL", BeEmpty()))
	})
})
