package keystore

import (
	"crypto/x509"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"software.sslmate.com/src/go-pkcs12"
)

var encoders = map[Kind]*pkcs12.Encoder{
	LegacyRC2:  pkcs12.LegacyRC2,
	LegacyDES:  pkcs12.LegacyDES,
	Modern2023: pkcs12.Modern2023,
	Modern2026: pkcs12.Modern2026,
}

// pkcs12Files returns the files in the format of RFC 7292. Readers take the
// certificates that follow the leaf for its chain, so the CA comes last.
func pkcs12Files(kind Kind, c Content, password string) (files, error) {
	encoder, ok := encoders[kind]
	if !ok {
		return files{}, fmt.Errorf("unknown kind of keystore %q", kind)
	}
	above := slices.Concat(c.Chain[1:], c.withoutKnown())
	out := files{keystore: func(random io.Reader) ([]byte, error) {
		return encoder.WithRand(random).Encode(c.Key, c.Chain.Leaf(), above, password)
	}}
	if len(c.CA) > 0 {
		entries := trustEntries(c.uniqueCA())
		out.truststore = func(random io.Reader) ([]byte, error) {
			return encoder.WithRand(random).EncodeTrustStoreEntries(entries, password)
		}
	}
	return out, nil
}

// trustEntries names each certificate by its subject. Java takes two entries of
// one name for one entry, so repeated names get a number.
func trustEntries(ca []*x509.Certificate) []pkcs12.TrustStoreEntry {
	out := make([]pkcs12.TrustStoreEntry, 0, len(ca))
	seen := make(map[string]int, len(ca))
	for _, cert := range ca {
		name := strings.Map(inPlaneZero, cert.Subject.String())
		if seen[name]++; seen[name] > 1 {
			name = fmt.Sprintf("%s (%d)", name, seen[name])
		}
		out = append(out, pkcs12.TrustStoreEntry{Cert: cert, FriendlyName: name})
	}
	return out
}

// inPlaneZero replaces characters that a BMPString cannot hold.
func inPlaneZero(char rune) rune {
	if char > 0xffff {
		return utf8.RuneError
	}
	return char
}
