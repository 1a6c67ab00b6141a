package acmedns_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/certwright/certwright/internal/reach"
	"github.com/certwright/certwright/internal/solver/dns01"
	"github.com/certwright/certwright/internal/solver/dns01/acmedns"
)

const accounts = `{"example.com": {"username": "user-1", "password": "secret-password", "fulldomain": "sub-1.auth.test", "subdomain": "sub-1", "allowfrom": []}}`

// server speaks the protocol of acme-dns: it keeps the last two values of a subdomain for who knows its key.
type server struct {
	mu     sync.Mutex
	values []string
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var update struct{ Subdomain, Txt string }
	if r.URL.Path != "/update" || r.Method != http.MethodPost || json.NewDecoder(r.Body).Decode(&update) != nil {
		http.NotFound(w, r)
		return
	}
	if r.Header.Get("X-Api-User") != "user-1" || r.Header.Get("X-Api-Key") != "secret-password" || update.Subdomain != "sub-1" {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"error": "forbidden"}`))
		return
	}
	s.values = append(s.values, update.Txt)
	s.values = s.values[max(0, len(s.values)-2):]
	_, _ = w.Write([]byte(`{"txt": "` + update.Txt + `"}`))
}

func TestPresent(t *testing.T) {
	dns := &server{}
	host := httptest.NewServer(dns)
	t.Cleanup(host.Close)
	provider, err := acmedns.New(acmedns.Config{Host: host.URL, Accounts: []byte(accounts), Domain: "example.com", Reach: reach.Policy{Unrestricted: true}})
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{"first", "second"} {
		if err := provider.Present(t.Context(), dns01.NewRecord("example.com", value)); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(dns.values, []string{"first", "second"}) {
		t.Errorf("the server has %v", dns.values)
	}
	if err := provider.CleanUp(t.Context(), dns01.NewRecord("example.com", "first")); err != nil {
		t.Error(err)
	}
}

func TestFailuresSayWhatToDo(t *testing.T) {
	host := httptest.NewServer(&server{})
	t.Cleanup(host.Close)
	for name, test := range map[string]struct {
		host, accounts, domain string
		reach                  reach.Policy
		want                   string
	}{
		"no URL":            {"auth.test", accounts, "example.com", reach.Policy{}, "host must be the URL of the acme-dns server"},
		"no JSON":           {host.URL, "{", "example.com", reach.Policy{}, "the accounts must be JSON"},
		"another name":      {host.URL, accounts, "example.net", reach.Policy{}, `there is no account for "example.net"`},
		"half an account":   {host.URL, `{"example.com": {"username": "user-1"}}`, "example.com", reach.Policy{}, "lacks username, password or subdomain"},
		"a private address": {host.URL, accounts, "example.com", reach.Policy{}, "the acme-dns server was not reached: its address is"},
		"another password": {host.URL, strings.Replace(accounts, "secret-password", "other", 1), "example.com", reach.Policy{Unrestricted: true},
			"the acme-dns server answers with status 401: forbidden"},
	} {
		provider, err := acmedns.New(acmedns.Config{Host: test.host, Accounts: []byte(test.accounts), Domain: test.domain, Reach: test.reach})
		if err == nil {
			err = provider.Present(t.Context(), dns01.NewRecord(test.domain, "value"))
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q", name, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), "secret-password") {
			t.Errorf("%s: the error tells the password: %v", name, err)
		}
	}
}

// What a server answers goes no further than the word for its refusal.
func TestAnswersAreNotPassedOn(t *testing.T) {
	for _, answer := range []string{"<html>internal page</html>", `{"error": "internal page of 10.0.0.1"}`} {
		host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			_, _ = w.Write([]byte(answer))
		}))
		t.Cleanup(host.Close)
		provider, err := acmedns.New(acmedns.Config{Host: host.URL, Accounts: []byte(accounts), Domain: "example.com", Reach: reach.Policy{Unrestricted: true}})
		if err != nil {
			t.Fatal(err)
		}
		err = provider.Present(t.Context(), dns01.NewRecord("example.com", "value"))
		if err == nil || err.Error() != "the acme-dns server answers with status 502" {
			t.Errorf("error %v", err)
		}
	}
}

func FuzzAccounts(f *testing.F) {
	f.Add([]byte(accounts), "example.com")
	f.Add([]byte(`{"a": null}`), "a")
	f.Fuzz(func(t *testing.T, data []byte, domain string) {
		provider, err := acmedns.New(acmedns.Config{Host: "https://auth.test", Accounts: data, Domain: domain})
		if (provider == nil) == (err == nil) {
			t.Errorf("provider %v, error %v", provider, err)
		}
	})
}
