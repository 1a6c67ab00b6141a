package orderflow_test

import (
	"testing"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	"github.com/certwright/certwright/internal/orderflow"
)

func TestTurnsAreTakenForExactlyTheSameNames(t *testing.T) {
	key := func(account string, spec acmev1.OrderSpec) string {
		return orderflow.TurnKey(account, &acmev1.Order{Spec: spec})
	}
	one := key("https://ca.test/acct/1", acmev1.OrderSpec{DNSNames: []string{"a.test", "b.test"}, IPAddresses: []string{"192.0.2.1"}})
	for name, test := range map[string]struct {
		key  string
		same bool
	}{
		"another order of the names": {key("https://ca.test/acct/1", acmev1.OrderSpec{DNSNames: []string{"b.test", "A.test", "a.test"}, IPAddresses: []string{"192.0.2.1"}}), true},
		"another account":            {key("https://ca.test/acct/2", acmev1.OrderSpec{DNSNames: []string{"a.test", "b.test"}, IPAddresses: []string{"192.0.2.1"}}), false},
		"a name less":                {key("https://ca.test/acct/1", acmev1.OrderSpec{DNSNames: []string{"a.test", "b.test"}}), false},
		"names that run together":    {key("https://ca.test/acct/1", acmev1.OrderSpec{DNSNames: []string{"a.testb.test"}, IPAddresses: []string{"192.0.2.1"}}), false},
	} {
		if (test.key == one) != test.same {
			t.Errorf("%s: same turn %t, want %t", name, test.key == one, test.same)
		}
	}
}
