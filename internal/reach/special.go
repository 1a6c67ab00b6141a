package reach

import "net/netip"

// special is a network whose addresses are not public.
type special struct {
	netip.Prefix
	class Class
	// inner gives the IPv4 addresses that an address of the network stands for, where the network that an
	// administrator named holds both.
	inner func(address netip.Addr, named netip.Prefix) []netip.Addr
}

// specials are the IANA special-purpose address registries for IPv4 and IPv6 (RFC 6890 and the RFCs that
// added to them), those that are globally reachable included: no CA and no name server has its address
// there. To them come multicast, networks that RFCs have taken out of use, and everything of IPv6 that is
// not global unicast (RFC 4291 section 2.4). The first that holds an address counts.
var specials = []special{
	{netip.MustParsePrefix("0.0.0.0/8"), ClassUnspecified, none},         // RFC 791 section 3.2
	{netip.MustParsePrefix("10.0.0.0/8"), ClassPrivate, none},            // RFC 1918
	{netip.MustParsePrefix("100.64.0.0/10"), ClassShared, none},          // RFC 6598
	{netip.MustParsePrefix("127.0.0.0/8"), ClassLoopback, none},          // RFC 1122 section 3.2.1.3
	{netip.MustParsePrefix("168.63.129.16/32"), ClassPlatform, none},     // Azure's, at a public address
	{netip.MustParsePrefix("169.254.0.0/16"), ClassLinkLocal, none},      // RFC 3927; metadata of most clouds
	{netip.MustParsePrefix("172.16.0.0/12"), ClassPrivate, none},         // RFC 1918
	{netip.MustParsePrefix("192.0.0.0/24"), ClassProtocol, none},         // RFC 6890 section 2.1
	{netip.MustParsePrefix("192.0.2.0/24"), ClassDocumentation, none},    // RFC 5737
	{netip.MustParsePrefix("192.31.196.0/24"), ClassProtocol, none},      // RFC 7535
	{netip.MustParsePrefix("192.52.193.0/24"), ClassProtocol, none},      // RFC 7450
	{netip.MustParsePrefix("192.88.99.0/24"), ClassTunnel, none},         // RFC 7526
	{netip.MustParsePrefix("192.168.0.0/16"), ClassPrivate, none},        // RFC 1918
	{netip.MustParsePrefix("192.175.48.0/24"), ClassProtocol, none},      // RFC 7534
	{netip.MustParsePrefix("198.18.0.0/15"), ClassBenchmark, none},       // RFC 2544
	{netip.MustParsePrefix("198.51.100.0/24"), ClassDocumentation, none}, // RFC 5737
	{netip.MustParsePrefix("203.0.113.0/24"), ClassDocumentation, none},  // RFC 5737
	{netip.MustParsePrefix("224.0.0.0/4"), ClassMulticast, none},         // RFC 5771
	{netip.MustParsePrefix("255.255.255.255/32"), ClassBroadcast, none},  // RFC 919
	{netip.MustParsePrefix("240.0.0.0/4"), ClassReserved, none},          // RFC 1112 section 4

	{netip.MustParsePrefix("::/128"), ClassUnspecified, none},                     // RFC 4291 section 2.5.2
	{netip.MustParsePrefix("::1/128"), ClassLoopback, none},                       // RFC 4291 section 2.5.3
	{netip.MustParsePrefix("::/96"), ClassTranslated, translated(96)},             // RFC 4291 section 2.5.5.1
	{netip.MustParsePrefix("::ffff:0:0:0/96"), ClassTranslated, translated(96)},   // RFC 2765 section 2.1
	{netip.MustParsePrefix("64:ff9b::/96"), ClassTranslated, translated(96)},      // RFC 6052
	{netip.MustParsePrefix("64:ff9b:1::/48"), ClassTranslated, locallyTranslated}, // RFC 8215
	{netip.MustParsePrefix("100::/64"), ClassDiscard, none},                       // RFC 6666
	{netip.MustParsePrefix("2001::/32"), ClassTunnel, teredo},                     // RFC 4380
	{netip.MustParsePrefix("2001:2::/48"), ClassBenchmark, none},                  // RFC 5180
	{netip.MustParsePrefix("2001::/23"), ClassProtocol, none},                     // RFC 2928
	{netip.MustParsePrefix("2001:db8::/32"), ClassDocumentation, none},            // RFC 3849
	{netip.MustParsePrefix("2002::/16"), ClassTunnel, translated(16)},             // RFC 3056
	{netip.MustParsePrefix("2620:4f:8000::/48"), ClassProtocol, none},             // RFC 7534
	{netip.MustParsePrefix("3fff::/20"), ClassDocumentation, none},                // RFC 9637
	{netip.MustParsePrefix("fc00::/7"), ClassPrivate, none},                       // RFC 4193
	{netip.MustParsePrefix("fe80::/10"), ClassLinkLocal, none},                    // RFC 4291 section 2.5.6
	{netip.MustParsePrefix("fec0::/10"), ClassPrivate, none},                      // RFC 3879
	{netip.MustParsePrefix("ff00::/8"), ClassMulticast, none},                     // RFC 4291 section 2.7
	{netip.MustParsePrefix("::/3"), ClassReserved, none},                          // all that is not 2000::/3
	{netip.MustParsePrefix("4000::/2"), ClassReserved, none},
	{netip.MustParsePrefix("8000::/1"), ClassReserved, none},
}

// specialOf finds what an address without a zone is; false means that it is public.
func specialOf(address netip.Addr) (special, bool) {
	for _, candidate := range specials {
		if candidate.Contains(address) {
			return candidate, true
		}
	}
	return special{class: ClassOddForm, inner: none}, !address.IsValid()
}

func none(netip.Addr, netip.Prefix) []netip.Addr { return nil }

// translated is for addresses that hold an IPv4 address after a prefix of so many bits.
func translated(bits int) func(netip.Addr, netip.Prefix) []netip.Addr {
	return func(address netip.Addr, _ netip.Prefix) []netip.Addr {
		return []netip.Addr{embedded(address, bits)}
	}
}

// locallyTranslated takes the length of the translator's prefix from the network that is named, because a
// local one may have any length (RFC 8215 section 4).
func locallyTranslated(address netip.Addr, named netip.Prefix) []netip.Addr {
	switch bits := named.Bits(); bits {
	case 56, 64, 96:
		return []netip.Addr{embedded(address, bits)}
	default:
		return []netip.Addr{embedded(address, 48)}
	}
}

// embedded is the IPv4 address that follows a prefix, without the eighth octet, which is never a part of it
// (RFC 6052 section 2.2).
func embedded(address netip.Addr, bits int) netip.Addr {
	octets := address.As16()
	var inner [4]byte
	at := bits / 8
	for i := range inner {
		if at == 8 {
			at++
		}
		inner[i] = octets[at]
		at++
	}
	return netip.AddrFrom4(inner)
}

// teredo gives the server and, with its bits turned round, the client (RFC 4380 section 4).
func teredo(address netip.Addr, _ netip.Prefix) []netip.Addr {
	octets := address.As16()
	var client [4]byte
	for i := range client {
		client[i] = ^octets[12+i]
	}
	return []netip.Addr{embedded(address, 32), netip.AddrFrom4(client)}
}
