package controllers_test

import (
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/operator"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

// startOtherDNS is a DNS server that has none of the records that solvers write.
func startOtherDNS() *acmetest.DNS {
	GinkgoHelper()
	other, err := acmetest.StartDNS(acmetest.DNSOptions{Zones: []string{zone}})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(other.Close)
	return other
}

// startWrongAnswers serves something else than the answer to any challenge, and is the port it does that at.
func startWrongAnswers() int {
	GinkgoHelper()
	address := freeAddress()
	server := &http.Server{Addr: address, ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "welcome to our parking page")
	})}
	go func() { _ = server.ListenAndServe() }()
	DeferCleanup(server.Close)
	_, port, err := net.SplitHostPort(address)
	Expect(err).NotTo(HaveOccurred())
	number, err := strconv.Atoi(port)
	Expect(err).NotTo(HaveOccurred())
	return number
}

var _ = Describe("the story of a challenge that fails, on the Certificate", func() {
	s := eachInItsOwnSpace()

	const path = "http-01 at http://web.example.test/.well-known/acme-challenge/"
	DescribeTable("over HTTP-01 says what was fetched from where, and what came back", func(ctx SpecContext, port func() int, problemType string, parts ...string) {
		world := scriptACME(s, func(options *acmetest.Options) { options.HTTPPort = port() })
		crt := world.request(ctx, "web.example.test", "www.example.test")
		expectFailed(ctx, s, crt, v1.ReasonFailed, append(parts, "web.example.test, "+path)...)
		told := crt.Status.Issuance.LastError
		Expect(told.Type).To(Equal(problemPrefix + problemType))
		Expect(told.Detail).To(ContainSubstring("web.example.test, " + path))
		Expect(world.calls.Count(newOrderCall)).To(Equal(1))
	},
		Entry("where nobody listens", func() int { return 1 }, "connection", "connection refused"),
		Entry("where somebody else answers", startWrongAnswers, "unauthorized", "did not match"),
	)

	It("over DNS-01 says which record was looked up", func(ctx SpecContext) {
		other := startOtherDNS()
		world := scriptACME(s, func(options *acmetest.Options) { options.DNSServer = other.Addr() })
		crt := world.requestLeaf(ctx, s, s.namespace)
		expectFailed(ctx, s, crt, v1.ReasonFailed, crt.Spec.DNSNames[0]+", dns-01 at _acme-challenge."+crt.Spec.DNSNames[0], "No TXT record")
		Expect(crt.Status.Issuance.LastError.Detail).To(ContainSubstring("dns-01 at _acme-challenge."))
		Eventually(func() []string { return world.dns.TXT("_acme-challenge." + crt.Spec.DNSNames[0]) }).Should(BeEmpty())
	})

	// unseen is a world whose operator asks a name server that lacks the answer.
	unseen := func(ctx SpecContext, other *acmetest.DNS, change ...func(*acmetest.Options)) (*scriptedWorld, *v1.Certificate) {
		GinkgoHelper()
		world := scriptIn(s, startACME(change...), func(options *operator.Options) {
			options.DNS01Nameservers = []string{other.Addr()}
		})
		crt := world.requestLeaf(ctx, s, s.namespace)
		expectCondition(ctx, s, crt, v1.ConditionIssuing, HaveField("Message", And(
			ContainSubstring("waiting until the answer for %q can be seen", crt.Spec.DNSNames[0]),
			ContainSubstring("lack the TXT record at _acme-challenge.%s", crt.Spec.DNSNames[0]), ContainSubstring(other.Addr()))))
		Expect(world.calls.Count("CA POST chalZ")).To(BeZero())
		return world, crt
	}

	It("says what we could not see and where we looked, and the CA decides after a minute", func(ctx SpecContext) {
		world, crt := unseen(ctx, startOtherDNS())
		world.advance(ctx, 61*time.Second)
		expectReady(ctx, s, crt)
		Expect(world.calls.Count(newOrderCall)).To(Equal(1))
	})

	It("says both what we could not see and what the CA could not", func(ctx SpecContext) {
		other := startOtherDNS()
		world, crt := unseen(ctx, other, func(options *acmetest.Options) { options.DNSServer = other.Addr() })
		world.advance(ctx, 61*time.Second)
		expectFailed(ctx, s, crt, v1.ReasonFailed, "dns-01 at _acme-challenge.", "before that we could not see the answer ourselves: ", other.Addr())
	})

	It("says what we could not see as long as the CA looks", func(ctx SpecContext) {
		other := startOtherDNS()
		world, crt := unseen(ctx, other)
		world.ca.Always(atAuthorization, acmetest.EditObject(func(authorization map[string]any) { authorization["status"] = "pending" }))
		world.advance(ctx, 61*time.Second)
		expectCondition(ctx, s, crt, v1.ConditionIssuing, HaveField("Message", And(
			ContainSubstring("waiting for the CA to validate, which was asked although we could not see the answer ourselves"), ContainSubstring(other.Addr()))))
	})
})
