package dns01

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/miekg/dns"
)

// maxValue bounds a value in bytes: one character-string of a TXT record (RFC 1035 section 3.3). A DNS-01
// value has 43.
const maxValue = 255

// Record is a TXT record that proves control of a name. A wildcard and its base name have two records at
// one FQDN, so a record is always meant together with its value.
type Record struct {
	FQDN  string // with the final dot
	Value string
}

// NewRecord returns the record at _acme-challenge.<domain>. for a domain with or without a leading "*.".
func NewRecord(domain, value string) Record {
	domain = strings.TrimPrefix(domain, "*.")
	return Record{FQDN: dns.CanonicalName("_acme-challenge." + domain), Value: value}
}

// Validate reports what keeps a record from being written to DNS.
func (r Record) Validate() error {
	if _, ok := dns.IsDomainName(r.FQDN); !ok || !dns.IsFqdn(r.FQDN) || r.FQDN == "." {
		return fmt.Errorf("%q is not a domain name with a final dot", r.FQDN)
	}
	if r.Value == "" || len(r.Value) > maxValue {
		return fmt.Errorf("the value of the TXT record at %s must have 1 to %d bytes", r.FQDN, maxValue)
	}
	// Quotes and backslashes mean something in the text form of a record.
	unsafe := func(c rune) bool { return c < ' ' || c > '~' || c == '"' || c == '\\' }
	if strings.ContainsFunc(r.Value, unsafe) {
		return errors.New("the value of a TXT record must be printable ASCII without quotes and backslashes")
	}
	return nil
}

// Provider writes records to one provider of DNS. Both calls are quick, may be repeated, and touch no
// record of another value at the same name.
type Provider interface {
	// Present adds the record; one that is there stays.
	Present(ctx context.Context, record Record) error
	// CleanUp removes the record; one that is not there is no error.
	CleanUp(ctx context.Context, record Record) error
}
