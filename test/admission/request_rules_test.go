package admission

import (
	. "github.com/onsi/ginkgo/v2"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
)

var requests = kind{
	GroupVersionKind: names.GroupVersion.WithKind(v1.CertificateRequestKind),
	plain:            `spec: {issuerRef: {name: ca}, request: Y3Ny}`,
}

var requestRules = []rule{
	{
		name: "keeps its spec", field: "spec", message: "the spec of a CertificateRequest never changes: create another CertificateRequest",
		before:   `spec: {usages: [server auth]}`,
		accepted: `metadata: {labels: {a: b}}`,
		refused:  `spec: {usages: [client auth]}`,
	}, {
		name: "may be written in another form that means the same", field: "spec", message: "the spec of a CertificateRequest never changes",
		before:   `spec: {duration: 90m, isCA: false, usages: [], issuerRef: {name: ca, kind: "", group: ""}}`,
		accepted: `spec: {duration: 1h30m0s, isCA: null, usages: null, issuerRef: {name: ca}}`,
		refused:  `spec: {duration: 1h30m1s, isCA: null, usages: null, issuerRef: {name: ca}}`,
	}, {
		name: "keeps its duration", field: "spec", message: "the spec of a CertificateRequest never changes",
		before:   `spec: {duration: 1h}`,
		accepted: `spec: {duration: 60m}`,
		refused:  `spec: {duration: null}`,
	}, {
		name: "keeps its issuer", field: "spec", message: "the spec of a CertificateRequest never changes",
		before:   `spec: {isCA: true}`,
		accepted: `{}`,
		refused:  `spec: {issuerRef: {name: other}}`,
	}, {
		name: "keeps its issuer's kind", field: "spec", message: "the spec of a CertificateRequest never changes",
		before:   `spec: {isCA: true}`,
		accepted: `{}`,
		refused:  `spec: {issuerRef: {name: ca, kind: ClusterIssuer}}`,
	}, {
		name: "keeps its issuer's group", field: "spec", message: "the spec of a CertificateRequest never changes",
		before:   `spec: {isCA: true}`,
		accepted: `{}`,
		refused:  `spec: {issuerRef: {name: ca, group: example.com}}`,
	}, {
		name: "stays one for a CA", field: "spec", message: "the spec of a CertificateRequest never changes",
		before:   `spec: {isCA: true}`,
		accepted: `{}`,
		refused:  `spec: {isCA: false}`,
	}, {
		name: "keeps its signing request", field: "spec", message: "the spec of a CertificateRequest never changes",
		before:   `{}`,
		accepted: `{}`,
		refused:  `spec: {request: Y3Nz}`,
	}, {
		name: "keeps the requester's name", field: "spec", message: "username, uid, groups and extra say who created the CertificateRequest",
		before:   `{}`,
		accepted: `{}`,
		refused:  `spec: {username: other}`,
	}, {
		name: "keeps the requester's UID", field: "spec", message: "username, uid, groups and extra say who created the CertificateRequest",
		before:   `{}`,
		accepted: `{}`,
		refused:  `spec: {uid: other}`,
	}, {
		name: "keeps the requester's groups", field: "spec", message: "username, uid, groups and extra say who created the CertificateRequest",
		before:   `{}`,
		accepted: `{}`,
		refused:  `spec: {groups: []}`,
	}, {
		name: "keeps the requester's extra", field: "spec", message: "username, uid, groups and extra say who created the CertificateRequest",
		before:   `{}`,
		accepted: `{}`,
		refused:  `spec: {extra: {example.com/a: [b]}}`,
	}, {
		name: "wants a signing request", field: "spec.request", message: "at least 1 chars",
		accepted: `spec: {request: Y3Ny}`,
		refused:  `spec: {request: ""}`,
	}, {
		name: "wants a duration that is one", field: "spec.duration", message: "duration must be more than 0s",
		accepted: `spec: {duration: 1s}`,
		refused:  `spec: {duration: 0s}`,
	}, {
		name: "knows the issuer kinds of its own group", field: "spec.issuerRef", message: "certwright.dev has the kinds Issuer and ClusterIssuer",
		accepted: `spec: {issuerRef: {name: a, kind: Issuer}}`,
		refused:  `spec: {issuerRef: {name: a, kind: Secret}}`,
	}, {
		name: "is not both approved and denied", field: "status", message: "a CertificateRequest is either approved or denied",
		before:   `{}`,
		accepted: `status: {conditions: [{type: Approved, status: "True"}]}`,
		refused:  `status: {conditions: [{type: Approved, status: "True"}, {type: Denied, status: "True"}]}`,
	}, {
		name: "is not denied after it was approved", field: "status", message: "a CertificateRequest is either approved or denied",
		before:   `status: {conditions: [{type: Approved, status: "True"}]}`,
		accepted: `status: {conditions: [{type: Approved, status: "True"}, {type: Ready, status: "False"}]}`,
		refused:  `status: {conditions: [{type: Approved, status: "True"}, {type: Denied, status: "True"}]}`,
	}, {
		name: "is approved or says nothing of it", field: "status", message: "the conditions Approved, Denied and InvalidRequest are True or absent",
		before:   `{}`,
		accepted: `status: {conditions: [{type: Ready, status: "False"}]}`,
		refused:  `status: {conditions: [{type: Approved, status: "False"}]}`,
	}, {
		name: "is invalid or says nothing of it", field: "status", message: "the conditions Approved, Denied and InvalidRequest are True or absent",
		before:   `{}`,
		accepted: `status: {conditions: [{type: InvalidRequest, status: "True"}]}`,
		refused:  `status: {conditions: [{type: InvalidRequest, status: "Unknown"}]}`,
	}, {
		name: "stays approved", field: "status", message: "the conditions Approved and Denied stay once set",
		before:   `status: {conditions: [{type: Approved, status: "True", reason: a}]}`,
		accepted: `status: {conditions: [{type: Ready, status: "False"}, {type: Approved, status: "True", reason: a}]}`,
		refused:  `status: {conditions: [{type: Ready, status: "False"}]}`,
	}, {
		name: "stays denied when all conditions go", field: "status", message: "the conditions Approved and Denied stay once set",
		before:   `status: {conditions: [{type: Denied, status: "True"}, {type: Ready, status: "False"}]}`,
		accepted: `status: {conditions: [{type: Denied, status: "True"}]}`,
		refused:  `status: {}`,
	}, {
		name: "keeps its status", field: root, message: "the status of a CertificateRequest is kept",
		before:   `status: {conditions: [{type: Denied, status: "True"}]}`,
		accepted: `status: {conditions: [{type: Denied, status: "True"}]}`,
		refused:  `{}`,
	}, {
		name: "lets a program that knows fewer fields write the rest", field: "status.conditions[]", message: "the conditions Approved and Denied never change once set",
		before:   `status: {conditions: [{type: Approved, status: "True", reason: a, message: "", observedGeneration: 1, lastTransitionTime: "2026-01-01T00:00:00Z"}]}`,
		accepted: `status: {conditions: [{type: Approved, status: "True", reason: a}, {type: Ready, status: "True"}]}`,
		refused:  `status: {conditions: [{type: Approved, status: "True", reason: a, message: m}, {type: Ready, status: "True"}]}`,
	}, {
		name: "keeps the reason of its approval", field: "status.conditions[]", message: "the conditions Approved and Denied never change once set",
		before:   `status: {conditions: [{type: Ready, status: "False"}, {type: Approved, status: "True", reason: a}]}`,
		accepted: `status: {conditions: [{type: Ready, status: "True"}, {type: Approved, status: "True", reason: a}]}`,
		refused:  `status: {conditions: [{type: Ready, status: "False"}, {type: Approved, status: "True", reason: b}]}`,
	},
}

var _ = Describe("A CertificateRequest", func() {
	describeRules(requests, requestRules)
})

var orders = kind{
	GroupVersionKind: names.ACMEGroupVersion.WithKind(acmev1.OrderKind),
	plain:            `spec: {issuerRef: {name: ca}, request: Y3Ny, dnsNames: [a.example.com]}`,
}

const authorization = `url: "https://ca.example/1", identifier: a.example.com, wildcard: false, initialState: pending, challenges: [{type: http-01, url: u, token: t}]`

var orderRules = []rule{
	{
		name: "keeps its spec", field: "spec", message: "the spec of an Order never changes: create another Order",
		before:   `{}`,
		accepted: `{}`,
		refused:  `spec: {request: Y3Nz}`,
	}, {
		name: "wants a duration that is one", field: "spec.duration", message: "duration must be more than 0s",
		accepted: `spec: {duration: 1h}`,
		refused:  `spec: {duration: 1w}`,
	}, {
		name: "knows the issuer kinds of its own group", field: "spec.issuerRef", message: "certwright.dev has the kinds Issuer and ClusterIssuer",
		accepted: `spec: {issuerRef: {name: a, kind: ClusterIssuer}}`,
		refused:  `spec: {issuerRef: {name: a, kind: Secret}}`,
	}, {
		name: "keeps its status", field: root, message: "the status of an Order is kept",
		before:   `status: {state: pending}`,
		accepted: `status: {}`,
		refused:  `{}`,
	}, {
		name: "keeps its URL", field: "status", message: "url is the CA's answer and never changes once set",
		before:   `status: {url: "https://ca.example/1"}`,
		accepted: `status: {url: "https://ca.example/1", state: pending}`,
		refused:  `status: {url: "https://ca.example/2"}`,
	}, {
		name: "does not lose its URL", field: "status", message: "url is the CA's answer and never changes once set",
		before:   `status: {url: "https://ca.example/1"}`,
		accepted: `status: {url: "https://ca.example/1"}`,
		refused:  `status: {state: pending}`,
	}, {
		name: "keeps its account", field: "status", message: "accountURL is the CA's answer and never changes once set",
		before:   `status: {accountURL: "https://ca.example/1"}`,
		accepted: `status: {accountURL: "https://ca.example/1"}`,
		refused:  `status: {accountURL: "https://ca.example/2"}`,
	}, {
		name: "keeps its finalize URL", field: "status", message: "finalizeURL is the CA's answer and never changes once set",
		before:   `status: {finalizeURL: "https://ca.example/1"}`,
		accepted: `status: {finalizeURL: "https://ca.example/1"}`,
		refused:  `status: {finalizeURL: "https://ca.example/2"}`,
	}, {
		name: "keeps its certificate", field: "status", message: "certificate is the CA's answer and never changes once set",
		before:   `status: {certificate: Y3J0}`,
		accepted: `status: {certificate: Y3J0}`,
		refused:  `status: {certificate: Y3J1}`,
	}, {
		name: "gets its authorizations once", field: "status", message: "the list of authorizations never changes once set",
		before:   `status: {authorizations: [{url: a}, {url: b}]}`,
		accepted: `status: {authorizations: [{url: a, state: valid}, {url: b, identifier: b.example.com}]}`,
		refused:  `status: {authorizations: [{url: a}]}`,
	}, {
		name: "gets no other authorizations", field: "status", message: "the list of authorizations never changes once set",
		before:   `status: {authorizations: [{url: a}]}`,
		accepted: `status: {authorizations: [{url: a}]}`,
		refused:  `status: {authorizations: [{url: b}]}`,
	}, {
		name: "keeps the identifier of an authorization", field: "status.authorizations[]", message: "identifier is the CA's answer and never changes once set",
		before:   `status: {authorizations: [{` + authorization + `}]}`,
		accepted: `status: {authorizations: [{` + authorization + `, state: valid}]}`,
		refused:  `status: {authorizations: [{url: "https://ca.example/1", identifier: b.example.com}]}`,
	}, {
		name: "keeps the wildcard of an authorization", field: "status.authorizations[]", message: "wildcard is the CA's answer and never changes once set",
		before:   `status: {authorizations: [{url: a, wildcard: true}]}`,
		accepted: `status: {authorizations: [{url: a, wildcard: true}]}`,
		refused:  `status: {authorizations: [{url: a}]}`,
	}, {
		name: "keeps the initial state of an authorization", field: "status.authorizations[]", message: "initialState is the CA's answer and never changes once set",
		before:   `status: {authorizations: [{url: a, initialState: pending}]}`,
		accepted: `status: {authorizations: [{url: a, initialState: pending, state: valid}]}`,
		refused:  `status: {authorizations: [{url: a, initialState: valid}]}`,
	}, {
		name: "keeps the challenges on offer", field: "status.authorizations[]", message: "challenges is the CA's answer and never changes once set",
		before:   `status: {authorizations: [{` + authorization + `}]}`,
		accepted: `status: {authorizations: [{` + authorization + `, challenge: {type: http-01, url: u, token: t, presented: true, solver: {http01: {ingress: {}}}}}]}`,
		refused:  `status: {authorizations: [{url: "https://ca.example/1", challenges: [{type: http-01, url: u, token: other}]}]}`,
	}, {
		name: "wants a known state", field: "status.state", message: "supported values",
		before:   `{}`,
		accepted: `status: {state: errored}`,
		refused:  `status: {state: done}`,
	},
}

var _ = Describe("An Order", func() {
	describeRules(orders, orderRules)
})
