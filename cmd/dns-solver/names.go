package main

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net"
	"time"

	"github.com/miekg/dns"

	"github.com/certwright/certwright/internal/dnssolver/wire"
)

// valueOf is the value of a DNS-01 record (RFC 8555 section 8.4).
func valueOf(keyAuthorization string) string {
	sum := sha256.Sum256([]byte(keyAuthorization))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

const challengeLabel = "_acme-challenge."

// names is a name server of this process alone, on loopback. The library takes the name of a record from the
// domain, following CNAME records that it looks up. Here it is told by such a record where the record goes,
// exactly, whatever the DNS says; everything else is asked of the name servers of the request.
type names struct {
	address    string
	challenged string // canonical: where the library would put the record
	target     string // where it goes
	upstream   []string
}

// lookupTimeout bounds one question to one server.
const lookupTimeout = 3 * time.Second

func startNames(request wire.Request) (*names, error) {
	upstream, err := nameservers(request)
	if err != nil {
		return nil, err
	}
	n := &names{
		challenged: dns.CanonicalName(challengeLabel + domain(request)), target: dns.CanonicalName(request.FQDN),
		upstream: upstream,
	}
	return n, n.listen()
}

// nameservers are the recursive name servers, as host:port.
func nameservers(request wire.Request) ([]string, error) {
	if len(request.Nameservers) > 0 {
		return request.Nameservers, nil
	}
	return systemNameservers()
}

func systemNameservers() ([]string, error) {
	config, err := dns.ClientConfigFromFile("/etc/resolv.conf")
	if err != nil {
		return nil, errors.New("the name servers of the system cannot be read: set --dns01-recursive-nameservers")
	}
	var servers []string
	for _, server := range config.Servers {
		servers = append(servers, net.JoinHostPort(server, config.Port))
	}
	if len(servers) == 0 {
		return nil, errors.New("the system names no name servers: set --dns01-recursive-nameservers")
	}
	return servers, nil
}

// listen answers by TCP only: an answer by UDP is sent to an address, which the guard would have to know.
func (n *names) listen() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // It only binds a port of loopback.
	if err != nil {
		return err
	}
	n.address = listener.Addr().String()
	server := &dns.Server{Listener: listener, Handler: n}
	go func() { _ = server.ActivateAndServe() }()
	return nil
}

// ServeDNS answers one question.
func (n *names) ServeDNS(w dns.ResponseWriter, question *dns.Msg) {
	if len(question.Question) != 1 {
		_ = w.WriteMsg(new(dns.Msg).SetRcode(question, dns.RcodeFormatError))
		return
	}
	name, kind := dns.CanonicalName(question.Question[0].Name), question.Question[0].Qtype
	if kind == dns.TypeCNAME && (name == n.challenged || name == n.target) {
		answer := new(dns.Msg).SetReply(question)
		if name == n.challenged && name != n.target {
			answer.Answer = []dns.RR{&dns.CNAME{
				Hdr: dns.RR_Header{Name: question.Question[0].Name, Rrtype: dns.TypeCNAME, Class: dns.ClassINET}, Target: n.target,
			}}
		}
		_ = w.WriteMsg(answer)
		return
	}
	_ = w.WriteMsg(n.forward(question))
}

// forward asks the name servers in their order until one knows.
func (n *names) forward(question *dns.Msg) *dns.Msg {
	failure := new(dns.Msg).SetRcode(question, dns.RcodeServerFailure)
	for _, server := range n.upstream {
		answer, err := exchange(question, server)
		if err != nil {
			continue
		}
		if answer.Rcode == dns.RcodeSuccess || answer.Rcode == dns.RcodeNameError {
			return answer
		}
		failure.Rcode = answer.Rcode
	}
	return failure
}

// exchange asks by UDP and, where the answer is too long for that, by TCP.
func exchange(question *dns.Msg, server string) (*dns.Msg, error) {
	client := dns.Client{Timeout: lookupTimeout}
	answer, _, err := client.Exchange(question, server)
	if err == nil && answer.Truncated {
		client.Net = "tcp"
		answer, _, err = client.Exchange(question, server)
	}
	return answer, err
}
