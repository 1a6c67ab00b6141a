package keystore_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/certwright/certwright/internal/keystore"
)

func TestPKCS12RoundTrip(t *testing.T) {
	c := newContent(t)
	for _, kind := range kinds[1:] {
		for _, password := range []string{password, "", "pässwörd"} {
			t.Run(string(kind)+"/"+password, func(t *testing.T) {
				store, trust := mustBuild(t, kind, c, password)
				key, leaf, above, err := pkcs12.DecodeChain(store, password)
				if err != nil {
					t.Fatal(err)
				}
				sameKey(t, key, c.Key)
				sameCerts(t, append([]*x509.Certificate{leaf}, above...), c.Chain[0], c.Chain[1], c.CA[0])
				trusted, err := pkcs12.DecodeTrustStore(trust, password)
				if err != nil {
					t.Fatal(err)
				}
				sameCerts(t, trusted, c.CA...)
				if _, _, _, err := pkcs12.DecodeChain(store, password+"x"); !errors.Is(err, pkcs12.ErrIncorrectPassword) {
					t.Errorf("another password: %v", err)
				}
			})
		}
	}
}

// The profiles differ in the algorithms they name, whose OIDs stand in clear.
func TestPKCS12Profiles(t *testing.T) {
	c := newContent(t)
	oids := map[string][]byte{
		"RC2-40":      {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 12, 1, 6},
		"3DES":        {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 12, 1, 3},
		"PBES2":       {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 13},
		"AES-256-CBC": {0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 42},
		"PBMAC1":      {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 14},
	}
	for kind, want := range map[keystore.Kind][]string{
		keystore.LegacyRC2:  {"3DES", "RC2-40"},
		keystore.LegacyDES:  {"3DES"},
		keystore.Modern2023: {"AES-256-CBC", "PBES2"},
		keystore.Modern2026: {"AES-256-CBC", "PBES2", "PBMAC1"},
	} {
		store, _ := mustBuild(t, kind, c, password)
		var found []string
		for name, oid := range oids {
			if bytes.Contains(store, oid) {
				found = append(found, name)
			}
		}
		slices.Sort(found)
		if diff := cmp.Diff(want, found); diff != "" {
			t.Errorf("%s: algorithms (-want +got):\n%s", kind, diff)
		}
	}
}

func TestPKCS12Kind(t *testing.T) {
	for profile, want := range map[string]keystore.Kind{
		"": keystore.LegacyRC2, "LegacyRC2": keystore.LegacyRC2, "LegacyDES": keystore.LegacyDES,
		"Modern2023": keystore.Modern2023, "Modern2026": keystore.Modern2026,
	} {
		if got, err := keystore.PKCS12Kind(profile); err != nil || got != want {
			t.Errorf("%q: %s, %v", profile, got, err)
		}
	}
	for _, profile := range []string{"JKS", "modern2023"} {
		if _, err := keystore.PKCS12Kind(profile); err == nil {
			t.Errorf("%q is accepted", profile)
		}
	}
}
