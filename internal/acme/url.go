package acme

import (
	"net"
	"net/url"
	"slices"
	"strings"
)

// maxURL bounds, in bytes, every URL taken from a CA; they end up in the status of objects.
const maxURL = 2048

// checkURL parses a URL and refuses one this client must not ask: without TLS,
// with user information, or at a host that is neither the directory's nor allowed.
func (c *Client) checkURL(op, raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || len(raw) > maxURL || u.Hostname() == "" || u.User != nil {
		return nil, &ProtocolError{Op: op, Reason: ReasonBadURL}
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !c.AllowHTTP) {
		return nil, &ProtocolError{Op: op, Reason: ReasonInsecureURL, Host: cleanText(u.Host, maxShortText)}
	}
	if !c.hostAllowed(u) {
		return nil, &ProtocolError{Op: op, Reason: ReasonForeignHost, Host: cleanText(u.Host, maxShortText)}
	}
	return u, nil
}

func (c *Client) hostAllowed(u *url.URL) bool {
	host := hostPort(u)
	if base, err := url.Parse(c.Directory); err == nil && hostPort(base) == host {
		return true
	}
	return slices.ContainsFunc(c.AllowedHosts, func(allowed string) bool {
		allowed = strings.ToLower(allowed)
		return allowed == host || strings.Trim(allowed, "[]") == strings.ToLower(u.Hostname())
	})
}

// hostPort returns the lower-case host and port, with the scheme's port where
// the URL has none.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" && u.Scheme == "https" {
		port = "443"
	}
	if port == "" && u.Scheme == "http" {
		port = "80"
	}
	return strings.ToLower(net.JoinHostPort(u.Hostname(), port))
}

// resolve returns an absolute reference byte for byte, since the CA compares
// the signed url with its own (RFC 8555 section 6.4), and resolves a relative
// one against the URL of the request (RFC 9110 section 10.2.2). What cannot be
// parsed comes back as it is and is refused when it is checked.
func resolve(base *url.URL, ref string) string {
	u, err := url.Parse(ref)
	if err != nil || u.IsAbs() || ref == "" {
		return ref
	}
	return base.ResolveReference(u).String()
}

func resolveAll(base *url.URL, refs []string) []string {
	resolved := make([]string, len(refs))
	for i, ref := range refs {
		resolved[i] = resolve(base, ref)
	}
	return resolved
}

// location returns the Location header of an answer, checked: the identity of
// a new account or order (RFC 8555 sections 7.3 and 7.4).
func (c *Client) location(resp *response) (string, error) {
	ref := resp.header.Get("Location")
	if ref == "" {
		return "", &ProtocolError{Op: resp.op, Reason: ReasonMissing, Field: "Location"}
	}
	location := resolve(resp.url, ref)
	if _, err := c.checkURL(resp.op, location); err != nil {
		return "", err
	}
	return location, nil
}
