package crl

import (
	"crypto/ed25519"
	"testing"
	"time"
)

// FuzzLedger puts anything into the two Secrets: what is stored after a pass is a list that the key signed, and the
// next pass changes nothing.
func FuzzLedger(f *testing.F) {
	// The same key in every process, and signatures without chance in them, so that the fuzzer sees what its input did.
	ca := authority{key: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))}.signer(f)
	id := idOf(f, ca)
	k, _ := kept(f, known{current: ca}, now, 1, 2)
	f.Add(id, k.lists[id+listSuffix], k.lists[id+expiriesSuffix], k.keys[id+certSuffix], k.keys[id+keySuffix])
	f.Add("x", []byte("x"), []byte{}, k.keys[id+certSuffix], []byte("x"))
	f.Fuzz(func(t *testing.T, name string, list, expiries, cert, key []byte) {
		k := known{current: ca, lists: map[string][]byte{name + listSuffix: list, name + expiriesSuffix: expiries},
			keys: map[string][]byte{name + certSuffix: cert, name + keySuffix: key}}
		after, l := kept(t, k, now.Add(time.Minute))
		if l.lines[id].list == nil || after.lists[id+listSuffix] == nil || after.keys[id+keySuffix] == nil {
			t.Fatal("the current key has no list")
		}
		if _, again := kept(t, after, now.Add(2*time.Minute)); again.lines[id].signed {
			t.Error("the second pass signed anew")
		}
	})
}
