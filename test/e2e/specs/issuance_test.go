package specs

import (
	"context"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// certificateAuthority is a CA of a namespace's own.
const certificateAuthority = `
apiVersion: certwright.dev/v1
kind: Issuer
metadata: {name: root}
spec: {selfSigned: {}}
---
apiVersion: certwright.dev/v1
kind: Certificate
metadata: {name: authority}
spec:
  secretName: authority
  isCA: true
  commonName: authority
  privateKey: {algorithm: ECDSA}
  issuerRef: {name: root}
---
apiVersion: certwright.dev/v1
kind: Issuer
metadata: {name: authority}
spec: {ca: {secretName: authority}}
`

// fromAuthority is a Certificate of that CA; NAME stands for its name.
const fromAuthority = `
apiVersion: certwright.dev/v1
kind: Certificate
metadata: {name: NAME}
spec:
  secretName: NAME-tls
  dnsNames: [NAME.{{.Domain}}]
  privateKey: {algorithm: ECDSA}
  issuerRef: {name: authority}
`

// fromPebble is a Certificate of the ACME CA, for NAME and all names below it.
const fromPebble = `
apiVersion: certwright.dev/v1
kind: Certificate
metadata: {name: NAME}
spec:
  secretName: NAME-tls
  dnsNames: [NAME.{{.Domain}}, "*.NAME.{{.Domain}}"]
  privateKey: {algorithm: ECDSA}
  issuerRef: {name: ISSUER, kind: ClusterIssuer}
`

var _ = Describe("a Certificate", func() {
	It("of a CA in the cluster becomes a Secret", func(ctx SpecContext) {
		ns := newNamespace(ctx)
		apply(ctx, ns, certificateAuthority)
		apply(ctx, ns, strings.ReplaceAll(fromAuthority, "NAME", "web"))
		waitFor(ctx, ns, "certificate/web", "Ready")
		issued := certificateOf(ctx, ns, "web-tls")
		Expect(issued.DNSNames).To(Equal([]string{"web." + site.Domain}))
		Expect(issued.CheckSignatureFrom(certificateOf(ctx, ns, "authority"))).To(Succeed())
	}, SpecTimeout(3*time.Minute))

	It("of an ACME CA for a name and its wildcard is proved by DNS", func(ctx SpecContext) {
		ns := newNamespace(ctx)
		apply(ctx, ns, strings.NewReplacer("NAME", "both", "ISSUER", "pebble").Replace(fromPebble))
		waitFor(ctx, ns, "certificate/both", "Ready")
		verify(ctx, ns, "both-tls", site.ACMERoot, "both."+site.Domain, "any.both."+site.Domain)
		expectNoRecord(ctx, "_acme-challenge.both."+site.Domain)
	}, SpecTimeout(3*time.Minute))

	It("of an ACME CA is proved by a DNS provider in a process of its own", func(ctx SpecContext) {
		ns := newNamespace(ctx)
		apply(ctx, ns, strings.ReplaceAll(certificateFor("vendor"), "name: pebble", "name: provider"))
		waitFor(ctx, ns, "certificate/vendor", "Ready")
		verify(ctx, ns, "vendor-tls", site.ACMERoot, "vendor."+site.Domain)
		expectNoRecord(ctx, "_acme-challenge.vendor."+site.Domain)
	}, SpecTimeout(3*time.Minute))

	It("cannot have a tenant's Issuer reach into the network of the cluster", func(ctx SpecContext) {
		ns := newNamespace(ctx)
		apply(ctx, ns, `
apiVersion: certwright.dev/v1
kind: Issuer
metadata: {name: inside}
spec:
  acme:
    server: {{.ACMEDirectory}}
    caBundle: {{.CABundle}}
    privateKeySecretRef: {name: account}
`)
		kubectl(ctx, "wait", "--for=jsonpath={.status.conditions[0].reason}=AddressNotAllowed", "--timeout=60s", "issuer/inside", "--namespace", ns)
	}, SpecTimeout(3*time.Minute))
})

// lateServer is an issuer whose name server cannot be reached until lateServerUp is applied: an order of it stays where it
// is for as long as a spec wants.
const lateServer = `
apiVersion: v1
kind: Service
metadata: {name: late}
spec:
  ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}]
---
apiVersion: certwright.dev/v1
kind: ClusterIssuer
metadata: {name: "{{.Namespace}}"}
spec:
  acme:
    server: {{.ACMEDirectory}}
    caBundle: {{.CABundle}}
    profile: default
    privateKeySecretRef: {name: "{{.Namespace}}-account"}
    solvers:
      - dns01:
          rfc2136:
            nameserver: late.{{.Namespace}}.svc.cluster.local:53
            tsigKeyName: {{.TSIGName}}
            tsigAlgorithm: HMACSHA256
            tsigSecretSecretRef: {name: zone-key, key: secret}
`

const lateServerUp = `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: late, labels: {kubernetes.io/service-name: late}}
addressType: IPv4
ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}]
endpoints: [{addresses: ["{{.Address}}"]}]
`

// inMidOrder brings an order to where its challenges are to be presented, does something, lets the order go on, and checks
// that the same order ended in the certificate.
func inMidOrder(ctx context.Context, name string, do func()) {
	GinkgoHelper()
	var ns string
	DeferCleanup(func(ctx SpecContext) { kubectl(ctx, "delete", "clusterissuer", ns, "--ignore-not-found") }) // after all is shown
	ns = newNamespace(ctx)
	apply(ctx, ns, lateServer)
	waitFor(ctx, "", "clusterissuer/"+ns, "Ready")
	apply(ctx, ns, strings.NewReplacer("NAME", name, "ISSUER", ns).Replace(fromPebble))
	order := orderIn(ctx, ns)

	do()

	Expect(get(ctx, ns, "orders", "{.items[*].status.state}")).To(Equal("pending"), "the order was not under way any more")
	apply(ctx, ns, lateServerUp)
	waitFor(ctx, ns, "certificate/"+name, "Ready")
	verify(ctx, ns, name+"-tls", site.ACMERoot, name+"."+site.Domain, "any."+name+"."+site.Domain)
	Expect(get(ctx, ns, "orders", "{.items[*].status.url}")).To(Equal(order), "ordered twice")
}

// orderIn waits until a namespace has an order at the CA, and gives its URL.
func orderIn(ctx context.Context, namespace string) (url string) {
	GinkgoHelper()
	Eventually(func() string {
		url = get(ctx, namespace, "orders", "{.items[*].status.url}")
		return url
	}).WithContext(ctx).ShouldNot(BeEmpty())
	return url
}

var _ = Describe("an order under way", Serial, func() {
	It("ends in the certificate when the operator's pod is deleted", func(ctx SpecContext) {
		inMidOrder(ctx, "deleted", func() {
			kubectl(ctx, "delete", "pods", "--namespace", systemNamespace, "--selector", "app.kubernetes.io/instance="+release)
			kubectl(ctx, "rollout", "status", operator, "--namespace", systemNamespace, "--timeout=60s")
		})
	}, SpecTimeout(4*time.Minute))

	It("ends in the certificate when the chart is upgraded, and rolled back", func(ctx SpecContext) {
		inMidOrder(ctx, "upgraded", func() {
			before := get(ctx, systemNamespace, operator, "{.metadata.generation}")
			helmUpgrade(ctx, "logLevel=1")
			Expect(get(ctx, systemNamespace, operator, "{.metadata.generation}")).NotTo(Equal(before))
			run(ctx, "helm", "rollback", release, "--namespace", systemNamespace, "--wait", "--timeout", "60s")
		})
	}, SpecTimeout(4*time.Minute))
})
