package acmetest

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"strings"
	"time"

	"github.com/letsencrypt/pebble/v2/db"
)

// renewalInfoPath is where Pebble answers questions about renewals (RFC 9773).
const renewalInfoPath = "/draft-ietf-acme-ari-03/renewalInfo/"

// suggestingAtOnce is Pebble, except that it wants certificates with a shorter lifetime than below renewed at
// once: without it, nothing makes Pebble say so before it is asked the first time.
func suggestingAtOnce(pebble http.Handler, store *db.MemoryStore, below time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		certID, asked := strings.CutPrefix(r.URL.Path, renewalInfoPath)
		leaf := certificateOf(store, certID)
		if !asked || leaf == nil || leaf.NotAfter.Sub(leaf.NotBefore) >= below {
			pebble.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Retry-After", "21600")
		// The client has gone if this fails.
		_ = json.NewEncoder(w).Encode(map[string]any{
			"suggestedWindow": map[string]time.Time{"start": leaf.NotBefore, "end": leaf.NotBefore.Add(time.Second)},
			"explanationURL":  "https://ca.test/renew-at-once",
		})
	})
}

// certificateOf finds a certificate by its identifier (RFC 9773 section 4.1), nil if there is none.
func certificateOf(store *db.MemoryStore, certID string) *x509.Certificate {
	_, serial, _ := strings.Cut(certID, ".")
	octets, err := base64.RawURLEncoding.DecodeString(serial)
	if err != nil {
		return nil
	}
	found := store.GetCertificateBySerial(new(big.Int).SetBytes(octets))
	if found == nil {
		return nil
	}
	return found.Cert
}
