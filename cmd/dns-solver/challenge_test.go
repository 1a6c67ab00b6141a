package main

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/certwright/certwright/internal/dnssolver/wire"
)

// held is a record that a provider takes away with all others at the name, and exact alone.
type held struct{ others, record bool }

// Present implements challenge.Provider.
func (h *held) Present(context.Context, string, string, string) error { return nil }

// CleanUp implements challenge.Provider.
func (h *held) CleanUp(context.Context, string, string, string) error {
	*h = held{}
	return nil
}

func (h *held) has(context.Context, string, string) (bool, error) { return h.record, nil }

func (h *held) remove(context.Context, string, string) error {
	h.record = false
	return nil
}

// A process that is left alone with its record takes away that one and no other.
func TestEndTakesOneRecordAway(t *testing.T) {
	there := &held{others: true, record: true}
	work := &work{provider: there, exact: there, presented: true, last: wire.Request{Timeout: time.Minute, FQDN: "_acme-challenge.www.example.test."}}
	if err := work.end(io.EOF); err != nil || !there.others || there.record {
		t.Errorf("there are %+v, error %v", there, err)
	}
}
