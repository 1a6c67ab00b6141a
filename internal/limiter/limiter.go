// Package limiter decides whether an ACME account may make an order now, so that no loop of ours can burn what
// a CA allows in a week: how many orders of the account, and how many certificates for exactly the same names.
//
// It is pure: it is given the time, what is remembered of the account and the limits, and keeps nothing itself.
// Package backend holds the state of every account, and imports it; it may import the standard library only.
package limiter

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Windows of the limits that issuers can set.
const (
	// OrdersWindow is the time in which a bucket of orders fills up.
	OrdersWindow = 3 * time.Hour
	// ExactSetWindow is how long a certificate counts against the next one for the same names, and so how long
	// it is remembered.
	ExactSetWindow = 7 * 24 * time.Hour
)

// MaxExactSet is the largest limit for one set of names that can be kept: no more certificates of a set are
// remembered.
const MaxExactSet = 50

// Hosts of the directories whose limits are known.
const (
	letsEncrypt        = "acme-v02.api.letsencrypt.org"
	letsEncryptStaging = "acme-staging-v02.api.letsencrypt.org"
)

// Limits are what one account keeps to. A number of zero means that there is no limit.
type Limits struct {
	// Orders is the capacity of a bucket of orders, which fills up evenly within OrdersPer, at most OrdersWindow.
	Orders    int
	OrdersPer time.Duration
	// ExactSet is how many certificates for exactly the same names are issued in ExactSetPer, which is at most
	// ExactSetWindow.
	ExactSet    int
	ExactSetPer time.Duration
}

// DefaultLimits are those for a directory, by its URL.
//
// Let's Encrypt allows an account 300 orders in 3 hours, its staging environment 1,500. A twentieth less is used
// here: it covers orders that the CA counted and whose answer was lost, those that a crash kept from being
// written down, and clocks that differ. Of the 5 certificates that it issues for exactly the same names in 7
// days, with no way to get more, one is left for a person to ask for. Staging issues 30,000 of them, which is no
// limit. Nothing is known of other directories.
func DefaultLimits(directory string) Limits {
	limits := Limits{OrdersPer: OrdersWindow, ExactSetPer: ExactSetWindow}
	parsed, err := url.Parse(directory)
	if err != nil {
		return limits
	}
	switch strings.ToLower(parsed.Hostname()) {
	case letsEncrypt:
		limits.Orders, limits.ExactSet = 285, 4
	case letsEncryptStaging:
		limits.Orders = 1425
	}
	return limits
}

// Order is what a decision depends on of an order.
type Order struct {
	// Set stands for the order's names, as SetOf makes it.
	Set string
	// Replaces says that the order names the certificate that it replaces, inside the window that the CA
	// suggested for that (RFC 9773 section 5): it counts against no limit.
	Replaces bool
	// PastBackstop says that the order renews a certificate that has little of its life left: names that were
	// issued too often are no reason to let it expire.
	PastBackstop bool
	// Forced says that a person wants the order although its names were issued too often.
	Forced bool
	// Before is how many orders of the account go first: those that were allowed and of which it is not known
	// yet whether they were made, and those that wait for longer.
	Before int
}

// SetOf is the same for the same names, in whatever order and case they are written, and does not tell them: the
// first half of a SHA-256 hash, in hex.
func SetOf(names []string) string {
	lower := make([]string, len(names))
	for i, name := range names {
		lower[i] = strings.ToLower(name)
	}
	slices.Sort(lower)
	return hash(fmt.Appendf(nil, "%q", slices.Compact(lower)), setBytes)
}

// Lengths of hashes. Where two orders of one set had the same hash, one certificate too many would be issued.
const (
	setBytes   = 16
	orderBytes = 8
)

func hash(data []byte, length int) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:length])
}
