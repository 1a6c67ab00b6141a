package dns01_test

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/miekg/dns"

	"github.com/certwright/certwright/internal/solver/dns01"
	"github.com/certwright/certwright/internal/solver/internal/dnstest"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

const challengeAt = "_acme-challenge.www.example.com."

var record = dns01.Record{FQDN: challengeAt, Value: value}

func txt(values ...string) string {
	return challengeAt + ` 60 TXT "` + strings.Join(values, `" "`) + `"`
}

// authoritative starts servers at hosts of the loopback network, all at one port, and returns a resolver
// that finds them as the servers of example.com.
func authoritative(t *testing.T, handlers map[string]dnstest.Handler, more ...string) (dns01.Resolver, map[string]*dnstest.Server) {
	t.Helper()
	servers := dnstest.StartAll(t, handlers)
	records := append([]string{"example.com. SOA ns host 1 1 1 1 1"}, more...)
	resolver := dns01.Resolver{Timeout: 300 * time.Millisecond, Reach: dnstest.Anywhere, NameserverReach: dnstest.Anywhere}
	for host, server := range servers {
		name := "ns" + strings.ReplaceAll(host, ".", "-") + ".example.com."
		records = append(records, "example.com. NS "+name, name+" A "+host)
		resolver.Port = portOf(t, server.Addr)
	}
	resolver.Nameservers = []string{dnstest.Start(t, dnstest.Records(t, records...)).Addr}
	return resolver, servers
}

func portOf(t *testing.T, address string) uint16 {
	t.Helper()
	_, text, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	return uint16(port)
}

func TestCheckSeesTheValue(t *testing.T) {
	tests := map[string][]string{
		"alone":                 {txt(value)},
		"among others":          {txt("other"), txt(value), txt("third")},
		"in several strings":    {txt(value[:10], value[10:20], value[20:])},
		"at a name in capitals": {`_ACME-challenge.WWW.Example.Com. 60 TXT "` + value + `"`},
		"behind an alias":       {challengeAt + " 60 CNAME there.example.com.", `there.example.com. 60 TXT "` + value + `"`},
	}
	for name, lines := range tests {
		t.Run(name, func(t *testing.T) {
			resolver, _ := authoritative(t, map[string]dnstest.Handler{"127.0.0.1": dnstest.Records(t, lines...), "127.0.0.2": dnstest.Records(t, lines...)})
			if err := resolver.Check(t.Context(), record); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestCheckLacks(t *testing.T) {
	has := dnstest.Records(t, txt(value))
	tests := map[string]struct {
		handlers map[string]dnstest.Handler
		want     dns01.LackingError
	}{
		"one of three lags": {
			map[string]dnstest.Handler{"127.0.0.1": has, "127.0.0.2": dnstest.Records(t, txt("old")), "127.0.0.3": has},
			dns01.LackingError{Lacking: 1, Asked: 3, Server: "127.0.0.2", Cause: "it has other TXT records there only"},
		},
		"two of three lag": {
			map[string]dnstest.Handler{"127.0.0.1": has, "127.0.0.2": dnstest.Records(t), "127.0.0.3": dnstest.Records(t)},
			dns01.LackingError{Lacking: 2, Asked: 3, Server: "127.0.0.2", Cause: "the name does not exist there"},
		},
		"no TXT": {
			map[string]dnstest.Handler{"127.0.0.1": dnstest.Records(t, "x."+challengeAt+" A 192.0.2.1")},
			dns01.LackingError{Lacking: 1, Asked: 1, Server: "127.0.0.1", Cause: "it has no TXT record there"},
		},
		"value in other letters": {
			map[string]dnstest.Handler{"127.0.0.1": dnstest.Records(t, txt(strings.ToUpper(value)))},
			dns01.LackingError{Lacking: 1, Asked: 1, Server: "127.0.0.1", Cause: "it has other TXT records there only"},
		},
		"value at a name that was not asked for": {
			map[string]dnstest.Handler{"127.0.0.1": dnstest.Reply(func(_ string, _, answer *dns.Msg) {
				answer.Answer = []dns.RR{&dns.TXT{Hdr: dns.RR_Header{Name: "evil.example.", Rrtype: dns.TypeTXT, Class: dns.ClassINET}, Txt: []string{value}}}
			})},
			dns01.LackingError{Lacking: 1, Asked: 1, Server: "127.0.0.1", Cause: "it has no TXT record there"},
		},
		"one refuses": {
			map[string]dnstest.Handler{"127.0.0.1": dnstest.Code(dns.RcodeRefused), "127.0.0.2": has},
			dns01.LackingError{Lacking: 1, Asked: 2, Server: "127.0.0.1", Cause: "it answers REFUSED"},
		},
		"one is silent": {
			map[string]dnstest.Handler{"127.0.0.1": has, "127.0.0.2": dnstest.Silent},
			dns01.LackingError{Lacking: 1, Asked: 2, Server: "127.0.0.2", Cause: "no answer in time"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			resolver, servers := authoritative(t, test.handlers)
			err := resolver.Check(t.Context(), record)
			var got *dns01.LackingError
			if !errors.As(err, &got) {
				t.Fatalf("error %v, want a LackingError", err)
			}
			test.want.FQDN, test.want.Zone, test.want.Server = challengeAt, "example.com.", servers[test.want.Server].Addr
			if diff := cmp.Diff(test.want, *got, cmpopts.IgnoreFields(dns01.LackingError{}, "Err")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestLackingErrorText(t *testing.T) {
	failure := dns01.LackingError{FQDN: challengeAt, Zone: "example.com.", Lacking: 1, Asked: 3, Server: "192.0.2.1:53", Cause: "no answer in time"}
	const want = "1 of 3 authoritative servers of zone example.com. lack the TXT record at _acme-challenge.www.example.com., the first is 192.0.2.1:53: no answer in time"
	if got := failure.Error(); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestCheckFollowsAnAliasToAnotherZone(t *testing.T) {
	has := dnstest.Records(t, `target.other.net. 60 TXT "`+value+`"`)
	resolver, _ := authoritative(t, map[string]dnstest.Handler{"127.0.0.1": has},
		challengeAt+" CNAME Target.other.net.", "other.net. SOA ns host 1 1 1 1 1",
		"other.net. NS ns.other.net.", "ns.other.net. A 127.0.0.1")
	if err := resolver.Check(t.Context(), record); err != nil {
		t.Error(err)
	}
	missing := dns01.Record{FQDN: challengeAt, Value: "another"}
	var lacking *dns01.LackingError
	if err := resolver.Check(t.Context(), missing); !errors.As(err, &lacking) || lacking.FQDN != "target.other.net." || lacking.Zone != "other.net." {
		t.Errorf("error %v, want one that names the target and its zone", err)
	}
}

func TestCheckOnly(t *testing.T) {
	has, old := dnstest.Records(t, txt(value)), dnstest.Records(t, txt("old"))
	resolver := resolverOf(t, has, has)
	resolver.Only = true
	if err := resolver.Check(t.Context(), record); err != nil {
		t.Error(err)
	}
	resolver.Nameservers = append(resolver.Nameservers, dnstest.Start(t, old).Addr)
	want := "1 of 3 recursive name servers lack the TXT record at " + challengeAt + ", the first is " + resolver.Nameservers[2] + ": it has other TXT records there only"
	if err := resolver.Check(t.Context(), record); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// More values than fit into an answer by UDP are read by TCP.
func TestCheckByTCPWhenTruncated(t *testing.T) {
	var lines []string
	for i := range 50 {
		lines = append(lines, txt(fmt.Sprintf("%s-%d", strings.Repeat("x", 40), i)))
	}
	resolver, servers := authoritative(t, map[string]dnstest.Handler{"127.0.0.1": dnstest.Records(t, append(lines, txt(value))...)})
	if err := resolver.Check(t.Context(), record); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"udp", "tcp"}, servers["127.0.0.1"].Networks()); diff != "" {
		t.Errorf("networks (-want +got):\n%s", diff)
	}
}

// A cluster without a route for IPv6 cannot tell what servers there hold; those it can ask decide.
func TestCheckWithoutOneFamily(t *testing.T) {
	extra := []string{"example.com. NS six.example.com.", "six.example.com. AAAA 2001:db8::53"}
	resolver, _ := authoritative(t, map[string]dnstest.Handler{"127.0.0.1": dnstest.Records(t, txt(value))}, extra...)
	if err := resolver.Check(t.Context(), record); err != nil {
		t.Error(err)
	}
	resolver, _ = authoritative(t, map[string]dnstest.Handler{"127.0.0.1": dnstest.Silent}, extra...)
	var lacking *dns01.LackingError
	if err := resolver.Check(t.Context(), record); !errors.As(err, &lacking) || lacking.Lacking != 2 {
		t.Errorf("error %v, want 2 of 2: where none answers, none is left out", err)
	}
}

func TestCheckRefusesARecordThatCannotBe(t *testing.T) {
	if err := (dns01.Resolver{}).Check(t.Context(), dns01.Record{FQDN: "no dot"}); err == nil {
		t.Error("no error")
	}
}

// Both values of a wildcard and its base name are seen at one name, and each alone.
func TestCheckTwoValuesAtOneName(t *testing.T) {
	server, err := acmetest.StartDNS(acmetest.DNSOptions{Zones: []string{"example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	}()
	resolver := dns01.Resolver{Nameservers: []string{server.Addr()}, Port: portOf(t, server.Addr()), Reach: dnstest.Anywhere, NameserverReach: dnstest.Anywhere}
	server.SetTXT(challengeAt, "other", value)
	for _, wanted := range []string{"other", value} {
		if err := resolver.Check(t.Context(), dns01.Record{FQDN: challengeAt, Value: wanted}); err != nil {
			t.Error(err)
		}
	}
	server.SetTXT(challengeAt, "other")
	if err := resolver.Check(t.Context(), record); err == nil {
		t.Error("no error for a value that is gone")
	}
}
