package http01_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/internal/solver/http01"
)

const (
	token            = "Token-0_9"
	keyAuthorization = token + ".thumbprint"
	challengePath    = "/.well-known/acme-challenge/" + token
)

// answers serves one key authorization at each of some hosts.
func answers(hosts ...string) http01.Handler {
	return http01.Handler{Lookup: func(_ context.Context, host, asked string) (string, bool) {
		for _, known := range hosts {
			if host == known && asked == token {
				return keyAuthorization, true
			}
		}
		return "", false
	}}
}

func TestHandler(t *testing.T) {
	type answer struct {
		Code       int
		Type, Body string
	}
	found := answer{200, "application/octet-stream", keyAuthorization}
	missing := answer{404, "text/plain; charset=utf-8", "404 page not found\n"}
	tests := map[string]struct {
		method, path, host string
		want               answer
	}{
		"GET":                     {"GET", challengePath, "www.example.com", found},
		"HEAD":                    {"HEAD", challengePath, "www.example.com", answer{200, "application/octet-stream", ""}},
		"host in capitals, port":  {"GET", challengePath, "WWW.Example.com:80", found},
		"host with final dot":     {"GET", challengePath, "www.example.com.", found},
		"IPv4":                    {"GET", challengePath, "192.0.2.1", found},
		"IPv6":                    {"GET", challengePath, "[2001:DB8:0::1]:80", found},
		"another host":            {"GET", challengePath, "example.com", missing},
		"no host":                 {"GET", challengePath, "", missing},
		"host that is none":       {"GET", challengePath, "www.example.com/", missing},
		"another token":           {"GET", challengePath + "x", "www.example.com", missing},
		"no token":                {"GET", "/.well-known/acme-challenge/", "www.example.com", missing},
		"token outside base64url": {"GET", "/.well-known/acme-challenge/a.b", "www.example.com", missing},
		"below the token":         {"GET", challengePath + "/", "www.example.com", missing},
		"path that goes up":       {"GET", "/x/.." + challengePath, "www.example.com", missing},
		"double slash":            {"GET", "/" + challengePath, "www.example.com", missing},
		"POST":                    {"POST", challengePath, "www.example.com", missing},
		"root":                    {"GET", "/", "www.example.com", missing},
		"health":                  {"GET", "/healthz", "10.0.0.1:8089", answer{200, "text/plain; charset=utf-8", "ok\n"}},
		"health by HEAD":          {"HEAD", "/healthz", "", answer{200, "text/plain; charset=utf-8", ""}},
		"health by POST":          {"POST", "/healthz", "", missing},
	}
	handler := answers("www.example.com", "192.0.2.1", "2001:db8::1")
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			request := httptest.NewRequest(test.method, test.path, http.NoBody)
			request.Host = test.host
			recorder := httptest.NewRecorder()
			handler.ServeHTTP(recorder, request)
			got := answer{recorder.Code, recorder.Header().Get("Content-Type"), recorder.Body.String()}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

// A token in the request reaches the lookup only if it is one.
func TestHandlerLooksUpTokensOnly(t *testing.T) {
	handler := http01.Handler{Lookup: func(_ context.Context, _, asked string) (string, bool) {
		t.Errorf("looked up %q", asked)
		return "", false
	}}
	for _, bad := range []string{"..", "a%2Fb", "a%00", strings.Repeat("a", 5000), "%20", "a+b", "ä"} {
		request := httptest.NewRequest(http.MethodGet, "/.well-known/acme-challenge/"+bad, http.NoBody)
		handler.ServeHTTP(httptest.NewRecorder(), request)
	}
}

// The server's limits hold: a client that sends half a header is cut off, and a header without end refused.
func TestServerLimits(t *testing.T) {
	server := http01.NewServer("127.0.0.1:0", answers("www.example.com"))
	if server.ReadHeaderTimeout == 0 || server.ReadTimeout == 0 || server.WriteTimeout == 0 || server.IdleTimeout == 0 {
		t.Error("a timeout is not set")
	}
	running := httptest.NewUnstartedServer(nil)
	running.Config = server
	running.Start()
	defer running.Close()
	request, err := http.NewRequest(http.MethodGet, running.URL+challengePath, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = "www.example.com"
	if code, body := do(t, request); code != 200 || body != keyAuthorization {
		t.Errorf("%d %q, want the key authorization", code, body)
	}
	request.Header.Set("X-Long", strings.Repeat("a", 32<<10))
	if code, _ := do(t, request); code != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d for a header of 32 KiB, want 431", code)
	}
}

func do(t *testing.T, request *http.Request) (int, string) {
	t.Helper()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}
