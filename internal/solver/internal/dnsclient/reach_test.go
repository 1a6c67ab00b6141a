package dnsclient_test

import (
	"errors"
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/certwright/certwright/internal/reach"
	"github.com/certwright/certwright/internal/solver/internal/dnsclient"
	"github.com/certwright/certwright/internal/solver/internal/dnstest"
)

// A server at an address that must not be asked is sent nothing, and the error says why.
func TestExchangeAsksNobodyItMustNot(t *testing.T) {
	server := dnstest.Start(t, dnstest.Code(dns.RcodeSuccess))
	_, port, err := net.SplitHostPort(server.Addr)
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{server.Addr, net.JoinHostPort("localhost", port)} {
		for _, tcp := range []bool{false, true} {
			_, err := dnsclient.Client{TCP: tcp}.Exchange(t.Context(), address, question())
			var got *dnsclient.Error
			want := &reach.Error{Class: reach.ClassLoopback}
			if !errors.As(err, &got) || got.Answered || got.Cause != want.Error() {
				t.Errorf("%s, TCP %t: error %v, want %v", address, tcp, err, want)
			}
			if _, refused := errors.AsType[*reach.Error](err); !refused {
				t.Errorf("%s, TCP %t: the refusal is lost in %v", address, tcp, err)
			}
		}
	}
	if diff := cmp.Diff([]string(nil), server.Networks()); diff != "" {
		t.Errorf("the server was asked (-want +got):\n%s", diff)
	}
}

// An address that is allowed is asked by each protocol.
func TestExchangeAsksAnAllowedAddress(t *testing.T) {
	server := dnstest.Start(t, dnstest.Reply(func(network string, _, answer *dns.Msg) { answer.Truncated = network == "udp" }))
	networks, err := reach.ParseNetworks([]string{"127.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (dnsclient.Client{Reach: reach.Policy{Allowed: networks}}).Exchange(t.Context(), server.Addr, question()); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"udp", "tcp"}, server.Networks()); diff != "" {
		t.Errorf("networks (-want +got):\n%s", diff)
	}
}
