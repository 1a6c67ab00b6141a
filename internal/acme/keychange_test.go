package acme_test

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

func TestKeyChangeRequest(t *testing.T) {
	script := startScript(t)
	script.On(acmetest.ScriptKeyChange, acmetest.Reply{})
	client, account := scriptClient(t, script)
	next := newKey(t)
	if err := client.KeyChange(testContext(t), account, next); err != nil {
		t.Fatal(err)
	}
	request := script.Requests(acmetest.ScriptKeyChange)[0]
	if request.Protected["kid"] != account.URL || request.Protected["nonce"] == nil || request.Protected["jwk"] != nil {
		t.Errorf("outer header %v", request.Protected)
	}
	inner, err := jose.ParseSignedJSON(string(request.Payload), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := inner.Verify(next.Public())
	if err != nil {
		t.Fatalf("the inner JWS is not signed by the new key: %v", err)
	}
	wantInnerHeader(t, request.Payload, script.URL(acmetest.ScriptKeyChange), next)
	var change struct {
		Account string          `json:"account"`
		OldKey  jose.JSONWebKey `json:"oldKey"`
	}
	if err := json.Unmarshal(payload, &change); err != nil {
		t.Fatal(err)
	}
	if change.Account != account.URL || !samePublic(change.OldKey.Key, account.Key) || !change.OldKey.IsPublic() {
		t.Errorf("inner payload %s", payload)
	}
}

// wantInnerHeader checks for alg, jwk and url, and above all for no nonce and
// no kid (RFC 8555 section 7.3.5).
func wantInnerHeader(t *testing.T, jws []byte, url string, key crypto.Signer) {
	t.Helper()
	var members struct{ Protected string }
	if err := json.Unmarshal(jws, &members); err != nil {
		t.Fatal(err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(members.Protected)
	if err != nil {
		t.Fatal(err)
	}
	var header map[string]json.RawMessage
	if err := json.Unmarshal(raw, &header); err != nil {
		t.Fatal(err)
	}
	var jwk jose.JSONWebKey
	if err := json.Unmarshal(header["jwk"], &jwk); err != nil {
		t.Fatal(err)
	}
	if !samePublic(jwk.Key, key) {
		t.Error("the inner jwk is not the new key")
	}
	delete(header, "jwk")
	want := map[string]json.RawMessage{"alg": json.RawMessage(`"ES256"`), "url": json.RawMessage(`"` + url + `"`)}
	if diff := cmp.Diff(want, header); diff != "" {
		t.Errorf("rest of the inner header (-want +got):\n%s", diff)
	}
}

func samePublic(public crypto.PublicKey, key crypto.Signer) bool {
	comparable, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && comparable.Equal(public)
}

func TestKeyChangeConflict(t *testing.T) {
	bare := acmetest.Reply{Status: http.StatusConflict, Header: http.Header{"Location": {"{base}/account/2"}}}
	told := acmetest.ProblemReply(http.StatusConflict, "conflict", "taken")
	told.Header.Set("Location", "/account/2")
	for name, reply := range map[string]acmetest.Reply{"without a document": bare, "with a document": told} {
		script := startScript(t)
		script.On(acmetest.ScriptKeyChange, reply)
		client, account := scriptClient(t, script)
		problem, ok := acme.AsProblem(client.KeyChange(testContext(t), account, newKey(t)))
		if !ok || problem.Status != http.StatusConflict || problem.Location != script.URL("/account/2") {
			t.Errorf("%s: problem %+v, want a conflict with the account that has the key", name, problem)
		}
	}
}

func TestKeyChangeArguments(t *testing.T) {
	script := startScript(t)
	client, account := scriptClient(t, script)
	ctx := testContext(t)
	if err := client.KeyChange(ctx, account, account.Key); err == nil {
		t.Error("a change to the same key: no error")
	}
	if err := client.KeyChange(ctx, account, nil); !errors.Is(err, acme.ErrUnsupportedKey) {
		t.Errorf("no new key: %v", err)
	}
	if err := client.KeyChange(ctx, acme.Account{URL: account.URL}, newKey(t)); !errors.Is(err, acme.ErrUnsupportedKey) {
		t.Errorf("no old key: %v", err)
	}
	if err := client.KeyChange(ctx, acme.Account{Key: account.Key}, newKey(t)); !errors.Is(err, acme.ErrNotRegistered) {
		t.Errorf("no account URL: %v", err)
	}
	if len(script.Requests(acmetest.ScriptKeyChange)) != 0 {
		t.Error("a request was made that cannot succeed")
	}
}

func TestFindAccountKey(t *testing.T) {
	at := func(path string) acmetest.Reply {
		return acmetest.Reply{Header: http.Header{"Location": {"{base}" + path}}}
	}
	none := acmetest.ProblemReply(http.StatusBadRequest, "accountDoesNotExist", "no")
	limited := acmetest.ProblemReply(http.StatusTooManyRequests, "rateLimited", "later")
	first, second := newKey(t), newKey(t)
	tests := map[string]struct {
		replies []acmetest.Reply
		want    crypto.Signer
		err     func(error) bool
		asked   int
	}{
		"the first":              {[]acmetest.Reply{at("/account/1")}, first, nil, 1},
		"the second":             {[]acmetest.Reply{none, at("/account/1")}, second, nil, 2},
		"first is another's":     {[]acmetest.Reply{at("/account/2"), at("/account/1")}, second, nil, 2},
		"neither":                {[]acmetest.Reply{none, none}, nil, func(err error) bool { return errors.Is(err, acme.ErrKeyNotFound) }, 2},
		"the CA does not say":    {[]acmetest.Reply{limited}, nil, func(err error) bool { return acme.IsProblem(err, acme.TypeRateLimited) }, 1},
		"the CA gives no answer": {[]acmetest.Reply{none, {Drop: true}}, nil, func(err error) bool { return kindOf(err) == acme.NetworkClosed }, 2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			script := startScript(t)
			script.On(acmetest.ScriptNewAccount, test.replies...)
			client, account := scriptClient(t, script)
			got, err := client.FindAccountKey(testContext(t), account.URL, first, second)
			if got != test.want || (err != nil) != (test.err != nil) || (err != nil && !test.err(err)) {
				t.Errorf("key %v, error %v", got, err)
			}
			requests := script.Requests(acmetest.ScriptNewAccount)
			if len(requests) != test.asked {
				t.Errorf("%d requests, want %d", len(requests), test.asked)
			}
			for _, request := range requests {
				if string(request.Payload) != `{"onlyReturnExisting":true}` {
					t.Errorf("payload %s: it might make an account", request.Payload)
				}
			}
		})
	}
}
