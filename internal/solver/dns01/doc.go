// Package dns01 says what a DNS-01 record is (RFC 8555 section 8.4), what a provider of DNS does with it,
// and looks whether it is seen: which zone holds a name, where a CNAME leads, and whether every
// authoritative server has the value.
//
// The order reconciler and the providers below this folder import it. Nothing here waits or tries twice:
// each call is one try that ends with its context. What a server answers is not trusted: names are
// compared, counts are bounded, and none of an answer's text reaches an error.
package dns01
