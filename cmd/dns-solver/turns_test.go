package main

import (
	"testing"
	"time"

	"github.com/certwright/certwright/internal/dnssolver/wire"
)

// Calls that may touch the same records follow one another, and no others.
func TestPlaces(t *testing.T) {
	request := func(change func(*wire.Request)) wire.Request {
		request := wire.Request{
			Provider: "gandiv5", FQDN: "_acme-challenge.example.test.", ID: "1", Public: []string{"GANDIV5_TTL"},
			Variables: map[string]string{"GANDIV5_PERSONAL_ACCESS_TOKEN": "token", "GANDIV5_TTL": "300"},
		}
		change(&request)
		return request
	}
	for name, test := range map[string]struct {
		change, other func(*wire.Request)
		same          bool
	}{
		"two values of a name":                 {func(*wire.Request) {}, func(r *wire.Request) { r.ID = "2" }, true},
		"two names":                            {func(*wire.Request) {}, func(r *wire.Request) { r.FQDN = "_acme-challenge.www.example.test." }, false},
		"another setting that is no secret":    {func(*wire.Request) {}, func(r *wire.Request) { r.Variables["GANDIV5_TTL"] = "600" }, true},
		"others' credentials":                  {func(*wire.Request) {}, func(r *wire.Request) { r.Variables["GANDIV5_PERSONAL_ACCESS_TOKEN"] = "other" }, false},
		"another provider":                     {func(*wire.Request) {}, func(r *wire.Request) { r.Provider = "hetzner" }, false},
		"two names in a zone written as whole": {func(r *wire.Request) { r.Provider = "namecheap" }, func(r *wire.Request) { r.Provider, r.FQDN = "namecheap", "_acme-challenge.www.example.test." }, true},
		"two servers without credentials": {
			func(r *wire.Request) { r.Variables = map[string]string{"GANDIV5_TTL": "300"} },
			func(r *wire.Request) { r.Variables = map[string]string{"GANDIV5_TTL": "600"} }, false,
		},
	} {
		if same := placeOf(request(test.change)) == placeOf(request(test.other)); same != test.same {
			t.Errorf("%s: the same place: %t", name, same)
		}
	}
}

// A call waits for the one before it, but not for good; and what is over is forgotten.
func TestTurns(t *testing.T) {
	here := placeOf(wire.Request{Provider: "hetzner"})
	all := &turns{}
	leave := all.take(here, time.Hour)
	if all.take(here, time.Millisecond) != nil {
		t.Error("two at once")
	}
	if other := all.take(placeOf(wire.Request{Provider: "gandiv5"}), time.Millisecond); other == nil {
		t.Error("another place is taken")
	} else {
		other()
	}
	next := make(chan func())
	go func() { next <- all.take(here, time.Hour) }()
	leave()
	(<-next)()
	if len(all.places) != 0 {
		t.Errorf("%d places are remembered", len(all.places))
	}
}

func TestWholeZone(t *testing.T) {
	for _, name := range wholeZone {
		if _, known := constructor(name); !known {
			t.Errorf("there is no provider %q", name)
		}
	}
}
