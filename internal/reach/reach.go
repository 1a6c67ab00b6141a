// Package reach decides which network addresses may be dialled for an object that a tenant wrote: public
// unicast addresses, and the networks that an administrator names. The operator stands inside the cluster,
// with ways to metadata services, API servers and neighbours that the tenant does not have.
//
// Any package may import it; it imports the standard library only. It looks nothing up and keeps nothing.
// Addresses are judged when they are dialled, after a name has been resolved, so that no answer of a name
// server can change between the check and the use.
package reach

import (
	"context"
	"net/netip"
	"strings"
	"syscall"
)

// Policy is what may be dialled. The zero value allows public unicast addresses only.
type Policy struct {
	// Unrestricted allows every address: for what an administrator wrote.
	Unrestricted bool
	// Allowed are networks that may be dialled although they are not public. ParseNetworks makes them.
	Allowed []netip.Prefix
	// NoCredentials refuses the addresses at which clouds give out credentials, whatever else is allowed: for what an
	// administrator wrote as well, where nothing of theirs is there to be asked for.
	NoCredentials bool
}

// Check returns nil for an address that may be dialled, and an *Error for any other. An address that stands
// for an IPv4 address, because it is mapped, translated or tunnelled, needs that address allowed as well.
func (p Policy) Check(address netip.Addr) error {
	if p.NoCredentials && GivesCredentials(address) {
		return &Error{Class: ClassCredentials}
	}
	if p.Unrestricted {
		return nil
	}
	address = address.WithZone("").Unmap()
	special, ok := specialOf(address)
	if !ok {
		return nil
	}
	var refused error = &Error{Class: special.class}
	for _, network := range p.Allowed {
		if !network.Contains(address) {
			continue
		}
		if refused = p.checkAll(special.inner(address, network)); refused == nil {
			return nil
		}
	}
	return refused
}

func (p Policy) checkAll(addresses []netip.Addr) error {
	for _, address := range addresses {
		if err := p.Check(address); err != nil {
			return err
		}
	}
	return nil
}

// loopback4 is where most programs find localhost.
var loopback4 = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// CheckHost returns an *Error for a host, without a port, that must not be dialled whatever a name server
// says: an address that Check refuses, a name of this machine (RFC 6761 section 6.3), or what some programs
// take for an address although its form is not the usual one, such as 127.1 or 0x7f000001. Any other name
// returns nil: its addresses are for Check.
//
// It is for hosts that somebody else dials, such as a proxy.
func (p Policy) CheckHost(host string) error {
	host = strings.TrimRight(strings.ToLower(host), ".")
	if address, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return p.Check(address)
	}
	if p.Unrestricted {
		return nil
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	switch {
	case last == "localhost" && p.Check(loopback4) != nil:
		return p.Check(netip.IPv6Loopback())
	case isNumber(last), strings.ContainsAny(host, ":[]"):
		return &Error{Class: ClassOddForm}
	}
	return nil
}

// isNumber says whether a program that takes an IPv4 address apart at its dots would take a part for a
// number. No domain of the root zone has such a name.
func isNumber(part string) bool {
	if digits, ok := strings.CutPrefix(part, "0x"); ok {
		return strings.Trim(digits, "0123456789abcdef") == ""
	}
	return part != "" && strings.Trim(part, "0123456789") == ""
}

// ControlContext is for the field of that name of a net.Dialer, which calls it with each address that it is
// about to connect to or, for UDP, to send to. What cannot be read as an address is refused.
func (p Policy) ControlContext(_ context.Context, _, address string, _ syscall.RawConn) error {
	if p.Unrestricted && !p.NoCredentials {
		return nil
	}
	parsed, err := netip.ParseAddrPort(address)
	if err != nil {
		return &Error{Class: ClassOddForm}
	}
	return p.Check(parsed.Addr())
}
