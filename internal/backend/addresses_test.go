package backend

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/outcome"
	"github.com/certwright/certwright/internal/reach"
)

const loopbackSentence = " cannot be used: its address is a loopback address, and the Issuer of a namespace reaches public addresses only: " +
	"use a ClusterIssuer, or have the network named in --allow-private-addresses"

// What stands in a spec is judged before anything is sent, and the message names the field.
func TestCheckAddresses(t *testing.T) {
	const public = "https://ca.example/directory"
	solvers := func(dns *v1.DNS01Solver) []v1.ACMESolver {
		return []v1.ACMESolver{{HTTP01: &v1.HTTP01Solver{}}, {DNS01: dns}}
	}
	updates := func(nameserver string) []v1.ACMESolver {
		return solvers(&v1.DNS01Solver{RFC2136: &v1.RFC2136Provider{Nameserver: nameserver}})
	}
	for name, test := range map[string]struct {
		spec v1.ACMEIssuer
		// field is the one that is refused; empty for none.
		field string
	}{
		"names":                   {v1.ACMEIssuer{Server: public, AllowedHosts: []string{"orders.ca.example"}, Solvers: updates("ns.example:53")}, ""},
		"public addresses":        {v1.ACMEIssuer{Server: "https://8.8.8.8/", AllowedHosts: []string{"2606:4700::1"}, Solvers: updates("9.9.9.9")}, ""},
		"no URL":                  {v1.ACMEIssuer{Server: "https://[::1"}, ""},
		"server":                  {v1.ACMEIssuer{Server: "https://127.0.0.1:14000/dir"}, "server"},
		"server of IPv6":          {v1.ACMEIssuer{Server: "https://[::1]/dir"}, "server"},
		"server of this machine":  {v1.ACMEIssuer{Server: "https://localhost/dir"}, "server"},
		"another host":            {v1.ACMEIssuer{Server: public, AllowedHosts: []string{"ca.example", "127.0.0.1"}}, "allowedHosts[1]"},
		"updates":                 {v1.ACMEIssuer{Server: public, Solvers: updates("127.0.0.1:53")}, "solvers[1].dns01.rfc2136.nameserver"},
		"updates without a port":  {v1.ACMEIssuer{Server: public, Solvers: updates("127.0.0.1")}, "solvers[1].dns01.rfc2136.nameserver"},
		"updates to IPv6":         {v1.ACMEIssuer{Server: public, Solvers: updates("::1")}, "solvers[1].dns01.rfc2136.nameserver"},
		"updates to IPv6 in form": {v1.ACMEIssuer{Server: public, Solvers: updates("[::1]")}, "solvers[1].dns01.rfc2136.nameserver"},
		"resolver": {v1.ACMEIssuer{Server: public, Solvers: solvers(&v1.DNS01Solver{
			Nameservers: []string{"9.9.9.9:53", "[::1]:53"},
		})}, "solvers[1].dns01.nameservers[1]"},
	} {
		err := checkAddresses(&test.spec, reach.Policy{})
		switch failure := outcome.From(err); {
		case test.field == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case test.field == "":
		case err == nil:
			t.Errorf("%s: no error", name)
		case failure.Kind != outcome.Invalid || failure.Reason != v1.ReasonAddressNotAllowed || failure.Message != "spec.acme."+test.field+loopbackSentence:
			t.Errorf("%s: %s: %s", name, failure.Reason, failure.Message)
		}
		if err := checkAddresses(&test.spec, loopback); err != nil {
			t.Errorf("%s, with loopback allowed: %v", name, err)
		}
	}
}

func TestPolicyOfAnIssuer(t *testing.T) {
	accounts := &Accounts{Reach: loopback}
	if got := accounts.policy(&v1.ClusterIssuer{}); !got.Unrestricted {
		t.Error("a ClusterIssuer is restricted")
	}
	namespaced := &v1.Issuer{ObjectMeta: metav1.ObjectMeta{Namespace: "tenant"}}
	if got := accounts.policy(namespaced); got.Unrestricted || len(got.Allowed) != 2 {
		t.Errorf("the Issuer of a namespace may reach %+v", got)
	}
}

// A name that leads to a private address today may lead elsewhere tomorrow: it is looked at again, and not soon.
func TestRefusalOfAnAddress(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	failure := outcome.From(refusal(&acme.NetworkError{Op: acme.OpDirectory, Host: "ca.test", Kind: acme.NetworkForbidden, Err: &reach.Error{Class: reach.ClassPrivate}}, now))
	if failure.Kind != outcome.Wait || failure.Reason != v1.ReasonAddressNotAllowed || !failure.At.Equal(now.Add(10*time.Minute)) {
		t.Errorf("kind %d, reason %s, at %s", failure.Kind, failure.Reason, failure.At)
	}
}
