package acmetest

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

const (
	recordTTL = 1 // second; nothing here is worth caching

	// portAttempts bounds the search for a port that is free for both UDP and TCP.
	portAttempts = 20
)

// DNSOptions configure a DNS server.
type DNSOptions struct {
	// Address is where to listen, "host:port", by UDP and TCP; empty means a
	// free port of 127.0.0.1.
	Address string

	// Zones are the zones the server is authoritative for, such as
	// "example.com"; only they can be updated. May be empty.
	Zones []string

	// Target is the address of every name; the zero value means 127.0.0.1.
	Target netip.Addr

	// TSIGName and TSIGSecret (base64) are the key that signs updates, by
	// HMAC-SHA256. Without them no update is accepted.
	TSIGName   string
	TSIGSecret string
}

// Query is a question that the server was asked.
type Query struct {
	Name    string // lower case, without the trailing dot
	Type    string // such as "TXT"
	Network string // "udp" or "tcp"
}

// DNS is a DNS server for one test: every name has the target address, TXT
// records are those that were set or that an RFC 2136 update added, and the
// zones have SOA and NS records. A CNAME that was set is followed, so that the
// server answers as a resolver would.
type DNS struct {
	options DNSOptions
	addr    string
	servers []*dns.Server

	mu      sync.Mutex
	serial  uint32
	txt     map[string][]string
	cname   map[string]string
	queries []Query
}

// StartDNS runs a DNS server.
func StartDNS(options DNSOptions) (*DNS, error) {
	setDefault(&options.Address, loopback)
	setDefault(&options.Target, netip.MustParseAddr("127.0.0.1"))
	zones := make([]string, len(options.Zones))
	for i, zone := range options.Zones {
		zones[i] = canonical(zone)
	}
	options.Zones = zones
	d := &DNS{
		options: options,
		serial:  1,
		txt:     map[string][]string{},
		cname:   map[string]string{},
	}
	listener, packet, err := listenBoth(options.Address)
	if err != nil {
		return nil, err
	}
	d.addr = listener.Addr().String()
	return d, d.serve(listener, packet)
}

// Addr returns "host:port", the same for UDP and TCP.
func (d *DNS) Addr() string { return d.addr }

// Close stops the server.
func (d *DNS) Close() error {
	var errs []error
	for _, server := range d.servers {
		errs = append(errs, server.Shutdown())
	}
	return errors.Join(errs...)
}

// TXT returns the TXT values of a name, oldest first.
func (d *DNS) TXT(name string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.txt[canonical(name)]...)
}

// SetTXT replaces the TXT values of a name; none removes them.
func (d *DNS) SetTXT(name string, values ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.serial++
	if len(values) == 0 {
		delete(d.txt, canonical(name))
		return
	}
	d.txt[canonical(name)] = append([]string(nil), values...)
}

// SetCNAME makes name an alias of target; an empty target removes the alias.
func (d *DNS) SetCNAME(name, target string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.serial++
	if target == "" {
		delete(d.cname, canonical(name))
		return
	}
	d.cname[canonical(name)] = canonical(target)
}

// Queries returns the questions asked so far, oldest first.
func (d *DNS) Queries() []Query {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]Query(nil), d.queries...)
}

// listenBoth listens by TCP and UDP at the same port. A free TCP port need not
// be free for UDP, so an address with port 0 is tried again.
func listenBoth(address string) (net.Listener, net.PacketConn, error) {
	var lastErr error
	for range portAttempts {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return nil, nil, fmt.Errorf("cannot listen at %s: %w", address, err)
		}
		packet, err := net.ListenPacket("udp", listener.Addr().String())
		if err == nil {
			return listener, packet, nil
		}
		lastErr = errors.Join(err, listener.Close())
	}
	return nil, nil, fmt.Errorf("cannot listen at %s by TCP and UDP: %w", address, lastErr)
}

// serve starts both servers and returns when they answer.
func (d *DNS) serve(listener net.Listener, packet net.PacketConn) error {
	secrets := map[string]string{}
	if d.options.TSIGName != "" {
		secrets[canonical(d.options.TSIGName)] = d.options.TSIGSecret
	}
	started := make(chan error, 4)
	for network, server := range map[string]*dns.Server{"tcp": {Listener: listener}, "udp": {PacketConn: packet}} {
		server.Net = network
		server.TsigSecret = secrets
		server.MsgAcceptFunc = acceptUpdates
		server.Handler = d.handler(network)
		server.NotifyStartedFunc = func() { started <- nil }
		d.servers = append(d.servers, server)
		go func() { started <- server.ActivateAndServe() }()
	}
	for range d.servers {
		if err := <-started; err != nil {
			return errors.Join(err, d.Close())
		}
	}
	return nil
}

// acceptUpdates admits RFC 2136 messages, which the library refuses by default.
func acceptUpdates(header dns.Header) dns.MsgAcceptAction {
	const response, opcodeShift, opcodeMask = 1 << 15, 11, 0xf
	if header.Bits&response == 0 && int(header.Bits>>opcodeShift)&opcodeMask == dns.OpcodeUpdate {
		return dns.MsgAccept
	}
	return dns.DefaultMsgAcceptFunc(header)
}

func (d *DNS) handler(network string) dns.HandlerFunc {
	return func(w dns.ResponseWriter, request *dns.Msg) {
		reply := new(dns.Msg)
		reply.SetReply(request)
		reply.Authoritative = true
		tsig := request.IsTsig()
		verified := tsig != nil && w.TsigStatus() == nil && canonical(tsig.Algorithm) == dns.HmacSHA256
		switch {
		case tsig != nil && !verified:
			reply.Rcode = dns.RcodeNotAuth
		case request.Opcode == dns.OpcodeUpdate:
			reply.Rcode = d.update(request, verified)
		case request.Opcode != dns.OpcodeQuery || len(request.Question) != 1:
			reply.Rcode = dns.RcodeNotImplemented
		default:
			d.answer(reply, request.Question[0], network)
		}
		if verified {
			reply.SetTsig(tsig.Hdr.Name, tsig.Algorithm, tsigFudge, time.Now().Unix())
		}
		if network == "udp" {
			reply.Truncate(udpSize(request))
		}
		// A client that has gone away asks again.
		_ = w.WriteMsg(reply)
	}
}

func udpSize(request *dns.Msg) int {
	if option := request.IsEdns0(); option != nil {
		return int(option.UDPSize())
	}
	return dns.MinMsgSize
}

func canonical(name string) string {
	return dns.CanonicalName(strings.TrimSpace(name))
}
