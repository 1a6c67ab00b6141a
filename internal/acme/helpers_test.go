package acme_test

import (
	"context"
	"crypto"
	"errors"
	"testing"
	"time"

	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

// testDeadline ends a test against a server that no longer answers.
const testDeadline = time.Minute

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testDeadline)
	t.Cleanup(cancel)
	return ctx
}

func startScript(t *testing.T) *acmetest.Script {
	t.Helper()
	script, err := acmetest.StartScript()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := script.Close(); err != nil {
			t.Error(err)
		}
	})
	return script
}

// scriptClient returns a client for a script and an account to sign with.
func scriptClient(t *testing.T, script *acmetest.Script) (*acme.Client, acme.Account) {
	t.Helper()
	client := &acme.Client{Directory: script.DirectoryURL, HTTP: script.HTTPClient(), UserAgent: "certwright/test"}
	return client, acme.Account{Key: newKey(t), URL: script.URL("/account/1")}
}

func newKey(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := acme.NewAccountKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// reasonOf returns the reason of the *ProtocolError in an error's chain.
func reasonOf(err error) acme.ProtocolReason {
	if protocol, ok := errors.AsType[*acme.ProtocolError](err); ok {
		return protocol.Reason
	}
	return ""
}

// kindOf returns the kind of the *NetworkError in an error's chain.
func kindOf(err error) acme.NetworkKind {
	if network, ok := errors.AsType[*acme.NetworkError](err); ok {
		return network.Kind
	}
	return ""
}
