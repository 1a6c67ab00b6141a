package acme

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestTLSALPN01Certificate(t *testing.T) {
	const keyAuthorization = exampleToken + "." + rfc7638Thumbprint
	tests := map[string]struct {
		identifier Identifier
		names      string
	}{
		"name":         {DNSIdentifier("www.example.org"), "[www.example.org] []"},
		"IPv4 address": {IPIdentifier(netip.MustParseAddr("192.0.2.1")), "[] [192.0.2.1]"},
		"IPv6 address": {IPIdentifier(netip.MustParseAddr("2001:db8::1")), "[] [2001:db8::1]"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			certificate, err := TLSALPN01Certificate(test.identifier, keyAuthorization, testNow)
			if err != nil {
				t.Fatal(err)
			}
			leaf, err := x509.ParseCertificate(certificate.Certificate[0])
			if err != nil {
				t.Fatal(err)
			}
			if err := leaf.CheckSignature(leaf.SignatureAlgorithm, leaf.RawTBSCertificate, leaf.Signature); err != nil {
				t.Errorf("not self-signed: %v", err)
			}
			if got := fmt.Sprint(leaf.DNSNames, leaf.IPAddresses); got != test.names || len(leaf.EmailAddresses)+len(leaf.URIs) != 0 {
				t.Errorf("names %s, want %s", got, test.names)
			}
			if testNow.Before(leaf.NotBefore) || testNow.Add(7*24*time.Hour).After(leaf.NotAfter) {
				t.Errorf("valid from %v to %v", leaf.NotBefore, leaf.NotAfter)
			}
			wantIdentifierExtension(t, leaf, keyAuthorization)
		})
	}
}

// wantIdentifierExtension checks for one critical extension with the DER of an
// OCTET STRING of 32 octets (RFC 8737 section 3).
func wantIdentifierExtension(t *testing.T, leaf *x509.Certificate, keyAuthorization string) {
	t.Helper()
	sum := sha256.Sum256([]byte(keyAuthorization))
	found := 0
	for _, extension := range leaf.Extensions {
		if extension.Id.String() != "1.3.6.1.5.5.7.1.31" {
			continue
		}
		found++
		if !extension.Critical || !bytes.Equal(extension.Value, append([]byte{0x04, 0x20}, sum[:]...)) {
			t.Errorf("extension %+v", extension)
		}
	}
	if found != 1 {
		t.Errorf("%d extensions, want 1", found)
	}
}

func TestTLSALPN01ServerName(t *testing.T) {
	tests := map[Identifier]string{
		DNSIdentifier("www.example.org"):                        "www.example.org",
		IPIdentifier(netip.MustParseAddr("1.2.3.4")):            "4.3.2.1.in-addr.arpa",
		IPIdentifier(netip.MustParseAddr("2001:db8::567:89ab")): "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
	}
	for identifier, want := range tests {
		if got, err := TLSALPN01ServerName(identifier); got != want || err != nil {
			t.Errorf("%v: %q, %v, want %q", identifier, got, err, want)
		}
	}
}

func TestTLSALPN01IsNotForEverything(t *testing.T) {
	for _, identifier := range []Identifier{
		{}, DNSIdentifier("*.example.org"), DNSIdentifier("Example.org"), DNSIdentifier(""),
		{Type: IdentifierIP, Value: "example.org"}, {Type: IdentifierIP, Value: "[::1]"}, {Type: "email", Value: "a@b.example"},
	} {
		if name, err := TLSALPN01ServerName(identifier); err == nil {
			t.Errorf("%v: name %q, want an error", identifier, name)
		}
		if _, err := TLSALPN01Certificate(identifier, "token.thumbprint", testNow); err == nil {
			t.Errorf("%v: a certificate, want an error", identifier)
		}
	}
}

func TestVerifyTLSALPN01(t *testing.T) {
	const keyAuthorization = exampleToken + "." + rfc7638Thumbprint
	identifier := DNSIdentifier("www.example.org")
	parse := func(identifier Identifier, keyAuthorization string) *x509.Certificate {
		made, err := TLSALPN01Certificate(identifier, keyAuthorization, testNow)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(made.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		return leaf
	}
	harmless := parse(identifier, keyAuthorization)
	for i := range harmless.Extensions {
		harmless.Extensions[i].Critical = false
	}
	more := parse(identifier, keyAuthorization)
	more.DNSNames = append(more.DNSNames, "example.org")
	tests := map[string]struct {
		certificate *x509.Certificate
		want        string
	}{
		"the answer":                  {parse(identifier, keyAuthorization), ""},
		"of another name":             {parse(DNSIdentifier("example.org"), keyAuthorization), "another name"},
		"of an address":               {parse(IPIdentifier(netip.MustParseAddr("192.0.2.1")), keyAuthorization), "another name"},
		"with a second name":          {more, "another name"},
		"to another challenge":        {parse(identifier, "x"+keyAuthorization), "another challenge"},
		"not critical":                {harmless, "another challenge"},
		"an ordinary one of the name": {&x509.Certificate{DNSNames: []string{"www.example.org"}}, "no challenge certificate"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := VerifyTLSALPN01(test.certificate, identifier, keyAuthorization)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}
