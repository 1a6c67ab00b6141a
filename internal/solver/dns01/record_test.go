package dns01_test

import (
	"strings"
	"testing"

	"github.com/certwright/certwright/internal/solver/dns01"
)

const value = "gfj9Xq-Rg85nM_0000000000000000000000000000"

func TestNewRecord(t *testing.T) {
	tests := map[string]string{
		"example.com":     "_acme-challenge.example.com.",
		"example.com.":    "_acme-challenge.example.com.",
		"*.example.com":   "_acme-challenge.example.com.",
		"WWW.Example.com": "_acme-challenge.www.example.com.",
	}
	for domain, want := range tests {
		record := dns01.NewRecord(domain, value)
		if record.FQDN != want || record.Value != value {
			t.Errorf("%s: %+v, want %s with the value", domain, record, want)
		}
		if err := record.Validate(); err != nil {
			t.Errorf("%s: %v", domain, err)
		}
	}
}

func TestRecordValidate(t *testing.T) {
	const name = "_acme-challenge.example.com."
	tests := map[string]dns01.Record{
		"no name":           {Value: value},
		"the root":          {FQDN: ".", Value: value},
		"no final dot":      {FQDN: "_acme-challenge.example.com", Value: value},
		"empty label":       {FQDN: "_acme-challenge..com.", Value: value},
		"long label":        {FQDN: strings.Repeat("a", 64) + ".com.", Value: value},
		"no value":          {FQDN: name},
		"long value":        {FQDN: name, Value: strings.Repeat("a", 256)},
		"quote in value":    {FQDN: name, Value: `a"b`},
		"escape in value":   {FQDN: name, Value: `a\034`},
		"line end in value": {FQDN: name, Value: "a\n"},
		"UTF-8 in value":    {FQDN: name, Value: "ä"},
	}
	for name, record := range tests {
		if record.Validate() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
