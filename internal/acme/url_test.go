package acme

import (
	"strings"
	"testing"
)

func TestCheckURL(t *testing.T) {
	strict := &Client{Directory: "https://CA.example/dir", AllowedHosts: []string{"Other.example", "ported.example:8443", "[2001:db8::1]"}}
	tests := map[string]ProtocolReason{
		"https://ca.example/a":                              "",
		"https://ca.example:443/a":                          "",
		"HTTPS://Ca.Example/a?b#c":                          "",
		"https://other.example:9000/":                       "",
		"https://ported.example:8443/":                      "",
		"https://[2001:db8::1]:14000/":                      "",
		"https://ported.example/":                           ReasonForeignHost,
		"https://ca.example:8443/":                          ReasonForeignHost,
		"https://ca.example.evil.test/":                     ReasonForeignHost,
		"https://evil.test/ca.example":                      ReasonForeignHost,
		"https://evilca.example/":                           ReasonForeignHost,
		"https://169.254.169.254/latest/":                   ReasonForeignHost,
		"http://ca.example/a":                               ReasonInsecureURL,
		"file:///etc/passwd":                                ReasonBadURL,
		"ftp://ca.example/":                                 ReasonInsecureURL,
		"":                                                  ReasonBadURL,
		"/relative":                                         ReasonBadURL,
		"https://":                                          ReasonBadURL,
		"https://user@ca.example/":                          ReasonBadURL,
		"https://ca.example/\x7f":                           ReasonBadURL,
		"https://ca.example/" + strings.Repeat("a", maxURL): ReasonBadURL,
	}
	for raw, want := range tests {
		_, err := strict.checkURL(OpOrder, raw)
		if want == "" {
			if err != nil {
				t.Errorf("%q: %v", raw, err)
			}
			continue
		}
		wantReason(t, err, want)
	}
}

func TestCheckURLWithHTTPAllowed(t *testing.T) {
	client := &Client{Directory: "http://ca.example/dir", AllowHTTP: true}
	if _, err := client.checkURL(OpOrder, "http://ca.example:80/a"); err != nil {
		t.Error(err)
	}
	_, err := client.checkURL(OpOrder, "https://ca.example/a")
	wantReason(t, err, ReasonForeignHost)
}

func TestProtocolErrorNamesTheHost(t *testing.T) {
	client := &Client{Directory: "https://ca.example/dir"}
	_, err := client.checkURL(OpOrder, "https://evil.test/")
	if err == nil || !strings.Contains(err.Error(), "(evil.test)") {
		t.Errorf("error %v does not name the host to allow", err)
	}
}
