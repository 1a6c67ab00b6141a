package backend

import (
	"net/http"
	"net/netip"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/reach"
)

// getClient is the client of an issuer with a spec and a policy.
func getClient(t *testing.T, c *clients, issuer string, spec v1.ACMEIssuer, policy reach.Policy) *acme.Client {
	t.Helper()
	owner := kube.Owner{Kind: v1.IssuerKind, NamespacedName: types.NamespacedName{Name: issuer}}
	client, err := c.get(owner, &spec, policy, func(spec *v1.ACMEIssuer, _ http.RoundTripper) *acme.Client {
		return &acme.Client{Directory: spec.Server}
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// Issuers of one directory share its connections and nonces; what nobody uses any more is not held.
func TestClientsAreSharedAndLetGo(t *testing.T) {
	var c clients
	get := func(issuer string, spec v1.ACMEIssuer) *acme.Client {
		t.Helper()
		return getClient(t, &c, issuer, spec, reach.Policy{})
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

// A connection that one issuer may have is not there for another that may not.
func TestClientsOfDifferentReachShareNothing(t *testing.T) {
	var c clients
	spec := v1.ACMEIssuer{Server: "https://ca.test/directory"}
	elsewhere := spec
	elsewhere.AllowedHosts = []string{"orders.ca.test"}
	loopback := reach.Policy{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	all := []*acme.Client{
		getClient(t, &c, "public", spec, reach.Policy{}),
		getClient(t, &c, "cluster", spec, reach.Policy{Unrestricted: true}),
		getClient(t, &c, "loopback", spec, loopback),
		getClient(t, &c, "elsewhere", elsewhere, reach.Policy{}),
	}
	for i, one := range all {
		for _, other := range all[:i] {
			if one == other {
				t.Errorf("client %d is shared", i)
			}
		}
	}
	if len(c.clients) != len(all) {
		t.Errorf("%d clients for %d ways to reach the directory", len(c.clients), len(all))
	}
}
