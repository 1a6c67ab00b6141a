package solver_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/outcome"
	"github.com/certwright/certwright/internal/solver"
	"github.com/certwright/certwright/internal/solver/dns01"
	"github.com/certwright/certwright/internal/solver/dns01/external"
	"github.com/certwright/certwright/internal/testkit/dnssolvertest"
)

// call is a request that a fake of a vendor's API got.
type call struct{ path, user, fqdn, value string }

// httpreq is a server of the contract of the provider httpreq.
type httpreq struct {
	*httptest.Server
	mu    sync.Mutex
	calls []call
}

func startHTTPReq(t *testing.T) *httpreq {
	t.Helper()
	fake := &httpreq{}
	fake.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		message := struct{ FQDN, Value string }{}
		_ = json.Unmarshal(body, &message)
		user, _, _ := request.BasicAuth()
		fake.mu.Lock()
		defer fake.mu.Unlock()
		fake.calls = append(fake.calls, call{request.URL.Path, user, message.FQDN, message.Value})
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

// A record goes exactly where it is meant to go, with its exact value, and is taken away there.
func TestExternalRecords(t *testing.T) {
	server, _ := startDNS(t)
	solvers := &solver.Solvers{
		External: solver.External{Client: dnssolvertest.Start(t)},
		Resolver: dns01.Resolver{Nameservers: []string{server.Addr()}},
	}
	for name, fqdn := range map[string]string{
		"its own name":                    "_acme-challenge.www.example.test.",
		"where a CNAME record leads":      "www-example-test.acme.example.net.",
		"another name's place":            "_acme-challenge.other.example.net.",
		"the label of an account (draft)": "_ujmmovf2vn55tgye._acme-challenge.www.example.test.",
	} {
		t.Run(name, func(t *testing.T) {
			fake := startHTTPReq(t)
			challenge := externalChallenge(fqdn, v1.DNSProvider{Name: "httpreq", Config: map[string]string{"HTTPREQ_ENDPOINT": fake.URL}})
			if err := solvers.Present(t.Context(), challenge); err != nil {
				t.Fatal(err)
			}
			if err := solvers.CleanUp(t.Context(), challenge); err != nil {
				t.Fatal(err)
			}
			value := acme.DNS01Value(keyAuthorization)
			want := []call{{path: "/present", fqdn: fqdn, value: value}, {path: "/cleanup", fqdn: fqdn, value: value}}
			if len(fake.calls) != 2 || fake.calls[0] != want[0] || fake.calls[1] != want[1] {
				t.Errorf("%+v", fake.calls)
			}
		})
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
