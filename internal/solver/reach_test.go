package solver_test

import (
	"net"
	"testing"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/outcome"
	"github.com/certwright/certwright/internal/reach"
	"github.com/certwright/certwright/internal/solver"
	"github.com/certwright/certwright/internal/solver/dns01"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

// startDNS is a server on loopback with the zone example.test, whose updates need no key that a test would
// have: what counts here is whether it is asked.
func startDNS(t *testing.T) (server *acmetest.DNS, port string) {
	t.Helper()
	server, err := acmetest.StartDNS(acmetest.DNSOptions{Zones: []string{"example.test"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	_, port, err = net.SplitHostPort(server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	return server, port
}

func challenge(ofClusterIssuer bool, dns v1.DNS01Solver) solver.Challenge {
	return solver.Challenge{
		Identifier: "www.example.test", OfClusterIssuer: ofClusterIssuer,
		Progress: &acmev1.ChallengeProgress{Type: acmev1.DNS01, KeyAuthorization: "a.b", Solver: &v1.ACMESolver{DNS01: &dns}},
	}
}

func loopback(t *testing.T) reach.Policy {
	t.Helper()
	networks, err := reach.ParseNetworks([]string{"127.0.0.0/8", "::1"})
	if err != nil {
		t.Fatal(err)
	}
	return reach.Policy{Allowed: networks}
}

// What an Issuer's solver names is asked only where its policy leads; a ClusterIssuer's is asked anywhere.
func TestSolversReach(t *testing.T) {
	for name, test := range map[string]struct {
		reach           reach.Policy
		ofClusterIssuer bool
		refused         bool
	}{
		"an Issuer":                       {reach.Policy{}, false, true},
		"an Issuer with loopback allowed": {loopback(t), false, false},
		"a ClusterIssuer":                 {reach.Policy{}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			server, port := startDNS(t)
			// As a name, so that only its look-up tells the address.
			named := net.JoinHostPort("localhost", port)
			solvers := &solver.Solvers{Reach: test.reach}
			updates := challenge(test.ofClusterIssuer, v1.DNS01Solver{RFC2136: &v1.RFC2136Provider{Nameserver: named}})
			presenting, cleaningUp := solvers.Present(t.Context(), updates), solvers.CleanUp(t.Context(), updates)
			_, following := solvers.RecordName(t.Context(), challenge(test.ofClusterIssuer, v1.DNS01Solver{
				CNAMEStrategy: v1.CNAMEFollow, Nameservers: []string{named},
			}))
			for step, err := range map[string]error{"Present": presenting, "CleanUp": cleaningUp, "RecordName": following} {
				failure := outcome.From(err)
				refused := failure != nil && failure.Kind == outcome.Terminal && failure.Reason == v1.ReasonInvalidSolver
				if refused != test.refused {
					t.Errorf("%s: error %v", step, err)
				}
			}
			if got := len(server.Queries()); (got == 0) != test.refused {
				t.Errorf("%d questions", got)
			}
		})
	}
}

// The operator's own resolvers are an administrator's: a tenant's challenge is looked for through them.
func TestSolversAskTheOperatorsOwnResolvers(t *testing.T) {
	server, _ := startDNS(t)
	server.SetCNAME("_acme-challenge.www.example.test", "elsewhere.example.test")
	solvers := &solver.Solvers{Resolver: dns01.Resolver{Nameservers: []string{server.Addr()}}}
	got, err := solvers.RecordName(t.Context(), challenge(false, v1.DNS01Solver{CNAMEStrategy: v1.CNAMEFollow}))
	if err != nil || got != "elsewhere.example.test." {
		t.Errorf("%q, %v", got, err)
	}
}
