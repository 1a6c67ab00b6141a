package rfc2136_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/certwright/certwright/internal/solver/dns01"
	"github.com/certwright/certwright/internal/solver/dns01/rfc2136"
	"github.com/certwright/certwright/internal/solver/internal/dnstest"
)

// portAttempts bounds the search for a port that no other program takes before BIND does.
const portAttempts = 5

// bindAlgorithms are the names of one key each in BIND's configuration.
var bindAlgorithms = []string{"md5", "sha1", "sha224", "sha256", "sha384", "sha512"}

const bindZone = `$TTL 60
@ IN SOA ns1.example.com. hostmaster.example.com. 1 3600 600 86400 60
@ IN NS ns1.example.com.
ns1 IN A 127.0.0.1
alias IN CNAME elsewhere
below IN NS ns.below.example.net.
`

// startBIND runs BIND for example.com, which keys of each algorithm may change, and for locked.example.com,
// which none may. It returns where it listens.
func startBIND(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("named")
	if err != nil {
		t.Skip("named is not installed, so that no update of a real BIND is tried: install bind9")
	}
	for range portAttempts {
		port := freePort(t)
		if run(t, exec.Command(path, "-g", "-c", configure(t, port))) {
			return net.JoinHostPort("127.0.0.1", port)
		}
	}
	t.Fatal("BIND found no port free")
	return ""
}

// configure writes what BIND reads and returns the configuration's path.
func configure(t *testing.T, port string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "example.zone"), bindZone)
	write(t, filepath.Join(dir, "locked.zone"), bindZone)
	var keys, grants strings.Builder
	for _, algorithm := range bindAlgorithms {
		fmt.Fprintf(&keys, "key \"key-%s\" { algorithm hmac-%s; secret \"%s\"; };\n", algorithm, algorithm, secret)
		fmt.Fprintf(&grants, "grant key-%s subdomain example.com. TXT; ", algorithm)
	}
	config := filepath.Join(dir, "named.conf")
	write(t, config, fmt.Sprintf(`options {
	directory "%[1]s";
	pid-file none;
	session-keyfile "%[1]s/session.key";
	managed-keys-directory "%[1]s";
	listen-on port %[2]s { 127.0.0.1; };
	listen-on-v6 { none; };
	recursion no;
	notify no;
	dnssec-validation no;
};
controls { };
%[3]s
zone "example.com" { type primary; file "example.zone"; update-policy { %[4]s }; };
zone "locked.example.com" { type primary; file "locked.zone"; };
`, dir, port, keys.String(), grants.String()))
	return config
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err := errors.Join(err, listener.Close()); err != nil {
		t.Fatal(err)
	}
	return port
}

// run starts BIND and returns when its log says that it serves, or that another program has its port.
func run(t *testing.T, command *exec.Cmd) bool {
	t.Helper()
	log, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	serving := make(chan bool, 2)
	ended := make(chan struct{})
	var seen []string
	go func() {
		defer close(ended)
		lines := bufio.NewScanner(log)
		for lines.Scan() {
			line := lines.Text()
			seen = append(seen, line)
			switch {
			case strings.Contains(line, "interface ignored"):
				serving <- false
			case strings.HasSuffix(line, " running"):
				serving <- true
			}
		}
		close(serving)
	}()
	t.Cleanup(func() {
		_ = command.Process.Signal(os.Interrupt)
		<-ended
		_ = command.Wait()
		if t.Failed() {
			t.Log(strings.Join(seen, "\n"))
		}
	})
	served, told := <-serving
	if !told {
		t.Fatal("BIND ended before it served")
	}
	return served
}

func bindConfig(address, algorithm string) rfc2136.Config {
	return rfc2136.Config{Nameserver: address, Reach: dnstest.Anywhere, TSIGKeyName: "key-" + algorithm, TSIGAlgorithm: "hmac" + algorithm, TSIGSecret: secret}
}

// resolverFor sees BIND as the only server there is.
func resolverFor(t *testing.T, address string) dns01.Resolver {
	t.Helper()
	_, text, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	return dns01.Resolver{Nameservers: []string{address}, Port: uint16(port), Reach: dnstest.Anywhere, NameserverReach: dnstest.Anywhere}
}

// For every algorithm and protocol, values come, are seen, and go alone.
func TestBINDTakesUpdates(t *testing.T) {
	address := startBIND(t)
	resolver := resolverFor(t, address)
	for _, algorithm := range bindAlgorithms {
		for _, protocol := range []string{"UDP", "TCP"} {
			t.Run(algorithm+"/"+protocol, func(t *testing.T) {
				config := bindConfig(address, algorithm)
				config.Protocol = protocol
				solver := provider(t, config)
				wildcard, base := dns01.NewRecord("*."+algorithm+".example.com", "one"), dns01.NewRecord(algorithm+".example.com", "two")
				for _, record := range []dns01.Record{wildcard, base, base} {
					if err := solver.Present(t.Context(), record); err != nil {
						t.Fatal(err)
					}
					if err := resolver.Check(t.Context(), record); err != nil {
						t.Error(err)
					}
				}
				for range 2 {
					if err := solver.CleanUp(t.Context(), wildcard); err != nil {
						t.Fatal(err)
					}
				}
				if err := resolver.Check(t.Context(), base); err != nil {
					t.Error(err)
				}
				var lacking *dns01.LackingError
				if err := resolver.Check(t.Context(), wildcard); !errors.As(err, &lacking) || lacking.Cause != "it has other TXT records there only" {
					t.Errorf("error %v, want that the value is gone and the other is not", err)
				}
				if err := solver.CleanUp(t.Context(), base); err != nil {
					t.Fatal(err)
				}
				if err := resolver.Check(t.Context(), base); !errors.As(err, &lacking) || lacking.Cause != "the name does not exist there" {
					t.Errorf("error %v, want that the name is gone", err)
				}
			})
		}
	}
}

func TestBINDRefuses(t *testing.T) {
	address := startBIND(t)
	wrongSecret, wrongName, wrongAlgorithm, unsigned := bindConfig(address, "sha256"), bindConfig(address, "sha256"), bindConfig(address, "sha256"), bindConfig(address, "")
	wrongSecret.TSIGSecret = "d3JvbmcgIHdyb25nICB3cm9uZyAgd3Jvbmch"
	wrongName.TSIGKeyName = "nobody"
	wrongAlgorithm.TSIGAlgorithm = "HMACSHA512"
	unsigned.TSIGKeyName, unsigned.TSIGSecret, unsigned.TSIGAlgorithm = "", "", ""
	tests := map[string]struct {
		config rfc2136.Config
		domain string
		code   int
		zone   string
	}{
		"wrong secret":     {wrongSecret, "a.example.com", dns.RcodeBadSig, ""},
		"unknown key":      {wrongName, "a.example.com", dns.RcodeBadKey, ""},
		"wrong algorithm":  {wrongAlgorithm, "a.example.com", dns.RcodeBadKey, ""},
		"not signed":       {unsigned, "a.example.com", dns.RcodeRefused, "example.com."},
		"zone without key": {bindConfig(address, "sha256"), "a.locked.example.com", dns.RcodeRefused, "locked.example.com."},
		"another zone":     {bindConfig(address, "sha256"), "a.example.net", dns.RcodeRefused, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := provider(t, test.config).Present(t.Context(), dns01.NewRecord(test.domain, "one"))
			var got *rfc2136.Error
			if !errors.As(err, &got) || got.Code != test.code || got.Zone != test.zone {
				t.Fatalf("error %v, want code %s of zone %q", err, dns.RcodeToString[test.code], test.zone)
			}
			if strings.Contains(err.Error(), test.config.TSIGSecret) && test.config.TSIGSecret != "" {
				t.Errorf("the error holds the secret: %v", err)
			}
		})
	}
}

// What BIND leaves out without a word, and what it has given away, is said before anything is sent.
func TestBINDNamesThatCannotBeWritten(t *testing.T) {
	address := startBIND(t)
	solver := provider(t, bindConfig(address, "sha256"))
	tests := map[string]string{
		"alias.example.com.":                   "a CNAME record stands there",
		"_acme-challenge.a.below.example.com.": "the server only refers to those of below.example.com.",
	}
	for fqdn, want := range tests {
		if err := solver.Present(t.Context(), dns01.Record{FQDN: fqdn, Value: "one"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q in it", fqdn, err, want)
		}
	}
}

func TestBINDFollow(t *testing.T) {
	resolver := resolverFor(t, startBIND(t))
	got, err := resolver.Follow(t.Context(), "Alias.example.com.")
	if err != nil || got != "elsewhere.example.com." {
		t.Errorf("%s, %v; want elsewhere.example.com.", got, err)
	}
}
