package rfc2136_test

import (
	"strings"
	"testing"

	"github.com/certwright/certwright/internal/solver/dns01/rfc2136"
)

const secret = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

func TestNewAccepts(t *testing.T) {
	signed := func(algorithm string) rfc2136.Config {
		return rfc2136.Config{Nameserver: "192.0.2.1", TSIGKeyName: "key", TSIGSecret: secret, TSIGAlgorithm: algorithm}
	}
	tests := map[string]rfc2136.Config{
		"IPv4":                 {Nameserver: "192.0.2.1"},
		"IPv4 and port":        {Nameserver: "192.0.2.1:5353"},
		"IPv6":                 {Nameserver: "[2001:db8::1]"},
		"IPv6 and port":        {Nameserver: "[2001:db8::1]:5353"},
		"IPv6 without bracket": {Nameserver: "2001:db8::1"},
		"name":                 {Nameserver: "ns.example.com"},
		"name and port":        {Nameserver: "ns_1.example.com.:53"},
		"UDP":                  {Nameserver: "ns", Protocol: "UDP"},
		"TCP in small letters": {Nameserver: "ns", Protocol: "tcp"},
		"default algorithm":    signed(""),
		"small letters":        signed("hmacsha256"),
		"SHA-224":              signed("HMACSHA224"),
		"SHA-384":              signed("HMACSHA384"),
		"blanks around secret": {Nameserver: "ns", TSIGKeyName: " Key.\n", TSIGSecret: " " + secret + " \n"},
	}
	for name, config := range tests {
		if _, err := rfc2136.New(config); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	tests := map[string]struct {
		config rfc2136.Config
		want   string // a part of the text
	}{
		"no server":         {rfc2136.Config{}, "nameserver"},
		"no host":           {rfc2136.Config{Nameserver: ":53"}, "nameserver"},
		"port 0":            {rfc2136.Config{Nameserver: "ns:0"}, "1 to 65535"},
		"large port":        {rfc2136.Config{Nameserver: "ns:65536"}, "1 to 65535"},
		"named port":        {rfc2136.Config{Nameserver: "ns:domain"}, "1 to 65535"},
		"two ports":         {rfc2136.Config{Nameserver: "ns:53:53"}, "host or host:port"},
		"URL":               {rfc2136.Config{Nameserver: "dns://ns"}, "nameserver"},
		"space":             {rfc2136.Config{Nameserver: "n s"}, "nameserver"},
		"protocol":          {rfc2136.Config{Nameserver: "ns", Protocol: "TLS"}, "UDP or TCP"},
		"algorithm":         {rfc2136.Config{Nameserver: "ns", TSIGAlgorithm: "HMACSHA3"}, "HMACSHA256"},
		"name, no secret":   {rfc2136.Config{Nameserver: "ns", TSIGKeyName: "key"}, "tsigSecretSecretRef"},
		"secret, no name":   {rfc2136.Config{Nameserver: "ns", TSIGSecret: secret}, "tsigKeyName"},
		"name is no name":   {rfc2136.Config{Nameserver: "ns", TSIGKeyName: "a..b", TSIGSecret: secret}, "tsigKeyName"},
		"secret not base64": {rfc2136.Config{Nameserver: "ns", TSIGKeyName: "key", TSIGSecret: "geheim!"}, "base64"},
	}
	for name, test := range tests {
		_, err := rfc2136.New(test.config)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one about %q", name, err, test.want)
			continue
		}
		if test.config.TSIGSecret != "" && strings.Contains(err.Error(), test.config.TSIGSecret) {
			t.Errorf("%s: the error holds the secret: %v", name, err)
		}
	}
}

// FuzzNew looks that no setting crashes and no secret shows.
func FuzzNew(f *testing.F) {
	f.Add("192.0.2.1:53", "UDP", "key", "HMACSHA256", secret)
	f.Add("[2001:db8::1]", "", "", "", "")
	f.Add("[]:1", "TCP", "a..b", "HMACMD5", "distinctive-secret")
	f.Fuzz(func(t *testing.T, nameserver, protocol, name, algorithm, secret string) {
		_, err := rfc2136.New(rfc2136.Config{Nameserver: nameserver, Protocol: protocol, TSIGKeyName: name, TSIGAlgorithm: algorithm, TSIGSecret: secret})
		if err == nil || len(secret) < 12 || strings.Contains(nameserver+protocol+name+algorithm, secret) {
			return
		}
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error holds the secret: %v", err)
		}
	})
}
