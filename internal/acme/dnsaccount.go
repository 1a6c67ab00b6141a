package acme

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

// accountLabelBytes is how much of the hash goes into the label.
const accountLabelBytes = 10

// DNSAccount01Name returns the name of the TXT record that answers a
// dns-account-01 challenge for a domain without "*."; its value is that of
// DNS01Value. The label comes from the account's URL, so that several accounts
// can prove control of a name side by side (draft-ietf-acme-dns-account-label).
func DNSAccount01Name(accountURL, domain string) string {
	sum := sha256.Sum256([]byte(accountURL))
	label := strings.ToLower(base32.StdEncoding.EncodeToString(sum[:accountLabelBytes]))
	return "_" + label + "._acme-challenge." + domain
}
