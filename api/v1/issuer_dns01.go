package v1

import (
	"k8s.io/apimachinery/pkg/runtime"
)

// DNS01Challenge is a type of challenge that a record of a provider answers.
//
// +kubebuilder:validation:Enum=dns-01;dns-account-01
type DNS01Challenge string

const (
	// DNSPlain01 has one record for everybody who asks for certificates for a name. It is the default.
	DNSPlain01 DNS01Challenge = "dns-01"
	// DNSAccount01 has a record for each ACME account, so that several clusters or clouds can each have a CNAME
	// record of their own (draft-ietf-acme-dns-account-label). Few CAs offer it.
	DNSAccount01 DNS01Challenge = "dns-account-01"
)

// DNSPersist01Solver relies on a TXT record that is published once.
type DNSPersist01Solver struct {
	// IssuerDomainName is the name of the CA that the record is to have, where it has several. The default is its
	// first.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	IssuerDomainName string `json:"issuerDomainName,omitempty"`
}

// CNAMEStrategy says what a CNAME record at the challenge's name means.
//
// +kubebuilder:validation:Enum=None;Follow
type CNAMEStrategy string

const (
	// CNAMENone writes the record at the challenge's own name. It is the default.
	CNAMENone CNAMEStrategy = "None"
	// CNAMEFollow writes the record at the target of the CNAME.
	CNAMEFollow CNAMEStrategy = "Follow"
)

// DNS01Solver answers DNS-01 challenges. Exactly one provider is set.
//
// +kubebuilder:validation:XValidation:rule="[has(self.acmeDNS), has(self.akamai), has(self.azureDNS), has(self.cloudDNS), has(self.cloudflare), has(self.digitalocean), has(self.provider), has(self.rfc2136), has(self.route53), has(self.webhook)].filter(set, set).size() == 1",message="a dns01 solver has exactly one provider: set one of acmeDNS, akamai, azureDNS, cloudDNS, cloudflare, digitalocean, provider, rfc2136, route53 and webhook; write a second solver for another"
type DNS01Solver struct {
	// Challenge is dns-01 (the default) or dns-account-01.
	// +optional
	Challenge DNS01Challenge `json:"challenge,omitempty"`

	// CNAMEStrategy is None (the default: write the record below the name itself) or Follow (write it at
	// the target of a CNAME record there).
	// +optional
	CNAMEStrategy CNAMEStrategy `json:"cnameStrategy,omitempty"`

	// Nameservers are the recursive resolvers, as host:port, for this solver's own look-ups. The default is
	// the operator's setting.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=280
	// +kubebuilder:validation:items:XValidation:rule="self.matches('^([^][:/ ]+|[[][0-9A-Fa-f:.]+[]]):[0-9]{1,5}$')",message="write a name server as host:port, such as 192.0.2.53:53 or [2001:db8::53]:53"
	// +optional
	Nameservers []string `json:"nameservers,omitempty"`

	// ACMEDNS uses an acme-dns server.
	// +optional
	ACMEDNS *ACMEDNSProvider `json:"acmeDNS,omitempty"`

	// Akamai uses Akamai Edge DNS.
	// +optional
	Akamai *AkamaiProvider `json:"akamai,omitempty"`

	// AzureDNS uses Azure DNS.
	// +optional
	AzureDNS *AzureDNSProvider `json:"azureDNS,omitempty"`

	// CloudDNS uses Google Cloud DNS.
	// +optional
	CloudDNS *CloudDNSProvider `json:"cloudDNS,omitempty"`

	// Cloudflare uses Cloudflare.
	// +optional
	Cloudflare *CloudflareProvider `json:"cloudflare,omitempty"`

	// DigitalOcean uses DigitalOcean.
	// +optional
	DigitalOcean *DigitalOceanProvider `json:"digitalocean,omitempty"`

	// Provider uses one of the many providers that have no field of their own here: docs/dns-providers.md
	// lists them with their settings.
	// +optional
	Provider *DNSProvider `json:"provider,omitempty"`

	// RFC2136 uses dynamic updates of DNS (RFC 2136), as BIND, Knot and PowerDNS take them.
	// +optional
	RFC2136 *RFC2136Provider `json:"rfc2136,omitempty"`

	// Route53 uses Amazon Route 53.
	// +optional
	Route53 *Route53Provider `json:"route53,omitempty"`

	// Webhook uses a provider that another program implements as an aggregated API.
	// +optional
	Webhook *WebhookProvider `json:"webhook,omitempty"`
}

// ACMEDNSProvider is an acme-dns server.
type ACMEDNSProvider struct {
	// Host is the URL of the server.
	// +kubebuilder:validation:MinLength=1
	Host string `json:"host"`

	// AccountSecretRef names the accounts: JSON that maps each domain to its acme-dns registration.
	AccountSecretRef SecretKeySelector `json:"accountSecretRef"`
}

// AkamaiProvider is Akamai Edge DNS.
type AkamaiProvider struct {
	// ServiceConsumerDomain is the host of the API, as the credentials name it.
	// +kubebuilder:validation:MinLength=1
	ServiceConsumerDomain string `json:"serviceConsumerDomain"`

	// ClientTokenSecretRef names the client token.
	ClientTokenSecretRef SecretKeySelector `json:"clientTokenSecretRef"`

	// ClientSecretSecretRef names the client secret.
	ClientSecretSecretRef SecretKeySelector `json:"clientSecretSecretRef"`

	// AccessTokenSecretRef names the access token.
	AccessTokenSecretRef SecretKeySelector `json:"accessTokenSecretRef"`
}

// AzureEnvironment is a cloud of Azure.
//
// +kubebuilder:validation:Enum=AzurePublicCloud;AzureChinaCloud;AzureGermanCloud;AzureUSGovernmentCloud
type AzureEnvironment string

// Clouds of Azure.
const (
	AzurePublicCloud       AzureEnvironment = "AzurePublicCloud"
	AzureChinaCloud        AzureEnvironment = "AzureChinaCloud"
	AzureGermanCloud       AzureEnvironment = "AzureGermanCloud"
	AzureUSGovernmentCloud AzureEnvironment = "AzureUSGovernmentCloud"
)

// AzureZoneType says whether a zone is public.
//
// +kubebuilder:validation:Enum=AzurePublicZone;AzurePrivateZone
type AzureZoneType string

// Types of Azure's zones.
const (
	AzurePublicZone  AzureZoneType = "AzurePublicZone"
	AzurePrivateZone AzureZoneType = "AzurePrivateZone"
)

// AzureDNSProvider is Azure DNS. With clientID, clientSecretSecretRef and tenantID it signs in as a service
// principal; with none of them, as the identity of the operator's Pod.
//
// +kubebuilder:validation:XValidation:rule="[has(self.clientID) && size(self.clientID) > 0, has(self.clientSecretSecretRef), has(self.tenantID) && size(self.tenantID) > 0].filter(set, set).size() in [0, 3]",message="a service principal needs all of clientID, clientSecretSecretRef and tenantID: set the missing ones or remove all three"
// +kubebuilder:validation:XValidation:rule="!has(self.managedIdentity) || !has(self.clientSecretSecretRef)",message="sign in either as a managed identity or as a service principal: remove managedIdentity, or clientID, clientSecretSecretRef and tenantID"
type AzureDNSProvider struct {
	// ClientID is the service principal's application ID. Needs clientSecretSecretRef and tenantID.
	// +optional
	ClientID string `json:"clientID,omitempty"`

	// ClientSecretSecretRef names the service principal's secret. Needs clientID and tenantID.
	// +optional
	ClientSecretSecretRef *SecretKeySelector `json:"clientSecretSecretRef,omitempty"`

	// TenantID is the service principal's tenant. Needs clientID and clientSecretSecretRef.
	// +optional
	TenantID string `json:"tenantID,omitempty"`

	// SubscriptionID is the subscription that the zone is in.
	// +kubebuilder:validation:MinLength=1
	SubscriptionID string `json:"subscriptionID"`

	// ResourceGroupName is the resource group that the zone is in.
	// +kubebuilder:validation:MinLength=1
	ResourceGroupName string `json:"resourceGroupName"`

	// HostedZoneName is the zone. The default is found by asking for the name's SOA record.
	// +optional
	HostedZoneName string `json:"hostedZoneName,omitempty"`

	// Environment is the cloud. The default is AzurePublicCloud.
	// +optional
	Environment AzureEnvironment `json:"environment,omitempty"`

	// ManagedIdentity picks one of several identities of the operator's Pod or its machine. Excludes the service principal's
	// fields.
	// +optional
	ManagedIdentity *AzureManagedIdentity `json:"managedIdentity,omitempty"`

	// ZoneType is AzurePublicZone (the default) or AzurePrivateZone.
	// +optional
	ZoneType AzureZoneType `json:"zoneType,omitempty"`
}

// AzureManagedIdentity picks an identity. At most one of clientID and resourceID is set.
//
// +kubebuilder:validation:XValidation:rule="!has(self.resourceID) || size(self.resourceID) == 0 || ((!has(self.clientID) || size(self.clientID) == 0) && (!has(self.tenantID) || size(self.tenantID) == 0))",message="resourceID says all about the identity: remove clientID and tenantID, or remove resourceID"
type AzureManagedIdentity struct {
	// ClientID of the identity.
	// +optional
	ClientID string `json:"clientID,omitempty"`

	// ResourceID of the identity, one of the machine's.
	// +optional
	ResourceID string `json:"resourceID,omitempty"`

	// TenantID of the identity, for workload identities. Excludes resourceID.
	// +optional
	TenantID string `json:"tenantID,omitempty"`
}

// CloudDNSProvider is Google Cloud DNS.
type CloudDNSProvider struct {
	// Project is the project that the zone is in.
	// +kubebuilder:validation:MinLength=1
	Project string `json:"project"`

	// ServiceAccountSecretRef names the service account's key in JSON. The default is the identity of the
	// operator's Pod.
	// +optional
	ServiceAccountSecretRef *SecretKeySelector `json:"serviceAccountSecretRef,omitempty"`

	// HostedZoneName is the managed zone's name. The default is found by asking for the name's SOA record.
	// +optional
	HostedZoneName string `json:"hostedZoneName,omitempty"`
}

// CloudflareProvider is Cloudflare. Exactly one of apiTokenSecretRef and apiKeySecretRef is set.
//
// +kubebuilder:validation:XValidation:rule="has(self.apiTokenSecretRef) != has(self.apiKeySecretRef)",message="Cloudflare needs one credential: set either apiTokenSecretRef or apiKeySecretRef"
// +kubebuilder:validation:XValidation:rule="!has(self.apiKeySecretRef) || (has(self.email) && size(self.email) > 0)",message="a Cloudflare API key belongs to an account: set email to its address, or use apiTokenSecretRef"
type CloudflareProvider struct {
	// Email is the account's address. Needed with apiKeySecretRef.
	// +optional
	Email string `json:"email,omitempty"`

	// APITokenSecretRef names a token that may edit the zone's records. Prefer it to a key.
	// +optional
	APITokenSecretRef *SecretKeySelector `json:"apiTokenSecretRef,omitempty"`

	// APIKeySecretRef names the account's global key. Needs email.
	// +optional
	APIKeySecretRef *SecretKeySelector `json:"apiKeySecretRef,omitempty"`
}

// DigitalOceanProvider is DigitalOcean.
type DigitalOceanProvider struct {
	// TokenSecretRef names an access token.
	TokenSecretRef SecretKeySelector `json:"tokenSecretRef"`
}

// DNSProvider is a provider of DNS by its name, with its settings under the names that the provider gives them.
// docs/dns-providers.md lists them. A setting that the provider does not know makes the issuer not ready.
type DNSProvider struct {
	// Name of the provider, such as hetzner, gandiv5 or httpreq.
	Name DNSProviderName `json:"name"`

	// SecretRef names the Secret with the credentials: each of its keys is a setting, such as
	// HETZNER_API_TOKEN. It is in the Issuer's namespace or, for a ClusterIssuer, in the operator's.
	// +optional
	SecretRef *SecretReference `json:"secretRef,omitempty"`

	// Config has settings that are not secret, such as HETZNER_TTL. Anyone who may read the issuer can read
	// them.
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule="self.all(key, key.size() <= 64 && key.matches('^[A-Z][A-Z0-9_]*$') && self[key].size() <= 1024)",message="a setting has a name in capital letters, digits and _ of at most 64 characters, and a value of at most 1024"
	// +optional
	Config map[string]string `json:"config,omitempty"`
}

// SecretReference names a whole Secret.
type SecretReference struct {
	// Name of the Secret.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// SecretNames are the names of the Secrets that a solver uses, in no order, some maybe twice.
func (s *DNS01Solver) SecretNames() []string {
	var names []string
	add := func(refs ...*SecretKeySelector) {
		for _, ref := range refs {
			if ref != nil {
				names = append(names, ref.Name)
			}
		}
	}
	if s.ACMEDNS != nil {
		add(&s.ACMEDNS.AccountSecretRef)
	}
	if s.AzureDNS != nil {
		add(s.AzureDNS.ClientSecretSecretRef)
	}
	if s.CloudDNS != nil {
		add(s.CloudDNS.ServiceAccountSecretRef)
	}
	if s.Cloudflare != nil {
		add(s.Cloudflare.APITokenSecretRef, s.Cloudflare.APIKeySecretRef)
	}
	if s.DigitalOcean != nil {
		add(&s.DigitalOcean.TokenSecretRef)
	}
	if s.RFC2136 != nil {
		add(s.RFC2136.TSIGSecretSecretRef)
	}
	if s.Route53 != nil {
		add(s.Route53.AccessKeyIDSecretRef, s.Route53.SecretAccessKeySecretRef)
	}
	if s.Provider != nil && s.Provider.SecretRef != nil {
		names = append(names, s.Provider.SecretRef.Name)
	}
	return names
}

// RFC2136Protocol is what dynamic updates are sent over.
//
// +kubebuilder:validation:Enum=TCP;UDP
type RFC2136Protocol string

// Protocols for dynamic updates.
const (
	RFC2136TCP RFC2136Protocol = "TCP"
	RFC2136UDP RFC2136Protocol = "UDP"
)

// RFC2136Provider is a name server that takes dynamic updates. tsigKeyName and tsigSecretSecretRef are set
// both or not at all.
//
// +kubebuilder:validation:XValidation:rule="(has(self.tsigKeyName) && size(self.tsigKeyName) > 0) == has(self.tsigSecretSecretRef)",message="updates are signed with a key and its name: set both tsigKeyName and tsigSecretSecretRef, or neither"
// +kubebuilder:validation:XValidation:rule="!has(self.tsigAlgorithm) || size(self.tsigAlgorithm) == 0 || self.tsigAlgorithm.upperAscii() in ['HMACMD5', 'HMACSHA1', 'HMACSHA224', 'HMACSHA256', 'HMACSHA384', 'HMACSHA512']",message="tsigAlgorithm must be one of HMACMD5, HMACSHA1, HMACSHA224, HMACSHA256, HMACSHA384 and HMACSHA512"
type RFC2136Provider struct {
	// Nameserver is the server's address as host or host:port. The default port is 53; an IPv6 address is
	// written in brackets.
	// +kubebuilder:validation:MinLength=1
	Nameserver string `json:"nameserver"`

	// TSIGSecretSecretRef names the secret, in base64, that updates are signed with (RFC 8945).
	// +optional
	TSIGSecretSecretRef *SecretKeySelector `json:"tsigSecretSecretRef,omitempty"`

	// TSIGKeyName is the name of that secret at the server.
	// +optional
	TSIGKeyName string `json:"tsigKeyName,omitempty"`

	// TSIGAlgorithm is HMACMD5 (the default), HMACSHA1, HMACSHA224, HMACSHA256, HMACSHA384 or HMACSHA512, in
	// any case of letters.
	// +kubebuilder:validation:MaxLength=32
	// +optional
	TSIGAlgorithm string `json:"tsigAlgorithm,omitempty"`

	// Protocol is UDP (the default) or TCP.
	// +optional
	Protocol RFC2136Protocol `json:"protocol,omitempty"`
}

// Route53Provider is Amazon Route 53. Without keys and auth it signs in as the operator's Pod, where that is allowed.
//
// +kubebuilder:validation:XValidation:rule="!has(self.accessKeyID) || size(self.accessKeyID) == 0 || !has(self.accessKeyIDSecretRef)",message="the access key's ID is given twice: set either accessKeyID or accessKeyIDSecretRef"
// +kubebuilder:validation:XValidation:rule="((has(self.accessKeyID) && size(self.accessKeyID) > 0) || has(self.accessKeyIDSecretRef)) == has(self.secretAccessKeySecretRef)",message="an access key has an ID and a secret: set secretAccessKeySecretRef and one of accessKeyID and accessKeyIDSecretRef, or none of them"
// +kubebuilder:validation:XValidation:rule="!has(self.auth) || !has(self.secretAccessKeySecretRef)",message="sign in either with auth or with an access key: remove one of them"
type Route53Provider struct {
	// Region of AWS. The default is us-east-1.
	// +optional
	Region string `json:"region,omitempty"`

	// HostedZoneID is the zone. With it, no right to list zones is needed.
	// +optional
	HostedZoneID string `json:"hostedZoneID,omitempty"`

	// Auth says how to sign in other than with an access key.
	// +optional
	Auth *Route53Auth `json:"auth,omitempty"`

	// AccessKeyID is the ID of an access key. Excludes accessKeyIDSecretRef; needs secretAccessKeySecretRef.
	// +optional
	AccessKeyID string `json:"accessKeyID,omitempty"`

	// AccessKeyIDSecretRef names the ID of an access key. Excludes accessKeyID; needs
	// secretAccessKeySecretRef.
	// +optional
	AccessKeyIDSecretRef *SecretKeySelector `json:"accessKeyIDSecretRef,omitempty"`

	// SecretAccessKeySecretRef names the secret of the access key. Needs its ID.
	// +optional
	SecretAccessKeySecretRef *SecretKeySelector `json:"secretAccessKeySecretRef,omitempty"`

	// Role is the ARN of a role to assume. With auth it is required, and has to trust the ServiceAccount.
	// +optional
	Role string `json:"role,omitempty"`
}

// Route53Auth says how to sign in to AWS.
type Route53Auth struct {
	// Kubernetes signs in with a service account token, as the role in the provider's field role.
	Kubernetes Route53KubernetesAuth `json:"kubernetes"`
}

// Route53KubernetesAuth signs in to AWS with a service account token.
type Route53KubernetesAuth struct {
	// ServiceAccountRef names the ServiceAccount. Its audiences take the place of the default, sts.amazonaws.com. The
	// operator needs the right to make tokens of it, and makes one for each call, good for ten minutes.
	ServiceAccountRef ServiceAccountRef `json:"serviceAccountRef"`
}

// WebhookProvider is a provider that another program implements as an aggregated API.
type WebhookProvider struct {
	// GroupName is the API group that the program serves.
	// +kubebuilder:validation:MinLength=1
	GroupName string `json:"groupName"`

	// SolverName is the resource in that group.
	// +kubebuilder:validation:MinLength=1
	SolverName string `json:"solverName"`

	// Config is handed to the program as it is. It must not hold secrets: anyone who may read the issuer
	// can read it.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Config *runtime.RawExtension `json:"config,omitempty"`
}
