package kube

import (
	"container/list"
	"crypto"
	"sync"
)

// Keyring holds the private keys of requests that this process approves and signs itself, in memory
// only and lost with the process on purpose: asking such an issuer again costs nothing, so a lost
// key means the next attempt. It is bounded; the oldest key goes first.
type Keyring struct {
	mu    sync.Mutex
	limit int
	order *list.List
	keys  map[string]*list.Element
}

type heldKey struct {
	id  string
	key crypto.Signer
}

// NewKeyring makes a keyring for at most limit keys.
func NewKeyring(limit int) *Keyring {
	return &Keyring{limit: limit, order: list.New(), keys: map[string]*list.Element{}}
}

// Put holds key under the hash of its public key (pki.PublicKeyID).
func (r *Keyring) Put(id string, key crypto.Signer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.keys[id]; ok {
		return
	}
	r.keys[id] = r.order.PushBack(heldKey{id: id, key: key})
	for r.order.Len() > r.limit {
		r.drop(r.order.Front())
	}
}

// Get returns the key with this public key hash, or nil.
func (r *Keyring) Get(id string) crypto.Signer {
	r.mu.Lock()
	defer r.mu.Unlock()
	element, ok := r.keys[id]
	if !ok {
		return nil
	}
	held, _ := element.Value.(heldKey)
	return held.key
}

// Drop forgets a key.
func (r *Keyring) Drop(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if element, ok := r.keys[id]; ok {
		r.drop(element)
	}
}

func (r *Keyring) drop(element *list.Element) {
	held, _ := r.order.Remove(element).(heldKey)
	delete(r.keys, held.id)
}
