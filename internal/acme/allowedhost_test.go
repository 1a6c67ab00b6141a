package acme_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

// A CA may keep its directory at one host and its orders at another; both are asked where the other is allowed.
func TestCAWithSeveralHosts(t *testing.T) {
	script := startScript(t)
	elsewhere := strings.Replace(script.URL(""), "127.0.0.1", "localhost", 1)
	script.On(acmetest.ScriptDirectory, acmetest.JSONReply(http.StatusOK, `{
		"newNonce": "{base}/new-nonce",
		"newAccount": "`+elsewhere+`/new-account",
		"newOrder": "`+elsewhere+`/new-order"}`))
	registered := acmetest.JSONReply(http.StatusCreated, `{"status":"valid"}`)
	registered.Header.Set("Location", elsewhere+"/account/1")
	script.On(acmetest.ScriptNewAccount, registered)
	script.On(acmetest.ScriptNewOrder, created(pendingOrder))
	client, account := scriptClient(t, script)

	_, err := client.NewAccount(testContext(t), account.Key, acme.AccountRequest{TermsOfServiceAgreed: true})
	if reasonOf(err) != acme.ReasonForeignHost || !strings.Contains(err.Error(), "allowedHosts") {
		t.Fatalf("error %v, want one that names the field to set", err)
	}
	client, _ = scriptClient(t, script)
	client.AllowedHosts = []string{"localhost"}
	registration, err := client.NewAccount(testContext(t), account.Key, acme.AccountRequest{TermsOfServiceAgreed: true})
	if err != nil {
		t.Fatal(err)
	}
	account.URL = registration.URL
	if _, err := client.NewOrder(testContext(t), account, orderOf); err != nil {
		t.Error(err)
	}
}
