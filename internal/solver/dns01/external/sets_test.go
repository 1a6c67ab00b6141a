package external_test

import (
	"cmp"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/solver/dns01"
	"github.com/certwright/certwright/internal/solver/dns01/external"
	"github.com/certwright/certwright/internal/testkit/acmetest"
	"github.com/certwright/certwright/internal/testkit/dnssolvertest"
)

// googleSet is a set of values in the API of Google.
type googleSet struct {
	Name    string   `json:"name"`
	Type    string   `json:"type"`
	TTL     int      `json:"ttl"`
	Rrdatas []string `json:"rrdatas"`
}

// googleAccount is a service account's key, as it stands in a Secret.
func googleAccount() string {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	text, err := json.Marshal(object{
		"type": "service_account", "project_id": "project", "client_email": "dns@project.example", "private_key_id": "1",
		"private_key": string(block), "token_uri": "https://oauth2.googleapis.com/token",
	})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// google is the API of Google Cloud DNS: a change takes away what it describes exactly, adds the rest, and is refused
// as a whole where the first is no more as it says.
var google = vendor{
	provider: "gcloud", host: "dns.googleapis.com", header: "Authorization", value: "Bearer google-token-1234",
	variables: map[string]string{"GCE_PROJECT": "project", "GCE_SERVICE_ACCOUNT": googleAccount()},
	others: map[string]http.Handler{"oauth2.googleapis.com": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		encode(w, object{"access_token": "google-token-1234", "token_type": "Bearer", "expires_in": 3600})
	})},
	routes: func(r *records) *http.ServeMux {
		mux := http.NewServeMux()
		mux.HandleFunc("GET /dns/v1/projects/project/managedZones", func(w http.ResponseWriter, request *http.Request) {
			zones := []object{}
			if request.URL.Query().Get("dnsName") == "example.test." {
				zones = append(zones, object{"name": "inside", "visibility": "private"}, object{"name": "zone", "visibility": "public"})
			}
			encode(w, object{"managedZones": zones})
		})
		current := func() []string {
			var quoted []string
			for _, value := range r.sorted() {
				quoted = append(quoted, strconv.Quote(value))
			}
			return quoted
		}
		// Quotes may be left out of what is sent.
		isCurrent := func(values []string) bool {
			return slices.EqualFunc(values, r.sorted(), func(sent, held string) bool { return strings.Trim(sent, `"`) == held })
		}
		const zone = " /dns/v1/projects/project/managedZones/zone"
		mux.HandleFunc("GET"+zone, func(w http.ResponseWriter, _ *http.Request) { encode(w, object{"name": "zone"}) })
		mux.HandleFunc("GET"+zone+"/rrsets", func(w http.ResponseWriter, request *http.Request) {
			defer r.wasRead()
			sets := []googleSet{}
			if query := request.URL.Query(); query.Get("name") == challengeName+"." && query.Get("type") == "TXT" && len(r.values) > 0 {
				sets = append(sets, googleSet{Name: challengeName + ".", Type: "TXT", TTL: 300, Rrdatas: current()})
			}
			encode(w, object{"rrsets": sets})
		})
		mux.HandleFunc("POST"+zone+"/changes", func(w http.ResponseWriter, request *http.Request) {
			change := struct{ Additions, Deletions []googleSet }{}
			decode(request, &change)
			for _, set := range change.Deletions {
				if set.TTL != 300 || !isCurrent(set.Rrdatas) {
					w.WriteHeader(http.StatusPreconditionFailed)
					encode(w, object{"error": object{"code": http.StatusPreconditionFailed, "message": "Precondition not met for 'entity.change.deletions[0]'"}})
					return
				}
			}
			if len(change.Additions) > 0 && len(change.Deletions) == 0 && len(r.values) > 0 {
				w.WriteHeader(http.StatusConflict)
				encode(w, object{"error": object{"code": http.StatusConflict, "message": "The resource 'entity.change.additions[0]' already exists"}})
				return
			}
			r.set(nil)
			for _, set := range change.Additions {
				r.set(set.Rrdatas)
			}
			encode(w, object{"id": "1", "status": "done"})
		})
		return mux
	},
}

// googleAsAnother has the account sign in and then act as another one, which alone may write records.
func googleAsAnother() vendor {
	const another, own = "writer@project.example", "google-token-of-its-own"
	v := google.with("GCE_IMPERSONATE_SERVICE_ACCOUNT", another)
	v.others = map[string]http.Handler{
		"oauth2.googleapis.com": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			encode(w, object{"access_token": own, "token_type": "Bearer", "expires_in": 3600})
		}),
		"iamcredentials.googleapis.com": http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
			if request.URL.Path != "/v1/projects/-/serviceAccounts/"+another+":generateAccessToken" || request.Header.Get("Authorization") != "Bearer "+own {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			encode(w, object{"accessToken": "google-token-1234", "expireTime": "2100-01-01T00:00:00Z"})
		}),
	}
	return v
}

// Where a vendor has the values of a name as one set, a wildcard and its apex are beside each other and beside what is
// somebody else's, whatever that does meanwhile, and each goes alone.
func TestSets(t *testing.T) {
	dns, err := acmetest.StartDNS(acmetest.DNSOptions{Zones: []string{"example.test"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dns.Close() })
	for _, name := range []string{"azuredns", "azuredns private", "gcloud"} {
		t.Run(name, func(t *testing.T) {
			vendor := vendors[name]
			held, client := vendor.start(t), dnssolvertest.Start(t)
			of := func(keyAuthorization string) (external.Provider, dns01.Record) {
				return external.Provider{
					Client: client, Name: cmp.Or(vendor.provider, name), Scope: name, Domain: "www.example.test", KeyAuthorization: keyAuthorization,
					Variables: vendor.variables, Nameservers: []string{dns.Addr()},
				}, dns01.NewRecord("www.example.test", acme.DNS01Value(keyAuthorization))
			}
			wildcard, first := of(keyAuthorization)
			apex, second := of("another." + keyAuthorization)
			somebodyAdds := func(value string) {
				held.mu.Lock()
				defer held.mu.Unlock()
				held.meanwhile = func() {
					held.add(value)
					held.meanwhile = nil
				}
			}
			expect := func(err error, want ...string) {
				t.Helper()
				held.mu.Lock()
				defer held.mu.Unlock()
				slices.Sort(want)
				if got := held.sorted(); err != nil || !slices.Equal(got, want) {
					t.Fatalf("there are %q and not %q: %v", got, want, err)
				}
			}
			somebodyAdds("of|another")
			expect(wildcard.Present(t.Context(), first), "of|another", first.Value)
			somebodyAdds("of a third")
			expect(apex.Present(t.Context(), second), "of|another", "of a third", first.Value, second.Value)
			somebodyAdds("of a fourth")
			expect(wildcard.CleanUp(t.Context(), first), "of|another", "of a third", "of a fourth", second.Value)
			held.set([]string{second.Value})
			somebodyAdds("of a fifth")
			expect(apex.CleanUp(t.Context(), second), "of a fifth")
			held.set([]string{second.Value})
			expect(apex.CleanUp(t.Context(), second))
			expect(apex.CleanUp(t.Context(), second))

			held.set([]string{first.Value})
			held.meanwhile = func() { held.add("of one more") }
			if err := wildcard.CleanUp(t.Context(), first); err == nil || !strings.Contains(err.Error(), "somebody else changes") {
				t.Errorf("the error is %v", err)
			}
			if got := held.sorted(); !slices.Contains(got, first.Value) || !slices.Contains(got, "of one more") {
				t.Errorf("there are %q", got)
			}
		})
	}
}
