package dns01_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/internal/reach"
	"github.com/certwright/certwright/internal/solver/dns01"
	"github.com/certwright/certwright/internal/solver/internal/dnstest"
)

func only(t *testing.T, networks ...string) reach.Policy {
	t.Helper()
	allowed, err := reach.ParseNetworks(networks)
	if err != nil {
		t.Fatal(err)
	}
	return reach.Policy{Allowed: allowed}
}

// The owner of a zone can have its NS records lead anywhere. The administrator's resolvers are asked all the same.
func TestCheckAsksNoServerItMustNot(t *testing.T) {
	resolver, servers := authoritative(t, map[string]dnstest.Handler{
		"127.0.0.1": dnstest.Records(t, txt(value)), "127.0.0.2": dnstest.Records(t, txt(value)),
	})
	resolver.Reach = reach.Policy{}
	err := resolver.Check(t.Context(), record)
	want := &dns01.LackingError{
		FQDN: challengeAt, Zone: "example.com.", Lacking: 2, Asked: 2, Server: servers["127.0.0.1"].Addr,
		Cause: (&reach.Error{Class: reach.ClassLoopback}).Error(),
	}
	if err == nil || err.Error() != want.Error() {
		t.Errorf("error %v, want %v", err, want)
	}
	for host, server := range servers {
		if diff := cmp.Diff([]string(nil), server.Networks()); diff != "" {
			t.Errorf("%s was asked (-want +got):\n%s", host, diff)
		}
	}
}

// As long as a zone has a server that may be asked, the others say nothing about the record.
func TestCheckLeavesOutServersItMustNotAsk(t *testing.T) {
	resolver, servers := authoritative(t, map[string]dnstest.Handler{
		"127.0.0.1": dnstest.Records(t, txt(value)), "127.0.0.2": dnstest.Records(t, txt("old")),
	})
	resolver.Reach = only(t, "127.0.0.1")
	if err := resolver.Check(t.Context(), record); err != nil {
		t.Error(err)
	}
	if asked := servers["127.0.0.2"].Networks(); len(asked) != 0 {
		t.Errorf("the server that must not be asked was asked by %v", asked)
	}
	resolver.Reach = only(t, "127.0.0.2")
	var lacking *dns01.LackingError
	if err := resolver.Check(t.Context(), record); !errors.As(err, &lacking) || lacking.Asked != 1 || lacking.Server != servers["127.0.0.2"].Addr {
		t.Errorf("error %v, want that the server that may be asked lacks the record", err)
	}
}

// Recursive name servers have a rule of their own, for every question that they are asked.
func TestNameserversThatMustNotBeAsked(t *testing.T) {
	server := dnstest.Start(t, dnstest.Records(t, append(world, txt(value))...))
	resolver := dns01.Resolver{Nameservers: []string{server.Addr}, Reach: dnstest.Anywhere}
	calls := map[string]func() error{
		"Follow": func() error { _, err := resolver.Follow(t.Context(), challengeAt); return err },
		"Zone":   func() error { _, err := resolver.Zone(t.Context(), challengeAt); return err },
		"Check":  func() error { return resolver.Check(t.Context(), record) },
		"Check of them alone": func() error {
			alone := resolver
			alone.Only = true
			return alone.Check(t.Context(), record)
		},
	}
	for name, call := range calls {
		if _, refused := errors.AsType[*reach.Error](call()); !refused {
			t.Errorf("%s: error %v, want a refusal", name, call())
		}
	}
	if asked := server.Networks(); len(asked) != 0 {
		t.Errorf("the name server was asked by %v", asked)
	}
}
