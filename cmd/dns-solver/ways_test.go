package main

import (
	"errors"
	"net"
	"os"
	"strings"
	"testing"

	known "github.com/certwright/certwright/internal/dnssolver/providers"
)

// Every way that is said to suffice for a provider does: it is made with these settings and nothing else.
func TestWays(t *testing.T) {
	before := os.Environ()
	t.Cleanup(func() {
		os.Clearenv()
		for _, entry := range before {
			name, value, _ := strings.Cut(entry, "=")
			_ = os.Setenv(name, value)
		}
	})
	for _, provider := range known.All() {
		for _, way := range provider.Ways {
			os.Clearenv()
			// Nobody listens there: who signs in at once fails, and on the way only.
			t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
			t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
			for _, part := range way {
				if err := setVariable(part[0], sample(part[0])); err != nil {
					t.Fatal(err)
				}
			}
			create, _ := constructor(provider.Name)
			if _, err := create(); err != nil && !isOfNetwork(err) {
				t.Errorf("%s with %s: %v", provider.Name, way, err)
			}
		}
	}
}

// samples are for settings of which a provider looks at the form.
var samples = map[string]string{
	"DNSHOMEDE_CREDENTIALS":       "example.org:password",
	"GCE_SERVICE_ACCOUNT":         `{"type": "service_account", "project_id": "p", "client_email": "a@example.org", "private_key": "k", "token_uri": "https://example.org"}`,
	"HURRICANE_TOKENS":            "example.org:token",
	"HYPERONE_PASSPORT":           `{"subject_id": "/iam/project/p/sa/s", "certificate_id": "c", "issuer": "https://example.org", "private_key": "k", "public_key": "k"}`,
	"MYADDR_PRIVATE_KEYS_MAPPING": "example:key",
	"OS_AUTH_URL":                 "http://127.0.0.1:1",
	"PDNS_API_URL":                "http://127.0.0.1:1",
	"SCW_SECRET_KEY":              "11111111-1111-1111-1111-111111111111",
	"SELFHOSTDE_RECORDS_MAPPING":  "example.org:123:456",
	"SYSE_CREDENTIALS":            "example.org:password",
	"YANDEX360_ORG_ID":            "1",
}

func sample(name string) string {
	if text, special := samples[name]; special {
		return text
	}
	return "sample"
}

// isOfNetwork says whether a provider failed because it signs in when it is made: then it had what it needs.
func isOfNetwork(err error) bool {
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	return strings.Contains(err.Error(), "dial tcp")
}
