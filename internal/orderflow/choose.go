package orderflow

import (
	"net/netip"
	"slices"
	"strings"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
)

// Choose picks the solver for a name (with its "*." if it is a wildcard) among those whose type is
// offered: the closest by dnsNames, then by the longest of dnsZones, then by the number of
// matchLabels, then the first. It is nil if none fits. A nil offered means that every type is.
func Choose(solvers []v1.ACMESolver, name string, labels map[string]string, offered []acmev1.ChallengeType) *v1.ACMESolver {
	var best *v1.ACMESolver
	var bestScore score
	for i := range solvers {
		solver := &solvers[i]
		if offered != nil && !slices.Contains(offered, TypeOf(solver)) {
			continue
		}
		if !proves(solver, name) {
			continue
		}
		fit, ok := fits(solver.Selector, name, labels)
		if ok && (best == nil || bestScore.less(fit)) {
			best, bestScore = solver, fit
		}
	}
	return best
}

// proves says whether a solver's type of challenge is for a kind of name: wildcards are proved over DNS only (RFC 8555
// section 7.1.3, RFC 8737 section 3). RFC 8738 allows addresses over TLS, which no TLSRoute can lead.
func proves(solver *v1.ACMESolver, name string) bool {
	if strings.HasPrefix(name, "*.") {
		return solver.HTTP01 == nil && solver.TLSALPN01 == nil
	}
	_, err := netip.ParseAddr(name)
	return err != nil || solver.TLSALPN01 == nil
}

// TypeOf is the type of challenge that a solver answers.
func TypeOf(solver *v1.ACMESolver) acmev1.ChallengeType {
	switch {
	case solver.DNSPersist01 != nil:
		return acmev1.DNSPersist01
	case solver.TLSALPN01 != nil:
		return acmev1.TLSALPN01
	case solver.DNS01 == nil:
		return acmev1.HTTP01
	case solver.DNS01.Challenge == v1.DNSAccount01:
		return acmev1.DNSAccount01
	default:
		return acmev1.DNS01
	}
}

// score says how closely a selector fits.
type score struct {
	name         bool
	zone, labels int
}

func (s score) less(other score) bool {
	if s.name != other.name {
		return other.name
	}
	if s.zone != other.zone {
		return s.zone < other.zone
	}
	return s.labels < other.labels
}

func fits(selector *v1.SolverSelector, name string, labels map[string]string) (score, bool) {
	if selector == nil {
		return score{}, true
	}
	var fit score
	for key, value := range selector.MatchLabels {
		if labels[key] != value {
			return score{}, false
		}
		fit.labels++
	}
	if len(selector.DNSNames) > 0 {
		if !slices.ContainsFunc(selector.DNSNames, func(n string) bool { return strings.EqualFold(n, name) }) {
			return score{}, false
		}
		fit.name = true
	}
	if len(selector.DNSZones) > 0 {
		if fit.zone = longestZone(selector.DNSZones, name); fit.zone == 0 {
			return score{}, false
		}
	}
	return fit, true
}

// longestZone is the length of the longest zone that a name is in, zero if it is in none.
func longestZone(zones []string, name string) int {
	longest := 0
	name = strings.ToLower(strings.TrimPrefix(name, "*."))
	for _, zone := range zones {
		zone = strings.ToLower(strings.Trim(zone, "."))
		if name == zone || strings.HasSuffix(name, "."+zone) {
			longest = max(longest, len(zone))
		}
	}
	return longest
}

// HasName says whether a name is in a list, whatever the case of its letters.
func HasName(names []string, name string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
}
