package reach_test

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/certwright/certwright/internal/reach"
)

// spellings are the addresses of IPv6 that stand for an IPv4 address. Of Teredo it is client and server.
func spellings(a netip.Addr) map[string]netip.Addr {
	v4 := a.As4()
	at := func(prefix string, octets map[int]byte) netip.Addr {
		raw := netip.MustParseAddr(prefix).As16()
		for i, octet := range octets {
			raw[i] = octet
		}
		return netip.AddrFrom16(raw)
	}
	last := map[int]byte{12: v4[0], 13: v4[1], 14: v4[2], 15: v4[3]}
	return map[string]netip.Addr{
		"mapped":        at("::ffff:0:0", last),
		"compatible":    at("::", last),
		"translated":    at("::ffff:0:0:0", last),
		"NAT64":         at("64:ff9b::", last),
		"local NAT64":   at("64:ff9b:1:ffff::", map[int]byte{6: v4[0], 7: v4[1], 9: v4[2], 10: v4[3]}),
		"6to4":          at("2002::1", map[int]byte{2: v4[0], 3: v4[1], 4: v4[2], 5: v4[3]}),
		"Teredo server": at("2001:0:808:808::f7f7:f7f7", map[int]byte{4: v4[0], 5: v4[1], 6: v4[2], 7: v4[3]}),
		"Teredo client": at("2001:0:808:808::", map[int]byte{12: ^v4[0], 13: ^v4[1], 14: ^v4[2], 15: ^v4[3]}),
	}
}

// An IPv4 address that is refused is refused in every other form, even where all of IPv6 is allowed.
func FuzzSpellingsOfIPv4(f *testing.F) {
	for text := range addresses {
		if a := netip.MustParseAddr(text); a.Is4() {
			v4 := a.As4()
			f.Add(v4[:])
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, ok := netip.AddrFromSlice(raw)
		if !ok || !a.Is4() || (reach.Policy{}).Check(a) == nil {
			return
		}
		allowing := reach.Policy{Allowed: networks(t, "64:ff9b:1::/48", "::/0")}
		for form, other := range spellings(a) {
			if other == netip.IPv6Unspecified() || other == netip.IPv6Loopback() {
				continue // these stand for themselves
			}
			for _, policy := range []reach.Policy{{}, allowing} {
				if err := policy.Check(other); err == nil {
					t.Errorf("%s is refused and %s, its %s form, is not", a, other, form)
				}
			}
		}
	})
}

// An address is judged alike in whatever way it is written, and wherever it is read.
func FuzzSpellingsOfAddresses(f *testing.F) {
	for text := range addresses {
		f.Add(netip.MustParseAddr(text).WithZone("").AsSlice())
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, ok := netip.AddrFromSlice(raw)
		if !ok {
			return
		}
		want := classOf(reach.Policy{}.Check(a))
		for _, text := range []string{a.String(), a.StringExpanded(), strings.ToUpper(a.StringExpanded()), net.IP(raw).String()} {
			if got := classOf(reach.Policy{}.ControlContext(t.Context(), "tcp", net.JoinHostPort(text, "443"), nil)); got != want {
				t.Errorf("%s: dialled as %q, checked as %q", text, got, want)
			}
			for _, host := range []string{text, "[" + text + "]", text + "."} {
				if got := classOf(reach.Policy{}.CheckHost(host)); got != want {
					t.Errorf("host %s: %q, checked as %q", host, got, want)
				}
			}
		}
	})
}

// A host that passes is a name, or an address that passes as well.
func FuzzCheckHost(f *testing.F) {
	for _, host := range []string{"ca.example", "127.1", "0x7f000001", "[::1]", "10.0.0.1.", "a.localhost", "ca.example%00", "::ffff:0a00:1", "10.0.0.1.."} {
		f.Add(host)
	}
	f.Fuzz(func(t *testing.T, host string) {
		if (reach.Policy{}).CheckHost(host) != nil {
			return
		}
		if ip := net.ParseIP(strings.Trim(host, "[].")); ip != nil {
			address, _ := netip.AddrFromSlice(ip)
			if err := (reach.Policy{}).Check(address); err != nil {
				t.Errorf("%q passes and is %s: %v", host, address, err)
			}
		}
	})
}
