package controllers_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/operator"
	"github.com/certwright/certwright/internal/pki"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

const (
	tsigName   = "update-key."
	tsigSecret = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ="
	zone       = "example.test"
)

// acmeWorld is a CA with the DNS server that it validates by, and an operator that solves for it.
type acmeWorld struct {
	options acmetest.Options
	ca      *acmetest.Server
	dns     *acmetest.DNS
	solver  string
}

func startACME(change ...func(*acmetest.Options)) *acmeWorld {
	GinkgoHelper()
	world := &acmeWorld{}
	var err error
	world.dns, err = acmetest.StartDNS(acmetest.DNSOptions{Zones: []string{zone}, TSIGName: tsigName, TSIGSecret: tsigSecret})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(world.dns.Close)
	world.solver = freeAddress()
	_, port, err := net.SplitHostPort(world.solver)
	Expect(err).NotTo(HaveOccurred())
	options := acmetest.Options{DNSServer: world.dns.Addr()}
	_, err = fmt.Sscan(port, &options.HTTPPort)
	Expect(err).NotTo(HaveOccurred())
	for _, f := range change {
		f(&options)
	}
	options.Address = freeAddress()
	world.options = options
	world.ca, err = acmetest.Start(options)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(world.ca.Close)
	return world
}

// restart replaces the CA by one at the same address that knows nothing of what was before.
func (w *acmeWorld) restart() {
	GinkgoHelper()
	Expect(w.ca.Close()).To(Succeed())
	fresh, err := acmetest.Start(w.options)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(fresh.Close)
	w.ca = fresh
}

func freeAddress() string {
	GinkgoHelper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	address := listener.Addr().String()
	Expect(listener.Close()).To(Succeed())
	return address
}

// operator makes the operator answer where the CA looks.
func (w *acmeWorld) operator(options *operator.Options) {
	options.HTTP01SolverAddress = w.solver
	options.DNS01Nameservers, options.DNS01NameserversOnly = []string{w.dns.Addr()}, true
}

// issuer is an ACME issuer of the world's CA with these solvers.
func (w *acmeWorld) issuer(namespace string, solvers ...v1.ACMESolver) *v1.Issuer {
	return issuer(namespace, "acme", v1.IssuerSpec{ACME: &v1.ACMEIssuer{
		Server: w.ca.DirectoryURL, CABundle: w.ca.CABundle, Email: "admin@example.test",
		PrivateKeySecretRef: v1.SecretKeySelector{Name: "acme-account"}, Solvers: solvers,
	}})
}

func byHTTP() v1.ACMESolver {
	return v1.ACMESolver{HTTP01: &v1.HTTP01Solver{Ingress: &v1.HTTP01Ingress{}}}
}

// byDNS solves by dynamic updates, and needs the Secret "tsig".
func (w *acmeWorld) byDNS() v1.ACMESolver {
	return v1.ACMESolver{DNS01: &v1.DNS01Solver{RFC2136: &v1.RFC2136Provider{
		Nameserver: w.dns.Addr(), TSIGKeyName: tsigName, TSIGAlgorithm: "HMACSHA256",
		TSIGSecretSecretRef: &v1.SecretKeySelector{Name: "tsig", Key: "key"},
	}}}
}

func createTSIG(ctx context.Context, c client.Client, namespace string) {
	GinkgoHelper()
	Expect(c.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "tsig"}, Data: map[string][]byte{"key": []byte(tsigSecret)},
	})).To(Succeed())
}

var _ = describeIssuing("an ACME CA", func() {
	var (
		ctx       context.Context
		c         client.Client
		namespace string
	)
	BeforeEach(func() {
		ctx, c = context.Background(), newClient()
		namespace = newNamespace(ctx, c)
	})

	It("proves control over HTTP-01", func() {
		world := startACME()
		startOperator(namespace, world.operator)
		Expect(c.Create(ctx, world.issuer(namespace, byHTTP()))).To(Succeed())
		crt := certificate(namespace, "web", "acme", withNames("web.example.test", "www.example.test"))
		Expect(c.Create(ctx, crt)).To(Succeed())
		expectReady(ctx, c, crt)
		expectSignedBy(ctx, c, crt, world.ca.Roots())
		expectNothingLeft(ctx, c, crt)
	})

	It("proves control over DNS-01, wildcard and apex at one name, and takes the records away", func() {
		world := startACME()
		startOperator(namespace, world.operator)
		createTSIG(ctx, c, namespace)
		Expect(c.Create(ctx, world.issuer(namespace, world.byDNS()))).To(Succeed())
		crt := certificate(namespace, "wild", "acme", withNames("example.test", "*.example.test"))
		Expect(c.Create(ctx, crt)).To(Succeed())
		expectReady(ctx, c, crt)
		expectSignedBy(ctx, c, crt, world.ca.Roots())
		Eventually(func() []string { return world.dns.TXT("_acme-challenge.example.test") }).Should(BeEmpty())
		expectNothingLeft(ctx, c, crt)
	})

	It("uses an authorization that is valid already without a challenge", func() {
		world := startACME(func(options *acmetest.Options) { options.AuthzReusePercent = 100 })
		startOperator(namespace, world.operator)
		Expect(c.Create(ctx, world.issuer(namespace, byHTTP()))).To(Succeed())
		for _, name := range []string{"first", "second"} {
			crt := certificate(namespace, name, "acme", withNames("web.example.test"))
			Expect(c.Create(ctx, crt)).To(Succeed())
			expectReady(ctx, c, crt)
		}
		order := &acmev1.Order{}
		Expect(c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "second-1"}, order)).To(Succeed())
		for _, authorization := range order.Status.Authorizations {
			Expect(authorization.Challenge).To(BeNil(), "a challenge was answered for nothing")
		}
	})

	It("prefers the chain that the issuer names", func() {
		world := startACME(func(options *acmetest.Options) { options.AlternateRoots, options.ChainLength = 2, 2 })
		startOperator(namespace, world.operator)
		acme := world.issuer(namespace, byHTTP())
		acme.Spec.ACME.PreferredChain = "no such root"
		Expect(c.Create(ctx, acme)).To(Succeed())
		crt := certificate(namespace, "web", "acme", withNames("web.example.test"))
		Expect(c.Create(ctx, crt)).To(Succeed())
		expectReady(ctx, c, crt)
		expectSignedBy(ctx, c, crt, world.ca.Roots())
	})
})

var _ = Describe("an ACME CA that does not cooperate", func() {
	var (
		ctx       context.Context
		c         client.Client
		namespace string
	)
	BeforeEach(func() {
		ctx, c = context.Background(), newClient()
		namespace = newNamespace(ctx, c)
	})

	// issuing waits for the condition Issuing with a status and a reason.
	issuing := func(crt *v1.Certificate, status metav1.ConditionStatus, reason string) v1.Condition {
		GinkgoHelper()
		var found v1.Condition
		Eventually(func(g Gomega) {
			g.Expect(c.Get(ctx, client.ObjectKeyFromObject(crt), crt)).To(Succeed())
			issuing := condition.Get(crt.Status.Conditions, v1.ConditionIssuing)
			g.Expect(issuing).NotTo(BeNil())
			g.Expect(issuing.Status).To(Equal(status))
			g.Expect(issuing.Reason).To(Equal(reason))
			found = *issuing
		}).Should(Succeed())
		return found
	}

	It("refuses a name, and the Certificate says what it said and when the next attempt is", func() {
		world := startACME(func(options *acmetest.Options) { options.BlockedDomains = []string{"blocked.test"} })
		startOperator(namespace, world.operator)
		Expect(c.Create(ctx, world.issuer(namespace, byHTTP()))).To(Succeed())
		crt := certificate(namespace, "web", "acme", withNames("web.blocked.test"))
		Expect(c.Create(ctx, crt)).To(Succeed())
		failed := issuing(crt, metav1.ConditionFalse, v1.ReasonFailed)
		Expect(failed.Message).To(ContainSubstring("web.blocked.test"))
		Expect(failed.Message).To(ContainSubstring("next attempt is at"))
		Expect(crt.Status.Issuance.LastError.Type).To(Equal("urn:ietf:params:acme:error:rejectedIdentifier"))
		Expect(crt.Status.Issuance.NextAttemptTime.Time).To(BeTemporally("~", time.Now().Add(time.Minute), 10*time.Second))
		Expect(crt.Status.FailedIssuanceAttempts).To(HaveValue(Equal(1)))
	})

	It("forgets the account, and the operator registers it again", func() {
		world := startACME()
		startOperator(namespace, world.operator)
		acme := world.issuer(namespace, byHTTP())
		// The CA comes back with another TLS certificate.
		acme.Spec.ACME.CABundle, acme.Spec.ACME.SkipTLSVerify = nil, true
		Expect(c.Create(ctx, acme)).To(Succeed())
		first := certificate(namespace, "first", "acme", withNames("first.example.test"))
		Expect(c.Create(ctx, first)).To(Succeed())
		expectReady(ctx, c, first)
		world.restart()
		second := certificate(namespace, "second", "acme", withNames("second.example.test"))
		Expect(c.Create(ctx, second)).To(Succeed())
		expectReady(ctx, c, second)
		expectSignedBy(ctx, c, second, world.ca.Roots())
	})

	It("does not see the answer, and the Certificate says which name failed and why", func() {
		world := startACME(func(options *acmetest.Options) { options.HTTPPort = 1 })
		startOperator(namespace, world.operator)
		Expect(c.Create(ctx, world.issuer(namespace, byHTTP()))).To(Succeed())
		crt := certificate(namespace, "web", "acme", withNames("web.example.test"))
		Expect(c.Create(ctx, crt)).To(Succeed())
		failed := issuing(crt, metav1.ConditionFalse, v1.ReasonFailed)
		Expect(failed.Message).To(ContainSubstring("web.example.test"))
		Expect(crt.Status.Issuance.LastError.Type).To(Equal("urn:ietf:params:acme:error:connection"))
	})

	It("is asked nothing for a name that no solver fits, and goes on when one is added", func() {
		world := startACME()
		startOperator(namespace, world.operator)
		solver := byHTTP()
		solver.Selector = &v1.SolverSelector{DNSNames: []string{"other.example.test"}}
		acme := world.issuer(namespace, solver)
		Expect(c.Create(ctx, acme)).To(Succeed())
		crt := certificate(namespace, "web", "acme", withNames("web.example.test"))
		Expect(c.Create(ctx, crt)).To(Succeed())
		Eventually(func(g Gomega) {
			order := &acmev1.Order{}
			g.Expect(c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "web-1"}, order)).To(Succeed())
			g.Expect(order.Status.Reason).To(ContainSubstring(`no solver of the issuer fits "web.example.test"`))
			g.Expect(order.Status.URL).To(BeEmpty())
		}).Should(Succeed())
		Expect(c.Get(ctx, client.ObjectKeyFromObject(acme), acme)).To(Succeed())
		acme.Spec.ACME.Solvers = append(acme.Spec.ACME.Solvers, byHTTP())
		Expect(c.Update(ctx, acme)).To(Succeed())
		expectReady(ctx, c, crt)
	})
})

func withNames(dnsNames ...string) func(*v1.Certificate) {
	return func(crt *v1.Certificate) { crt.Spec.CommonName, crt.Spec.DNSNames = "", dnsNames }
}

// expectSignedBy verifies the pair in the target Secret against roots for each of its names.
func expectSignedBy(ctx context.Context, c client.Client, crt *v1.Certificate, roots []byte) {
	GinkgoHelper()
	chain := expectPair(ctx, c, crt)
	pool, intermediates := x509.NewCertPool(), x509.NewCertPool()
	Expect(pool.AppendCertsFromPEM(roots)).To(BeTrue())
	for _, intermediate := range chain[1:] {
		intermediates.AddCert(intermediate)
	}
	_, err := chain.Leaf().Verify(x509.VerifyOptions{Roots: pool, Intermediates: intermediates})
	Expect(err).NotTo(HaveOccurred())
	Expect(chain.Leaf().DNSNames).To(ConsistOf(crt.Spec.DNSNames))
}

// expectPair finds a key and a chain that belong together in the target Secret.
func expectPair(ctx context.Context, c client.Client, crt *v1.Certificate) pki.Chain {
	GinkgoHelper()
	secret := targetSecret(ctx, c, crt)
	_, chain, err := pki.VerifyPair(secret.Data[corev1.TLSPrivateKeyKey], secret.Data[corev1.TLSCertKey])
	Expect(err).NotTo(HaveOccurred())
	return chain
}

// expectNothingLeft finds one request and one order, both done, no staged key and no finalizer.
func expectNothingLeft(ctx context.Context, c client.Client, crt *v1.Certificate) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		var requests v1.CertificateRequestList
		g.Expect(c.List(ctx, &requests, client.InNamespace(crt.Namespace))).To(Succeed())
		g.Expect(requests.Items).To(HaveLen(1))
		g.Expect(condition.IsTrue(requests.Items[0].Status.Conditions, v1.ConditionReady)).To(BeTrue())
		var orders acmev1.OrderList
		g.Expect(c.List(ctx, &orders, client.InNamespace(crt.Namespace))).To(Succeed())
		g.Expect(orders.Items).To(HaveLen(1))
		g.Expect(orders.Items[0].Status.State).To(Equal(acmev1.Valid))
		g.Expect(orders.Items[0].Finalizers).To(BeEmpty())
		var staged corev1.SecretList
		g.Expect(c.List(ctx, &staged, client.InNamespace(crt.Namespace), client.MatchingLabels{names.Label.NextPrivateKey: "true"})).To(Succeed())
		g.Expect(staged.Items).To(BeEmpty())
	}).Should(Succeed())
}
