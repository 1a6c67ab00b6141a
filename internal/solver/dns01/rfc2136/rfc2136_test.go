package rfc2136_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/certwright/certwright/internal/solver/dns01"
	"github.com/certwright/certwright/internal/solver/dns01/rfc2136"
	"github.com/certwright/certwright/internal/solver/internal/dnstest"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

const challengeAt = "_acme-challenge.www.example.com."

func startDNS(t *testing.T, zones ...string) *acmetest.DNS {
	t.Helper()
	server, err := acmetest.StartDNS(acmetest.DNSOptions{Zones: zones, TSIGName: "solver", TSIGSecret: secret})
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

func provider(t *testing.T, config rfc2136.Config) *rfc2136.Provider {
	t.Helper()
	built, err := rfc2136.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return built
}

func signedConfig(address, protocol string) rfc2136.Config {
	return rfc2136.Config{Nameserver: address, Reach: dnstest.Anywhere, Protocol: protocol, TSIGKeyName: "Solver", TSIGAlgorithm: "HMACSHA256", TSIGSecret: secret}
}

// The records of a wildcard and its base name come and go alone, and every step may be repeated.
func TestPresentAndCleanUp(t *testing.T) {
	one, two := dns01.Record{FQDN: challengeAt, Value: "one"}, dns01.Record{FQDN: challengeAt, Value: "two"}
	for _, protocol := range []string{"UDP", "TCP"} {
		t.Run(protocol, func(t *testing.T) {
			server := startDNS(t, "example.com", "sub.example.com")
			solver := provider(t, signedConfig(server.Addr(), protocol))
			for _, record := range []dns01.Record{one, one, two} {
				if err := solver.Present(t.Context(), record); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff([]string{"one", "two"}, server.TXT(challengeAt)); diff != "" {
				t.Errorf("after adding (-want +got):\n%s", diff)
			}
			for range 2 {
				if err := solver.CleanUp(t.Context(), one); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff([]string{"two"}, server.TXT(challengeAt)); diff != "" {
					t.Errorf("after removing one (-want +got):\n%s", diff)
				}
			}
			for _, query := range server.Queries() {
				if query.Network != strings.ToLower(protocol) {
					t.Errorf("a question by %s", query.Network)
				}
			}
		})
	}
}

func TestZoneBelowIsUpdated(t *testing.T) {
	server := startDNS(t, "example.com", "sub.example.com")
	solver := provider(t, signedConfig(server.Addr(), ""))
	record := dns01.NewRecord("a.b.sub.example.com", "one")
	if err := solver.Present(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"one"}, server.TXT(record.FQDN)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFailures(t *testing.T) {
	server := startDNS(t, "example.com")
	wrongSecret, wrongAlgorithm, unsigned := signedConfig(server.Addr(), ""), signedConfig(server.Addr(), ""), signedConfig(server.Addr(), "")
	wrongSecret.TSIGSecret = "d3JvbmcgIHdyb25nICB3cm9uZyAgd3Jvbmch"
	wrongAlgorithm.TSIGAlgorithm = "HMACMD5"
	unsigned.TSIGKeyName, unsigned.TSIGSecret = "", ""
	tests := map[string]struct {
		config rfc2136.Config
		code   int
	}{
		"wrong secret":    {wrongSecret, dns.RcodeNotAuth},
		"wrong algorithm": {wrongAlgorithm, dns.RcodeNotAuth},
		"not signed":      {unsigned, dns.RcodeRefused},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := provider(t, test.config).Present(t.Context(), dns01.Record{FQDN: challengeAt, Value: "one"})
			var got *rfc2136.Error
			if !errors.As(err, &got) || got.Code != test.code {
				t.Errorf("error %v, want code %s", err, dns.RcodeToString[test.code])
			}
			if values := server.TXT(challengeAt); values != nil {
				t.Errorf("there are values %v", values)
			}
		})
	}
}

func TestErrorTexts(t *testing.T) {
	tests := map[string]rfc2136.Error{
		"name server 192.0.2.1:53 answers an update of zone example.com. with REFUSED: let the TSIG key change this name in the zone's update policy":                                                             {Server: "192.0.2.1:53", Zone: "example.com.", Name: challengeAt, Code: dns.RcodeRefused},
		"name server 192.0.2.1:53 answers the question for the zone of _acme-challenge.www.example.com. with REFUSED: set nameserver to the primary server of the zone, and let it answer the operator's address": {Server: "192.0.2.1:53", Name: challengeAt, Code: dns.RcodeRefused},
		"name server 192.0.2.1:53 answers an update of zone example.com. with BADKEY: it does not know the key, compare TSIG key name and algorithm with the server's":                                            {Server: "192.0.2.1:53", Zone: "example.com.", Code: dns.RcodeBadKey},
		"name server 192.0.2.1:53 answers an update of zone example.com. with BADTIME: its clock and ours differ by more than 5 minutes, set the clocks":                                                          {Server: "192.0.2.1:53", Zone: "example.com.", Code: dns.RcodeBadTime},
		"name server 192.0.2.1:53 answers an update of zone example.com. with NOTZONE: the record's name is outside the zone":                                                                                     {Server: "192.0.2.1:53", Zone: "example.com.", Code: dns.RcodeNotZone},
		"name server 192.0.2.1:53 answers an update of zone example.com. with response code 3000: see its log":                                                                                                    {Server: "192.0.2.1:53", Zone: "example.com.", Code: 3000},
	}
	for want, err := range tests {
		if got := err.Error(); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}

func TestNameOutsideAllZones(t *testing.T) {
	server := startDNS(t, "example.com")
	err := provider(t, signedConfig(server.Addr(), "")).Present(t.Context(), dns01.NewRecord("example.net", "one"))
	const want = "cannot add the TXT record at _acme-challenge.example.net.: no zone below the root holds the name: does the domain exist?"
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// Beside a CNAME a server adds nothing and says nothing. The clean-up of one has nothing to do.
func TestAliasAtTheName(t *testing.T) {
	server := startDNS(t, "example.com")
	server.SetCNAME(challengeAt, "elsewhere.example.com")
	solver := provider(t, signedConfig(server.Addr(), ""))
	record := dns01.Record{FQDN: challengeAt, Value: "one"}
	if err := solver.Present(t.Context(), record); err == nil || !strings.Contains(err.Error(), "cnameStrategy") {
		t.Errorf("error %v, want one that says what to set", err)
	}
	if err := solver.CleanUp(t.Context(), record); err != nil {
		t.Error(err)
	}
}

func TestRecordThatCannotBe(t *testing.T) {
	solver := provider(t, signedConfig("127.0.0.1:1", ""))
	for _, record := range []dns01.Record{{}, {FQDN: "a.example.com", Value: "one"}, {FQDN: challengeAt, Value: `a"b`}} {
		if err := solver.Present(t.Context(), record); err == nil {
			t.Errorf("%+v: no error", record)
		}
	}
}

// An answer that is cut short by UDP is asked for again by TCP, by a message that is signed anew.
func TestTruncatedAnswer(t *testing.T) {
	server := startDNS(t, "example.com")
	cut := dnstest.Start(t, func(network string, w dns.ResponseWriter, question *dns.Msg) {
		if network == "udp" {
			answer := new(dns.Msg).SetReply(question)
			answer.Truncated = true
			_ = w.WriteMsg(answer)
			return
		}
		client := dns.Client{Net: "tcp", TsigSecret: map[string]string{"solver.": secret}}
		// What came is passed on as it is, its signature included.
		connection, err := client.Dial(server.Addr())
		if err != nil {
			return
		}
		defer func() { _ = connection.Close() }()
		raw, err := question.Pack()
		if err != nil {
			return
		}
		if _, err := connection.Write(raw); err != nil {
			return
		}
		answer := make([]byte, dns.MaxMsgSize)
		n, err := connection.Read(answer)
		if err != nil {
			return
		}
		_, _ = w.Write(answer[:n])
	})
	solver := provider(t, signedConfig(cut.Addr, "UDP"))
	if err := solver.Present(t.Context(), dns01.Record{FQDN: challengeAt, Value: "one"}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"one"}, server.TXT(challengeAt)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := strings.Join(cut.Networks(), " "); !strings.HasPrefix(got, "udp tcp udp tcp") {
		t.Errorf("networks %s, want each by UDP and then TCP", got)
	}
}

// Whoever can only forge answers cannot make an update look done, nor choose the zone.
func TestUnsignedAnswerIsNotBelieved(t *testing.T) {
	forged := dnstest.Start(t, dnstest.Records(t, "example.com. SOA ns host 1 1 1 1 1"))
	err := provider(t, signedConfig(forged.Addr, "")).Present(t.Context(), dns01.Record{FQDN: challengeAt, Value: "one"})
	want := "cannot add the TXT record at " + challengeAt + ": name server " + forged.Addr + ": the answer is not signed with the TSIG key"
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
