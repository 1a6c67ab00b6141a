package acme_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

// What a CA offers is written down: it brings no text along that is neither a token nor a URL.
func TestOffersHoldNoOtherText(t *testing.T) {
	offer := func(typ, url, token string) map[string]string {
		return map[string]string{"type": typ, "url": url, "token": token, "status": "pending"}
	}
	script := startScript(t)
	body, err := json.Marshal(map[string]any{
		"status": "pending", "identifier": map[string]string{"type": "dns", "value": "www.example.com"},
		"challenges": []any{
			offer("good", script.URL("/good"), "token"),
			offer("long-token", script.URL("/a"), strings.Repeat("a", 257)),
			offer("two-lines", script.URL("/b"), "secret\nof another server"),
			offer("long-url", script.URL("/"+strings.Repeat("a", 2048)), "token"),
			offer("no-url", "secret of another server", "token"),
			offer("other-url", "data:text/plain,secret", "token"),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	script.On("/authz/1", acmetest.JSONReply(http.StatusOK, string(body)))
	client, account := scriptClient(t, script)
	authorization, err := client.FetchAuthorization(testContext(t), account, script.URL("/authz/1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, challenge := range authorization.Challenges {
		switch challenge.Type {
		case "good":
			if challenge.URL != script.URL("/good") || challenge.Token != "token" {
				t.Errorf("the good offer is %+v", challenge)
			}
		case "long-token", "two-lines":
			t.Errorf("%s: token %q", challenge.Type, challenge.Token)
		case "no-url":
			// A relative URL is one, and has no spaces any more.
			if strings.Contains(challenge.URL, " ") {
				t.Errorf("URL %q", challenge.URL)
			}
		default:
			if challenge.URL != "" {
				t.Errorf("%s: URL %q", challenge.Type, challenge.URL)
			}
		}
	}
	if _, ok := authorization.Challenge(acme.ChallengeType("good")); !ok {
		t.Error("the good offer is gone")
	}
}
