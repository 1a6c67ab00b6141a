package pki_test

import (
	"strings"
	"testing"

	"github.com/certwright/certwright/internal/pki"
)

func TestNormalizeDNSName(t *testing.T) {
	label63 := strings.Repeat("a", 63)
	name253 := strings.Repeat(label63+".", 3) + strings.Repeat("b", 61)
	tests := []struct {
		in, want, bad string
	}{
		{in: "example.com", want: "example.com"},
		{in: "WWW.Example.COM", want: "www.example.com"},
		{in: "*.example.com", want: "*.example.com"},
		{in: "*.local", want: "*.local"},
		{in: "localhost", want: "localhost"},
		{in: "_acme.my_host.svc", want: "_acme.my_host.svc"},
		{in: "az-09.AZ.x", want: "az-09.az.x"},
		{in: "xn--bcher-kva.example", want: "xn--bcher-kva.example"},
		{in: label63 + ".com", want: label63 + ".com"},
		{in: name253, want: name253},

		{in: "", bad: "empty"},
		{in: "example.com.", bad: "end with a dot"},
		{in: "bücher.example", bad: "A-label form"},
		{in: "*", bad: "domain after the wildcard"},
		{in: "www.*.com", bad: "whole left-most label"},
		{in: "w*.example.com", bad: "whole left-most label"},
		{in: "*.*.example.com", bad: "whole left-most label"},
		{in: "a..b", bad: "a label must not be empty"},
		{in: ".example.com", bad: "a label must not be empty"},
		{in: "*..com", bad: "a label must not be empty"},
		{in: "-a.com", bad: "hyphen"},
		{in: "a-.com", bad: "hyphen"},
		{in: "a b.com", bad: "letters, digits"},
		{in: "https://example.com", bad: "letters, digits"},
		{in: "a\x00.com", bad: "letters, digits"},
		{in: label63 + "a.com", bad: "longer than 63"},
		{in: name253 + "b", bad: "longer than 253"},
	}
	for _, test := range tests {
		got, err := pki.NormalizeDNSName(test.in)
		if test.bad != "" {
			wantError(t, err, test.bad)
			continue
		}
		if err != nil || got != test.want {
			t.Errorf("%q: got %q, %v, want %q", test.in, got, err, test.want)
		}
	}
}
