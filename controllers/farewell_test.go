package controllers_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/operator"
)

func revokedOnDelete(crt *v1.Certificate) { crt.Spec.RevokeOnDelete = true }

var _ = Describe("a Certificate with revokeOnDelete", func() {
	s := eachInItsOwnSpace()
	var world *acmeWorld
	var home string
	var moved *clock
	// The operator's own things are in another namespace, as in a cluster.
	start := func() (stop func()) {
		return startOperator(s.namespace, world.operator, moved.operator, func(options *operator.Options) { options.ClusterResourceNamespace = home })
	}
	issued := func(ctx SpecContext, change ...func(*v1.Certificate)) (*v1.Certificate, *x509.Certificate) {
		GinkgoHelper()
		crt := issue(ctx, s, certificate(s.namespace, "web", "acme", append(change, withNames("web.example.test"))...))
		return crt, expectPair(ctx, s, crt).Leaf()
	}
	gone := func(ctx SpecContext, object client.Object) {
		GinkgoHelper()
		Eventually(func() bool { return apierrors.IsNotFound(s.Get(ctx, client.ObjectKeyFromObject(object), object)) }).
			WithTimeout(time.Minute).Should(BeTrue(), "%T %s is still there", object, object.GetName())
	}
	BeforeEach(func(ctx SpecContext) {
		world, moved, home = startACME(), &clock{}, newNamespace(ctx, s)
		create(ctx, s, world.issuer(s.namespace, byHTTP()))
	})

	It("is revoked when it is deleted, with what came before it, and leaves nothing behind", func(ctx SpecContext) {
		start()
		crt, first := issued(ctx, revokedOnDelete)
		trigger(ctx, s, crt)
		Eventually(revisionOf(ctx, s, crt)).Should(Equal(2))
		expectReady(ctx, s, crt)
		second := expectPair(ctx, s, crt).Leaf()
		Expect(s.Delete(ctx, crt)).To(Succeed())
		gone(ctx, crt)
		for _, leaf := range []*x509.Certificate{first, second} {
			Expect(world.statusAtCA(ctx, leaf)(Default)).To(Equal("Revoked"))
		}
		Expect(recordsIn(ctx, s)).To(BeEmpty())
	})

	DescribeTable("is revoked whatever else of it is gone before the operator looks", func(ctx SpecContext, away ...string) {
		stop := start()
		crt, leaf := issued(ctx, revokedOnDelete)
		stop()
		objects := map[string]client.Object{
			"target": targetSecret(ctx, s, crt), "issuer": world.issuer(s.namespace),
			"account key": &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "acme-account"}},
		}
		for _, name := range away {
			Expect(s.Delete(ctx, objects[name])).To(Succeed())
		}
		// The record itself is deleted in any case: its finalizer holds it.
		Expect(s.DeleteAllOf(ctx, &corev1.Secret{}, client.InNamespace(s.namespace), client.MatchingLabels{names.Label.IssuedRecord: "true"})).To(Succeed())
		Expect(s.Delete(ctx, crt)).To(Succeed())
		start()
		gone(ctx, crt)
		Expect(world.statusAtCA(ctx, leaf)(Default)).To(Equal("Revoked"))
		Expect(recordsIn(ctx, s)).To(BeEmpty())
	},
		subsets("target", "issuer", "account key"))

	for _, away := range []bool{false, true} {
		It(fmt.Sprintf("is revoked when its namespace goes, the operator being away: %v", away), func(ctx SpecContext) {
			stop := start()
			_, leaf := issued(ctx, revokedOnDelete)
			if away {
				stop()
			}
			namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.namespace}}
			Expect(s.Delete(ctx, namespace)).To(Succeed())
			if away {
				gone(ctx, world.issuer(s.namespace))
				start()
			}
			gone(ctx, namespace)
			Expect(world.statusAtCA(ctx, leaf)(Default)).To(Equal("Revoked"))
		})
	}

	It("is held when that is asked for later, and let go when it is not asked for any more", func(ctx SpecContext) {
		start()
		crt, leaf := issued(ctx)
		Expect(crt.Finalizers).To(BeEmpty())
		edit(ctx, s, crt, func() { crt.Spec.RevokeOnDelete = true })
		Eventually(func() []string {
			Expect(s.Get(ctx, client.ObjectKeyFromObject(crt), crt)).To(Succeed())
			return crt.Finalizers
		}).
			Should(ContainElement(names.RevocationFinalizer))
		Eventually(func() []corev1.Secret { return recordsIn(ctx, s) }).Should(ConsistOf(HaveField("Data", HaveKey("account-key"))))
		edit(ctx, s, crt, func() { crt.Spec.RevokeOnDelete = false })
		Eventually(func() []string {
			Expect(s.Get(ctx, client.ObjectKeyFromObject(crt), crt)).To(Succeed())
			return crt.Finalizers
		}).
			Should(BeEmpty())
		Expect(recordsIn(ctx, s)).To(ConsistOf(And(HaveField("Data", Not(HaveKey("account-key"))), HaveField("Finalizers", BeEmpty()))))
		Expect(s.Delete(ctx, crt)).To(Succeed())
		gone(ctx, crt)
		Expect(world.statusAtCA(ctx, leaf)(Default)).To(Equal("Valid"))
	})

	It("goes after five minutes although the CA is down, and an event names what is left", func(ctx SpecContext) {
		start()
		crt, leaf := issued(ctx, revokedOnDelete)
		Expect(world.ca.Close()).To(Succeed())
		Expect(s.Delete(ctx, crt)).To(Succeed())
		Eventually(func(g Gomega) {
			g.Expect(latest(g, ctx, s, crt, v1.ConditionRevoked).Message).To(ContainSubstring("cannot reach"))
		}).Should(Succeed())
		moved.ahead.Store(int64(6 * time.Minute))
		// An edit wakes the reconciler, whose wait is for the clock of the machine; unless its own write has just done so.
		Eventually(func() error {
			if err := s.Get(ctx, client.ObjectKeyFromObject(crt), crt); err != nil {
				return client.IgnoreNotFound(err)
			}
			crt.Annotations = map[string]string{"woken": "true"}
			return client.IgnoreNotFound(s.Update(ctx, crt))
		}).Should(Succeed())
		gone(ctx, crt)
		Eventually(func() []string { return notes(ctx, s, "NotRevoked") }).Should(ConsistOf(ContainSubstring(strings.ToUpper(leaf.SerialNumber.Text(16)))))
		Expect(recordsIn(ctx, s)).To(ConsistOf(HaveField("Data", Not(HaveKey("account-key")))), "what is left is on record no more")
	})
})

// subsets are entries for every set of the given names.
func subsets(of ...string) []TableEntry {
	var entries []TableEntry
	for mask := range 1 << len(of) {
		var chosen []any
		for i, name := range of {
			if mask&(1<<i) != 0 {
				chosen = append(chosen, name)
			}
		}
		entries = append(entries, Entry(fmt.Sprint(chosen...), chosen...))
	}
	return entries
}

// recordsIn are the Secrets that remember what was issued.
func recordsIn(ctx context.Context, s *space) []corev1.Secret {
	GinkgoHelper()
	var list corev1.SecretList
	Expect(s.List(ctx, &list, client.InNamespace(s.namespace), client.MatchingLabels{names.Label.IssuedRecord: "true"})).To(Succeed())
	return list.Items
}

// notes are the texts of a space's events with a reason.
func notes(ctx context.Context, s *space, reason string) []string {
	GinkgoHelper()
	var list eventsv1.EventList
	Expect(s.List(ctx, &list, client.InNamespace(s.namespace))).To(Succeed())
	var result []string
	for _, event := range list.Items {
		if event.Reason == reason {
			result = append(result, event.Note)
		}
	}
	return result
}
