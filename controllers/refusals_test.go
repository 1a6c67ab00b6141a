package controllers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/operator"
	"github.com/certwright/certwright/internal/testkit"
)

// refusals answers calls to the API server with an error, in its stead.
type refusals struct {
	label string
	// first and last are the occurrences of the call that are refused, counted from 1; zero is no end.
	first, last int
	err         *apierrors.StatusError

	mu    sync.Mutex
	count int
}

func (r *refusals) wrap(next http.RoundTripper) http.RoundTripper {
	return transportFunc(func(request *http.Request) (*http.Response, error) {
		if testkit.APICall(request) != r.label || !r.refuses() {
			return next.RoundTrip(request)
		}
		status := r.err.Status()
		status.TypeMeta = metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}
		body, err := json.Marshal(&status)
		return &http.Response{
			StatusCode: int(status.Code), Request: request, Header: http.Header{"Content-Type": {runtime.ContentTypeJSON}},
			Body: io.NopCloser(bytes.NewReader(body)),
		}, err
	})
}

func (r *refusals) refuses() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count++
	return r.count >= r.first && (r.last == 0 || r.count <= r.last)
}

func (r *refusals) calls() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count
}

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

var _ = Describe("an API server that refuses", func() {
	var (
		ctx       context.Context
		c         client.Client
		namespace string
	)
	BeforeEach(func() {
		ctx, c = context.Background(), newClient()
		namespace = newNamespace(ctx, c)
	})

	DescribeTable("one write of an Order costs no order and leaves nothing behind", func(label string, occurrence int) {
		world := startACME()
		calls := testkit.NewFaults(nil)
		refused := &refusals{label: label, first: occurrence, last: occurrence, err: apierrors.NewInternalError(io.ErrUnexpectedEOF)}
		startOperator(namespace, world.operator, func(options *operator.Options) {
			options.WrapAPI = refused.wrap
			options.WrapCA = func(next http.RoundTripper) http.RoundTripper { return calls.Wrap(next, testkit.ACMECall) }
		})
		createTSIG(ctx, c, namespace)
		Expect(c.Create(ctx, world.issuer(namespace, world.byDNS()))).To(Succeed())
		crt := certificate(namespace, "leaf", "acme", withNames(namespace+"."+zone))
		Expect(c.Create(ctx, crt)).To(Succeed())
		expectReady(ctx, c, crt)
		expectNothingLeft(ctx, c, crt)
		Expect(refused.calls()).To(BeNumerically(">=", occurrence), "the call was not made")
		Expect(calls.Count(newOrderCall)).To(Equal(1))
	},
		Entry("with its URL", "PUT orders/status", 1),
		Entry("with its answers", "PUT orders/status", 2),
		Entry("with its result", "PUT orders/status", 3),
		Entry("that adds the finalizer", "PUT orders", 1),
		Entry("that takes the finalizer away", "PUT orders", 2),
	)

	DescribeTable("every request is asked for it later and later, and the Certificate says so", func(err *apierrors.StatusError) {
		refused := &refusals{label: "POST certificaterequests", first: 1, err: err}
		startOperator(namespace, func(options *operator.Options) {
			// With approval by others, the key is kept in a Secret and the attempt is written down.
			options.ApproveSignerNames = []string{"issuers.elsewhere.test/*"}
			options.WrapAPI = refused.wrap
		})
		Expect(c.Create(ctx, issuer(namespace, "selfsigned", v1.IssuerSpec{SelfSigned: &v1.SelfSignedIssuer{}}))).To(Succeed())
		crt := certificate(namespace, "leaf", "selfsigned")
		Expect(c.Create(ctx, crt)).To(Succeed())
		Eventually(func(g Gomega) {
			g.Expect(c.Get(ctx, client.ObjectKeyFromObject(crt), crt)).To(Succeed())
			issuing := condition.Get(crt.Status.Conditions, v1.ConditionIssuing)
			g.Expect(issuing).NotTo(BeNil())
			g.Expect(issuing.Status).To(Equal(metav1.ConditionFalse))
			g.Expect(issuing.Message).To(ContainSubstring(err.Error()))
		}).Should(Succeed())
		Consistently(refused.calls).WithTimeout(3 * time.Second).Should(BeNumerically("<=", 2))
		var staged corev1.SecretList
		Expect(c.List(ctx, &staged, client.InNamespace(namespace))).To(Succeed())
		Expect(staged.Items).To(BeEmpty(), "staged keys are left over")
	},
		Entry("by a policy", apierrors.NewForbidden(schema.GroupResource{Resource: "certificaterequests"}, "leaf-1", io.ErrUnexpectedEOF)),
		Entry("for a webhook that does not answer", apierrors.NewInternalError(io.ErrUnexpectedEOF)),
	)

	It("the target Secret, which is immutable, and Ready says so", func() {
		startOperator(namespace)
		caChain(ctx, c, namespace)
		crt := certificate(namespace, "leaf", "ca")
		Expect(c.Create(ctx, crt)).To(Succeed())
		expectReady(ctx, c, crt)
		secret := targetSecret(ctx, c, crt)
		immutable := true
		secret.Immutable = &immutable
		Expect(c.Update(ctx, secret)).To(Succeed())
		Expect(c.Get(ctx, client.ObjectKeyFromObject(crt), crt)).To(Succeed())
		crt.Spec.DNSNames = []string{"leaf.example.test"}
		Expect(c.Update(ctx, crt)).To(Succeed())
		expectNotReady(ctx, c, crt, v1.ReasonWriteRefused, "immutable")
	})
})

var _ = Describe("a view of an issuer that is a moment old", func() {
	It("is waited for without a word", func() {
		ctx, c := context.Background(), newClient()
		namespace := newNamespace(ctx, c)
		startOperator(namespace, func(options *operator.Options) {
			options.WrapAPI = func(next http.RoundTripper) http.RoundTripper { return testkit.SlowWatch(next, "issuers", lag) }
		})
		caChain(ctx, c, namespace)
		leaf := certificate(namespace, "leaf", "ca")
		Expect(c.Create(ctx, leaf)).To(Succeed())
		expectReady(ctx, c, leaf)
		Consistently(func(g Gomega) {
			var told eventsv1.EventList
			g.Expect(c.List(ctx, &told, client.InNamespace(namespace))).To(Succeed())
			g.Expect(told.Items).NotTo(ContainElement(HaveField("Reason", "StaleView")))
		}).WithTimeout(time.Second).Should(Succeed())
	})
})

var _ = Describe("a Certificate that asks for what cannot be", func() {
	It("says which password of a keystore cannot be used", func() {
		ctx, c := context.Background(), newClient()
		namespace := newNamespace(ctx, c)
		startOperator(namespace)
		caChain(ctx, c, namespace)
		password := "пароль"
		crt := certificate(namespace, "leaf", "ca", func(crt *v1.Certificate) {
			crt.Spec.Keystores = &v1.CertificateKeystores{JKS: &v1.JKSKeystore{Create: true, Password: &password}}
		})
		Expect(c.Create(ctx, crt)).To(Succeed())
		expectNotReady(ctx, c, crt, v1.ReasonInvalidSpec, "Latin-1")
	})
})

var _ = Describe("a key that somebody put into the target Secret", func() {
	It("is the one that is certified where rotationPolicy is Never", func() {
		ctx, c := context.Background(), newClient()
		namespace := newNamespace(ctx, c)
		startOperator(namespace)
		caChain(ctx, c, namespace)
		crt := certificate(namespace, "leaf", "ca", func(crt *v1.Certificate) { crt.Spec.PrivateKey.RotationPolicy = v1.RotationNever })
		existing := handMadeSecret(namespace, "leaf-tls", crt)
		delete(existing.Data, corev1.TLSCertKey)
		Expect(c.Create(ctx, existing)).To(Succeed())
		Expect(c.Create(ctx, crt)).To(Succeed())
		expectReady(ctx, c, crt)
		Expect(targetSecret(ctx, c, crt).Data[corev1.TLSPrivateKeyKey]).To(Equal(existing.Data[corev1.TLSPrivateKeyKey]))
	})
})

var _ = Describe("a ca issuer", func() {
	It("is not ready any more when its CA expires", func() {
		ctx, c := context.Background(), newClient()
		namespace := newNamespace(ctx, c)
		startOperator(namespace)
		ca := handMadeSecretFor(4*time.Second, namespace, "ca", certificate(namespace, "ca", "", func(crt *v1.Certificate) { crt.Spec.IsCA = true }))
		Expect(c.Create(ctx, ca)).To(Succeed())
		short := issuer(namespace, "ca", v1.IssuerSpec{CA: &v1.CAIssuer{SecretName: "ca"}})
		Expect(c.Create(ctx, short)).To(Succeed())
		ready := func() v1.Condition {
			Expect(c.Get(ctx, client.ObjectKeyFromObject(short), short)).To(Succeed())
			if ready := condition.Get(short.Status.Conditions, v1.ConditionReady); ready != nil {
				return *ready
			}
			return v1.Condition{}
		}
		Eventually(ready).Should(HaveField("Status", metav1.ConditionTrue))
		Eventually(ready).Should(And(HaveField("Status", metav1.ConditionFalse), HaveField("Message", ContainSubstring("expired"))))
	})
})

var _ = Describe("a ClusterIssuer whose Secret is outside of the namespaces that the operator works in", func() {
	It("issues in those", func() {
		ctx, c := context.Background(), newClient()
		namespace, resources := newNamespace(ctx, c), newNamespace(ctx, c)
		ca := handMadeSecret(resources, "ca", certificate(resources, "ca", "", func(crt *v1.Certificate) { crt.Spec.IsCA = true }))
		Expect(c.Create(ctx, ca)).To(Succeed())
		cluster := &v1.ClusterIssuer{ObjectMeta: metav1.ObjectMeta{Name: namespace}, Spec: v1.IssuerSpec{CA: &v1.CAIssuer{SecretName: "ca"}}}
		Expect(c.Create(ctx, cluster)).To(Succeed())
		DeferCleanup(func() { Expect(c.Delete(ctx, cluster)).To(Succeed()) })
		startOperator(namespace, func(options *operator.Options) { options.ClusterResourceNamespace = resources })
		crt := certificate(namespace, "leaf", namespace, func(crt *v1.Certificate) { crt.Spec.IssuerRef.Kind = v1.ClusterIssuerKind })
		Expect(c.Create(ctx, crt)).To(Succeed())
		expectReady(ctx, c, crt)
	})
})
