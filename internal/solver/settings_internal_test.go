package solver

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/dnssolver/providers"
	"github.com/certwright/certwright/internal/reach"
)

func entry(name string) v1.SecretKeySelector { return v1.SecretKeySelector{Name: name, Key: "key"} }

func ref(name string) *v1.SecretKeySelector {
	selector := entry(name)
	return &selector
}

func tokenOf(account string) *v1.Route53Auth {
	return &v1.Route53Auth{Kubernetes: v1.Route53KubernetesAuth{ServiceAccountRef: v1.ServiceAccountRef{Name: account}}}
}

type config = map[string]string

type entries = map[string]v1.SecretKeySelector

// Every field of the incumbent's providers arrives under the name that the provider reads, and the whole is one
// that the provider takes.
func TestSettings(t *testing.T) {
	for name, test := range map[string]struct {
		dns  v1.DNS01Solver
		want settings
	}{
		"a provider": {
			v1.DNS01Solver{Provider: &v1.DNSProvider{Name: "hetzner", Config: config{"HETZNER_TTL": "60"}, SecretRef: &v1.SecretReference{Name: "s"}}},
			settings{provider: "hetzner", config: config{"HETZNER_TTL": "60"}, secret: "s"},
		},
		"cloudflare with a token": {
			v1.DNS01Solver{Cloudflare: &v1.CloudflareProvider{Email: "me@example.com", APITokenSecretRef: ref("t")}},
			settings{provider: "cloudflare", entries: entries{"CLOUDFLARE_DNS_API_TOKEN": entry("t")}},
		},
		"cloudflare with a key": {
			v1.DNS01Solver{Cloudflare: &v1.CloudflareProvider{Email: "me@example.com", APIKeySecretRef: ref("k")}},
			settings{provider: "cloudflare", config: config{"CLOUDFLARE_EMAIL": "me@example.com"}, entries: entries{"CLOUDFLARE_API_KEY": entry("k")}},
		},
		"digitalocean": {
			v1.DNS01Solver{DigitalOcean: &v1.DigitalOceanProvider{TokenSecretRef: entry("t")}},
			settings{provider: "digitalocean", entries: entries{"DO_AUTH_TOKEN": entry("t")}},
		},
		"route53 with a key": {
			v1.DNS01Solver{Route53: &v1.Route53Provider{
				Region: "eu-west-1", HostedZoneID: "Z1", AccessKeyID: "AKIA", SecretAccessKeySecretRef: ref("k"), Role: "arn:aws:iam::1:role/r",
			}},
			settings{provider: "route53", config: config{
				"AWS_REGION": "eu-west-1", "AWS_HOSTED_ZONE_ID": "Z1", "AWS_ACCESS_KEY_ID": "AKIA", "AWS_ASSUME_ROLE_ARN": "arn:aws:iam::1:role/r",
			}, entries: entries{"AWS_SECRET_ACCESS_KEY": entry("k")}},
		},
		"route53 with a key in a Secret": {
			v1.DNS01Solver{Route53: &v1.Route53Provider{AccessKeyIDSecretRef: ref("i"), SecretAccessKeySecretRef: ref("k")}},
			settings{provider: "route53", config: config{"AWS_REGION": "us-east-1"}, entries: entries{"AWS_ACCESS_KEY_ID": entry("i"), "AWS_SECRET_ACCESS_KEY": entry("k")}},
		},
		"route53 with a token": {
			v1.DNS01Solver{Route53: &v1.Route53Provider{Region: "eu-west-1", HostedZoneID: "Z1", Role: "arn:aws:iam::1:role/r", Auth: tokenOf("a")}},
			settings{provider: "route53", config: config{"AWS_REGION": "eu-west-1", "AWS_HOSTED_ZONE_ID": "Z1"}, identity: &identity{
				account: "a", audiences: []string{"sts.amazonaws.com"}, handedAs: "AWS_WEB_IDENTITY_TOKEN",
				variables: map[string]string{"AWS_ROLE_ARN": "arn:aws:iam::1:role/r", "AWS_ROLE_SESSION_NAME": "certwright"},
			}},
		},
		"cloudDNS": {
			v1.DNS01Solver{CloudDNS: &v1.CloudDNSProvider{Project: "p", HostedZoneName: "z", ServiceAccountSecretRef: ref("a")}},
			settings{provider: "gcloud", config: config{"GCE_PROJECT": "p", "GCE_ZONE_ID": "z"}, entries: entries{"GCE_SERVICE_ACCOUNT": entry("a")}},
		},
		"azureDNS as a service principal": {
			v1.DNS01Solver{AzureDNS: &v1.AzureDNSProvider{
				ClientID: "c", ClientSecretSecretRef: ref("s"), TenantID: "t", SubscriptionID: "sub", ResourceGroupName: "g", HostedZoneName: "example.com",
				Environment: v1.AzureUSGovernmentCloud, ZoneType: "AzurePrivateZone",
			}},
			settings{provider: "azuredns", config: config{
				"AZURE_CLIENT_ID": "c", "AZURE_TENANT_ID": "t", "AZURE_SUBSCRIPTION_ID": "sub", "AZURE_RESOURCE_GROUP": "g", "AZURE_ZONE_NAME": "example.com",
				"AZURE_ENVIRONMENT": "usgovernment", "AZURE_PRIVATE_ZONE": "true", "AZURE_AUTH_METHOD": "env",
			}, entries: entries{"AZURE_CLIENT_SECRET": entry("s")}},
		},
		"azureDNS as a managed identity": {
			v1.DNS01Solver{AzureDNS: &v1.AzureDNSProvider{SubscriptionID: "sub", ResourceGroupName: "g", ManagedIdentity: &v1.AzureManagedIdentity{ClientID: "i"}}},
			settings{provider: "azuredns", config: config{
				"AZURE_SUBSCRIPTION_ID": "sub", "AZURE_RESOURCE_GROUP": "g", "AZURE_CLIENT_ID": "i", "AZURE_AUTH_METHOD": "msi",
			}},
		},
		"azureDNS as a managed identity by its resource ID": {
			v1.DNS01Solver{AzureDNS: &v1.AzureDNSProvider{SubscriptionID: "sub", ResourceGroupName: "g", ManagedIdentity: &v1.AzureManagedIdentity{ResourceID: "/r"}}},
			settings{provider: "azuredns", config: config{
				"AZURE_SUBSCRIPTION_ID": "sub", "AZURE_RESOURCE_GROUP": "g", "AZURE_IDENTITY_RESOURCE_ID": "/r", "AZURE_AUTH_METHOD": "msi",
			}},
		},
		"azureDNS as a workload identity": {
			v1.DNS01Solver{AzureDNS: &v1.AzureDNSProvider{SubscriptionID: "sub", ResourceGroupName: "g", ManagedIdentity: &v1.AzureManagedIdentity{ClientID: "i", TenantID: "t"}}},
			settings{provider: "azuredns", config: config{
				"AZURE_SUBSCRIPTION_ID": "sub", "AZURE_RESOURCE_GROUP": "g", "AZURE_CLIENT_ID": "i", "AZURE_TENANT_ID": "t", "AZURE_AUTH_METHOD": "wli",
			}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := settingsOf(&test.dns)
			if err != nil {
				t.Fatal(err)
			}
			if got.entries == nil && test.want.entries == nil || len(got.entries) == 0 {
				got.entries, test.want.entries = nil, nil
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(settings{}, identity{})); diff != "" {
				t.Error(diff)
			}
			given := providers.Settings{Config: got.config, Secret: config{}, Ambient: got.identity == nil, SignedIn: got.identity != nil, Reach: reach.Policy{}}
			for variable := range got.entries {
				given.Secret[variable] = "value"
			}
			if got.secret != "" {
				given.Secret["HETZNER_API_TOKEN"] = "value"
			}
			provider, known := providers.Find(got.provider)
			if err := provider.Check(given); !known || err != nil {
				t.Errorf("known %t, %v", known, err)
			}
		})
	}
}

// What cannot be served is refused in words.
func TestSettingsThatCannotBeServed(t *testing.T) {
	for words, dns := range map[string]v1.DNS01Solver{
		"akamai is accepted but cannot be served": {Akamai: &v1.AkamaiProvider{}},
		"has no DNS provider":                     {},
		"set route53.role to the ARN":             {Route53: &v1.Route53Provider{Auth: tokenOf("a")}},
		"route53.region is no region of AWS":      {Route53: &v1.Route53Provider{Auth: tokenOf("a"), Role: "r", Region: "example.com/#"}},
		"AzureGermanCloud has been closed":        {AzureDNS: &v1.AzureDNSProvider{Environment: v1.AzureGermanCloud}},
	} {
		if _, err := settingsOf(&dns); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", words, err)
		}
	}
}

// An Issuer whose Secret has credentials does not get to where the machine's are: what a credential says of itself,
// such as where a key of Google's is exchanged for a token, is a tenant's text.
func TestWhoSignsInAsThePod(t *testing.T) {
	const google, hetzner = "gcloud", "hetzner"
	for name, test := range map[string]struct {
		external        External
		ofClusterIssuer bool
		provider        string
		secret          map[string]string
		want            bool
	}{
		"not allowed":                     {External{}, false, google, nil, false},
		"allowed":                         {External{AmbientIssuers: true}, false, google, nil, true},
		"with credentials":                {External{AmbientIssuers: true}, false, google, map[string]string{"GCE_SERVICE_ACCOUNT": "{}"}, false},
		"a provider that cannot":          {External{AmbientIssuers: true}, false, hetzner, nil, false},
		"a ClusterIssuer":                 {External{AmbientClusterIssuers: true}, true, google, nil, true},
		"a ClusterIssuer with half of it": {External{AmbientClusterIssuers: true}, true, google, map[string]string{"GCE_SERVICE_ACCOUNT": "{}"}, true},
	} {
		provider, known := providers.Find(test.provider)
		if got := test.external.signsIn(test.ofClusterIssuer, provider, test.secret); !known || got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
