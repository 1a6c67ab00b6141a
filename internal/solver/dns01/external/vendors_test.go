package external_test

import (
	"cmp"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/certwright/certwright/internal/dnssolver/providers"
	"github.com/certwright/certwright/internal/dnssolver/wire"
	"github.com/certwright/certwright/internal/solver/dns01/external"
	"github.com/certwright/certwright/internal/testkit/acmetest"
	"github.com/certwright/certwright/internal/testkit/awstest"
	"github.com/certwright/certwright/internal/testkit/dnssolvertest"
)

// records are the TXT values of one name at a vendor, by the number that the vendor gives each.
type records struct {
	mu     sync.Mutex
	last   int
	values map[string]string
	// meanwhile is what somebody else does after each time that a set has been read.
	meanwhile func()
}

const challengeName = "_acme-challenge.www.example.test"

func (r *records) add(value string) string {
	r.last++
	id := strconv.Itoa(r.last)
	r.values[id] = strings.Trim(value, `"`)
	return id
}

func (r *records) sorted() []string { return slices.Sorted(maps.Values(r.values)) }

func (r *records) set(values []string) {
	r.values = map[string]string{}
	for _, value := range values {
		r.add(value)
	}
}

// version is another one for other values.
func (r *records) version() string { return "version of " + strings.Join(r.sorted(), ", ") }

func (r *records) wasRead() {
	if r.meanwhile != nil {
		r.meanwhile()
	}
}

// TXT implements awstest.Zone.
func (r *records) TXT(name string) []string {
	if name != challengeName+"." {
		return nil
	}
	return r.sorted()
}

// SetTXT implements awstest.Zone.
func (r *records) SetTXT(name string, values ...string) {
	if name == challengeName+"." {
		r.set(values)
	}
}

// vendor is a fake of a vendor's API at its own name.
type vendor struct {
	// provider is the provider's name where that is not the vendor's.
	provider  string
	host      string
	variables map[string]string
	// identity are the variables that the operator adds to them.
	identity map[string]string
	// others are the vendor's other hosts.
	others map[string]http.Handler
	// authorization is what a request must have, as "header: value"; a value may be a beginning.
	header, value string
	routes        func(r *records) *http.ServeMux
}

// with is the vendor with one setting more.
func (v vendor) with(name, value string) vendor {
	v.variables = maps.Clone(v.variables)
	v.variables[name] = value
	return v
}

// all are the variables that dns-solver is handed.
func (v vendor) all() map[string]string {
	all := maps.Clone(v.variables)
	maps.Copy(all, v.identity)
	return all
}

func decode(request *http.Request, into any) {
	_ = json.NewDecoder(request.Body).Decode(into)
}

func encode(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}

type object = map[string]any

const (
	roleARN     = "arn:aws:iam::123456789012:role/dns"
	webIdentity = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQ6c2hvcDpkbnMifQ.c2lnbmF0dXJl"
)

func route53(r *records) *http.ServeMux { return awstest.Route53("example.test", r) }

var vendors = map[string]vendor{
	"azuredns":           azure,
	"azuredns private":   azureZones("privateDnsZones", "txtRecords", "ttl").with("AZURE_ZONE_NAME", "example.test"),
	"gcloud":             google,
	"gcloud with a zone": google.with("GCE_ZONE_ID", "zone"),
	"gcloud as another":  googleAsAnother(),
	"cloudflare": {
		host: "api.cloudflare.com", variables: map[string]string{"CLOUDFLARE_DNS_API_TOKEN": "cf-token-1234"}, header: "Authorization", value: "Bearer cf-token-1234",
		routes: func(r *records) *http.ServeMux {
			mux := http.NewServeMux()
			mux.HandleFunc("GET /client/v4/zones", func(w http.ResponseWriter, request *http.Request) {
				var zones []object
				if request.URL.Query().Get("name") == "example.test" {
					zones = append(zones, object{"id": "z1", "name": "example.test"})
				}
				encode(w, object{"success": true, "result": zones})
			})
			mux.HandleFunc("GET /client/v4/zones/z1/dns_records", func(w http.ResponseWriter, request *http.Request) {
				var found []object
				if query := request.URL.Query(); query.Get("name") == challengeName && query.Get("type") == "TXT" {
					for id, value := range r.values {
						found = append(found, object{"id": id, "type": "TXT", "name": challengeName, "content": `"` + value + `"`})
					}
				}
				encode(w, object{"success": true, "result": found})
			})
			mux.HandleFunc("POST /client/v4/zones/z1/dns_records", func(w http.ResponseWriter, request *http.Request) {
				record := struct{ Type, Name, Content string }{}
				decode(request, &record)
				if record.Name != challengeName || record.Type != "TXT" {
					http.Error(w, "not that", http.StatusBadRequest)
					return
				}
				encode(w, object{"success": true, "result": object{"id": r.add(record.Content)}})
			})
			mux.HandleFunc("DELETE /client/v4/zones/z1/dns_records/{id}", func(w http.ResponseWriter, request *http.Request) {
				delete(r.values, request.PathValue("id"))
				encode(w, object{"success": true, "result": object{"id": request.PathValue("id")}})
			})
			return mux
		},
	},
	"digitalocean": {
		host: "api.digitalocean.com", variables: map[string]string{"DO_AUTH_TOKEN": "do-token-1234"}, header: "Authorization", value: "Bearer do-token-1234",
		routes: func(r *records) *http.ServeMux {
			mux := http.NewServeMux()
			mux.HandleFunc("GET /v2/domains/example.test/records", func(w http.ResponseWriter, request *http.Request) {
				found := []object{}
				if query := request.URL.Query(); query.Get("name") == challengeName && query.Get("type") == "TXT" {
					for id, value := range r.values {
						number, _ := strconv.Atoi(id)
						found = append(found, object{"id": number, "type": "TXT", "data": value})
					}
				}
				encode(w, object{"domain_records": found})
			})
			mux.HandleFunc("POST /v2/domains/example.test/records", func(w http.ResponseWriter, request *http.Request) {
				record := struct{ Type, Name, Data string }{}
				decode(request, &record)
				id, _ := strconv.Atoi(r.add(record.Data))
				encode(w, object{"domain_record": object{"id": id, "type": "TXT", "name": record.Name, "data": record.Data}})
			})
			mux.HandleFunc("DELETE /v2/domains/example.test/records/{id}", func(w http.ResponseWriter, request *http.Request) {
				delete(r.values, request.PathValue("id"))
				w.WriteHeader(http.StatusNoContent)
			})
			return mux
		},
	},
	"gandiv5": {
		host: "api.gandi.net", variables: map[string]string{"GANDIV5_PERSONAL_ACCESS_TOKEN": "gandi-token-1234"}, header: "Authorization", value: "Bearer gandi-token-1234",
		routes: func(r *records) *http.ServeMux {
			mux := http.NewServeMux()
			const path = " /v5/livedns/domains/example.test/records/_acme-challenge.www/TXT"
			mux.HandleFunc("GET"+path, func(w http.ResponseWriter, _ *http.Request) {
				if len(r.values) == 0 {
					w.WriteHeader(http.StatusNotFound)
				}
				encode(w, object{"rrset_ttl": 300, "rrset_values": r.sorted()})
			})
			mux.HandleFunc("PUT"+path, func(w http.ResponseWriter, request *http.Request) {
				set := struct {
					Values []string `json:"rrset_values"`
				}{}
				decode(request, &set)
				r.set(set.Values)
				encode(w, object{"message": "ok"})
			})
			mux.HandleFunc("DELETE"+path, func(w http.ResponseWriter, _ *http.Request) {
				r.set(nil)
				w.WriteHeader(http.StatusNoContent)
			})
			return mux
		},
	},
	"hetzner": {
		host: "api.hetzner.cloud", variables: map[string]string{"HETZNER_API_TOKEN": "hetzner-token-1234"}, header: "Authorization", value: "Bearer hetzner-token-1234",
		routes: func(r *records) *http.ServeMux {
			mux := http.NewServeMux()
			const path = "POST /v1/zones/example.test/rrsets/_acme-challenge.www/TXT/actions/"
			change := func(apply func(value string)) http.HandlerFunc {
				return func(w http.ResponseWriter, request *http.Request) {
					set := struct{ Records []struct{ Value string } }{}
					decode(request, &set)
					for _, record := range set.Records {
						apply(strings.Trim(record.Value, `"`))
					}
					encode(w, object{"action": object{"id": 1, "status": "running"}})
				}
			}
			mux.HandleFunc(path+"add_records", change(func(value string) {
				if !slices.Contains(r.sorted(), value) {
					r.add(value)
				}
			}))
			mux.HandleFunc(path+"remove_records", change(func(value string) {
				maps.DeleteFunc(r.values, func(_, held string) bool { return held == value })
			}))
			mux.HandleFunc("GET /v1/actions/1", func(w http.ResponseWriter, _ *http.Request) {
				encode(w, object{"action": object{"id": 1, "status": "success"}})
			})
			return mux
		},
	},
	"route53": {
		host:   "route53.amazonaws.com",
		header: "Authorization", value: "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/",
		variables: map[string]string{"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "aws-secret-1234", "AWS_REGION": "us-east-1"},
		routes:    route53,
	},
	"route53 with a token": {
		provider: "route53", host: "route53.amazonaws.com",
		header: "X-Amz-Security-Token", value: awstest.SessionToken,
		variables: map[string]string{"AWS_REGION": "eu-central-1"},
		identity:  map[string]string{"AWS_WEB_IDENTITY_TOKEN": webIdentity, "AWS_ROLE_ARN": roleARN, "AWS_ROLE_SESSION_NAME": "certwright"},
		others:    map[string]http.Handler{"sts.eu-central-1.amazonaws.com": &awstest.STS{Role: roleARN, Trusts: func(token string) bool { return token == webIdentity }}},
		routes:    route53,
	},
}

// start runs the vendor behind a proxy that leads there whatever name is asked for, and has every dns-solver that
// the test starts go through it. It is an Issuer's provider: nothing else is allowed to it.
func (v vendor) start(t *testing.T) *records {
	t.Helper()
	held := &records{values: map[string]string{}}
	routes := v.routes(held)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		held.mu.Lock()
		defer held.mu.Unlock()
		if other, ok := v.others[request.Host]; ok {
			other.ServeHTTP(w, request)
			return
		}
		if request.Host != v.host || !strings.HasPrefix(request.Header.Get(v.header), v.value) {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		request.URL.Path = strings.TrimSuffix(request.URL.Path, "/")
		routes.ServeHTTP(w, request)
	}))
	certificate, roots, err := acmetest.ServerIdentity(append(slices.Collect(maps.Keys(v.others)), v.host)...)
	if err != nil {
		t.Fatal(err)
	}
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(file, roots, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", file)
	t.Setenv("HTTPS_PROXY", startProxy(t, server.Listener.Addr().String()))
	return held
}

// startProxy leads every connection to one address.
func startProxy(t *testing.T, to string) string {
	t.Helper()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if request.Method != http.MethodConnect {
			http.Error(w, "CONNECT only", http.StatusMethodNotAllowed)
			return
		}
		there, err := net.Dial("tcp", to)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		here, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		_, _ = io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
		go func() {
			_, _ = io.Copy(there, here)
			_ = there.Close()
		}()
		_, _ = io.Copy(here, there)
		_ = here.Close()
	}))
	t.Cleanup(proxy.Close)
	return proxy.URL
}

// Each vendor's record is added beside what is there, once however often that is asked for, and taken away by its
// value, also when all processes have been killed in between.
func TestVendors(t *testing.T) {
	dns, err := acmetest.StartDNS(acmetest.DNSOptions{Zones: []string{"example.test"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dns.Close() })
	for name, vendor := range vendors {
		t.Run(name, func(t *testing.T) {
			held := vendor.start(t)
			known, _ := providers.Find(cmp.Or(vendor.provider, name))
			if err := known.Check(providers.Settings{Secret: vendor.variables, SignedIn: vendor.identity != nil}); err != nil {
				t.Fatalf("its settings: %v", err)
			}
			provider := external.Provider{
				Name: known.Name, Keep: known.Keep(), Scope: name, Domain: "www.example.test", KeyAuthorization: keyAuthorization,
				Variables: vendor.all(), Nameservers: []string{dns.Addr()},
			}
			held.set([]string{"of another"})
			want := []string{record().Value, "of another"}
			slices.Sort(want)
			provider.Client = dnssolvertest.Start(t)
			for range 2 {
				if err := provider.Present(t.Context(), record()); err != nil {
					t.Fatal(err)
				}
				if got := held.sorted(); !slices.Equal(got, want) {
					t.Fatalf("there are %q", got)
				}
				dnssolvertest.Kill(t)
			}
			provider.Client = dnssolvertest.Start(t)
			for range 2 {
				if err := provider.CleanUp(t.Context(), record()); err != nil {
					t.Fatal(err)
				}
				if got := held.sorted(); !slices.Equal(got, []string{"of another"}) {
					t.Fatalf("there are %q", got)
				}
			}
		})
	}
}

// What a vendor says about a wrong credential reaches the user; the credential does not.
func TestVendorRefusal(t *testing.T) {
	dns, err := acmetest.StartDNS(acmetest.DNSOptions{Zones: []string{"example.test"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dns.Close() })
	const wrong = "wrong-token-5678"
	for name, test := range map[string]struct{ variable, want string }{
		"hetzner":              {"HETZNER_API_TOKEN", "401"},
		"route53 with a token": {"AWS_WEB_IDENTITY_TOKEN", "AccessDenied: *** may not be this role"},
	} {
		t.Run(name, func(t *testing.T) {
			vendor := vendors[name]
			vendor.start(t)
			provider := external.Provider{
				Client: dnssolvertest.Start(t), Name: cmp.Or(vendor.provider, name), Scope: name, Domain: "www.example.test", KeyAuthorization: keyAuthorization,
				Variables: vendor.all(), Nameservers: []string{dns.Addr()},
			}
			provider.Variables[test.variable] = wrong
			failure, ok := errors.AsType[*external.Error](provider.Present(t.Context(), record()))
			if !ok || failure.Kind != wire.Failed || !strings.Contains(failure.Text, test.want) || strings.Contains(failure.Text, "wrong-token") {
				t.Errorf("%v", failure)
			}
		})
	}
}
