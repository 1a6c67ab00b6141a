package acme_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

func TestPebbleTLSALPN01(t *testing.T) {
	responder := startTLSResponder(t)
	server := startPebble(t, acmetest.Options{TLSPort: responder.port})
	ctx := testContext(t)
	account := server.register(ctx, t, newKey(t))
	request := acme.OrderRequest{Identifiers: []acme.Identifier{acme.DNSIdentifier("a.example"), acme.IPIdentifier(netip.MustParseAddr("127.0.0.1"))}}
	order, err := server.client.NewOrder(ctx, account, request)
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range order.Authorizations {
		authorization, challenge := server.offered(t, account, url, acme.ChallengeTLSALPN01)
		keyAuthorization, err := acme.KeyAuthorization(challenge.Token, account.Key)
		if err != nil {
			t.Fatal(err)
		}
		name, err := acme.TLSALPN01ServerName(authorization.Identifier)
		if err != nil {
			t.Fatal(err)
		}
		certificate, err := acme.TLSALPN01Certificate(authorization.Identifier, keyAuthorization, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		responder.answer(name, certificate)
		server.accept(t, account, authorization, challenge)
	}
	server.complete(ctx, t, account, order)
}

func TestPebbleDNSAccount01(t *testing.T) {
	server := startPebble(t, acmetest.Options{})
	ctx := testContext(t)
	account := server.register(ctx, t, newKey(t))
	order, err := server.client.NewOrder(ctx, account, acme.OrderRequest{Identifiers: []acme.Identifier{acme.DNSIdentifier("*.a.example")}})
	if err != nil {
		t.Fatal(err)
	}
	authorization, challenge := server.offered(t, account, order.Authorizations[0], acme.ChallengeDNSAccount01)
	keyAuthorization, err := acme.KeyAuthorization(challenge.Token, account.Key)
	if err != nil {
		t.Fatal(err)
	}
	server.dns.SetTXT(acme.DNSAccount01Name(account.URL, authorization.Identifier.Value), acme.DNS01Value(keyAuthorization))
	server.accept(t, account, authorization, challenge)
	server.complete(ctx, t, account, order)
}

// Pebble speaks the format of draft 01. The record of a first order serves the
// second one too, and one without "policy=wildcard" does not serve a wildcard.
func TestPebbleDNSPersist01(t *testing.T) {
	server := startPebble(t, acmetest.Options{CAAIdentities: []string{"ca.example", "ca.example.net"}})
	ctx := testContext(t)
	account := server.register(ctx, t, newKey(t))
	directory, err := server.client.FetchDirectory(ctx)
	if err != nil {
		t.Fatal(err)
	}
	publish := func(offer *acme.PersistOffer, wildcard bool) {
		t.Helper()
		record, err := offer.Record(&directory.Meta, account, acme.PersistRequest{
			Domain: "a.example", Issuer: "ca.example.net", Wildcard: wildcard, Until: time.Now().Add(time.Hour),
		})
		if err != nil {
			t.Fatal(err)
		}
		value, err := record.Value()
		if err != nil {
			t.Fatal(err)
		}
		server.dns.SetTXT(acme.DNSPersist01Name("a.example"), "other.example; accounturi=https://other.example/1", value)
	}
	ahead, ok := directory.Meta.PersistOffer(acme.PersistAccountURL)
	if !ok {
		t.Fatal("the directory is not enough for a record ahead of any order")
	}
	publish(ahead, false)
	try := func(name string) acme.AuthorizationStatus {
		t.Helper()
		order, err := server.client.NewOrder(ctx, account, acme.OrderRequest{Identifiers: []acme.Identifier{acme.DNSIdentifier(name)}})
		if err != nil {
			t.Fatal(err)
		}
		authorization, challenge := server.offered(t, account, order.Authorizations[0], acme.ChallengeDNSPersist01)
		if challenge.Token != "" || challenge.Persist == nil || challenge.Persist.AccountURI != account.URL {
			t.Fatalf("challenge %+v with offer %+v", challenge, challenge.Persist)
		}
		if name == "*.a.example" {
			publish(challenge.Persist, true)
		}
		if _, err := server.client.AcceptChallenge(ctx, account, challenge.URL); err != nil {
			t.Fatal(err)
		}
		status := server.awaitAuthorization(ctx, t, account, authorization.URL).Status
		if status == acme.AuthorizationValid {
			// Pebble may use a valid authorization again.
			if _, err := server.client.DeactivateAuthorization(ctx, account, authorization.URL); err != nil {
				t.Fatal(err)
			}
		}
		return status
	}
	for _, name := range []string{"a.example", "a.example", "*.a.example"} {
		if got := try(name); got != acme.AuthorizationValid {
			t.Errorf("%s: authorization %s, want it valid", name, got)
		}
	}
	if got := try("b.example"); got != acme.AuthorizationInvalid {
		t.Errorf("b.example, which has no record: authorization %s, want it invalid", got)
	}
}

// offered reads an authorization and its challenge of a type.
func (p *pebble) offered(t *testing.T, account acme.Account, url string, typ acme.ChallengeType) (*acme.Authorization, *acme.Challenge) {
	t.Helper()
	authorization, err := p.client.FetchAuthorization(testContext(t), account, url)
	if err != nil {
		t.Fatal(err)
	}
	challenge, ok := authorization.Challenge(typ)
	if !ok {
		t.Fatalf("%s is not offered for %v", typ, authorization.Identifier)
	}
	return authorization, challenge
}

// accept has a challenge validated, and fails if it is not found valid.
func (p *pebble) accept(t *testing.T, account acme.Account, authorization *acme.Authorization, challenge *acme.Challenge) {
	t.Helper()
	ctx := testContext(t)
	accepted, err := p.client.AcceptChallenge(ctx, account, challenge.URL)
	if err != nil {
		t.Fatal(err)
	}
	if accepted.Authorization != authorization.URL {
		t.Errorf("challenge of %q, want %q", accepted.Authorization, authorization.URL)
	}
	if got := p.awaitAuthorization(ctx, t, account, authorization.URL); got.Status != acme.AuthorizationValid {
		t.Errorf("authorization of %v %s, want it valid: %v", got.Identifier, got.Status, got.Challenges)
	}
}
