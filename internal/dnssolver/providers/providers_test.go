package providers_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/certwright/certwright/internal/dnssolver/providers"
	"github.com/certwright/certwright/internal/reach"
)

func find(t *testing.T, name string) providers.Provider {
	t.Helper()
	provider, known := providers.Find(name)
	if !known {
		t.Fatalf("there is no %s", name)
	}
	return provider
}

// No setting of any provider leads to a file, a program, a profile, a proxy, or to the library itself.
func TestNoSettingLeadsElsewhere(t *testing.T) {
	forbidden := regexp.MustCompile(`_FILE$|_PATH$|_PROFILE$|_PROXY$|_COMMAND$|^LEGO_|^OS_CLOUD$|^GOOGLE_|LOCATION$`)
	all := providers.All()
	if len(all) < 200 {
		t.Errorf("only %d providers", len(all))
	}
	for _, provider := range all {
		for _, key := range provider.Keys {
			if forbidden.MatchString(key.Name) {
				t.Errorf("%s has %s", provider.Name, key.Name)
			}
		}
	}
	for _, name := range []string{"exec", "manual", ""} {
		if _, known := providers.Find(name); known {
			t.Errorf("%q is served", name)
		}
	}
}

// The table holds together: sorted names, ways that are made of settings.
func TestTable(t *testing.T) {
	all := providers.All()
	if !slices.IsSortedFunc(all, func(a, b providers.Provider) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the providers are not sorted")
	}
	for _, provider := range all {
		if len(provider.Ways) == 0 {
			t.Errorf("what %s needs is not known", provider.Name)
		}
		for _, key := range provider.Keys {
			if provider.Ambient && key.Endpoint {
				t.Errorf("%s may be let to where credentials are given out, and %s sends it anywhere", provider.Name, key.Name)
			}
		}
		for _, way := range provider.Ways {
			for _, name := range slices.Concat(way...) {
				if _, known := provider.Key(name); !known {
					t.Errorf("%s needs %s, which it does not know", provider.Name, name)
				}
			}
		}
	}
}

// What takes more away than its own record, or cannot have two at once, is known.
func TestValuesAtOneName(t *testing.T) {
	for name, want := range map[string]struct{ coarse, sequential bool }{
		"azuredns": {}, "cloudflare": {}, "gandiv5": {}, "gcloud": {}, "hetzner": {}, "namesilo": {}, "route53": {}, "acmedns": {}, // They tell values apart, or take none away.
		"dnsmadeeasy": {coarse: true}, "edgecenter": {coarse: true}, "selectelv2": {coarse: true},
		"cloudru": {true, true}, "joker": {true, true}, "ultradns": {true, true},
	} {
		if got := find(t, name); got.Coarse != want.coarse || got.Sequential != want.sequential {
			t.Errorf("%s: takes others away %t, one at a time %t", name, got.Coarse, got.Sequential)
		}
	}
}

// What a provider does with the clean-up is as its source has it.
func TestRemembers(t *testing.T) {
	for name, want := range map[string]struct{ remembers, keep bool }{
		"cloudflare": {true, false}, "digitalocean": {true, false}, "gandiv5": {true, false},
		"porkbun": {true, true}, "ovh": {true, true},
		"route53": {false, false}, "hetzner": {false, false}, "httpreq": {false, false},
	} {
		if got := find(t, name); got.Remembers != want.remembers || got.Keep() != want.keep {
			t.Errorf("%s: remembers %t, keep %t", name, got.Remembers, got.Keep())
		}
	}
}

type settings = map[string]string

func TestCheck(t *testing.T) {
	anywhere := reach.Policy{Unrestricted: true}
	for name, test := range map[string]struct {
		provider       string
		config, secret settings
		ambient        bool
		reach          reach.Policy
		want           string // a part of the error; empty for none
	}{
		"complete":                 {"hetzner", settings{"HETZNER_TTL": "60"}, settings{"HETZNER_API_TOKEN": "t"}, false, reach.Policy{}, ""},
		"another way":              {"hetzner", nil, settings{"HETZNER_API_KEY": "t"}, false, reach.Policy{}, ""},
		"a name's other form":      {"cloudflare", nil, settings{"CF_DNS_API_TOKEN": "t"}, false, reach.Policy{}, ""},
		"config in the Secret":     {"httpreq", nil, settings{"HTTPREQ_ENDPOINT": "https://api.example.com"}, false, reach.Policy{}, ""},
		"missing":                  {"digitalocean", nil, nil, false, reach.Policy{}, "provider digitalocean needs DO_AUTH_TOKEN: add them to the Secret in secretRef"},
		"empty":                    {"digitalocean", nil, settings{"DO_AUTH_TOKEN": ""}, false, reach.Policy{}, "needs DO_AUTH_TOKEN"},
		"half of a way":            {"godaddy", nil, settings{"GODADDY_API_KEY": "k"}, false, reach.Policy{}, "provider godaddy needs GODADDY_API_SECRET"},
		"none of two ways":         {"cloudflare", nil, nil, false, reach.Policy{}, "needs one of: CLOUDFLARE_DNS_API_TOKEN; CLOUDFLARE_EMAIL and CLOUDFLARE_API_KEY"},
		"unknown":                  {"hetzner", settings{"HETZNER_COLOUR": "red"}, nil, false, reach.Policy{}, `config has "HETZNER_COLOUR", which provider hetzner does not know or which may not be set: it knows HETZNER_API_TOKEN`},
		"misspelt":                 {"hetzner", nil, settings{"hetzner-api-token": "t"}, false, reach.Policy{}, `the Secret has "hetzner-api-token", which provider hetzner does not know or which may not be set: write HETZNER_API_TOKEN`},
		"a file":                   {"hetzner", settings{"HETZNER_API_TOKEN_FILE": "/etc/passwd"}, nil, false, anywhere, `"HETZNER_API_TOKEN_FILE"`},
		"another provider's":       {"hetzner", nil, settings{"DO_AUTH_TOKEN": "t"}, false, anywhere, `"DO_AUTH_TOKEN"`},
		"a credential in config":   {"hetzner", settings{"HETZNER_API_TOKEN": "t"}, nil, false, anywhere, "HETZNER_API_TOKEN is a credential: move it from config to the Secret"},
		"given twice":              {"hetzner", settings{"HETZNER_TTL": "60"}, settings{"HETZNER_API_TOKEN": "t", "HETZNER_TTL": "70"}, false, anywhere, "HETZNER_TTL is given twice"},
		"an endpoint inside":       {"httpreq", settings{"HTTPREQ_ENDPOINT": "http://10.0.0.1:80/"}, nil, false, reach.Policy{}, "HTTPREQ_ENDPOINT cannot be used: its address is private"},
		"one without a scheme":     {"infoblox", nil, settings{"INFOBLOX_HOST": "127.0.0.1:443", "INFOBLOX_USERNAME": "u", "INFOBLOX_PASSWORD": "p"}, false, reach.Policy{}, "INFOBLOX_HOST cannot be used"},
		"one with a path":          {"infoblox", nil, settings{"INFOBLOX_HOST": "169.254.169.254/latest", "INFOBLOX_USERNAME": "u", "INFOBLOX_PASSWORD": "p"}, false, reach.Policy{}, "INFOBLOX_HOST cannot be used"},
		"one with a user":          {"volcengine", nil, settings{"VOLC_HOST": "u:p@localhost/?", "VOLC_ACCESSKEY": "a", "VOLC_SECRETKEY": "s"}, false, reach.Policy{}, "VOLC_HOST cannot be used"},
		"one of IPv6":              {"infoblox", nil, settings{"INFOBLOX_HOST": "fd00::1", "INFOBLOX_USERNAME": "u", "INFOBLOX_PASSWORD": "p"}, false, reach.Policy{}, "INFOBLOX_HOST cannot be used"},
		"one that is public":       {"infoblox", nil, settings{"INFOBLOX_HOST": "grid.example.com/wapi", "INFOBLOX_USERNAME": "u", "INFOBLOX_PASSWORD": "p"}, false, reach.Policy{}, ""},
		"an endpoint at metadata":  {"httpreq", settings{"HTTPREQ_ENDPOINT": "http://[fd00:ec2::254]/"}, nil, false, reach.Policy{}, "HTTPREQ_ENDPOINT cannot be used"},
		"a ClusterIssuer's inside": {"httpreq", settings{"HTTPREQ_ENDPOINT": "http://10.0.0.1:80/"}, nil, false, anywhere, ""},
		"ambient":                  {"route53", nil, nil, true, anywhere, ""},
		"ambient not allowed":      {"route53", settings{"AWS_REGION": "us-east-1"}, nil, false, reach.Policy{}, "needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; signing in as the operator's own pod is not allowed for this issuer"},
		"a token of one's own":     {"route53", nil, settings{"AWS_WEB_IDENTITY_TOKEN": "t"}, true, anywhere, `"AWS_WEB_IDENTITY_TOKEN"`},
		"the file of a token":      {"route53", settings{"AWS_WEB_IDENTITY_TOKEN_FILE": "/var/run/secrets/token"}, nil, true, anywhere, `"AWS_WEB_IDENTITY_TOKEN_FILE"`},
		"the role of a token":      {"route53", settings{"AWS_ROLE_ARN": "arn:aws:iam::1:role/r"}, nil, true, anywhere, `"AWS_ROLE_ARN"`},
		"ambient and not known to": {"hetzner", nil, nil, true, anywhere, "needs one of: HETZNER_API_TOKEN"},
	} {
		t.Run(name, func(t *testing.T) {
			err := find(t, test.provider).Check(providers.Settings{Config: test.config, Secret: test.secret, Ambient: test.ambient, Reach: test.reach})
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%v", err)
			}
		})
	}
}

// What no environment can hold is told before anything is ordered, and without the value.
func TestValuesThatCannotBeHandedOn(t *testing.T) {
	hetzner := find(t, "hetzner")
	for name, value := range map[string]string{"NUL": "s3cr3t\x00", "no text": "s3cr3t\xff"} {
		err := hetzner.Check(providers.Settings{Secret: map[string]string{"HETZNER_API_TOKEN": value}})
		if err == nil || !strings.Contains(err.Error(), "HETZNER_API_TOKEN") || !strings.Contains(err.Error(), "is no text") || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
