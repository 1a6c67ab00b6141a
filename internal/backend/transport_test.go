package backend

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/reach"
)

// counting is a TLS server that counts the connections made to it.
type counting struct {
	*httptest.Server
	connections atomic.Int32
}

func startCounting(t *testing.T) *counting {
	t.Helper()
	c := &counting{Server: httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))}
	c.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			c.connections.Add(1)
		}
	}
	c.StartTLS()
	t.Cleanup(c.Close)
	return c
}

// named is the server's URL with a host name in it.
func (c *counting) named(host string) string { return strings.Replace(c.URL, "127.0.0.1", host, 1) }

func transportOf(t *testing.T, server string, policy reach.Policy) *transport {
	t.Helper()
	made, err := newTransport(&v1.ACMEIssuer{Server: server, SkipTLSVerify: true}, policy)
	if err != nil {
		t.Fatal(err)
	}
	made.proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	t.Cleanup(made.CloseIdleConnections)
	return made
}

// ask sends a request with a body, which must be closed in any case, and gives the error.
func ask(t *testing.T, made *transport, target string) error {
	t.Helper()
	body := &closing{Reader: strings.NewReader("body")}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target, body)
	if err != nil {
		t.Fatal(err)
	}
	response, err := made.RoundTrip(request)
	if err == nil {
		_ = response.Body.Close()
	} else if !body.closed.Load() {
		t.Error("the body of a request that was not sent is open")
	}
	return err
}

type closing struct {
	io.Reader
	closed atomic.Bool
}

func (c *closing) Close() error {
	c.closed.Store(true)
	return nil
}

func isRefused(err error) bool {
	_, refused := errors.AsType[*reach.Error](err)
	return refused
}

var loopback = reach.Policy{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}}

// A name is resolved first, and its addresses are judged before there is a connection.
func TestTransportDialsWhatThePolicyAllows(t *testing.T) {
	for name, test := range map[string]struct {
		policy  reach.Policy
		refused bool
	}{
		"public only":  {reach.Policy{}, true},
		"loopback":     {loopback, false},
		"unrestricted": {reach.Policy{Unrestricted: true}, false},
	} {
		for _, host := range []string{"127.0.0.1", "localhost"} {
			t.Run(name+" "+host, func(t *testing.T) {
				server := startCounting(t)
				err := ask(t, transportOf(t, server.named(host), test.policy), server.named(host))
				if isRefused(err) != test.refused || err != nil && !test.refused {
					t.Errorf("error %v", err)
				}
				if got := server.connections.Load(); (got == 0) != test.refused {
					t.Errorf("%d connections", got)
				}
			})
		}
	}
}

// startProxy is a proxy that makes every connection to one address, whatever is asked for.
func startProxy(t *testing.T, to string) (proxy *url.URL, asked func() []string) {
	t.Helper()
	hosts := make(chan string, 16)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hosts <- r.Host
		upstream, err := net.Dial("tcp", to)
		if err != nil {
			t.Error(err)
			return
		}
		w.WriteHeader(http.StatusOK)
		client, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		go func() {
			_, _ = io.Copy(upstream, buffered)
			_ = upstream.Close()
		}()
		_, _ = io.Copy(client, upstream)
		_ = client.Close()
	}))
	t.Cleanup(server.Close)
	proxy, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return proxy, func() []string {
		var all []string
		for len(hosts) > 0 {
			all = append(all, <-hosts)
		}
		return all
	}
}

// The proxy is the administrator's and dialled wherever it is; it resolves names itself. It is not asked for
// a host that no resolution could make public.
func TestTransportThroughAProxy(t *testing.T) {
	server := startCounting(t)
	proxy, asked := startProxy(t, server.Listener.Addr().String())
	for target, refused := range map[string]bool{
		"https://ca.example/":          false,
		"https://8.8.8.8/":             false,
		"https://10.0.0.1/":            true,
		"https://[::1]:8443/":          true,
		"https://[::ffff:10.0.0.1]/":   true,
		"https://169.254.169.254/a":    true,
		"https://localhost/":           true,
		"https://metadata.localhost./": true,
		"https://2130706433/":          true,
	} {
		made := transportOf(t, "https://ca.example/", reach.Policy{})
		made.proxy = http.ProxyURL(proxy)
		err := ask(t, made, target)
		if isRefused(err) != refused || err != nil && !refused {
			t.Errorf("%s: error %v", target, err)
		}
		if got := len(asked()); (got == 0) != refused {
			t.Errorf("%s: the proxy was asked %d times", target, got)
		}
	}
	made := transportOf(t, "https://10.0.0.1/", reach.Policy{Unrestricted: true})
	made.proxy = http.ProxyURL(proxy)
	if err := ask(t, made, "https://10.0.0.1/"); err != nil {
		t.Errorf("a ClusterIssuer's server is refused: %v", err)
	}
}

// A proxy that cannot be read must not mean that none is used.
func TestTransportWithABrokenProxy(t *testing.T) {
	server := startCounting(t)
	made := transportOf(t, server.URL, loopback)
	broken := errors.New("the proxy's URL cannot be read")
	made.proxy = func(*http.Request) (*url.URL, error) { return nil, broken }
	if err := ask(t, made, server.URL); !errors.Is(err, broken) || server.connections.Load() != 0 {
		t.Errorf("error %v, %d connections", err, server.connections.Load())
	}
}
