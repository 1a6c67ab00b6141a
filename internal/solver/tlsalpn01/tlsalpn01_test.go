package tlsalpn01_test

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/solver/tlsalpn01"
)

// serve answers for the names, with their key authorizations, until the test ends.
func serve(t *testing.T, answers map[string]string) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &tlsalpn01.Server{Now: time.Now, Lookup: func(_ context.Context, name string) (string, bool) {
		answer, found := answers[name]
		return answer, found
	}}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serving: %v", err)
		}
	})
	return listener.Addr().String()
}

func TestCheck(t *testing.T) {
	address := serve(t, map[string]string{"web.example.test": "token.thumbprint"})
	web := tlsalpn01.Request{Address: address, Name: "web.example.test", Want: "token.thumbprint"}
	other, unknown, closed := web, web, web
	other.Want, unknown.Name, closed.Address = "another.thumbprint", "shop.example.test", "127.0.0.1:1"
	for name, test := range map[string]struct {
		request tlsalpn01.Request
		want    string
	}{
		"the answer":            {web, ""},
		"of another challenge":  {other, "it answers another challenge"},
		"of a name that is not": {unknown, "the handshake is refused"},
		"where nobody listens":  {closed, "connection refused"},
		"of a wildcard":         {tlsalpn01.Request{Address: address, Name: "*.example.test"}, "without a wildcard"},
		"of an address":         {tlsalpn01.Request{Address: address, Name: "2001:db8::1"}, "tls-alpn-01"},
	} {
		t.Run(name, func(t *testing.T) {
			// Twice: what was made once is found again.
			for range 2 {
				err := tlsalpn01.Check(t.Context(), &net.Dialer{}, test.request)
				if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
					t.Errorf("error %v, want %q", err, test.want)
				}
			}
		})
	}
}

// TestServerRefuses has clients at the door that are no CAs.
func TestServerRefuses(t *testing.T) {
	address := serve(t, map[string]string{"web.example.test": "token.thumbprint"})
	for name, config := range map[string]*tls.Config{
		"a browser":                {ServerName: "web.example.test", NextProtos: []string{"h2", "http/1.1"}},
		"one without protocols":    {ServerName: "web.example.test"},
		"one that takes either":    {ServerName: "web.example.test", NextProtos: []string{"h2", acme.TLSALPN01Protocol}},
		"one without a name":       {ServerName: "", NextProtos: []string{acme.TLSALPN01Protocol}},
		"one with an old protocol": {ServerName: "web.example.test", NextProtos: []string{acme.TLSALPN01Protocol}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11},
	} {
		t.Run(name, func(t *testing.T) {
			config.InsecureSkipVerify = true
			conn, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", address)
			if err == nil {
				_ = conn.Close()
				t.Fatal("the handshake succeeded")
			}
			if !strings.Contains(err.Error(), "remote error: tls") {
				t.Errorf("error %v, want an alert", err)
			}
		})
	}
}

// TestServerSaysNothingMore has a CA stay after the handshake: the connection ends all the same.
func TestServerSaysNothingMore(t *testing.T) {
	address := serve(t, map[string]string{"web.example.test": "token.thumbprint"})
	conn, err := (&tls.Dialer{Config: &tls.Config{
		ServerName: "WEB.example.test", NextProtos: []string{acme.TLSALPN01Protocol}, InsecureSkipVerify: true,
	}}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("read %d bytes, error %v", n, err)
	}
}

// full is a listener of a process that had no file descriptor left for a connection.
type full struct {
	net.Listener
	failures []error
}

func (f *full) Accept() (net.Conn, error) {
	if len(f.failures) == 0 {
		return f.Listener.Accept()
	}
	err := f.failures[0]
	f.failures = f.failures[1:]
	return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", err)}
}

// What runs the server ends with it: a moment without room, which whoever connects often enough can bring about, must
// not be its end.
func TestServerOutlivesAShortage(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &tlsalpn01.Server{Now: time.Now, Lookup: func(context.Context, string) (string, bool) { return "token.thumbprint", true }}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, &full{listener, []error{syscall.EMFILE, syscall.ENFILE}}) }()
	request := tlsalpn01.Request{Address: listener.Addr().String(), Name: "web.example.test", Want: "token.thumbprint"}
	if err := tlsalpn01.Check(t.Context(), &net.Dialer{}, request); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("serving: %v", err)
	}
}

func TestServerEndsWithItsListener(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &tlsalpn01.Server{Now: time.Now, Lookup: func(context.Context, string) (string, bool) { return "", false }}
	if err := server.Serve(t.Context(), &full{listener, []error{syscall.EINVAL}}); err == nil {
		t.Error("no error")
	}
	if conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", listener.Addr().String()); err == nil {
		_ = conn.Close()
		t.Error("the listener is left open")
	}
}
