// Package rfc2136 writes DNS-01 records by dynamic updates (RFC 2136) that are signed with TSIG (RFC 8945),
// as BIND, Knot and PowerDNS take them.
//
// It is a provider in the sense of package dns01: the controllers build one from an Issuer. It keeps no
// state, waits for nothing and tries nothing twice. No error of it holds the TSIG secret.
package rfc2136
