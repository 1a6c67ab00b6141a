// Package tlsalpn01 answers TLS-ALPN-01 challenges (RFC 8737) and asks what answers them whether it does.
//
// The wiring runs Server; the order reconciler calls Check before it accepts a challenge. A handshake is all there is:
// no byte of an application is ever read or written. Nothing here waits or tries twice. The package knows neither
// Kubernetes nor the account key: whoever serves gives it a lookup.
package tlsalpn01
