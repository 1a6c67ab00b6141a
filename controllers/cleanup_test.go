package controllers_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
)

var _ = Describe("A namespace that goes while a DNS record of an Order stands", func() {
	const record = "_acme-challenge.web.example.test"
	var (
		ctx       context.Context
		c         client.Client
		namespace string
		world     *acmeWorld
	)
	gone := func(object client.Object, name string) {
		GinkgoHelper()
		Eventually(func() bool {
			return apierrors.IsNotFound(c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, object))
		}).Should(BeTrue(), "%T %s is still there", object, name)
	}
	// The solver waits long before it asks the CA, so that the record stands meanwhile.
	presented := func() (stop func()) {
		GinkgoHelper()
		stop = startOperator(namespace, world.operator)
		createTSIG(ctx, c, namespace)
		slow := world.byDNS()
		slow.WaitInsteadOfSelfCheck = &metav1.Duration{Duration: time.Hour}
		Expect(c.Create(ctx, world.issuer(namespace, slow))).To(Succeed())
		Expect(c.Create(ctx, certificate(namespace, "web", "acme", withNames("web.example.test")))).To(Succeed())
		Eventually(func() []string { return world.dns.TXT(record) }).ShouldNot(BeEmpty())
		return stop
	}
	BeforeEach(func() {
		ctx, c = context.Background(), newClient()
		namespace = newNamespace(ctx, c)
		world = startACME()
	})
	deleteNamespace := func() {
		GinkgoHelper()
		Expect(c.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})).To(Succeed())
	}

	It("goes, with the record, though the credentials go first and the operator is away", func() {
		stop := presented()
		stop()
		deleteNamespace()
		gone(&corev1.Secret{}, "tsig")
		Expect(world.dns.TXT(record)).NotTo(BeEmpty())
		startOperator(namespace, world.operator)
		gone(&corev1.Namespace{}, namespace)
		Expect(world.dns.TXT(record)).To(BeEmpty())
	})

	It("goes, with the record, when only the Certificate was deleted before", func() {
		presented()
		Expect(c.Delete(ctx, certificate(namespace, "web", "acme"))).To(Succeed())
		gone(&acmev1.Order{}, "web-1")
		Expect(world.dns.TXT(record)).To(BeEmpty())
		deleteNamespace()
		gone(&corev1.Namespace{}, namespace)
	})
})
