package crl_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/certwright/certwright/internal/crl"
	"github.com/certwright/certwright/internal/pki"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// signedList is a list from now for a week.
func signedList(t testing.TB) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{Subject: pkix.Name{CommonName: "ca"}, SubjectKeyId: []byte{0xab}, KeyUsage: x509.KeyUsageCRLSign}
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: now, NextUpdate: now.Add(7 * 24 * time.Hour),
	}, ca, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// world is what a handler finds, by "namespace/secret entry".
type world struct {
	lists   map[string][]byte
	version string
	now     time.Time
	asked   []string
}

func (w *world) handler() http.Handler {
	return crl.NewHandler(func(_ context.Context, secret types.NamespacedName, entry string) ([]byte, string, bool) {
		w.asked = append(w.asked, secret.String()+" "+entry)
		der, found := w.lists[secret.String()+" "+entry]
		return der, w.version, found
	}, func() time.Time { return w.now })
}

func ask(handler http.Handler, method, path string, header ...string) *http.Response {
	request := httptest.NewRequest(method, "http://crl.example.test/", http.NoBody)
	request.URL.Path = path
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return recorder.Result()
}

func TestServe(t *testing.T) {
	der := signedList(t)
	w := &world{now: now, lists: map[string][]byte{
		"team/ca-crl ab.crl": der, "/ca-crl ab.crl": der, "team/ca-crl cd.crl": []byte("no list"),
		"team/ca-crl ef.crl": make([]byte, pki.MaxCRLBytes+1), "team/ca-crl 01.crl": append(append([]byte{}, der...), 0),
	}}
	handler := w.handler()
	for name, test := range map[string]struct {
		method, path string
		want         int
	}{
		"an Issuer's":           {"GET", "/crl/team/ca/ab.crl", 200},
		"a ClusterIssuer's":     {"GET", "/crl/ca/ab.crl", 200},
		"the head of it":        {"HEAD", "/crl/team/ca/ab.crl", 200},
		"of another namespace":  {"GET", "/crl/other/ca/ab.crl", 404},
		"of another issuer":     {"GET", "/crl/team/other/ab.crl", 404},
		"what is no list":       {"GET", "/crl/team/ca/cd.crl", 404},
		"what is too long":      {"GET", "/crl/team/ca/ef.crl", 404},
		"with something behind": {"GET", "/crl/team/ca/01.crl", 404},
		"a change":              {"POST", "/crl/team/ca/ab.crl", 405},
		"a deletion":            {"DELETE", "/crl/team/ca/ab.crl", 405},
		"the root":              {"GET", "/", 404},
		"a folder":              {"GET", "/crl/team/ca/", 404},
		"something deeper":      {"GET", "/crl/a/team/ca/ab.crl", 404},
	} {
		t.Run(name, func(t *testing.T) {
			if got := ask(handler, test.method, test.path).StatusCode; got != test.want {
				t.Errorf("status %d, want %d", got, test.want)
			}
		})
	}
}

// Nothing is looked up that cannot be the name of a list: another entry of the Secret, or another Secret.
func TestServeLooksUpNothingElse(t *testing.T) {
	w := &world{now: now}
	handler := w.handler()
	for _, path := range []string{
		"/crl/team/ca/ab.key", "/crl/team/ca/ab.expiries", "/crl/team/ca/.crl", "/crl/team/ca/AB.crl", "/crl/team/ca/abc.crl",
		"/crl/team/ca/" + strings.Repeat("ab", 65) + ".crl", "/crl/team/../ab.crl", "/crl/Team/ca/ab.crl", "/crl/team/ca%2Fx/ab.crl",
		"/crl/te.am/ca/ab.crl", "/crl/team/" + strings.Repeat("a", 254) + "/ab.crl", "/crl//ca/ab.crl", "/crl/" + strings.Repeat("a", 64) + "/ca/ab.crl",
	} {
		if status := ask(handler, http.MethodGet, path).StatusCode; status == http.StatusOK {
			t.Errorf("%s: %d", path, status)
		}
	}
	if len(w.asked) > 0 {
		t.Errorf("looked up: %q", w.asked)
	}
}

func TestServeLetsCachesKeepAListForAnHour(t *testing.T) {
	w := &world{now: now, version: "1", lists: map[string][]byte{"team/ca-crl ab.crl": signedList(t)}}
	handler := w.handler()
	first := ask(handler, http.MethodGet, "/crl/team/ca/ab.crl")
	for key, want := range map[string]string{
		"Content-Type": "application/pkix-crl", "Last-Modified": now.Format(http.TimeFormat), "Cache-Control": "max-age=3600", "X-Content-Type-Options": "nosniff",
	} {
		if got := first.Header.Get(key); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
	for name, header := range map[string][2]string{
		"the tag": {"If-None-Match", first.Header.Get("ETag")}, "the time": {"If-Modified-Since", now.Format(http.TimeFormat)},
	} {
		if got := ask(handler, http.MethodGet, "/crl/team/ca/ab.crl", header[0], header[1]).StatusCode; got != http.StatusNotModified {
			t.Errorf("asked again with %s: %d", name, got)
		}
	}
	w.lists["team/ca-crl ab.crl"], w.version = signedList(t), "2"
	if next := ask(handler, http.MethodGet, "/crl/team/ca/ab.crl"); next.Header.Get("ETag") == first.Header.Get("ETag") || next.StatusCode != http.StatusOK {
		t.Errorf("the next list has the tag of the one before")
	}
	for at, want := range map[time.Duration]string{7*24*time.Hour - time.Minute: "max-age=60", 8 * 24 * time.Hour: "max-age=0"} {
		w.now = now.Add(at)
		if got := ask(handler, http.MethodGet, "/crl/team/ca/ab.crl").Header.Get("Cache-Control"); got != want {
			t.Errorf("after %v: %s, want %s", at, got, want)
		}
	}
}

// FuzzServe gives a handler paths and entries as tenants write them: what is served is a revocation list, of the
// namespace in the path.
func FuzzServe(f *testing.F) {
	der := signedList(f)
	f.Add("/crl/team/ca/ab.crl", der)
	f.Add("/crl/ca/ab.crl", der[:len(der)-1])
	f.Add("/crl/../team//ca/ab.crl", []byte{0x30, 0x80})
	f.Fuzz(func(t *testing.T, path string, content []byte) {
		if !strings.HasPrefix(path, "/") {
			return
		}
		var asked types.NamespacedName
		handler := crl.NewHandler(func(_ context.Context, secret types.NamespacedName, _ string) ([]byte, string, bool) {
			asked = secret
			return content, "", true
		}, func() time.Time { return now })
		response := ask(handler, http.MethodGet, path)
		if response.StatusCode != http.StatusOK {
			return
		}
		if _, err := x509.ParseRevocationList(content); err != nil || len(content) > pki.MaxCRLBytes {
			t.Errorf("served what is no list: %v", err)
		}
		if asked.Namespace != "" && !strings.HasPrefix(path, "/crl/"+asked.Namespace+"/") || !strings.HasSuffix(asked.Name, "-crl") {
			t.Errorf("%s led to %s", path, asked)
		}
	})
}
