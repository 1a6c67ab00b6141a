// Package dnstest runs a DNS server in a test that answers from a few records as a resolver with a view of
// several zones would, or that does what a well-behaved server never does.
//
// Only the tests below internal/solver import it. It takes no updates: testkit/acmetest does.
package dnstest

import (
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"

	"github.com/certwright/certwright/internal/reach"
)

// Anywhere lets a test ask its servers, which are at addresses that tenants must not reach.
var Anywhere = reach.Policy{Unrestricted: true}

// portAttempts bounds the search for a port that is free for UDP and TCP at all hosts.
const portAttempts = 20

// Handler answers a question that came by a network, "udp" or "tcp", or keeps silent.
type Handler func(network string, w dns.ResponseWriter, question *dns.Msg)

// Server is a running server.
type Server struct {
	Addr string // "host:port", the same for UDP and TCP

	mu       sync.Mutex
	networks []string
}

// Networks returns by what the questions came, oldest first.
func (s *Server) Networks() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.networks...)
}

// Start runs a server at a free port of 127.0.0.1 until the test ends.
func Start(t testing.TB, handler Handler) *Server {
	t.Helper()
	return StartAll(t, map[string]Handler{"127.0.0.1": handler})["127.0.0.1"]
}

// StartAll runs a server at each host, such as 127.0.0.2, all at one port, until the test ends.
func StartAll(t testing.TB, handlers map[string]Handler) map[string]*Server {
	t.Helper()
	for range portAttempts {
		if sockets := listenAll(handlers); sockets != nil {
			servers := map[string]*Server{}
			for host, handler := range handlers {
				servers[host] = sockets[host].serve(t, handler)
			}
			return servers
		}
	}
	t.Fatal("no port is free for UDP and TCP at all hosts")
	return nil
}

type sockets struct {
	tcp net.Listener
	udp net.PacketConn
}

// listenAll returns nil where the port that the first host was given is taken at another.
func listenAll(handlers map[string]Handler) map[string]sockets {
	port := "0"
	open := map[string]sockets{}
	for host := range handlers {
		listened, err := listen(net.JoinHostPort(host, port))
		if err != nil {
			for _, other := range open {
				_ = other.tcp.Close()
				_ = other.udp.Close()
			}
			return nil
		}
		_, port, _ = net.SplitHostPort(listened.tcp.Addr().String())
		open[host] = listened
	}
	return open
}

func listen(address string) (sockets, error) {
	tcp, err := net.Listen("tcp", address)
	if err != nil {
		return sockets{}, err
	}
	udp, err := net.ListenPacket("udp", tcp.Addr().String())
	if err != nil {
		_ = tcp.Close()
		return sockets{}, err
	}
	return sockets{tcp: tcp, udp: udp}, nil
}

func (s sockets) serve(t testing.TB, handler Handler) *Server {
	t.Helper()
	running := &Server{Addr: s.tcp.Addr().String()}
	for network, server := range map[string]*dns.Server{"tcp": {Listener: s.tcp}, "udp": {PacketConn: s.udp}} {
		started := make(chan struct{})
		server.NotifyStartedFunc = func() { close(started) }
		server.MsgAcceptFunc = func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept }
		server.Handler = dns.HandlerFunc(func(w dns.ResponseWriter, question *dns.Msg) {
			running.mu.Lock()
			running.networks = append(running.networks, network)
			running.mu.Unlock()
			handler(network, w, question)
		})
		go func() { _ = server.ActivateAndServe() }()
		<-started
		t.Cleanup(func() { _ = server.Shutdown() })
	}
	return running
}

// Silent never answers.
func Silent(string, dns.ResponseWriter, *dns.Msg) {}

// Code answers everything with a response code.
func Code(code int) Handler {
	return Reply(func(_ string, question, answer *dns.Msg) { answer.SetRcode(question, code) })
}

// Reply answers with what change makes of an empty reply, cut to what the client takes by UDP.
func Reply(change func(network string, question, answer *dns.Msg)) Handler {
	return func(network string, w dns.ResponseWriter, question *dns.Msg) {
		answer := new(dns.Msg)
		answer.SetReply(question)
		change(network, question, answer)
		if network == "udp" {
			size := dns.MinMsgSize
			if option := question.IsEdns0(); option != nil {
				size = int(option.UDPSize())
			}
			answer.Truncate(size)
		}
		_ = w.WriteMsg(answer)
	}
}

// Records answers from records in the form of zone files. Those of type SOA say which zones there are;
// aliases are followed.
func Records(t testing.TB, lines ...string) Handler {
	t.Helper()
	var records []dns.RR
	for _, line := range lines {
		record, err := dns.NewRR(line)
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, record)
	}
	return Reply(func(_ string, question, answer *dns.Msg) { fill(answer, question.Question[0], records) })
}

func fill(answer *dns.Msg, question dns.Question, records []dns.RR) {
	name := question.Name
	for range len(records) {
		alias := find(records, name, dns.TypeCNAME)
		if len(alias) == 0 || question.Qtype == dns.TypeCNAME {
			break
		}
		answer.Answer = append(answer.Answer, alias[0])
		name = alias[0].(*dns.CNAME).Target
	}
	found := find(records, name, question.Qtype)
	answer.Answer = append(answer.Answer, found...)
	if len(found) > 0 {
		return
	}
	if !exists(records, name) {
		answer.Rcode = dns.RcodeNameError
	}
	for _, offset := range append(dns.Split(name), len(name)-1) {
		if soa := find(records, name[offset:], dns.TypeSOA); len(soa) > 0 {
			answer.Ns = soa
			return
		}
	}
}

func find(records []dns.RR, name string, qtype uint16) []dns.RR {
	var found []dns.RR
	for _, record := range records {
		if header := record.Header(); header.Rrtype == qtype && strings.EqualFold(header.Name, name) {
			found = append(found, dns.Copy(record))
		}
	}
	return found
}

// exists tells whether there is a record at or below a name.
func exists(records []dns.RR, name string) bool {
	for _, record := range records {
		if dns.IsSubDomain(name, record.Header().Name) {
			return true
		}
	}
	return false
}
