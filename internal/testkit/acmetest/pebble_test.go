package acmetest_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"os"
	"sync"
	"testing"

	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

func startPebble(t *testing.T, options acmetest.Options) *acmetest.Server {
	t.Helper()
	server, err := acmetest.Start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

func get(t *testing.T, client *http.Client, url string) []byte {
	t.Helper()
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d, %v", url, response.StatusCode, err)
	}
	return body
}

func TestStart(t *testing.T) {
	server := startPebble(t, acmetest.Options{AlternateRoots: 1})
	var directory struct {
		NewOrder string `json:"newOrder"`
		Meta     struct {
			Profiles map[string]string `json:"profiles"`
		} `json:"meta"`
	}
	if err := json.Unmarshal(get(t, server.HTTPClient(), server.DirectoryURL), &directory); err != nil {
		t.Fatal(err)
	}
	if directory.NewOrder == "" || len(directory.Meta.Profiles) != 1 {
		t.Errorf("directory %+v, want one profile", directory)
	}
	first := get(t, server.HTTPClient(), server.ManagementURL+"/roots/0")
	second := get(t, server.HTTPClient(), server.ManagementURL+"/roots/1")
	if got := string(server.Roots()); got != string(first)+string(second) {
		t.Errorf("roots\n%s\nare not those of the management interface", got)
	}
	block, _ := pem.Decode(server.Roots())
	if root, err := x509.ParseCertificate(block.Bytes); err != nil || !root.IsCA {
		t.Errorf("the first root is no CA (%v)", err)
	}
}

func TestStartForOtherHosts(t *testing.T) {
	server := startPebble(t, acmetest.Options{Hosts: []string{"pebble.test", "192.0.2.7"}})
	for _, name := range []string{"pebble.test", "192.0.2.7", "localhost", "127.0.0.1"} {
		client := server.HTTPClient()
		transport, ok := client.Transport.(*http.Transport)
		if !ok {
			t.Fatal("no transport to set")
		}
		transport.TLSClientConfig.ServerName = name
		get(t, client, server.DirectoryURL)
	}
}

func TestStartWithABadKey(t *testing.T) {
	options := acmetest.Options{ExternalAccountKeys: map[string]string{"kid": "not base64url!"}}
	if _, err := acmetest.Start(options); err == nil {
		t.Error("no error")
	}
}

// Servers that start at once must not see each other's settings, nor leave any.
func TestStartInParallel(t *testing.T) {
	t.Setenv("PEBBLE_VA_NOSLEEP", "before")
	if _, set := os.LookupEnv("PEBBLE_WFE_NONCEREJECT"); set {
		t.Fatal("PEBBLE_WFE_NONCEREJECT must not be set for this test")
	}
	ctx := t.Context()
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			rejecting := i%2 == 1
			server, err := acmetest.Start(acmetest.Options{NonceRejectPercent: 100 * (i % 2)})
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = server.Close() }()
			if got := rejectsNonces(ctx, t, server); got != rejecting {
				t.Errorf("server %d rejects nonces: %v, want %v", i, got, rejecting)
			}
		})
	}
	group.Wait()
	if got := os.Getenv("PEBBLE_VA_NOSLEEP"); got != "before" {
		t.Errorf("PEBBLE_VA_NOSLEEP %q, want it restored", got)
	}
	if value, set := os.LookupEnv("PEBBLE_WFE_NONCEREJECT"); set {
		t.Errorf("PEBBLE_WFE_NONCEREJECT %q was left behind", value)
	}
}

func rejectsNonces(ctx context.Context, t *testing.T, server *acmetest.Server) bool {
	t.Helper()
	key, err := acme.NewAccountKey()
	if err != nil {
		t.Error(err)
		return false
	}
	client := acme.Client{Directory: server.DirectoryURL, HTTP: server.HTTPClient()}
	_, err = client.NewAccount(ctx, key, acme.AccountRequest{TermsOfServiceAgreed: true})
	if err != nil && !acme.IsProblem(err, acme.TypeBadNonce) {
		t.Error(err)
	}
	return err != nil
}
