// Package http01 answers HTTP-01 challenges (RFC 8555 section 8.3) and asks an answering replica whether
// it does.
//
// The wiring serves Handler; the order reconciler calls Check before it accepts a challenge. Nothing here
// waits or tries twice: each call is one try that ends with its context. The package knows neither
// Kubernetes nor the account key: whoever serves gives it a lookup.
package http01
