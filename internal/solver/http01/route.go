package http01

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"

	"github.com/certwright/certwright/internal/solver/internal/netcause"
)

// Request is a question that is asked as a CA asks it.
type Request struct {
	// Address is "host:port" of what to ask.
	Address string
	// Host is the name to prove control of.
	Host string
	// Stay asks at Address whatever name a redirect goes to. Else only the Host's own redirects stay there.
	Stay bool
	// Token is that of the challenge, and Want its key authorization.
	Token, Want string
}

// mostRedirects bounds the redirects that are followed; CAs follow about as many.
const mostRedirects = 10

// Dialer makes connections; a net.Dialer does.
type Dialer interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// CheckRoute asks once, over a new connection of the dialer and without a proxy, and follows redirects as a CA does: to
// HTTP and HTTPS at any name, whatever its certificate. A redirect to the name itself stays at the address that was
// asked, and with Stay any does: who owns a name, and so the redirect, chooses no address to dial. Else the dialer
// has to be one that may go wherever a stranger says. It returns nil where the body is what is wanted, a *CheckError where it is not.
func CheckRoute(ctx context.Context, dialer Dialer, request Request) error {
	asked, err := newRequest(ctx, request.Address, request.Host, request.Token)
	if err != nil {
		return err
	}
	// The name stands in the URL, so that a redirect is relative to it; the dialer goes to the address.
	at, port, err := net.SplitHostPort(request.Address)
	if err != nil {
		return err
	}
	asked.URL.Host = asked.Host
	var connected atomic.Bool
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		host, wanted, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		if canonical, _ := CanonicalHost(host); request.Stay || hostHeader(canonical) == asked.Host {
			host = at
			if wanted == "80" {
				wanted = port
			}
		}
		conn, err := dialer.DialContext(ctx, network, net.JoinHostPort(host, wanted))
		if err == nil {
			connected.Store(true)
		}
		return conn, err
	}
	failure := CheckError{Address: request.Address, Host: request.Host}
	response, err := routeClient(dial).Do(asked)
	if err != nil && !connected.Load() {
		return failure.at(LayerConnect, netcause.Text(err), err)
	}
	if err != nil {
		return failure.exchange(err)
	}
	// The body was only read from: there is nothing that closing could lose.
	defer func() { _ = response.Body.Close() }()
	return failure.response(response, request.Want)
}

func routeClient(dial func(ctx context.Context, network, address string) (net.Conn, error)) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext: dial, DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: maxAnswer,
			//nolint:gosec // G402: a CA follows a redirect whatever the certificate is: there is none yet (RFC 8555 section 8.3)
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		},
		CheckRedirect: func(next *http.Request, before []*http.Request) error {
			if len(before) > mostRedirects {
				return fmt.Errorf("there are more than %d redirects", mostRedirects)
			}
			return followable(next.URL)
		},
	}
}

// followable says why a redirect is not followed: CAs ask at ports 80 and 443 only.
func followable(target *url.URL) error {
	port := target.Port()
	if port == "" || target.Scheme == "http" && port == "80" || target.Scheme == "https" && port == "443" {
		return nil
	}
	return fmt.Errorf("the redirect goes to port %s, where CAs do not ask", port)
}
