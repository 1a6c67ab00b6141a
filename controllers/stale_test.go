package controllers_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/internal/testkit"
)

var _ = Describe("an operator whose caches lag behind its own writes", func() {
	s := eachInItsOwnSpace()

	DescribeTable("orders and asks nothing twice", func(ctx SpecContext, resource string) {
		world := startACME()
		calls := testkit.NewFaults(nil)
		startOperator(s.namespace, world.operator, laggingBehind(resource), countedBy(calls))
		crt := world.requestLeaf(ctx, s, s.namespace)
		expectReady(ctx, s, crt)
		expectNothingLeft(ctx, s, crt)
		for _, once := range []string{newOrderCall, "CA POST finalize-order", "POST certificaterequests", "POST orders"} {
			Expect(calls.Count(once)).To(Equal(1), once)
		}
		Expect(requestsIn(ctx, s, s.namespace)).To(HaveLen(1))
	},
		Entry("of Certificates", "certificates"),
		Entry("of requests", "certificaterequests"),
		Entry("of Orders", "orders"),
		Entry("of Secrets", "secrets"),
		Entry("of Issuers", "issuers"),
	)
})

var _ = Describe("a view of an issuer that is a moment old", func() {
	s := eachInItsOwnSpace()

	It("is waited for without a word", func(ctx SpecContext) {
		startOperator(s.namespace, laggingBehind("issuers"))
		issueLeaf(ctx, s)
		Consistently(func(g Gomega) {
			var told eventsv1.EventList
			g.Expect(s.List(ctx, &told, client.InNamespace(s.namespace))).To(Succeed())
			g.Expect(told.Items).NotTo(ContainElement(HaveField("Reason", "StaleView")))
		}).WithTimeout(time.Second).Should(Succeed())
	})
})
