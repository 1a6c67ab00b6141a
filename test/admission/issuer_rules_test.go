package admission

import (
	. "github.com/onsi/ginkgo/v2"

	v1 "github.com/certwright/certwright/api/v1"
)

var issuers = kind{
	GroupVersionKind: names.GroupVersion.WithKind(v1.IssuerKind),
	plain:            `spec: {}`,
}

var clusterIssuers = kind{
	GroupVersionKind: names.GroupVersion.WithKind(v1.ClusterIssuerKind),
	clusterScoped:    true,
	plain:            `spec: {}`,
}

func acme(members string) string {
	return `spec: {acme: {server: "https://ca.example/dir", privateKeySecretRef: {name: key}, ` + members + `}}`
}

func solver(members string) string { return acme(`solvers: [{` + members + `}]`) }

func ingress(members string) string { return solver(`http01: {ingress: {` + members + `}}`) }

func dns01(members string) string { return solver(`dns01: {` + members + `}`) }

func tlsRoute(members string) string {
	return solver(`tlsALPN01: {gatewayTLSRoute: {` + members + `}}`)
}

func vault(members string) string {
	return `spec: {vault: {server: "https://vault.example", path: pki/sign/web, auth: {tokenSecretRef: {name: a}}, ` + members + `}}`
}

func vaultAuth(members string) string {
	return `spec: {vault: {server: "https://vault.example", path: pki/sign/web, auth: {` + members + `}}}`
}

const (
	acmeDNS = `acmeDNS: {host: "https://dns.example", accountSecretRef: {name: a}}`
	rfc2136 = `nameserver: "192.0.2.53:53"`
	azure   = `subscriptionID: s, resourceGroupName: g`

	servicePrincipal = `clientID: c, clientSecretSecretRef: {name: a}, tenantID: t`
)

// issuerRules are of both kinds of issuers, which have the same spec.
var issuerRules = []rule{
	{
		name: "has a type", field: "spec", message: "an issuer is of exactly one type",
		accepted: `spec: {selfSigned: {}}`,
		refused:  `spec: {}`,
	}, {
		name: "has one type only", field: "spec", message: "an issuer is of exactly one type",
		accepted: `spec: {ca: {secretName: a}}`,
		refused:  `spec: {selfSigned: {}, ca: {secretName: a}}`,
	}, {
		name: "takes a type that is not built for one", field: "spec", message: "an issuer is of exactly one type",
		accepted: `spec: {venafi: {zone: a, tpp: {url: "https://tpp.example"}}}`,
		refused:  `spec: {selfSigned: {}, venafi: {zone: a}}`,
	}, {
		name: "wants a CA's Secret", field: "spec.ca.secretName", message: "at least 1 chars",
		accepted: `spec: {ca: {secretName: a}}`,
		refused:  `spec: {ca: {secretName: ""}}`,
	}, {
		name: "wants an ACME server", field: "spec.acme.server", message: "at least 1 chars",
		accepted: acme(``),
		refused:  `spec: {acme: {server: "", privateKeySecretRef: {name: key}}}`,
	}, {
		name: "names other hosts of a CA", field: "spec.acme.allowedHosts[]", message: "write a host as a lower-case DNS name or an IP address, without a port",
		accepted: acme(`allowedHosts: [ca.example.com, localhost, a, 192.0.2.1, "2001:db8::1"]`),
		refused:  acme(`allowedHosts: ["ca.example.com:8443"]`),
	}, {
		name: "names other hosts of a CA in lower case", field: "spec.acme.allowedHosts[]", message: "write a host as a lower-case DNS name or an IP address, without a port",
		accepted: acme(`allowedHosts: [xn--bcher-kva.example]`),
		refused:  acme(`allowedHosts: [CA.example.com]`),
	}, {
		name: "names other hosts of a CA in the form of a link's", field: "spec.acme.allowedHosts[]", message: "write a host as a lower-case DNS name or an IP address, without a port",
		accepted: acme(`allowedHosts: ["::1"]`),
		refused:  acme(`allowedHosts: ["[::1]"]`),
	}, {
		name: "limits a CA's hosts", field: "spec.acme.allowedHosts", message: "must have at most 16 items",
		accepted: acme(`allowedHosts: [` + repeat(`a,`, 16) + `]`),
		refused:  acme(`allowedHosts: [` + repeat(`a,`, 17) + `]`),
	}, {
		name: "wants an account key", field: "spec.acme.privateKeySecretRef.name", message: "at least 1 chars",
		accepted: acme(`disableAccountKeyGeneration: true`),
		refused:  `spec: {acme: {server: "https://ca.example/dir", privateKeySecretRef: {name: ""}}}`,
	}, {
		name: "verifies with a bundle or not at all", field: "spec.acme", message: "skipTLSVerify makes caBundle meaningless",
		accepted: acme(`skipTLSVerify: false, caBundle: Y2E=`),
		refused:  acme(`skipTLSVerify: true, caBundle: Y2E=`),
	}, {
		name: "limits the preferred chain", field: "spec.acme.preferredChain", message: "may not be more than 64",
		accepted: acme(`preferredChain: ` + repeat("a", 64)),
		refused:  acme(`preferredChain: ` + repeat("a", 65)),
	}, {
		name: "limits the limit of orders", field: "spec.acme.limits.ordersPer3Hours", message: "should be less than or equal to 100000",
		accepted: acme(`limits: {ordersPer3Hours: 100000}`),
		refused:  acme(`limits: {ordersPer3Hours: 100001}`),
	}, {
		name: "limits the limit of certificates for the same names", field: "spec.acme.limits.exactSetPerWeek", message: "should be less than or equal to 50",
		accepted: acme(`limits: {exactSetPerWeek: 50}`),
		refused:  acme(`limits: {exactSetPerWeek: 51}`),
	}, {
		name: "has no limit below none", field: "spec.acme.limits.exactSetPerWeek", message: "should be greater than or equal to 0",
		accepted: acme(`limits: {ordersPer3Hours: 0, exactSetPerWeek: 0}`),
		refused:  acme(`limits: {exactSetPerWeek: -1}`),
	}, {
		name: "has at most 256 solvers", field: "spec.acme.solvers", message: "must have at most 256 items",
		accepted: acme(`solvers: [` + repeat(`{dns01: {`+acmeDNS+`}},`, 256) + `]`),
		refused:  acme(`solvers: [` + repeat(`{dns01: {`+acmeDNS+`}},`, 257) + `]`),
	}, {
		name: "wants a way to answer", field: "spec.acme.solvers[]", message: "a solver answers in exactly one way",
		accepted: ingress(``),
		refused:  solver(`selector: {dnsZones: [example.com]}`),
	}, {
		name: "answers by a lasting record alone", field: "spec.acme.solvers[]", message: "a solver answers in exactly one way",
		accepted: solver(`dnsPersist01: {}`),
		refused:  solver(`dnsPersist01: {}, dns01: {` + acmeDNS + `}`),
	}, {
		name: "answers over TLS alone", field: "spec.acme.solvers[]", message: "a solver answers in exactly one way",
		accepted: tlsRoute(`parentRefs: [{name: public}], labels: {team: web}`),
		refused:  solver(`tlsALPN01: {gatewayTLSRoute: {parentRefs: [{name: public}]}}, http01: {ingress: {}}`),
	}, {
		name: "routes TLS through something", field: "spec.acme.solvers[].tlsALPN01.gatewayTLSRoute", message: "Required value",
		accepted: tlsRoute(`parentRefs: [{name: public}]`),
		refused:  solver(`tlsALPN01: {}`),
	}, {
		name: "wants a Gateway for TLS", field: "spec.acme.solvers[].tlsALPN01.gatewayTLSRoute.parentRefs", message: "should have at least 1 items",
		accepted: tlsRoute(`parentRefs: [{name: public}]`),
		refused:  tlsRoute(`parentRefs: []`),
	}, {
		name: "limits the Gateways for TLS", field: "spec.acme.solvers[].tlsALPN01.gatewayTLSRoute.parentRefs", message: "must have at most 32 items",
		accepted: tlsRoute(`parentRefs: [` + repeat(`{name: public},`, 32) + `]`),
		refused:  tlsRoute(`parentRefs: [` + repeat(`{name: public},`, 33) + `]`),
	}, {
		name: "knows two types of challenges for records", field: "spec.acme.solvers[].dns01.challenge", message: "supported values",
		accepted: dns01(`challenge: dns-account-01, ` + acmeDNS),
		refused:  dns01(`challenge: dns-02, ` + acmeDNS),
	}, {
		name: "answers in one way", field: "spec.acme.solvers[]", message: "a solver answers in exactly one way",
		accepted: dns01(acmeDNS),
		refused:  solver(`http01: {ingress: {}}, dns01: {` + acmeDNS + `}`),
	}, {
		name: "waits for a time that is one", field: "spec.acme.solvers[].waitInsteadOfSelfCheck", message: "waitInsteadOfSelfCheck must be 0s or more",
		accepted: solver(`http01: {ingress: {}}, waitInsteadOfSelfCheck: 0s`),
		refused:  solver(`http01: {ingress: {}}, waitInsteadOfSelfCheck: -1s`),
	}, {
		name: "routes in one way", field: "spec.acme.solvers[].http01", message: "an http01 solver routes in exactly one way",
		accepted: solver(`http01: {gatewayHTTPRoute: {parentRefs: [{name: a}]}}`),
		refused:  solver(`http01: {gatewayHTTPRoute: {}, ingress: {}}`),
	}, {
		name: "wants a way to route", field: "spec.acme.solvers[].http01", message: "an http01 solver routes in exactly one way",
		accepted: solver(`http01: {gatewayHTTPRoute: {}}`),
		refused:  solver(`http01: {}`),
	}, {
		name: "finds the ingress in one way", field: "spec.acme.solvers[].http01.ingress", message: "the ingress is found in one way",
		accepted: ingress(`class: nginx, name: ""`),
		refused:  ingress(`class: nginx, ingressClassName: nginx`),
	}, {
		name: "finds an ingress by name or class", field: "spec.acme.solvers[].http01.ingress", message: "the ingress is found in one way",
		accepted: ingress(`name: a`),
		refused:  ingress(`name: a, ingressClassName: nginx`),
	}, {
		name: "has a template for pods only", field: "spec.acme.solvers[].http01.ingress", message: "a podTemplate is for pods",
		accepted: ingress(`podTemplate: {}, solver: Pod`),
		refused:  ingress(`podTemplate: {}, solver: Shared`),
	}, {
		name: "has a template for pods behind a route only", field: "spec.acme.solvers[].http01.gatewayHTTPRoute", message: "a podTemplate is for pods",
		accepted: solver(`http01: {gatewayHTTPRoute: {podTemplate: {}}}`),
		refused:  solver(`http01: {gatewayHTTPRoute: {podTemplate: {}, solver: Shared}}`),
	}, {
		name: "knows what can answer", field: "spec.acme.solvers[].http01.ingress.solver", message: "supported values",
		accepted: ingress(`solver: Shared`),
		refused:  ingress(`solver: Daemon`),
	}, {
		name: "knows two types of Services", field: "spec.acme.solvers[].http01.ingress.serviceType", message: "supported values",
		accepted: ingress(`serviceType: ClusterIP`),
		refused:  ingress(`serviceType: LoadBalancer`),
	}, {
		name: "wants a DNS provider", field: "spec.acme.solvers[].dns01", message: "a dns01 solver has exactly one provider",
		accepted: dns01(`webhook: {groupName: a.example.com, solverName: b, config: [1, {c: d}]}`),
		refused:  dns01(`cnameStrategy: Follow`),
	}, {
		name: "has one DNS provider", field: "spec.acme.solvers[].dns01", message: "a dns01 solver has exactly one provider",
		accepted: dns01(`digitalocean: {tokenSecretRef: {name: a, key: b}}`),
		refused:  dns01(`digitalocean: {tokenSecretRef: {name: a}}, ` + acmeDNS),
	}, {
		name: "counts a provider by name", field: "spec.acme.solvers[].dns01", message: "a dns01 solver has exactly one provider",
		accepted: dns01(`provider: {name: hetzner, secretRef: {name: a}, config: {HETZNER_TTL: "60"}}`),
		refused:  dns01(`provider: {name: hetzner}, ` + acmeDNS),
	}, {
		name: "wants settings of a provider by their names", field: "spec.acme.solvers[].dns01.provider.config", message: "a setting has a name in capital letters",
		accepted: dns01(`provider: {name: pdns, config: {PDNS_API_URL: "https://dns.example.com"}}`),
		refused:  dns01(`provider: {name: pdns, config: {apiURL: "https://dns.example.com"}}`),
	}, {
		name: "knows the names of providers", field: "spec.acme.solvers[].dns01.provider.name", message: "supported values",
		accepted: dns01(`provider: {name: gandiv5}`),
		refused:  dns01(`provider: {name: ../Gandi}`),
	}, {
		name: "wants name servers with a port", field: "spec.acme.solvers[].dns01.nameservers[]", message: "write a name server as host:port",
		accepted: dns01(acmeDNS + `, nameservers: ["192.0.2.53:53", "[2001:db8::53]:53", "ns.example:53"]`),
		refused:  dns01(acmeDNS + `, nameservers: ["192.0.2.53"]`),
	}, {
		name: "wants name servers that are not bare IPv6 addresses", field: "spec.acme.solvers[].dns01.nameservers[]", message: "write a name server as host:port",
		accepted: dns01(acmeDNS + `, nameservers: []`),
		refused:  dns01(acmeDNS + `, nameservers: ["2001:db8::53:53"]`),
	}, {
		name: "wants all of an Azure service principal", field: "spec.acme.solvers[].dns01.azureDNS", message: "a service principal needs all of clientID",
		accepted: dns01(`azureDNS: {` + azure + `, ` + servicePrincipal + `}`),
		refused:  dns01(`azureDNS: {` + azure + `, clientID: c}`),
	}, {
		name: "signs in to Azure in one way", field: "spec.acme.solvers[].dns01.azureDNS", message: "sign in either as a managed identity or as a service principal",
		accepted: dns01(`azureDNS: {` + azure + `, managedIdentity: {clientID: c, tenantID: t}}`),
		refused:  dns01(`azureDNS: {` + azure + `, managedIdentity: {clientID: c}, ` + servicePrincipal + `}`),
	}, {
		name: "names an Azure identity in one way", field: "spec.acme.solvers[].dns01.azureDNS.managedIdentity", message: "resourceID says all about the identity",
		accepted: dns01(`azureDNS: {` + azure + `, managedIdentity: {resourceID: r}}`),
		refused:  dns01(`azureDNS: {` + azure + `, managedIdentity: {resourceID: r, clientID: c}}`),
	}, {
		name: "wants a Cloudflare credential", field: "spec.acme.solvers[].dns01.cloudflare", message: "Cloudflare needs one credential",
		accepted: dns01(`cloudflare: {apiTokenSecretRef: {name: a}}`),
		refused:  dns01(`cloudflare: {email: a@example.com}`),
	}, {
		name: "wants the address of a Cloudflare key", field: "spec.acme.solvers[].dns01.cloudflare", message: "a Cloudflare API key belongs to an account",
		accepted: dns01(`cloudflare: {email: a@example.com, apiKeySecretRef: {name: a}}`),
		refused:  dns01(`cloudflare: {apiKeySecretRef: {name: a}}`),
	}, {
		name: "wants a TSIG key with its name", field: "spec.acme.solvers[].dns01.rfc2136", message: "updates are signed with a key and its name",
		accepted: dns01(`rfc2136: {` + rfc2136 + `, tsigKeyName: a, tsigSecretSecretRef: {name: a}}`),
		refused:  dns01(`rfc2136: {` + rfc2136 + `, tsigKeyName: a}`),
	}, {
		name: "wants a known TSIG algorithm", field: "spec.acme.solvers[].dns01.rfc2136", message: "tsigAlgorithm must be one of",
		accepted: dns01(`rfc2136: {` + rfc2136 + `, tsigAlgorithm: hmacSHA512}`),
		refused:  dns01(`rfc2136: {` + rfc2136 + `, tsigAlgorithm: SHA256}`),
	}, {
		name: "takes one ID of an AWS access key", field: "spec.acme.solvers[].dns01.route53", message: "the access key's ID is given twice",
		accepted: dns01(`route53: {accessKeyIDSecretRef: {name: a}, secretAccessKeySecretRef: {name: a}}`),
		refused:  dns01(`route53: {accessKeyIDSecretRef: {name: a}, accessKeyID: b, secretAccessKeySecretRef: {name: a}}`),
	}, {
		name: "wants the secret of an AWS access key", field: "spec.acme.solvers[].dns01.route53", message: "an access key has an ID and a secret",
		accepted: dns01(`route53: {accessKeyID: b, secretAccessKeySecretRef: {name: a}}`),
		refused:  dns01(`route53: {accessKeyID: b}`),
	}, {
		name: "signs in to AWS in one way", field: "spec.acme.solvers[].dns01.route53", message: "sign in either with auth or with an access key",
		accepted: dns01(`route53: {role: r, auth: {kubernetes: {serviceAccountRef: {name: a}}}}`),
		refused:  dns01(`route53: {auth: {kubernetes: {serviceAccountRef: {name: a}}}, accessKeyID: b, secretAccessKeySecretRef: {name: a}}`),
	}, {
		name: "keeps .. out of Vault's path", field: "spec.vault.path", message: "write the path without .. in it, such as pki_int/sign/web",
		accepted: `spec: {vault: {server: "https://vault.example", path: a..b/sign/web, auth: {tokenSecretRef: {name: a}}}}`,
		refused:  `spec: {vault: {server: "https://vault.example", path: pki/../sys, auth: {tokenSecretRef: {name: a}}}}`,
	}, {
		name: "takes one CA bundle for Vault", field: "spec.vault", message: "the CA certificates are given twice",
		accepted: vault(`caBundleSecretRef: {name: a}`),
		refused:  vault(`caBundleSecretRef: {name: a}, caBundle: Y2E=`),
	}, {
		name: "wants the key of a client certificate", field: "spec.vault", message: "a client certificate needs its key",
		accepted: vault(`clientCertSecretRef: {name: a}, clientKeySecretRef: {name: a}`),
		refused:  vault(`clientCertSecretRef: {name: a}`),
	}, {
		name: "wants a way to sign in to Vault", field: "spec.vault.auth", message: "sign in to Vault in exactly one way",
		accepted: vaultAuth(`clientCertificate: {}`),
		refused:  vaultAuth(``),
	}, {
		name: "signs in to Vault in one way", field: "spec.vault.auth", message: "sign in to Vault in exactly one way",
		accepted: vaultAuth(`aws: {role: r}`),
		refused:  vaultAuth(`aws: {role: r}, tokenSecretRef: {name: a}`),
	}, {
		name: "keeps .. out of the AppRole path", field: "spec.vault.auth.appRole.path", message: "without .. in it",
		accepted: vaultAuth(`appRole: {path: "", roleId: r, secretRef: {name: a}}`),
		refused:  vaultAuth(`appRole: {path: .., roleId: r, secretRef: {name: a}}`),
	}, {
		name: "keeps .. out of the certificate method's path", field: "spec.vault.auth.clientCertificate.mountPath", message: "write the mount path without .. in it",
		accepted: vaultAuth(`clientCertificate: {mountPath: /v1/auth/cert}`),
		refused:  vaultAuth(`clientCertificate: {mountPath: /v1/../cert}`),
	}, {
		name: "keeps .. out of the Kubernetes method's path", field: "spec.vault.auth.kubernetes.mountPath", message: "write the mount path without .. in it",
		accepted: vaultAuth(`kubernetes: {role: r, serviceAccountRef: {name: a}, mountPath: /v1/auth/a}`),
		refused:  vaultAuth(`kubernetes: {role: r, serviceAccountRef: {name: a}, mountPath: /v1/auth/..}`),
	}, {
		name: "keeps .. out of the AWS method's path", field: "spec.vault.auth.aws.mountPath", message: "write the mount path without .. in it",
		accepted: vaultAuth(`aws: {role: r, mountPath: /v1/auth/aws}`),
		refused:  vaultAuth(`aws: {role: r, mountPath: ../auth}`),
	}, {
		name: "takes one token for the Kubernetes method", field: "spec.vault.auth.kubernetes", message: "the Kubernetes method needs one token",
		accepted: vaultAuth(`kubernetes: {role: r, secretRef: {name: a}}`),
		refused:  vaultAuth(`kubernetes: {role: r}`),
	},
}

var _ = Describe("An Issuer", func() {
	describeRules(issuers, issuerRules)
})

var _ = Describe("A ClusterIssuer", func() {
	describeRules(clusterIssuers, issuerRules)
})
