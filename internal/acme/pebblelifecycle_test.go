package acme_test

import (
	"crypto"
	"errors"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

// Between storing the new key and learning what became of the change, a crash
// leaves two keys. Which of them the account has must be found out, and the
// change must be repeatable.
func TestPebbleKeyChangeSurvivesACrash(t *testing.T) {
	server := startPebble(t, acmetest.Options{AlwaysValid: true})
	ctx := testContext(t)
	before, after := newKey(t), newKey(t)
	account := server.register(ctx, t, before)
	order, err := server.client.NewOrder(ctx, account, orderOf)
	if err != nil {
		t.Fatal(err)
	}
	wantKey := func(when string, want crypto.Signer) {
		t.Helper()
		for _, keys := range [][]crypto.Signer{{before, after}, {after, before}} {
			if got, err := server.client.FindAccountKey(ctx, account.URL, keys...); got != want || err != nil {
				t.Errorf("%s: %v, want the right one of the two keys", when, err)
			}
		}
	}
	wantKey("after a crash between store and send", before)
	if err := server.client.KeyChange(ctx, account, after); err != nil {
		t.Fatal(err)
	}
	wantKey("after a crash between send and answer", after)
	if _, err := server.client.FetchAccount(ctx, account); err == nil {
		t.Error("the old key is still the account's")
	}
	account.Key = after
	server.prove(ctx, t, account, order, acme.ChallengeHTTP01)
	server.complete(ctx, t, account, order)
}

// Pebble 2.10.1 refuses such a change and answers 200 all the same: which key
// the account has must be asked after a success too.
func TestPebbleKeyChangeToAKeyThatIsTaken(t *testing.T) {
	server := startPebble(t, acmetest.Options{})
	ctx := testContext(t)
	account, other := server.register(ctx, t, newKey(t)), server.register(ctx, t, newKey(t))
	err := server.client.KeyChange(ctx, account, other.Key)
	if problem, ok := acme.AsProblem(err); err != nil && (!ok || problem.Status != http.StatusConflict || problem.Location != other.URL) {
		t.Errorf("error %v, want a conflict with %s or none", err, other.URL)
	}
	got, err := server.client.FindAccountKey(ctx, account.URL, other.Key, account.Key)
	if got != account.Key || err != nil {
		t.Errorf("%v, want the account to have its old key", err)
	}
	if _, err := server.client.FindAccountKey(ctx, account.URL, other.Key); !errors.Is(err, acme.ErrKeyNotFound) {
		t.Errorf("the key of another account: %v, want ErrKeyNotFound", err)
	}
}

func TestPebbleDeactivatedAccount(t *testing.T) {
	server := startPebble(t, acmetest.Options{})
	ctx := testContext(t)
	account := server.register(ctx, t, newKey(t))
	registration, err := server.client.DeactivateAccount(ctx, account)
	if err != nil {
		t.Fatal(err)
	}
	if registration.Status != acme.AccountDeactivated {
		t.Errorf("status %s", registration.Status)
	}
	if _, err := server.client.NewOrder(ctx, account, orderOf); !acme.IsProblem(err, acme.TypeUnauthorized) {
		t.Errorf("order of a deactivated account: %v", err)
	}
}

func TestPebbleRevocation(t *testing.T) {
	server := startPebble(t, acmetest.Options{AlwaysValid: true})
	ctx := testContext(t)
	account, stranger := server.register(ctx, t, newKey(t)), server.register(ctx, t, newKey(t))
	byAccount, byKey := server.issue(ctx, t, account, orderOf), server.issue(ctx, t, account, orderOf)
	if _, err := server.client.RevokeCertificate(ctx, stranger, byAccount.leaf.Raw, acme.RevocationUnspecified); !acme.IsProblem(err, acme.TypeUnauthorized) {
		t.Errorf("by a stranger: %v", err)
	}
	if _, err := server.client.RevokeCertificateByKey(ctx, newKey(t), byKey.leaf.Raw, acme.RevocationUnspecified); !acme.IsProblem(err, acme.TypeUnauthorized) {
		t.Errorf("by another key: %v", err)
	}
	for _, already := range []bool{false, true} {
		want := &acme.Revocation{AlreadyRevoked: already}
		got, err := server.client.RevokeCertificate(ctx, account, byAccount.leaf.Raw, acme.RevocationSuperseded)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("by the account: %v\n%s", err, diff)
		}
		got, err = server.client.RevokeCertificateByKey(ctx, byKey.key, byKey.leaf.Raw, acme.RevocationKeyCompromise)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("by the certificate's key: %v\n%s", err, diff)
		}
	}
}

// A CA that has lost its accounts says so, for another to be registered.
func TestPebbleThatForgotEverything(t *testing.T) {
	first := startPebble(t, acmetest.Options{})
	ctx := testContext(t)
	account := first.register(ctx, t, newKey(t))
	directory, err := url.Parse(first.DirectoryURL)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := startPebble(t, acmetest.Options{Address: directory.Host})
	if _, err := second.client.NewOrder(ctx, account, orderOf); !acme.IsProblem(err, acme.TypeAccountDoesNotExist) {
		t.Errorf("order: %v, want accountDoesNotExist", err)
	}
	if _, err := second.client.FindAccount(ctx, account.Key); !acme.IsProblem(err, acme.TypeAccountDoesNotExist) {
		t.Errorf("lookup: %v, want accountDoesNotExist", err)
	}
	second.register(ctx, t, account.Key)
}

func TestPebbleOrderList(t *testing.T) {
	server := startPebble(t, acmetest.Options{})
	ctx := testContext(t)
	account := server.register(ctx, t, newKey(t))
	want := map[string]bool{}
	for range 4 {
		order, err := server.client.NewOrder(ctx, account, orderOf)
		if err != nil {
			t.Fatal(err)
		}
		want[order.URL] = true
	}
	registration, err := server.client.FetchAccount(ctx, account)
	if err != nil {
		t.Fatal(err)
	}
	got, pages := map[string]bool{}, 0
	for page := registration.Orders; page != ""; pages++ {
		list, err := server.client.FetchOrders(ctx, account, page)
		if err != nil {
			t.Fatal(err)
		}
		for _, order := range list.Orders {
			got[order] = true
		}
		page = list.Next
	}
	if diff := cmp.Diff(want, got); diff != "" || pages != 2 {
		t.Errorf("%d pages, orders (-want +got):\n%s", pages, diff)
	}
}

// Where most nonces are refused, every call ends all the same, and a caller who
// asks again gets through.
func TestPebbleThatRefusesMostNonces(t *testing.T) {
	server := startPebble(t, acmetest.Options{NonceRejectPercent: 90})
	ctx := testContext(t)
	for {
		_, err := server.client.NewAccount(ctx, newKey(t), acme.AccountRequest{TermsOfServiceAgreed: true})
		if err == nil {
			return
		}
		if !acme.IsProblem(err, acme.TypeBadNonce) {
			t.Fatalf("error %v, want badNonce or none", err)
		}
	}
}

func TestPebbleThatRefusesEveryNonce(t *testing.T) {
	server := startPebble(t, acmetest.Options{NonceRejectPercent: 100})
	var posts atomic.Int32
	server.client.Observer = func(op, _ string, _ int, _ time.Duration) {
		if op == acme.OpNewAccount {
			posts.Add(1)
		}
	}
	_, err := server.client.NewAccount(testContext(t), newKey(t), acme.AccountRequest{TermsOfServiceAgreed: true})
	if !acme.IsProblem(err, acme.TypeBadNonce) || posts.Load() != 11 {
		t.Errorf("%d requests, error %v, want badNonce after 11", posts.Load(), err)
	}
}
