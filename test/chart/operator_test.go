package chart

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/operator"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

// refusals keeps the calls that an operator had no right to make.
type refusals struct {
	mu   sync.Mutex
	list []string
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (r roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return r(request) }

func (r *refusals) watch(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		response, err := next.RoundTrip(request)
		if err != nil || response.StatusCode != http.StatusForbidden {
			return response, err
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return nil, err
		}
		response.Body = io.NopCloser(bytes.NewReader(body))
		// A policy that does not know its parameters yet forbids too, and is asked again.
		if strings.Contains(string(body), "cannot") {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.list = append(r.list, request.Method+" "+request.URL.Path+": "+string(body))
		}
		return response, nil
	})
}

func (r *refusals) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.list
}

// run starts the operator with the arguments and the rights that the chart gives it. When the spec ends, none of
// its calls may have been refused.
func (r *release) run(ctx context.Context, change ...func(*operator.Options)) {
	GinkgoHelper()
	expectAllowed(ctx, r.client(r.asOperator()), r.needed())
	r.expectOwners(ctx)
	options := optionsOf(r.objects)
	options.OwnNamespace, options.ClusterResourceNamespace = r.namespace, r.namespace
	options.MetricsAddress, options.HealthAddress, options.CRLAddress = "0", "0", "127.0.0.1:0"
	options.HTTP01SolverAddress, options.TLSALPN01SolverAddress = "127.0.0.1:0", "127.0.0.1:0"
	options.SharedProcess = true
	for _, f := range change {
		f(&options)
	}
	refused := &refusals{}
	config := r.asOperator()
	config.Wrap(refused.watch)
	running, cancel := context.WithCancel(context.Background())
	mgr, err := operator.New(running, config, options)
	Expect(err).NotTo(HaveOccurred())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(running) }()
	DeferCleanup(func() {
		cancel()
		var err error
		Eventually(ended).Should(Receive(&err), "the operator did not stop")
		Expect(err).NotTo(HaveOccurred())
		Expect(refused.all()).To(BeEmpty(), "calls that the chart gives no right to")
	})
}

// expectOwners waits until objects that block the deletion of their owner can be made. For half a minute after a
// CRD, the API server's admission does not know its kind yet.
func (r *release) expectOwners(ctx context.Context) {
	GinkgoHelper()
	c, yes := r.client(r.asOperator()), true
	for _, kind := range []string{v1.CertificateKind, v1.CertificateRequestKind} {
		owned := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: r.work, Name: "owned", OwnerReferences: []metav1.OwnerReference{{
			APIVersion: r.names.GroupVersion.String(), Kind: kind, Name: "owner", UID: "owner", BlockOwnerDeletion: &yes,
		}}}}
		Eventually(func() error { return c.Create(ctx, owned.DeepCopy(), client.DryRunAll) }).WithTimeout(time.Minute).Should(Succeed())
	}
}

func issuerSpec(name, namespace string, spec v1.IssuerSpec) *v1.Issuer {
	return &v1.Issuer{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace}, Spec: spec}
}

func clusterIssuer(name string, spec v1.IssuerSpec) *v1.ClusterIssuer {
	return &v1.ClusterIssuer{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec}
}

// certificate makes a Certificate whose Secret has its name.
func (r *release) certificate(name string, issuer v1.IssuerRef, change ...func(*v1.Certificate)) *v1.Certificate {
	crt := &v1.Certificate{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: r.work},
		Spec: v1.CertificateSpec{
			SecretName: name, DNSNames: []string{name + ".example.test"}, IssuerRef: issuer,
			PrivateKey: &v1.CertificatePrivateKey{Algorithm: v1.ECDSAKeyAlgorithm},
		},
	}
	for _, f := range change {
		f(crt)
	}
	return crt
}

// expectIssued waits until a Certificate has its Secret, and until that is told in an event.
func (r *release) expectIssued(ctx context.Context, crt *v1.Certificate) *corev1.Secret {
	GinkgoHelper()
	c := r.admin()
	Expect(c.Create(ctx, crt)).To(Succeed())
	Eventually(func(g Gomega) {
		g.Expect(c.Get(ctx, client.ObjectKeyFromObject(crt), crt)).To(Succeed())
		ready := condition.Get(crt.Status.Conditions, v1.ConditionReady)
		g.Expect(ready).NotTo(BeNil())
		g.Expect(ready.Status).To(Equal(metav1.ConditionTrue), ready.Message)
	}).Should(Succeed())
	r.expectEvent(ctx, crt.Namespace, v1.CertificateKind, crt.Name, "Issued")
	secret := &corev1.Secret{}
	Expect(c.Get(ctx, types.NamespacedName{Namespace: crt.Namespace, Name: crt.Spec.SecretName}, secret)).To(Succeed())
	return secret
}

// expectEvent looks for the group too: releases share the namespace default.
func (r *release) expectEvent(ctx context.Context, namespace, kind, name, reason string) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		var list eventsv1.EventList
		g.Expect(r.admin().List(ctx, &list, client.InNamespace(namespace))).To(Succeed())
		g.Expect(list.Items).To(ContainElement(And(
			HaveField("Regarding.APIVersion", r.names.GroupVersion.String()),
			HaveField("Regarding.Kind", kind), HaveField("Regarding.Name", name), HaveField("Reason", reason))))
	}).Should(Succeed())
}

// mounting is a Deployment that is restarted on renewal, and whose pods read a Secret.
func mounting(r *release, secret string) *appsv1.Deployment {
	app := map[string]string{"app": "web"}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: r.work, Name: "web", Labels: map[string]string{r.names.Label.RestartOnRenewal: "true"}},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: app},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: app},
				Spec: corev1.PodSpec{
					Containers: []corev1.Container{{Name: "web", Image: "example.test/web"}},
					Volumes:    []corev1.Volume{{Name: "tls", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: secret}}}},
				},
			},
		},
	}
}

var _ = Describe("the operator with the chart's arguments and rights", func() {
	DescribeTable("issues from Issuers and ClusterIssuers", func(ctx SpecContext, r *release) {
		r.run(ctx)
		c := r.admin()
		Expect(c.Create(ctx, issuerSpec("selfsigned", r.work, v1.IssuerSpec{SelfSigned: &v1.SelfSignedIssuer{}}))).To(Succeed())
		root := r.expectIssued(ctx, r.certificate("root", v1.IssuerRef{Name: "selfsigned"}, func(crt *v1.Certificate) { crt.Spec.IsCA = true }))

		Expect(c.Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: r.namespace, Name: "ca"}, Type: root.Type, Data: root.Data})).To(Succeed())
		Expect(c.Create(ctx, clusterIssuer("ca", v1.IssuerSpec{CA: &v1.CAIssuer{SecretName: "ca"}}))).To(Succeed())
		r.expectIssued(ctx, r.certificate("leaf", v1.IssuerRef{Kind: v1.ClusterIssuerKind, Name: "ca"}))

		Expect(c.Create(ctx, clusterIssuer("broken", v1.IssuerSpec{CA: &v1.CAIssuer{SecretName: "missing"}}))).To(Succeed())
		r.expectEvent(ctx, "default", v1.ClusterIssuerKind, "broken", v1.ReasonErrGetKeyPair)

		var requests v1.CertificateRequestList
		Expect(c.List(ctx, &requests, client.InNamespace(r.work))).To(Succeed())
		Expect(requests.Items).To(HaveLen(2))
		for _, request := range requests.Items {
			if r.fills {
				Expect(request.Spec.Username).To(Equal(r.user()))
			} else {
				Expect(request.Spec.Username).To(BeEmpty())
			}
		}
	}, eachRelease())

	DescribeTable("restarts a workload when its certificate is renewed", func(ctx SpecContext, r *release) {
		r.run(ctx, func(options *operator.Options) { options.RestartSpread = 0 })
		c := r.admin()
		Expect(c.Create(ctx, issuerSpec("for-restarts", r.work, v1.IssuerSpec{SelfSigned: &v1.SelfSignedIssuer{}}))).To(Succeed())
		crt := r.certificate("mounted", v1.IssuerRef{Name: "for-restarts"})
		r.expectIssued(ctx, crt)
		DeferCleanup(func(ctx SpecContext) {
			Expect(c.Delete(ctx, crt)).To(Succeed())
			Expect(c.DeleteAllOf(ctx, &v1.CertificateRequest{}, client.InNamespace(r.work))).To(Succeed())
		})
		web := mounting(r, crt.Spec.SecretName)
		Expect(c.Create(ctx, web)).To(Succeed())
		Eventually(func(g Gomega) {
			g.Expect(c.Get(ctx, client.ObjectKeyFromObject(web), web)).To(Succeed())
			g.Expect(web.Annotations).To(HaveKey(r.names.Annotation.KnownCertificates))
		}).Should(Succeed())
		Eventually(func() error {
			if err := c.Get(ctx, client.ObjectKeyFromObject(crt), crt); err != nil {
				return err
			}
			crt.Spec.DNSNames = []string{"another.example.test"}
			return c.Update(ctx, crt)
		}).Should(Succeed())
		Eventually(func(g Gomega) {
			g.Expect(c.Get(ctx, client.ObjectKeyFromObject(web), web)).To(Succeed())
			g.Expect(web.Spec.Template.Annotations).To(HaveKey(r.names.Annotation.CertificatesHash))
		}).Should(Succeed())
	}, Entry(releases[1].title, releases[1]), Entry(releases[2].title, releases[2]))

	DescribeTable("keeps revocation lists of Issuers and ClusterIssuers, and signs them anew", func(ctx SpecContext, r *release) {
		var ahead atomic.Int64
		r.run(ctx, func(options *operator.Options) {
			options.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		})
		c := r.admin()
		Expect(c.Create(ctx, issuerSpec("lists-selfsigned", r.work, v1.IssuerSpec{SelfSigned: &v1.SelfSignedIssuer{}}))).To(Succeed())
		root := r.expectIssued(ctx, r.certificate("lists-root", v1.IssuerRef{Name: "lists-selfsigned"}, func(crt *v1.Certificate) {
			crt.Spec.IsCA, crt.Spec.Usages = true, []v1.KeyUsage{v1.UsageCertSign, v1.UsageCRLSign}
		}))
		spec := v1.IssuerSpec{CA: &v1.CAIssuer{SecretName: "lists-root", PublishCRL: true}}
		issuers := []v1.GenericIssuer{issuerSpec("lists", r.work, spec), clusterIssuer("lists", spec)}
		Expect(c.Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: r.namespace, Name: "lists-root"}, Type: root.Type, Data: root.Data})).To(Succeed())
		numbers := map[string]string{}
		for _, round := range []time.Duration{0, 6 * 24 * time.Hour} {
			ahead.Store(int64(round))
			for _, issuer := range issuers {
				if round == 0 {
					Expect(c.Create(ctx, issuer)).To(Succeed())
				} else {
					look := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":{"look":"again"}}}`))
					Expect(c.Patch(ctx, issuer, look)).To(Succeed())
				}
				Eventually(func(g Gomega) {
					g.Expect(c.Get(ctx, client.ObjectKeyFromObject(issuer), issuer)).To(Succeed())
					g.Expect(issuer.GetStatus().CA).NotTo(BeNil())
					g.Expect(issuer.GetStatus().CA.CRLs[0].Number).NotTo(Equal(numbers[issuer.GetNamespace()]))
				}).Should(Succeed())
				numbers[issuer.GetNamespace()] = issuer.GetStatus().CA.CRLs[0].Number
			}
		}
	}, eachRelease())

	DescribeTable("makes Certificates for annotated Ingresses and Gateways", func(ctx SpecContext, r *release, other string) {
		Expect(controlPlane.InstallGatewayAPI("gateways", "httproutes", "tlsroutes", "listenersets", "referencegrants")).To(Succeed())
		r.run(ctx, func(options *operator.Options) { options.GatewayAPIEvery = 100 * time.Millisecond })
		c := r.admin()
		annotations := map[string]string{r.names.Annotation.ClusterIssuer: "any"}
		web := &networkingv1.Ingress{
			ObjectMeta: metav1.ObjectMeta{Namespace: r.work, Name: "annotated", Annotations: annotations},
			Spec: networkingv1.IngressSpec{
				DefaultBackend: &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "web", Port: networkingv1.ServiceBackendPort{Number: 80}}},
				TLS:            []networkingv1.IngressTLS{{SecretName: "ingress-tls", Hosts: []string{"ingress.example.test"}}},
			},
		}
		host, there := gatewayv1.Hostname("gateway.example.test"), gatewayv1.Namespace(other)
		edge := &gatewayv1.Gateway{
			ObjectMeta: metav1.ObjectMeta{Namespace: r.work, Name: "annotated", Annotations: annotations},
			Spec: gatewayv1.GatewaySpec{GatewayClassName: "any", Listeners: []gatewayv1.Listener{{
				Name: "web", Port: 443, Protocol: gatewayv1.HTTPSProtocolType, Hostname: &host,
				TLS: &gatewayv1.ListenerTLSConfig{CertificateRefs: []gatewayv1.SecretObjectReference{{Name: "gateway-tls"}, {Name: "granted-tls", Namespace: &there}}},
			}}},
		}
		grant := &gatewayv1.ReferenceGrant{
			ObjectMeta: metav1.ObjectMeta{Namespace: other, Name: r.name},
			Spec: gatewayv1.ReferenceGrantSpec{
				From: []gatewayv1.ReferenceGrantFrom{{Group: gatewayv1.GroupName, Kind: "Gateway", Namespace: gatewayv1.Namespace(r.work)}},
				To:   []gatewayv1.ReferenceGrantTo{{Kind: "Secret"}},
			},
		}
		names := []types.NamespacedName{{Namespace: r.work, Name: "ingress-tls"}, {Namespace: r.work, Name: "gateway-tls"}, {Namespace: other, Name: "granted-tls"}}
		for _, object := range []client.Object{web, grant, edge} {
			Expect(c.Create(ctx, object)).To(Succeed())
		}
		for _, name := range names {
			Eventually(func() error { return c.Get(ctx, name, &v1.Certificate{}) }).Should(Succeed())
		}
		web.Annotations[r.names.Annotation.Duration] = "100h"
		Expect(c.Update(ctx, web)).To(Succeed())
		Eventually(func(g Gomega) {
			crt := &v1.Certificate{}
			g.Expect(c.Get(ctx, names[0], crt)).To(Succeed())
			g.Expect(crt.Spec.Duration).NotTo(BeNil())
		}).Should(Succeed())
		Expect(c.Delete(ctx, edge)).To(Succeed())
		web.Spec.TLS = nil
		Expect(c.Update(ctx, web)).To(Succeed())
		for _, name := range []types.NamespacedName{names[0], names[2]} {
			Eventually(func() bool { return apierrors.IsNotFound(c.Get(ctx, name, &v1.Certificate{})) }).Should(BeTrue())
		}
		// Nothing collects garbage here.
		Expect(c.Delete(ctx, &v1.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: r.work, Name: "gateway-tls"}})).To(Succeed())
	}, Entry(releases[1].title, releases[1], "kube-public"), Entry(releases[2].title, releases[2], "tenant-b"))

	It("orders from an ACME CA, and takes away what it needed for that", func(ctx SpecContext) {
		const (
			namespace = "tenant-b"
			tsig      = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ="
		)
		dns, err := acmetest.StartDNS(acmetest.DNSOptions{Zones: []string{"example.test"}, TSIGName: "key.", TSIGSecret: tsig})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(dns.Close)
		ca, err := acmetest.Start(acmetest.Options{DNSServer: dns.Addr()})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(ca.Close)
		r := releases[2]
		c := r.admin()
		r.run(ctx, func(options *operator.Options) {
			options.DNS01Nameservers, options.DNS01NameserversOnly = []string{dns.Addr()}, true
		})

		Expect(c.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: r.namespace, Name: "tsig"},
			Data:       map[string][]byte{"key": []byte(tsig)},
		})).To(Succeed())
		issuer := clusterIssuer("acme", v1.IssuerSpec{ACME: &v1.ACMEIssuer{
			Server: ca.DirectoryURL, CABundle: ca.CABundle, PrivateKeySecretRef: v1.SecretKeySelector{Name: "account"},
			Solvers: []v1.ACMESolver{{DNS01: &v1.DNS01Solver{RFC2136: &v1.RFC2136Provider{
				Nameserver: dns.Addr(), TSIGKeyName: "key.", TSIGAlgorithm: "HMACSHA256",
				TSIGSecretSecretRef: &v1.SecretKeySelector{Name: "tsig", Key: "key"},
			}}}},
		}})
		Expect(c.Create(ctx, issuer)).To(Succeed())
		crt := r.certificate("ordered", v1.IssuerRef{Kind: v1.ClusterIssuerKind, Name: issuer.Name}, func(crt *v1.Certificate) { crt.Namespace = namespace })
		r.expectIssued(ctx, crt)
		Eventually(func(g Gomega) {
			var orders acmev1.OrderList
			g.Expect(c.List(ctx, &orders, client.InNamespace(namespace))).To(Succeed())
			g.Expect(orders.Items).To(ConsistOf(And(HaveField("Status.State", acmev1.Valid), HaveField("Finalizers", BeEmpty()))))
			var staged corev1.SecretList
			g.Expect(c.List(ctx, &staged, client.InNamespace(namespace), client.MatchingLabels{r.names.Label.NextPrivateKey: "true"})).To(Succeed())
			g.Expect(staged.Items).To(BeEmpty())
		}).Should(Succeed())
	})
})
