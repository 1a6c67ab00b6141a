package solver

import (
	"errors"
	"fmt"
	"maps"
	"regexp"

	v1 "github.com/certwright/certwright/api/v1"
)

// settings are what a solver says about a provider that is told settings by name.
type settings struct {
	provider string
	config   map[string]string
	// entries are settings that are each one entry of a Secret.
	entries map[string]v1.SecretKeySelector
	// secret is the name of a Secret all of whose entries are settings; may be empty.
	secret string
	// identity is what the provider signs in as with a token that the operator gets for it; nil for none.
	identity *identity
}

// identity is a ServiceAccount whose token a vendor takes for a credential. None of its variables is one that an issuer
// may set.
type identity struct {
	// account is the name of the ServiceAccount, in the namespace of the solver's Secrets.
	account   string
	audiences []string
	// variables go with the token, which is handed over under a name of its own.
	variables map[string]string
	handedAs  string
}

// settingsOf translates the fields of a solver to the provider's own settings.
func settingsOf(dns *v1.DNS01Solver) (settings, error) {
	switch {
	case dns.Provider != nil:
		result := settings{provider: string(dns.Provider.Name), config: dns.Provider.Config}
		if dns.Provider.SecretRef != nil {
			result.secret = dns.Provider.SecretRef.Name
		}
		return result, nil
	case dns.Cloudflare != nil:
		return cloudflareSettings(dns.Cloudflare), nil
	case dns.DigitalOcean != nil:
		return settings{provider: "digitalocean", entries: map[string]v1.SecretKeySelector{"DO_AUTH_TOKEN": dns.DigitalOcean.TokenSecretRef}}, nil
	case dns.Route53 != nil:
		return route53Settings(dns.Route53)
	case dns.CloudDNS != nil:
		return cloudDNSSettings(dns.CloudDNS), nil
	case dns.AzureDNS != nil:
		return azureSettings(dns.AzureDNS)
	case dns.Akamai != nil:
		return settings{}, errors.New("akamai is accepted but cannot be served: the library for it is not to be had; " +
			"delegate the challenge's name by a CNAME record to a zone of another provider, and set cnameStrategy to Follow")
	default:
		return settings{}, errors.New("the solver has no DNS provider")
	}
}

// some leaves out what is not set.
func some(config map[string]string) map[string]string {
	for name, value := range config {
		if value == "" {
			delete(config, name)
		}
	}
	return config
}

func cloudflareSettings(spec *v1.CloudflareProvider) settings {
	result := settings{provider: "cloudflare", entries: map[string]v1.SecretKeySelector{}}
	if spec.APITokenSecretRef != nil {
		// An email beside a token means nothing, and the provider would look for a key.
		result.entries["CLOUDFLARE_DNS_API_TOKEN"] = *spec.APITokenSecretRef
		return result
	}
	result.config = some(map[string]string{"CLOUDFLARE_EMAIL": spec.Email})
	if spec.APIKeySecretRef != nil {
		result.entries["CLOUDFLARE_API_KEY"] = *spec.APIKeySecretRef
	}
	return result
}

// route53Region is where requests to Route 53 are signed for where nothing is said: it is global.
const route53Region = "us-east-1"

func route53Settings(spec *v1.Route53Provider) (settings, error) {
	result := settings{provider: "route53", entries: map[string]v1.SecretKeySelector{}, config: some(map[string]string{
		"AWS_REGION": spec.Region, "AWS_HOSTED_ZONE_ID": spec.HostedZoneID,
	})}
	if spec.Region == "" {
		result.config["AWS_REGION"] = route53Region
	}
	if spec.Auth != nil {
		var err error
		result.identity, err = route53Identity(spec)
		return result, err
	}
	maps.Copy(result.config, some(map[string]string{"AWS_ACCESS_KEY_ID": spec.AccessKeyID, "AWS_ASSUME_ROLE_ARN": spec.Role}))
	if spec.AccessKeyIDSecretRef != nil {
		result.entries["AWS_ACCESS_KEY_ID"] = *spec.AccessKeyIDSecretRef
	}
	if spec.SecretAccessKeySecretRef != nil {
		result.entries["AWS_SECRET_ACCESS_KEY"] = *spec.SecretAccessKeySecretRef
	}
	return result, nil
}

// stsAudience is the audience that AWS asks of tokens where nothing else was agreed with it.
const stsAudience = "sts.amazonaws.com"

// region is the name of a region of AWS. It becomes a part of the host that a token is sent to.
var region = regexp.MustCompile(`^[a-z0-9-]{1,63}$`)

// route53Identity is the role that a token is exchanged for at AWS, by AssumeRoleWithWebIdentity.
func route53Identity(spec *v1.Route53Provider) (*identity, error) {
	if spec.Role == "" {
		return nil, errors.New("route53.auth signs in as a role of AWS: set route53.role to the ARN of one that trusts the ServiceAccount")
	}
	if spec.Region != "" && !region.MatchString(spec.Region) {
		return nil, errors.New("route53.region is no region of AWS: write one such as eu-central-1, or leave it out")
	}
	ref := spec.Auth.Kubernetes.ServiceAccountRef
	result := &identity{
		account: ref.Name, audiences: ref.Audiences, handedAs: "AWS_WEB_IDENTITY_TOKEN",
		variables: map[string]string{"AWS_ROLE_ARN": spec.Role, "AWS_ROLE_SESSION_NAME": "certwright"},
	}
	if len(result.audiences) == 0 {
		result.audiences = []string{stsAudience}
	}
	return result, nil
}

func cloudDNSSettings(spec *v1.CloudDNSProvider) settings {
	result := settings{provider: "gcloud", entries: map[string]v1.SecretKeySelector{}, config: some(map[string]string{
		"GCE_PROJECT": spec.Project, "GCE_ZONE_ID": spec.HostedZoneName,
	})}
	if spec.ServiceAccountSecretRef != nil {
		result.entries["GCE_SERVICE_ACCOUNT"] = *spec.ServiceAccountSecretRef
	}
	return result
}

// azureClouds are Azure's clouds as the provider names them. The German one is no more.
var azureClouds = map[v1.AzureEnvironment]string{
	"": "", v1.AzurePublicCloud: "public", v1.AzureChinaCloud: "china", v1.AzureUSGovernmentCloud: "usgovernment",
}

func azureSettings(spec *v1.AzureDNSProvider) (settings, error) {
	cloud, exists := azureClouds[spec.Environment]
	if !exists {
		return settings{}, fmt.Errorf("azureDNS.environment %s has been closed: use another", spec.Environment)
	}
	result := settings{provider: "azuredns", entries: map[string]v1.SecretKeySelector{}, config: some(map[string]string{
		"AZURE_CLIENT_ID": spec.ClientID, "AZURE_TENANT_ID": spec.TenantID, "AZURE_SUBSCRIPTION_ID": spec.SubscriptionID,
		"AZURE_RESOURCE_GROUP": spec.ResourceGroupName, "AZURE_ZONE_NAME": spec.HostedZoneName, "AZURE_ENVIRONMENT": cloud,
	})}
	if spec.ZoneType == "AzurePrivateZone" {
		result.config["AZURE_PRIVATE_ZONE"] = "true"
	}
	if spec.ClientSecretSecretRef != nil {
		result.entries["AZURE_CLIENT_SECRET"] = *spec.ClientSecretSecretRef
		result.config["AZURE_AUTH_METHOD"] = "env"
		return result, nil
	}
	if identity := spec.ManagedIdentity; identity != nil {
		if identity.ResourceID != "" {
			result.config["AZURE_IDENTITY_RESOURCE_ID"] = identity.ResourceID
		}
		result.config["AZURE_AUTH_METHOD"] = "msi"
		if identity.TenantID != "" {
			result.config["AZURE_AUTH_METHOD"], result.config["AZURE_TENANT_ID"] = "wli", identity.TenantID
		}
		if identity.ClientID != "" {
			result.config["AZURE_CLIENT_ID"] = identity.ClientID
		}
	}
	return result, nil
}
