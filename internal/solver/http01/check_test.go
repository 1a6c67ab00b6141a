package http01_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/certwright/certwright/internal/solver/http01"
)

func serve(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func body(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }
}

func TestCheckSeesTheAnswer(t *testing.T) {
	address := serve(t, answers("www.example.com", "192.0.2.1", "2001:db8::1"))
	for _, host := range []string{"www.example.com", "WWW.example.com", "192.0.2.1", "2001:db8::1"} {
		if err := http01.Check(t.Context(), address, host, token, keyAuthorization); err != nil {
			t.Error(err)
		}
	}
}

// What is sent is what a CA sends: IPv6 addresses stand in brackets, which proxies insist on.
func TestCheckSendsTheHostHeaderOfACA(t *testing.T) {
	hosts := make(chan string, 1)
	address := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { hosts <- r.Host }))
	for host, want := range map[string]string{"WWW.example.com": "www.example.com", "192.0.2.1": "192.0.2.1", "2001:db8::1": "[2001:db8::1]"} {
		if err := http01.Check(t.Context(), address, host, token, keyAuthorization); err == nil {
			t.Error("no error for an empty answer")
		}
		if got := <-hosts; got != want {
			t.Errorf("Host %s, want %s", got, want)
		}
	}
}

func TestCheckToleratesTrailingWhitespace(t *testing.T) {
	address := serve(t, body(keyAuthorization+" \r\n\t\n"))
	if err := http01.Check(t.Context(), address, "www.example.com", token, keyAuthorization); err != nil {
		t.Error(err)
	}
}

func TestCheckFailures(t *testing.T) {
	const secretBody = "a body that must not show up"
	tests := map[string]struct {
		handler http.HandlerFunc
		want    http01.CheckError
	}{
		"not found":    {http.NotFound, http01.CheckError{Layer: http01.LayerStatus, Status: 404, Seen: "the answer has status 404"}},
		"failure":      {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, secretBody, http.StatusServiceUnavailable) }, http01.CheckError{Layer: http01.LayerStatus, Status: 503, Seen: "the answer has status 503"}},
		"redirect":     {http.RedirectHandler("/elsewhere", http.StatusFound).ServeHTTP, http01.CheckError{Layer: http01.LayerStatus, Status: 302, Seen: "the answer has status 302, a redirect"}},
		"another body": {body(secretBody), http01.CheckError{Layer: http01.LayerBody, Status: 200, Seen: "the answer has another body"}},
		"more before":  {body(" " + keyAuthorization), http01.CheckError{Layer: http01.LayerBody, Status: 200, Seen: "the answer has another body"}},
		"no body":      {body(""), http01.CheckError{Layer: http01.LayerBody, Status: 200, Seen: "the answer has another body"}},
		"long body":    {body(keyAuthorization + strings.Repeat(" ", 9000)), http01.CheckError{Layer: http01.LayerBody, Status: 200, Seen: "the answer is longer than 8 KiB"}},
		"cut off": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			http01.CheckError{Layer: http01.LayerResponse, Seen: "connection closed before the whole answer"}},
		"body cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte("x"))
		}, http01.CheckError{Layer: http01.LayerResponse, Status: 200, Seen: "connection closed before the whole answer"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			address := serve(t, test.handler)
			err := http01.Check(t.Context(), address, "www.example.com", token, keyAuthorization)
			var got *http01.CheckError
			if !errors.As(err, &got) {
				t.Fatalf("error %v, want a CheckError", err)
			}
			test.want.Address, test.want.Host = address, "www.example.com"
			if diff := cmp.Diff(test.want, *got, cmpopts.IgnoreFields(http01.CheckError{}, "Err")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if want := "the HTTP-01 answer for www.example.com at " + address + " is not served: " + test.want.Seen; err.Error() != want {
				t.Errorf("text %q, want %q", err, want)
			}
		})
	}
}

func TestCheckFollowsNoRedirect(t *testing.T) {
	var asked atomic.Int32
	address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		http.Redirect(w, r, "/again", http.StatusFound)
	}))
	if err := http01.Check(t.Context(), address, "www.example.com", token, keyAuthorization); err == nil {
		t.Error("no error")
	}
	if got := asked.Load(); got != 1 {
		t.Errorf("asked %d times, want once", got)
	}
}

// What answers for a name of a tenant's must not send the check elsewhere, such as to a service that only
// the operator reaches.
func TestCheckIsNotSentElsewhere(t *testing.T) {
	var asked atomic.Int32
	elsewhere := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = w.Write([]byte(keyAuthorization))
	}))
	for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		address := serve(t, http.RedirectHandler("http://"+elsewhere+"/.well-known/acme-challenge/"+token, status))
		if err := http01.Check(t.Context(), address, "www.example.com", token, keyAuthorization); err == nil {
			t.Errorf("status %d: no error", status)
		}
	}
	if got := asked.Load(); got != 0 {
		t.Errorf("the target of the redirects was asked %d times", got)
	}
}

func TestCheckGoesThroughNoProxy(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	address := serve(t, answers("www.example.com"))
	if err := http01.Check(t.Context(), address, "www.example.com", token, keyAuthorization); err != nil {
		t.Error(err)
	}
}

func TestCheckConnectionRefused(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	err = http01.Check(t.Context(), address, "www.example.com", token, keyAuthorization)
	var got *http01.CheckError
	if !errors.As(err, &got) || got.Layer != http01.LayerConnect || got.Seen != "connection refused" {
		t.Errorf("error %v, want a refused connection", err)
	}
}

// A server that answers something else than HTTP is told from one that does not answer.
func TestCheckNotHTTP(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		connection, err := listener.Accept()
		if err == nil {
			_, _ = connection.Write([]byte("SSH-2.0-a server\r\n"))
			_ = connection.Close()
		}
	}()
	t.Cleanup(func() { _ = listener.Close() })
	err = http01.Check(t.Context(), listener.Addr().String(), "www.example.com", token, keyAuthorization)
	var got *http01.CheckError
	if !errors.As(err, &got) || got.Layer != http01.LayerResponse || strings.Contains(err.Error(), "SSH") {
		t.Errorf("error %v, want layer Response without the server's text", err)
	}
}

func TestCheckEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	address := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}))
	err := http01.Check(ctx, address, "www.example.com", token, keyAuthorization)
	var got *http01.CheckError
	if !errors.As(err, &got) || got.Layer != http01.LayerResponse || !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want an interrupted one", err)
	}
}

func TestCheckRefusesWhatMakesNoRequest(t *testing.T) {
	tests := map[string]struct{ address, host, token string }{
		"token with a slash":   {"127.0.0.1:80", "www.example.com", "../x"},
		"no token":             {"127.0.0.1:80", "www.example.com", ""},
		"no host":              {"127.0.0.1:80", "", token},
		"host with a line end": {"127.0.0.1:80", "a\r\nX: y", token},
		"no port":              {"127.0.0.1", "www.example.com", token},
		"address with a path":  {"127.0.0.1:80/x", "www.example.com", token},
	}
	for name, test := range tests {
		var asked *http01.CheckError
		if err := http01.Check(t.Context(), test.address, test.host, test.token, "x"); err == nil || errors.As(err, &asked) {
			t.Errorf("%s: error %v, want one before anything is asked", name, err)
		}
	}
}
