package pki

import (
	"cmp"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"
)

// DefaultCRLLifetime is the time from thisUpdate to nextUpdate of a list whose
// maker says nothing else.
const DefaultCRLLifetime = 7 * 24 * time.Hour

// ErrInvalidCRL means that a revocation list cannot be read, or is not what its
// signer's list must be.
var ErrInvalidCRL = errors.New("invalid revocation list")

// CRL is the content of a complete certificate revocation list (RFC 5280 5) of
// one signing key. A signed list comes of it with Sign, and ParseCRL reads it
// back. Times are in UTC and whole seconds.
type CRL struct {
	// Number only ever grows from one list of a key to the next (RFC 5280 5.2.3).
	Number     *big.Int
	ThisUpdate time.Time
	NextUpdate time.Time
	// Entries are ordered by serial number, each of which is there once.
	Entries []CRLEntry
}

// CRLEntry is one revoked certificate.
type CRLEntry struct {
	Serial    *big.Int
	RevokedAt time.Time
	Reason    RevocationReason
	// NotAfter is when the certificate expires. A signed list has no place for
	// it: Expiries keeps it beside. An entry whose NotAfter is not known, the
	// zero time, is never dropped.
	NotAfter time.Time
}

// NewCRL begins the first list of a key, with no entries. A lifetime that is not
// positive means DefaultCRLLifetime. Its number is the time in seconds, so that
// numbers grow even where the lists before were lost.
func NewCRL(now time.Time, lifetime time.Duration) *CRL {
	if lifetime <= 0 {
		lifetime = DefaultCRLLifetime
	}
	thisUpdate := wholeSeconds(now)
	return &CRL{
		Number:     big.NewInt(thisUpdate.Unix()),
		ThisUpdate: thisUpdate,
		NextUpdate: wholeSeconds(thisUpdate.Add(lifetime)),
	}
}

// Next begins the list after c, which was published: with a higher number and
// c's entries, but for those whose certificates had expired before c was issued.
// They were in one list issued beyond their validity, which is how long they
// have to be (RFC 5280 3.3). A nil c gives the first list.
func (c *CRL) Next(now time.Time, lifetime time.Duration) *CRL {
	next := NewCRL(now, lifetime)
	if c == nil {
		return next
	}
	if c.Number.Cmp(next.Number) >= 0 {
		next.Number.Add(c.Number, big.NewInt(1))
	}
	for _, entry := range c.Entries {
		if entry.NotAfter.IsZero() || !entry.NotAfter.Before(c.ThisUpdate) {
			next.Entries = append(next.Entries, entry)
		}
	}
	return next
}

// Add puts a revoked certificate into the list and says whether that changed it.
// A serial number that is there keeps its time and its reason; only a NotAfter
// that was not known is taken over. Reasons that can be taken back
// (certificateHold) or take back (removeFromCRL) are refused: what is revoked
// here stays so.
func (c *CRL) Add(entry CRLEntry) (bool, error) {
	if entry.Reason == ReasonCertificateHold || entry.Reason == ReasonRemoveFromCRL {
		return false, fmt.Errorf("%w: a certificate cannot be held back for a time: revoke it with another reason", ErrRefused)
	}
	entry.RevokedAt, entry.NotAfter = wholeSeconds(entry.RevokedAt), wholeSeconds(entry.NotAfter)
	if err := entry.check(); err != nil {
		return false, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	at, found := c.find(entry.Serial)
	if !found {
		entry.Serial = new(big.Int).Set(entry.Serial)
		c.Entries = slices.Insert(c.Entries, at, entry)
		return true, nil
	}
	if !c.Entries[at].NotAfter.IsZero() || entry.NotAfter.IsZero() {
		return false, nil
	}
	c.Entries[at].NotAfter = entry.NotAfter
	return true, nil
}

// Entry gives the entry of a serial number.
func (c *CRL) Entry(serial *big.Int) (CRLEntry, bool) {
	at, found := c.find(serial)
	if !found {
		return CRLEntry{}, false
	}
	return c.Entries[at], true
}

func (c *CRL) find(serial *big.Int) (int, bool) {
	return slices.BinarySearchFunc(c.Entries, serial, func(e CRLEntry, serial *big.Int) int { return e.Serial.Cmp(serial) })
}

// Due is when the list has to be signed anew at the latest: with a third of its
// lifetime left, so that nobody has to do without while the signer is away.
func (c *CRL) Due() time.Time {
	return c.NextUpdate.Add(-c.NextUpdate.Sub(c.ThisUpdate) / 3)
}

// MergeCRLs unites two lists of one signing key that were made of the same one
// before. Of two entries for a certificate the earlier revocation counts, and
// the later NotAfter, if any is known. Number and times are those of the list
// with the higher number; Next makes the list to be signed. The order of the two
// does not matter, and either may be nil.
func MergeCRLs(a, b *CRL) *CRL {
	if a == nil || b == nil {
		return cmp.Or(a, b)
	}
	newer := *a
	if compareIssue(b, a) > 0 {
		newer = *b
	}
	newer.Entries = inSerialOrder(slices.Concat(a.Entries, b.Entries))
	return &newer
}

func compareIssue(a, b *CRL) int {
	return cmp.Or(a.Number.Cmp(b.Number), a.ThisUpdate.Compare(b.ThisUpdate), a.NextUpdate.Compare(b.NextUpdate))
}

// inSerialOrder sorts the entries, which it may reorder in place, and leaves one
// of each serial number.
func inSerialOrder(entries []CRLEntry) []CRLEntry {
	slices.SortFunc(entries, func(a, b CRLEntry) int {
		return cmp.Or(a.Serial.Cmp(b.Serial), a.RevokedAt.Compare(b.RevokedAt), cmp.Compare(a.Reason.weight(), b.Reason.weight()))
	})
	var out []CRLEntry
	for _, entry := range entries {
		last := len(out) - 1
		if last < 0 || out[last].Serial.Cmp(entry.Serial) != 0 {
			out = append(out, entry)
			continue
		}
		if entry.NotAfter.After(out[last].NotAfter) {
			out[last].NotAfter = entry.NotAfter
		}
	}
	return out
}

// check says whether the list can be signed.
func (c *CRL) check() error {
	if c.Number == nil || c.Number.Sign() < 0 {
		return errors.New("the number of the revocation list is missing or negative")
	}
	if !c.NextUpdate.After(c.ThisUpdate) {
		return errors.New("the revocation list has no lifetime: its next update must come after this one")
	}
	for i, entry := range c.Entries {
		if err := entry.check(); err != nil {
			return err
		}
		if i > 0 && c.Entries[i-1].Serial.Cmp(entry.Serial) >= 0 {
			return errors.New("the entries of the revocation list are not in the order of their serial numbers, each once")
		}
	}
	return nil
}

func (e CRLEntry) check() error {
	if err := checkSerial(e.Serial); err != nil {
		return err
	}
	if e.RevokedAt.IsZero() {
		return errors.New("an entry of the revocation list does not say when the certificate was revoked")
	}
	if !e.Reason.listable() {
		return errors.New("an entry of the revocation list has a reason that complete lists do not have")
	}
	return nil
}

// wholeSeconds is the precision of a list (RFC 5280 5.1.2.4). The zero time
// stays.
func wholeSeconds(t time.Time) time.Time {
	return t.UTC().Truncate(time.Second)
}
