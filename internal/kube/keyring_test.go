package kube_test

import (
	"testing"

	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/pki"
)

func TestKeyringIsBounded(t *testing.T) {
	key, err := pki.GenerateKey(pki.KeySpec{Algorithm: pki.Ed25519})
	if err != nil {
		t.Fatal(err)
	}
	ring := kube.NewKeyring(2)
	ring.Put("a", key)
	ring.Put("b", key)
	ring.Put("a", key)
	ring.Put("c", key)
	if ring.Get("a") != nil {
		t.Error("the oldest key is kept beyond the limit")
	}
	if ring.Get("b") == nil || ring.Get("c") == nil {
		t.Error("a key within the limit is lost")
	}
	ring.Drop("b")
	if ring.Get("b") != nil {
		t.Error("a dropped key is still there")
	}
	ring.Drop("never put")
}
