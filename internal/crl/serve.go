package crl

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net/http"
	"regexp"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/certwright/certwright/internal/pki"
)

// Limits of a server of files of at most pki.MaxCRLBytes, to clients that may be slow.
const (
	requestTimeout = 5 * time.Second
	answerTimeout  = 2 * time.Minute
	idleTimeout    = 15 * time.Second
	maxHeaderBytes = 8 << 10
)

const (
	// longestAge is how long an answer may be kept by whoever stands between: a revocation is to be seen within
	// the hour, whatever nextUpdate says.
	longestAge = time.Hour
	// maxDescribed is how many lists are described in memory, about 300 bytes each.
	maxDescribed = 4096
)

// Lookup finds a list among the Secrets in memory: the bytes of an entry of the Secret with lists of this name, and
// something that changes whenever the Secret does. No namespace means that of ClusterIssuers.
type Lookup func(ctx context.Context, secret types.NamespacedName, entry string) (der []byte, version string, found bool)

// Handler serves revocation lists (RFC 5280 section 4.2.1.13: one DER list, over HTTP) at
// /crl/<namespace>/<issuer>/<key>.crl and /crl/<cluster issuer>/<key>.crl. What it serves is no secret, and signed:
// there is no TLS. Only what can be read as a revocation list is served, whoever wrote it.
type Handler struct {
	lookup Lookup
	now    func() time.Time
	mux    *http.ServeMux

	mu        sync.Mutex
	described map[string]description
}

// description is what an answer says of a list besides the list. The zero value is that of something else.
type description struct {
	etag                   string
	thisUpdate, nextUpdate time.Time
}

// NewHandler makes a handler of what lookup finds.
func NewHandler(lookup Lookup, now func() time.Time) *Handler {
	h := &Handler{lookup: lookup, now: now, mux: http.NewServeMux(), described: map[string]description{}}
	h.mux.HandleFunc("GET /crl/{namespace}/{issuer}/{file}", h.serve)
	h.mux.HandleFunc("GET /crl/{issuer}/{file}", h.serve)
	return h
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

// The elements of a path, so that nothing else is looked up.
var (
	namespaceElement = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	issuerElement    = regexp.MustCompile(`^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$`)
	fileElement      = regexp.MustCompile(`^([0-9a-f]{2}){1,64}\.crl$`)
)

func (h *Handler) serve(w http.ResponseWriter, r *http.Request) {
	namespace, issuer, file := r.PathValue("namespace"), r.PathValue("issuer"), r.PathValue("file")
	if !issuerElement.MatchString(issuer) || !fileElement.MatchString(file) || namespace != "" && !namespaceElement.MatchString(namespace) {
		http.NotFound(w, r)
		return
	}
	secret := types.NamespacedName{Namespace: namespace, Name: ListName(issuer)}
	der, version, found := h.lookup(r.Context(), secret, file)
	if !found {
		http.NotFound(w, r)
		return
	}
	about := h.describe(secret.String()+"/"+file+"@"+version, der)
	if about.etag == "" {
		http.NotFound(w, r)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "application/pkix-crl")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("ETag", about.etag)
	age := max(0, min(longestAge, about.nextUpdate.Sub(h.now())))
	header.Set("Cache-Control", fmt.Sprintf("max-age=%d", int(age.Seconds())))
	http.ServeContent(w, r, "", about.thisUpdate, bytes.NewReader(der))
}

// describe reads a list, once for each version of its Secret.
func (h *Handler) describe(version string, der []byte) description {
	h.mu.Lock()
	defer h.mu.Unlock()
	if about, ok := h.described[version]; ok {
		return about
	}
	if len(h.described) >= maxDescribed {
		clear(h.described)
	}
	about := describe(der)
	h.described[version] = about
	return about
}

func describe(der []byte) description {
	if len(der) > pki.MaxCRLBytes {
		return description{}
	}
	list, err := x509.ParseRevocationList(der)
	// What stands behind a list is no part of it.
	if err != nil || len(list.Raw) != len(der) {
		return description{}
	}
	sum := sha256.Sum256(der)
	return description{etag: `"` + hex.EncodeToString(sum[:16]) + `"`, thisUpdate: list.ThisUpdate, nextUpdate: list.NextUpdate}
}

// NewServer returns a server for a handler at an address such as ":8082", with limits that keep slow or greedy
// clients from holding it. The caller starts and stops it.
func NewServer(addr string, handler http.Handler) *http.Server {
	return &http.Server{
		Addr:              addr,
		Handler:           handler,
		ReadHeaderTimeout: requestTimeout,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      answerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
	}
}
