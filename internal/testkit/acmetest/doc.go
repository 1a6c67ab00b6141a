// Package acmetest runs ACME servers and the DNS they look at inside the
// process: Pebble with real validation (Start), whose answers can be replaced
// or changed one by one (Server.On); a server that answers by script alone
// (StartScript); and an authoritative DNS server that takes RFC 2136 updates
// (StartDNS).
//
// Tests, the demo and the benchmark may import it; no part of the operator
// may. Nothing here depends on the testing package.
//
// HTTP-01 and DNS-01 against Pebble are wired like this:
//
//	dns, err := acmetest.StartDNS(acmetest.DNSOptions{Zones: []string{"example.com"}})
//	server, err := acmetest.Start(acmetest.Options{
//		DNSServer: dns.Addr(), // every name is at 127.0.0.1; TXT as set or updated
//		HTTPPort:  port,       // where the test answers HTTP-01
//	})
package acmetest
