package reach

import (
	"net/netip"
	"slices"
)

// credentialNetworks are where clouds give credentials to whoever asks.
var credentialNetworks = []netip.Prefix{
	netip.MustParsePrefix("169.254.0.0/16"),     // nearly all
	netip.MustParsePrefix("168.63.129.16/32"),   // Azure
	netip.MustParsePrefix("100.100.100.200/32"), // Alibaba
	netip.MustParsePrefix("192.0.0.192/32"),     // Oracle
	netip.MustParsePrefix("fd00:ec2::/32"),      // AWS
	netip.MustParsePrefix("fd20:ce::254/128"),   // Google
	netip.MustParsePrefix("fe80::/10"),
}

// GivesCredentials says whether a cloud gives out credentials at an address, to whoever asks from inside.
func GivesCredentials(address netip.Addr) bool {
	address = address.WithZone("").Unmap()
	return slices.ContainsFunc(credentialNetworks, func(network netip.Prefix) bool { return network.Contains(address) })
}
