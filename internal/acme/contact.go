package acme

import (
	"net/url"
	"strings"
)

// checkContacts refuses what a client must not send as a contact: a mailto URL
// with header fields or with more than one address (RFC 8555 section 7.3). Other
// schemes are the CA's to judge.
func checkContacts(op string, contacts []string) error {
	for _, contact := range contacts {
		u, err := url.Parse(contact)
		if err != nil || u.Scheme == "" || (u.Scheme == "mailto" && !isOneAddress(u)) {
			return &ProtocolError{Op: op, Reason: ReasonBadURL, Field: "contact"}
		}
	}
	return nil
}

// isOneAddress says whether a mailto URL has one address and no header fields
// (RFC 6068 section 2: "," divides addresses, "?" begins the fields).
func isOneAddress(mailto *url.URL) bool {
	return strings.Contains(mailto.Opaque, "@") && !strings.Contains(mailto.Opaque, ",") &&
		mailto.RawQuery == "" && !mailto.ForceQuery
}
