package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/certwright/certwright/internal/testkit/acmetest"
)

// startCA starts Pebble, and a DNS server that has every name at 127.0.0.1. Pebble validates HTTP-01 at the port
// where the operator will answer.
func (w *world) startCA(context.Context) error {
	w.out.say("Starting Pebble, an ACME CA, and a DNS server on 127.0.0.1.")
	var err error
	if w.solver, err = reservePort(); err != nil {
		return err
	}
	w.later(w.solver.release)
	if w.dns, err = acmetest.StartDNS(acmetest.DNSOptions{}); err != nil {
		return fmt.Errorf("starting the DNS server: %w", err)
	}
	w.later(w.dns.Close)
	if w.ca, err = acmetest.Start(acmetest.Options{
		DNSServer: w.dns.Addr(), HTTPPort: w.solver.number, RenewAtOnceBelow: time.Minute,
		Profiles: map[string]acmetest.Profile{defaultProfile: {}, shortProfile: {Validity: shortLife}},
	}); err != nil {
		return fmt.Errorf("starting Pebble: %w", err)
	}
	w.later(w.ca.Close)
	w.out.detail("Pebble is at %s, DNS at %s; every name is at 127.0.0.1, and HTTP-01 is validated at port %d",
		w.ca.DirectoryURL, w.dns.Addr(), w.solver.number)
	return nil
}

// port is a free TCP port of 127.0.0.1 that is held until somebody else is to listen there.
type port struct {
	net.Listener
	number int
}

func reservePort() (*port, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("finding a free port of 127.0.0.1: %w", err)
	}
	return &port{Listener: listener, number: listener.Addr().(*net.TCPAddr).Port}, nil
}

// address is "host:port".
func (p *port) address() string { return p.Addr().String() }

// release lets somebody else listen. It may be called twice.
func (p *port) release() error {
	if err := p.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
