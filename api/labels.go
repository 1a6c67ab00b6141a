package api

// Labels are the keys of the labels that the operator writes or reads.
type Labels struct {
	// Managed ("true") marks a Secret for the operator's attention: every Secret it manages has it, and a
	// user may add it to the credentials an issuer names. Only labelled Secrets are cached.
	Managed string
	// NextPrivateKey ("true") marks the Secret that holds the key of an attempt under way.
	NextPrivateKey string
	// IssuedRecord ("true") marks the Secret that holds the certificates of a Certificate which may still
	// have to be revoked.
	IssuedRecord string
	// RestartOnRenewal ("true") on a Deployment, StatefulSet or DaemonSet has its pods replaced when a
	// certificate that they use changes. Only labelled workloads are cached.
	RestartOnRenewal string
	// RevocationList marks the Secrets of a ca issuer's revocation lists: RevocationLists the one that holds
	// them and may be mounted and served, RevocationListKeys the one that holds the keys that sign them.
	RevocationList string

	// HTTP01Solver ("true") marks what leads to the answer of an HTTP-01 challenge: Pod, Service, Ingress and HTTPRoute,
	// and the TLSRoute that leads to the answer of a TLS-ALPN-01 challenge.
	HTTP01Solver string
	// HTTP01Route carries, on an Ingress, HTTPRoute or TLSRoute of ours, what those that are routed alike have in common.
	HTTP01Route string
	// HTTPDomain carries a checksum of the name that such an object answers for.
	HTTPDomain string
	// HTTPToken carries a checksum of the token that such an object answers with.
	HTTPToken string
}

// Values of the label RevocationList.
const (
	RevocationLists    = "lists"
	RevocationListKeys = "keys"
)

func labelsFor(group, acmeGroup string) Labels {
	return Labels{
		Managed:          controllerPrefix + group + "/fao",
		NextPrivateKey:   group + "/next-private-key",
		IssuedRecord:     group + "/issued-record",
		HTTP01Solver:     acmeGroup + "/http01-solver",
		HTTP01Route:      acmeGroup + "/http01-route",
		HTTPDomain:       acmeGroup + "/http-domain",
		HTTPToken:        acmeGroup + "/http-token",
		RestartOnRenewal: group + "/restart-on-renewal",
		RevocationList:   group + "/revocation-list",
	}
}
