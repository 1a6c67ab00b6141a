package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"

	"github.com/certwright/certwright/internal/solver/dns01"
	"github.com/certwright/certwright/internal/solver/dns01/webhook"
)

// provider asks a server that a handler is in the place of the API server.
func provider(t *testing.T, handler http.HandlerFunc) *webhook.Provider {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	client, err := rest.UnversionedRESTClientFor(&rest.Config{
		Host:          server.URL,
		ContentConfig: rest.ContentConfig{NegotiatedSerializer: scheme.Codecs.WithoutConversion(), GroupVersion: &schema.GroupVersion{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return &webhook.Provider{
		Client: client, Group: "acme.example.com", Solver: "vendor", UID: "uid-1", DNSName: "shop.example.com", Namespace: "shop",
		Zone:   func(context.Context, string) (string, error) { return "example.com.", nil },
		Config: &runtime.RawExtension{Raw: []byte(`{"zone": "example.com"}`)},
	}
}

var record = dns01.NewRecord("shop.example.com", "value")

// What is sent is what webhook solvers were written for.
func TestPayload(t *testing.T) {
	var path string
	var sent map[string]any
	p := provider(t, func(w http.ResponseWriter, r *http.Request) {
		path = r.Method + " " + r.URL.Path
		if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
			t.Error(err)
		}
		_, _ = w.Write([]byte(`{"response": {"uid": "uid-1", "success": true}}`))
	})
	if err := p.Present(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	if want := "POST /apis/acme.example.com/v1alpha1/vendor"; path != want {
		t.Errorf("asked %s, want %s", path, want)
	}
	want := map[string]any{
		"apiVersion": "webhook.acme.cert-manager.io/v1alpha1", "kind": "ChallengePayload",
		"request": map[string]any{
			"uid": "uid-1", "action": "Present", "type": "dns-01", "dnsName": "shop.example.com", "key": "value",
			"resourceNamespace": "shop", "resolvedFQDN": "_acme-challenge.shop.example.com.", "resolvedZone": "example.com.",
			"allowAmbientCredentials": false, "config": map[string]any{"zone": "example.com"},
		},
	}
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := p.CleanUp(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	if action := sent["request"].(map[string]any)["action"]; action != "CleanUp" {
		t.Errorf("action %v", action)
	}
}

func TestFailures(t *testing.T) {
	status := func(code int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(code)
			_, _ = w.Write([]byte(text))
		}
	}
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"its own words":    {status(200, `{"response": {"uid": "uid-1", "success": false, "status": {"message": "zone is\nlocked"}}}`), "webhook solver vendor.acme.example.com: zone is locked"},
		"no words":         {status(200, `{"response": {"uid": "uid-1"}}`), "it failed and did not say why"},
		"no response":      {status(200, `{}`), "its answer has no response"},
		"no JSON":          {status(200, `<html>`), "its answer is no ChallengePayload"},
		"another's answer": {status(200, `{"response": {"uid": "uid-2", "success": true}}`), "its answer is for another request"},
		"not installed":    {status(404, `{"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404}`), "install the webhook solver"},
		"not allowed":      {status(403, `{"kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403}`), "bind a role that allows it"},
		"endless":          {status(200, `{"response": {"status": {"message": "`+strings.Repeat("x", 2<<20)), "its answer is no ChallengePayload"},
	} {
		if err := provider(t, test.handler).Present(t.Context(), record); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q", name, err, test.want)
		}
	}
}

// A solver that asks for another try later is not waited for: the worker has other orders.
func TestItIsAskedOnce(t *testing.T) {
	for _, code := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		asked := 0
		p := provider(t, func(w http.ResponseWriter, _ *http.Request) {
			asked++
			w.Header().Set("Retry-After", "0")
			http.Error(w, "later", code)
		})
		if err := p.Present(t.Context(), record); err == nil || asked != 1 {
			t.Errorf("status %d: asked %d times, error %v", code, asked, err)
		}
	}
}

// A tenant chooses both names: they must not lead to another API, with the operator's rights.
func TestNamesLeadToAWebhookSolverOnly(t *testing.T) {
	for _, names := range [][2]string{
		{"../api/v1/namespaces/kube-system/secrets", "vendor"}, {"acme.example.com", ".."}, {"acme.example.com", "a/b"},
		{"acme.example.com", "vendor?dryRun=All"}, {"", "vendor"}, {"apps", "vendor"}, {"acme.example.com", ""}, {"acme.example.com", "%2e%2e"},
	} {
		asked := false
		p := provider(t, func(http.ResponseWriter, *http.Request) { asked = true })
		p.Group, p.Solver = names[0], names[1]
		if err := p.Present(t.Context(), record); err == nil || asked {
			t.Errorf("%q: error %v, asked %v", names, err, asked)
		}
	}
}

func TestZoneIsNeeded(t *testing.T) {
	p := provider(t, func(http.ResponseWriter, *http.Request) { t.Error("asked without a zone") })
	missing := errors.New("no zone")
	p.Zone = func(context.Context, string) (string, error) { return "", missing }
	if err := p.Present(t.Context(), record); !errors.Is(err, missing) {
		t.Errorf("error %v", err)
	}
}
