package acme_test

import (
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

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
