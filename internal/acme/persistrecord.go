package acme

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxPersistRecord bounds, in bytes, the value of a record that is read; a
// record for the longest account URL is well below.
const maxPersistRecord = 4096

// maxTXTString is the length of one string of a TXT record (RFC 1035 section 3.3).
const maxTXTString = 255

// maxPersistUntil is the end of the year 9999 in Unix seconds.
const maxPersistUntil = 253402300799

// wsp is white space as RFC 5234 section B.1 has it.
const wsp = " \t"

// ErrPersistRecord is wrapped by the error about a dns-persist-01 record that
// is malformed, which no CA accepts.
var ErrPersistRecord = errors.New("malformed dns-persist-01 record")

// PersistRecord is a TXT record for dns-persist-01: the permission for one
// account at one CA (draft-ietf-acme-dns-persist-02 section 4.1). Several
// records, one for each CA, may stand at a name.
type PersistRecord struct {
	Issuer     string // a domain name of the CA
	AccountURI string
	Wildcard   bool
	Until      time.Time // in whole seconds; zero means that there is no end
}

// Value returns the value of the TXT record, in the syntax of RFC 8659 section
// 4.2. It may be longer than one string of a record can be; see TXTStrings.
func (r PersistRecord) Value() (string, error) {
	if !isDomainName(r.Issuer) {
		return "", fmt.Errorf("%w: the issuer is not a domain name in lower case", ErrPersistRecord)
	}
	if r.AccountURI == "" || !isPersistValue(r.AccountURI) {
		return "", fmt.Errorf("%w: the account URI cannot stand in a record", ErrPersistRecord)
	}
	value := r.Issuer + "; accounturi=" + r.AccountURI
	if r.Wildcard {
		value += "; policy=wildcard"
	}
	if !r.Until.IsZero() {
		value += "; persistUntil=" + strconv.FormatInt(r.Until.Unix(), 10)
	}
	return value, nil
}

// Permits says whether a record found in the DNS is as good as the one wanted,
// now. Account URIs compare byte for byte.
func (r PersistRecord) Permits(wanted PersistRecord, now time.Time) bool {
	if !r.Until.IsZero() && now.After(r.Until) {
		return false
	}
	return r.Issuer == wanted.Issuer && r.AccountURI == wanted.AccountURI && (r.Wildcard || !wanted.Wildcard)
}

// ParsePersistRecord reads the value of a TXT record, its strings joined.
// Unknown parameters are ignored; duplicates, a ";" at the end and a missing
// account make it malformed.
func ParsePersistRecord(value string) (PersistRecord, error) {
	if len(value) > maxPersistRecord {
		return PersistRecord{}, fmt.Errorf("%w: it is too long", ErrPersistRecord)
	}
	issuer, rest, found := strings.Cut(value, ";")
	record := PersistRecord{Issuer: strings.ToLower(strings.Trim(issuer, wsp))}
	if !isDomainName(record.Issuer) {
		return PersistRecord{}, fmt.Errorf("%w: it does not begin with the domain name of a CA", ErrPersistRecord)
	}
	seen := map[string]bool{}
	for more := found; more; {
		var parameter string
		parameter, rest, more = strings.Cut(rest, ";")
		if err := record.read(parameter, seen); err != nil {
			return PersistRecord{}, err
		}
	}
	if record.AccountURI == "" {
		return PersistRecord{}, fmt.Errorf("%w: it has no accounturi", ErrPersistRecord)
	}
	return record, nil
}

// read takes one parameter. Tags are compared without regard to case (RFC 8659
// section 4.2).
func (r *PersistRecord) read(parameter string, seen map[string]bool) error {
	tag, value, found := strings.Cut(parameter, "=")
	tag, value = strings.ToLower(strings.Trim(tag, wsp)), strings.Trim(value, wsp)
	if !found || !isPersistTag(tag) || !isPersistValue(value) {
		return fmt.Errorf("%w: a parameter is not of the form tag=value", ErrPersistRecord)
	}
	if seen[tag] {
		return fmt.Errorf("%w: a parameter is there twice", ErrPersistRecord)
	}
	seen[tag] = true
	switch tag {
	case "accounturi":
		r.AccountURI = value
	case "policy":
		r.Wildcard = strings.EqualFold(value, "wildcard")
	case "persistuntil":
		return r.readUntil(value)
	}
	return nil
}

func (r *PersistRecord) readUntil(value string) error {
	seconds, err := strconv.ParseInt(value, 10, 64)
	if err != nil || !isDigits(value) {
		return fmt.Errorf("%w: persistUntil is not a number of seconds", ErrPersistRecord)
	}
	r.Until = time.Unix(min(seconds, maxPersistUntil), 0).UTC()
	return nil
}

// isPersistTag checks a tag in lower case: letters and digits, hyphens inside
// (RFC 8659 section 4.2).
func isPersistTag(tag string) bool {
	return tag != "" && tag[0] != '-' && tag[len(tag)-1] != '-' && strings.Trim(tag, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// isPersistValue checks for visible ASCII without ";" (RFC 8659 section 4.2).
func isPersistValue(value string) bool {
	for i := range len(value) {
		if value[i] < '!' || value[i] > '~' || value[i] == ';' {
			return false
		}
	}
	return true
}

// TXTStrings divides the value of a TXT record into strings of at most 255
// bytes, in which records hold it (RFC 1035 section 3.3.14).
func TXTStrings(value string) []string {
	var parts []string
	for len(value) > maxTXTString {
		parts = append(parts, value[:maxTXTString])
		value = value[maxTXTString:]
	}
	return append(parts, value)
}
