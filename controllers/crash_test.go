package controllers_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/operator"
	"github.com/certwright/certwright/internal/testkit"
)

// crashesAtOnce is how many operators are killed side by side, each in a namespace of its own.
const crashesAtOnce = 4

// newOrderCall is the label of the call that makes an order at Pebble.
const newOrderCall = "CA POST order-plz"

// crashScenario is a Certificate whose operator is killed at every call it makes.
type crashScenario struct {
	options func(*operator.Options)
	// apply creates issuers and the Certificate.
	apply func(ctx context.Context, c client.Client, namespace string) *v1.Certificate
	// check insists on what must hold in the end.
	check func(g Gomega, ctx context.Context, c client.Client, crt *v1.Certificate)
}

var _ = Describe("an operator that is killed", func() {
	It("between any two calls to the API server, with a ca issuer", func() {
		killEverywhere(crashScenario{
			apply: func(ctx context.Context, c client.Client, namespace string) *v1.Certificate {
				Expect(c.Create(ctx, issuer(namespace, "selfsigned", v1.IssuerSpec{SelfSigned: &v1.SelfSignedIssuer{}}))).To(Succeed())
				root := certificate(namespace, "root", "selfsigned", func(crt *v1.Certificate) { crt.Spec.IsCA = true })
				Expect(c.Create(ctx, root)).To(Succeed())
				Expect(c.Create(ctx, issuer(namespace, "ca", v1.IssuerSpec{CA: &v1.CAIssuer{SecretName: "root-tls"}}))).To(Succeed())
				leaf := certificate(namespace, "leaf", "ca")
				Expect(c.Create(ctx, leaf)).To(Succeed())
				return leaf
			},
			check: func(g Gomega, ctx context.Context, c client.Client, crt *v1.Certificate) {
				var requests v1.CertificateRequestList
				g.Expect(c.List(ctx, &requests, client.InNamespace(crt.Namespace))).To(Succeed())
				g.Expect(requests.Items).To(HaveLen(2), "one for the root, one for the leaf")
			},
		})
	})

	It("between any two calls to the API server or the CA, with an ACME issuer and DNS-01", func() {
		world := startACME()
		killEverywhere(crashScenario{
			options: world.operator,
			apply: func(ctx context.Context, c client.Client, namespace string) *v1.Certificate {
				createTSIG(ctx, c, namespace)
				Expect(c.Create(ctx, world.issuer(namespace, world.byDNS()))).To(Succeed())
				crt := certificate(namespace, "leaf", "acme", withNames(namespace+"."+zone))
				Expect(c.Create(ctx, crt)).To(Succeed())
				return crt
			},
			check: func(g Gomega, ctx context.Context, c client.Client, crt *v1.Certificate) {
				var requests v1.CertificateRequestList
				g.Expect(c.List(ctx, &requests, client.InNamespace(crt.Namespace))).To(Succeed())
				g.Expect(requests.Items).To(HaveLen(1))
				var orders acmev1.OrderList
				g.Expect(c.List(ctx, &orders, client.InNamespace(crt.Namespace))).To(Succeed())
				g.Expect(orders.Items).To(HaveLen(1))
				g.Expect(orders.Items[0].Finalizers).To(BeEmpty())
				g.Expect(world.dns.TXT("_acme-challenge."+crt.Spec.DNSNames[0])).To(BeEmpty(), "DNS records are left over")
			},
		})
	})
})

// killEverywhere records the calls of an operator that lives, and then kills one at each of them.
func killEverywhere(scenario crashScenario) {
	GinkgoHelper()
	recording, _ := scenario.run(nil)
	points := recording.Points()
	Expect(points).NotTo(BeEmpty())
	AddReportEntry("points to die at", len(points))

	todo := make(chan testkit.Point)
	var workers sync.WaitGroup
	for range crashesAtOnce {
		workers.Add(1)
		go func() {
			defer GinkgoRecover()
			defer workers.Done()
			for point := range todo {
				// How often a call is made varies from run to run, that it is made does not.
				_, died := scenario.run(&point)
				Expect(died || point.Occurrence > 1).To(BeTrue(), "%s: no such call was made", point)
			}
		}()
	}
	for _, point := range points {
		todo <- point
	}
	close(todo)
	workers.Wait()
}

// run takes a Certificate to its end, with an operator that dies at a point and another after it. It
// says whether the point was reached.
func (s crashScenario) run(at *testkit.Point) (faults *testkit.Faults, died bool) {
	GinkgoHelper()
	ctx, c := context.Background(), newClient()
	namespace := newNamespace(ctx, c)
	faults = testkit.NewFaults(at)
	stop := s.start(namespace, faults)
	crt := s.apply(ctx, c, namespace)
	describe := "no crash"
	if at != nil {
		describe = at.String()
		// Where the call is not made this time, the run must end well without it.
		deadline, cancel := context.WithTimeout(ctx, deathDeadline)
		defer cancel()
		select {
		case <-faults.Died:
			died = true
		case <-deadline.Done():
		}
	}
	after := testkit.NewFaults(nil)
	if at != nil {
		stop()
		stop = s.start(namespace, after)
	}
	Eventually(func(g Gomega) {
		g.Expect(c.Get(ctx, client.ObjectKeyFromObject(crt), crt)).To(Succeed())
		ready := condition.Get(crt.Status.Conditions, v1.ConditionReady)
		g.Expect(ready).NotTo(BeNil())
		g.Expect(string(ready.Status)).To(Equal("True"), ready.Message)
		var staged corev1.SecretList
		g.Expect(c.List(ctx, &staged, client.InNamespace(namespace), client.MatchingLabels{names.Label.NextPrivateKey: "true"})).To(Succeed())
		g.Expect(staged.Items).To(BeEmpty(), "staged keys are left over")
		s.check(g, ctx, c, crt)
	}).WithTimeout(crashDeadline).Should(Succeed(), describe)
	expectPair(ctx, c, crt)
	if orders := faults.Count(newOrderCall) + after.Count(newOrderCall); orders > 2 {
		Fail(fmt.Sprintf("%s: %d orders at the CA, at most one beyond the one that is needed", describe, orders))
	}
	stop()
	return faults, died
}

const (
	deathDeadline = 15 * time.Second
	crashDeadline = 60 * time.Second
)

func (s crashScenario) start(namespace string, faults *testkit.Faults) (stop func()) {
	GinkgoHelper()
	return startOperator(namespace, func(options *operator.Options) {
		if s.options != nil {
			s.options(options)
		}
		// Operators side by side cannot share a port, and DNS-01 needs none.
		options.HTTP01SolverAddress = "0"
		options.WrapAPI = func(next http.RoundTripper) http.RoundTripper { return faults.Wrap(next, testkit.APICall) }
		options.WrapCA = func(next http.RoundTripper) http.RoundTripper { return faults.Wrap(next, testkit.ACMECall) }
	})
}
