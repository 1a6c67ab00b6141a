package controllers_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/operator"
)

var _ = Describe("A namespace that goes while a DNS record of an Order stands", func() {
	const record = "_acme-challenge.web.example.test"
	var world *acmeWorld
	s := eachInItsOwnSpace()
	BeforeEach(func() { world = startACME() })

	gone := func(ctx SpecContext, object client.Object, name string) {
		GinkgoHelper()
		Eventually(func() bool {
			return apierrors.IsNotFound(s.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: name}, object))
		}).WithTimeout(time.Minute).Should(BeTrue(), "%T %s is still there", object, name)
	}
	// It waits long before it asks the CA, so that the record stands meanwhile.
	slow := func() v1.ACMESolver {
		solver := world.byDNS()
		solver.WaitInsteadOfSelfCheck = &metav1.Duration{Duration: time.Hour}
		return solver
	}
	presented := func(ctx SpecContext) (stop func()) {
		GinkgoHelper()
		stop = startOperator(s.namespace, world.operator)
		createTSIG(ctx, s, s.namespace)
		create(ctx, s, world.issuer(s.namespace, slow()))
		create(ctx, s, certificate(s.namespace, "web", "acme", withNames("web.example.test")))
		Eventually(func() []string { return world.dns.TXT(record) }).ShouldNot(BeEmpty())
		return stop
	}
	deleteNamespace := func(ctx SpecContext) {
		GinkgoHelper()
		Expect(s.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.namespace}})).To(Succeed())
	}

	It("goes, with the record, though the credentials go first and the operator is away", func(ctx SpecContext) {
		stop := presented(ctx)
		stop()
		deleteNamespace(ctx)
		gone(ctx, &corev1.Secret{}, "tsig")
		Expect(world.dns.TXT(record)).NotTo(BeEmpty())
		startOperator(s.namespace, world.operator)
		gone(ctx, &corev1.Namespace{}, s.namespace)
		Expect(world.dns.TXT(record)).To(BeEmpty())
	})

	It("goes, with the record, when only the Certificate was deleted before", func(ctx SpecContext) {
		presented(ctx)
		Expect(s.Delete(ctx, certificate(s.namespace, "web", "acme"))).To(Succeed())
		gone(ctx, &acmev1.Order{}, "web-1")
		Expect(world.dns.TXT(record)).To(BeEmpty())
		deleteNamespace(ctx)
		gone(ctx, &corev1.Namespace{}, s.namespace)
	})

	It("holds no copy meanwhile of what a ClusterIssuer's solver signs in with", func(ctx SpecContext) {
		home := newNamespace(ctx, s)
		startOperator(s.namespace, world.operator, func(options *operator.Options) { options.ClusterResourceNamespace = home })
		createTSIG(ctx, s, home)
		cluster := &v1.ClusterIssuer{ObjectMeta: metav1.ObjectMeta{Name: s.namespace}, Spec: world.issuer("", slow()).Spec}
		create(ctx, s, cluster)
		DeferCleanup(func(ctx SpecContext) { Expect(s.Delete(ctx, cluster)).To(Succeed()) })
		create(ctx, s, certificate(s.namespace, "web", cluster.Name, ofClusterIssuer, withNames("web.example.test")))
		Eventually(func() []string { return world.dns.TXT(record) }).ShouldNot(BeEmpty())
		secrets := &corev1.SecretList{}
		Expect(s.List(ctx, secrets, client.InNamespace(s.namespace))).To(Succeed())
		for _, secret := range secrets.Items {
			Expect(secret.Data).NotTo(ContainElement(BeEquivalentTo(tsigSecret)), secret.Name)
		}
	})

	It("leaves alone what somebody put in the place of what the clean-up was to have", func(ctx SpecContext) {
		presented(ctx)
		order := &acmev1.Order{}
		Expect(s.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: "web-1"}, order)).To(Succeed())
		kept := &corev1.Secret{}
		Expect(s.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: "web-1-clean-up-" + string(order.UID)}, kept)).To(Succeed())
		kept.Finalizers = nil
		Expect(s.Update(ctx, kept)).To(Succeed())
		Expect(s.Delete(ctx, kept)).To(Succeed())
		foreign := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: kept.Name, Labels: kept.Labels}}
		create(ctx, s, foreign)
		Expect(s.Delete(ctx, certificate(s.namespace, "web", "acme"))).To(Succeed())
		gone(ctx, order, order.Name)
		Expect(world.dns.TXT(record)).To(BeEmpty())
		Expect(s.Get(ctx, client.ObjectKeyFromObject(foreign), foreign)).To(Succeed())
	})
})
