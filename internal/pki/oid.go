package pki

import (
	"encoding/asn1"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	maxOIDText = 128
	maxText    = 1024
)

// parseOID reads a dotted object identifier. Arcs above 2^31-1 are refused:
// encoding/asn1 could not read them back.
func parseOID(text string) (asn1.ObjectIdentifier, error) {
	if len(text) > maxOIDText {
		return nil, fmt.Errorf("an OID must not be longer than %d characters", maxOIDText)
	}
	parts := strings.Split(text, ".")
	if len(parts) < 2 {
		return nil, fmt.Errorf("%q is not a dotted OID", text)
	}
	oid := make(asn1.ObjectIdentifier, 0, len(parts))
	for _, part := range parts {
		arc, err := parseArc(part)
		if err != nil {
			return nil, fmt.Errorf("%q is not a dotted OID: %w", text, err)
		}
		oid = append(oid, arc)
	}
	// X.660: the first arc is 0, 1 or 2; below 0 and 1 there are 40 arcs.
	// The two are encoded as one number, which has to fit as well.
	if oid[0] > 2 || oid[0] < 2 && oid[1] >= 40 || oid[1] > math.MaxInt32-80 {
		return nil, fmt.Errorf("%q is not a dotted OID: its first two arcs do not exist", text)
	}
	return oid, nil
}

func parseArc(text string) (int, error) {
	if text == "" || text[0] < '0' || text[0] > '9' || len(text) > 1 && text[0] == '0' {
		return 0, errors.New("an arc is a decimal number without leading zeros")
	}
	arc, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, errors.New("an arc is a number below 2^31")
	}
	return int(arc), nil
}

// checkText refuses what a DirectoryString (RFC 5280 4.1.2.4) or UTF8String
// of ours must not hold.
func checkText(text string) error {
	switch {
	case text == "":
		return errors.New("must not be empty")
	case len(text) > maxText:
		return fmt.Errorf("must not be longer than %d bytes", maxText)
	case !utf8.ValidString(text):
		return errors.New("must be valid UTF-8")
	case strings.ContainsRune(text, 0):
		return errors.New("must not contain a null character")
	}
	return nil
}
