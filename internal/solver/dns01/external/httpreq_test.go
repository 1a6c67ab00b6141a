package external_test

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/reach"
	"github.com/certwright/certwright/internal/solver/dns01"
	ownhttpreq "github.com/certwright/certwright/internal/solver/dns01/httpreq"
	"github.com/certwright/certwright/internal/testkit/dnssolvertest"
)

// asked is what a server of the contract of httpreq was asked.
type asked struct{ Method, URI, Type, Accept, Authorization, Body string }

// The provider httpreq asks the same of its server, whether dns-solver runs it or the operator by itself: the server
// was written for the former.
func TestHTTPReq(t *testing.T) {
	client := dnssolvertest.Start(t)
	signedIn := map[string]string{"HTTPREQ_USERNAME": "certwright", "HTTPREQ_PASSWORD": secret}
	raw := map[string]string{"HTTPREQ_MODE": "RAW"}
	for name, test := range map[string]struct {
		path, fqdn string
		variables  map[string]string
		body       string
	}{
		"a name":              {"", "_acme-challenge.www.example.test.", nil, usual("_acme-challenge.www.example.test.")},
		"signed in":           {"/dns/", "_acme-challenge.www.example.test.", signedIn, usual("_acme-challenge.www.example.test.")},
		"a query":             {"/a%20b?key=1", "_acme-challenge.www.example.test.", nil, usual("_acme-challenge.www.example.test.")},
		"a CNAME record":      {"", "www-example-test.acme.example.net.", nil, usual("www-example-test.acme.example.net.")},
		"an account's label":  {"", "_ujmmovf2vn55tgye._acme-challenge.www.example.test.", nil, usual("_ujmmovf2vn55tgye._acme-challenge.www.example.test.")},
		"raw":                 {"", "_acme-challenge.www.example.test.", raw, rawly("www.example.test")},
		"raw, a CNAME record": {"", "_acme-challenge.other.example.net.", raw, rawly("other.example.net")},
		"raw, another one":    {"", "www-example-test.acme.example.net.", raw, rawly("www.example.test")},
	} {
		t.Run(name, func(t *testing.T) {
			var got []asked
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				got = append(got, asked{r.Method, r.RequestURI, r.Header.Get("Content-Type"), r.Header.Get("Accept"), r.Header.Get("Authorization"), string(body)})
			}))
			t.Cleanup(server.Close)
			variables := map[string]string{"HTTPREQ_ENDPOINT": server.URL + test.path}
			maps.Copy(variables, test.variables)
			own, err := ownhttpreq.New(ownhttpreq.Config{
				Variables: variables, Reach: reach.Policy{Unrestricted: true}, Domain: "www.example.test", KeyAuthorization: keyAuthorization,
			})
			if err != nil {
				t.Fatal(err)
			}
			byDNSSolver := httpreq(client, "")
			byDNSSolver.Variables, byDNSSolver.Reach, byDNSSolver.Scope = variables, reach.Policy{Unrestricted: true}, name
			record := dns01.Record{FQDN: test.fqdn, Value: acme.DNS01Value(keyAuthorization)}
			for _, provider := range []dns01.Provider{byDNSSolver, own} {
				if err := errors.Join(provider.Present(t.Context(), record), provider.CleanUp(t.Context(), record)); err != nil {
					t.Fatal(err)
				}
			}
			if len(got) != 4 {
				t.Fatalf("%d requests: %+v", len(got), got)
			}
			for i := range got {
				// A line break after JSON means nothing.
				got[i].Body = strings.TrimSuffix(got[i].Body, "\n")
			}
			if got[0].Body != test.body || got[1].Body != test.body {
				t.Errorf("dns-solver sends %s and %s", got[0].Body, got[1].Body)
			}
			if diff := cmp.Diff(got[:2], got[2:]); diff != "" {
				t.Errorf("dns-solver (-) and the operator (+): %s", diff)
			}
		})
	}
}

func usual(fqdn string) string {
	return `{"fqdn":"` + fqdn + `","value":"` + acme.DNS01Value(keyAuthorization) + `"}`
}

func rawly(domain string) string {
	return `{"domain":"` + domain + `","token":"evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA","keyAuth":"` + keyAuthorization + `"}`
}
