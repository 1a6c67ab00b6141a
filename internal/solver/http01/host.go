package http01

import (
	"net/netip"
	"strings"
)

// maxHost bounds a Host header in bytes: a name of 253, a final dot, a colon and a port.
const maxHost = 253 + 1 + 1 + 5

// CanonicalHost returns the host that a Host header names: in lower case, without port, brackets and final
// dot, an IP address as RFC 5952 writes it, which is also how ACME identifiers are written (RFC 8738
// section 3). It reports false for what can be neither.
func CanonicalHost(header string) (host string, ok bool) {
	if len(header) > maxHost {
		return "", false
	}
	if inner, bracketed := strings.CutPrefix(header, "["); bracketed {
		address, port, closed := strings.Cut(inner, "]")
		if !closed || !isPort(port) {
			return "", false
		}
		return canonicalIPv6(address)
	}
	if strings.Count(header, ":") > 1 {
		return canonicalIPv6(header)
	}
	name := header
	if at := strings.IndexByte(header, ':'); at >= 0 {
		if !isPort(header[at:]) {
			return "", false
		}
		name = header[:at]
	}
	return canonicalName(name)
}

// isPort tells whether text is empty, or a colon and at most five digits (RFC 3986 section 3.2.3 allows
// none).
func isPort(text string) bool {
	if text == "" {
		return true
	}
	digits, found := strings.CutPrefix(text, ":")
	return found && len(digits) <= 5 && strings.Trim(digits, "0123456789") == ""
}

func canonicalIPv6(text string) (string, bool) {
	address, err := netip.ParseAddr(text)
	if err != nil || !address.Is6() || address.Zone() != "" {
		return "", false
	}
	return address.String(), true
}

// canonicalName takes a DNS name or an IPv4 address, which needs no other form.
func canonicalName(text string) (string, bool) {
	name := strings.ToLower(strings.TrimSuffix(text, "."))
	if name == "" || strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".") || strings.Contains(name, "..") {
		return "", false
	}
	for i := range len(name) {
		if !isNameByte(name[i]) {
			return "", false
		}
	}
	return name, true
}

func isNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_'
}

// hostHeader is the inverse of CanonicalHost: IPv6 addresses stand in brackets (RFC 9110 section 7.2).
func hostHeader(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}
