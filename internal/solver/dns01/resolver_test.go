package dns01_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/certwright/certwright/internal/solver/dns01"
	"github.com/certwright/certwright/internal/solver/internal/dnstest"
)

// world is what a resolver sees of a few zones.
var world = []string{
	". SOA a.root. host. 1 1 1 1 1",
	"com. SOA a.gtld. host. 1 1 1 1 1",
	"example.com. SOA ns1 host 1 1 1 1 1",
	"example.com. NS ns2.example.com.",
	"Example.COM. NS NS1.example.com.",
	"ns1.example.com. A 127.0.0.1",
	"ns2.example.com. A 127.0.0.2",
	"ns2.example.com. AAAA 2001:db8::2",
	"www.example.com. A 192.0.2.80",
	"sub.example.com. SOA ns1 host 1 1 1 1 1",
	"sub.example.com. NS ns1.example.com.",
	"_acme-challenge.up.sub.example.com. CNAME x.example.com.",
	"_acme-challenge.moved.example.com. CNAME a.other.net.",
	"_acme-challenge.MOVED2.example.com. CNAME _acme-challenge.moved.example.com.",
	"net. SOA a.gtld. host. 1 1 1 1 1",
	"other.net. SOA ns1 host 1 1 1 1 1",
	"other.net. NS ns.example.com.",
	"loop1.example.com. CNAME loop2.example.com.",
	"loop2.example.com. CNAME loop1.example.com.",
	"void.example.com. SOA ns1 host 1 1 1 1 1",
	"multi.example.com. SOA ns1 host 1 1 1 1 1",
	"multi.example.com. NS zero.example.com.",
	"zero.example.com. A 0.0.0.0",
	"zero.example.com. A 224.0.0.1",
}

func init() {
	for i := range 11 {
		world = append(world, fmt.Sprintf("chain%d.example.com. CNAME chain%d.example.com.", i, i+1))
	}
}

func resolverOf(t *testing.T, handlers ...dnstest.Handler) dns01.Resolver {
	t.Helper()
	resolver := dns01.Resolver{Port: 5353, Reach: dnstest.Anywhere, NameserverReach: dnstest.Anywhere}
	for _, handler := range handlers {
		resolver.Nameservers = append(resolver.Nameservers, dnstest.Start(t, handler).Addr)
	}
	return resolver
}

func TestZone(t *testing.T) {
	example := []string{"127.0.0.1:5353", "127.0.0.2:5353", "[2001:db8::2]:5353"}
	tests := map[string]struct {
		fqdn string
		want dns01.Zone
	}{
		"top":                       {"example.com.", dns01.Zone{Name: "example.com.", Servers: example}},
		"name inside":               {"www.example.com.", dns01.Zone{Name: "example.com.", Servers: example}},
		"name that does not exist":  {"_acme-challenge.www.example.com.", dns01.Zone{Name: "example.com.", Servers: example}},
		"other letters":             {"_acme-challenge.WWW.EXAMPLE.com.", dns01.Zone{Name: "example.com.", Servers: example}},
		"no final dot":              {"www.example.com", dns01.Zone{Name: "example.com.", Servers: example}},
		"zone below":                {"_acme-challenge.a.sub.example.com.", dns01.Zone{Name: "sub.example.com.", Servers: example[:1]}},
		"alias to another zone":     {"_acme-challenge.moved.example.com.", dns01.Zone{Name: "example.com.", Servers: example}},
		"alias to the zone above":   {"_acme-challenge.up.sub.example.com.", dns01.Zone{Name: "sub.example.com.", Servers: example[:1]}},
		"alias to a name not there": {"loop1.example.com.", dns01.Zone{Name: "example.com.", Servers: example}},
	}
	resolver := resolverOf(t, dnstest.Records(t, world...))
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := resolver.Zone(t.Context(), test.fqdn)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("zone (-want +got):\n%s", diff)
			}
		})
	}
}

func TestZoneDefaultPort(t *testing.T) {
	resolver := resolverOf(t, dnstest.Records(t, world...))
	resolver.Port = 0
	zone, err := resolver.Zone(t.Context(), "sub.example.com.")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"127.0.0.1:53"}, zone.Servers); diff != "" {
		t.Errorf("servers (-want +got):\n%s", diff)
	}
}

// Some servers deny a name without the SOA record that would name the zone: the walk goes on.
func TestZoneFromServersThatLeaveOutTheSOA(t *testing.T) {
	full := []string{"example.com. SOA ns1 host 1 1 1 1 1", "example.com. NS ns.example.com.", "ns.example.com. A 192.0.2.1"}
	bare := func(network string, w dns.ResponseWriter, question *dns.Msg) {
		if question.Question[0].Name != "example.com." && question.Question[0].Qtype == dns.TypeSOA {
			dnstest.Records(t)(network, w, question)
			return
		}
		dnstest.Records(t, full...)(network, w, question)
	}
	zone, err := resolverOf(t, bare).Zone(t.Context(), "_acme-challenge.a.b.example.com.")
	if err != nil {
		t.Fatal(err)
	}
	if zone.Name != "example.com." {
		t.Errorf("zone %s, want example.com.", zone.Name)
	}
}

func TestZoneErrors(t *testing.T) {
	tests := map[string]struct {
		fqdn, want string
	}{
		"no such domain":   {"_acme-challenge.example.nowhere.", "cannot find the zone of _acme-challenge.example.nowhere.: no zone below the root holds the name: does the domain exist?"},
		"no name server":   {"a.void.example.com.", "cannot find the name servers of zone void.example.com.: there is no NS record"},
		"no address":       {"a.other.net.", "cannot find the addresses of the name servers of zone other.net.: ns.example.com. and the others have none"},
		"useless address":  {"multi.example.com.", "cannot find the addresses of the name servers of zone multi.example.com.: zero.example.com. and the others have none"},
		"the root":         {".", "cannot find the zone of .: no zone below the root holds the name: does the domain exist?"},
		"name of no bytes": {"", "cannot find the zone of .: no zone below the root holds the name: does the domain exist?"},
	}
	resolver := resolverOf(t, dnstest.Records(t, world...))
	tests["not a name"] = struct{ fqdn, want string }{"a..example.com.",
		"cannot find the zone of a..example.com.: none of 1 recursive name servers answers: name server " + resolver.Nameservers[0] + ": the question cannot be asked: is the name a domain name?"}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := resolver.Zone(t.Context(), test.fqdn)
			if err == nil || err.Error() != test.want {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}

// A referral must not be taken for a name without a zone of its own.
func TestZoneAtAServerThatOnlyRefers(t *testing.T) {
	refer := dnstest.Reply(func(_ string, _, answer *dns.Msg) {
		answer.Ns = []dns.RR{&dns.NS{Hdr: dns.RR_Header{Name: "Example.com.", Rrtype: dns.TypeNS, Class: dns.ClassINET}, Ns: "ns.example.net."}}
	})
	_, err := resolverOf(t, refer).Zone(t.Context(), "a.example.com.")
	const want = "cannot find the zone of a.example.com.: SOA of a.example.com.: the server only refers to those of example.com., it does not hold the zone"
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestZoneBoundsServers(t *testing.T) {
	records := []string{"example.com. SOA ns1 host 1 1 1 1 1"}
	for i := range 40 {
		records = append(records, fmt.Sprintf("example.com. NS ns%02d.example.com.", i))
		for j := range 5 {
			records = append(records, fmt.Sprintf("ns%02d.example.com. A 192.0.%d.%d", i, i, j+1))
		}
	}
	zone, err := resolverOf(t, dnstest.Records(t, records...)).Zone(t.Context(), "example.com.")
	if err != nil {
		t.Fatal(err)
	}
	if len(zone.Servers) != 64 {
		t.Errorf("%d servers, want 64", len(zone.Servers))
	}
}

func TestFollow(t *testing.T) {
	tests := map[string]struct{ fqdn, want string }{
		"no alias":         {"www.example.com.", "www.example.com."},
		"not there":        {"_acme-challenge.example.com.", "_acme-challenge.example.com."},
		"one step":         {"_acme-challenge.moved.example.com.", "a.other.net."},
		"two, other case":  {"_ACME-challenge.moved2.example.COM.", "a.other.net."},
		"chain of the max": {"chain1.example.com.", "chain11.example.com."},
	}
	resolver := resolverOf(t, dnstest.Records(t, world...))
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := resolver.Follow(t.Context(), test.fqdn)
			if err != nil || got != test.want {
				t.Errorf("%s, %v; want %s", got, err, test.want)
			}
		})
	}
	for _, fqdn := range []string{"loop1.example.com.", "chain0.example.com."} {
		if _, err := resolver.Follow(t.Context(), fqdn); !errors.Is(err, dns01.ErrAliasLoop) {
			t.Errorf("%s: %v, want ErrAliasLoop", fqdn, err)
		}
	}
}

func TestNextNameserverAnswers(t *testing.T) {
	resolver := resolverOf(t, dnstest.Code(dns.RcodeServerFailure), dnstest.Silent, dnstest.Records(t, world...))
	resolver.Timeout = 100 * time.Millisecond
	got, err := resolver.Follow(t.Context(), "_acme-challenge.moved.example.com.")
	if err != nil || got != "a.other.net." {
		t.Errorf("%s, %v; want a.other.net.", got, err)
	}
}

func TestNoNameserverAnswers(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refusing := closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct{ server, cause string }{
		"SERVFAIL": {dnstest.Start(t, dnstest.Code(dns.RcodeServerFailure)).Addr, "SERVFAIL"},
		"silence":  {dnstest.Start(t, dnstest.Silent).Addr, "no answer in time"},
		"refused":  {refusing, "connection refused"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			resolver := dns01.Resolver{Nameservers: []string{test.server}, Timeout: 100 * time.Millisecond, Reach: dnstest.Anywhere, NameserverReach: dnstest.Anywhere}
			_, err := resolver.Follow(t.Context(), "a.example.com.")
			want := "cannot look for a CNAME record at a.example.com.: none of 1 recursive name servers answers: name server " + test.server + ": " + test.cause
			if err == nil || err.Error() != want {
				t.Errorf("error %v, want %s", err, want)
			}
		})
	}
}

// The context ends a question long before the timeout does.
func TestContextEndsAQuestion(t *testing.T) {
	started := make(chan struct{}, 1)
	resolver := resolverOf(t, func(string, dns.ResponseWriter, *dns.Msg) { started <- struct{}{} })
	resolver.Timeout = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-started
		cancel()
	}()
	if _, err := resolver.Follow(ctx, "a.example.com."); !errors.Is(err, context.Canceled) || !strings.HasSuffix(err.Error(), ": the try was interrupted") {
		t.Errorf("error %v, want an interrupted try", err)
	}
}
