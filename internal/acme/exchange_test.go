package acme_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

const pendingOrder = `{"status":"pending","identifiers":[{"type":"dns","value":"a.example"}],
	"authorizations":["{base}/authz/1"],"finalize":"{base}/order/1/finalize"}`

var orderOf = acme.OrderRequest{Identifiers: []acme.Identifier{acme.DNSIdentifier("a.example")}}

// created is the answer to a newOrder.
func created(body string) acmetest.Reply {
	reply := acmetest.JSONReply(http.StatusCreated, body)
	reply.Header.Set("Location", "{base}/order/1")
	return reply
}

func badNonce() acmetest.Reply {
	return acmetest.ProblemReply(http.StatusBadRequest, "badNonce", "stale")
}

func nonces(requests []acmetest.Request) []string {
	var used []string
	for _, request := range requests {
		nonce, _ := request.Protected["nonce"].(string)
		used = append(used, nonce)
	}
	return used
}

func TestNewOrderRequest(t *testing.T) {
	script := startScript(t)
	script.On(acmetest.ScriptDirectory, acmetest.JSONReply(http.StatusOK, fullDirectory))
	script.On(acmetest.ScriptNewOrder, created(pendingOrder))
	client, account := scriptClient(t, script)
	order, err := client.NewOrder(testContext(t), account, acme.OrderRequest{
		Identifiers: []acme.Identifier{acme.DNSIdentifier("a.example"), {Type: acme.IdentifierIP, Value: "192.0.2.1"}},
		NotBefore:   time.Date(2026, 11, 23, 13, 0, 0, 0, time.FixedZone("", 3600)),
		NotAfter:    time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
		Profile:     "shortlived",
		Replaces:    "aki.serial",
	})
	if err != nil {
		t.Fatal(err)
	}
	if order.URL != script.URL("/order/1") || order.Status != acme.OrderPending {
		t.Errorf("order %+v", order)
	}
	request := script.Requests(acmetest.ScriptNewOrder)[0]
	wantPayload := `{"identifiers":[{"type":"dns","value":"a.example"},{"type":"ip","value":"192.0.2.1"}],` +
		`"notBefore":"2026-11-23T12:00:00Z","notAfter":"2027-01-01T00:00:00Z","profile":"shortlived","replaces":"aki.serial"}`
	if string(request.Payload) != wantPayload {
		t.Errorf("payload %s, want %s", request.Payload, wantPayload)
	}
	wantHeader := map[string]string{"Content-Type": "application/jose+json", "User-Agent": "certwright/test", "Accept-Language": "en"}
	for name, want := range wantHeader {
		if got := request.Header.Get(name); got != want {
			t.Errorf("%s %q, want %q", name, got, want)
		}
	}
	if request.Protected["kid"] != account.URL || request.Protected["url"] != script.URL(acmetest.ScriptNewOrder) {
		t.Errorf("protected header %v", request.Protected)
	}
}

func TestReplacesIsForCAsWithRenewalInformation(t *testing.T) {
	script := startScript(t)
	script.On(acmetest.ScriptNewOrder, created(pendingOrder))
	client, account := scriptClient(t, script)
	request := acme.OrderRequest{Identifiers: orderOf.Identifiers, Replaces: "aki.serial"}
	if _, err := client.NewOrder(testContext(t), account, request); err != nil {
		t.Fatal(err)
	}
	wantPayloads(t, script, acmetest.ScriptNewOrder, `{"identifiers":[{"type":"dns","value":"a.example"}]}`)
}

// The url of the signed header is what the server gave, not a normal form of it.
func TestSignedURLIsByteForByte(t *testing.T) {
	script := startScript(t)
	script.On("/order/~a%7E", acmetest.JSONReply(http.StatusOK, pendingOrder))
	script.On("/order/~a~", acmetest.JSONReply(http.StatusOK, pendingOrder))
	client, account := scriptClient(t, script)
	given := strings.Replace(script.URL("/order/~a%7E?x=%2f&y="), "https://", "HTTPS://", 1)
	if _, err := client.FetchOrder(testContext(t), account, given); err != nil {
		t.Fatal(err)
	}
	requests := script.Requests("/order/~a~")
	if len(requests) != 1 || requests[0].Protected["url"] != given {
		t.Errorf("requests %v, want one signed for %s", requests, given)
	}
}

func TestPostAsGetHasAnEmptyPayload(t *testing.T) {
	script := startScript(t)
	script.On("/order/1", acmetest.JSONReply(http.StatusOK, pendingOrder))
	script.On("/chall/1", acmetest.JSONReply(http.StatusOK, `{"type":"http-01","status":"pending","token":"abc"}`))
	client, account := scriptClient(t, script)
	ctx := testContext(t)
	if _, err := client.FetchOrder(ctx, account, script.URL("/order/1")); err != nil {
		t.Fatal(err)
	}
	if payload := script.Requests("/order/1")[0].Payload; payload == nil || len(payload) != 0 {
		t.Errorf("payload %q, want it present and empty", payload)
	}
	challenge, err := client.AcceptChallenge(ctx, account, script.URL("/chall/1"))
	if err != nil {
		t.Fatal(err)
	}
	if payload := script.Requests("/chall/1")[0].Payload; string(payload) != "{}" {
		t.Errorf("payload %q, want {}", payload)
	}
	if challenge.URL != script.URL("/chall/1") || challenge.Token != "abc" {
		t.Errorf("challenge %+v", challenge)
	}
}

func TestOrderReadyAtCreation(t *testing.T) {
	script := startScript(t)
	script.On(acmetest.ScriptNewOrder, created(`{"status":"ready","identifiers":[],"authorizations":[],"finalize":"{base}/order/1/finalize"}`))
	processing := acmetest.JSONReply(http.StatusOK, `{"status":"processing","finalize":"{base}/order/1/finalize"}`)
	processing.Header.Set("Retry-After", "86400")
	script.On("/order/1/finalize", processing)
	client, account := scriptClient(t, script)
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	client.Now = func() time.Time { return now }
	order, err := client.NewOrder(testContext(t), account, orderOf)
	if err != nil {
		t.Fatal(err)
	}
	if order.Status != acme.OrderReady || !order.RetryAfter.IsZero() {
		t.Errorf("order %+v, want it ready", order)
	}
	finalized, err := client.Finalize(testContext(t), account, order, []byte{0xfb, 0xff})
	if err != nil {
		t.Fatal(err)
	}
	want := &acme.Order{URL: order.URL, Status: acme.OrderProcessing, Identifiers: []acme.Identifier{}, Authorizations: []string{}, Finalize: order.Finalize, RetryAfter: now.Add(24 * time.Hour)}
	if diff := cmp.Diff(want, finalized); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if payload := script.Requests("/order/1/finalize")[0].Payload; string(payload) != `{"csr":"-_8"}` {
		t.Errorf("payload %s", payload)
	}
}

func TestAccountWithoutURL(t *testing.T) {
	script := startScript(t)
	client, account := scriptClient(t, script)
	account.URL = ""
	if _, err := client.NewOrder(testContext(t), account, orderOf); !errors.Is(err, acme.ErrNotRegistered) {
		t.Errorf("error %v, want ErrNotRegistered", err)
	}
	if requests := script.Requests(acmetest.ScriptNewOrder); len(requests) != 0 {
		t.Error("a request was sent without an account")
	}
}

func TestDeactivateAuthorization(t *testing.T) {
	script := startScript(t)
	script.On("/authz/1", acmetest.JSONReply(http.StatusOK, `{"status":"deactivated","identifier":{"type":"dns","value":"a.example"}}`))
	client, account := scriptClient(t, script)
	authorization, err := client.DeactivateAuthorization(testContext(t), account, script.URL("/authz/1"))
	if err != nil {
		t.Fatal(err)
	}
	if authorization.Status != acme.AuthorizationDeactivated || authorization.URL != script.URL("/authz/1") {
		t.Errorf("authorization %+v", authorization)
	}
	if payload := script.Requests("/authz/1")[0].Payload; string(payload) != `{"status":"deactivated"}` {
		t.Errorf("payload %s", payload)
	}
}
