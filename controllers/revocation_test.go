package controllers_test

import (
	"context"
	"crypto/x509"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/operator"
	"github.com/certwright/certwright/internal/pki"
)

// statusAtCA is what the CA says of a certificate: Valid or Revoked.
func (w *acmeWorld) statusAtCA(ctx context.Context, leaf *x509.Certificate) func(Gomega) string {
	return func(g Gomega) string {
		status, err := w.ca.Status(ctx, leaf)
		g.Expect(err).NotTo(HaveOccurred())
		return status
	}
}

func revocationOf(crt *v1.Certificate, change ...func(*v1.CertificateRevocationSpec)) *v1.CertificateRevocation {
	revocation := &v1.CertificateRevocation{
		ObjectMeta: metav1.ObjectMeta{Namespace: crt.Namespace, Name: crt.Name},
		Spec:       v1.CertificateRevocationSpec{CertificateRef: &v1.CertificateReference{Name: crt.Name}},
	}
	for _, f := range change {
		f(&revocation.Spec)
	}
	return revocation
}

func revocationBySerial(namespace string, leaf *x509.Certificate) *v1.CertificateRevocation {
	return &v1.CertificateRevocation{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "by-serial"},
		Spec:       v1.CertificateRevocationSpec{Serial: pki.FormatSerial(leaf.SerialNumber)},
	}
}

func because(reason v1.RevocationReason) func(*v1.CertificateRevocationSpec) {
	return func(spec *v1.CertificateRevocationSpec) { spec.Reason = reason }
}

func atOnce(spec *v1.CertificateRevocationSpec) { spec.RenewFirst = new(bool) }

func ofAllValid(spec *v1.CertificateRevocationSpec) { spec.Scope = v1.RevocationScopeAllValid }

// expectRevocation waits for a condition Ready that fits, and leaves the latest view in revocation.
func expectRevocation(ctx context.Context, c client.Client, revocation *v1.CertificateRevocation, fits types.GomegaMatcher) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		g.Expect(c.Get(ctx, client.ObjectKeyFromObject(revocation), revocation)).To(Succeed())
		ready := condition.Get(revocation.Status.Conditions, v1.ConditionReady)
		g.Expect(ready).NotTo(BeNil())
		g.Expect(*ready).To(fits, "%s: %s", ready.Reason, ready.Message)
	}).Should(Succeed())
}

func expectRevoked(ctx context.Context, c client.Client, revocation *v1.CertificateRevocation, count int) {
	GinkgoHelper()
	expectRevocation(ctx, c, revocation, HaveField("Status", metav1.ConditionTrue))
	Expect(revocation.Status.Certificates).To(HaveLen(count))
	Expect(revocation.Status.Certificates).To(HaveEach(HaveField("State", v1.RevocationRevoked)))
}

var _ = Describe("a CertificateRevocation at an ACME CA", func() {
	s := eachInItsOwnSpace()
	var world *acmeWorld
	BeforeEach(func(ctx SpecContext) {
		world = operateACME(s.namespace)
		create(ctx, s, world.issuer(s.namespace, byHTTP()))
	})

	It("has the certificate replaced, with a new key where the old one is known, and then revoked", func(ctx SpecContext) {
		crt := issue(ctx, s, certificate(s.namespace, "web", "acme", withNames("web.example.test"), keepingItsKey))
		before := expectPair(ctx, s, crt).Leaf()
		revocation := revocationOf(crt, because(v1.RevocationKeyCompromise))
		create(ctx, s, revocation)
		expectRevoked(ctx, s, revocation, 1)
		Expect(revocation.Status.Certificates[0].Serial).To(Equal(pki.FormatSerial(before.SerialNumber)))
		Expect(world.statusAtCA(ctx, before)(Default)).To(Equal("Revoked"))
		after := expectPair(ctx, s, crt).Leaf()
		Expect(pki.PublicKeysEqual(before.PublicKey, after.PublicKey)).To(BeFalse(), "the new certificate is for the key that is known")
		Eventually(world.statusAtCA(ctx, after)).Should(Equal("Valid"))
		expectCondition(ctx, s, crt, v1.ConditionRevoked, beFalse(v1.ReasonReplaced, pki.FormatSerial(before.SerialNumber), "keyCompromise"))
		expectReady(ctx, s, crt)
		Expect(revisionOf(ctx, s, crt)()).To(Equal(2))
	})

	It("keeps the key where the Certificate does and nobody knows it", func(ctx SpecContext) {
		crt := issue(ctx, s, certificate(s.namespace, "web", "acme", withNames("web.example.test"), keepingItsKey))
		before := expectPair(ctx, s, crt).Leaf()
		revocation := revocationOf(crt, because(v1.RevocationSuperseded))
		create(ctx, s, revocation)
		expectRevoked(ctx, s, revocation, 1)
		Expect(pki.PublicKeysEqual(before.PublicKey, expectPair(ctx, s, crt).Leaf().PublicKey)).To(BeTrue())
	})

	It("revokes at once what is not to be renewed first, and has it replaced after that", func(ctx SpecContext) {
		crt := issue(ctx, s, certificate(s.namespace, "web", "acme", withNames("web.example.test")))
		before := expectPair(ctx, s, crt).Leaf()
		revocation := revocationOf(crt, atOnce)
		create(ctx, s, revocation)
		expectRevoked(ctx, s, revocation, 1)
		Eventually(revisionOf(ctx, s, crt)).Should(Equal(2))
		expectReady(ctx, s, crt)
		Expect(expectPair(ctx, s, crt).Leaf().SerialNumber).NotTo(Equal(before.SerialNumber))
	})

	It("revokes all that have not expired, whatever the history limit says", func(ctx SpecContext) {
		crt := issue(ctx, s, certificate(s.namespace, "web", "acme", withNames("web.example.test")))
		leaves := []*x509.Certificate{expectPair(ctx, s, crt).Leaf()}
		for revision := 2; revision <= 3; revision++ {
			trigger(ctx, s, crt)
			Eventually(revisionOf(ctx, s, crt)).Should(Equal(revision))
			leaves = append(leaves, expectPair(ctx, s, crt).Leaf())
		}
		Eventually(requestsIn).WithArguments(ctx, s, s.namespace).Should(HaveLen(1), "the history keeps the superseded ones anyway")
		revocation := revocationOf(crt, ofAllValid)
		create(ctx, s, revocation)
		expectRevoked(ctx, s, revocation, 3)
		for _, leaf := range leaves {
			Eventually(world.statusAtCA(ctx, leaf)).Should(Equal("Revoked"))
		}
	})

	It("revokes a superseded certificate by its serial number, and leaves the current one alone", func(ctx SpecContext) {
		crt := issue(ctx, s, certificate(s.namespace, "web", "acme", withNames("web.example.test")))
		before := expectPair(ctx, s, crt).Leaf()
		trigger(ctx, s, crt)
		Eventually(revisionOf(ctx, s, crt)).Should(Equal(2))
		revocation := revocationBySerial(s.namespace, before)
		create(ctx, s, revocation)
		expectRevoked(ctx, s, revocation, 1)
		Eventually(world.statusAtCA(ctx, expectPair(ctx, s, crt).Leaf())).Should(Equal("Valid"))
		Expect(revisionOf(ctx, s, crt)()).To(Equal(2))
	})

	It("takes a certificate that is revoked already for done", func(ctx SpecContext) {
		crt := issue(ctx, s, certificate(s.namespace, "web", "acme", withNames("web.example.test")))
		leaf := expectPair(ctx, s, crt).Leaf()
		first := revocationOf(crt)
		create(ctx, s, first)
		expectRevoked(ctx, s, first, 1)
		again := revocationBySerial(s.namespace, leaf)
		create(ctx, s, again)
		expectRevocation(ctx, s, again, HaveField("Status", metav1.ConditionTrue))
		Expect(again.Status.Certificates).To(HaveExactElements(HaveField("State", v1.RevocationAlreadyRevoked)))
	})

	It("waits for a CA that is down, says so, and goes on", func(ctx SpecContext) {
		crt := issue(ctx, s, certificate(s.namespace, "web", "acme", withNames("web.example.test")))
		Expect(world.ca.Close()).To(Succeed())
		revocation := revocationOf(crt, atOnce)
		create(ctx, s, revocation)
		expectRevocation(ctx, s, revocation, beFalse(v1.ReasonRevoking, "cannot reach"))
		Expect(revocation.Status.Certificates).To(HaveExactElements(And(HaveField("State", v1.RevocationPending), HaveField("Message", Not(BeEmpty())))))
	})
})

var _ = Describe("what may be revoked", func() {
	var mine, other *space
	var world *acmeWorld
	var foreign *x509.Certificate
	var crt *v1.Certificate
	BeforeEach(func(ctx SpecContext) {
		mine, other = newSpace(ctx), newSpace(ctx)
		world = startACME()
		startOperator(mine.namespace, world.operator, func(options *operator.Options) {
			options.Namespaces = []string{mine.namespace, other.namespace}
		})
		// One ClusterIssuer would have one account for all: here two Issuers have.
		shared := world.issuer(mine.namespace, byHTTP())
		create(ctx, mine, shared, world.issuer(other.namespace, byHTTP()))
		theirs := issue(ctx, other, certificate(other.namespace, "theirs", "acme", withNames("theirs.example.test")))
		foreign = expectPair(ctx, other, theirs).Leaf()
		crt = issue(ctx, mine, certificate(mine.namespace, "web", "acme", withNames("web.example.test")))
	})
	refused := func(ctx SpecContext, revocation *v1.CertificateRevocation) {
		GinkgoHelper()
		create(ctx, mine, revocation)
		expectRevocation(ctx, mine, revocation, beFalse(v1.ReasonNotRecorded, "no record"))
		Expect(revocation.Status.Certificates).To(BeEmpty())
		Eventually(world.statusAtCA(ctx, foreign)).Should(Equal("Valid"))
	}

	It("is not a certificate of another namespace", func(ctx SpecContext) {
		refused(ctx, revocationBySerial(mine.namespace, foreign))
	})

	It("is not what somebody wrote into the status of a request", func(ctx SpecContext) {
		requests, err := requestsIn(ctx, mine, mine.namespace)
		Expect(err).NotTo(HaveOccurred())
		requests[0].Status.Certificate = pki.Chain{foreign}.PEM()
		Expect(mine.Status().Update(ctx, &requests[0])).To(Succeed())
		refused(ctx, revocationBySerial(mine.namespace, foreign))
	})

	It("is not what somebody put into a target Secret, with our notes copied from another", func(ctx SpecContext) {
		theirSecret := targetSecret(ctx, other, certificate(other.namespace, "theirs", "acme"))
		forged := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: mine.namespace, Name: "forged", Labels: theirSecret.Labels, Annotations: theirSecret.Annotations},
			Type:       theirSecret.Type, Data: theirSecret.Data,
		}
		create(ctx, mine, forged)
		refused(ctx, revocationBySerial(mine.namespace, foreign))
	})

	It("is not a certificate that was in the Secret when its Certificate came", func(ctx SpecContext) {
		adopted := certificate(mine.namespace, "adopted", "acme", withNames("adopted.example.test"))
		create(ctx, mine, handMadeSecret(mine.namespace, "adopted-tls", adopted))
		issue(ctx, mine, adopted)
		refused(ctx, revocationOf(adopted))
	})

	It("is still a certificate whose Certificate is gone", func(ctx SpecContext) {
		leaf := expectPair(ctx, mine, crt).Leaf()
		Expect(mine.Delete(ctx, crt)).To(Succeed())
		Eventually(func() bool { return apierrors.IsNotFound(mine.Get(ctx, client.ObjectKeyFromObject(crt), crt)) }).Should(BeTrue())
		revocation := revocationBySerial(mine.namespace, leaf)
		create(ctx, mine, revocation)
		expectRevoked(ctx, mine, revocation, 1)
		Eventually(world.statusAtCA(ctx, leaf)).Should(Equal("Revoked"))
	})
})

var _ = Describe("a CertificateRevocation at a ca issuer", func() {
	s := eachInItsOwnSpace()

	It("puts the certificate on the list that it names, after it was replaced", func(ctx SpecContext) {
		world := keepLists(ctx, s, true)
		crt := issue(ctx, s, certificate(s.namespace, "leaf", "ca"))
		before := expectPair(ctx, s, crt).Leaf()
		revocation := revocationOf(crt, because(v1.RevocationKeyCompromise))
		create(ctx, s, revocation)
		expectRevoked(ctx, s, revocation, 1)
		list := world.list(ctx, world.ca(ctx), havingRevoked(before))
		Expect(list.RevokedCertificateEntries).To(HaveExactElements(HaveField("ReasonCode", int(pki.ReasonKeyCompromise))))
		after := expectPair(ctx, s, crt).Leaf()
		Expect(list).NotTo(havingRevoked(after))
		Expect(revisionOf(ctx, s, crt)()).To(Equal(2))
	})

	It("still revokes what a former key of the CA signed", func(ctx SpecContext) {
		world := keepLists(ctx, s, false)
		former := world.ca(ctx)
		crt := issue(ctx, s, certificate(s.namespace, "leaf", "ca"))
		before := expectPair(ctx, s, crt).Leaf()
		first := revocationOf(crt)
		create(ctx, s, first)
		expectRevoked(ctx, s, first, 1)
		current := expectPair(ctx, s, crt).Leaf()
		world.newKey(ctx, 48*time.Hour)
		Eventually(revisionOf(ctx, s, crt)).Should(BeNumerically(">=", 3))
		second := revocationBySerial(s.namespace, current)
		create(ctx, s, second)
		expectRevoked(ctx, s, second, 1)
		world.list(ctx, former, havingRevoked(before), havingRevoked(current))
	})

	It("fails where the CA may not sign lists, and says what to do", func(ctx SpecContext) {
		startOperator(s.namespace)
		crt := issueLeaf(ctx, s)
		revocation := revocationOf(crt, atOnce)
		create(ctx, s, revocation)
		expectRevocation(ctx, s, revocation, HaveField("Message", ContainSubstring("crl sign")))
		Expect(revisionOf(ctx, s, crt)()).To(Equal(1))
	})

	It("comes with the deletion of a Certificate, and a namespace with its CA goes all the same", func(ctx SpecContext) {
		home := newNamespace(ctx, s)
		world := keepLists(ctx, s, true, func(options *operator.Options) { options.ClusterResourceNamespace = home })
		first := issue(ctx, s, certificate(s.namespace, "first", "ca", revokedOnDelete))
		leaf := expectPair(ctx, s, first).Leaf()
		issue(ctx, s, certificate(s.namespace, "second", "ca", revokedOnDelete))
		Expect(s.Delete(ctx, first)).To(Succeed())
		world.list(ctx, world.ca(ctx), havingRevoked(leaf))
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.namespace}}
		Expect(s.Delete(ctx, namespace)).To(Succeed())
		Eventually(func() bool { return apierrors.IsNotFound(s.Get(ctx, client.ObjectKeyFromObject(namespace), namespace)) }).
			WithTimeout(time.Minute).Should(BeTrue(), "the namespace is still there")
	})
})

var _ = Describe("a CertificateRevocation at a selfSigned issuer", func() {
	s := eachInItsOwnSpace()

	It("finds nothing that could be revoked", func(ctx SpecContext) {
		startOperator(s.namespace)
		create(ctx, s, selfSigned(s.namespace))
		revocation := revocationOf(issue(ctx, s, certificate(s.namespace, "web", "selfsigned")))
		create(ctx, s, revocation)
		expectRevocation(ctx, s, revocation, beFalse(v1.ReasonNotRecorded))
	})
})
