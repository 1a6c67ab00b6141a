package acme_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

// A host that is gone may have a successor in the directory.
func TestDirectoryIsReadAnewAfterAConnectionFails(t *testing.T) {
	closed := startClosedPort(t)
	script := startScript(t)
	moved := `{"newNonce":"{base}/new-nonce","newAccount":"{base}/new-account","newOrder":"https://` + closed + `/new-order"}`
	script.On(acmetest.ScriptDirectory, acmetest.JSONReply(http.StatusOK, moved), acmetest.JSONReply(http.StatusOK, bareDirectory))
	script.On(acmetest.ScriptNewOrder, created(pendingOrder))
	client, account := scriptClient(t, script)
	client.AllowedHosts = []string{closed}
	if _, err := client.NewOrder(testContext(t), account, orderOf); kindOf(err) != acme.NetworkRefused {
		t.Fatalf("error %v, want %s", err, acme.NetworkRefused)
	}
	if _, err := client.NewOrder(testContext(t), account, orderOf); err != nil {
		t.Errorf("the second try: %v", err)
	}
}

func TestDirectoryIsKeptAfterATimeout(t *testing.T) {
	script := startScript(t)
	client, account := scriptClient(t, script)
	if _, err := client.FetchDirectory(testContext(t)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	if _, err := client.NewOrder(ctx, account, orderOf); kindOf(err) != acme.NetworkTimeout {
		t.Fatalf("error %v, want %s", err, acme.NetworkTimeout)
	}
	if _, err := client.FetchDirectory(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if got := len(script.Requests(acmetest.ScriptDirectory)); got != 1 {
		t.Errorf("%d fetches, want 1", got)
	}
}
