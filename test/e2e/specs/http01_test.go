package specs

import (
	"context"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// http01Issuers prove names over HTTP: by the operator's own server, by pods, and through the Gateway for everybody.
const http01Issuers = `
---
apiVersion: certwright.dev/v1
kind: ClusterIssuer
metadata: {name: shared}
spec:
  acme:
    server: {{.ACMEDirectory}}
    caBundle: {{.CABundle}}
    profile: default
    privateKeySecretRef: {name: shared-account}
    solvers: [{http01: {ingress: {solver: Shared}}}]
---
apiVersion: certwright.dev/v1
kind: ClusterIssuer
metadata: {name: pod}
spec:
  acme:
    server: {{.ACMEDirectory}}
    caBundle: {{.CABundle}}
    profile: default
    privateKeySecretRef: {name: pod-account}
    solvers: [{http01: {ingress: {solver: Pod}}}]
---
apiVersion: certwright.dev/v1
kind: ClusterIssuer
metadata: {name: gateway}
spec:
  acme:
    server: {{.ACMEDirectory}}
    caBundle: {{.CABundle}}
    profile: default
    privateKeySecretRef: {name: gateway-account}
    solvers: [{http01: {gatewayHTTPRoute: {parentRefs: [{name: web, namespace: traefik, kind: Gateway}]}}}]
---
apiVersion: certwright.dev/v1
kind: ClusterIssuer
metadata: {name: passthrough}
spec:
  acme:
    server: {{.ACMEDirectory}}
    caBundle: {{.CABundle}}
    profile: default
    privateKeySecretRef: {name: passthrough-account}
    solvers: [{tlsALPN01: {gatewayTLSRoute: {parentRefs: [{name: passthrough, kind: Gateway}]}}}]
`

// annotated is a manifest of this package's with an annotation more, of the object that is called name.
func annotated(manifest, name, annotations string) string {
	return strings.Replace(manifest, "metadata: {name: "+name+"}", "metadata: {name: "+name+", annotations: {"+annotations+"}}", 1)
}

// annotatedIngress is an Ingress whose certificate an issuer is to make: all that a user has to write.
func annotatedIngress(name, issuer string, more ...string) string {
	annotations := append([]string{"certwright.dev/cluster-issuer: " + issuer}, more...)
	return annotated(strings.ReplaceAll(ingress, "NAME", name), name, strings.Join(annotations, ", "))
}

// expectProvedBy checks what answered for the names of a Certificate's first order (Shared or Pod), and that the operator
// saw the answer itself. Where it does not, a pod takes its place after 20 seconds, and the CA is asked anyway after 60: a
// way that does not work is not noticed otherwise.
func expectProvedBy(ctx context.Context, namespace, solver, certificate string) {
	GinkgoHelper()
	order := "order/" + certificate + "-1"
	Expect(get(ctx, namespace, order, "{.status.authorizations[*].challenge.answeredBy}")).To(Equal(solver))
	ordered, err := time.Parse(time.RFC3339, get(ctx, namespace, order, "{.metadata.creationTimestamp}"))
	Expect(err).NotTo(HaveOccurred())
	issued := certificateOf(ctx, namespace, get(ctx, namespace, "certificate/"+certificate, "{.spec.secretName}"))
	Expect(issued.NotBefore).To(BeTemporally("<", ordered.Add(time.Minute)), "the operator did not see the answer")
}

var _ = Describe("an annotated Ingress", func() {
	DescribeTable("is served over HTTPS, proved over HTTP",
		func(ctx SpecContext, issuer, answeredBy string) {
			ns := withHello(ctx)
			apply(ctx, ns, annotatedIngress("by-"+issuer, issuer))
			Expect(fetch(ctx, "by-"+issuer+"."+site.Domain)).To(ContainSubstring("hello from hello-"))
			expectProvedBy(ctx, ns, answeredBy, "by-"+issuer+"-tls")
			Eventually(func() string {
				return kubectl(ctx, "get", "pods", "--namespace", ns, "--selector", "app!=hello", "--output", "name")
			}).WithContext(ctx).Should(BeEmpty(), "pods that answered stay")
		},
		Entry("by the operator's own server", SpecTimeout(3*time.Minute), "shared", "Shared"),
		Entry("by a pod", SpecTimeout(3*time.Minute), "pod", "Pod"),
	)

	It("is proved by all replicas of the operator, also when one of them has just been deleted", Serial, func(ctx SpecContext) {
		helmUpgrade(ctx, "replicaCount=2")
		DeferCleanup(func(ctx SpecContext) { helmUpgrade(ctx, "replicaCount=1") }, NodeTimeout(90*time.Second))
		ns := withHello(ctx)
		apply(ctx, ns, annotatedIngress("twice", "shared"))
		fetch(ctx, "twice."+site.Domain)
		expectProvedBy(ctx, ns, "Shared", "twice-tls")

		pods := strings.Fields(kubectl(ctx, "get", "pods", "--namespace", systemNamespace, "--output", "name"))
		Expect(pods).To(HaveLen(2))
		kubectl(ctx, "delete", pods[0], "--namespace", systemNamespace, "--wait=false")
		started := time.Now()
		apply(ctx, ns, annotatedIngress("thrice", "shared"))
		fetch(ctx, "thrice."+site.Domain)
		AddReportEntry(fmt.Sprintf("HTTPS %.1f s after kubectl apply, with a replica on its way out", time.Since(started).Seconds()))
		expectProvedBy(ctx, ns, "Shared", "thrice-tls")
	}, SpecTimeout(4*time.Minute))

	It("is proved by a path in itself, which is taken out again", func(ctx SpecContext) {
		ns := withHello(ctx)
		apply(ctx, ns, strings.ReplaceAll(ingress, "NAME", "inplace"))
		before := get(ctx, ns, "ingress/inplace", "{.spec}")
		apply(ctx, ns, annotatedIngress("inplace", "shared", `acme.certwright.dev/http01-edit-in-place: "true"`))
		Expect(fetch(ctx, "inplace."+site.Domain)).To(ContainSubstring("hello from hello-"))
		waitFor(ctx, ns, "certificate/inplace-tls", "Ready")
		expectProvedBy(ctx, ns, "Shared", "inplace-tls")
		// One of the operator's own would stay for ten minutes.
		Expect(strings.Fields(kubectl(ctx, "get", "ingresses", "--namespace", ns, "--output", "name"))).To(HaveLen(1), "proved by another Ingress")
		Eventually(func() string { return get(ctx, ns, "ingress/inplace", "{.spec}") }).WithContext(ctx).Should(Equal(before))
	}, SpecTimeout(3*time.Minute))

	DescribeTable("is served after it was applied, which takes (measured, not judged)", Serial, Label("benchmark"),
		func(ctx SpecContext, issuer string, n int) {
			ns := withHello(ctx)
			median(n, "kubectl apply to HTTPS, annotated Ingress, HTTP-01, "+issuer, func(i int) {
				name := fmt.Sprintf("fast-%s%d", issuer, i)
				apply(ctx, ns, annotatedIngress(name, issuer))
				fetch(ctx, name+"."+site.Domain)
			})
		},
		Entry("with the operator's own server", SpecTimeout(5*time.Minute), "shared", 10),
		Entry("with a pod", SpecTimeout(5*time.Minute), "pod", 10),
	)
})

var _ = Describe("a namespace", func() {
	It("can be deleted while an order waits for its route", func(ctx SpecContext) {
		ns := newNamespace(ctx)
		apply(ctx, ns, `
apiVersion: certwright.dev/v1
kind: Certificate
metadata: {name: abandoned, annotations: {acme.certwright.dev/http01-override-ingress-ingressclassname: nobody}}
spec:
  secretName: abandoned-tls
  dnsNames: [abandoned.{{.Domain}}]
  issuerRef: {name: shared, kind: ClusterIssuer}
`)
		orderIn(ctx, ns)
		kubectl(ctx, "wait", "--for=create", "--timeout=60s", "ingress", "--all", "--namespace", ns)
		kubectl(ctx, "delete", "namespace", ns, "--timeout=60s")
	}, SpecTimeout(3*time.Minute))
})

var _ = Describe("an annotated Gateway", func() {
	It("is served over HTTPS, proved through an HTTPRoute", func(ctx SpecContext) {
		ns := withHello(ctx)
		apply(ctx, ns, annotated(strings.ReplaceAll(gateway, "NAME", "arcade"), "arcade", "certwright.dev/cluster-issuer: gateway"))
		Expect(fetch(ctx, "arcade."+site.Domain)).To(ContainSubstring("hello from hello-"))
		expectProvedBy(ctx, ns, "Shared", "arcade-tls")
	}, SpecTimeout(3*time.Minute))
})

// passthrough is a Gateway that leaves TLS to what is behind it.
const passthrough = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: passthrough}
spec:
  gatewayClassName: traefik
  listeners: [{name: tls, port: 443, protocol: TLS, tls: {mode: Passthrough}}]
`

var _ = Describe("a Gateway that passes TLS through", func() {
	It("lets the operator prove names over TLS, and has the host back afterwards", func(ctx SpecContext) {
		ns := newNamespace(ctx)
		apply(ctx, ns, passthrough+"---"+strings.ReplaceAll(certificateFor("vault"), "name: pebble", "name: passthrough"))
		waitFor(ctx, ns, "certificate/vault", "Ready")
		verify(ctx, ns, "vault-tls", site.ACMERoot, "vault."+site.Domain)
		expectProvedBy(ctx, ns, "Shared", "vault")
		Eventually(func() string {
			return kubectl(ctx, "get", "tlsroutes", "--namespace", ns, "--output", "name")
		}).WithContext(ctx).Should(BeEmpty(), "the host still leads to the operator")
	}, SpecTimeout(3*time.Minute))
})
