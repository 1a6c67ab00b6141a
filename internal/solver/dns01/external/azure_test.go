package external_test

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/certwright/certwright/internal/dnssolver/wire"
	"github.com/certwright/certwright/internal/reach"
	"github.com/certwright/certwright/internal/solver/dns01/external"
	"github.com/certwright/certwright/internal/testkit/acmetest"
	"github.com/certwright/certwright/internal/testkit/dnssolvertest"
)

// azureZones is the API of Azure for one zone, which is found by a query. Public and private zones differ in names.
func azureZones(kind, values, ttl string) vendor {
	return vendor{
		provider: "azuredns", host: "management.azure.com", header: "Authorization", value: "Bearer azure-token-1234",
		others: map[string]http.Handler{"login.microsoftonline.com": http.HandlerFunc(logIn)},
		variables: map[string]string{
			"AZURE_AUTH_METHOD": "env", "AZURE_CLIENT_ID": "client", "AZURE_CLIENT_SECRET": "azure-secret-1234", "AZURE_TENANT_ID": azureTenant,
			"AZURE_SUBSCRIPTION_ID": "subscription", "AZURE_RESOURCE_GROUP": "group", "AZURE_PRIVATE_ZONE": strconv.FormatBool(kind == "privateDnsZones"),
		},
		routes: func(r *records) *http.ServeMux {
			mux := http.NewServeMux()
			mux.HandleFunc("POST /providers/Microsoft.ResourceGraph/resources", func(w http.ResponseWriter, request *http.Request) {
				asked := struct{ Query string }{}
				decode(request, &asked)
				zones := []object{}
				if strings.Contains(strings.ToLower(asked.Query), strings.ToLower(`"microsoft.network/`+kind+`"`)) && strings.Contains(asked.Query, `"group"`) {
					zones = append(zones, object{"name": "example.test", "resourceGroup": "group", "subscriptionId": "subscription"})
				}
				encode(w, object{"totalRecords": len(zones), "count": len(zones), "resultTruncated": "false", "data": zones})
			})
			set := " /subscriptions/subscription/resourceGroups/group/providers/Microsoft.Network/" + kind + "/example.test/TXT/_acme-challenge.www"
			// Who names the version that was read gets its way only while it is current.
			conditional := func(apply http.HandlerFunc) http.HandlerFunc {
				return func(w http.ResponseWriter, request *http.Request) {
					if match := request.Header.Get("If-Match"); match != "" && match != r.version() || request.Header.Get("If-None-Match") == "*" && len(r.values) > 0 {
						w.WriteHeader(http.StatusPreconditionFailed)
						encode(w, object{"error": object{"code": "PreconditionFailed"}})
						return
					}
					apply(w, request)
				}
			}
			mux.HandleFunc("GET"+set, func(w http.ResponseWriter, _ *http.Request) {
				defer r.wasRead()
				if len(r.values) == 0 {
					w.WriteHeader(http.StatusNotFound)
					return
				}
				entries := []object{}
				for _, value := range r.sorted() {
					entries = append(entries, object{"value": strings.Split(value, "|")})
				}
				encode(w, object{"etag": r.version(), "properties": object{ttl: 300, values: entries}})
			})
			mux.HandleFunc("PUT"+set, conditional(func(w http.ResponseWriter, request *http.Request) {
				sent := struct{ Properties map[string]json.RawMessage }{}
				decode(request, &sent)
				var entries []struct{ Value []string }
				_ = json.Unmarshal(sent.Properties[values], &entries)
				if len(sent.Properties[ttl]) == 0 {
					http.Error(w, "there is no TTL", http.StatusBadRequest)
					return
				}
				var all []string
				for _, entry := range entries {
					all = append(all, strings.Join(entry.Value, "|"))
				}
				r.set(all)
				encode(w, object{})
			}))
			mux.HandleFunc("DELETE"+set, conditional(func(http.ResponseWriter, *http.Request) { r.set(nil) }))
			return mux
		},
	}
}

var azure = azureZones("dnsZones", "TXTRecords", "TTL")

const azureTenant = "11111111-1111-1111-1111-111111111111"

// logIn is where a workload identity exchanges its token.
func logIn(w http.ResponseWriter, request *http.Request) {
	const authority = "https://login.microsoftonline.com/" + azureTenant
	switch request.URL.Path {
	case "/" + azureTenant + "/v2.0/.well-known/openid-configuration":
		encode(w, object{
			"issuer": authority + "/v2.0", "authorization_endpoint": authority + "/oauth2/v2.0/authorize", "token_endpoint": authority + "/oauth2/v2.0/token",
		})
	case "/common/discovery/instance":
		encode(w, object{"tenant_discovery_endpoint": authority + "/v2.0/.well-known/openid-configuration", "metadata": []object{{
			"preferred_network": "login.microsoftonline.com", "preferred_cache": "login.windows.net", "aliases": []string{"login.microsoftonline.com"},
		}}})
	case "/" + azureTenant + "/oauth2/v2.0/token":
		if request.PostFormValue("client_id") == "client" && (request.PostFormValue("client_assertion") == "workload-token" || request.PostFormValue("client_secret") == "azure-secret-1234") {
			encode(w, object{"access_token": "azure-token-1234", "token_type": "Bearer", "expires_in": 3600})
			return
		}
		w.WriteHeader(http.StatusUnauthorized)
		encode(w, object{"error": "invalid_client"})
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// identities gives out tokens of a machine's identities, as App Service does, and keeps which were asked for.
type identities struct {
	mu    sync.Mutex
	asked []url.Values
}

func (i *identities) all() []url.Values {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.asked)
}

func startIdentities(t *testing.T) *identities {
	t.Helper()
	of := &identities{}
	startMachine(t, func(w http.ResponseWriter, request *http.Request) {
		of.mu.Lock()
		defer of.mu.Unlock()
		of.asked = append(of.asked, request.URL.Query())
		encode(w, object{"access_token": "azure-token-1234", "token_type": "Bearer", "expires_on": "4102444800", "resource": "https://management.azure.com"})
	})
	return of
}

// startMachine has a machine's identities given out by a handler.
func startMachine(t *testing.T, handler http.HandlerFunc) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	t.Setenv("IDENTITY_ENDPOINT", server.URL)
	t.Setenv("IDENTITY_HEADER", "header")
}

// A ClusterIssuer says which of the machine's identities it means; and a pod's own one comes first.
func TestAzureIdentities(t *testing.T) {
	dns, err := acmetest.StartDNS(acmetest.DNSOptions{Zones: []string{"example.test"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dns.Close() })
	workload := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(workload, []byte("workload-token"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		variables map[string]string
		workload  string
		asked     string // which parameter says the identity; empty where the machine is not asked
		value     string
	}{
		"by its resource ID": {map[string]string{"AZURE_IDENTITY_RESOURCE_ID": "/subscriptions/s/identities/i"}, "", "mi_res_id", "/subscriptions/s/identities/i"},
		"by its client ID":   {map[string]string{"AZURE_CLIENT_ID": "client"}, "", "client_id", "client"},
		"in capitals":        {map[string]string{"AZURE_AUTH_METHOD": "MSI", "AZURE_CLIENT_ID": "client"}, "", "client_id", "client"},
		"in no hurry":        {map[string]string{"AZURE_AUTH_MSI_TIMEOUT": "0", "AZURE_CLIENT_ID": "client"}, "", "client_id", "client"},
		"the only one":       {nil, "", "resource", "https://management.core.windows.net/"},
		"a workload's": {
			map[string]string{"AZURE_CLIENT_ID": "client", "AZURE_TENANT_ID": azureTenant}, workload, "", "",
		},
		"by its resource ID, beside a workload's": {
			map[string]string{"AZURE_IDENTITY_RESOURCE_ID": "/subscriptions/s/identities/i"}, workload, "mi_res_id", "/subscriptions/s/identities/i",
		},
	} {
		t.Run(name, func(t *testing.T) {
			held, machine := azure.start(t), startIdentities(t)
			if test.workload != "" {
				t.Setenv("AZURE_FEDERATED_TOKEN_FILE", test.workload)
			}
			variables := map[string]string{"AZURE_AUTH_METHOD": "msi", "AZURE_SUBSCRIPTION_ID": "subscription", "AZURE_RESOURCE_GROUP": "group"}
			maps.Copy(variables, test.variables)
			provider := external.Provider{
				Client: dnssolvertest.Start(t), Name: "azuredns", Scope: name, Domain: "www.example.test", KeyAuthorization: keyAuthorization,
				Variables: variables, Nameservers: []string{dns.Addr()}, Ambient: true, Reach: reach.Policy{Unrestricted: true},
			}
			if err := provider.Present(t.Context(), record()); err != nil {
				t.Fatal(err)
			}
			if got := held.sorted(); !slices.Equal(got, []string{record().Value}) {
				t.Errorf("there are %q", got)
			}
			if err := provider.CleanUp(t.Context(), record()); err != nil {
				t.Fatal(err)
			}
			if got := held.sorted(); len(got) > 0 {
				t.Errorf("there are %q", got)
			}
			asked := machine.all()
			if test.asked == "" && len(asked) > 0 || test.asked != "" && len(asked) != 2 {
				t.Errorf("the machine was asked %v", asked)
			}
			for _, query := range asked {
				if query.Get(test.asked) != test.value || test.variables == nil && (query.Has("client_id") || query.Has("mi_res_id")) {
					t.Errorf("the machine was asked %v", query)
				}
			}
		})
	}
}

// A machine that has no identities does not answer: nobody waits for it as long as a call may take, and what is written
// says what to do.
func TestAzureMachineWithoutIdentities(t *testing.T) {
	azure.start(t)
	startMachine(t, func(_ http.ResponseWriter, request *http.Request) { <-request.Context().Done() })
	provider := external.Provider{
		Client: dnssolvertest.Start(t), Name: "azuredns", Scope: "nobody", Domain: "www.example.test", KeyAuthorization: keyAuthorization,
		Variables: map[string]string{
			"AZURE_AUTH_METHOD": "msi", "AZURE_CLIENT_ID": "client", "AZURE_AUTH_MSI_TIMEOUT": "1", "AZURE_ZONE_NAME": "example.test",
		},
		Public: []string{"AZURE_AUTH_MSI_TIMEOUT"}, Ambient: true, Reach: reach.Policy{Unrestricted: true},
	}
	const want = "the machine gave out no token of its managed identity within 1s: give it that identity, or more time by AZURE_AUTH_MSI_TIMEOUT"
	if err := provider.Present(t.Context(), record()); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %s", err, want)
	}
}

// A provider that may not sign in as the machine is not told where that gives out its identities, and gets to no such
// place that it knows itself.
func TestAzureWithoutAmbientCredentials(t *testing.T) {
	azure.start(t)
	machine := startIdentities(t)
	provider := external.Provider{
		Client: dnssolvertest.Start(t), Name: "azuredns", Scope: "outsider", Domain: "www.example.test", KeyAuthorization: keyAuthorization,
		Variables: map[string]string{
			"AZURE_AUTH_METHOD": "msi", "AZURE_CLIENT_ID": "client", "AZURE_AUTH_MSI_TIMEOUT": "1", "AZURE_ZONE_NAME": "example.test",
		},
		Reach: reach.Policy{Unrestricted: true},
	}
	err := provider.Present(t.Context(), record())
	if failure, ok := errors.AsType[*external.Error](err); !ok || failure.Kind != wire.Refused || !strings.Contains(failure.Text, "where a cloud gives out credentials") {
		t.Errorf("%v", err)
	}
	if asked := machine.all(); len(asked) > 0 {
		t.Errorf("the machine was asked %v", asked)
	}
}

// An identity that is named is not passed over for another that the SDK finds by itself.
func TestAzureIdentityWithoutItsMethod(t *testing.T) {
	azure.start(t)
	machine := startIdentities(t)
	provider := external.Provider{
		Client: dnssolvertest.Start(t), Name: "azuredns", Scope: "no method", Domain: "www.example.test", KeyAuthorization: keyAuthorization,
		Variables: map[string]string{"AZURE_IDENTITY_RESOURCE_ID": "/subscriptions/s/identities/i", "AZURE_SUBSCRIPTION_ID": "subscription", "AZURE_RESOURCE_GROUP": "group"},
		Ambient:   true, Reach: reach.Policy{Unrestricted: true},
	}
	const want = "azuredns: signing in: AZURE_IDENTITY_RESOURCE_ID names a managed identity: set AZURE_AUTH_METHOD to msi, or remove it"
	if err := provider.Present(t.Context(), record()); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if asked := machine.all(); len(asked) > 0 {
		t.Errorf("the machine was asked %v", asked)
	}
}
