package acme_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

// fullDirectory has every resource that this package can ask for.
const fullDirectory = `{"newNonce":"{base}/new-nonce","newAccount":"{base}/new-account","newOrder":"{base}/new-order",
	"newAuthz":"{base}/new-authz","revokeCert":"{base}/revoke-cert","keyChange":"{base}/key-change","renewalInfo":"{base}/renewal-info"}`

// bareDirectory has only what every CA must have.
const bareDirectory = `{"newNonce":"{base}/new-nonce","newAccount":"{base}/new-account","newOrder":"{base}/new-order"}`

func TestResourcesThatTheCADoesNotHave(t *testing.T) {
	script := startScript(t)
	script.On(acmetest.ScriptDirectory, acmetest.JSONReply(http.StatusOK, bareDirectory))
	client, account := scriptClient(t, script)
	ctx := testContext(t)
	calls := map[string]func() error{
		"newAuthz": func() error {
			_, err := client.NewAuthorization(ctx, account, acme.PreauthorizationRequest{Identifier: acme.DNSIdentifier("a.example")})
			return err
		},
		"revokeCert": func() error {
			_, err := client.RevokeCertificate(ctx, account, []byte("der"), acme.RevocationUnspecified)
			return err
		},
		"keyChange": func() error { return client.KeyChange(ctx, account, newKey(t)) },
		"renewalInfo": func() error {
			_, err := client.FetchRenewalInfo(ctx, "aki.serial")
			return err
		},
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, acme.ErrNotOffered) {
			t.Errorf("%s: %v, want ErrNotOffered", name, err)
		}
	}
	if got := len(script.Requests("")); got != 1 {
		t.Errorf("%d requests, want that for the directory alone", got)
	}
}

func TestPreauthorization(t *testing.T) {
	script := startScript(t)
	script.On(acmetest.ScriptDirectory, acmetest.JSONReply(http.StatusOK, fullDirectory))
	reply := acmetest.JSONReply(http.StatusCreated, `{"status":"pending","identifier":{"type":"dns","value":"a.example"},"subdomainAuthAllowed":true,
		"challenges":[{"type":"dns-01","url":"{base}/chall/1","status":"pending","token":"abc"}]}`)
	reply.Header.Set("Location", "{base}/authz/1")
	script.On("/new-authz", reply)
	client, account := scriptClient(t, script)
	ctx := testContext(t)
	for _, subdomains := range []bool{true, false} {
		request := acme.PreauthorizationRequest{Identifier: acme.DNSIdentifier("a.example"), Subdomains: subdomains}
		authorization, err := client.NewAuthorization(ctx, account, request)
		if err != nil {
			t.Fatal(err)
		}
		want := &acme.Authorization{
			URL: script.URL("/authz/1"), Identifier: acme.DNSIdentifier("a.example"), Status: acme.AuthorizationPending,
			Challenges:           []acme.Challenge{{Type: acme.ChallengeDNS01, URL: script.URL("/chall/1"), Status: acme.ChallengePending, Token: "abc"}},
			SubdomainAuthAllowed: true,
		}
		if diff := cmp.Diff(want, authorization); diff != "" {
			t.Errorf("authorization (-want +got):\n%s", diff)
		}
	}
	wantPayloads(t, script, "/new-authz",
		`{"identifier":{"type":"dns","value":"a.example","subdomainAuthAllowed":true}}`,
		`{"identifier":{"type":"dns","value":"a.example"}}`)
	reply.Header.Del("Location")
	script.On("/new-authz", reply)
	if _, err := client.NewAuthorization(ctx, account, acme.PreauthorizationRequest{Identifier: acme.DNSIdentifier("a.example")}); reasonOf(err) != acme.ReasonMissing {
		t.Errorf("an answer without Location: %v", err)
	}
}

// wantPayloads checks the payloads of the requests that were made to a path.
func wantPayloads(t *testing.T, script *acmetest.Script, path string, want ...string) {
	t.Helper()
	var got []string
	for _, request := range script.Requests(path) {
		got = append(got, string(request.Payload))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("payloads at %s (-want +got):\n%s", path, diff)
	}
}

func TestOrderList(t *testing.T) {
	script := startScript(t)
	first := acmetest.JSONReply(http.StatusOK, `{"orders":["{base}/order/1","/order/2"]}`)
	first.Header["Link"] = []string{`<{base}/dir>;rel="index"`, `<{base}/orders/1?page=2>;rel="next"`}
	script.On("/orders/1", first, acmetest.JSONReply(http.StatusOK, `{"orders":[]}`), acmetest.JSONReply(http.StatusOK, `{"orders":7}`))
	client, account := scriptClient(t, script)
	ctx := testContext(t)
	list, err := client.FetchOrders(ctx, account, script.URL("/orders/1"))
	if err != nil {
		t.Fatal(err)
	}
	want := &acme.OrderList{Orders: []string{script.URL("/order/1"), script.URL("/order/2")}, Next: script.URL("/orders/1?page=2")}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("first page (-want +got):\n%s", diff)
	}
	list, err = client.FetchOrders(ctx, account, list.Next)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&acme.OrderList{Orders: []string{}}, list); diff != "" {
		t.Errorf("last page (-want +got):\n%s", diff)
	}
	if _, err := client.FetchOrders(ctx, account, script.URL("/orders/1")); reasonOf(err) != acme.ReasonMalformed {
		t.Errorf("a list that is none: %v", err)
	}
}

func TestChallengeNamesItsAuthorization(t *testing.T) {
	script := startScript(t)
	reply := acmetest.JSONReply(http.StatusOK, `{"type":"dns-01","status":"pending","token":"abc"}`)
	reply.Header.Set("Link", `</authz/1>;rel="up"`)
	script.On("/chall/1", reply)
	client, account := scriptClient(t, script)
	challenge, err := client.FetchChallenge(testContext(t), account, script.URL("/chall/1"))
	if err != nil {
		t.Fatal(err)
	}
	if challenge.Authorization != script.URL("/authz/1") {
		t.Errorf("authorization %q, want that of the link", challenge.Authorization)
	}
}

// A contact that the CA must refuse is not sent to it.
func TestUnusableContactsAreNotSent(t *testing.T) {
	script := startScript(t)
	client, account := scriptClient(t, script)
	ctx := testContext(t)
	contact := []string{"mailto:a@a.example,b@a.example"}
	_, first := client.NewAccount(ctx, account.Key, acme.AccountRequest{Contact: contact})
	_, second := client.UpdateContacts(ctx, account, contact)
	for _, err := range []error{first, second} {
		if reasonOf(err) != acme.ReasonBadURL {
			t.Errorf("error %v, want %s", err, acme.ReasonBadURL)
		}
	}
	if len(script.Requests("")) != 0 {
		t.Error("a request was made that cannot succeed")
	}
}

func TestDeactivateAccount(t *testing.T) {
	script := startScript(t)
	script.On("/account/1", acmetest.JSONReply(http.StatusOK, `{"status":"deactivated"}`))
	client, account := scriptClient(t, script)
	registration, err := client.DeactivateAccount(testContext(t), account)
	if err != nil {
		t.Fatal(err)
	}
	if registration.Status != acme.AccountDeactivated {
		t.Errorf("registration %+v", registration)
	}
	wantPayloads(t, script, "/account/1", `{"status":"deactivated"}`)
}
