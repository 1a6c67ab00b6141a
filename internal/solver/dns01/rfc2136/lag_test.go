package rfc2136_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/certwright/certwright/internal/reach"
	"github.com/certwright/certwright/internal/solver/dns01"
	"github.com/certwright/certwright/internal/solver/dns01/rfc2136"
)

// laggingZone has a second server, which fetches the zone in an hour, or when it is told to.
const laggingZone = `$TTL 1
@ IN SOA ns1.example.com. hostmaster.example.com. 1 3600 600 86400 1
@ IN NS ns1.example.com.
@ IN NS ns2.example.com.
ns1 IN A 127.0.0.1
ns2 IN AAAA ::1
`

// startLagging runs a primary BIND at 127.0.0.1 and a secondary one at ::1, and returns their port.
func startLagging(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("named")
	if err != nil {
		t.Skip("named is not installed, so that no lagging secondary is tried: install bind9")
	}
	if listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "[::1]:0"); err != nil {
		t.Skip("this machine has no ::1, where the secondary would be")
	} else if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	const config = `options {
	directory "%[1]s"; pid-file none; session-keyfile "%[1]s/session.key"; managed-keys-directory "%[1]s";
	listen-on port %[2]s { %[3]s; }; listen-on-v6 port %[2]s { %[4]s; }; recursion no; notify no; dnssec-validation no;
};
controls { };
%[5]s
`
	for range portAttempts {
		port, served := freePort(t), true
		for _, server := range [][3]string{
			{"127.0.0.1", "none", `zone "example.com" { type primary; file "example.zone"; allow-update { 127.0.0.1; }; allow-transfer { any; }; };`},
			{"none", "::1", fmt.Sprintf(`zone "example.com" { type secondary; primaries { 127.0.0.1 port %s; }; file "copy.zone"; masterfile-format text; allow-notify { any; }; };`, port)},
		} {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "example.zone"), laggingZone)
			write(t, filepath.Join(dir, "named.conf"), fmt.Sprintf(config, dir, port, server[0], server[1], server[2]))
			served = served && run(t, exec.Command(path, "-g", "-c", filepath.Join(dir, "named.conf")))
		}
		if served {
			return port
		}
	}
	t.Fatal("BIND found no port free")
	return ""
}

// fetchZone tells the secondary that there is news (RFC 1996).
func fetchZone(t *testing.T, server string) {
	t.Helper()
	notify := new(dns.Msg)
	notify.SetNotify("example.com.")
	if _, _, err := new(dns.Client).ExchangeContext(t.Context(), notify, server); err != nil {
		t.Fatal(err)
	}
}

// await tries until it works, as an order does, for as long as the test may take.
func await(t *testing.T, try func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal(err)
		case <-tick.C:
		}
	}
}

// A record that the primary has is not there yet for a CA that asks a secondary. It is seen as soon as both have it.
func TestBINDWithALaggingSecondary(t *testing.T) {
	port := startLagging(t)
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	primary, secondary := net.JoinHostPort("127.0.0.1", port), net.JoinHostPort("::1", port)
	anywhere := reach.Policy{Unrestricted: true}
	resolver := dns01.Resolver{Nameservers: []string{primary}, NameserverReach: anywhere, Reach: anywhere, Port: uint16(number)}
	await(t, func() error {
		_, err := dns01.Resolver{Nameservers: []string{secondary}, NameserverReach: anywhere, Reach: anywhere, Port: uint16(number)}.Zone(t.Context(), "example.com.")
		if err != nil {
			fetchZone(t, secondary)
		}
		return err
	})
	provider, err := rfc2136.New(rfc2136.Config{Nameserver: primary, Reach: anywhere})
	if err != nil {
		t.Fatal(err)
	}
	record := dns01.NewRecord("www.example.com", "value")
	if err := provider.Present(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	err = resolver.Check(t.Context(), record)
	lacking, ok := errors.AsType[*dns01.LackingError](err)
	if !ok || lacking.Lacking != 1 || lacking.Asked != 2 || lacking.Server != secondary {
		t.Fatalf("error %v, want that the secondary lacks the record", err)
	}
	fetchZone(t, secondary)
	await(t, func() error { return resolver.Check(t.Context(), record) })
}
