package pki

import (
	"encoding/hex"
	"errors"
	"math/big"
	"regexp"
	"strings"
)

// MaxSerialOctets is the length of the longest serial number (RFC 5280 4.1.2.2).
const MaxSerialOctets = 20

// The forms of a serial number that programs print: hex without separators, and
// octets between colons. A zero octet before twenty others is how the encoding
// of a number with the highest bit set begins. The CRD of CertificateRevocation
// has the same two expressions.
var (
	plainSerial = regexp.MustCompile(`^(0[xX])?(00)?[0-9A-Fa-f]{1,40}$`)
	colonSerial = regexp.MustCompile(`^(00:)?[0-9A-Fa-f]{1,2}(:[0-9A-Fa-f]{2}){0,19}$`)
)

var errSerial = errors.New("not a serial number: write at most 20 octets in hex, such as 04AB12 or 04:ab:12")

// ParseSerial reads a serial number in hex, in either case, with or without 0x
// before it or colons between its octets. It does not read decimal numbers: the
// same digits mean another certificate there.
func ParseSerial(text string) (*big.Int, error) {
	var digits string
	switch {
	case plainSerial.MatchString(text):
		digits = strings.TrimPrefix(strings.TrimPrefix(text, "0x"), "0X")
	case colonSerial.MatchString(text):
		digits = strings.ReplaceAll(text, ":", "")
	default:
		return nil, errSerial
	}
	serial, ok := new(big.Int).SetString(digits, 16)
	if !ok {
		return nil, errSerial
	}
	return serial, nil
}

// FormatSerial writes a serial number in its one canonical form: upper-case hex,
// two digits for each octet, no separators. It is what `openssl x509 -serial`
// prints, which is what people have at hand to compare with; it is selected with
// a double click, and fits where a colon would not. A nil serial is "".
func FormatSerial(serial *big.Int) string {
	if serial == nil {
		return ""
	}
	octets := serial.Bytes()
	if len(octets) == 0 {
		octets = []byte{0}
	}
	return strings.ToUpper(hex.EncodeToString(octets))
}

// checkSerial refuses serial numbers that nobody has to be able to handle
// (RFC 5280 4.1.2.2).
func checkSerial(serial *big.Int) error {
	if serial == nil || serial.Sign() < 0 || len(serial.Bytes()) > MaxSerialOctets {
		return errors.New("a serial number is a number of at most 20 octets that is not negative")
	}
	return nil
}
