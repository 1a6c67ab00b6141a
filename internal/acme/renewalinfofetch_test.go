package acme_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

func TestRenewalInfo(t *testing.T) {
	script := startScript(t)
	script.On(acmetest.ScriptDirectory, acmetest.JSONReply(http.StatusOK, fullDirectory))
	const body = `{"suggestedWindow":{"start":"2026-12-01T04:00:00Z","end":"2026-12-03T04:00:00Z"},"explanationURL":"https://ca.example/incident"}`
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	window := acme.Window{Start: time.Date(2026, 12, 1, 4, 0, 0, 0, time.UTC), End: time.Date(2026, 12, 3, 4, 0, 0, 0, time.UTC)}
	client, _ := scriptClient(t, script)
	client.Now = func() time.Time { return now }
	ctx := testContext(t)
	for retryAfter, want := range map[string]time.Duration{
		"21600": 6 * time.Hour, "0": time.Minute, "-5": 6 * time.Hour, "": 6 * time.Hour, "soon": 6 * time.Hour,
		"Fri, 31 Dec 9999 23:59:59 GMT": 24 * time.Hour,
	} {
		reply := acmetest.JSONReply(http.StatusOK, body)
		reply.Header.Set("Retry-After", retryAfter)
		reply.Header.Set("Date", "Mon, 23 Nov 2026 12:00:00 GMT")
		script.On("/renewal-info/aki.serial", reply)
		got, err := client.FetchRenewalInfo(ctx, "aki.serial")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&acme.RenewalInfo{Window: window, ExplanationURL: "https://ca.example/incident", RetryAfter: now.Add(want)}, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", retryAfter, diff)
		}
	}
	request := script.Requests("/renewal-info/aki.serial")[0]
	if request.Method != http.MethodGet || request.Protected != nil || request.Header.Get("Accept") != "application/json" {
		t.Errorf("request %+v, want a plain GET", request)
	}
	if len(script.Requests(acmetest.ScriptNewNonce)) != 0 {
		t.Error("a nonce was fetched for a request that is not signed")
	}
}

func TestRenewalInfoRefusals(t *testing.T) {
	script := startScript(t)
	script.On(acmetest.ScriptDirectory, acmetest.JSONReply(http.StatusOK, fullDirectory))
	client, _ := scriptClient(t, script)
	ctx := testContext(t)
	if _, err := client.FetchRenewalInfo(ctx, "../new-order"); err == nil || len(script.Requests("")) != 0 {
		t.Errorf("a path as identifier: %v", err)
	}
	if _, err := client.FetchRenewalInfo(ctx, "aki.serial"); !acme.IsProblem(err, acme.TypeMalformed) {
		t.Errorf("an unknown certificate: %v", err)
	}
	script.On("/renewal-info/aki.serial", acmetest.Reply{Body: `{"suggestedWindow":{}}`})
	if _, err := client.FetchRenewalInfo(ctx, "aki.serial"); reasonOf(err) != acme.ReasonMalformed {
		t.Errorf("no window: %v", err)
	}
	script.On("/renewal-info/aki.serial", acmetest.Reply{Drop: true})
	if _, err := client.FetchRenewalInfo(ctx, "aki.serial"); kindOf(err) != acme.NetworkClosed {
		t.Errorf("no answer: %v", err)
	}
}
