package acme

import "testing"

// The account URL and its label are the example of draft-ietf-acme-dns-account-label.
func TestDNSAccount01Name(t *testing.T) {
	got := DNSAccount01Name("https://example.com/acme/acct/ExampleAccount", "www.example.org")
	if want := "_ujmmovf2vn55tgye._acme-challenge.www.example.org"; got != want {
		t.Errorf("name %q, want %q", got, want)
	}
	if other := DNSAccount01Name("https://example.com/acme/acct/Another", "www.example.org"); other == got {
		t.Error("two accounts have the same name")
	}
}
