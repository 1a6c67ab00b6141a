package dnsclient_test

import (
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/certwright/certwright/internal/reach"
	"github.com/certwright/certwright/internal/solver/internal/dnsclient"
	"github.com/certwright/certwright/internal/solver/internal/dnstest"
)

// overHTTPS answers by RFC 8484.
func overHTTPS(t *testing.T, change func(answer *dns.Msg), header http.Header) (string, *x509.CertPool) {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		asked := new(dns.Msg)
		if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/dns-message" || asked.Unpack(body) != nil || asked.Id != 0 {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		answer := new(dns.Msg)
		answer.SetReply(asked)
		change(answer)
		packed, err := answer.Pack()
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/dns-message")
		for key, values := range header {
			w.Header()[key] = values
		}
		_, _ = w.Write(packed)
	}))
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return server.URL + "/dns-query", roots
}

func TestExchangeOverHTTPS(t *testing.T) {
	server, roots := overHTTPS(t, func(answer *dns.Msg) { answer.Rcode = dns.RcodeNameError }, nil)
	asked := question()
	answer, err := dnsclient.Client{Reach: dnstest.Anywhere, Roots: roots}.Exchange(t.Context(), server, asked)
	if err != nil || answer.Rcode != dns.RcodeNameError || answer.Id != asked.Id {
		t.Errorf("%v, %v", answer, err)
	}
}

func TestExchangeOverHTTPSRefusesAnswers(t *testing.T) {
	nothing := func(*dns.Msg) {}
	for name, test := range map[string]struct {
		change  func(*dns.Msg)
		header  http.Header
		trusted bool
		reach   reach.Policy
		want    string
	}{
		"another name":        {func(a *dns.Msg) { a.Question[0].Name = "b.example.com." }, nil, true, dnstest.Anywhere, "the answer belongs to another question"},
		"another ID":          {func(a *dns.Msg) { a.Id = 7 }, nil, true, dnstest.Anywhere, "the answer is not a DNS message"},
		"another type":        {nothing, http.Header{"Content-Type": {"text/html"}}, true, dnstest.Anywhere, "the answer is not a DNS message"},
		"a strange authority": {nothing, nil, false, dnstest.Anywhere, "the exchange failed"},
		"a private address":   {nothing, nil, true, reach.Policy{}, "its address is"},
	} {
		server, roots := overHTTPS(t, test.change, test.header)
		client := dnsclient.Client{Reach: test.reach}
		if client.Roots = x509.NewCertPool(); test.trusted {
			client.Roots = roots
		}
		_, err := client.Exchange(t.Context(), server, question())
		failure, ok := errors.AsType[*dnsclient.Error](err)
		if !ok || !strings.Contains(failure.Cause, test.want) {
			t.Errorf("%s: error %v, want %q", name, err, test.want)
		}
	}
	refusing := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(refusing.Close)
	roots := x509.NewCertPool()
	roots.AddCert(refusing.Certificate())
	_, err := dnsclient.Client{Reach: dnstest.Anywhere, Roots: roots}.Exchange(t.Context(), refusing.URL, question())
	if err == nil || !strings.Contains(err.Error(), "it answers with HTTP status 404") {
		t.Errorf("error %v", err)
	}
}

// A redirect is not followed: the next server is one that nobody named.
func TestExchangeOverHTTPSIsNotRedirected(t *testing.T) {
	server, _ := overHTTPS(t, func(*dns.Msg) { t.Error("it was asked") }, nil)
	redirecting := httptest.NewTLSServer(http.RedirectHandler(server, http.StatusTemporaryRedirect))
	t.Cleanup(redirecting.Close)
	// Test servers have one certificate among them.
	roots := x509.NewCertPool()
	roots.AddCert(redirecting.Certificate())
	_, err := dnsclient.Client{Reach: dnstest.Anywhere, Roots: roots}.Exchange(t.Context(), redirecting.URL, question())
	if err == nil || !strings.Contains(err.Error(), "it answers with HTTP status 307") {
		t.Errorf("error %v", err)
	}
}

func TestCheckServer(t *testing.T) {
	for server, fits := range map[string]bool{
		"9.9.9.9:53": true, "[2001:db8::1]:53": true, "https://dns.example/dns-query": true, "https://9.9.9.9": true,
		"9.9.9.9": false, "": false, "https://": false, "https://dns.example/dns-query{?dns}": false, "https://u:p@dns.example/": false, "http://dns.example": false,
	} {
		if err := dnsclient.CheckServer(server); (err == nil) != fits {
			t.Errorf("%q: %v", server, err)
		}
	}
}
