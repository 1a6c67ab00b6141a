package http01

import (
	"context"
	"io"
	"net/http"
	"path"
	"strconv"

	"github.com/certwright/certwright/internal/acme"
)

// HealthPath is answered with 200 whatever the Host header says, for the probes of a kubelet.
const HealthPath = "/healthz"

// Handler answers GET and HEAD for /.well-known/acme-challenge/{token} with the key authorization and
// everything else, but HealthPath, with 404.
type Handler struct {
	// Lookup returns the key authorization for a token that is to be served at a host. The host is in
	// the form of CanonicalHost, and the token is base64url.
	Lookup func(ctx context.Context, host, token string) (keyAuthorization string, found bool)
}

// ServeHTTP implements http.Handler.
func (h Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.NotFound(w, r)
		return
	}
	if r.URL.Path == HealthPath {
		answer(w, r, "text/plain; charset=utf-8", "ok\n")
		return
	}
	keyAuthorization, found := h.find(r)
	if !found {
		http.NotFound(w, r)
		return
	}
	// RFC 8555 section 8.3 shows the answer with this type.
	answer(w, r, "application/octet-stream", keyAuthorization)
}

func (h Handler) find(r *http.Request) (string, bool) {
	token := path.Base(r.URL.Path)
	want, err := acme.HTTP01Path(token)
	if err != nil || r.URL.Path != want {
		return "", false
	}
	host, ok := CanonicalHost(r.Host)
	if !ok {
		return "", false
	}
	return h.Lookup(r.Context(), host, token)
}

func answer(w http.ResponseWriter, r *http.Request, contentType, body string) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	// A client that has gone away asks again.
	_, _ = io.WriteString(w, body) //nolint:gosec // G705: an octet stream or a constant, with nosniff: never read as HTML
}
