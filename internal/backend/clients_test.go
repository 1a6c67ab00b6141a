package backend

import (
	"net/http"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/kube"
)

// Issuers of one directory share its connections and nonces; what nobody uses any more is not held.
func TestClientsAreSharedAndLetGo(t *testing.T) {
	var c clients
	get := func(issuer string, spec v1.ACMEIssuer) *acme.Client {
		t.Helper()
		client, err := c.get(kube.Owner{Kind: v1.IssuerKind, NamespacedName: types.NamespacedName{Name: issuer}}, &spec, func(directory string, _ http.RoundTripper) *acme.Client {
			return &acme.Client{Directory: directory}
		})
		if err != nil {
			t.Fatal(err)
		}
		return client
	}
	release := func(issuer string) {
		c.release(kube.Owner{Kind: v1.IssuerKind, NamespacedName: types.NamespacedName{Name: issuer}})
	}
	one, trusting := v1.ACMEIssuer{Server: "https://ca.test/directory"}, v1.ACMEIssuer{Server: "https://ca.test/directory", SkipTLSVerify: true}

	first := get("a", one)
	if get("b", one) != first || get("a", one) != first {
		t.Error("two issuers of one directory have a client each")
	}
	if get("c", trusting) == first {
		t.Error("an issuer that verifies nothing shares the client of those that do")
	}
	release("a")
	if get("b", one) != first {
		t.Error("a client went while an issuer used it")
	}
	get("b", trusting)
	release("unknown")
	if len(c.clients) != 1 {
		t.Errorf("%d clients are held for one way to reach the directory", len(c.clients))
	}
	release("b")
	release("c")
	if len(c.clients) != 0 || len(c.of) != 0 {
		t.Errorf("%d clients are held for nobody", len(c.clients))
	}
}
