package main

import (
	"strings"
	"testing"
)

// There are three ways to sign in at Azure, and that of the SDK; others are refused with a word about these.
func TestAzureWays(t *testing.T) {
	t.Setenv("AZURE_CLIENT_ID", "client")
	t.Setenv("AZURE_CLIENT_SECRET", "secret")
	t.Setenv("AZURE_TENANT_ID", "tenant")
	t.Setenv("AZURE_FEDERATED_TOKEN_FILE", "/token")
	for method, served := range map[string]bool{"": true, "env": true, "ENV": true, "wli": true, "msi": true, "cli": false, "oidc": false, "pipeline": false} {
		t.Setenv("AZURE_AUTH_METHOD", method)
		_, err := newAzure()
		if served && err != nil || !served && (err == nil || !strings.Contains(err.Error(), "set AZURE_AUTH_METHOD to env, wli or msi, or leave it out")) {
			t.Errorf("%q: %v", method, err)
		}
	}
}
