package backend

import (
	"fmt"
	"net"
	"net/url"
	"strings"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/outcome"
	"github.com/certwright/certwright/internal/reach"
)

// policy is what an issuer may reach: the Issuer of a namespace what Reach says, and a ClusterIssuer
// whatever it names, for an administrator wrote it.
func (a *Accounts) policy(issuer v1.GenericIssuer) reach.Policy {
	if issuer.GetNamespace() == "" {
		return reach.Policy{Unrestricted: true}
	}
	return a.Reach
}

// checkAddresses refuses addresses that stand in the spec and may not be reached, before anything is done
// for the issuer. Names are resolved, and their addresses judged, when they are dialled.
func checkAddresses(spec *v1.ACMEIssuer, policy reach.Policy) error {
	if server, err := url.Parse(spec.Server); err == nil {
		if err := checkHost(policy, server.Hostname(), "server"); err != nil {
			return err
		}
	}
	for i, host := range spec.AllowedHosts {
		if err := checkHost(policy, host, fmt.Sprintf("allowedHosts[%d]", i)); err != nil {
			return err
		}
	}
	for i := range spec.Solvers {
		if err := checkSolver(policy, spec.Solvers[i].DNS01, fmt.Sprintf("solvers[%d].dns01", i)); err != nil {
			return err
		}
	}
	return nil
}

func checkSolver(policy reach.Policy, solver *v1.DNS01Solver, field string) error {
	if solver == nil {
		return nil
	}
	for i, server := range solver.Nameservers {
		if err := checkHost(policy, hostOf(server), fmt.Sprintf("%s.nameservers[%d]", field, i)); err != nil {
			return err
		}
	}
	if solver.RFC2136 == nil {
		return nil
	}
	return checkHost(policy, hostOf(solver.RFC2136.Nameserver), field+".rfc2136.nameserver")
}

func checkHost(policy reach.Policy, host, field string) error {
	if err := policy.CheckHost(host); err != nil {
		return outcome.Invalidf(v1.ReasonAddressNotAllowed, "spec.acme.%s cannot be used: %v", field, err)
	}
	return nil
}

// hostOf is the host of a name server, which may lack its port.
func hostOf(server string) string {
	if host, _, err := net.SplitHostPort(server); err == nil {
		return host
	}
	return strings.Trim(server, "[]")
}
