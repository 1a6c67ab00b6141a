package dnsclient_test

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/certwright/certwright/internal/solver/internal/dnsclient"
	"github.com/certwright/certwright/internal/solver/internal/dnstest"
)

var key = &dnsclient.Key{Name: "key.", Algorithm: dns.HmacSHA256, Secret: "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}

func question() *dns.Msg { return dnsclient.Question("a.example.com.", dns.TypeTXT, false) }

func reply(change func(question, answer *dns.Msg)) dnstest.Handler {
	return dnstest.Reply(func(_ string, question, answer *dns.Msg) { change(question, answer) })
}

func TestQuestion(t *testing.T) {
	for _, recursive := range []bool{true, false} {
		asked := dnsclient.Question("a.example.com.", dns.TypeTXT, recursive)
		option := asked.IsEdns0()
		if asked.RecursionDesired != recursive || option == nil || option.UDPSize() != 1232 {
			t.Errorf("question %v, want recursion %t and 1232 bytes", asked, recursive)
		}
	}
}

// Any response code is an answer; what it means is the caller's matter.
func TestExchangeReturnsAnyCode(t *testing.T) {
	for _, code := range []int{dns.RcodeSuccess, dns.RcodeNameError, dns.RcodeRefused, dns.RcodeServerFailure} {
		server := dnstest.Start(t, dnstest.Code(code))
		answer, err := dnsclient.Client{Reach: dnstest.Anywhere}.Exchange(t.Context(), server.Addr, question())
		if err != nil || answer.Rcode != code {
			t.Errorf("%v, %v; want %s", answer, err, dns.RcodeToString[code])
		}
	}
}

func TestExchangeRefusesAnswers(t *testing.T) {
	const foreign = "the answer belongs to another question"
	tests := map[string]struct {
		handler dnstest.Handler
		client  dnsclient.Client
		cause   string
	}{
		"another name":   {reply(func(_, a *dns.Msg) { a.Question[0].Name = "b.example.com." }), dnsclient.Client{Reach: dnstest.Anywhere}, foreign},
		"another type":   {reply(func(_, a *dns.Msg) { a.Question[0].Qtype = dns.TypeA }), dnsclient.Client{Reach: dnstest.Anywhere}, foreign},
		"no question":    {reply(func(_, a *dns.Msg) { a.Question = nil }), dnsclient.Client{Reach: dnstest.Anywhere}, foreign},
		"two questions":  {reply(func(_, a *dns.Msg) { a.Question = append(a.Question, a.Question[0]) }), dnsclient.Client{Reach: dnstest.Anywhere}, foreign},
		"no answer":      {reply(func(_, a *dns.Msg) { a.Response = false }), dnsclient.Client{Reach: dnstest.Anywhere}, foreign},
		"another opcode": {reply(func(_, a *dns.Msg) { a.Opcode = dns.OpcodeNotify }), dnsclient.Client{Reach: dnstest.Anywhere}, foreign},
		"another ID":     {reply(func(_, a *dns.Msg) { a.Id++ }), dnsclient.Client{Reach: dnstest.Anywhere, TCP: true}, "the answer is not a DNS message"},
		"cut by TCP":     {reply(func(_, a *dns.Msg) { a.Truncated = true }), dnsclient.Client{Reach: dnstest.Anywhere, TCP: true}, "the answer is cut short by TCP too"},
		"not DNS":        {func(_ string, w dns.ResponseWriter, _ *dns.Msg) { _, _ = w.Write([]byte("nonsense")) }, dnsclient.Client{Reach: dnstest.Anywhere}, "the answer is not a DNS message"},
		"not signed":     {reply(func(_, _ *dns.Msg) {}), dnsclient.Client{Reach: dnstest.Anywhere, Key: key}, "the answer is not signed with the TSIG key"},
		"not signed, no such name": {reply(func(q, a *dns.Msg) { a.SetRcode(q, dns.RcodeNameError) }), dnsclient.Client{Reach: dnstest.Anywhere, Key: key},
			"the answer is not signed with the TSIG key"},
		"wrongly signed": {reply(func(_, a *dns.Msg) { a.Extra = append(a.Extra, forged("key.", time.Now())) }), dnsclient.Client{Reach: dnstest.Anywhere, Key: key},
			"the answer's signature does not verify with the TSIG key"},
		"signed by another key": {reply(func(_, a *dns.Msg) { a.Extra = append(a.Extra, forged("other.", time.Now())) }), dnsclient.Client{Reach: dnstest.Anywhere, Key: key},
			"the answer's signature does not verify with the TSIG key"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server := dnstest.Start(t, test.handler)
			_, err := test.client.Exchange(t.Context(), server.Addr, question())
			var got *dnsclient.Error
			if !errors.As(err, &got) || !got.Answered || got.Cause != test.cause {
				t.Errorf("error %v, want that %s", err, test.cause)
			}
		})
	}
}

// forged is a signature by somebody without the key.
func forged(name string, at time.Time) *dns.TSIG {
	return &dns.TSIG{
		Hdr:       dns.RR_Header{Name: name, Rrtype: dns.TypeTSIG, Class: dns.ClassANY},
		Algorithm: dns.HmacSHA256, TimeSigned: uint64(at.Unix()), Fudge: 300, MACSize: 32,
		MAC: "0000000000000000000000000000000000000000000000000000000000000000",
	}
}

// An answer that reports a failure need not repeat the question nor be signed: it grants nothing.
func TestExchangeTakesABareFailure(t *testing.T) {
	server := dnstest.Start(t, reply(func(q, a *dns.Msg) {
		a.SetRcode(q, dns.RcodeRefused)
		a.Question = nil
	}))
	answer, err := dnsclient.Client{Reach: dnstest.Anywhere, Key: key}.Exchange(t.Context(), server.Addr, question())
	if err != nil || answer.Rcode != dns.RcodeRefused {
		t.Errorf("%v, %v; want REFUSED", answer, err)
	}
}

// A server that cuts an answer in the middle of a record has still said that it is cut.
func TestExchangeByTCPAfterHalfARecord(t *testing.T) {
	server := dnstest.Start(t, func(network string, w dns.ResponseWriter, asked *dns.Msg) {
		answer := new(dns.Msg).SetReply(asked)
		answer.Answer = []dns.RR{&dns.TXT{Hdr: dns.RR_Header{Name: "a.example.com.", Rrtype: dns.TypeTXT, Class: dns.ClassINET}, Txt: []string{"whole"}}}
		answer.Truncated = network == "udp"
		raw, err := answer.Pack()
		if err != nil {
			return
		}
		if network == "udp" {
			raw = raw[:len(raw)-3]
		}
		_, _ = w.Write(raw)
	})
	answer, err := dnsclient.Client{Reach: dnstest.Anywhere}.Exchange(t.Context(), server.Addr, question())
	if err != nil || len(answer.Answer) != 1 {
		t.Errorf("%v, %v; want the whole answer", answer, err)
	}
	if diff := cmp.Diff([]string{"udp", "tcp"}, server.Networks()); diff != "" {
		t.Errorf("networks (-want +got):\n%s", diff)
	}
}

func TestExchangeByTCPOnly(t *testing.T) {
	server := dnstest.Start(t, dnstest.Code(dns.RcodeSuccess))
	if _, err := (dnsclient.Client{Reach: dnstest.Anywhere, TCP: true}).Exchange(t.Context(), server.Addr, question()); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"tcp"}, server.Networks()); diff != "" {
		t.Errorf("networks (-want +got):\n%s", diff)
	}
}

// Where nothing answers, the text is the same each time: it names no port of ours.
func TestExchangeWithoutAnswer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	silent := dnstest.Start(t, dnstest.Silent).Addr
	tests := map[string]struct {
		server string
		tcp    bool
		cause  string
	}{
		"UDP, nobody there":   {closed, false, "connection refused"},
		"TCP, nobody there":   {closed, true, "connection refused"},
		"UDP, silent":         {silent, false, "no answer in time"},
		"TCP, silent":         {silent, true, "no answer in time"},
		"no such host":        {"host.invalid.:53", false, "no such host"},
		"address without end": {"[::1", false, "the exchange failed"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			client := dnsclient.Client{Reach: dnstest.Anywhere, TCP: test.tcp, Timeout: 100 * time.Millisecond}
			_, err := client.Exchange(t.Context(), test.server, question())
			var got *dnsclient.Error
			if !errors.As(err, &got) || got.Answered {
				t.Fatalf("error %v, want one without an answer", err)
			}
			if name == "no such host" {
				return // without a resolver the look-up fails in another way
			}
			if want := "name server " + test.server + ": " + test.cause; err.Error() != want {
				t.Errorf("error %v, want %s", err, want)
			}
		})
	}
}
