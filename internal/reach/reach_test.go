package reach_test

import (
	"errors"
	"net"
	"net/netip"
	"testing"

	"github.com/certwright/certwright/internal/reach"
)

// networks reads networks for a policy of a test.
func networks(t testing.TB, texts ...string) []netip.Prefix {
	t.Helper()
	parsed, err := reach.ParseNetworks(texts)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// classOf is the class that an error refuses an address for.
func classOf(err error) reach.Class {
	if refused, ok := errors.AsType[*reach.Error](err); ok {
		return refused.Class
	}
	return ""
}

// addresses has at least one address of every entry of the IANA registries, most with both ends of it, and
// the public neighbours of the ends.
var addresses = map[string]reach.Class{
	"0.0.0.0": reach.ClassUnspecified, "0.255.255.255": reach.ClassUnspecified, "1.0.0.0": "",
	"9.255.255.255": "", "10.0.0.0": reach.ClassPrivate, "10.255.255.255": reach.ClassPrivate, "11.0.0.0": "",
	"100.63.255.255": "", "100.64.0.0": reach.ClassShared, "100.100.100.200": reach.ClassShared, "100.127.255.255": reach.ClassShared, "100.128.0.0": "",
	"126.255.255.255": "", "127.0.0.1": reach.ClassLoopback, "127.255.255.255": reach.ClassLoopback, "128.0.0.0": "",
	"168.63.129.15": "", "168.63.129.16": reach.ClassPlatform, "168.63.129.17": "",
	"169.253.255.255": "", "169.254.0.0": reach.ClassLinkLocal, "169.254.169.254": reach.ClassLinkLocal, "169.255.0.0": "",
	"172.15.255.255": "", "172.16.0.0": reach.ClassPrivate, "172.31.255.255": reach.ClassPrivate, "172.32.0.0": "",
	"191.255.255.255": "", "192.0.0.0": reach.ClassProtocol, "192.0.0.8": reach.ClassProtocol, "192.0.0.9": reach.ClassProtocol, "192.0.0.10": reach.ClassProtocol,
	"192.0.0.170": reach.ClassProtocol, "192.0.0.171": reach.ClassProtocol, "192.0.0.192": reach.ClassProtocol, "192.0.1.0": "",
	"192.0.2.1": reach.ClassDocumentation, "192.0.3.0": "", "198.51.100.1": reach.ClassDocumentation, "203.0.113.1": reach.ClassDocumentation,
	"192.31.196.1": reach.ClassProtocol, "192.52.193.1": reach.ClassProtocol, "192.175.48.1": reach.ClassProtocol,
	"192.88.99.1": reach.ClassTunnel, "192.167.255.255": "", "192.168.0.0": reach.ClassPrivate, "192.168.255.255": reach.ClassPrivate, "192.169.0.0": "",
	"198.17.255.255": "", "198.18.0.0": reach.ClassBenchmark, "198.19.255.255": reach.ClassBenchmark, "198.20.0.0": "",
	"223.255.255.255": "", "224.0.0.1": reach.ClassMulticast, "239.255.255.255": reach.ClassMulticast,
	"240.0.0.0": reach.ClassReserved, "255.255.255.254": reach.ClassReserved, "255.255.255.255": reach.ClassBroadcast,

	"::": reach.ClassUnspecified, "::1": reach.ClassLoopback, "::2": reach.ClassTranslated, "::10.0.0.1": reach.ClassTranslated, "::8.8.8.8": reach.ClassTranslated,
	"::ffff:10.0.0.1": reach.ClassPrivate, "::ffff:127.0.0.1": reach.ClassLoopback, "::ffff:8.8.8.8": "",
	"::ffff:0:10.0.0.1": reach.ClassTranslated, "64:ff9b::10.0.0.1": reach.ClassTranslated, "64:ff9b::8.8.8.8": reach.ClassTranslated,
	"64:ff9b:1::1": reach.ClassTranslated, "64:ff9b:1:ffff::": reach.ClassTranslated, "64:ff9b:2::": reach.ClassReserved,
	"100::1": reach.ClassDiscard, "100:0:0:1::": reach.ClassReserved, "1fff:ffff::": reach.ClassReserved, "2000::": "",
	"2001::1": reach.ClassTunnel, "2001:1::1": reach.ClassProtocol, "2001:1::2": reach.ClassProtocol, "2001:1::3": reach.ClassProtocol, "2001:2::1": reach.ClassBenchmark,
	"2001:3::1": reach.ClassProtocol, "2001:4:112::1": reach.ClassProtocol, "2001:10::1": reach.ClassProtocol, "2001:20::1": reach.ClassProtocol,
	"2001:30::1": reach.ClassProtocol, "2001:1ff:ffff::": reach.ClassProtocol, "2001:200::": "",
	"2001:db7:ffff::": "", "2001:db8::1": reach.ClassDocumentation, "2001:db9::": "", "3ffe:ffff::": "", "3fff::1": reach.ClassDocumentation, "3fff:1000::": "",
	"2002:a00:1::": reach.ClassTunnel, "2002:808:808::1": reach.ClassTunnel, "2003::": "", "2620:4f:8000::1": reach.ClassProtocol, "2620:4f:8001::": "",
	"3fff:ffff::": "", "4000::": reach.ClassReserved, "5f00::1": reach.ClassReserved, "7fff::": reach.ClassReserved, "8000::": reach.ClassReserved, "fbff::": reach.ClassReserved,
	"fc00::1": reach.ClassPrivate, "fd00:ec2::254": reach.ClassPrivate, "fdff::": reach.ClassPrivate, "fe00::": reach.ClassReserved,
	"fe80::1": reach.ClassLinkLocal, "fe80::1%eth0": reach.ClassLinkLocal, "febf::": reach.ClassLinkLocal, "fec0::1": reach.ClassPrivate, "ff02::1": reach.ClassMulticast,
	"2606:4700:4700::1111": "", "2a05:d000::1": "",
}

func TestCheck(t *testing.T) {
	for text, want := range addresses {
		if got := classOf(reach.Policy{}.Check(netip.MustParseAddr(text))); got != want {
			t.Errorf("%s: refused as %q, want %q", text, got, want)
		}
		if err := (reach.Policy{Unrestricted: true}).Check(netip.MustParseAddr(text)); err != nil {
			t.Errorf("%s: refused without a restriction: %v", text, err)
		}
	}
	if got := classOf(reach.Policy{}.Check(netip.Addr{})); got != reach.ClassOddForm {
		t.Errorf("no address: refused as %q", got)
	}
}

func TestCheckAllowed(t *testing.T) {
	for text, test := range map[string]struct {
		allowed []string
		want    reach.Class
	}{
		"127.0.0.1":                 {[]string{"127.0.0.0/8"}, ""},
		"::ffff:127.0.0.1":          {[]string{"127.0.0.0/8"}, ""},
		"127.0.0.2":                 {[]string{"127.0.0.1", "10.0.0.0/8"}, reach.ClassLoopback},
		"10.1.2.3":                  {[]string{"10.1.0.0/16", "::1"}, ""},
		"10.2.0.0":                  {[]string{"10.1.0.0/16", "::1"}, reach.ClassPrivate},
		"fd00::1":                   {[]string{"fd00::/8"}, ""},
		"fe80::1%eth0":              {[]string{"fe80::/10"}, ""},
		"::1":                       {[]string{"127.0.0.0/8"}, reach.ClassLoopback},
		"64:ff9b::8.8.8.8":          {[]string{"64:ff9b::/96"}, ""},
		"64:ff9b::10.0.0.1":         {[]string{"64:ff9b::/96"}, reach.ClassPrivate},
		"64:ff9b::10.0.0.2":         {[]string{"64:ff9b::/96", "10.0.0.0/8"}, ""},
		"64:ff9b::10.0.0.3":         {[]string{"10.0.0.0/8"}, reach.ClassTranslated},
		"64:ff9b:1::8.8.8.8":        {[]string{"64:ff9b:1::/96"}, ""},
		"64:ff9b:1::10.0.0.1":       {[]string{"64:ff9b:1::/96"}, reach.ClassPrivate},
		"64:ff9b:1:808:8:800::":     {[]string{"64:ff9b:1::/48"}, ""},
		"64:ff9b:1:a00:0:100::":     {[]string{"64:ff9b:1::/48"}, reach.ClassPrivate},
		"64:ff9b:1:108:8:808::":     {[]string{"64:ff9b:1:100::/56"}, ""},
		"64:ff9b:1:10a:0:1::":       {[]string{"64:ff9b:1:100::/56"}, reach.ClassPrivate},
		"64:ff9b:1:1:8:808:800::":   {[]string{"64:ff9b:1:1::/64"}, ""},
		"64:ff9b:1:1:a:0:100::":     {[]string{"64:ff9b:1:1::/64"}, reach.ClassPrivate},
		"2002:808:808::1":           {[]string{"2002::/16"}, ""},
		"2002:a00:1::1":             {[]string{"2002::/16"}, reach.ClassPrivate},
		"2001:0:808:808::f7f7:f7f7": {[]string{"2001::/32"}, ""},
		"2001:0:808:808::f5ff:fffe": {[]string{"2001::/32"}, reach.ClassPrivate},
		"2001:0:a00:1::f7f7:f7f7":   {[]string{"2001::/32"}, reach.ClassPrivate},
		"::10.0.0.1":                {[]string{"::/0"}, reach.ClassPrivate},
		"::ffff:0:10.0.0.1":         {[]string{"::/0"}, reach.ClassPrivate},
		"::ffff:0:10.0.0.9":         {[]string{"::/0", "0.0.0.0/0"}, ""},
	} {
		policy := reach.Policy{Allowed: networks(t, test.allowed...)}
		if got := classOf(policy.Check(netip.MustParseAddr(text))); got != test.want {
			t.Errorf("%s with %v: refused as %q, want %q", text, test.allowed, got, test.want)
		}
	}
}

func TestCheckHost(t *testing.T) {
	for host, want := range map[string]reach.Class{
		"ca.example.com": "", "ca.example.com.": "", "8.8.8.8": "", "2606:4700:4700::1111": "", "[2606:4700:4700::1111]": "",
		"1.example": "", "0xca.example": "", "localhost.example.com": "", "beef": "", "": "",
		"10.0.0.1": reach.ClassPrivate, "10.0.0.1.": reach.ClassPrivate, "[::1]": reach.ClassLoopback, "::FFFF:10.0.0.1": reach.ClassPrivate, "fe80::1%25eth0": reach.ClassLinkLocal,
		"localhost": reach.ClassLoopback, "LocalHost.": reach.ClassLoopback, "ca.localhost": reach.ClassLoopback,
		"127.1": reach.ClassOddForm, "2130706433": reach.ClassOddForm, "0x7f000001": reach.ClassOddForm, "0x7F.1": reach.ClassOddForm, "127.0.0.0x1": reach.ClassOddForm,
		"0177.0.0.01": reach.ClassOddForm, "10.0.0.0x": reach.ClassOddForm, "1.2.3.4.5": reach.ClassOddForm,
	} {
		if got := classOf(reach.Policy{}.CheckHost(host)); got != want {
			t.Errorf("%q: refused as %q, want %q", host, got, want)
		}
		if err := (reach.Policy{Unrestricted: true}).CheckHost(host); err != nil {
			t.Errorf("%q: refused without a restriction: %v", host, err)
		}
	}
	for _, network := range []string{"127.0.0.0/8", "::1"} {
		if err := (reach.Policy{Allowed: networks(t, network)}).CheckHost("localhost"); err != nil {
			t.Errorf("localhost with %s: %v", network, err)
		}
	}
}

// Where clouds give out credentials nobody is let without a reason of their own, whatever an administrator allows.
func TestNoCredentials(t *testing.T) {
	if reach.GivesCredentials(netip.Addr{}) {
		t.Error("what is no address gives credentials")
	}
	everywhere := reach.Policy{Unrestricted: true, NoCredentials: true}
	named := reach.Policy{Allowed: networks(t, "0.0.0.0/0", "::/0"), NoCredentials: true}
	for text, want := range map[string]reach.Class{
		"169.254.169.254": reach.ClassCredentials, "::ffff:169.254.169.254": reach.ClassCredentials, "168.63.129.16": reach.ClassCredentials,
		"100.100.100.200": reach.ClassCredentials, "192.0.0.192": reach.ClassCredentials, "fd00:ec2::254": reach.ClassCredentials,
		"fd20:ce::254": reach.ClassCredentials, "fd00:42::42": reach.ClassCredentials, "fd00:c1::a9fe:a9fe": reach.ClassCredentials, "fe80::a9fe:a9fe%eth0": reach.ClassCredentials,
		"64:ff9b::169.254.169.254": reach.ClassCredentials, "64:ff9b:1::169.254.169.254": reach.ClassCredentials, "64:ff9b:1:a9fe:a9:fe00::": reach.ClassCredentials,
		"2002:a9fe:a9fe::": reach.ClassCredentials, "64:ff9b::10.0.0.1": "", "64:ff9b:1::8.8.8.8": "",
		"127.0.0.1": "", "10.0.0.1": "", "168.63.129.17": "", "100.100.100.201": "", "192.0.0.191": "", "fd00::1": "", "8.8.8.8": "",
	} {
		for name, policy := range map[string]reach.Policy{"unrestricted": everywhere, "every network": named} {
			address := net.JoinHostPort(text, "80")
			if got := classOf(policy.ControlContext(t.Context(), "tcp", address, nil)); got != want {
				t.Errorf("%s, %s: refused as %q when it is dialled, want %q", name, text, got, want)
			}
			if got := classOf(policy.CheckHost(text)); got != want {
				t.Errorf("%s, %s: refused as %q, want %q", name, text, got, want)
			}
		}
	}
	if err := everywhere.CheckHost("localhost"); err != nil {
		t.Errorf("localhost: %v", err)
	}
	err := everywhere.CheckHost("169.254.169.254")
	if err == nil || err.Error() != "its address is where a cloud gives out credentials, where no issuer's server may be: use another address" {
		t.Errorf("%v", err)
	}
}

// What a condition says must not change from one address of a class to the next, and says what to do.
func TestErrorText(t *testing.T) {
	const want = "its address is private, and the Issuer of a namespace reaches public addresses only: use a ClusterIssuer, or have the network named in --allow-private-addresses"
	for _, text := range []string{"10.0.0.1", "192.168.7.7", "fd00::1"} {
		if err := (reach.Policy{}).Check(netip.MustParseAddr(text)); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func TestParseNetworks(t *testing.T) {
	got := networks(t, "10.0.0.0/8", "127.0.0.1", "fd00::/8", "::1", "0.0.0.0/0")
	want := []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("fd00::/8"),
		netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("0.0.0.0/0"),
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("network %d is %s, want %s", i, got[i], want[i])
		}
	}
	for text, want := range map[string]string{
		"":                 `"" is no network: write CIDR such as 10.0.0.0/8, or an address such as 10.0.0.1 or fd00::1`,
		"loopback":         `"loopback" is no network: write CIDR such as 10.0.0.0/8, or an address such as 10.0.0.1 or fd00::1`,
		"10.0.0.0/33":      `"10.0.0.0/33" is no network: write CIDR such as 10.0.0.0/8, or an address such as 10.0.0.1 or fd00::1`,
		"fe80::1%eth0":     `"fe80::1%eth0" is no network: write CIDR such as 10.0.0.0/8, or an address such as 10.0.0.1 or fd00::1`,
		"10.1.2.3/8":       `"10.1.2.3/8" has bits outside its mask: write 10.0.0.0/8`,
		"::ffff:10.0.0.1":  `"::ffff:10.0.0.1" is IPv4 in the form of IPv6: write it as IPv4, such as 10.0.0.0/8`,
		"::ffff:a00:0/104": `"::ffff:a00:0/104" is IPv4 in the form of IPv6: write it as IPv4, such as 10.0.0.0/8`,
	} {
		if _, err := reach.ParseNetworks([]string{"10.0.0.0/8", text}); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
