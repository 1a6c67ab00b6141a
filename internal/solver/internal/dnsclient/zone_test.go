package dnsclient_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/certwright/certwright/internal/solver/internal/dnsclient"
)

func soa(owner string) []dns.RR {
	return []dns.RR{&dns.SOA{Hdr: dns.RR_Header{Name: owner, Rrtype: dns.TypeSOA, Class: dns.ClassINET}, Ns: "ns.", Mbox: "host."}}
}

// The walk asks no more than it needs: a denial that names the zone ends it.
func TestFindZoneAsks(t *testing.T) {
	const name = "_acme-challenge.a.example.com."
	tests := map[string]struct {
		answers map[string]*dns.Msg // others are empty
		want    string
		asked   []string
	}{
		"told at once":        {map[string]*dns.Msg{name: {Ns: soa("Example.com.")}}, "example.com.", []string{name}},
		"told at the top":     {map[string]*dns.Msg{"example.com.": {Answer: soa("example.com.")}}, "example.com.", []string{name, "a.example.com.", "example.com."}},
		"SOA of no ancestor":  {map[string]*dns.Msg{name: {Ns: soa("example.net.")}, "a.example.com.": {Ns: soa("com.")}}, "com.", []string{name, "a.example.com."}},
		"SOA below":           {map[string]*dns.Msg{"example.com.": {Ns: soa("a.example.com."), Answer: soa("a.example.com.")}, "com.": {Ns: soa("com.")}}, "com.", []string{name, "a.example.com.", "example.com.", "com."}},
		"none":                {nil, "", []string{name, "a.example.com.", "example.com.", "com."}},
		"the root":            {map[string]*dns.Msg{name: {Ns: soa(".")}}, "", []string{name}},
		"referral to nowhere": {map[string]*dns.Msg{name: {Ns: []dns.RR{&dns.NS{Hdr: dns.RR_Header{Name: "."}}}}, "com.": {Ns: soa("com.")}}, "com.", []string{name, "a.example.com.", "example.com.", "com."}},
	}
	for title, test := range tests {
		t.Run(title, func(t *testing.T) {
			var asked []string
			zone, err := dnsclient.FindZone(name, func(name string) (*dns.Msg, error) {
				asked = append(asked, name)
				if answer, found := test.answers[name]; found {
					return answer, nil
				}
				return new(dns.Msg), nil
			})
			if zone != test.want || (test.want == "") != errors.Is(err, dnsclient.ErrNoZone) {
				t.Errorf("%q, %v; want %q", zone, err, test.want)
			}
			if diff := cmp.Diff(test.asked, asked); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFindZoneEndsWithAFailure(t *testing.T) {
	broken := errors.New("broken")
	if _, err := dnsclient.FindZone("a.example.com.", func(string) (*dns.Msg, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Errorf("error %v, want the one of the question", err)
	}
	refused := &dns.Msg{MsgHdr: dns.MsgHdr{Rcode: dns.RcodeRefused}}
	_, err := dnsclient.FindZone("a.example.com.", func(string) (*dns.Msg, error) { return refused, nil })
	if err == nil || err.Error() != "SOA of a.example.com.: REFUSED" {
		t.Errorf("error %v, want REFUSED", err)
	}
}
