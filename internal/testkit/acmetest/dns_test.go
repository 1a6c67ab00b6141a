package acmetest_test

import (
	"encoding/base64"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/certwright/certwright/internal/testkit/acmetest"
)

const (
	keyName     = "solver."
	zone        = "a.example."
	challengeAt = "_acme-challenge.www.a.example."
)

var keySecret = base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))

func startDNS(t *testing.T) *acmetest.DNS {
	t.Helper()
	server, err := acmetest.StartDNS(acmetest.DNSOptions{
		Zones:      []string{"A.example", "sub.a.example"},
		TSIGName:   "solver",
		TSIGSecret: keySecret,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

func exchange(t *testing.T, server *acmetest.DNS, network string, message *dns.Msg) *dns.Msg {
	t.Helper()
	client := dns.Client{Net: network, Timeout: 10 * time.Second, TsigSecret: map[string]string{keyName: keySecret}}
	reply, _, err := client.Exchange(message, server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

func ask(t *testing.T, server *acmetest.DNS, network, name string, qtype uint16) *dns.Msg {
	t.Helper()
	message := new(dns.Msg)
	message.SetQuestion(name, qtype)
	return exchange(t, server, network, message)
}

// answers returns the records of an answer as text, without owner and lifetime.
func answers(records []dns.RR) []string {
	var texts []string
	for _, record := range records {
		fields := strings.Fields(record.String())
		texts = append(texts, strings.Join(fields[3:], " "))
	}
	return texts
}

func TestDNSAnswers(t *testing.T) {
	server := startDNS(t)
	server.SetTXT(challengeAt, "one", "two")
	server.SetCNAME("alias.b.example", challengeAt)
	server.SetTXT("long.a.example", strings.Repeat("x", 300))
	tests := map[string]struct {
		name  string
		qtype uint16
		want  []string
	}{
		"any address":       {"host.b.example.", dns.TypeA, []string{"A 127.0.0.1"}},
		"no IPv6":           {"host.b.example.", dns.TypeAAAA, nil},
		"TXT":               {challengeAt, dns.TypeTXT, []string{`TXT "one"`, `TXT "two"`}},
		"TXT in other case": {"_ACME-challenge.WWW.a.example.", dns.TypeTXT, []string{`TXT "one"`, `TXT "two"`}},
		"no TXT":            {"www.a.example.", dns.TypeTXT, nil},
		"long TXT":          {"long.a.example.", dns.TypeTXT, []string{`TXT "` + strings.Repeat("x", 255) + `" "` + strings.Repeat("x", 45) + `"`}},
		"alias":             {"alias.b.example.", dns.TypeTXT, []string{"CNAME " + challengeAt, `TXT "one"`, `TXT "two"`}},
		"alias itself":      {"alias.b.example.", dns.TypeCNAME, []string{"CNAME " + challengeAt}},
		"NS of a zone":      {zone, dns.TypeNS, []string{"NS ns1.a.example."}},
		"NS inside a zone":  {challengeAt, dns.TypeNS, nil},
		"SOA inside a zone": {challengeAt, dns.TypeSOA, nil},
	}
	for name, test := range tests {
		for _, network := range []string{"udp", "tcp"} {
			t.Run(name+"/"+network, func(t *testing.T) {
				reply := ask(t, server, network, test.name, test.qtype)
				if reply.Rcode != dns.RcodeSuccess {
					t.Errorf("response code %s", dns.RcodeToString[reply.Rcode])
				}
				if diff := cmp.Diff(test.want, answers(reply.Answer)); diff != "" {
					t.Errorf("answer (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// Whoever looks for the zone of a name finds it by asking for SOA.
func TestDNSZones(t *testing.T) {
	server := startDNS(t)
	tests := map[string]struct{ answer, authority string }{
		zone:                 {answer: zone},
		"sub.a.example.":     {answer: "sub.a.example."},
		"x.sub.a.example.":   {authority: "sub.a.example."},
		challengeAt:          {authority: zone},
		"elsewhere.example.": {},
	}
	owner := func(records []dns.RR) string {
		if len(records) != 1 {
			return ""
		}
		return records[0].Header().Name
	}
	for name, want := range tests {
		reply := ask(t, server, "udp", name, dns.TypeSOA)
		if got := owner(reply.Answer); got != want.answer {
			t.Errorf("%s: SOA of %q, want %q", name, got, want.answer)
		}
		if got := owner(reply.Ns); got != want.authority {
			t.Errorf("%s: authority %q, want %q", name, got, want.authority)
		}
	}
}

func TestDNSTruncatesByUDP(t *testing.T) {
	server := startDNS(t)
	server.SetTXT(challengeAt, strings.Repeat("a", 250), strings.Repeat("b", 250), strings.Repeat("c", 250))
	if reply := ask(t, server, "udp", challengeAt, dns.TypeTXT); !reply.Truncated {
		t.Error("a long answer by UDP is not marked as truncated")
	}
	if reply := ask(t, server, "tcp", challengeAt, dns.TypeTXT); reply.Truncated || len(reply.Answer) != 3 {
		t.Error("a long answer by TCP is not whole")
	}
}

func TestDNSHonoursTheClientsBuffer(t *testing.T) {
	server := startDNS(t)
	server.SetTXT(challengeAt, strings.Repeat("a", 250), strings.Repeat("b", 250), strings.Repeat("c", 250))
	message := new(dns.Msg)
	message.SetQuestion(challengeAt, dns.TypeTXT)
	message.SetEdns0(4096, false)
	if reply := exchange(t, server, "udp", message); reply.Truncated || len(reply.Answer) != 3 {
		t.Error("an answer that fits into the client's buffer is not whole")
	}
}

func TestDNSTarget(t *testing.T) {
	server, err := acmetest.StartDNS(acmetest.DNSOptions{Target: netip.MustParseAddr("2001:db8::1")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	}()
	if diff := cmp.Diff([]string{"AAAA 2001:db8::1"}, answers(ask(t, server, "tcp", zone, dns.TypeAAAA).Answer)); diff != "" {
		t.Errorf("AAAA (-want +got):\n%s", diff)
	}
	if got := ask(t, server, "tcp", zone, dns.TypeA).Answer; got != nil {
		t.Errorf("A %v, want none", got)
	}
}

func TestDNSRecordsCanBeRemoved(t *testing.T) {
	server := startDNS(t)
	server.SetTXT(challengeAt, "one")
	server.SetCNAME("alias.a.example", challengeAt)
	server.SetTXT(challengeAt)
	server.SetCNAME("alias.a.example", "")
	for _, name := range []string{challengeAt, "alias.a.example."} {
		if got := ask(t, server, "udp", name, dns.TypeTXT).Answer; got != nil {
			t.Errorf("%s: %v, want none", name, got)
		}
	}
}

func TestDNSQueryLog(t *testing.T) {
	server := startDNS(t)
	ask(t, server, "udp", "WWW.a.example.", dns.TypeA)
	ask(t, server, "tcp", challengeAt, dns.TypeTXT)
	want := []acmetest.Query{
		{Name: "www.a.example", Type: "A", Network: "udp"},
		{Name: "_acme-challenge.www.a.example", Type: "TXT", Network: "tcp"},
	}
	if diff := cmp.Diff(want, server.Queries()); diff != "" {
		t.Errorf("queries (-want +got):\n%s", diff)
	}
}

func record(t *testing.T, text string) dns.RR {
	t.Helper()
	rr, err := dns.NewRR(text)
	if err != nil {
		t.Fatal(err)
	}
	return rr
}

// updateOf returns an unsigned update of a zone.
func updateOf(zone string, change func(*dns.Msg)) *dns.Msg {
	message := new(dns.Msg)
	message.SetUpdate(zone)
	change(message)
	return message
}

func signed(message *dns.Msg, algorithm string) *dns.Msg {
	return message.SetTsig(keyName, algorithm, 300, time.Now().Unix())
}

func TestDNSUpdate(t *testing.T) {
	server := startDNS(t)
	one := record(t, challengeAt+` 60 IN TXT "one"`)
	two := record(t, challengeAt+` 60 IN TXT "two"`)
	steps := []struct {
		name   string
		change func(*dns.Msg)
		want   []string
	}{
		{"insert", func(m *dns.Msg) { m.Insert([]dns.RR{one}) }, []string{"one"}},
		{"insert the same", func(m *dns.Msg) { m.Insert([]dns.RR{one}) }, []string{"one"}},
		{"insert another", func(m *dns.Msg) { m.Insert([]dns.RR{two}) }, []string{"one", "two"}},
		{"remove one", func(m *dns.Msg) { m.Remove([]dns.RR{one}) }, []string{"two"}},
		{"replace", func(m *dns.Msg) { m.RemoveRRset([]dns.RR{two}); m.Insert([]dns.RR{one}) }, []string{"one"}},
		{"remove the name", func(m *dns.Msg) { m.RemoveName([]dns.RR{one}) }, nil},
	}
	for _, network := range []string{"udp", "tcp"} {
		for _, step := range steps {
			reply := exchange(t, server, network, signed(updateOf(zone, step.change), dns.HmacSHA256))
			if reply.Rcode != dns.RcodeSuccess || reply.IsTsig() == nil {
				t.Errorf("%s by %s: response code %s, signed %v", step.name, network, dns.RcodeToString[reply.Rcode], reply.IsTsig() != nil)
			}
			if diff := cmp.Diff(step.want, server.TXT(challengeAt)); diff != "" {
				t.Errorf("%s by %s (-want +got):\n%s", step.name, network, diff)
			}
		}
	}
}

func TestDNSUpdateRaisesTheSerial(t *testing.T) {
	server := startDNS(t)
	serial := func() uint32 {
		soa, ok := ask(t, server, "udp", zone, dns.TypeSOA).Answer[0].(*dns.SOA)
		if !ok {
			t.Fatal("no SOA")
		}
		return soa.Serial
	}
	before := serial()
	insert := func(m *dns.Msg) { m.Insert([]dns.RR{record(t, challengeAt+` 60 IN TXT "one"`)}) }
	exchange(t, server, "tcp", signed(updateOf(zone, insert), dns.HmacSHA256))
	if after := serial(); after <= before {
		t.Errorf("serial %d after %d", after, before)
	}
}

func TestDNSUpdateRefusals(t *testing.T) {
	server := startDNS(t)
	insert := func(text string) func(*dns.Msg) {
		return func(m *dns.Msg) { m.Insert([]dns.RR{record(t, text)}) }
	}
	good := insert(challengeAt + ` 60 IN TXT "one"`)
	wrongSecret := base64.StdEncoding.EncodeToString([]byte("another secret, another secret!!"))
	tests := map[string]struct {
		message *dns.Msg
		secret  string
		want    int
	}{
		"unsigned":        {updateOf(zone, good), keySecret, dns.RcodeRefused},
		"wrong key":       {signed(updateOf(zone, good), dns.HmacSHA256), wrongSecret, dns.RcodeNotAuth},
		"wrong algorithm": {signed(updateOf(zone, good), dns.HmacSHA512), keySecret, dns.RcodeNotAuth},
		"foreign zone":    {signed(updateOf("b.example.", insert(`x.b.example. 60 IN TXT "one"`)), dns.HmacSHA256), keySecret, dns.RcodeNotAuth},
		"outside zone":    {signed(updateOf(zone, insert(`x.b.example. 60 IN TXT "one"`)), dns.HmacSHA256), keySecret, dns.RcodeNotZone},
		"in a child zone": {signed(updateOf(zone, insert(`x.sub.a.example. 60 IN TXT "one"`)), dns.HmacSHA256), keySecret, dns.RcodeNotZone},
		"other type":      {signed(updateOf(zone, insert(`x.a.example. 60 IN A 192.0.2.1`)), dns.HmacSHA256), keySecret, dns.RcodeNotImplemented},
		"half of it bad": {signed(updateOf(zone, func(m *dns.Msg) {
			good(m)
			m.Insert([]dns.RR{record(t, `x.b.example. 60 IN TXT "one"`)})
		}), dns.HmacSHA256), keySecret, dns.RcodeNotZone},
		"prerequisite": {signed(updateOf(zone, func(m *dns.Msg) {
			m.NameNotUsed([]dns.RR{record(t, challengeAt+` 60 IN TXT "one"`)})
			good(m)
		}), dns.HmacSHA256), keySecret, dns.RcodeNotImplemented},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			client := dns.Client{Net: "tcp", Timeout: 10 * time.Second, TsigSecret: map[string]string{keyName: test.secret}}
			// A refusal may be unsigned, which the client reports beside the reply.
			reply, _, err := client.Exchange(test.message, server.Addr())
			if reply == nil {
				t.Fatal(err)
			}
			if reply.Rcode != test.want {
				t.Errorf("response code %s, want %s", dns.RcodeToString[reply.Rcode], dns.RcodeToString[test.want])
			}
		})
	}
	if got := server.TXT(challengeAt); got != nil {
		t.Errorf("a refused update left %v", got)
	}
}
