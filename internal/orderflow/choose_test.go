package orderflow_test

import (
	"testing"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/orderflow"
)

func http01(selector *v1.SolverSelector) v1.ACMESolver {
	return v1.ACMESolver{HTTP01: &v1.HTTP01Solver{}, Selector: selector}
}

func tlsALPN01(selector *v1.SolverSelector) v1.ACMESolver {
	return v1.ACMESolver{TLSALPN01: &v1.TLSALPN01Solver{}, Selector: selector}
}

func dns01(selector *v1.SolverSelector) v1.ACMESolver {
	return v1.ACMESolver{DNS01: &v1.DNS01Solver{}, Selector: selector}
}

func TestChoose(t *testing.T) {
	byName := func(names ...string) *v1.SolverSelector { return &v1.SolverSelector{DNSNames: names} }
	byZone := func(zones ...string) *v1.SolverSelector { return &v1.SolverSelector{DNSZones: zones} }
	byLabel := func(key string) *v1.SolverSelector {
		return &v1.SolverSelector{MatchLabels: map[string]string{key: "yes"}}
	}
	labels := map[string]string{"a": "yes", "b": "yes"}
	for name, test := range map[string]struct {
		solvers []v1.ACMESolver
		name    string
		offered []acmev1.ChallengeType
		want    int // index, -1 for none
	}{
		"no solvers":                      {nil, "a.test", nil, -1},
		"the first of equals":             {[]v1.ACMESolver{http01(nil), dns01(nil)}, "a.test", nil, 0},
		"a name before a zone":            {[]v1.ACMESolver{http01(byZone("a.test")), http01(byName("a.test"))}, "a.test", nil, 1},
		"whatever the case of a name":     {[]v1.ACMESolver{http01(byName("A.Test"))}, "a.test", nil, 0},
		"the longest zone":                {[]v1.ACMESolver{http01(byZone("test")), http01(byZone("a.test", "z.test"))}, "b.a.test", nil, 1},
		"a zone before labels":            {[]v1.ACMESolver{http01(byLabel("a")), http01(byZone("test"))}, "a.test", nil, 1},
		"labels before none":              {[]v1.ACMESolver{http01(nil), http01(byLabel("a"))}, "a.test", nil, 1},
		"more labels":                     {[]v1.ACMESolver{http01(byLabel("a")), http01(&v1.SolverSelector{MatchLabels: labels})}, "a.test", nil, 1},
		"not a label that differs":        {[]v1.ACMESolver{http01(byLabel("c"))}, "a.test", nil, -1},
		"not a zone that only looks like": {[]v1.ACMESolver{http01(byZone("a.test"))}, "ba.test", nil, -1},
		"only what is offered":            {[]v1.ACMESolver{http01(nil), dns01(nil)}, "a.test", []acmev1.ChallengeType{acmev1.DNS01}, 1},
		"nothing is offered":              {[]v1.ACMESolver{http01(nil)}, "a.test", []acmev1.ChallengeType{}, -1},
		"a wildcard by DNS only":          {[]v1.ACMESolver{http01(nil), dns01(nil)}, "*.a.test", nil, 1},
		"TLS for a name":                  {[]v1.ACMESolver{tlsALPN01(nil), http01(nil)}, "a.test", []acmev1.ChallengeType{acmev1.HTTP01, acmev1.TLSALPN01}, 0},
		"TLS only where it is offered":    {[]v1.ACMESolver{tlsALPN01(nil), http01(nil)}, "a.test", []acmev1.ChallengeType{acmev1.HTTP01}, 1},
		"no wildcard over TLS":            {[]v1.ACMESolver{tlsALPN01(nil)}, "*.a.test", nil, -1},
		"no address over TLS":             {[]v1.ACMESolver{tlsALPN01(nil), http01(nil)}, "192.0.2.1", nil, 1},
		"a wildcard in its zone":          {[]v1.ACMESolver{dns01(nil), dns01(byZone("a.test"))}, "*.a.test", nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			got := orderflow.Choose(test.solvers, test.name, labels, test.offered)
			switch {
			case test.want < 0 && got != nil:
				t.Errorf("chose %+v, want none", got)
			case test.want >= 0 && got != &test.solvers[test.want]:
				t.Errorf("chose %+v, want number %d", got, test.want)
			}
		})
	}
}
