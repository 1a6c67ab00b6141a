package backend

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"time"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/outcome"
	"github.com/certwright/certwright/internal/reach"
)

const (
	// acmeTimeout bounds one HTTP exchange with a CA.
	acmeTimeout = 30 * time.Second
	// dialTimeout bounds the making of one connection.
	dialTimeout = 10 * time.Second
)

// transport carries the requests to a CA as far as a policy goes. What is asked directly is judged by the
// addresses that are dialled. What goes through a proxy is dialled by the proxy, which an administrator
// named: there, a host that the policy refuses whatever it resolves to is not asked for.
type transport struct {
	policy          reach.Policy
	proxy           func(*http.Request) (*url.URL, error)
	direct, proxied *http.Transport
}

// newTransport refuses a spec that no CA can be reached by.
func newTransport(spec *v1.ACMEIssuer, policy reach.Policy) (*transport, error) {
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
	t := &transport{policy: policy, proxy: http.ProxyFromEnvironment}
	t.direct = newHTTPTransport(config, &net.Dialer{Timeout: dialTimeout, ControlContext: policy.ControlContext})
	t.proxied = newHTTPTransport(config.Clone(), &net.Dialer{Timeout: dialTimeout})
	t.proxied.Proxy = func(request *http.Request) (*url.URL, error) { return t.proxy(request) }
	return t, nil
}

func newHTTPTransport(config *tls.Config, dialer *net.Dialer) *http.Transport {
	return &http.Transport{
		DialContext: dialer.DialContext, TLSClientConfig: config, ForceAttemptHTTP2: true,
		MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: 10 * time.Second,
	}
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	proxy, err := t.proxy(request)
	if err == nil && proxy == nil {
		return t.direct.RoundTrip(request)
	}
	if err == nil {
		err = t.policy.CheckHost(request.URL.Hostname())
	}
	if err != nil {
		closeBody(request)
		return nil, err
	}
	return t.proxied.RoundTrip(request)
}

// closeBody does what a RoundTripper owes to a request that it does not send.
func closeBody(request *http.Request) {
	if request.Body != nil {
		// Nothing was read of it.
		_ = request.Body.Close()
	}
}

// CloseIdleConnections closes what nobody uses.
func (t *transport) CloseIdleConnections() {
	t.direct.CloseIdleConnections()
	t.proxied.CloseIdleConnections()
}
