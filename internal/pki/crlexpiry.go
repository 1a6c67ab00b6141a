package pki

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"time"
)

// expiriesVersion is the first octet of what Expiries gives.
const expiriesVersion = 1

var errExpiries = errors.New("the expiry times do not belong to this revocation list: its entries stay until they are known again")

// Expiries gives the NotAfter of every entry, to be kept beside the signed list
// and written together with it. It is about a tenth of the list in size: a
// version, a hash of the serial numbers, and for each entry, in their order, the
// seconds since 1970 as a varint, zero where the time is not known.
func (c *CRL) Expiries() []byte {
	out := append([]byte{expiriesVersion}, c.serialsHash()...)
	for _, entry := range c.Entries {
		var seconds uint64
		if at := entry.NotAfter.Unix(); at > 0 {
			seconds = uint64(at)
		}
		out = binary.AppendUvarint(out, seconds)
	}
	return out
}

// SetExpiries takes over what Expiries gave for a list with the same entries.
// Where they are others, or the data is damaged, it changes nothing and says so:
// without its expiry an entry merely stays in the list for longer.
func (c *CRL) SetExpiries(data []byte) error {
	header := append([]byte{expiriesVersion}, c.serialsHash()...)
	rest, ok := bytes.CutPrefix(data, header)
	if !ok {
		return errExpiries
	}
	times := make([]time.Time, 0, len(c.Entries))
	for range c.Entries {
		seconds, size := binary.Uvarint(rest)
		if size <= 0 || seconds > maxUnixSeconds {
			return errExpiries
		}
		rest = rest[size:]
		var at time.Time
		if seconds > 0 {
			at = time.Unix(int64(seconds), 0).UTC()
		}
		times = append(times, at)
	}
	if len(rest) > 0 {
		return errExpiries
	}
	for i, at := range times {
		c.Entries[i].NotAfter = at
	}
	return nil
}

// maxUnixSeconds is the end of the year 9999, the last that a certificate can
// name (RFC 5280 4.1.2.5).
const maxUnixSeconds = 253402300799

func (c *CRL) serialsHash() []byte {
	hash := sha256.New()
	for _, entry := range c.Entries {
		octets := entry.Serial.Bytes()
		hash.Write([]byte{byte(len(octets))})
		hash.Write(octets)
	}
	return hash.Sum(nil)
}
