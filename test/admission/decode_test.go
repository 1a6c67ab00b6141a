package admission

import (
	"encoding/json"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/certwright/certwright/api/v1"
)

// One object that cannot be decoded makes every list of its kind fail, and with it the operator, for all
// namespaces. So whatever passes admission must fit the Go types.
var _ = Describe("What is not refused can be decoded", func() {
	DescribeTable("by the operator's types",
		func(ctx SpecContext, k kind, into func() client.Object, patch string) {
			object := k.object("default", patch)
			if create(ctx, object) != nil {
				return
			}
			text, err := json.Marshal(object)
			Expect(err).NotTo(HaveOccurred())
			Expect(json.Unmarshal(text, into())).To(Succeed(), patch)
		},
		Entry("a duration too long for 64 bits", certificates, newCertificate, `spec: {duration: 9999999999h}`),
		Entry("a duration in days", certificates, newCertificate, `spec: {duration: 90d}`),
		Entry("a duration with a sign", certificates, newCertificate, `spec: {duration: +90h}`),
		Entry("a duration without digits", certificates, newCertificate, `spec: {duration: h}`),
		Entry("a duration of many parts", certificates, newCertificate, `spec: {duration: 1h1h1h1h1h1h1h1h1h1h}`),
		Entry("a renewBefore too long for 64 bits", certificates, newCertificate, `spec: {renewBefore: 9999999999h}`),
		Entry("a window too long for 64 bits", certificates, newCertificate,
			`spec: {renewal: {windows: [{cron: "* * * * *", windowDuration: 9999999999h}]}}`),
		Entry("a percentage too large for 32 bits", certificates, newCertificate, `spec: {renewBeforePercentage: 4294967297}`),
		Entry("a limit too large for 32 bits", certificates, newCertificate, `spec: {revisionHistoryLimit: 4294967297}`),
		Entry("a limit with a fraction", certificates, newCertificate, `spec: {revisionHistoryLimit: 1.5}`),
		Entry("a size in exponential form", certificates, newCertificate, `spec: {privateKey: {size: 2.048e3}}`),
		Entry("a size too large for 64 bits", certificates, newCertificate, `spec: {privateKey: {size: 1e30}}`),
		Entry("a null", certificates, newCertificate, `spec: {privateKey: {size: null}}`),
		Entry("a request that is not base64", requests, newRequest, `spec: {request: "%%%"}`),
		Entry("a request in base64url", requests, newRequest, `spec: {request: "_-__"}`),
		Entry("a request without padding", requests, newRequest, `spec: {request: "YQ"}`),
		Entry("a request with line ends", requests, newRequest, `spec: {request: "Y3Ny\n"}`),
		Entry("a duration of a request in weeks", requests, newRequest, `spec: {duration: 1w}`),
		Entry("a bundle that is not base64", issuers, newIssuer, acme(`caBundle: "%%%"`)),
		Entry("a wait too long for 64 bits", issuers, newIssuer, solver(`http01: {ingress: {}}, waitInsteadOfSelfCheck: 9999999999h`)),
		Entry("a limit that is not a quantity", issuers, newIssuer, podTemplate(`resources: {limits: {cpu: abc}}`)),
		Entry("a limit beyond all quantities", issuers, newIssuer, podTemplate(`resources: {limits: {cpu: "1e999999999"}}`)),
		Entry("a limit with an exponent beyond 32 bits", issuers, newIssuer, podTemplate(`resources: {limits: {cpu: "1e99999999999999"}}`)),
		Entry("a weight too large for 32 bits", issuers, newIssuer, podTemplate(`affinity: {podAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 4294967297, podAffinityTerm: {topologyKey: a}}]}}`)),
		Entry("a user ID too large for 64 bits", issuers, newIssuer, podTemplate(`securityContext: {runAsUser: 1e30}`)),
		Entry("a port too large for 32 bits", issuers, newIssuer, solver(`http01: {gatewayHTTPRoute: {parentRefs: [{name: a, port: 4294967297}]}}`)),
		Entry("a webhook's config of any shape", issuers, newIssuer, dns01(`webhook: {groupName: a.example.com, solverName: b, config: "text"}`)),
		Entry("a type that is not built", issuers, newIssuer, `spec: {venafi: {a: [1, {b: c}]}}`),
	)
})

func newCertificate() client.Object { return &v1.Certificate{} }

func newRequest() client.Object { return &v1.CertificateRequest{} }

func newIssuer() client.Object { return &v1.Issuer{} }

func podTemplate(spec string) string { return ingress(`podTemplate: {spec: {` + spec + `}}`) }
