package controllers_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/operator"
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
	// passthrough is where the CA asks over TLS.
	passthrough string
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
	world.passthrough = freeAddress()
	_, tlsPort, err := net.SplitHostPort(world.passthrough)
	Expect(err).NotTo(HaveOccurred())
	options := acmetest.Options{DNSServer: world.dns.Addr()}
	_, err = fmt.Sscan(tlsPort, &options.TLSPort)
	Expect(err).NotTo(HaveOccurred())
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

// operateACME is startACME with an operator of a namespace that solves for the CA.
func operateACME(namespace string, change ...func(*acmetest.Options)) *acmeWorld {
	GinkgoHelper()
	world := startACME(change...)
	startOperator(namespace, world.operator)
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

// given are the ports that freeAddress has given out in this process.
var given sync.Map

// freeAddress is an address that nobody listens at. Its port is below those that the system gives out, is given out
// once, and by one of the processes that share the specs only, so that nobody takes it before who asked for it does.
func freeAddress() string {
	GinkgoHelper()
	const lowest, count, attempts = 15000, 17000, 100
	suite, _ := GinkgoConfiguration()
	for range attempts {
		port := lowest + rand.IntN(count/suite.ParallelTotal)*suite.ParallelTotal + suite.ParallelProcess - 1
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		if _, before := given.LoadOrStore(port, true); before {
			continue
		}
		if listener, err := net.Listen("tcp", address); err == nil {
			Expect(listener.Close()).To(Succeed())
			return address
		}
	}
	Fail("no port is free")
	return ""
}

// operator makes the operator answer where the CA looks.
func (w *acmeWorld) operator(options *operator.Options) {
	options.HTTP01SolverAddress = w.solver
	options.DNS01Nameservers, options.DNS01NameserversOnly = []string{w.dns.Addr()}, true
}

// another is a second CA that validates in the same way.
func (w *acmeWorld) another(change ...func(*acmetest.Options)) *acmeWorld {
	GinkgoHelper()
	other := *w
	other.options.Address = freeAddress()
	for _, f := range change {
		f(&other.options)
	}
	var err error
	other.ca, err = acmetest.Start(other.options)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(other.ca.Close)
	return &other
}

// issuer is an ACME issuer of the world's CA with these solvers.
func (w *acmeWorld) issuer(namespace string, solvers ...v1.ACMESolver) *v1.Issuer {
	return w.issuerNamed(namespace, "acme", solvers...)
}

// issuerNamed is an issuer of another name, with an account of its own.
func (w *acmeWorld) issuerNamed(namespace, name string, solvers ...v1.ACMESolver) *v1.Issuer {
	return issuer(namespace, name, v1.IssuerSpec{ACME: &v1.ACMEIssuer{
		Server: w.ca.DirectoryURL, CABundle: w.ca.CABundle, Email: "admin@example.test",
		PrivateKeySecretRef: v1.SecretKeySelector{Name: name + "-account"}, Solvers: solvers,
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

// requestLeaf makes an Issuer that solves over DNS-01, and with it the Certificate "leaf" for a name that
// no other namespace has.
func (w *acmeWorld) requestLeaf(ctx context.Context, c client.Client, namespace string) *v1.Certificate {
	GinkgoHelper()
	createTSIG(ctx, c, namespace)
	crt := certificate(namespace, "leaf", "acme", withNames(namespace+"."+zone))
	create(ctx, c, w.issuer(namespace, w.byDNS()), crt)
	return crt
}
