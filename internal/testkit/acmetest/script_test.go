package acmetest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/internal/testkit/acmetest"
)

func startScript(t *testing.T) *acmetest.Script {
	t.Helper()
	script, err := acmetest.StartScript()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := script.Close(); err != nil {
			t.Error(err)
		}
	})
	return script
}

type answer struct {
	Status   int
	Nonce    string
	Location string
	Body     string
}

func post(t *testing.T, script *acmetest.Script, path, body string) answer {
	t.Helper()
	response, err := script.HTTPClient().Post(script.URL(path), "application/jose+json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header.Get("Replay-Nonce"), response.Header.Get("Location"), string(text)}
}

func TestScriptReplies(t *testing.T) {
	script := startScript(t)
	script.On("/order",
		acmetest.Reply{Status: http.StatusCreated, Header: http.Header{"Location": {"{base}/order/1"}}, Body: "{base}"},
		acmetest.Reply{NoNonce: true, Body: "last"},
	)
	base := script.URL("")
	want := []answer{
		{Status: 201, Nonce: "script-nonce-1", Location: base + "/order/1", Body: base},
		{Status: 200, Body: "last"},
		{Status: 200, Body: "last"},
	}
	var got []answer
	for range want {
		got = append(got, post(t, script, "/order", ""))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	if unscripted := post(t, script, "/absent", ""); unscripted.Status != http.StatusNotFound {
		t.Errorf("answer at a path without replies: %+v", unscripted)
	}
}

func TestScriptRecordsTheJWS(t *testing.T) {
	script := startScript(t)
	// {"alg":"ES256","nonce":"n"} and {"a":1}
	post(t, script, "/x", `{"protected":"eyJhbGciOiJFUzI1NiIsIm5vbmNlIjoibiJ9","payload":"eyJhIjoxfQ","signature":"c2ln"}`)
	post(t, script, "/x", `{"protected":"e30","signature":"c2ln"}`)
	post(t, script, "/y", `not a JWS`)
	requests := script.Requests("/x")
	if len(requests) != 2 || len(script.Requests("")) != 3 {
		t.Fatalf("requests %v", script.Requests(""))
	}
	if diff := cmp.Diff(map[string]any{"alg": "ES256", "nonce": "n"}, requests[0].Protected); diff != "" {
		t.Errorf("protected header (-want +got):\n%s", diff)
	}
	if string(requests[0].Payload) != `{"a":1}` || requests[0].Signature != "c2ln" {
		t.Errorf("payload %q, signature %q", requests[0].Payload, requests[0].Signature)
	}
	if requests[1].Payload != nil {
		t.Errorf("payload %q of a JWS without one", requests[1].Payload)
	}
}

func TestScriptDrops(t *testing.T) {
	script := startScript(t)
	script.On("/x", acmetest.Reply{Drop: true})
	response, err := script.HTTPClient().Post(script.URL("/x"), "application/jose+json", nil)
	if err == nil {
		_ = response.Body.Close()
		t.Errorf("status %d, want a closed connection", response.StatusCode)
	}
}
