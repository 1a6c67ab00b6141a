package controllers_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/operator"
	"github.com/certwright/certwright/internal/pki"
	"github.com/certwright/certwright/internal/testkit"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

// crashesAtOnce is how many operators are killed side by side, each in a namespace of its own.
const crashesAtOnce = 4

// crashScenario is a Certificate whose operator is killed at every call it makes.
type crashScenario struct {
	options []func(*operator.Options)
	// prepare, where it is set, gives an operator that lives something to do first.
	prepare func(ctx context.Context, c client.Client, namespace string)
	// only, where it is set, are the calls to die at.
	only func(testkit.Point) bool
	// apply creates issuers and the Certificate.
	apply func(ctx context.Context, c client.Client, namespace string) *v1.Certificate
	// goes says that the Certificate is deleted: it ends in nothing instead of a valid pair.
	goes bool
	// refused is how many orders the CA refuses before the one that it makes.
	refused int
	// check insists on what must hold in the end.
	check func(g Gomega, ctx context.Context, c client.Client, crt *v1.Certificate)
}

var _ = Describe("an operator that is killed", func() {
	It("between any two calls to the API server, with a ca issuer", func() {
		killEverywhere(crashScenario{
			apply: func(ctx context.Context, c client.Client, namespace string) *v1.Certificate {
				createCA(ctx, c, namespace)
				leaf := certificate(namespace, "leaf", "ca")
				create(ctx, c, leaf)
				return leaf
			},
			check: func(g Gomega, ctx context.Context, c client.Client, crt *v1.Certificate) {
				g.Expect(requestsIn(ctx, c, crt.Namespace)).To(HaveLen(2), "one for the root, one for the leaf")
			},
		})
	})

	It("between any two calls to the API server or the CA, with an ACME issuer that refuses and a fallback that takes its time", func() {
		world := startACME()
		refusing := world.another(func(options *acmetest.Options) { options.BlockedDomains = []string{zone} })
		killEverywhere(crashScenario{
			options: []func(*operator.Options){world.operator, func(options *operator.Options) { options.HTTP01SolverAddress = "0" }},
			apply: func(ctx context.Context, c client.Client, namespace string) *v1.Certificate {
				createTSIG(ctx, c, namespace)
				leaf := certificate(namespace, "leaf", "refusing", withNames(namespace+"."+zone), fallingBackTo("acme"))
				create(ctx, c, refusing.issuerNamed(namespace, "refusing", world.byDNS()), world.issuer(namespace, world.byDNS()), leaf)
				return leaf
			},
			check: func(g Gomega, ctx context.Context, c client.Client, crt *v1.Certificate) {
				g.Expect(requestsIn(ctx, c, crt.Namespace)).To(HaveExactElements(HaveField("Spec.IssuerRef.Name", "acme")))
				g.Expect(ordersIn(ctx, c, crt.Namespace)).To(HaveExactElements(HaveField("Finalizers", BeEmpty())))
				g.Expect(crt.Status.Issuers).To(HaveExactElements(HaveField("IssuerRef.Name", "refusing")))
				g.Expect(crt.Status.FailedIssuanceAttempts).To(BeNil())
			},
			refused: 1,
		})
	})

	It("between any two calls to the API server or the CA, with an ACME issuer and DNS-01", func() {
		world := startACME()
		killEverywhere(crashScenario{
			// Operators side by side cannot share a port, and DNS-01 needs none.
			options: []func(*operator.Options){world.operator, func(options *operator.Options) { options.HTTP01SolverAddress = "0" }},
			apply:   world.requestLeaf,
			check: func(g Gomega, ctx context.Context, c client.Client, crt *v1.Certificate) {
				g.Expect(requestsIn(ctx, c, crt.Namespace)).To(HaveLen(1))
				g.Expect(ordersIn(ctx, c, crt.Namespace)).To(HaveExactElements(HaveField("Finalizers", BeEmpty())))
				g.Expect(world.dns.TXT("_acme-challenge."+crt.Spec.DNSNames[0])).To(BeEmpty(), "DNS records are left over")
			},
		})
	})

	It("between any two steps of a revocation", func() {
		world := startACME()
		killEverywhere(crashScenario{
			options: []func(*operator.Options){world.operator, func(options *operator.Options) { options.HTTP01SolverAddress = "0" }},
			prepare: func(ctx context.Context, c client.Client, namespace string) {
				expectReady(ctx, c, world.requestLeaf(ctx, c, namespace))
			},
			apply: func(ctx context.Context, c client.Client, namespace string) *v1.Certificate {
				leaf := certificate(namespace, "leaf", "acme")
				create(ctx, c, revocationOf(leaf))
				return leaf
			},
			only: func(point testkit.Point) bool {
				return strings.Contains(point.Label, "revo") || strings.HasSuffix(point.Label, " secrets")
			},
			check: func(g Gomega, ctx context.Context, c client.Client, crt *v1.Certificate) {
				revocation := revocationOf(crt)
				g.Expect(c.Get(ctx, client.ObjectKeyFromObject(revocation), revocation)).To(Succeed())
				g.Expect(condition.IsTrue(revocation.Status.Conditions, v1.ConditionReady)).To(BeTrue())
				g.Expect(revocation.Status.Certificates).To(HaveLen(1))
				leaf := targetLeaf(g, ctx, c, crt)
				g.Expect(pki.FormatSerial(leaf.SerialNumber)).NotTo(Equal(revocation.Status.Certificates[0].Serial), "what is in the Secret is revoked")
				g.Expect(world.statusAtCA(ctx, leaf)(g)).To(Equal("Valid"))
				g.Expect(*crt.Status.Revision).To(Equal(2), "renewed more than once")
			},
		})
	})

	It("between any two steps of a deletion that revokes", func() {
		world := startACME()
		leaves := sync.Map{}
		killEverywhere(crashScenario{
			goes:    true,
			options: []func(*operator.Options){world.operator, func(options *operator.Options) { options.HTTP01SolverAddress = "0" }},
			prepare: func(ctx context.Context, c client.Client, namespace string) {
				crt := world.requestLeaf(ctx, c, namespace)
				edit(ctx, c, crt, func() { crt.Spec.RevokeOnDelete = true })
				expectReady(ctx, c, crt)
				Eventually(func() []string {
					Expect(c.Get(ctx, client.ObjectKeyFromObject(crt), crt)).To(Succeed())
					return crt.Finalizers
				}).ShouldNot(BeEmpty())
				leaves.Store(namespace, expectPair(ctx, c, crt).Leaf())
			},
			apply: func(ctx context.Context, c client.Client, namespace string) *v1.Certificate {
				leaf := certificate(namespace, "leaf", "acme")
				secret := targetSecret(ctx, c, leaf)
				Expect(c.Delete(ctx, leaf)).To(Succeed())
				// It stays without its Certificate, unless the operator is told otherwise.
				Expect(c.Delete(ctx, secret)).To(Succeed())
				return leaf
			},
			check: func(g Gomega, ctx context.Context, c client.Client, crt *v1.Certificate) {
				g.Expect(c.Get(ctx, client.ObjectKeyFromObject(crt), crt)).To(MatchError(apierrors.IsNotFound, "the Certificate is gone"))
				leaf, _ := leaves.Load(crt.Namespace)
				g.Expect(world.statusAtCA(ctx, leaf.(*x509.Certificate))(g)).To(Equal("Revoked"))
				g.Expect(recordsIn(ctx, &space{Client: c, namespace: crt.Namespace})).To(BeEmpty())
			},
		})
	})
})

// targetLeaf is the certificate in the target Secret.
func targetLeaf(g Gomega, ctx context.Context, c client.Client, crt *v1.Certificate) *x509.Certificate {
	secret := &corev1.Secret{}
	g.Expect(c.Get(ctx, client.ObjectKey{Namespace: crt.Namespace, Name: crt.Spec.SecretName}, secret)).To(Succeed())
	chain, err := pki.ParseChain(secret.Data[corev1.TLSCertKey], pki.MaxChainBytes)
	g.Expect(err).NotTo(HaveOccurred())
	return chain.Leaf()
}

// killEverywhere records the calls of an operator that lives, and then kills one at each of them.
func killEverywhere(scenario crashScenario) {
	GinkgoHelper()
	recording, _ := scenario.run(nil)
	points := recording.Points()
	if scenario.only != nil {
		points = slices.DeleteFunc(points, func(point testkit.Point) bool { return !scenario.only(point) })
	}
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
				_, died := scenario.run(&point)
				// How often a call is made varies from run to run; that it is made does not.
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
	ctx := context.Background()
	space := newSpace(ctx)
	if s.prepare != nil {
		stop := s.start(space.namespace, testkit.NewFaults(nil))
		s.prepare(ctx, space, space.namespace)
		stop()
	}
	faults = testkit.NewFaults(at)
	stop := s.start(space.namespace, faults)
	crt := s.apply(ctx, space, space.namespace)
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
		stop = s.start(space.namespace, after)
	}
	Eventually(func(g Gomega) {
		if !s.goes {
			ready := latest(g, ctx, space, crt, v1.ConditionReady)
			g.Expect(ready.Status).To(Equal(metav1.ConditionTrue), ready.Message)
		}
		g.Expect(leftIn(ctx, space, space.namespace)).To(BeEmpty(), "Secrets are left over")
		s.check(g, ctx, space, crt)
	}).WithTimeout(crashDeadline).WithPolling(crashPolling).Should(Succeed(), describe)
	if !s.goes {
		expectPair(ctx, space, crt)
	}
	if orders := faults.Count(newOrderCall) + after.Count(newOrderCall); orders > 2+s.refused {
		Fail(fmt.Sprintf("%s: %d orders at the CA, at most one beyond the one that is needed", describe, orders))
	}
	stop()
	return faults, died
}

const (
	deathDeadline = 15 * time.Second
	crashDeadline = 60 * time.Second
	// crashPolling leaves the machine to what is waited for.
	crashPolling = 250 * time.Millisecond
)

func (s crashScenario) start(namespace string, faults *testkit.Faults) (stop func()) {
	GinkgoHelper()
	return startOperator(namespace, append(slices.Clone(s.options), countedBy(faults))...)
}
