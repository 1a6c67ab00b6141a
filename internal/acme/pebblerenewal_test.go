package acme_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

func TestPebbleRenewalInfo(t *testing.T) {
	server := startPebble(t, acmetest.Options{AlwaysValid: true})
	ctx := testContext(t)
	account := server.register(ctx, t, newKey(t))
	certificate := server.issue(ctx, t, account, orderOf)
	info, err := server.client.FetchRenewalInfo(ctx, certificate.id)
	if err != nil {
		t.Fatal(err)
	}
	window := info.Window
	if window.Start.Before(certificate.leaf.NotBefore) || window.End.After(certificate.leaf.NotAfter) || !window.End.After(window.Start) {
		t.Errorf("window %v of a certificate from %v to %v", window, certificate.leaf.NotBefore, certificate.leaf.NotAfter)
	}
	if wait := time.Until(info.RetryAfter); wait > 6*time.Hour || wait < 6*time.Hour-testDeadline {
		t.Errorf("to be asked again in %v, want about 6 hours", wait)
	}
	if _, err := server.client.RevokeCertificate(ctx, account, certificate.leaf.Raw, acme.RevocationUnspecified); err != nil {
		t.Fatal(err)
	}
	if info, err = server.client.FetchRenewalInfo(ctx, certificate.id); err != nil {
		t.Fatal(err)
	}
	if !info.Window.Start.Before(window.Start) || info.Window.Start.After(time.Now()) {
		t.Errorf("window %v after the revocation, want one that has begun", info.Window)
	}
}

func TestPebbleRenewalInfoThatIsUnusable(t *testing.T) {
	server := startPebble(t, acmetest.Options{AlwaysValid: true})
	ctx := testContext(t)
	account := server.register(ctx, t, newKey(t))
	certificate := server.issue(ctx, t, account, orderOf)
	for _, body := range []string{`not JSON`, `{"suggestedWindow":{"start":"2027-01-02T00:00:00Z","end":"2027-01-01T00:00:00Z"}}`} {
		server.setRenewalInfo(ctx, t, certificate, body)
		if _, err := server.client.FetchRenewalInfo(ctx, certificate.id); reasonOf(err) != acme.ReasonMalformed {
			t.Errorf("%s: %v, want %s", body, err, acme.ReasonMalformed)
		}
	}
	other := startPebble(t, acmetest.Options{})
	if _, err := other.client.FetchRenewalInfo(ctx, certificate.id); err == nil {
		t.Error("another CA knows the certificate")
	}
	keyID, _, _ := strings.Cut(certificate.id, ".")
	_, err := server.client.FetchRenewalInfo(ctx, keyID+".AQ")
	if problem, ok := acme.AsProblem(err); !ok || problem.Status != http.StatusNotFound {
		t.Errorf("a certificate that does not exist: %v, want 404", err)
	}
}

// Pebble knows a certificate as a predecessor only some time after it has issued it, and until then
// refuses it like one that it does not know.
func TestPebbleReplaces(t *testing.T) {
	server := startPebble(t, acmetest.Options{AlwaysValid: true})
	ctx := testContext(t)
	account, stranger := server.register(ctx, t, newKey(t)), server.register(ctx, t, newKey(t))
	certificate := server.issueReplaceable(ctx, t, account)
	request := acme.OrderRequest{Identifiers: orderOf.Identifiers, Replaces: certificate.id}
	successor, err := server.client.NewOrder(ctx, account, request)
	for acme.IsReplacesRefusal(err) {
		successor, err = server.client.NewOrder(ctx, account, request)
	}
	if err != nil {
		t.Fatal(err)
	}
	if successor.Replaces != certificate.id {
		t.Errorf("order replaces %q, want %q", successor.Replaces, certificate.id)
	}
	if _, err := server.client.NewOrder(ctx, stranger, request); !acme.IsReplacesRefusal(err) {
		t.Errorf("another account's certificate: %v", err)
	}
}

func TestPebbleReplacesOfAnUnknownCertificate(t *testing.T) {
	server := startPebble(t, acmetest.Options{})
	ctx := testContext(t)
	account := server.register(ctx, t, newKey(t))
	request := acme.OrderRequest{Identifiers: orderOf.Identifiers, Replaces: "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"}
	if _, err := server.client.NewOrder(ctx, account, request); !acme.IsReplacesRefusal(err) {
		t.Errorf("error %v, want a refusal of Replaces", err)
	}
}

// Pebble marks a certificate as replaced in its own time, so that a script has to say it.
func TestAlreadyReplaced(t *testing.T) {
	script := startScript(t)
	script.On(acmetest.ScriptDirectory, acmetest.JSONReply(http.StatusOK, fullDirectory))
	script.On(acmetest.ScriptNewOrder, acmetest.ProblemReply(http.StatusConflict, "alreadyReplaced", "by another order"), created(pendingOrder))
	client, account := scriptClient(t, script)
	ctx := testContext(t)
	request := acme.OrderRequest{Identifiers: orderOf.Identifiers, Replaces: "aki.serial"}
	_, err := client.NewOrder(ctx, account, request)
	if !acme.IsProblem(err, acme.TypeAlreadyReplaced) || !acme.IsReplacesRefusal(err) {
		t.Fatalf("error %v, want alreadyReplaced", err)
	}
	request.Replaces = ""
	if _, err := client.NewOrder(ctx, account, request); err != nil {
		t.Errorf("the same order without Replaces: %v", err)
	}
	wantPayloads(t, script, acmetest.ScriptNewOrder,
		`{"identifiers":[{"type":"dns","value":"a.example"}],"replaces":"aki.serial"}`,
		`{"identifiers":[{"type":"dns","value":"a.example"}]}`)
}
