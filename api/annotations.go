package api

// Annotations are the keys of the annotations that the operator writes or reads. "Source" below means an
// Ingress, Gateway or ListenerSet that certificates are made for.
type Annotations struct {
	// Issuer on a source names the Issuer to ask.
	Issuer string
	// ClusterIssuer on a source names the ClusterIssuer to ask; it excludes Issuer, IssuerKind and IssuerGroup.
	ClusterIssuer string
	// IssuerName on a target Secret says which issuer signed it.
	IssuerName string
	// IssuerKind is the issuer's kind, on a source and on a target Secret.
	IssuerKind string
	// IssuerGroup is the issuer's API group, on a source and on a target Secret.
	IssuerGroup string

	// CommonName is the subject's common name, on a source and on a target Secret.
	CommonName string
	// AltNames are DNS names, comma separated, on a source (in addition to its hosts) and on a target Secret.
	AltNames string
	// IPSANs are IP addresses, comma separated, on a source and on a target Secret.
	IPSANs string
	// URISANs are URIs, comma separated, on a source and on a target Secret.
	URISANs string
	// EmailSANs are e-mail addresses, comma separated, on a source and on a target Secret.
	EmailSANs string
	// Subject has the keys of the subject's other attributes, on a source and on a target Secret.
	Subject SubjectAnnotations

	// Duration on a source becomes spec.duration.
	Duration string
	// RenewBefore on a source becomes spec.renewBefore.
	RenewBefore string
	// RenewBeforePercentage on a source becomes spec.renewBeforePercentage.
	RenewBeforePercentage string
	// Usages on a source, comma separated, become spec.usages.
	Usages string
	// RevisionHistoryLimit on a source becomes spec.revisionHistoryLimit.
	RevisionHistoryLimit string
	// PrivateKeyAlgorithm on a source becomes spec.privateKey.algorithm.
	PrivateKeyAlgorithm string
	// PrivateKeyEncoding on a source becomes spec.privateKey.encoding.
	PrivateKeyEncoding string
	// PrivateKeySize on a source becomes spec.privateKey.size.
	PrivateKeySize string
	// PrivateKeyRotationPolicy on a source becomes spec.privateKey.rotationPolicy.
	PrivateKeyRotationPolicy string
	// SecretTemplate on a source, as JSON, becomes spec.secretTemplate.
	SecretTemplate string
	// IgnoreTLSListeners on a Gateway or ListenerSet names listeners to leave out, comma separated.
	IgnoreTLSListeners string

	// Source on a Certificate is a SourceMark of the source that it was made for. Only a Certificate with it is
	// deleted when its source does not ask for it any more.
	Source string
	// SourceLabels on a Certificate lists the keys of the labels that came from its source, comma separated, so
	// that those go that the source has no more, and those stay that others added.
	SourceLabels string
	// SourceProblem on a Certificate says why its source, as it is now, is not followed. The certificate
	// reconciler tells it in a condition.
	SourceProblem string

	// IssueTemporaryCertificate ("true") on a Certificate asks for a throwaway certificate until the real
	// one is there.
	IssueTemporaryCertificate string
	// CertificateName on a target Secret and on a CertificateRequest names the Certificate it belongs to.
	CertificateName string
	// CertificateRevision on a CertificateRequest and an Order is the revision it works towards.
	CertificateRevision string
	// PrivateKeySecretName on a CertificateRequest names the Secret with the request's private key.
	PrivateKeySecretName string
	// Applied on a target Secret lists, as JSON, what the operator put there beyond the certificate itself
	// (template labels and annotations, keystores, further formats), so that it can take away what the spec
	// no longer asks for and leave what others added.
	Applied string
	// Issued on a target Secret is the operator's sealed note that it got this certificate issued for this
	// Certificate. Without it, a certificate is not revoked.
	Issued string
	// AllowDirectInjection ("true") on a Secret lets CA injectors read its ca.crt. It is the one key of the
	// group that a secretTemplate may set.
	AllowDirectInjection string
	// KnownCertificates on a workload that is restarted on renewal has, as JSON, a digest of each certificate
	// that its pods are known to have read.
	KnownCertificates string
	// CertificatesHash on a workload's pod template changes with its certificates, so that its pods are
	// replaced.
	CertificatesHash string

	// ACME has the keys of the acme group.
	ACME ACMEAnnotations
}

// SubjectAnnotations are the keys for attributes of the subject, comma separated where there can be many.
type SubjectAnnotations struct {
	Organizations       string
	OrganizationalUnits string
	Countries           string
	Provinces           string
	Localities          string
	PostalCodes         string
	StreetAddresses     string
	SerialNumber        string
}

// ACMEAnnotations are the keys of the acme group.
type ACMEAnnotations struct {
	// RotateAccountKey on an issuer asks for a new key of its ACME account, once for each value; on the
	// account key's Secret it is the value that the key was made for.
	RotateAccountKey string
	// IgnoreLimits ("true") on a Certificate or an Order has it ordered although certificates for exactly its
	// names were issued too often.
	IgnoreLimits string
	// Directory and Account on a Secret with the limits of an account tell people whose they are.
	Directory, Account string

	// ChallengeNamespace on a ReferenceGrant of ours is the namespace whose challenges it is for.
	ChallengeNamespace string

	// EditInPlace ("true") on an Ingress answers by editing that Ingress instead of making another.
	EditInPlace string
	// IngressClass on an Ingress becomes OverrideIngressClass on its Certificate.
	IngressClass string
	// IngressClassName on an Ingress becomes OverrideIngressClassName on its Certificate.
	IngressClassName string

	// OverrideIngressName on a Certificate replaces the solver's ingress.name. At most one of the three
	// overrides may be set.
	OverrideIngressName string
	// OverrideIngressClass on a Certificate replaces the solver's ingress.class.
	OverrideIngressClass string
	// OverrideIngressClassName on a Certificate replaces the solver's ingress.ingressClassName.
	OverrideIngressClassName string

	// ParentRefName on a Certificate names the parent that solver HTTPRoutes attach to; needs ParentRefKind.
	ParentRefName string
	// ParentRefKind on a Certificate is that parent's kind.
	ParentRefKind string
	// ParentRefNamespace on a Certificate is that parent's namespace.
	ParentRefNamespace string
	// ParentRefFallback ("true") on a ListenerSet attaches solver HTTPRoutes to its parent Gateway.
	ParentRefFallback string
}

func annotationsFor(group, acmeGroup string) Annotations {
	key := func(name string) string { return group + "/" + name }
	return Annotations{
		Issuer:        key("issuer"),
		ClusterIssuer: key("cluster-issuer"),
		IssuerName:    key("issuer-name"),
		IssuerKind:    key("issuer-kind"),
		IssuerGroup:   key("issuer-group"),

		CommonName: key("common-name"),
		AltNames:   key("alt-names"),
		IPSANs:     key("ip-sans"),
		URISANs:    key("uri-sans"),
		EmailSANs:  key("email-sans"),
		Subject:    subjectAnnotationsFor(group),

		Duration:                 key("duration"),
		RenewBefore:              key("renew-before"),
		RenewBeforePercentage:    key("renew-before-percentage"),
		Usages:                   key("usages"),
		RevisionHistoryLimit:     key("revision-history-limit"),
		PrivateKeyAlgorithm:      key("private-key-algorithm"),
		PrivateKeyEncoding:       key("private-key-encoding"),
		PrivateKeySize:           key("private-key-size"),
		PrivateKeyRotationPolicy: key("private-key-rotation-policy"),
		SecretTemplate:           key("secret-template"),
		IgnoreTLSListeners:       key("ignore-tls-listeners"),

		Source:        key("source"),
		SourceLabels:  key("source-labels"),
		SourceProblem: key("source-problem"),

		IssueTemporaryCertificate: key("issue-temporary-certificate"),
		CertificateName:           key("certificate-name"),
		CertificateRevision:       key("certificate-revision"),
		PrivateKeySecretName:      key("private-key-secret-name"),
		Applied:                   key("applied"),
		Issued:                    key("issued"),
		AllowDirectInjection:      key("allow-direct-injection"),
		KnownCertificates:         key("known-certificates"),
		CertificatesHash:          key("certificates-hash"),

		ACME: acmeAnnotationsFor(acmeGroup),
	}
}

func subjectAnnotationsFor(group string) SubjectAnnotations {
	key := func(name string) string { return group + "/subject-" + name }
	return SubjectAnnotations{
		Organizations:       key("organizations"),
		OrganizationalUnits: key("organizationalunits"),
		Countries:           key("countries"),
		Provinces:           key("provinces"),
		Localities:          key("localities"),
		PostalCodes:         key("postalcodes"),
		StreetAddresses:     key("streetaddresses"),
		SerialNumber:        key("serialnumber"),
	}
}

func acmeAnnotationsFor(acmeGroup string) ACMEAnnotations {
	key := func(name string) string { return acmeGroup + "/http01-" + name }
	return ACMEAnnotations{
		RotateAccountKey: acmeGroup + "/rotate-account-key",
		IgnoreLimits:     acmeGroup + "/ignore-limits",
		Directory:        acmeGroup + "/directory",
		Account:          acmeGroup + "/account",

		ChallengeNamespace: acmeGroup + "/challenge-namespace",

		EditInPlace:      key("edit-in-place"),
		IngressClass:     key("ingress-class"),
		IngressClassName: key("ingress-ingressclassname"),

		OverrideIngressName:      key("override-ingress-name"),
		OverrideIngressClass:     key("override-ingress-class"),
		OverrideIngressClassName: key("override-ingress-ingressclassname"),

		ParentRefName:      key("parentrefname"),
		ParentRefKind:      key("parentrefkind"),
		ParentRefNamespace: key("parentrefnamespace"),
		ParentRefFallback:  key("parentreffallback"),
	}
}
