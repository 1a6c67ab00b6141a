package main

import (
	"crypto/sha256"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/certwright/certwright/internal/dnssolver/wire"
)

// turns has calls follow one another that would take each other's records away at once: most providers read the values of
// a name, or a whole zone, and write them back with one more or one less.
type turns struct {
	mu     sync.Mutex
	places map[[sha256.Size]byte]*place
}

// place is what one call at a time is at work on.
type place struct {
	// taken holds a value while a call is at work there.
	taken chan struct{}
	// calls are those at work there, or waiting for it.
	calls int
}

// wholeZone are the providers that write back more than the name of the record.
var wholeZone = []string{"artfiles", "cpanel", "eurodns", "gandi", "joker", "keyhelp", "namecheap", "ngenix", "onlinenet", "versio"}

// placeOf is the same for calls that may touch the same records: with the same credentials, for the same name or zone.
// Nobody can have others wait without their credentials.
func placeOf(request wire.Request) [sha256.Size]byte {
	key := struct {
		Provider, FQDN string
		Credentials    []string
		Variables      map[string]string
	}{Provider: request.Provider, Credentials: request.Secrets()}
	slices.Sort(key.Credentials)
	if len(key.Credentials) == 0 {
		key.Variables = request.Variables
	}
	if !slices.Contains(wholeZone, request.Provider) {
		key.FQDN = request.FQDN
	}
	text, _ := json.Marshal(key) // Texts alone cannot fail.
	return sha256.Sum256(text)
}

// take waits until nothing else is at work at a place, for a time at most. leave ends the turn; nil means that there was
// none.
func (t *turns) take(at [sha256.Size]byte, patience time.Duration) (leave func()) {
	t.mu.Lock()
	if t.places == nil {
		t.places = map[[sha256.Size]byte]*place{}
	}
	if t.places[at] == nil {
		t.places[at] = &place{taken: make(chan struct{}, 1)}
	}
	here := t.places[at]
	here.calls++
	t.mu.Unlock()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case here.taken <- struct{}{}:
		return func() {
			<-here.taken
			t.left(at)
		}
	case <-timer.C:
		t.left(at)
		return nil
	}
}

func (t *turns) left(at [sha256.Size]byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.places[at].calls--; t.places[at].calls == 0 {
		delete(t.places, at)
	}
}
