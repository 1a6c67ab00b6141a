package httpreq_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/reach"
	"github.com/certwright/certwright/internal/solver/dns01"
	"github.com/certwright/certwright/internal/solver/dns01/httpreq"
)

const (
	keyAuthorization = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA.nP1qzpXGymHBrUEepNY9HCsQk7K8KhOypzEt62jcerQ"
	token            = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
	domain           = "www.example.test"
	username         = "certwright"
	password         = "s3cr3t/+ with a space"
)

// unused is a proxy that nobody runs. It is in the environment of all tests here, because package net/http reads that
// once.
const unused = "http://127.0.0.1:1"

func TestMain(m *testing.M) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY"} {
		if err := os.Setenv(name, unused); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

type settings = map[string]string

func with(endpoint string, more settings) settings {
	all := settings{"HTTPREQ_ENDPOINT": endpoint}
	maps.Copy(all, more)
	return all
}

var anywhere = reach.Policy{Unrestricted: true}

func provider(t *testing.T, policy reach.Policy, variables settings, public ...string) *httpreq.Provider {
	t.Helper()
	made, err := httpreq.New(httpreq.Config{
		Variables: variables, Public: public, Reach: policy, Domain: domain, KeyAuthorization: keyAuthorization,
	})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func record() dns01.Record { return dns01.NewRecord(domain, acme.DNS01Value(keyAuthorization)) }

// serve runs a server until the test ends.
func serve(t *testing.T, handler http.HandlerFunc) (url string) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// asked is what a server was asked.
type asked struct{ Method, URI, Type, Accept, Authorization, Body string }

// A server is asked for a record in the form that its operator chose, with its credentials, below its own path.
func TestRequests(t *testing.T) {
	value := acme.DNS01Value(keyAuthorization)
	usual := `{"fqdn":"_acme-challenge.www.example.test.","value":"` + value + `"}`
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(username+":"+password))
	for name, test := range map[string]struct {
		path, fqdn  string
		more        settings
		uri         [2]string
		body, basic string
	}{
		"as usual":           {"", "", nil, [2]string{"/present", "/cleanup"}, usual, ""},
		"a mode of none":     {"/", "", settings{"HTTPREQ_MODE": "none"}, [2]string{"/present", "/cleanup"}, usual, ""},
		"signed in":          {"", "", settings{"HTTPREQ_USERNAME": username, "HTTPREQ_PASSWORD": password}, [2]string{"/present", "/cleanup"}, usual, basic},
		"below a path":       {"/a%20b/", "", nil, [2]string{"/a%20b/present", "/a%20b/cleanup"}, usual, ""},
		"with a query":       {"/dns?key=1", "", nil, [2]string{"/dns/present?key=1", "/dns/cleanup?key=1"}, usual, ""},
		"a CNAME record":     {"", "x.acme.example.net.", nil, [2]string{"/present", "/cleanup"}, `{"fqdn":"x.acme.example.net.","value":"` + value + `"}`, ""},
		"raw":                {"", "", settings{"HTTPREQ_MODE": "RAW"}, [2]string{"/present", "/cleanup"}, raw("www.example.test"), ""},
		"raw, an alias":      {"", "_acme-challenge.other.example.net.", settings{"HTTPREQ_MODE": "RAW"}, [2]string{"/present", "/cleanup"}, raw("other.example.net"), ""},
		"raw, another alias": {"", "x.acme.example.net.", settings{"HTTPREQ_MODE": "RAW"}, [2]string{"/present", "/cleanup"}, raw("www.example.test"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			var got []asked
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				got = append(got, asked{r.Method, r.RequestURI, r.Header.Get("Content-Type"), r.Header.Get("Accept"), r.Header.Get("Authorization"), string(body)})
				w.WriteHeader([]int{http.StatusCreated, http.StatusNoContent}[len(got)-1])
			})
			httpreq := provider(t, anywhere, with(url+test.path, test.more))
			record := record()
			if test.fqdn != "" {
				record.FQDN = test.fqdn
			}
			if err := errors.Join(httpreq.Present(t.Context(), record), httpreq.CleanUp(t.Context(), record)); err != nil {
				t.Fatal(err)
			}
			want := []asked{}
			for _, uri := range test.uri {
				want = append(want, asked{http.MethodPost, uri, "application/json", "application/json", test.basic, test.body})
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func raw(domain string) string {
	return `{"domain":"` + domain + `","token":"` + token + `","keyAuth":"` + keyAuthorization + `"}`
}

// What cannot work is refused with what to do, before anybody is asked, and without a value.
func TestSettingsThatCannotWork(t *testing.T) {
	const url = "must be the URL of the server, such as https://dns.example.com"
	for name, test := range map[string]struct {
		variables settings
		account   bool
		want      string // empty if they can
	}{
		"a URL without an end":    {with("https://example.com/"+strings.Repeat("s3cr3t/", 300), nil), false, "HTTPREQ_ENDPOINT is longer than 2048 bytes: write a shorter URL"},
		"no URL":                  {with("s3cr3t.example.com", nil), false, url},
		"one that is broken":      {with("https://s3cr3t.example.com/%zz", nil), false, url},
		"no host":                 {with("https:///s3cr3t", nil), false, url},
		"a port alone":            {with("https://:443/s3cr3t", nil), false, url},
		"another scheme":          {with("ftp://s3cr3t.example.com", nil), false, url},
		"a password in the URL":   {with("https://me:s3cr3t@example.com", nil), false, "HTTPREQ_ENDPOINT must not hold a name or a password: move them to HTTPREQ_USERNAME and HTTPREQ_PASSWORD"},
		"another mode":            {with("https://example.com", settings{"HTTPREQ_MODE": "raw-s3cr3t"}), false, "HTTPREQ_MODE must be RAW, or be left out"},
		"the mode in lower case":  {with("https://example.com", settings{"HTTPREQ_MODE": "raw"}), false, "HTTPREQ_MODE must be RAW, or be left out"},
		"raw for an account":      {with("https://example.com", settings{"HTTPREQ_MODE": "RAW"}), true, "HTTPREQ_MODE RAW tells the server a name and not where its record goes, which dns-account-01 needs: remove HTTPREQ_MODE, or challenge"},
		"as usual for an account": {with("https://example.com", nil), true, ""},
		"a name alone":            {with("https://example.com", settings{"HTTPREQ_USERNAME": "s3cr3t"}), false, "HTTPREQ_USERNAME and HTTPREQ_PASSWORD go together"},
		"a password alone":        {with("https://example.com", settings{"HTTPREQ_PASSWORD": "s3cr3t"}), false, "HTTPREQ_USERNAME and HTTPREQ_PASSWORD go together"},
		"no time":                 {with("https://example.com", settings{"HTTPREQ_HTTP_TIMEOUT": "0"}), false, "HTTPREQ_HTTP_TIMEOUT must be a number of seconds, from 1 to 30"},
		"a duration":              {with("https://example.com", settings{"HTTPREQ_HTTP_TIMEOUT": "10s3cr3t"}), false, "HTTPREQ_HTTP_TIMEOUT must be a number of seconds, from 1 to 30"},
		"too much time":           {with("https://example.com", settings{"HTTPREQ_HTTP_TIMEOUT": "600"}), false, ""},
	} {
		_, err := httpreq.New(httpreq.Config{Variables: test.variables, Account: test.account})
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: error %v, want %q", name, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: the error tells a value: %v", name, err)
		}
	}
}

// What a server answers beside that it was done is passed on where it is for people, in one short line without
// credentials.
func TestRefusals(t *testing.T) {
	const path = "/hook/t0ken-in-the-path"
	basic := base64.StdEncoding.EncodeToString([]byte(username + ":" + password))
	for name, test := range map[string]struct {
		status     int
		kind, body string
		want       string
	}{
		"words":            {http.StatusInternalServerError, "text/plain; charset=utf-8", "the zone\nis locked\n", "the httpreq server answers with status 500: the zone is locked"},
		"JSON":             {http.StatusConflict, "application/json", `{"error": "no such zone"}`, `the httpreq server answers with status 409: {"error": "no such zone"}`},
		"nothing":          {http.StatusServiceUnavailable, "", "", "the httpreq server answers with status 503"},
		"credentials":      {http.StatusForbidden, "text/plain", "not " + username + " with " + password + ", Basic " + basic, "the httpreq server answers with status 403, check HTTPREQ_USERNAME and HTTPREQ_PASSWORD: not *** with ***, Basic ***="},
		"a URL":            {http.StatusNotFound, "text/plain", "no " + path + "/present?key=k3y&unn4med-key", "the httpreq server answers with status 404, check that it takes POST /present and POST /cleanup below HTTPREQ_ENDPOINT: no ***/present?***"},
		"parts of a URL":   {http.StatusNotFound, "text/plain", "no hook t0ken-in-the-path, no unn4med-key", "the httpreq server answers with status 404, check that it takes POST /present and POST /cleanup below HTTPREQ_ENDPOINT: no hook ***, no ***"},
		"an address":       {http.StatusBadGateway, "text/plain", "dial tcp 10.1.2.3:53: i/o timeout", "the httpreq server answers with status 502: dial tcp: i/o timeout"},
		"a page":           {http.StatusBadGateway, "text/html", "<html>internal page</html>", "the httpreq server answers with status 502"},
		"a broken type":    {http.StatusBadGateway, "text/plain/internal", "internal page", "the httpreq server answers with status 502"},
		"too much":         {http.StatusBadGateway, "text/plain", strings.Repeat(" ", 64<<10) + "internal", "the httpreq server answers with status 502"},
		"an early success": {http.StatusAccepted, "text/plain", "internal page", ""},
	} {
		t.Run(name, func(t *testing.T) {
			url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Content-Type"] = []string{test.kind}
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			})
			httpreq := provider(t, anywhere, with(url+path+"?key=k3y&unn4med-key", settings{"HTTPREQ_USERNAME": username, "HTTPREQ_PASSWORD": password}))
			err := httpreq.Present(t.Context(), record())
			if test.want == "" && err != nil || test.want != "" && (err == nil || err.Error() != test.want) {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}

// What a URL is made of is looked for in an answer part by part, and no part together with each other: a tenant who writes
// one of many parts would have the operator busy with it.
func TestManyPartsOfAURL(t *testing.T) {
	var query strings.Builder
	for i := range 300 {
		fmt.Fprintf(&query, "k=%03d&", i)
	}
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, strings.Repeat("no ", 1<<10), http.StatusBadRequest)
	})
	httpreq := provider(t, anywhere, with(url+"/?"+query.String(), nil))
	allocations := testing.AllocsPerRun(1, func() { _ = httpreq.Present(t.Context(), record()) })
	if allocations > 20_000 {
		t.Errorf("%.0f allocations", allocations)
	}
}

// An answer without an end is not read to its end, and one that is long is cut.
func TestLongAnswers(t *testing.T) {
	for name, status := range map[string]int{"a refusal": http.StatusBadRequest, "a success": http.StatusOK} {
		t.Run(name, func(t *testing.T) {
			var sent atomic.Int64
			t.Cleanup(func() {
				// The server has been closed by now. Some MiB are on their way at any time.
				if sent.Load() > 32<<20 {
					t.Errorf("%d bytes were taken", sent.Load())
				}
			})
			url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/plain")
				w.WriteHeader(status)
				for {
					n, err := io.WriteString(w, strings.Repeat("no ", 10<<10))
					sent.Add(int64(n))
					if err != nil {
						return
					}
				}
			})
			err := provider(t, anywhere, with(url, nil)).Present(t.Context(), record())
			if (err == nil) != (status == http.StatusOK) || err != nil && err.Error() != "the httpreq server answers with status 400" {
				t.Errorf("error %v", err)
			}
		})
	}
	t.Run("a long one", func(t *testing.T) {
		url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, strings.Repeat("no ", 10<<10), http.StatusBadRequest)
		})
		err := provider(t, anywhere, with(url, nil)).Present(t.Context(), record())
		if err == nil || len(err.Error()) > 600 || !strings.HasSuffix(err.Error(), "…") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("a long header", func(t *testing.T) {
		url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Long", strings.Repeat("x", 128<<10))
		})
		err := provider(t, anywhere, with(url, nil)).Present(t.Context(), record())
		if err == nil || !strings.Contains(err.Error(), "the httpreq server was not reached") {
			t.Errorf("error %v", err)
		}
	})
}

// Where a redirect leads gets neither the record nor the credentials.
func TestRedirects(t *testing.T) {
	for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		var led atomic.Int32
		elsewhere := serve(t, func(http.ResponseWriter, *http.Request) { led.Add(1) })
		url := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere+"/s3cr3t", status) })
		err := provider(t, anywhere, with(url, nil)).Present(t.Context(), record())
		if err == nil || !strings.Contains(err.Error(), ", a redirect, which is not followed: set HTTPREQ_ENDPOINT to where it leads") || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%d: error %v", status, err)
		}
		if led.Load() != 0 {
			t.Errorf("%d: the redirect was followed", status)
		}
	}
}

// A server that does not answer, or not to the end, holds nobody for longer than its setting says, nor longer than who
// asks waits.
func TestSilence(t *testing.T) {
	hang := func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}
	begin := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		w.(http.Flusher).Flush()
		hang(w, r)
	}
	second := settings{"HTTPREQ_HTTP_TIMEOUT": "1"}
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		more    settings
		gone    bool
		want    string
	}{
		"no answer":       {hang, second, false, "the httpreq server was not reached: no answer in time"},
		"half an answer":  {begin, second, false, "the httpreq server answers with status 400"},
		"who asked left":  {hang, nil, true, "the httpreq server was not reached: the try was interrupted"},
		"while it quoted": {begin, second, true, "the httpreq server"},
	} {
		t.Run(name, func(t *testing.T) {
			patience, stop := context.WithTimeout(t.Context(), 15*time.Second)
			t.Cleanup(stop)
			ctx, cancel := context.WithCancel(patience)
			t.Cleanup(cancel)
			handler := test.handler
			if test.gone {
				handler = func(w http.ResponseWriter, r *http.Request) {
					cancel()
					test.handler(w, r)
				}
			}
			err := provider(t, anywhere, with(serve(t, handler), test.more)).Present(ctx, record())
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("error %v, want %s", err, test.want)
			}
			if patience.Err() != nil {
				t.Error("it took as long as who asked waited")
			}
		})
	}
}

// What a tenant names is asked at addresses only that its policy allows, whatever leads there, and directly.
func TestReach(t *testing.T) {
	var led atomic.Int32
	url := serve(t, func(http.ResponseWriter, *http.Request) { led.Add(1) })
	networks, err := reach.ParseNetworks([]string{"127.0.0.0/8", "::1"})
	if err != nil {
		t.Fatal(err)
	}
	loopback := reach.Policy{Allowed: networks}
	for name, test := range map[string]struct {
		policy reach.Policy
		url    string
		want   string // empty if it is asked
	}{
		"inside":              {reach.Policy{}, url, "its address is a loopback address"},
		"inside, by name":     {reach.Policy{}, strings.Replace(url, "127.0.0.1", "localhost", 1), "its address is a loopback address"},
		"allowed":             {loopback, strings.Replace(url, "127.0.0.1", "localhost", 1), ""},
		"unrestricted":        {anywhere, url, ""},
		"not through a proxy": {loopback, "http://10.0.0.1/", "its address is private"},
		"over TLS either":     {loopback, "https://10.0.0.1/", "its address is private"},
		"at metadata":         {reach.Policy{Unrestricted: true, NoCredentials: true}, "http://169.254.169.254/", "gives out credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			led.Store(0)
			err := provider(t, test.policy, with(test.url, nil)).Present(t.Context(), record())
			if test.want == "" {
				if err != nil || led.Load() != 1 {
					t.Errorf("error %v, asked %d times", err, led.Load())
				}
				return
			}
			refused, ok := errors.AsType[*reach.Error](err)
			if !ok || !strings.Contains(err.Error(), "the httpreq server was not reached: ") || !strings.Contains(refused.Error(), test.want) || led.Load() != 0 {
				t.Errorf("error %v, asked %d times", err, led.Load())
			}
		})
	}
}

// A server that nobody runs is told of in words that stay the same.
func TestNobodyThere(t *testing.T) {
	err := provider(t, anywhere, with("http://127.0.0.1:1/s3cr3t", nil)).CleanUp(t.Context(), record())
	if err == nil || err.Error() != "the httpreq server was not reached: connection refused" {
		t.Errorf("error %v", err)
	}
}

// What is no record goes to no server.
func TestRecordsAreChecked(t *testing.T) {
	var led atomic.Int32
	url := serve(t, func(http.ResponseWriter, *http.Request) { led.Add(1) })
	if err := provider(t, anywhere, with(url, nil)).Present(t.Context(), dns01.Record{FQDN: "a b", Value: "v"}); err == nil || led.Load() != 0 {
		t.Errorf("error %v, asked %d times", err, led.Load())
	}
}
