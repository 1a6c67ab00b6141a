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

	DescribeTable("answers every request while its certificate is replaced",
		func(ctx SpecContext, name, manifest string, begin func(ctx context.Context, namespace string)) {
			ns, host := withHello(ctx), name+"."+site.Domain
			apply(ctx, ns, manifest+"---"+strings.ReplaceAll(ingress, "NAME", name))
			fetch(ctx, host)
			before := certificateOf(ctx, ns, name+"-tls")

			asked := startLoad(ctx, host)
			asked.more(ctx)
			begin(ctx, ns)
			Eventually(func() (string, error) { return servedSerial(ctx, host) }).WithContext(ctx).ShouldNot(Equal(serialText(before)))
			asked.more(ctx)
			Expect(asked.stop()).To(BeEmpty())

			after := certificateOf(ctx, ns, name+"-tls")
			Expect(servedSerial(ctx, host)).To(Equal(serialText(after)))
			Expect(after.PublicKey).NotTo(Equal(before.PublicKey), "the key is the old one")
			Expect(after.NotBefore).To(BeTemporally("<", before.NotAfter), "replaced when it had expired")
			AddReportEntry(fmt.Sprintf("%d requests answered meanwhile", asked.answered.Load()))
		},
		Entry("by itself, because it is due", SpecTimeout(3*time.Minute), "due",
			strings.Replace(certificateFor("due"), "issuerRef: {name: pebble", "renewBeforePercentage: 75\n  issuerRef: {name: brief", 1),
			func(context.Context, string) {}),
		Entry("because somebody asks for it by the condition Issuing", SpecTimeout(3*time.Minute), "asked", certificateFor("asked"),
			func(ctx context.Context, namespace string) {
				kubectl(ctx, "patch", "certificate/asked", "--namespace", namespace, "--subresource=status", "--type=json",
					`--patch=[{"op": "add", "path": "/status/conditions/-", "value": {"type": "Issuing", "status": "True",
					"reason": "ManuallyTriggered", "message": "asked for", "lastTransitionTime": "2026-01-01T00:00:00Z"}}]`)
			}),
		Entry("because it is to have another name", SpecTimeout(3*time.Minute), "busy", certificateFor("busy"),
			func(ctx context.Context, namespace string) {
				kubectl(ctx, "patch", "certificate/busy", "--namespace", namespace, "--type=json",
					`--patch=[{"op": "add", "path": "/spec/dnsNames/-", "value": "second.busy.`+site.Domain+`"}]`)
			}),
	)

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

// load is a host that is asked over and over.
type load struct {
	answered atomic.Int64
	stop     func() (failures []string) // ends it, and tells what went wrong
}

// startLoad asks a host by several clients at once until it is stopped. Each request is a connection of its own.
func startLoad(ctx context.Context, host string) *load {
	const clients = 3
	ctx, cancel := context.WithCancel(ctx)
	var result load
	failures := make(chan []string, clients)
	for range clients {
		go func() {
			var failed []string
			for ctx.Err() == nil {
				if _, err := tryFetch(ctx, host); err == nil {
					result.answered.Add(1)
				} else if ctx.Err() == nil {
					failed = append(failed, err.Error())
				}
			}
			failures <- failed
		}()
	}
	result.stop = func() (all []string) {
		cancel()
		for range clients {
			all = append(all, <-failures...)
		}
		return all
	}
	return &result
}

// more waits until a good many more requests have been answered.
func (l *load) more(ctx context.Context) {
	GinkgoHelper()
	const many = 30
	enough := l.answered.Load() + many
	Eventually(l.answered.Load).WithContext(ctx).Should(BeNumerically(">=", enough))
}
