package acme_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
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

func TestNoncesAreReused(t *testing.T) {
	script := startScript(t)
	script.On("/order/1", acmetest.JSONReply(http.StatusOK, pendingOrder))
	client, account := scriptClient(t, script)
	for range 3 {
		if _, err := client.FetchOrder(testContext(t), account, script.URL("/order/1")); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(script.Requests(acmetest.ScriptNewNonce)); got != 1 {
		t.Errorf("%d requests for a nonce, want 1", got)
	}
	if used := nonces(script.Requests("/order/1")); len(slices.Compact(slices.Sorted(slices.Values(used)))) != 3 {
		t.Errorf("nonces %v, want three different ones", used)
	}
}

// A nonce that two requests share makes the CA refuse one of them.
func TestNoncesAreNotSharedByConcurrentCalls(t *testing.T) {
	script := startScript(t)
	script.On("/order/1", acmetest.JSONReply(http.StatusOK, pendingOrder))
	client, account := scriptClient(t, script)
	ctx := testContext(t)
	const callers, calls = 8, 10
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			for range calls {
				if _, err := client.FetchOrder(ctx, account, script.URL("/order/1")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	used := nonces(script.Requests("/order/1"))
	if distinct := slices.Compact(slices.Sorted(slices.Values(used))); len(distinct) != callers*calls {
		t.Errorf("%d requests with %d nonces", len(used), len(distinct))
	}
}

func TestBadNonceIsSignedAgainWithTheNonceOfTheRefusal(t *testing.T) {
	script := startScript(t)
	script.On(acmetest.ScriptNewOrder, badNonce(), badNonce(), created(pendingOrder))
	client, account := scriptClient(t, script)
	if _, err := client.NewOrder(testContext(t), account, orderOf); err != nil {
		t.Fatal(err)
	}
	if got := len(script.Requests(acmetest.ScriptNewNonce)); got != 1 {
		t.Errorf("%d requests for a nonce, want 1", got)
	}
	// Directory 1, newNonce 2, then each answer's nonce goes into the next request.
	want := []string{"script-nonce-2", "script-nonce-3", "script-nonce-4"}
	if diff := cmp.Diff(want, nonces(script.Requests(acmetest.ScriptNewOrder))); diff != "" {
		t.Errorf("nonces (-want +got):\n%s", diff)
	}
}

func TestBadNonceWithoutANonceFetchesOne(t *testing.T) {
	script := startScript(t)
	refusal := badNonce()
	refusal.NoNonce = true
	script.On(acmetest.ScriptNewOrder, refusal, created(pendingOrder))
	client, account := scriptClient(t, script)
	if _, err := client.NewOrder(testContext(t), account, orderOf); err != nil {
		t.Fatal(err)
	}
	if got := len(script.Requests(acmetest.ScriptNewNonce)); got != 2 {
		t.Errorf("%d requests for a nonce, want 2", got)
	}
}

func TestBadNonceStormEnds(t *testing.T) {
	script := startScript(t)
	script.On(acmetest.ScriptNewOrder, badNonce())
	client, account := scriptClient(t, script)
	_, err := client.NewOrder(testContext(t), account, orderOf)
	if !acme.IsProblem(err, acme.TypeBadNonce) {
		t.Errorf("error %v, want badNonce", err)
	}
	if got := len(script.Requests(acmetest.ScriptNewOrder)); got != 11 {
		t.Errorf("%d requests, want the first and 10 more", got)
	}
}

func TestNewNonceWithoutANonce(t *testing.T) {
	script := startScript(t)
	script.On(acmetest.ScriptNewNonce, acmetest.Reply{NoNonce: true})
	client, account := scriptClient(t, script)
	_, err := client.NewOrder(testContext(t), account, orderOf)
	if reasonOf(err) != acme.ReasonMissing {
		t.Errorf("error %v, want %s", err, acme.ReasonMissing)
	}
}

func TestProblemOfAnAnswer(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	limited := acmetest.ProblemReply(http.StatusTooManyRequests, "rateLimited", "too many")
	limited.Header.Add("Link", `<{base}/dir>;rel="index"`)
	limited.Header.Add("Link", `<https://ca.example/docs/limits>;rel="help"`)
	inSeconds, asDate := limited, limited
	inSeconds.Header = limited.Header.Clone()
	inSeconds.Header.Set("Retry-After", "120")
	asDate.Header = limited.Header.Clone()
	asDate.Header.Set("Date", "Mon, 23 Nov 2026 12:00:00 GMT")
	asDate.Header.Set("Retry-After", "Mon, 23 Nov 2026 12:02:00 GMT")
	terms := acmetest.ProblemReply(http.StatusForbidden, "userActionRequired", "new terms")
	terms.Header.Set("Link", `<https://ca.example/tos/v2>;rel="terms-of-service"`)
	down := acmetest.Reply{Status: http.StatusServiceUnavailable, Body: "<h1>down</h1>", Header: http.Header{"Content-Type": {"text/html"}, "Retry-After": {"30"}}}
	huge := acmetest.ProblemReply(http.StatusForbidden, "malformed", strings.Repeat("a", 1<<17))
	const help = "https://ca.example/docs/limits"
	tests := map[string]struct {
		reply acmetest.Reply
		want  *acme.Problem
	}{
		"429":            {limited, &acme.Problem{Type: acme.TypeRateLimited, Detail: "too many", Status: 429, Help: help}},
		"429 in seconds": {inSeconds, &acme.Problem{Type: acme.TypeRateLimited, Detail: "too many", Status: 429, Help: help, RetryAfter: now.Add(2 * time.Minute)}},
		"429 as a date":  {asDate, &acme.Problem{Type: acme.TypeRateLimited, Detail: "too many", Status: 429, Help: help, RetryAfter: now.Add(2 * time.Minute)}},
		"new terms":      {terms, &acme.Problem{Type: acme.TypeUserActionRequired, Detail: "new terms", Status: 403, TermsOfService: "https://ca.example/tos/v2"}},
		"503 HTML":       {down, &acme.Problem{Type: acme.TypeBlank, Status: 503, Synthetic: true, RetryAfter: now.Add(30 * time.Second)}},
		"oversized":      {huge, &acme.Problem{Type: acme.TypeBlank, Status: 403, Synthetic: true}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			script := startScript(t)
			script.On(acmetest.ScriptNewOrder, test.reply)
			client, account := scriptClient(t, script)
			client.Now = func() time.Time { return now }
			_, err := client.NewOrder(testContext(t), account, orderOf)
			problem, ok := acme.AsProblem(err)
			if !ok {
				t.Fatalf("error %v, want a Problem", err)
			}
			if diff := cmp.Diff(test.want, problem); diff != "" {
				t.Errorf("problem (-want +got):\n%s", diff)
			}
			if !strings.HasPrefix(err.Error(), "newOrder: ") {
				t.Errorf("message %q does not say what failed", err)
			}
		})
	}
}

func TestRefusedAnswers(t *testing.T) {
	foreign := startScript(t)
	location := func(target string) acmetest.Reply {
		reply := created(pendingOrder)
		reply.Header.Set("Location", target)
		return reply
	}
	none := created(pendingOrder)
	none.Header.Del("Location")
	elsewhere := foreign.URL("/x")
	tests := map[string]struct {
		reply acmetest.Reply
		want  acme.ProtocolReason
	}{
		"no Location":              {none, acme.ReasonMissing},
		"foreign Location":         {location(elsewhere), acme.ReasonForeignHost},
		"insecure Location":        {location("http://127.0.0.1/order/1"), acme.ReasonInsecureURL},
		"scheme-relative Location": {location("//evil.test/order/1"), acme.ReasonForeignHost},
		"foreign authorization":    {created(`{"status":"pending","authorizations":["` + elsewhere + `"]}`), acme.ReasonForeignHost},
		"foreign finalize":         {created(`{"status":"pending","finalize":"` + elsewhere + `"}`), acme.ReasonForeignHost},
		"foreign certificate":      {created(`{"status":"valid","certificate":"` + elsewhere + `"}`), acme.ReasonForeignHost},
		"HTML":                     {created(`<html>`), acme.ReasonMalformed},
		"no body":                  {created(``), acme.ReasonMalformed},
		"oversized":                {created(`{"status":"pending","x":"` + strings.Repeat("a", 1<<20) + `"}`), acme.ReasonTooLarge},
		"redirect":                 {acmetest.Reply{Status: http.StatusTemporaryRedirect, Header: http.Header{"Location": {elsewhere}}}, acme.ReasonRedirect},
		"see other":                {acmetest.Reply{Status: http.StatusSeeOther, Header: http.Header{"Location": {"/order/2"}}}, acme.ReasonRedirect},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			script := startScript(t)
			script.On(acmetest.ScriptNewOrder, test.reply)
			client, account := scriptClient(t, script)
			_, err := client.NewOrder(testContext(t), account, orderOf)
			if reasonOf(err) != test.want {
				t.Errorf("error %v, want %s", err, test.want)
			}
			if got := len(script.Requests(acmetest.ScriptNewOrder)); got != 1 {
				t.Errorf("%d requests, want 1", got)
			}
		})
	}
	if requests := foreign.Requests(""); len(requests) != 0 {
		t.Errorf("the foreign host was asked: %v", requests)
	}
}

func TestForeignURLIsNotAsked(t *testing.T) {
	script, foreign := startScript(t), startScript(t)
	client, account := scriptClient(t, script)
	ctx := testContext(t)
	_, err := client.FetchOrder(ctx, account, foreign.URL("/order/1"))
	if reasonOf(err) != acme.ReasonForeignHost {
		t.Errorf("error %v, want %s", err, acme.ReasonForeignHost)
	}
	if len(foreign.Requests("")) != 0 {
		t.Error("a signed request went to a foreign host")
	}
}

func TestAllowedHost(t *testing.T) {
	script := startScript(t)
	reply := created(pendingOrder)
	reply.Header.Set("Location", strings.Replace(script.URL("/order/1"), "127.0.0.1", "localhost", 1))
	script.On(acmetest.ScriptNewOrder, reply)
	client, account := scriptClient(t, script)
	client.AllowedHosts = []string{"localhost"}
	order, err := client.NewOrder(testContext(t), account, orderOf)
	if err != nil {
		t.Fatal(err)
	}
	script.On("/order/1", acmetest.JSONReply(http.StatusOK, pendingOrder))
	if _, err := client.FetchOrder(testContext(t), account, order.URL); err != nil {
		t.Error(err)
	}
}

func TestRelativeLocation(t *testing.T) {
	script := startScript(t)
	reply := created(pendingOrder)
	reply.Header.Set("Location", "order/1?v=%7e")
	script.On(acmetest.ScriptNewOrder, reply)
	client, account := scriptClient(t, script)
	order, err := client.NewOrder(testContext(t), account, orderOf)
	if err != nil {
		t.Fatal(err)
	}
	if want := script.URL("/order/1?v=%7e"); order.URL != want {
		t.Errorf("order URL %q, want %q", order.URL, want)
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
