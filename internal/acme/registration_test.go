package acme_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

func TestNewAccount(t *testing.T) {
	script := startScript(t)
	reply := acmetest.JSONReply(http.StatusCreated, `{"status":"valid","contact":["mailto:a@b.example"],"termsOfServiceAgreed":true,"orders":"{base}/orders/1"}`)
	reply.Header.Set("Location", "{base}/account/1")
	reply.Header.Set("Link", `<https://ca.example/tos>;rel="terms-of-service"`)
	script.On(acmetest.ScriptNewAccount, reply)
	client, account := scriptClient(t, script)
	got, err := client.NewAccount(testContext(t), account.Key, acme.AccountRequest{
		Contact:              []string{"mailto:a@b.example"},
		TermsOfServiceAgreed: true,
		ExternalAccount:      &acme.ExternalAccount{KeyID: "kid-1", MACKey: []byte("mac")},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := &acme.Registration{
		URL:                  script.URL("/account/1"),
		Status:               acme.AccountValid,
		Contact:              []string{"mailto:a@b.example"},
		TermsOfServiceAgreed: true,
		Orders:               script.URL("/orders/1"),
		Created:              true,
		TermsOfService:       "https://ca.example/tos",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("registration (-want +got):\n%s", diff)
	}
	request := script.Requests(acmetest.ScriptNewAccount)[0]
	if _, found := request.Protected["jwk"]; !found || request.Protected["kid"] != nil {
		t.Errorf("protected header %v, want jwk and no kid", request.Protected)
	}
	var payload struct {
		Contact                []string
		TermsOfServiceAgreed   bool
		ExternalAccountBinding struct{ Protected, Payload, Signature string }
	}
	if err := json.Unmarshal(request.Payload, &payload); err != nil {
		t.Fatal(err)
	}
	if !payload.TermsOfServiceAgreed || len(payload.Contact) != 1 || payload.ExternalAccountBinding.Signature == "" {
		t.Errorf("payload %s", request.Payload)
	}
}

// Some CAs answer newAccount with headers alone.
func TestNewAccountWithoutBody(t *testing.T) {
	script := startScript(t)
	script.On(acmetest.ScriptNewAccount, acmetest.Reply{Header: http.Header{"Location": {"{base}/account/7"}}})
	client, account := scriptClient(t, script)
	got, err := client.NewAccount(testContext(t), account.Key, acme.AccountRequest{OnlyReturnExisting: true})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&acme.Registration{URL: script.URL("/account/7")}, got); diff != "" {
		t.Errorf("registration (-want +got):\n%s", diff)
	}
	if payload := script.Requests(acmetest.ScriptNewAccount)[0].Payload; string(payload) != `{"onlyReturnExisting":true}` {
		t.Errorf("payload %s", payload)
	}
}

func TestNewAccountAnswersThatAreRefused(t *testing.T) {
	located := func(location, body string) acmetest.Reply {
		reply := acmetest.JSONReply(http.StatusCreated, body)
		reply.Header.Set("Location", location)
		return reply
	}
	tests := map[string]struct {
		reply acmetest.Reply
		want  acme.ProtocolReason
	}{
		"no Location":      {acmetest.JSONReply(http.StatusCreated, `{"status":"valid"}`), acme.ReasonMissing},
		"foreign Location": {located("https://evil.test/account/1", `{"status":"valid"}`), acme.ReasonForeignHost},
		"HTML":             {located("{base}/account/1", `<html>`), acme.ReasonMalformed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			script := startScript(t)
			script.On(acmetest.ScriptNewAccount, test.reply)
			client, account := scriptClient(t, script)
			if _, err := client.NewAccount(testContext(t), account.Key, acme.AccountRequest{}); reasonOf(err) != test.want {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}

func TestUpdateContacts(t *testing.T) {
	script := startScript(t)
	script.On("/account/1", acmetest.JSONReply(http.StatusOK, `{"status":"valid"}`))
	client, account := scriptClient(t, script)
	ctx := testContext(t)
	if _, err := client.UpdateContacts(ctx, account, []string{"mailto:new@b.example"}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.UpdateContacts(ctx, account, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := client.FetchAccount(ctx, account); err != nil {
		t.Fatal(err)
	}
	var payloads []string
	for _, request := range script.Requests("/account/1") {
		payloads = append(payloads, string(request.Payload))
	}
	want := []string{`{"contact":["mailto:new@b.example"]}`, `{"contact":[]}`, ``}
	if diff := cmp.Diff(want, payloads); diff != "" {
		t.Errorf("payloads (-want +got):\n%s", diff)
	}
}
