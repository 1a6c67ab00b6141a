package main

import "github.com/certwright/certwright/internal/dnssolver/providers"

// leftOut are the providers of the library that dns-solver does not have, each with the reason.
var leftOut = map[string]string{
	"exec":   "runs any program",
	"manual": "waits for a person",

	"alidns":       "a module that it needs is not to be had",
	"aliesa":       "a module that it needs is not to be had",
	"azion":        "a module that it needs is not to be had",
	"dnsimple":     "a module that it needs is not to be had",
	"edgedns":      "a module that it needs is not to be had",
	"edgeone":      "a module that it needs is not to be had",
	"huaweicloud":  "a module that it needs is not to be had",
	"oraclecloud":  "a module that it needs is not to be had",
	"regfish":      "a module that it needs is not to be had",
	"sakuracloud":  "a module that it needs is not to be had",
	"stackpath":    "the service was shut down in 2024",
	"tencentcloud": "a module that it needs is not to be had",
	"ucloud":       "a module that it needs is not to be had",
	"yandexcloud":  "a module that it needs is not to be had",
}

// refused are settings that name files, programs or profiles, or lead to them, beside those that one sees by
// their names.
var refused = []string{
	"AWS_PROFILE", "AWS_SDK_LOAD_CONFIG", "AWS_SHARED_CREDENTIALS_FILE", "GOOGLE_APPLICATION_CREDENTIALS",
	"HYPERONE_PASSPORT_LOCATION", "INFOBLOX_CA_CERTIFICATE", "OS_CLOUD",
}

// ownKeys are settings that dns-solver adds: the content of a file that a provider wants the path of, and what an
// SDK reads and the library does not list; and those that mean something else here.
var ownKeys = map[string][]providers.Key{
	"azuredns": {
		{Name: "AZURE_AUTH_METHOD", Description: "How to sign in: env, wli or msi (by default, whichever the Azure SDK finds first)"},
		{Name: "AZURE_IDENTITY_RESOURCE_ID", Description: "Resource ID of the managed identity to sign in as, with AZURE_AUTH_METHOD msi"},
	},
	"hyperone": {{Name: "HYPERONE_PASSPORT", Description: "The passport file's content, in JSON", Secret: true}},
	"infoblox": {{Name: "INFOBLOX_CA_CERTIFICATE", Description: "The CA certificate in PEM"}},
	"transip":  {{Name: "TRANSIP_PRIVATE_KEY", Description: "The private key in PEM", Secret: true}},
	"route53":  {{Name: "AWS_SESSION_TOKEN", Description: "Session token of a temporary access key", Secret: true}},
	"lightsail": {
		{Name: "AWS_SESSION_TOKEN", Description: "Session token of a temporary access key", Secret: true},
		{Name: "LIGHTSAIL_REGION", Description: "Region (Default: us-east-1)"},
	},
	"hetzner": {{Name: "HETZNER_API_KEY", Description: "API key of the former DNS console (deprecated)", Secret: true}},
	"designate": {
		{Name: "OS_AUTH_TYPE", Description: "How to sign in, such as v3applicationcredential"},
		{Name: "OS_USER_DOMAIN_NAME", Description: "Domain of the user"},
		{Name: "OS_PROJECT_DOMAIN_NAME", Description: "Domain of the project"},
	},
}

// ambient providers sign in as the machine or the pod where they are given nothing else.
var ambient = []string{"azuredns", "gcloud", "lightsail", "route53"}

// inOperator are the providers that the operator runs itself, by code of its own. dns-solver has them too.
var inOperator = []string{"httpreq"}

// exact providers have their records taken away by name and value by dns-solver itself.
var exact = []string{"azuredns", "cloudflare", "digitalocean", "gandiv5", "gcloud"}

// coarse providers take other values of a name away than their own, although their source looks up what they remember
// or looks at the value: that of gandi puts the whole zone back as it was, those of cloudru and mittwald remember the
// name only, and those of iijdpf and selectelv2 take the last value away whatever it is.
var coarse = []string{"cloudru", "gandi", "iijdpf", "mittwald", "selectelv2"}

// leaving providers take nothing away, which is done by the service or not at all.
var leaving = []string{"acmedns", "dyndnsfree", "myaddr"}

// replacing providers put a value in the place of all others of the name, and the library does not say that they are
// to be asked for one record at a time.
var replacing = []string{"rcodezero", "ultradns"}

// sharing are the folders of code below internal that providers are made of.
var sharing = map[string][]string{
	"active24":     {"active24", "websupport"},
	"curanet":      {"curanet", "dandomain", "scannet", "wannafind"},
	"gcore":        {"gcore", "edgecenter"},
	"hostingde":    {"hostingde", "httpnet"},
	"ionos":        {"ionos", "uniteddomains"},
	"rimuhosting":  {"rimuhosting", "zonomi"},
	"selectel":     {"selectel", "vscale"},
	"tecnocratica": {"neodigit", "virtualname"},
	"westcn":       {"westcn", "com35"},
}

func one(names ...string) providers.Way {
	var way providers.Way
	for _, name := range names {
		way = append(way, []string{name})
	}
	return way
}

// facts are what must be given to providers whose source has more than one way.
var facts = map[string][]providers.Way{
	"acmedns":  {one("ACME_DNS_API_BASE", "ACME_DNS_STORAGE_BASE_URL")},
	"azuredns": {one("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID", "AZURE_SUBSCRIPTION_ID", "AZURE_RESOURCE_GROUP")},
	"cloudns":  {{{"CLOUDNS_AUTH_ID", "CLOUDNS_SUB_AUTH_ID"}, {"CLOUDNS_AUTH_PASSWORD"}}},
	"cloudflare": {
		{{"CLOUDFLARE_DNS_API_TOKEN", "CF_DNS_API_TOKEN"}},
		{{"CLOUDFLARE_EMAIL", "CF_API_EMAIL"}, {"CLOUDFLARE_API_KEY", "CF_API_KEY"}},
	},
	"designate": {
		one("OS_AUTH_URL", "OS_REGION_NAME", "OS_USERNAME", "OS_PASSWORD"),
		one("OS_AUTH_URL", "OS_REGION_NAME", "OS_APPLICATION_CREDENTIAL_ID", "OS_APPLICATION_CREDENTIAL_SECRET"),
	},
	"dnsupdate":  {one("DNSUPDATE_NAMESERVER")},
	"gandiv5":    {one("GANDIV5_PERSONAL_ACCESS_TOKEN"), one("GANDIV5_API_KEY")},
	"gcloud":     {one("GCE_PROJECT", "GCE_SERVICE_ACCOUNT")},
	"hetzner":    {one("HETZNER_API_TOKEN"), one("HETZNER_API_KEY")},
	"hyperone":   {one("HYPERONE_PASSPORT")},
	"joker":      {one("JOKER_API_KEY"), one("JOKER_USERNAME", "JOKER_PASSWORD")},
	"lightsail":  {one("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "DNS_ZONE")},
	"nicmanager": {one("NICMANAGER_API_LOGIN", "NICMANAGER_API_USERNAME", "NICMANAGER_API_PASSWORD"), one("NICMANAGER_API_EMAIL", "NICMANAGER_API_PASSWORD")},
	"ovh": {
		one("OVH_APPLICATION_KEY", "OVH_APPLICATION_SECRET", "OVH_CONSUMER_KEY"),
		one("OVH_CLIENT_ID", "OVH_CLIENT_SECRET"), one("OVH_ACCESS_TOKEN"),
	},
	"route53": {one("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION")},
	"transip": {one("TRANSIP_ACCOUNT_NAME", "TRANSIP_PRIVATE_KEY")},
}
