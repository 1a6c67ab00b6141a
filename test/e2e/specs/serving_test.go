package specs

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// hello is an application of two pods that says hello at http://hello.
const hello = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: hello}
spec:
  replicas: 2
  selector: {matchLabels: {app: hello}}
  template:
    metadata: {labels: {app: hello}}
    spec:
      terminationGracePeriodSeconds: 1
      securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault}}
      containers:
        - name: hello
          image: e2e.test/pod:1
          imagePullPolicy: Never
          args: [hello]
          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
          ports: [{containerPort: 8080}]
          readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: hello}
spec: {selector: {app: hello}, ports: [{port: 80, targetPort: 8080}]}
`

// ingress serves hello as NAME of the zone, with the certificate in Secret NAME-tls.
const ingress = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: NAME}
spec:
  ingressClassName: traefik
  tls: [{hosts: [NAME.{{.Domain}}], secretName: NAME-tls}]
  rules:
    - host: NAME.{{.Domain}}
      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: hello, port: {number: 80}}}}]}
`

// gateway does the same with a listener of its own and a route.
const gateway = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: NAME}
spec:
  gatewayClassName: traefik
  listeners:
    - name: https
      port: 443
      protocol: HTTPS
      hostname: NAME.{{.Domain}}
      tls: {certificateRefs: [{name: NAME-tls}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: NAME}
spec:
  parentRefs: [{name: NAME}]
  hostnames: [NAME.{{.Domain}}]
  rules: [{backendRefs: [{name: hello, port: 80}]}]
`

// withHello makes a namespace in which the application answers.
func withHello(ctx context.Context) string {
	GinkgoHelper()
	ns := newNamespace(ctx)
	apply(ctx, ns, hello)
	kubectl(ctx, "rollout", "status", "deployment/hello", "--namespace", ns, "--timeout=60s")
	return ns
}

var _ = Describe("a host", func() {
	DescribeTable("is served over HTTPS with the certificate that Certwright obtained",
		func(ctx SpecContext, name, route string) {
			ns := withHello(ctx)
			apply(ctx, ns, strings.NewReplacer("NAME", name, "ISSUER", "pebble").Replace(fromPebble+"---"+route))
			Expect(fetch(ctx, name+"."+site.Domain)).To(ContainSubstring("hello from hello-"))
		},
		Entry("by an Ingress", SpecTimeout(3*time.Minute), "shop", ingress),
		Entry("by a Gateway", SpecTimeout(3*time.Minute), "mall", gateway),
	)

	It("answers every request while its certificate is replaced", func(ctx SpecContext) {
		ns := withHello(ctx)
		apply(ctx, ns, certificateFor("busy")+"---"+strings.ReplaceAll(ingress, "NAME", "busy"))
		fetch(ctx, "busy."+site.Domain)
		before := certificateOf(ctx, ns, "busy-tls")

		load := startLoad(ctx, "busy."+site.Domain)
		kubectl(ctx, "patch", "certificate/busy", "--namespace", ns, "--type=json",
			`--patch=[{"op": "add", "path": "/spec/dnsNames/-", "value": "second.busy.`+site.Domain+`"}]`)
		Eventually(func() bool { return certificateOf(ctx, ns, "busy-tls").Equal(before) }).WithContext(ctx).Should(BeFalse())
		Eventually(func() (string, error) { return servedSerial(ctx, "busy."+site.Domain) }).WithContext(ctx).
			ShouldNot(Equal(serialText(before)))
		answered, failures := load()
		Expect(failures).To(BeEmpty())
		Expect(answered).To(BeNumerically(">", 10))
		AddReportEntry(fmt.Sprintf("%d requests answered meanwhile", answered))
	}, SpecTimeout(3*time.Minute))

	It("is served after it was applied, which takes (measured, not judged)", Serial, Label("benchmark"), func(ctx SpecContext) {
		ns := withHello(ctx)
		median(5, "kubectl apply to HTTPS, DNS-01 and Ingress", func(i int) {
			name := fmt.Sprintf("fast%d", i)
			apply(ctx, ns, certificateFor(name)+"---"+strings.ReplaceAll(ingress, "NAME", name))
			fetch(ctx, name+"."+site.Domain)
		})
	}, SpecTimeout(4*time.Minute))
})

// certificateFor is a Certificate of the ACME CA for one name.
func certificateFor(name string) string {
	return strings.ReplaceAll(`
apiVersion: certwright.dev/v1
kind: Certificate
metadata: {name: NAME}
spec:
  secretName: NAME-tls
  dnsNames: [NAME.{{.Domain}}]
  privateKey: {algorithm: ECDSA}
  issuerRef: {name: pebble, kind: ClusterIssuer}
`, "NAME", name)
}

// startLoad asks a host over and over until the function that it gives is called, which tells how many requests were
// answered and what went wrong with the others.
func startLoad(ctx context.Context, host string) func() (answered int64, failures []string) {
	ctx, stop := context.WithCancel(ctx)
	var count atomic.Int64
	ended := make(chan []string)
	go func() {
		var failures []string
		for ctx.Err() == nil {
			if _, err := tryFetch(ctx, host); err == nil {
				count.Add(1)
			} else if ctx.Err() == nil {
				failures = append(failures, err.Error())
			}
		}
		ended <- failures
	}()
	return func() (int64, []string) {
		stop()
		failures := <-ended
		return count.Load(), failures
	}
}
