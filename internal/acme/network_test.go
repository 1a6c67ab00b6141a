package acme_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

// failingTransport fails every request with one error.
type failingTransport struct{ err error }

func (f failingTransport) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }

// with returns the script's HTTP client after a change of its TLS settings.
func with(script *acmetest.Script, change func(*tls.Config)) *http.Client {
	client := script.HTTPClient()
	if transport, ok := client.Transport.(*http.Transport); ok {
		change(transport.TLSClientConfig)
	}
	return client
}

func TestNetworkErrors(t *testing.T) {
	script := startScript(t)
	script.On(acmetest.ScriptDirectory, acmetest.Reply{Drop: true})
	closed := startClosedPort(t)
	tests := map[string]struct {
		url    string
		client *http.Client
		want   acme.NetworkKind
	}{
		"refused":    {"https://" + closed + "/dir", script.HTTPClient(), acme.NetworkRefused},
		"dropped":    {script.DirectoryURL, script.HTTPClient(), acme.NetworkClosed},
		"untrusted":  {script.DirectoryURL, with(script, func(c *tls.Config) { c.RootCAs = nil }), acme.NetworkUntrusted},
		"wrong name": {script.DirectoryURL, with(script, func(c *tls.Config) { c.ServerName = "other.example" }), acme.NetworkWrongName},
		"expired": {script.DirectoryURL, with(script, func(c *tls.Config) {
			c.Time = func() time.Time { return time.Now().AddDate(10, 0, 0) }
		}), acme.NetworkExpired},
		"TLS refused": {script.DirectoryURL, with(script, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS11, tls.VersionTLS11 }), acme.NetworkTLS},
		"no TLS":      {"https://" + startPlainServer(t) + "/dir", script.HTTPClient(), acme.NetworkTLS},
		"no host":     {"https://ca.invalid/dir", &http.Client{Transport: failingTransport{&net.DNSError{Err: "no such host", Name: "ca.invalid", IsNotFound: true}}}, acme.NetworkDNS},
		"other":       {script.DirectoryURL, &http.Client{Transport: failingTransport{errors.New("secret of the proxy")}}, acme.NetworkOther},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			client := &acme.Client{Directory: test.url, HTTP: test.client}
			_, first := client.FetchDirectory(testContext(t))
			if kindOf(first) != test.want {
				t.Fatalf("error %v (%v), want %s", first, errors.Unwrap(first), test.want)
			}
			if _, isProblem := acme.AsProblem(first); isProblem {
				t.Error("a network failure is not a Problem")
			}
			_, second := client.FetchDirectory(testContext(t))
			if first.Error() != second.Error() {
				t.Errorf("the message changes: %q, then %q", first, second)
			}
			if strings.Contains(first.Error(), "secret") {
				t.Errorf("the message %q holds text of the cause", first)
			}
		})
	}
}

// ruled is an error of a transport that does not ask.
type ruled struct{}

func (ruled) Error() string { return "the house does not ask there" }
func (ruled) Forbidden()    {}

// A rule of the caller's has its own kind, whatever packages net and http wrap around it, and its own words.
func TestForbidden(t *testing.T) {
	dialing := &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 443}, Err: ruled{}}
	client := &acme.Client{Directory: "https://ca.example/dir", HTTP: &http.Client{Transport: failingTransport{dialing}}}
	_, err := client.FetchDirectory(testContext(t))
	if kindOf(err) != acme.NetworkForbidden {
		t.Fatalf("error %v, want %s", err, acme.NetworkForbidden)
	}
	if want := "directory: cannot reach ca.example: the house does not ask there"; err.Error() != want {
		t.Errorf("message %q, want %q", err, want)
	}
}

func TestNetworkTimeout(t *testing.T) {
	client := &acme.Client{Directory: "https://ca.example/dir", HTTP: &http.Client{Transport: blockingTransport{make(chan struct{}, 1)}}}
	ctx, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	_, err := client.FetchDirectory(ctx)
	if kindOf(err) != acme.NetworkTimeout || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want %s", err, acme.NetworkTimeout)
	}
}

// A finalize whose answer is lost must not look as if the CA had refused.
func TestLostAnswerIsANetworkError(t *testing.T) {
	script := startScript(t)
	script.On("/order/1/finalize", acmetest.Reply{Drop: true})
	client, account := scriptClient(t, script)
	order := &acme.Order{URL: script.URL("/order/1"), Finalize: script.URL("/order/1/finalize")}
	_, err := client.Finalize(testContext(t), account, order, []byte("csr"))
	if kindOf(err) != acme.NetworkClosed {
		t.Errorf("error %v, want %s", err, acme.NetworkClosed)
	}
	if got := len(script.Requests("/order/1/finalize")); got != 1 {
		t.Errorf("%d requests, want 1: a signed request is not repeated", got)
	}
}

func TestObserver(t *testing.T) {
	script := startScript(t)
	script.On(acmetest.ScriptNewOrder, badNonce(), created(pendingOrder))
	script.On("/order/1", acmetest.Reply{Drop: true})
	client, account := scriptClient(t, script)
	type seen struct {
		Op     string
		Status int
	}
	var got []seen
	client.Observer = func(op, host string, status int, elapsed time.Duration) {
		if script.URL("") != "https://"+host || elapsed < 0 {
			t.Errorf("host %q, elapsed %v", host, elapsed)
		}
		got = append(got, seen{op, status})
	}
	order, err := client.NewOrder(testContext(t), account, orderOf)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.FetchOrder(testContext(t), account, order.URL); err == nil {
		t.Error("no error of a dropped connection")
	}
	want := []seen{{"directory", 200}, {"newNonce", 200}, {"newOrder", 400}, {"newOrder", 201}, {"order", 0}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("observed (-want +got):\n%s", diff)
	}
}

// startClosedPort returns an address at which nothing listens.
func startClosedPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return address
}

// startPlainServer returns the address of an HTTP server without TLS.
func startPlainServer(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{
		ReadHeaderTimeout: testDeadline,
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "plain") }),
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return listener.Addr().String()
}
