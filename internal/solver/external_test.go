package solver_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/dnssolver/providers"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/outcome"
	"github.com/certwright/certwright/internal/solver"
	"github.com/certwright/certwright/internal/solver/dns01"
	"github.com/certwright/certwright/internal/solver/dns01/external"
	"github.com/certwright/certwright/internal/testkit/dnssolvertest"
)

// record is what a fake of a vendor's API is told.
type record struct{ Name, Type, FQDN, Value, Domain, KeyAuth string }

// call is a request that it got.
type call struct {
	asked  string
	record record
}

// vendor takes every record, at any path but /refused.
type vendor struct {
	*httptest.Server
	mu    sync.Mutex
	calls []call
}

func startVendor(t *testing.T) *vendor {
	t.Helper()
	fake := &vendor{}
	fake.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if strings.HasPrefix(request.URL.Path, "/refused/") {
			http.Error(w, "not you", http.StatusForbidden)
			return
		}
		told := call{asked: request.Method + " " + request.URL.Path}
		_ = json.NewDecoder(request.Body).Decode(&told.record)
		w.WriteHeader(http.StatusNoContent)
		fake.mu.Lock()
		defer fake.mu.Unlock()
		fake.calls = append(fake.calls, told)
	}))
	t.Cleanup(fake.Close)
	return fake
}

const keyAuthorization = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA.nP1qzpXGymHBrUEepNY9HCsQk7K8KhOypzEt62jcerQ"

func externalChallenge(fqdn string, provider v1.DNSProvider) solver.Challenge {
	return solver.Challenge{
		Owner:      kube.Owner{Kind: "Order", NamespacedName: types.NamespacedName{Namespace: "shop", Name: "www"}},
		Identifier: "www.example.test", OfClusterIssuer: true,
		Progress: &acmev1.ChallengeProgress{
			Type: acmev1.DNS01, KeyAuthorization: keyAuthorization, RecordName: fqdn,
			Solver: &v1.ACMESolver{DNS01: &v1.DNS01Solver{Provider: &provider}},
		},
	}
}

// places are where records of one challenge may have to go.
var places = map[string]string{
	"its own name":                    "_acme-challenge.www.example.test.",
	"where a CNAME record leads":      "www-example-test.acme.example.net.",
	"another name's place":            "_acme-challenge.other.example.net.",
	"the label of an account (draft)": "_ujmmovf2vn55tgye._acme-challenge.www.example.test.",
}

// expectCalls says whether a record was put exactly where it is meant to go, with its exact value, and taken away
// there.
func expectCalls(t *testing.T, solvers *solver.Solvers, challenge solver.Challenge, fake *vendor, want []call) {
	t.Helper()
	if err := solvers.Present(t.Context(), challenge); err != nil {
		t.Fatal(err)
	}
	if err := solvers.CleanUp(t.Context(), challenge); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(fake.calls, want) {
		t.Errorf("%+v", fake.calls)
	}
}

func TestMain(m *testing.M) { dnssolvertest.Main(m) }

// What dns-solver runs is told exactly where a record goes.
func TestExternalRecords(t *testing.T) {
	server, _ := startDNS(t)
	solvers := &solver.Solvers{
		External: solver.External{Client: dnssolvertest.Start(t)},
		Resolver: dns01.Resolver{Nameservers: []string{server.Addr()}},
	}
	for name, fqdn := range places {
		t.Run(name, func(t *testing.T) {
			fake := startVendor(t)
			challenge := externalChallenge(fqdn, v1.DNSProvider{Name: "bindman", Config: map[string]string{"BINDMAN_MANAGER_ADDRESS": fake.URL}})
			expectCalls(t, solvers, challenge, fake, []call{
				{asked: "POST /records", record: record{Name: fqdn, Type: "TXT", Value: acme.DNS01Value(keyAuthorization)}},
				{asked: "DELETE /records/" + fqdn + "/TXT"},
			})
		})
	}
}

// A provider asks the name servers of its solver whatever else it may reach: an Issuer's are not inside.
func TestNameserversOfProviders(t *testing.T) {
	for name, test := range map[string]struct {
		ofClusterIssuer bool
		nameserver      string
		refused         bool
	}{
		"an Issuer's inside":        {false, "10.0.0.1:443", true},
		"an Issuer's mapped":        {false, "[::ffff:127.0.0.1]:53", true},
		"an Issuer's at metadata":   {false, "169.254.169.254:80", true},
		"an Issuer's in public":     {false, "9.9.9.9:53", false},
		"a ClusterIssuer's inside":  {true, "10.0.0.1:53", false},
		"the operator's own inside": {false, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			solvers := &solver.Solvers{
				// Nobody answers there.
				External: solver.External{Client: &external.Client{Socket: filepath.Join(t.TempDir(), "socket")}},
				Resolver: dns01.Resolver{Nameservers: []string{"10.0.0.2:53"}},
			}
			challenge := externalChallenge(places["its own name"], v1.DNSProvider{Name: "bindman", Config: map[string]string{"BINDMAN_MANAGER_ADDRESS": "https://dns.example.com"}})
			challenge.OfClusterIssuer = test.ofClusterIssuer
			if test.nameserver != "" {
				challenge.Progress.Solver.DNS01.Nameservers = []string{test.nameserver}
			}
			for step, err := range map[string]error{"Present": solvers.Present(t.Context(), challenge), "CleanUp": solvers.CleanUp(t.Context(), challenge)} {
				want, kind := "dns-solver does not answer", outcome.Retry
				if test.refused {
					want, kind = "name server "+test.nameserver+": its address is ", outcome.Terminal
				}
				if failure := outcome.From(err); failure == nil || failure.Kind != kind || !strings.Contains(failure.Message, want) {
					t.Errorf("%s: %v", step, err)
				}
			}
		})
	}
}

// The operator runs httpreq itself, where there is no dns-solver too.
func TestRecordsByHTTPReq(t *testing.T) {
	value := acme.DNS01Value(keyAuthorization)
	for name, fqdn := range places {
		t.Run(name, func(t *testing.T) {
			fake := startVendor(t)
			challenge := externalChallenge(fqdn, v1.DNSProvider{Name: "httpreq", Config: map[string]string{"HTTPREQ_ENDPOINT": fake.URL}})
			expectCalls(t, &solver.Solvers{}, challenge, fake, []call{
				{asked: "POST /present", record: record{FQDN: fqdn, Value: value}},
				{asked: "POST /cleanup", record: record{FQDN: fqdn, Value: value}},
			})
		})
	}
	for name, domain := range map[string]string{
		"its own name": "www.example.test", "where a CNAME record leads": "www.example.test", "another name's place": "other.example.net",
	} {
		t.Run("raw, "+name, func(t *testing.T) {
			fake := startVendor(t)
			challenge := externalChallenge(places[name], v1.DNSProvider{
				Name: "httpreq", Config: map[string]string{"HTTPREQ_ENDPOINT": fake.URL, "HTTPREQ_MODE": "RAW"},
			})
			want := record{Domain: domain, KeyAuth: keyAuthorization}
			expectCalls(t, &solver.Solvers{}, challenge, fake, []call{{asked: "POST /present", record: want}, {asked: "POST /cleanup", record: want}})
		})
	}
}

// What a server of httpreq refuses is worth another try; what a rule of ours refuses is not, in a clean-up either.
func TestFailuresOfHTTPReq(t *testing.T) {
	fake := startVendor(t)
	for name, test := range map[string]struct {
		endpoint        string
		ofClusterIssuer bool
		want            outcome.Kind
		says            string
	}{
		"a refusal":                  {fake.URL + "/refused", true, outcome.Retry, "the httpreq server answers with status 403"},
		"nobody there":               {"http://127.0.0.1:1", true, outcome.Retry, "connection refused"},
		"inside":                     {strings.Replace(fake.URL, "127.0.0.1", "localhost", 1), false, outcome.Terminal, "its address is a loopback address"},
		"a name of this machine's":   {"http://inside.localhost", false, outcome.Terminal, "its address is a loopback address"},
		"a ClusterIssuer's metadata": {"http://169.254.169.254/", true, outcome.Terminal, "its address is where a cloud gives out credentials"},
		"a setting":                  {"nowhere", true, outcome.Terminal, "provider httpreq: HTTPREQ_ENDPOINT must be the URL of the server"},
	} {
		t.Run(name, func(t *testing.T) {
			challenge := externalChallenge(places["its own name"], v1.DNSProvider{Name: "httpreq", Config: map[string]string{"HTTPREQ_ENDPOINT": test.endpoint}})
			challenge.OfClusterIssuer = test.ofClusterIssuer
			solvers := &solver.Solvers{}
			for step, err := range map[string]error{"Present": solvers.Present(t.Context(), challenge), "CleanUp": solvers.CleanUp(t.Context(), challenge)} {
				failure := outcome.From(err)
				if failure == nil || failure.Kind != test.want || !strings.Contains(failure.Message, test.says) {
					t.Errorf("%s: %v", step, err)
				}
				if test.want == outcome.Terminal && failure.Reason != v1.ReasonInvalidSolver {
					t.Errorf("%s: reason %s", step, failure.Reason)
				}
			}
		})
	}
}

// What keeps httpreq from working is known before anything is ordered.
func TestSettingsOfHTTPReq(t *testing.T) {
	const endpoint = "https://dns.example.com"
	for name, test := range map[string]struct {
		config    map[string]string
		challenge v1.DNS01Challenge
		want      string
	}{
		"complete":                 {map[string]string{"HTTPREQ_ENDPOINT": endpoint}, v1.DNSAccount01, ""},
		"missing":                  {nil, "", "provider httpreq needs HTTPREQ_ENDPOINT"},
		"unknown":                  {map[string]string{"HTTPREQ_ENDPOINT": endpoint, "HTTPREQ_TTL": "60"}, "", `config has "HTTPREQ_TTL", which provider httpreq does not know`},
		"misspelt":                 {map[string]string{"httpreq_endpoint": endpoint}, "", "write HTTPREQ_ENDPOINT"},
		"a credential in plain":    {map[string]string{"HTTPREQ_ENDPOINT": endpoint, "HTTPREQ_PASSWORD": "p"}, "", "HTTPREQ_PASSWORD is a credential"},
		"an address inside":        {map[string]string{"HTTPREQ_ENDPOINT": "http://10.0.0.1/"}, "", "HTTPREQ_ENDPOINT cannot be used: its address is private"},
		"a mode":                   {map[string]string{"HTTPREQ_ENDPOINT": endpoint, "HTTPREQ_MODE": "raw"}, "", "provider httpreq: HTTPREQ_MODE must be RAW"},
		"a mode for another place": {map[string]string{"HTTPREQ_ENDPOINT": endpoint, "HTTPREQ_MODE": "RAW"}, v1.DNSAccount01, "which dns-account-01 needs"},
	} {
		t.Run(name, func(t *testing.T) {
			err := (&solver.Solvers{}).CheckSettings(solver.IssuerSolvers{Solvers: []v1.ACMESolver{
				{DNS01: &v1.DNS01Solver{Challenge: test.challenge, Provider: &v1.DNSProvider{Name: "httpreq", Config: test.config}}},
			}})
			failure := outcome.From(err)
			if test.want == "" && err != nil || test.want != "" && (failure == nil || failure.Kind != outcome.Invalid || failure.Reason != v1.ReasonInvalidSolver ||
				!strings.Contains(failure.Message, "spec.acme.solvers[0].dns01: ") || !strings.Contains(failure.Message, test.want)) {
				t.Errorf("%v", err)
			}
		})
	}
}

// Whatever the table of providers says that the operator runs itself, it has the code for.
func TestProvidersInTheOperator(t *testing.T) {
	var names []string
	for _, provider := range providers.All() {
		if provider.InOperator {
			names = append(names, provider.Name)
		}
	}
	if !slices.Equal(names, []string{"httpreq"}) {
		t.Errorf("%v", names)
	}
}

// Whose provider may sign in as the operator's pod is the administrator's to say, and known before anything is
// ordered; so is that there is no dns-solver.
func TestSettingsOfIssuers(t *testing.T) {
	here := &external.Client{Socket: "/nowhere"}
	for name, test := range map[string]struct {
		external        solver.External
		ofClusterIssuer bool
		want            string
	}{
		"an Issuer":                      {solver.External{Client: here, AmbientClusterIssuers: true}, false, "not allowed for this issuer"},
		"an Issuer that is allowed":      {solver.External{Client: here, AmbientIssuers: true}, false, ""},
		"a ClusterIssuer":                {solver.External{Client: here, AmbientClusterIssuers: true}, true, ""},
		"a ClusterIssuer not allowed":    {solver.External{Client: here, AmbientIssuers: true}, true, "not allowed for this issuer"},
		"an operator without dns-solver": {solver.External{AmbientClusterIssuers: true}, true, "set --dns-solver or --dns-solver-socket"},
	} {
		t.Run(name, func(t *testing.T) {
			solvers := &solver.Solvers{External: test.external}
			err := solvers.CheckSettings(solver.IssuerSolvers{
				OfClusterIssuer: test.ofClusterIssuer,
				Solvers:         []v1.ACMESolver{{}, {DNS01: &v1.DNS01Solver{Route53: &v1.Route53Provider{HostedZoneID: "Z1"}}}},
			})
			if test.want == "" && err != nil {
				t.Error(err)
			}
			failure := outcome.From(err)
			if test.want != "" && (failure == nil || failure.Kind != outcome.Invalid || failure.Reason != v1.ReasonInvalidSolver ||
				!strings.Contains(failure.Message, "spec.acme.solvers[1].dns01: ") || !strings.Contains(failure.Message, test.want)) {
				t.Errorf("%v", err)
			}
		})
	}
}

// Answers wait for each other where their provider has room for one, or takes away what is beside them.
func TestStandsAlone(t *testing.T) {
	for name, test := range map[string]struct {
		solver *v1.ACMESolver
		place  string
		alone  bool
	}{
		"HTTP-01":               {&v1.ACMESolver{HTTP01: &v1.HTTP01Solver{}}, "", false},
		"a provider of many":    {byProvider("hetzner"), "", false},
		"azureDNS":              {&v1.ACMESolver{DNS01: &v1.DNS01Solver{AzureDNS: &v1.AzureDNSProvider{}}}, "", false},
		"webhook":               {&v1.ACMESolver{DNS01: &v1.DNS01Solver{Webhook: &v1.WebhookProvider{}}}, "", false},
		"room for one":          {byProvider("duckdns"), "duckdns", true},
		"takes others away":     {byProvider("ns1"), "_acme-challenge.a.test.", true},
		"no solver to be found": {nil, "", false},
	} {
		place, alone := solver.StandsAlone(&acmev1.ChallengeProgress{Solver: test.solver, RecordName: "_acme-challenge.a.test."})
		if place != test.place || alone != test.alone {
			t.Errorf("%s: %t, at %q", name, alone, place)
		}
	}
	if _, alone := solver.StandsAlone(nil); alone {
		t.Error("what needs no answer stands alone")
	}
}

func byProvider(name v1.DNSProviderName) *v1.ACMESolver {
	return &v1.ACMESolver{DNS01: &v1.DNS01Solver{Provider: &v1.DNSProvider{Name: name}}}
}
