package pki

import (
	"errors"
	"fmt"
	"net/mail"
	"net/netip"
	"net/url"
	"strings"
)

const (
	// RFC 1035 2.3.4 allows 255 octets on the wire, two more than in text.
	maxDNSName  = 253
	maxDNSLabel = 63
)

// NormalizeDNSName returns a DNS name in the one form in which this package
// encodes and compares it: lower-case A-labels without a trailing dot. A
// wildcard may only be the whole left-most label (RFC 9525 6.3). Underscores
// are accepted, since private CAs issue for such names.
func NormalizeDNSName(name string) (string, error) {
	switch {
	case name == "":
		return "", errors.New("a DNS name must not be empty")
	case !isASCII(name):
		return "", fmt.Errorf("DNS name %q has characters outside ASCII: write it in its A-label form (xn--…)", name)
	case len(name) > maxDNSName:
		return "", fmt.Errorf("a DNS name must not be longer than %d characters", maxDNSName)
	case strings.HasSuffix(name, "."):
		return "", fmt.Errorf("DNS name %q must not end with a dot", name)
	}
	labels := strings.Split(strings.ToLower(name), ".")
	if labels[0] == "*" {
		labels = labels[1:]
	}
	if len(labels) == 0 {
		return "", errors.New("DNS name \"*\" needs a domain after the wildcard")
	}
	for _, label := range labels {
		if err := checkLabel(label); err != nil {
			return "", fmt.Errorf("DNS name %q: %w", name, err)
		}
	}
	return strings.ToLower(name), nil
}

func checkLabel(label string) error {
	switch {
	case label == "":
		return errors.New("a label must not be empty")
	case len(label) > maxDNSLabel:
		return fmt.Errorf("a label must not be longer than %d characters", maxDNSLabel)
	case strings.Contains(label, "*"):
		return errors.New("a wildcard must be the whole left-most label")
	case label[0] == '-' || label[len(label)-1] == '-':
		return errors.New("a label must not begin or end with a hyphen")
	}
	for i := range len(label) {
		if !isLabelByte(label[i]) {
			return errors.New("a label may have letters, digits, hyphens and underscores only")
		}
	}
	return nil
}

func isLabelByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// normalizeIP returns an IP address in its shortest text form, IPv4 addresses
// mapped into IPv6 as IPv4.
func normalizeIP(text string) (string, error) {
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		return "", fmt.Errorf("%q is not an IP address", text)
	}
	return addr.Unmap().String(), nil
}

// normalizeEmail accepts a bare address (RFC 5322 3.4.1 addr-spec) in ASCII,
// which is what rfc822Name can hold (RFC 5280 4.2.1.6).
func normalizeEmail(text string) (string, error) {
	addr, err := mail.ParseAddress(text)
	if err != nil || addr.Address != text || !isASCII(text) {
		return "", fmt.Errorf("%q is not a bare ASCII e-mail address", text)
	}
	return text, nil
}

// normalizeURI accepts an absolute URI in ASCII (RFC 5280 4.2.1.6) whose host,
// if it has one, crypto/x509 can read back.
func normalizeURI(text string) (string, error) {
	if !isPrintableASCII(text) {
		return "", fmt.Errorf("URI %q must consist of printable ASCII characters without spaces", text)
	}
	uri, err := url.Parse(text)
	if err != nil {
		return "", fmt.Errorf("%q is not a URI", text)
	}
	if uri.Scheme == "" || uri.Opaque == "" && uri.Host == "" && uri.Path == "" {
		return "", fmt.Errorf("URI %q must be absolute: it needs a scheme and something after it", text)
	}
	if uri.Host == "" {
		return text, nil
	}
	for label := range strings.SplitSeq(uri.Host, ".") {
		if label == "" || len(label) > maxDNSLabel {
			return "", fmt.Errorf("URI %q has a host that is not a domain name or IP address", text)
		}
	}
	return text, nil
}

func isPrintableASCII(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// normalizeOtherName checks the OID and the value of an otherName.
func normalizeOtherName(name OtherName) (OtherName, error) {
	if _, err := parseOID(name.OID); err != nil {
		return OtherName{}, err
	}
	if err := checkText(name.UTF8Value); err != nil {
		return OtherName{}, fmt.Errorf("value of otherName %s %w", name.OID, err)
	}
	return name, nil
}

// names are subject alternative names in the normalized form in which they are
// encoded and compared.
type names struct {
	dns, ips, uris, emails []string
	others                 []OtherName
}

func (n names) empty() bool {
	return len(n.dns)+len(n.ips)+len(n.uris)+len(n.emails)+len(n.others) == 0
}

// normalizeNames normalizes every name and drops repetitions. The error joins
// all mistakes, each under the API name of its field.
func normalizeNames(raw names) (names, error) {
	dns, errDNS := normalizeAll("dnsNames", raw.dns, NormalizeDNSName)
	ips, errIPs := normalizeAll("ipAddresses", raw.ips, normalizeIP)
	uris, errURIs := normalizeAll("uris", raw.uris, normalizeURI)
	emails, errEmails := normalizeAll("emailAddresses", raw.emails, normalizeEmail)
	others, errOthers := normalizeAll("otherNames", raw.others, normalizeOtherName)
	return names{dns: dns, ips: ips, uris: uris, emails: emails, others: others},
		errors.Join(errDNS, errIPs, errURIs, errEmails, errOthers)
}

// normalizeAll applies normalize to every element and keeps the first of
// equals, in order.
func normalizeAll[T comparable](field string, in []T, normalize func(T) (T, error)) ([]T, error) {
	if len(in) == 0 {
		return nil, nil
	}
	out := make([]T, 0, len(in))
	seen := make(map[T]struct{}, len(in))
	var errs []error
	for i, raw := range in {
		name, err := normalize(raw)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s[%d]: %w", field, i, err))
			continue
		}
		if _, ok := seen[name]; !ok {
			seen[name] = struct{}{}
			out = append(out, name)
		}
	}
	return out, errors.Join(errs...)
}
