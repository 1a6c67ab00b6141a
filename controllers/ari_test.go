package controllers_test

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/operator"
	"github.com/certwright/certwright/internal/testkit"
)

// clock is one that a spec moves.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func (c *clock) operator(options *operator.Options) { options.Now = c.now }

// suggest makes the CA want a certificate renewed within a window.
func (w *acmeWorld) suggest(ctx SpecContext, s *space, crt *v1.Certificate, start, end time.Time) {
	GinkgoHelper()
	leaf := expectPair(ctx, s, crt).Leaf()
	answer := fmt.Sprintf(`{"suggestedWindow": {"start": %q, "end": %q}, "explanationURL": "https://ca.test/why"}`,
		start.Format(time.RFC3339), end.Format(time.RFC3339))
	payload, err := json.Marshal(map[string]string{
		"Certificate": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw})), "ARIResponse": answer,
	})
	Expect(err).NotTo(HaveOccurred())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.ca.ManagementURL+"/set-renewal-info", bytes.NewReader(payload))
	Expect(err).NotTo(HaveOccurred())
	response, err := w.ca.HTTPClient().Do(request)
	Expect(err).NotTo(HaveOccurred())
	Expect(response.Body.Close()).To(Succeed())
	Expect(response.StatusCode).To(Equal(http.StatusOK))
}

var _ = Describe("a CA that suggests when to renew", func() {
	const renewalInfoCall = "CA GET draft-ietf-acme-ari-03"
	s := eachInItsOwnSpace()

	It("is followed, told of what is replaced, and its reasons reach the person", func(ctx SpecContext) {
		world, moved, calls := startACME(), &clock{}, testkit.NewFaults(nil)
		startOperator(s.namespace, world.operator, moved.operator, countedBy(calls))
		create(ctx, s, world.issuer(s.namespace, byHTTP()))
		crt := issue(ctx, s, certificate(s.namespace, "web", "acme", withNames("web.example.test")))
		leaf := expectPair(ctx, s, crt).Leaf()
		window := crt.Status.ACME.ARI.SuggestedWindow
		Expect(crt.Status.RenewalTime.Time).To(And(BeTemporally(">=", window.Start.Time), BeTemporally("<", window.End.Time)))
		Expect(calls.Count(renewalInfoCall)).To(Equal(1))

		By("asking again when it is time, and replacing what the CA has revoked")
		world.suggest(ctx, s, crt, time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour))
		moved.ahead.Store(int64(7 * time.Hour))
		edit(ctx, s, crt, func() { crt.Annotations = map[string]string{"look": "again"} })
		Eventually(revisionOf(ctx, s, crt)).Should(Equal(2))
		id, err := acme.CertID(leaf)
		Expect(err).NotTo(HaveOccurred())
		Expect(orderNamed(Default, ctx, s, "web-2").Spec.Replaces).To(Equal(id))
		Eventually(func(g Gomega) {
			var events eventsv1.EventList
			g.Expect(s.List(ctx, &events, client.InNamespace(s.namespace))).To(Succeed())
			g.Expect(events.Items).To(ContainElement(And(
				HaveField("Reason", "RenewalMovedEarlier"), HaveField("Note", ContainSubstring("https://ca.test/why")))))
		}).Should(Succeed())
	})

	It("is not asked where the issuer says so", func(ctx SpecContext) {
		world, calls := startACME(), testkit.NewFaults(nil)
		startOperator(s.namespace, world.operator, countedBy(calls))
		issuer := world.issuer(s.namespace, byHTTP())
		issuer.Spec.ACME.RenewalInformationSource = v1.RenewalInformationNone
		create(ctx, s, issuer)
		crt := issue(ctx, s, certificate(s.namespace, "web", "acme", withNames("web.example.test")))
		trigger(ctx, s, crt)
		Eventually(revisionOf(ctx, s, crt)).Should(Equal(2))
		Expect(crt.Status.ACME).To(BeNil())
		Expect(calls.Count(renewalInfoCall)).To(BeZero())
		Expect(orderNamed(Default, ctx, s, "web-2").Spec.Replaces).To(BeEmpty())
	})

	It("and does not know what it is told is replaced gets the order as a new one", func(ctx SpecContext) {
		world := startACME()
		startOperator(s.namespace, world.operator)
		issuer := world.issuer(s.namespace, byHTTP())
		// The CA comes back with another TLS certificate.
		issuer.Spec.ACME.CABundle, issuer.Spec.ACME.SkipTLSVerify = nil, true
		create(ctx, s, issuer)
		crt := issue(ctx, s, certificate(s.namespace, "web", "acme", withNames("web.example.test")))
		world.restart()
		trigger(ctx, s, crt)
		Eventually(revisionOf(ctx, s, crt)).Should(Equal(2))
		Expect(orderNamed(Default, ctx, s, "web-2").Spec.Replaces).NotTo(BeEmpty())
		Expect(crt.Status.FailedIssuanceAttempts).To(BeNil())
	})
})
