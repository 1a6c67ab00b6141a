package admission

import (
	. "github.com/onsi/ginkgo/v2"

	v1 "github.com/certwright/certwright/api/v1"
)

var revocations = kind{
	GroupVersionKind: names.GroupVersion.WithKind(v1.CertificateRevocationKind),
	plain:            `spec: {certificateRef: {name: web}}`,
}

var revocationRules = []rule{
	{
		name: "says in one way what to revoke", field: "spec", message: "say in one way what to revoke",
		accepted: `spec: {certificateRef: null, serial: 04AB12}`,
		refused:  `spec: {serial: 04AB12}`,
	}, {
		name: "says what to revoke", field: "spec", message: "say in one way what to revoke",
		accepted: `{}`,
		refused:  `spec: {certificateRef: null}`,
	}, {
		name: "has one certificate for a serial number", field: "spec", message: "a serial is one certificate",
		accepted: `spec: {certificateRef: null, serial: 04AB12, scope: Current}`,
		refused:  `spec: {certificateRef: null, serial: 04AB12, scope: AllValid}`,
	}, {
		name: "has a serial number in hex", field: "spec.serial", message: "write the serial number in hex",
		accepted: `spec: {certificateRef: null, serial: "04:ab:12"}`,
		refused:  `spec: {certificateRef: null, serial: "04:ab:1g"}`,
	}, {
		name: "has a serial number of at most 20 octets", field: "spec.serial", message: "write the serial number in hex",
		accepted: `spec: {certificateRef: null, serial: "` + repeat("AB", 20) + `"}`,
		refused:  `spec: {certificateRef: null, serial: "` + repeat("AB", 21) + `"}`,
	}, {
		name: "keeps its Certificate", field: "spec", message: "the spec of a CertificateRevocation never changes: create another CertificateRevocation",
		before:   `spec: {reason: superseded}`,
		accepted: `metadata: {labels: {a: b}}`,
		refused:  `spec: {certificateRef: {name: other}}`,
	}, {
		name: "keeps its serial number", field: "spec", message: "the spec of a CertificateRevocation never changes",
		before:   `spec: {certificateRef: null, serial: "04AB12"}`,
		accepted: `{}`,
		refused:  `spec: {serial: "04AB13"}`,
	}, {
		name: "keeps its reason", field: "spec", message: "the spec of a CertificateRevocation never changes",
		before:   `{}`,
		accepted: `spec: {reason: unspecified}`,
		refused:  `spec: {reason: keyCompromise}`,
	}, {
		name: "keeps its scope", field: "spec", message: "the spec of a CertificateRevocation never changes",
		before:   `{}`,
		accepted: `spec: {scope: Current}`,
		refused:  `spec: {scope: AllValid}`,
	}, {
		name: "keeps its order of things", field: "spec", message: "the spec of a CertificateRevocation never changes",
		before:   `{}`,
		accepted: `spec: {renewFirst: true}`,
		refused:  `spec: {renewFirst: false}`,
	}, {
		name: "names issuers of the kinds that there are", field: "status.certificates[].issuerRef", message: "certwright.dev has the kinds Issuer and ClusterIssuer",
		before:   `{}`,
		accepted: `status: {certificates: [{fingerprint: "00", serial: "01", state: Pending, issuerRef: {name: ca, kind: ClusterIssuer}}]}`,
		refused:  `status: {certificates: [{fingerprint: "00", serial: "01", state: Pending, issuerRef: {name: ca, kind: Other}}]}`,
	},
}

var _ = Describe("A CertificateRevocation", func() {
	describeRules(revocations, revocationRules)
})
