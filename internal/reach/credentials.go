package reach

import (
	"net/netip"
	"slices"
)

// credentialNetworks are where clouds give credentials to whoever asks.
var credentialNetworks = []netip.Prefix{
	netip.MustParsePrefix("169.254.0.0/16"),         // nearly all
	netip.MustParsePrefix("168.63.129.16/32"),       // Azure
	netip.MustParsePrefix("100.100.100.200/32"),     // Alibaba
	netip.MustParsePrefix("192.0.0.192/32"),         // Oracle
	netip.MustParsePrefix("fd00:ec2::/32"),          // AWS
	netip.MustParsePrefix("fd20:ce::254/128"),       // Google
	netip.MustParsePrefix("fd00:42::42/128"),        // Scaleway
	netip.MustParsePrefix("fd00:c1::a9fe:a9fe/128"), // Oracle
	netip.MustParsePrefix("fe80::/10"),
}

// translators are the lengths that the prefix of a local translator may have (RFC 6052 section 2.2).
var translators = []int{48, 56, 64, 96}

// GivesCredentials says whether a cloud gives out credentials at an address, or at one that it stands for, to whoever
// asks from inside.
func GivesCredentials(address netip.Addr) bool {
	address = address.WithZone("").Unmap()
	if slices.ContainsFunc(credentialNetworks, func(network netip.Prefix) bool { return network.Contains(address) }) {
		return true
	}
	special, isSpecial := specialOf(address)
	return isSpecial && slices.ContainsFunc(translators, func(bits int) bool {
		return slices.ContainsFunc(special.inner(address, netip.PrefixFrom(address, bits)), GivesCredentials)
	})
}
