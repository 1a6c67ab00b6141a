package dnsclient_test

import (
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/certwright/certwright/internal/solver/internal/dnsclient"
)

// FuzzAnswer reads answers as hostile servers may send them: a zone that is found holds the name, aliases
// end, and the records of a name have one owner.
func FuzzAnswer(f *testing.F) {
	for _, lines := range [][]string{
		{"a.example.com. CNAME b.example.com.", "b.example.com. TXT one"},
		{"a.example.com. CNAME a.example.com."},
		{"example.com. SOA ns host 1 1 1 1 1"},
		{". SOA ns host 1 1 1 1 1"},
		{"example.com. NS ns.example.com."},
	} {
		for _, authority := range []bool{true, false} {
			f.Add(seed(f, lines, authority))
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		answer := new(dns.Msg)
		if answer.Unpack(raw) != nil {
			return
		}
		const name = "a.example.com."
		zone, err := dnsclient.FindZone(name, func(string) (*dns.Msg, error) { return answer, nil })
		if err == nil && (zone == "." || !dns.IsSubDomain(zone, name) || zone != strings.ToLower(zone)) {
			t.Errorf("zone %q for %s", zone, name)
		}
		records := dnsclient.RecordsOf(answer, name)
		if len(records) > len(answer.Answer) {
			t.Errorf("%d of %d records", len(records), len(answer.Answer))
		}
		for _, record := range records {
			if !dnsclient.SameName(record.Header().Name, records[0].Header().Name) {
				t.Errorf("records of %s and %s", records[0].Header().Name, record.Header().Name)
			}
		}
	})
}

func seed(f *testing.F, lines []string, authority bool) []byte {
	f.Helper()
	message := dnsclient.Question("a.example.com.", dns.TypeSOA, false)
	message.Response = true
	for _, line := range lines {
		record, err := dns.NewRR(line)
		if err != nil {
			f.Fatal(err)
		}
		if authority {
			message.Ns = append(message.Ns, record)
		} else {
			message.Answer = append(message.Answer, record)
		}
	}
	raw, err := message.Pack()
	if err != nil {
		f.Fatal(err)
	}
	return raw
}
