package controllers_test

import (
	"context"
	"io"
	"net"
	"net/url"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	gomegatypes "github.com/onsi/gomega/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/operator"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

const (
	// loopbackSentence is what a person reads about an address on loopback.
	loopbackSentence = "its address is a loopback address, and the Issuer of a namespace reaches public addresses only: " +
		"use a ClusterIssuer, or have the network named in --allow-private-addresses"
	// caName is a name of the CA's, and caAddress an address of it that nothing else has.
	caName, caAddress = "ca." + zone, "127.0.0.3"
)

// resolveToLoopback has every name that this process looks up, but those of /etc/hosts, at 127.0.0.1.
func resolveToLoopback() {
	GinkgoHelper()
	dns, err := acmetest.StartDNS(acmetest.DNSOptions{})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(dns.Close)
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, dns.Addr())
	}}
}

// gate passes connections on to a server, and counts them.
type gate struct {
	net.Listener
	connections atomic.Int32
}

// startGate listens at a free port of an address.
func startGate(address, server string) *gate {
	GinkgoHelper()
	listener, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	Expect(err).NotTo(HaveOccurred())
	g := &gate{Listener: listener}
	DeferCleanup(listener.Close)
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			g.connections.Add(1)
			go pass(connection, server)
		}
	}()
	return g
}

// pass copies both ways until either side ends.
func pass(connection net.Conn, server string) {
	upstream, err := net.Dial("tcp", server)
	if err != nil {
		_ = connection.Close()
		return
	}
	for from, to := range map[net.Conn]net.Conn{connection: upstream, upstream: connection} {
		go func() {
			_, _ = io.Copy(to, from)
			_ = to.Close()
		}()
	}
}

// url is the CA's directory as it is reached through the gate, at a host.
func (g *gate) url(directory, host string) string {
	GinkgoHelper()
	parsed, err := url.Parse(directory)
	Expect(err).NotTo(HaveOccurred())
	_, port, err := net.SplitHostPort(g.Addr().String())
	Expect(err).NotTo(HaveOccurred())
	parsed.Host = net.JoinHostPort(host, port)
	return parsed.String()
}

// gatedWorld is a CA that is reached through a gate.
type gatedWorld struct {
	*acmeWorld
	gate *gate
}

func startGatedACME(address string, change ...func(*acmetest.Options)) *gatedWorld {
	GinkgoHelper()
	named := func(options *acmetest.Options) { options.Hosts = []string{caName, caAddress} }
	world := startACME(append(change, named)...)
	ca, err := url.Parse(world.ca.DirectoryURL)
	Expect(err).NotTo(HaveOccurred())
	return &gatedWorld{acmeWorld: world, gate: startGate(address, ca.Host)}
}

// issuerAt is an Issuer whose CA is reached through the gate at a host.
func (w *gatedWorld) issuerAt(host, namespace string, solvers ...v1.ACMESolver) *v1.Issuer {
	GinkgoHelper()
	made := w.issuer(namespace, solvers...)
	made.Spec.ACME.Server = w.gate.url(w.ca.DirectoryURL, host)
	return made
}

// allowing lets Issuers reach these addresses beside public ones, and no others.
func allowing(addresses ...string) func(*operator.Options) {
	return func(options *operator.Options) { options.AllowPrivateAddresses = addresses }
}

func ofClusterIssuer(crt *v1.Certificate) { crt.Spec.IssuerRef.Kind = v1.ClusterIssuerKind }

// expectIssuer waits for a condition Ready that fits.
func expectIssuer(ctx context.Context, c client.Client, issuer v1.GenericIssuer, fits gomegatypes.GomegaMatcher) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		g.Expect(c.Get(ctx, client.ObjectKeyFromObject(issuer), issuer)).To(Succeed())
		ready := condition.Get(issuer.GetStatus().Conditions, v1.ConditionReady)
		g.Expect(ready).NotTo(BeNil())
		g.Expect(*ready).To(fits, "%s: %s", ready.Reason, ready.Message)
	}).Should(Succeed())
}

var beTrue = HaveField("Status", metav1.ConditionTrue)

var _ = Describe("the Issuer of a namespace with a CA at a private address", func() {
	s := eachInItsOwnSpace()

	DescribeTable("is not ready, says why, and nothing is sent to the CA", func(ctx SpecContext, host, begin string) {
		world := startGatedACME("127.0.0.1")
		startOperator(s.namespace, world.operator, allowing())
		refused := world.issuerAt(host, s.namespace, byHTTP())
		create(ctx, s, refused)
		expectIssuer(ctx, s, refused, beFalse(v1.ReasonAddressNotAllowed, begin, loopbackSentence))
		crt := certificate(s.namespace, "web", refused.Name, withNames("web."+zone))
		create(ctx, s, crt)
		expectCondition(ctx, s, crt, v1.ConditionIssuing, HaveField("Message", ContainSubstring(loopbackSentence)))
		Expect(world.gate.connections.Load()).To(BeZero())
	},
		Entry("by the address itself", "127.0.0.1", "spec.acme.server cannot be used: "),
		Entry("by a name of this machine", "localhost", "spec.acme.server cannot be used: "),
		Entry("by a name that resolves to it", caName, "directory: cannot reach "+caName+":"),
	)

	It("is ready where the flag names the network", func(ctx SpecContext) {
		world := startGatedACME("127.0.0.1")
		startOperator(s.namespace, world.operator, allowing("127.0.0.0/8"))
		allowed := world.issuerAt(caName, s.namespace, byHTTP())
		create(ctx, s, allowed)
		expectIssuer(ctx, s, allowed, beTrue)
		Expect(world.gate.connections.Load()).NotTo(BeZero())
	})

	It("is not ready any more, once it is used, after the flag is gone", func(ctx SpecContext) {
		world := startGatedACME("127.0.0.1")
		stop := startOperator(s.namespace, world.operator, allowing("127.0.0.0/8"))
		registered := world.issuerAt(caName, s.namespace, byHTTP())
		create(ctx, s, registered)
		expectIssuer(ctx, s, registered, beTrue)
		stop()
		before := world.gate.connections.Load()
		startOperator(s.namespace, world.operator, allowing())
		crt := certificate(s.namespace, "web", registered.Name, withNames("web."+zone))
		create(ctx, s, crt)
		expectCondition(ctx, s, crt, v1.ConditionIssuing, HaveField("Message", ContainSubstring(loopbackSentence)))
		expectIssuer(ctx, s, registered, beFalse(v1.ReasonAddressNotAllowed, loopbackSentence))
		Expect(world.gate.connections.Load()).To(Equal(before))
	})
})

var _ = Describe("a ClusterIssuer with a CA and a name server at private addresses", func() {
	s := eachInItsOwnSpace()

	It("reaches what it names without the flag", func(ctx SpecContext) {
		world := startGatedACME("127.0.0.1")
		startOperator(s.namespace, world.operator, allowing())
		createTSIG(ctx, s, s.namespace)
		cluster := &v1.ClusterIssuer{ObjectMeta: metav1.ObjectMeta{Name: s.namespace}, Spec: world.issuerAt("127.0.0.1", "", world.byDNS()).Spec}
		create(ctx, s, cluster)
		DeferCleanup(func(ctx SpecContext) { Expect(s.Delete(ctx, cluster)).To(Succeed()) })
		crt := issue(ctx, s, certificate(s.namespace, "web", cluster.Name, ofClusterIssuer, withNames("web."+zone)))
		expectSignedBy(ctx, s, crt, world.ca.Roots())
		Expect(world.gate.connections.Load()).NotTo(BeZero())
	})
})

var _ = Describe("the Issuer of a namespace with name servers at private addresses", func() {
	s := eachInItsOwnSpace()

	DescribeTable("is not ready and says which field", func(ctx SpecContext, field string, solver func(server string) v1.DNS01Solver) {
		world := startGatedACME(caAddress)
		startOperator(s.namespace, world.operator, allowing(caAddress))
		dns := solver(world.dns.Addr())
		refused := world.issuerAt(caAddress, s.namespace, byHTTP(), v1.ACMESolver{DNS01: &dns})
		create(ctx, s, refused)
		expectIssuer(ctx, s, refused, beFalse(v1.ReasonAddressNotAllowed, "spec.acme.solvers[1].dns01."+field+" cannot be used: "+loopbackSentence))
		Expect(world.dns.Queries()).To(BeEmpty())
		Expect(world.gate.connections.Load()).To(BeZero())
	},
		Entry("for updates", "rfc2136.nameserver", func(server string) v1.DNS01Solver {
			return v1.DNS01Solver{RFC2136: &v1.RFC2136Provider{Nameserver: server}}
		}),
		Entry("for look-ups", "nameservers[0]", func(server string) v1.DNS01Solver {
			return v1.DNS01Solver{RFC2136: &v1.RFC2136Provider{Nameserver: "9.9.9.9"}, Nameservers: []string{server}}
		}),
	)

	It("fails the attempt where only the server's name leads there, and asks it nothing", func(ctx SpecContext) {
		world := startGatedACME(caAddress)
		startOperator(s.namespace, world.operator, allowing(caAddress))
		createTSIG(ctx, s, s.namespace)
		_, port, err := net.SplitHostPort(world.dns.Addr())
		Expect(err).NotTo(HaveOccurred())
		named := world.byDNS()
		named.DNS01.RFC2136.Nameserver = net.JoinHostPort("ns."+zone, port)
		crt := certificate(s.namespace, "web", "acme", withNames("web."+zone))
		create(ctx, s, world.issuerAt(caAddress, s.namespace, named), crt)
		expectFailed(ctx, s, crt, v1.ReasonFailed, "name server ns."+zone, loopbackSentence)
		Expect(crt.Status.Issuance.NextAttemptTime.Time).To(BeTemporally("~", time.Now().Add(time.Minute), 10*time.Second))
		Expect(world.dns.Queries()).To(BeEmpty())
	})

	It("does not look where the zone's NS records lead, and the Order says so", func(ctx SpecContext) {
		dns, err := acmetest.StartDNS(acmetest.DNSOptions{
			Address: net.JoinHostPort(caAddress, "0"), Zones: []string{zone}, TSIGName: tsigName, TSIGSecret: tsigSecret,
		})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(dns.Close)
		world := startGatedACME(caAddress, func(options *acmetest.Options) { options.DNSServer = dns.Addr() })
		startOperator(s.namespace, world.operator, allowing(caAddress), func(options *operator.Options) {
			options.DNS01Nameservers, options.DNS01NameserversOnly = []string{dns.Addr()}, false
		})
		createTSIG(ctx, s, s.namespace)
		solver := world.byDNS()
		solver.DNS01.RFC2136.Nameserver = dns.Addr()
		create(ctx, s, world.issuerAt(caAddress, s.namespace, solver), certificate(s.namespace, "web", "acme", withNames("web."+zone)))
		order := &acmev1.Order{}
		Eventually(func(g Gomega) {
			g.Expect(s.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: "web-1"}, order)).To(Succeed())
			g.Expect(order.Status.Reason).To(And(
				ContainSubstring("1 of 1 authoritative servers of zone "+zone+". lack the TXT record"),
				ContainSubstring("the first is 127.0.0.1:53: "+loopbackSentence)))
		}).Should(Succeed())
	})
})
