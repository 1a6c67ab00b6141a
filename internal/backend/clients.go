package backend

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/outcome"
)

// acmeTimeout bounds one HTTP exchange with a CA.
const acmeTimeout = 30 * time.Second

// clients are the ACME clients in use. One is shared by all issuers that reach the same directory in the
// same way, and with it its connections and nonces; it goes with the last of them.
type clients struct {
	mu      sync.Mutex
	clients map[string]*sharedClient
	of      map[kube.Owner]string
}

type sharedClient struct {
	*acme.Client
	users     int
	transport *http.Transport
}

// get is the client for what an issuer's spec says, made by newClient if nobody uses it yet.
func (c *clients) get(issuer kube.Owner, spec *v1.ACMEIssuer, newClient func(string, http.RoundTripper) *acme.Client) (*acme.Client, error) {
	key := fmt.Sprintf("%s %x %v", spec.Server, sha256.Sum256(spec.CABundle), spec.SkipTLSVerify)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of[issuer] == key {
		return c.clients[key].Client, nil
	}
	transport, err := newTransport(spec)
	if err != nil {
		return nil, err
	}
	if c.clients == nil {
		c.clients, c.of = map[string]*sharedClient{}, map[kube.Owner]string{}
	}
	c.drop(issuer)
	shared := c.clients[key]
	if shared == nil {
		shared = &sharedClient{Client: newClient(spec.Server, transport), transport: transport}
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

// newTransport refuses a spec that no CA can be reached by.
func newTransport(spec *v1.ACMEIssuer) (*http.Transport, error) {
	directory, err := url.Parse(spec.Server)
	if err != nil || directory.Scheme != "https" || directory.Host == "" {
		return nil, outcome.Invalidf(v1.ReasonInvalidURL, "spec.acme.server must be the https URL of the CA's directory")
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: spec.SkipTLSVerify} //nolint:gosec // G402: what the issuer's skipTLSVerify asks for
	if len(spec.CABundle) > 0 {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(spec.CABundle) {
			return nil, outcome.Invalidf(v1.ReasonInvalidConfig, "spec.acme.caBundle holds no certificate in PEM")
		}
	}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, ForceAttemptHTTP2: true,
		MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: 10 * time.Second,
	}, nil
}
