package controllers_test

import (
	"net"
	"path/filepath"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/dnssolver/wire"
	"github.com/certwright/certwright/internal/operator"
	"github.com/certwright/certwright/internal/testkit/dnssolvertest"
)

// byProvider solves by a provider with settings, and with those in the Secret "dns".
func byProvider(name v1.DNSProviderName, config map[string]string) v1.ACMESolver {
	return v1.ACMESolver{DNS01: &v1.DNS01Solver{Provider: &v1.DNSProvider{
		Name: name, Config: config, SecretRef: &v1.SecretReference{Name: "dns"},
	}}}
}

func dnsSecret(namespace string, data map[string]string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "dns"}, StringData: data}
}

// byUpdate solves by the provider dnsupdate, and needs updateSecret.
func (w *acmeWorld) byUpdate() v1.ACMESolver {
	return byProvider("dnsupdate", map[string]string{"DNSUPDATE_NAMESERVER": w.dns.Addr(), "DNSUPDATE_TSIG_ALGORITHM": "hmac-sha256."})
}

func updateSecret(namespace string) *corev1.Secret {
	return dnsSecret(namespace, map[string]string{"DNSUPDATE_TSIG_KEY": tsigName, "DNSUPDATE_TSIG_SECRET": tsigSecret})
}

// withDNSSolver has the operator run dns-solver beside it.
func withDNSSolver(options *operator.Options) {
	options.DNSSolver = dnssolvertest.Program(GinkgoTB())
}

var _ = Describe("A provider of DNS that dns-solver runs", func() {
	s := eachInItsOwnSpace()

	for _, group := range groups {
		Describe("under "+group, func() {
			BeforeEach(func(ctx SpecContext) {
				underGroup(group)
				*s = *newSpace(ctx)
			})

			It("proves a name and its wildcard, and leaves no record", func(ctx SpecContext) {
				world := startACME()
				startOperator(s.namespace, world.operator, withDNSSolver)
				create(ctx, s, updateSecret(s.namespace), world.issuer(s.namespace, world.byUpdate()))
				crt := issue(ctx, s, certificate(s.namespace, "web", "acme", withNames("web."+zone, "*.web."+zone)))
				expectSignedBy(ctx, s, crt, world.ca.Roots())
				Eventually(func() []string { return world.dns.TXT("_acme-challenge.web." + zone) }).Should(BeEmpty())
			})
		})
	}

	It("is refused with its settings before anything is ordered, until they are right", func(ctx SpecContext) {
		world := startACME()
		startOperator(s.namespace, world.operator, withDNSSolver)
		wrong := world.issuer(s.namespace, world.byUpdate())
		create(ctx, s, wrong)
		refused := func(words string) {
			GinkgoHelper()
			expectIssuer(ctx, s, wrong, beFalse(v1.ReasonInvalidSolver, words))
		}
		refused(`spec.acme.solvers[0].dns01: waiting for the solver's credentials: there is no Secret "dns"`)
		secret := dnsSecret(s.namespace, map[string]string{"password": tsigSecret})
		create(ctx, s, secret)
		refused(`the Secret has "password", which provider dnsupdate does not know`)
		edit(ctx, s, secret, func() { secret.Data, secret.StringData = nil, updateSecret(s.namespace).StringData })
		expectIssuer(ctx, s, wrong, beTrue)
		edit(ctx, s, wrong, func() { wrong.Spec.ACME.Solvers[0].DNS01.Provider.Config = nil })
		refused("provider dnsupdate needs DNSUPDATE_NAMESERVER")
	})

	It("takes its record away though its Secret went first", func(ctx SpecContext) {
		const name = "_acme-challenge.web." + zone
		world := startACME()
		startOperator(s.namespace, world.operator, withDNSSolver)
		secret, slow := updateSecret(s.namespace), world.byUpdate()
		slow.WaitInsteadOfSelfCheck = &metav1.Duration{Duration: time.Hour}
		create(ctx, s, secret, world.issuer(s.namespace, slow), certificate(s.namespace, "web", "acme", withNames("web."+zone)))
		Eventually(func() []string { return world.dns.TXT(name) }).ShouldNot(BeEmpty())
		Expect(s.Delete(ctx, secret)).To(Succeed())
		Expect(s.Delete(ctx, certificate(s.namespace, "web", "acme"))).To(Succeed())
		Eventually(func() []string { return world.dns.TXT(name) }).Should(BeEmpty())
	})

	DescribeTable("proves a name and its wildcard one after the other", func(ctx SpecContext, provider v1.DNSProviderName, credential string) {
		world := startACME()
		// It has no room while there is a record, and none to take away where there is not that.
		socket := scriptedDNSSolver(func(request wire.Request) wire.Answer {
			held, value := world.dns.TXT(request.FQDN), acme.DNS01Value(request.KeyAuthorization)
			isThere := slices.Contains(held, value)
			switch {
			case request.Action == wire.CleanUp && !isThere:
				return wire.Failf(wire.Failed, "there is no such record")
			case request.Action == wire.CleanUp:
				world.dns.SetTXT(request.FQDN)
			case len(held) > 0 && !isThere:
				return wire.Failf(wire.Failed, "there is a record already")
			default:
				world.dns.SetTXT(request.FQDN, value)
			}
			return wire.Answer{}
		})
		startOperator(s.namespace, world.operator, func(options *operator.Options) { options.DNSSolverSocket = socket })
		create(ctx, s, dnsSecret(s.namespace, map[string]string{credential: "token"}), world.issuer(s.namespace, byProvider(provider, nil)))
		crt := issue(ctx, s, certificate(s.namespace, "web", "acme", withNames("web."+zone, "*.web."+zone)))
		expectSignedBy(ctx, s, crt, world.ca.Roots())
		orders := &acmev1.OrderList{}
		Eventually(func(g Gomega) {
			g.Expect(s.List(ctx, orders, client.InNamespace(s.namespace))).To(Succeed())
			g.Expect(orders.Items).To(ConsistOf(HaveField("Finalizers", BeEmpty())))
		}).Should(Succeed())
		Expect(world.dns.TXT("_acme-challenge.web." + zone)).To(BeEmpty())
	},
		Entry("where it has room for one record", v1.DNSProviderName("duckdns"), "DUCKDNS_TOKEN"),
		Entry("where it takes all values of a name away", v1.DNSProviderName("ns1"), "NS1_API_KEY"),
	)

	It("that cannot take its record away any more is told of by an event that names the record", func(ctx SpecContext) {
		world := startACME()
		socket := scriptedDNSSolver(func(request wire.Request) wire.Answer {
			if request.Action == wire.CleanUp {
				return wire.Failf(wire.Lost, "delete the TXT record at %s by hand; the key is %s", request.FQDN, request.Variables["HETZNER_API_TOKEN"])
			}
			world.dns.SetTXT(request.FQDN, acme.DNS01Value(request.KeyAuthorization))
			return wire.Answer{}
		})
		startOperator(s.namespace, world.operator, func(options *operator.Options) { options.DNSSolverSocket = socket })
		create(ctx, s, dnsSecret(s.namespace, map[string]string{"HETZNER_API_TOKEN": apiPassword}))
		create(ctx, s, world.issuer(s.namespace, byProvider("hetzner", nil)))
		issue(ctx, s, certificate(s.namespace, "web", "acme", withNames("web."+zone)))
		Eventually(func(g Gomega) {
			told := &eventsv1.EventList{}
			g.Expect(s.List(ctx, told, client.InNamespace(s.namespace))).To(Succeed())
			for _, kind := range []string{"Order", "Certificate"} {
				g.Expect(told.Items).To(ContainElement(SatisfyAll(
					HaveField("Regarding.Kind", kind), HaveField("Reason", "CleanUpError"),
					HaveField("Note", SatisfyAll(ContainSubstring("delete the TXT record at _acme-challenge.web."+zone+". by hand; the key is ***"), Not(ContainSubstring(apiPassword)))),
				)))
			}
		}).Should(Succeed())
	})
})

// scriptedDNSSolver answers as dns-solver would, but with what a spec wants.
func scriptedDNSSolver(answer func(wire.Request) wire.Answer) (socket string) {
	GinkgoHelper()
	socket = filepath.Join(GinkgoT().TempDir(), "socket")
	listener, err := net.Listen("unix", socket)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(listener.Close)
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = connection.Close() }()
				request := wire.Request{}
				if wire.Read(wire.NewReader(connection), &request) == nil {
					_ = wire.Write(connection, answer(request))
				}
			}()
		}
	}()
	return socket
}
