package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/certwright/certwright/internal/dnssolver/wire"
)

// An answer that repeats a credential is not cut in the middle of it, where the rest would not be known for one.
func TestAnswersThatRepeatACredential(t *testing.T) {
	const token = "s3cr3t-t0ken-of-some-length"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(strings.Repeat("x", 190) + token))
	}))
	t.Cleanup(server.Close)
	err := api{server.URL, bearer(token)}.call(t.Context(), http.MethodGet, "zones", nil, nil, nil)
	if err == nil {
		t.Fatal("no error")
	}
	if text := wire.Clean(err.Error(), []string{token}); strings.Contains(text, "s3cr") || !strings.Contains(text, "403") {
		t.Error(text)
	}
}
