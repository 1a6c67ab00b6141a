package backend

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"sync"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/reach"
)

// clients are the ACME clients in use. One is shared by all issuers that reach the same directory in the
// same way, and with it its connections and nonces; it goes with the last of them. Issuers that may reach
// different addresses share nothing: a connection of one would serve the other unchecked.
type clients struct {
	mu      sync.Mutex
	clients map[string]*sharedClient
	of      map[kube.Owner]string
}

type sharedClient struct {
	*acme.Client
	users     int
	transport *transport
}

// sharingKey is the same for issuers that reach a CA in the same way, and may reach the same of it.
func sharingKey(spec *v1.ACMEIssuer, policy reach.Policy) string {
	return fmt.Sprintf("%q %q %x %v %+v", spec.Server, spec.AllowedHosts, sha256.Sum256(spec.CABundle), spec.SkipTLSVerify, policy)
}

// newClient makes a client for what an issuer's spec says, on a transport.
type newClient func(*v1.ACMEIssuer, http.RoundTripper) *acme.Client

// get is the client for what an issuer's spec says, made by build if nobody uses it yet.
func (c *clients) get(issuer kube.Owner, spec *v1.ACMEIssuer, policy reach.Policy, build newClient) (*acme.Client, error) {
	key := sharingKey(spec, policy)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of[issuer] == key {
		return c.clients[key].Client, nil
	}
	transport, err := newTransport(spec, policy)
	if err != nil {
		return nil, err
	}
	if c.clients == nil {
		c.clients, c.of = map[string]*sharedClient{}, map[kube.Owner]string{}
	}
	c.drop(issuer)
	shared := c.clients[key]
	if shared == nil {
		shared = &sharedClient{Client: build(spec, transport), transport: transport}
		c.clients[key] = shared
	}
	shared.users++
	c.of[issuer] = key
	return shared.Client, nil
}

// release ends an issuer's use of its client.
func (c *clients) release(issuer kube.Owner) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(issuer)
}

func (c *clients) drop(issuer kube.Owner) {
	key, ok := c.of[issuer]
	if !ok {
		return
	}
	delete(c.of, issuer)
	shared := c.clients[key]
	shared.users--
	if shared.users == 0 {
		delete(c.clients, key)
		shared.transport.CloseIdleConnections()
	}
}
