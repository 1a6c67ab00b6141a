package http01_test

import (
	"strings"
	"testing"

	"github.com/certwright/certwright/internal/solver/http01"
)

func TestCanonicalHost(t *testing.T) {
	tests := map[string]string{ // "" means refused
		"example.com":                "example.com",
		"Example.COM.:8089":          "example.com",
		"a_b.example.com:":           "a_b.example.com",
		"192.0.2.1:80":               "192.0.2.1",
		"[2001:db8:0:0::1]:80":       "2001:db8::1",
		"[2001:DB8::1]":              "2001:db8::1",
		"2001:db8::1":                "2001:db8::1",
		strings.Repeat("a", 253):     strings.Repeat("a", 253),
		"":                           "",
		".":                          "",
		"..":                         "",
		":80":                        "",
		"a..b":                       "",
		".a":                         "",
		"example.com:http":           "",
		"example.com:123456":         "",
		"example.com:80:80":          "",
		"[example.com]":              "",
		"[192.0.2.1]":                "",
		"[fe80::1%eth0]":             "",
		"[2001:db8::1":               "",
		"[2001:db8::1]x":             "",
		"user@example.com":           "",
		"exa mple.com":               "",
		"example.com/":               "",
		"*.example.com":              "",
		"exämple.com":                "",
		"a\x00":                      "",
		strings.Repeat("a", 300):     "",
		"[" + strings.Repeat(":", 9): "",
	}
	for header, want := range tests {
		got, ok := http01.CanonicalHost(header)
		if got != want || ok != (want != "") {
			t.Errorf("%q: %q, %t; want %q", header, got, ok, want)
		}
	}
}

func FuzzCanonicalHost(f *testing.F) {
	for _, seed := range []string{"example.com:80", "[2001:db8::1]:80", "[::ffff:192.0.2.1]", "a.", "[", "]:", "::", "K.example"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		host, ok := http01.CanonicalHost(header)
		if !ok {
			if host != "" {
				t.Errorf("%q is refused with host %q", header, host)
			}
			return
		}
		if again, ok := http01.CanonicalHost(host); !ok || again != host {
			t.Errorf("%q gives %q, which gives %q, %t", header, host, again, ok)
		}
		if host != strings.ToLower(host) || strings.ContainsAny(host, "[]/@% ") {
			t.Errorf("%q gives %q", header, host)
		}
	})
}
