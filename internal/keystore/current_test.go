package keystore_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"slices"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/certwright/certwright/internal/keystore"
	"github.com/certwright/certwright/internal/pki"
)

func TestCurrent(t *testing.T) {
	c := newContent(t)
	otherKey, otherCert := newCert(t, "leaf", nil, nil)
	for _, kind := range kinds {
		store, trust := mustBuild(t, kind, c, password)
		otherStore, otherTrust := mustBuild(t, kind, c, password+"x")
		otherKind := keystore.Modern2023
		if kind == otherKind {
			otherKind = keystore.Modern2026
		}
		tests := []struct {
			name         string
			kind         keystore.Kind
			content      keystore.Content
			password     string
			store, trust []byte
			want         bool
		}{
			{"same", kind, c, password, store, trust, true},
			{"another password", kind, c, password + "x", store, trust, false},
			{"truststore under another password", kind, c, password, store, otherTrust, false},
			{"keystore under another password", kind, c, password, otherStore, trust, false},
			{"another kind", otherKind, c, password, store, trust, false},
			{"another key", kind, keystore.Content{Key: otherKey, Chain: pki.Chain{otherCert}, CA: c.CA}, password, store, trust, false},
			{"shorter chain", kind, keystore.Content{Key: c.Key, Chain: c.Chain[:1], CA: c.CA}, password, store, trust, false},
			{"another CA", kind, keystore.Content{Key: c.Key, Chain: c.Chain, CA: c.Chain[1:]}, password, store, trust, false},
			{"CA forgotten", kind, keystore.Content{Key: c.Key, Chain: c.Chain}, password, store, trust, false},
			{"no truststore", kind, c, password, store, nil, false},
			{"no keystore", kind, c, password, nil, trust, false},
			{"nothing", kind, c, password, nil, nil, false},
			{"mixed up", kind, c, password, trust, store, false},
			{"cut short", kind, c, password, store[:len(store)-1], trust, false},
			{"one byte more", kind, c, password, append(slices.Clone(store), 0), trust, false},
			{"no keystore at all", kind, c, password, make([]byte, len(store)), trust, false},
		}
		for _, test := range tests {
			if got := keystore.Current(test.kind, test.content, test.password, test.store, test.trust); got != test.want {
				t.Errorf("%s, %s: got %t", kind, test.name, got)
			}
		}
		withoutCA := keystore.Content{Key: c.Key, Chain: c.Chain}
		store, _ = mustBuild(t, kind, withoutCA, password)
		if !keystore.Current(kind, withoutCA, password, store, nil) {
			t.Errorf("%s: without a CA it is not current", kind)
		}
		if keystore.Current(kind, withoutCA, password, store, trust) {
			t.Errorf("%s: a truststore of a CA no longer known is current", kind)
		}
	}
}

// Every byte counts, those of the salts too: a salt that changed no longer fits
// what it salted. Deriving keys is slow, so PKCS#12 is sampled.
func TestCurrentNoticesEveryByte(t *testing.T) {
	c := newContent(t)
	for kind, step := range map[keystore.Kind]int{keystore.JKS: 1, keystore.LegacyRC2: 61, keystore.Modern2026: 83} {
		store, trust := mustBuild(t, kind, c, password)
		for at := 0; at < len(store); at += step {
			if keystore.Current(kind, c, password, flipped(store, at), trust) {
				t.Errorf("%s: byte %d of the keystore does not count", kind, at)
			}
		}
		for at := 0; at < len(trust); at += step {
			if keystore.Current(kind, c, password, store, flipped(trust, at)) {
				t.Errorf("%s: byte %d of the truststore does not count", kind, at)
			}
		}
	}
}

// flipped returns a copy with one bit of one byte changed.
func flipped(data []byte, at int) []byte {
	out := bytes.Clone(data)
	out[at] ^= 1
	return out
}

func TestCurrentComparesTheJKSAlias(t *testing.T) {
	c := newContent(t)
	store, trust := mustBuild(t, keystore.JKS, c, password)
	for alias, want := range map[string]bool{"": true, "Certificate": true, "mine": false, "another-one": false} {
		c.Alias = alias
		if got := keystore.Current(keystore.JKS, c, password, store, trust); got != want {
			t.Errorf("alias %q: %t", alias, got)
		}
	}
}

// A renewed certificate of the same length makes a new file.
func TestCurrentAfterRenewal(t *testing.T) {
	key, cert := newCert(t, "self", nil, nil)
	c := keystore.Content{Key: key, Chain: pki.Chain{cert}}
	for _, kind := range kinds {
		store, _ := mustBuild(t, kind, c, password)
		renewed := c
		renewed.Chain = pki.Chain{certFor(t, "self", key, nil, nil)}
		if keystore.Current(kind, renewed, password, store, nil) {
			t.Errorf("%s: the file of the old certificate is current", kind)
		}
	}
}

// Two builds differ in their salts, or a salt would tell nothing.
func TestBuildSalts(t *testing.T) {
	c := newContent(t)
	for _, kind := range kinds {
		first, _ := mustBuild(t, kind, c, password)
		second, _ := mustBuild(t, kind, c, password)
		if bytes.Equal(first, second) {
			t.Errorf("%s: two builds are the same", kind)
		}
	}
	_, first := mustBuild(t, keystore.JKS, c, password)
	_, second := mustBuild(t, keystore.JKS, c, password)
	if !bytes.Equal(first, second) {
		t.Error("two JKS truststores differ although nothing in them is salted")
	}
}

// Time passing, or a move to another time zone, is no change.
func TestCurrentDoesNotDependOnTheClock(t *testing.T) {
	c := newContent(t)
	store, trust := mustBuild(t, keystore.JKS, c, password)
	leaf := *c.Chain[0]
	leaf.NotBefore = leaf.NotBefore.In(time.FixedZone("X", 3600))
	c.Chain = pki.Chain{&leaf, c.Chain[1]}
	if !keystore.Current(keystore.JKS, c, password, store, trust) {
		t.Error("not current in another time zone")
	}
}

// fixedContent is the same in every process, so that a fuzzer's workers agree on
// it: Ed25519 signatures have no random part.
func fixedContent(t testing.TB) keystore.Content {
	t.Helper()
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	cert := certFor(t, "self", key, nil, nil)
	return keystore.Content{Key: key, Chain: pki.Chain{cert}, CA: []*x509.Certificate{cert}}
}

func FuzzCurrent(f *testing.F) {
	c := fixedContent(f)
	for i, kind := range kinds {
		store, trust := mustBuild(f, kind, c, password)
		f.Add(uint8(i), store, trust)
	}
	// A count of entries that would not fit into memory, and a BER length.
	f.Add(uint8(0), []byte{0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0xff, 0xff, 0xff, 0xff}, []byte{0x30, 0x80})
	f.Fuzz(func(t *testing.T, which uint8, store, trust []byte) {
		kind := kinds[int(which)%len(kinds)]
		if !keystore.Current(kind, c, password, store, trust) {
			return
		}
		if kind == keystore.JKS {
			loadJKS(t, store, password)
			loadJKS(t, trust, password)
			return
		}
		key, leaf, above, err := pkcs12.DecodeChain(store, password)
		if err != nil {
			t.Fatal(err)
		}
		sameKey(t, key, c.Key)
		sameCerts(t, append(above, leaf), c.Chain...)
	})
}

func BenchmarkBuild(b *testing.B) {
	c := newContent(b)
	for _, kind := range kinds {
		b.Run(string(kind), func(b *testing.B) {
			for b.Loop() {
				mustBuild(b, kind, c, password)
			}
		})
	}
}

func BenchmarkCurrent(b *testing.B) {
	c := newContent(b)
	for _, kind := range kinds {
		b.Run(string(kind), func(b *testing.B) {
			store, trust := mustBuild(b, kind, c, password)
			for b.Loop() {
				if !keystore.Current(kind, c, password, store, trust) {
					b.Fatal("not current")
				}
			}
		})
	}
}
