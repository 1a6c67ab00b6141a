package admission

import (
	. "github.com/onsi/ginkgo/v2"

	v1 "github.com/certwright/certwright/api/v1"
)

var certificates = kind{
	GroupVersionKind: names.GroupVersion.WithKind(v1.CertificateKind),
	plain:            `spec: {secretName: tls, issuerRef: {name: ca}, dnsNames: [a.example.com]}`,
}

var certificateRules = []rule{
	{
		name: "needs a name", field: "spec", message: "the certificate needs a name",
		accepted: `spec: {dnsNames: null, ipAddresses: [192.0.2.1]}`,
		refused:  `spec: {dnsNames: []}`,
	}, {
		name: "takes an empty common name for none", field: "spec", message: "the certificate needs a name",
		accepted: `spec: {dnsNames: null, commonName: a}`,
		refused:  `spec: {dnsNames: null, commonName: ""}`,
	}, {
		name: "takes a literal subject for a name", field: "spec", message: "the certificate needs a name",
		accepted: `spec: {dnsNames: null, literalSubject: "CN=a"}`,
		refused:  `spec: {dnsNames: null, literalSubject: ""}`,
	}, {
		name: "refuses a literal subject beside a common name", field: "spec", message: "literalSubject is the whole subject",
		accepted: `spec: {literalSubject: "CN=a,O=b"}`,
		refused:  `spec: {literalSubject: "CN=a,O=b", commonName: a}`,
	}, {
		name: "refuses a literal subject beside a subject", field: "spec", message: "literalSubject is the whole subject",
		accepted: `spec: {subject: {organizations: [b]}}`,
		refused:  `spec: {literalSubject: "CN=a,O=b", subject: {organizations: [b]}}`,
	}, {
		name: "limits the common name to 64 characters", field: "spec.commonName", message: "commonName is limited to 64 characters: write longer names into dnsNames",
		accepted: `spec: {commonName: ` + repeat("ä", 64) + `}`,
		refused:  `spec: {commonName: ` + repeat("a", 65) + `}`,
	}, {
		name: "wants the name of a Secret", field: "spec.secretName", message: "secretName must be the name of a Secret",
		accepted: `spec: {secretName: a.b-c}`,
		refused:  `spec: {secretName: A_b}`,
	}, {
		name: "wants a duration of at least 1h", field: "spec.duration", message: "duration must be at least 1h: write hours, minutes and seconds, such as 2160h",
		accepted: `spec: {duration: 60m0.5s}`,
		refused:  `spec: {duration: 59m59s}`,
	}, {
		name: "wants a duration without days", field: "spec.duration", message: "duration must be at least 1h",
		accepted: `spec: {duration: 2160h0m0s}`,
		refused:  `spec: {duration: 90d}`,
	}, {
		name: "wants to renew at least 5m ahead", field: "spec.renewBefore", message: "renewBefore must be at least 5m",
		accepted: `spec: {renewBefore: 5m}`,
		refused:  `spec: {renewBefore: 4m59s}`,
	}, {
		name: "wants to renew within the duration", field: "spec", message: "renewBefore must be less than duration",
		accepted: `spec: {duration: 2h, renewBefore: 119m}`,
		refused:  `spec: {duration: 2h, renewBefore: 120m}`,
	}, {
		name: "wants to renew within the default duration", field: "spec", message: "renewBefore must be less than duration (2160h if it is not set)",
		accepted: `spec: {renewBefore: 2159h}`,
		refused:  `spec: {renewBefore: 2160h}`,
	}, {
		name: "takes one of renewBefore and renewBeforePercentage", field: "spec", message: "renewBefore and renewBeforePercentage say the same thing",
		accepted: `spec: {renewBeforePercentage: 30}`,
		refused:  `spec: {renewBefore: 1h, renewBeforePercentage: 30}`,
	}, {
		name: "counts the percentage from the end of the lifetime", field: "spec", message: "renewBeforePercentage is the part of the lifetime left at renewal",
		accepted: `spec: {duration: 1h, renewBeforePercentage: 9}`,
		refused:  `spec: {duration: 1h, renewBeforePercentage: 8}`,
	}, {
		name: "wants a percentage below 100", field: "spec.renewBeforePercentage", message: "less than or equal to 99",
		accepted: `spec: {renewBeforePercentage: 99}`,
		refused:  `spec: {renewBeforePercentage: 100}`,
	}, {
		name: "wants a percentage above 0", field: "spec.renewBeforePercentage", message: "greater than or equal to 1",
		accepted: `spec: {renewBeforePercentage: 1}`,
		refused:  `spec: {renewBeforePercentage: 0}`,
	}, {
		name: "keeps at least one revision", field: "spec.revisionHistoryLimit", message: "greater than or equal to 1",
		accepted: `spec: {revisionHistoryLimit: 1}`,
		refused:  `spec: {revisionHistoryLimit: 0}`,
	}, {
		name: "wants IP addresses", field: "spec.ipAddresses[]", message: "write an IPv4 or IPv6 address without zone",
		accepted: `spec: {ipAddresses: [192.0.2.1, "2001:db8::1"]}`,
		refused:  `spec: {ipAddresses: [192.0.2.1, 192.0.2.256]}`,
	}, {
		name: "wants known usages", field: "spec.usages[]", message: "supported values",
		accepted: `spec: {usages: [digital signature, s/mime, any]}`,
		refused:  `spec: {usages: [server_auth]}`,
	}, {
		name: "wants both parts of an other name", field: "spec.otherNames[]", message: "an otherName needs both oid",
		accepted: `spec: {otherNames: [{oid: 1.3.6.1.4.1.311.20.2.3, utf8Value: a@example.com}]}`,
		refused:  `spec: {otherNames: [{oid: 1.3.6.1.4.1.311.20.2.3}]}`,
	}, {
		name: "wants the OID of an other name in dotted form", field: "spec.otherNames[]", message: "an otherName needs both oid",
		accepted: `spec: {otherNames: [{oid: "2.5", utf8Value: a}]}`,
		refused:  `spec: {otherNames: [{oid: 1.3.06, utf8Value: a}]}`,
	}, {
		name: "limits names for CA certificates only", field: "spec", message: "nameConstraints are for CA certificates",
		accepted: `spec: {isCA: true, nameConstraints: {permitted: {dnsDomains: [example.com]}}}`,
		refused:  `spec: {nameConstraints: {permitted: {dnsDomains: [example.com]}}}`,
	}, {
		name: "wants limits in name constraints", field: "spec.nameConstraints", message: "nameConstraints limit nothing",
		accepted: `spec: {isCA: true, nameConstraints: {critical: true, excluded: {dnsDomains: [example.com]}}}`,
		refused:  `spec: {isCA: true, nameConstraints: {critical: true}}`,
	}, {
		name: "wants networks to permit", field: "spec.nameConstraints.permitted.ipRanges[]", message: "write a network in CIDR form",
		accepted: `spec: {isCA: true, nameConstraints: {permitted: {ipRanges: [192.0.2.0/24]}}}`,
		refused:  `spec: {isCA: true, nameConstraints: {permitted: {ipRanges: [192.0.2.0]}}}`,
	}, {
		name: "wants networks to exclude", field: "spec.nameConstraints.excluded.ipRanges[]", message: "write a network in CIDR form",
		accepted: `spec: {isCA: true, nameConstraints: {excluded: {ipRanges: ["2001:db8::/32"]}}}`,
		refused:  `spec: {isCA: true, nameConstraints: {excluded: {ipRanges: ["2001:db8::/129"]}}}`,
	}, {
		name: "wants an RSA key of 2048 to 8192 bits", field: "spec.privateKey", message: "an RSA key has 2048 to 8192 bits",
		accepted: `spec: {privateKey: {size: 3072}}`,
		refused:  `spec: {privateKey: {size: 1024}}`,
	}, {
		name: "wants an ECDSA key on a curve that exists", field: "spec.privateKey", message: "an ECDSA key has 256, 384 or 521 bits",
		accepted: `spec: {privateKey: {algorithm: ECDSA, size: 521}}`,
		refused:  `spec: {privateKey: {algorithm: ECDSA, size: 512}}`,
	}, {
		name: "ignores the size of an Ed25519 key", field: "spec.privateKey.algorithm", message: "supported values",
		accepted: `spec: {privateKey: {algorithm: Ed25519, size: 1}}`,
		refused:  `spec: {privateKey: {algorithm: DSA}}`,
	}, {
		name: "wants a signature that fits the default key", field: "spec", message: "signatureAlgorithm must fit privateKey.algorithm",
		accepted: `spec: {signatureAlgorithm: SHA512WithRSA}`,
		refused:  `spec: {signatureAlgorithm: ECDSAWithSHA256}`,
	}, {
		name: "wants a signature that fits the key", field: "spec", message: "signatureAlgorithm must fit privateKey.algorithm",
		accepted: `spec: {signatureAlgorithm: PureEd25519, privateKey: {algorithm: Ed25519}}`,
		refused:  `spec: {signatureAlgorithm: SHA256WithRSA, privateKey: {algorithm: ECDSA}}`,
	}, {
		name: "takes one password for a JKS keystore", field: "spec.keystores.jks", message: "a JKS keystore needs one password",
		accepted: `spec: {keystores: {jks: {create: true, passwordSecretRef: {name: a}}}}`,
		refused:  `spec: {keystores: {jks: {create: true, passwordSecretRef: {name: a}, password: b}}}`,
	}, {
		name: "wants a password for a JKS keystore", field: "spec.keystores.jks", message: "set either passwordSecretRef or password",
		accepted: `spec: {keystores: {jks: {create: true, password: b}}}`,
		refused:  `spec: {keystores: {jks: {create: true}}}`,
	}, {
		name: "takes one password for a PKCS#12 keystore", field: "spec.keystores.pkcs12", message: "a PKCS#12 keystore needs one password",
		accepted: `spec: {keystores: {pkcs12: {create: true, password: b, profile: Modern2023}}}`,
		refused:  `spec: {keystores: {pkcs12: {create: true, passwordSecretRef: {name: a}, password: b}}}`,
	}, {
		name: "wants a password that is not empty", field: "spec.keystores.pkcs12.password", message: "at least 1 chars",
		accepted: `spec: {keystores: {pkcs12: {create: true, passwordSecretRef: {name: a, key: b}}}}`,
		refused:  `spec: {keystores: {pkcs12: {create: true, password: ""}}}`,
	}, {
		name: "takes each output format once", field: "spec.additionalOutputFormats", message: "additionalOutputFormats names a type twice",
		accepted: `spec: {additionalOutputFormats: [{type: DER}, {type: CombinedPEM}]}`,
		refused:  `spec: {additionalOutputFormats: [{type: DER}, {type: DER}]}`,
	}, {
		name: "keeps the operator's annotations out of the Secret's template", field: "spec.secretTemplate.annotations", message: "annotations of certwright.dev on the Secret are the operator's own",
		accepted: `spec: {secretTemplate: {annotations: {certwright.dev/allow-direct-injection: "true", example.com/a: b}}}`,
		refused:  `spec: {secretTemplate: {annotations: {certwright.dev/certificate-name: b}}}`,
	}, {
		name: "keeps annotations of the acme group out of it too", field: "spec.secretTemplate.annotations", message: "annotations of certwright.dev on the Secret are the operator's own",
		accepted: `spec: {secretTemplate: {labels: {certwright.dev/a: b}}}`,
		refused:  `spec: {secretTemplate: {annotations: {acme.certwright.dev/a: b}}}`,
	}, {
		name: "refuses windows for what is never renewed", field: "spec.renewal", message: "windows mean nothing",
		accepted: `spec: {renewal: {policy: RenewBefore, windows: [{cron: "0 2 * * *", windowDuration: 4h, timezone: Europe/Berlin}]}}`,
		refused:  `spec: {renewal: {policy: Disabled, windows: [{cron: "0 2 * * *", windowDuration: 4h}]}}`,
	}, {
		name: "wants windows to last", field: "spec.renewal.windows[].windowDuration", message: "windowDuration must be more than 0s",
		accepted: `spec: {renewal: {windows: [{cron: "0 2 * * *", windowDuration: 1s}]}}`,
		refused:  `spec: {renewal: {windows: [{cron: "0 2 * * *", windowDuration: 0h0m0s}]}}`,
	}, {
		name: "wants windows to have a time", field: "spec.renewal.windows[].cron", message: "at least 1 chars",
		accepted: `spec: {renewal: {policy: Disabled, windows: []}}`,
		refused:  `spec: {renewal: {windows: [{cron: "", windowDuration: 4h}]}}`,
	}, {
		name: "wants the name of an issuer", field: "spec.issuerRef.name", message: "at least 1 chars",
		accepted: `spec: {issuerRef: {name: a, kind: "", group: ""}}`,
		refused:  `spec: {issuerRef: {name: ""}}`,
	}, {
		name: "knows the issuer kinds of its own group", field: "spec.issuerRef", message: "certwright.dev has the kinds Issuer and ClusterIssuer",
		accepted: `spec: {issuerRef: {name: a, kind: ClusterIssuer, group: certwright.dev}}`,
		refused:  `spec: {issuerRef: {name: a, kind: Isuer}}`,
	}, {
		name: "leaves the kinds of other groups alone", field: "spec.issuerRef", message: "certwright.dev has the kinds Issuer and ClusterIssuer",
		accepted: `spec: {issuerRef: {name: a, kind: AWSPCAIssuer, group: awspca.example.com}}`,
		refused:  `spec: {issuerRef: {name: a, kind: AWSPCAIssuer, group: certwright.dev}}`,
	}, {
		name: "knows the kinds of fallback issuers", field: "spec.fallbackIssuerRefs[]", message: "certwright.dev has the kinds Issuer and ClusterIssuer",
		accepted: `spec: {fallbackIssuerRefs: [{name: b, kind: ClusterIssuer}, {name: b, kind: Other, group: example.com}]}`,
		refused:  `spec: {fallbackIssuerRefs: [{name: b, kind: Other}]}`,
	}, {
		name: "takes another issuer for a fallback", field: "spec", message: "fallbackIssuerRefs names the issuer of issuerRef",
		accepted: `spec: {fallbackIssuerRefs: [{name: ca, kind: ClusterIssuer}, {name: ca, group: example.com}]}`,
		refused:  `spec: {fallbackIssuerRefs: [{name: b}, {name: ca}]}`,
	}, {
		name: "sees through the defaults of a fallback", field: "spec", message: "fallbackIssuerRefs names the issuer of issuerRef",
		accepted: `spec: {issuerRef: {name: a, kind: Issuer, group: ""}, fallbackIssuerRefs: [{name: ca}]}`,
		refused:  `spec: {issuerRef: {name: ca, kind: "", group: certwright.dev}, fallbackIssuerRefs: [{name: ca, kind: Issuer}]}`,
	}, {
		name: "takes each fallback once", field: "spec.fallbackIssuerRefs", message: "fallbackIssuerRefs names an issuer twice",
		accepted: `spec: {fallbackIssuerRefs: [{name: b}, {name: b, kind: ClusterIssuer}]}`,
		refused:  `spec: {fallbackIssuerRefs: [{name: b}, {name: b, kind: Issuer, group: certwright.dev}]}`,
	}, {
		name: "takes up to eight fallbacks", field: "spec.fallbackIssuerRefs", message: "must have at most 8 items",
		accepted: `spec: {fallbackIssuerRefs: [{name: a}, {name: b}, {name: c}, {name: d}, {name: e}, {name: f}, {name: g}, {name: h}]}`,
		refused:  `spec: {fallbackIssuerRefs: [{name: a}, {name: b}, {name: c}, {name: d}, {name: e}, {name: f}, {name: g}, {name: h}, {name: i}]}`,
	}, {
		name: "keeps the issuers that failed as the spec may name them", field: "status.issuers[].issuerRef", message: "certwright.dev has the kinds Issuer and ClusterIssuer",
		before:   `status: {}`,
		accepted: `status: {issuers: [{issuerRef: {name: a, kind: Other, group: example.com}}]}`,
		refused:  `status: {issuers: [{issuerRef: {name: a, kind: Other}}]}`,
	}, {
		name: "keeps the issuer of an attempt as the spec may name it", field: "status.issuance.issuerRef", message: "certwright.dev has the kinds Issuer and ClusterIssuer",
		before:   `status: {}`,
		accepted: `status: {issuance: {issuerRef: {name: a, kind: ClusterIssuer}}}`,
		refused:  `status: {issuance: {issuerRef: {name: a, kind: Other}}}`,
	},
}

var _ = Describe("A Certificate", func() {
	describeRules(certificates, certificateRules)
})
