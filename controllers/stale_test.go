package controllers_test

import (
	"context"
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/operator"
	"github.com/certwright/certwright/internal/testkit"
)

var _ = Describe("an operator whose caches lag behind its own writes", func() {
	DescribeTable("orders and asks nothing twice", func(resource string) {
		ctx, c := context.Background(), newClient()
		namespace := newNamespace(ctx, c)
		world := startACME()
		calls := testkit.NewFaults(nil)
		startOperator(namespace, world.operator, func(options *operator.Options) {
			options.WrapAPI = func(next http.RoundTripper) http.RoundTripper {
				return faultsAndLag(calls, next, resource)
			}
			options.WrapCA = func(next http.RoundTripper) http.RoundTripper { return calls.Wrap(next, testkit.ACMECall) }
		})
		createTSIG(ctx, c, namespace)
		Expect(c.Create(ctx, world.issuer(namespace, world.byDNS()))).To(Succeed())
		crt := certificate(namespace, "leaf", "acme", withNames(namespace+"."+zone))
		Expect(c.Create(ctx, crt)).To(Succeed())
		expectReady(ctx, c, crt)
		expectNothingLeft(ctx, c, crt)
		for _, once := range []string{newOrderCall, "CA POST finalize-order", "POST certificaterequests", "POST orders"} {
			Expect(calls.Count(once)).To(Equal(1), once)
		}
		var requests v1.CertificateRequestList
		Expect(c.List(ctx, &requests, client.InNamespace(namespace))).To(Succeed())
		Expect(requests.Items).To(HaveLen(1))
	},
		Entry("of Certificates", "certificates"),
		Entry("of requests", "certificaterequests"),
		Entry("of Orders", "orders"),
		Entry("of Secrets", "secrets"),
		Entry("of Issuers", "issuers"),
	)
})

// lag is longer than any call to the API server or the CA takes here.
const lag = 700 * time.Millisecond

func faultsAndLag(calls *testkit.Faults, next http.RoundTripper, resource string) http.RoundTripper {
	return calls.Wrap(testkit.SlowWatch(next, resource, lag), testkit.APICall)
}
