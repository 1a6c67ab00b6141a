package acme_test

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"fmt"
	"net/netip"
	"testing"

	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

func TestPebbleIssuesByEveryKeyAndChallenge(t *testing.T) {
	server := startPebble(t, acmetest.Options{NonceRejectPercent: 20, RetryAfterOrder: 5})
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	names := []acme.Identifier{acme.DNSIdentifier("a.example"), acme.DNSIdentifier("b.example")}
	wildcard := []acme.Identifier{acme.DNSIdentifier("a.example"), acme.DNSIdentifier("*.a.example")}
	address := []acme.Identifier{acme.IPIdentifier(netip.MustParseAddr("127.0.0.1")), acme.DNSIdentifier("c.example")}
	tests := map[string]struct {
		key         crypto.Signer
		identifiers []acme.Identifier
		challenge   acme.ChallengeType
		names       []string
	}{
		"P-256, http-01":          {newKey(t), names, acme.ChallengeHTTP01, []string{"a.example", "b.example"}},
		"P-384, dns-01, wildcard": {ecdsaKey(t, elliptic.P384()), wildcard, acme.ChallengeDNS01, []string{"a.example", "x.a.example"}},
		"P-521, http-01, address": {ecdsaKey(t, elliptic.P521()), address, acme.ChallengeHTTP01, []string{"127.0.0.1", "c.example"}},
		"RSA, dns-01":             {rsaKey, names, acme.ChallengeDNS01, []string{"a.example"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ctx := testContext(t)
			account := server.register(ctx, t, test.key)
			order, err := server.client.NewOrder(ctx, account, acme.OrderRequest{Identifiers: test.identifiers, Profile: acmetest.DefaultProfile})
			if err != nil {
				t.Fatal(err)
			}
			if order.Status != acme.OrderPending || order.Expires.IsZero() || order.Profile != acmetest.DefaultProfile {
				t.Errorf("order %+v", order)
			}
			server.prove(ctx, t, account, order, test.challenge)
			order = server.complete(ctx, t, account, order)
			certificate, err := server.client.FetchCertificate(ctx, account, order.Certificate)
			if err != nil {
				t.Fatal(err)
			}
			verifyChain(t, certificate.PEM, server.Roots(), test.names...)
		})
	}
}

func TestPebbleReusesAuthorizations(t *testing.T) {
	server := startPebble(t, acmetest.Options{AuthzReusePercent: 100})
	ctx := testContext(t)
	account := server.register(ctx, t, newKey(t))
	first, err := server.client.NewOrder(ctx, account, orderOf)
	if err != nil {
		t.Fatal(err)
	}
	server.prove(ctx, t, account, first, acme.ChallengeHTTP01)
	second, err := server.client.NewOrder(ctx, account, orderOf)
	if err != nil {
		t.Fatal(err)
	}
	if second.Status != acme.OrderReady {
		t.Errorf("second order %s, want it ready", second.Status)
	}
	if _, err := server.client.DeactivateAuthorization(ctx, account, second.Authorizations[0]); err != nil {
		t.Fatal(err)
	}
	third, err := server.client.NewOrder(ctx, account, orderOf)
	if err != nil {
		t.Fatal(err)
	}
	if third.Status != acme.OrderPending {
		t.Errorf("order after the deactivation %s, want it pending", third.Status)
	}
}

func TestPebbleAlternateChains(t *testing.T) {
	server := startPebble(t, acmetest.Options{AlternateRoots: 2, ChainLength: 2, AlwaysValid: true})
	ctx := testContext(t)
	account := server.register(ctx, t, newKey(t))
	order, err := server.client.NewOrder(ctx, account, orderOf)
	if err != nil {
		t.Fatal(err)
	}
	server.prove(ctx, t, account, order, acme.ChallengeHTTP01)
	order = server.complete(ctx, t, account, order)
	certificate, err := server.client.FetchCertificate(ctx, account, order.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	if len(certificate.Alternates) != 2 {
		t.Fatalf("alternates %v, want 2", certificate.Alternates)
	}
	chains := [][]byte{certificate.PEM}
	for _, url := range certificate.Alternates {
		alternate, err := server.client.FetchAlternate(ctx, account, url)
		if err != nil {
			t.Fatal(err)
		}
		chains = append(chains, alternate.PEM)
	}
	roots := splitPEM(server.Roots())
	for i, chain := range chains {
		if got := bytes.Count(chain, []byte("BEGIN CERTIFICATE")); got != 3 {
			t.Errorf("chain %d has %d certificates, want 3", i, got)
		}
		verifyChain(t, chain, roots[i], "a.example")
	}
}

func splitPEM(bundle []byte) [][]byte {
	var blocks [][]byte
	for block, rest := pem.Decode(bundle); block != nil; block, rest = pem.Decode(rest) {
		blocks = append(blocks, pem.EncodeToMemory(block))
	}
	return blocks
}

func TestPebbleFailedChallenge(t *testing.T) {
	server := startPebble(t, acmetest.Options{})
	ctx := testContext(t)
	account := server.register(ctx, t, newKey(t))
	order, err := server.client.NewOrder(ctx, account, orderOf)
	if err != nil {
		t.Fatal(err)
	}
	authorization, err := server.client.FetchAuthorization(ctx, account, order.Authorizations[0])
	if err != nil {
		t.Fatal(err)
	}
	challenge, ok := authorization.Challenge(acme.ChallengeDNS01)
	if !ok {
		t.Fatal("no dns-01")
	}
	if _, err := server.client.AcceptChallenge(ctx, account, challenge.URL); err != nil {
		t.Fatal(err)
	}
	if got := server.awaitAuthorization(ctx, t, account, authorization.URL); got.Status != acme.AuthorizationInvalid {
		t.Errorf("authorization %s, want it invalid", got.Status)
	}
	challenge, err = server.client.FetchChallenge(ctx, account, challenge.URL)
	if err != nil {
		t.Fatal(err)
	}
	if challenge.Status != acme.ChallengeInvalid || challenge.Error == nil || !challenge.Error.HasType(acme.TypeUnauthorized) || challenge.Error.Detail == "" {
		t.Errorf("challenge %+v with error %v", challenge, challenge.Error)
	}
	if _, err = server.client.Finalize(ctx, account, order, newCSR(t, newKey(t), order.Identifiers)); !acme.IsProblem(err, acme.TypeOrderNotReady) {
		t.Errorf("finalize of an order that is not ready: %v", err)
	}
}

func TestPebbleRefusals(t *testing.T) {
	server := startPebble(t, acmetest.Options{BlockedDomains: []string{"blocked.example"}, AlwaysValid: true})
	ctx := testContext(t)
	account := server.register(ctx, t, newKey(t))
	tests := map[string]struct {
		request acme.OrderRequest
		want    acme.ProblemType
	}{
		"blocked name":    {acme.OrderRequest{Identifiers: []acme.Identifier{acme.DNSIdentifier("blocked.example")}}, acme.TypeRejectedIdentifier},
		"unknown profile": {acme.OrderRequest{Identifiers: orderOf.Identifiers, Profile: "absent"}, acme.TypeInvalidProfile},
		"no identifiers":  {acme.OrderRequest{}, acme.TypeMalformed},
	}
	for name, test := range tests {
		if _, err := server.client.NewOrder(ctx, account, test.request); !acme.IsProblem(err, test.want) {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
}

func TestPebbleNamesTheRefusedIdentifier(t *testing.T) {
	server := startPebble(t, acmetest.Options{BlockedDomains: []string{"blocked.example"}})
	ctx := testContext(t)
	account := server.register(ctx, t, newKey(t))
	blocked := acme.DNSIdentifier("blocked.example")
	_, err := server.client.NewOrder(ctx, account, acme.OrderRequest{Identifiers: []acme.Identifier{acme.DNSIdentifier("a.example"), blocked}})
	problem, ok := acme.AsProblem(err)
	if !ok || len(problem.Subproblems) != 1 {
		t.Fatalf("error %v, want a problem with one subproblem", err)
	}
	if sub := problem.Subproblems[0]; sub.Identifier == nil || *sub.Identifier != blocked || !sub.HasType(acme.TypeRejectedIdentifier) {
		t.Errorf("subproblem %+v, want it to name %v", sub, blocked)
	}
}

func TestPebbleBadCSRLeavesTheOrderReady(t *testing.T) {
	server := startPebble(t, acmetest.Options{AlwaysValid: true})
	ctx := testContext(t)
	account := server.register(ctx, t, newKey(t))
	order, err := server.client.NewOrder(ctx, account, orderOf)
	if err != nil {
		t.Fatal(err)
	}
	server.prove(ctx, t, account, order, acme.ChallengeHTTP01)
	withAccountKey := newCSR(t, account.Key, order.Identifiers)
	if _, err := server.client.Finalize(ctx, account, order, withAccountKey); !acme.IsProblem(err, acme.TypeBadCSR) {
		t.Errorf("finalize with the account key: %v", err)
	}
	server.complete(ctx, t, account, order)
}

func TestPebbleAccounts(t *testing.T) {
	server := startPebble(t, acmetest.Options{})
	ctx := testContext(t)
	key := newKey(t)
	existing := acme.AccountRequest{OnlyReturnExisting: true}
	if _, err := server.client.NewAccount(ctx, key, existing); !acme.IsProblem(err, acme.TypeAccountDoesNotExist) {
		t.Errorf("lookup of an unknown key: %v", err)
	}
	account := server.register(ctx, t, key)
	found, err := server.client.NewAccount(ctx, key, existing)
	if err != nil {
		t.Fatal(err)
	}
	if found.URL != account.URL || found.Created {
		t.Errorf("found %+v, want the account %s", found, account.URL)
	}
	updated, err := server.client.UpdateContacts(ctx, account, []string{"mailto:ops@a.example"})
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(updated.Contact) != "[mailto:ops@a.example]" {
		t.Errorf("contact %v", updated.Contact)
	}
	if _, err := server.client.NewAccount(ctx, newKey(t), acme.AccountRequest{}); !acme.IsProblem(err, acme.TypeUserActionRequired) {
		t.Errorf("account without agreement to the terms: %v", err)
	}
	forgotten := acme.Account{Key: newKey(t), URL: account.URL + "0"}
	if _, err := server.client.NewOrder(ctx, forgotten, orderOf); !acme.IsProblem(err, acme.TypeAccountDoesNotExist) {
		t.Errorf("order of an account the CA has forgotten: %v", err)
	}
}

func TestPebbleExternalAccount(t *testing.T) {
	const macKey = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
	server := startPebble(t, acmetest.Options{ExternalAccountKeys: map[string]string{"kid-1": macKey}})
	ctx := testContext(t)
	directory, err := server.client.FetchDirectory(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if !directory.Meta.ExternalAccountRequired {
		t.Error("the directory does not say that an external account is required")
	}
	decoded, err := acme.DecodeMACKey(macKey)
	if err != nil {
		t.Fatal(err)
	}
	request := func(external *acme.ExternalAccount) error {
		_, err := server.client.NewAccount(ctx, newKey(t), acme.AccountRequest{TermsOfServiceAgreed: true, ExternalAccount: external})
		return err
	}
	if err := request(nil); !acme.IsProblem(err, acme.TypeExternalAccountRequired) {
		t.Errorf("without an external account: %v", err)
	}
	if err := request(&acme.ExternalAccount{KeyID: "kid-1", MACKey: []byte("wrong")}); !acme.IsProblem(err, acme.TypeUnauthorized) {
		t.Errorf("with a wrong MAC key: %v", err)
	}
	if err := request(&acme.ExternalAccount{KeyID: "kid-1", MACKey: decoded}); err != nil {
		t.Errorf("with the right MAC key: %v", err)
	}
}
