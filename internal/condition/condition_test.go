package condition_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/condition"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestSetMovesTheTransitionTimeWithTheStatusOnly(t *testing.T) {
	ready := v1.Condition{Type: v1.ConditionReady, Status: metav1.ConditionFalse, Reason: "A"}
	first := condition.Set(nil, ready, now)
	ready.Reason = "B"
	same := condition.Set(first, ready, now.Add(time.Hour))
	if !same[0].LastTransitionTime.Time.Equal(now) || same[0].Reason != "B" || first[0].Reason != "A" {
		t.Errorf("after another reason: %+v, before: %+v", same[0], first[0])
	}
	ready.Status = metav1.ConditionTrue
	if other := condition.Set(same, ready, now.Add(time.Hour)); !other[0].LastTransitionTime.Time.Equal(now.Add(time.Hour)) || len(other) != 1 {
		t.Errorf("after another status: %+v", other)
	}
	if !condition.IsTrue(condition.Set(same, ready, now), v1.ConditionReady) || condition.IsTrue(same, v1.ConditionReady) {
		t.Error("IsTrue does not follow the status")
	}
	if left := condition.Remove(same, v1.ConditionReady); len(left) != 0 || len(same) != 1 {
		t.Errorf("left %v of %v", left, same)
	}
}

// What others wrote never makes a status that the API server refuses.
func TestSetBoundsWhatItIsGiven(t *testing.T) {
	long := strings.Repeat("é", 20000)
	set := condition.Set(nil, v1.Condition{Type: v1.ConditionReady, Reason: long, Message: long}, now)[0]
	for text, limit := range map[string]int{set.Reason: 1024, set.Message: 32768} {
		if len(text) > limit || len(text) < limit-3 || !utf8.ValidString(text) {
			t.Errorf("%d bytes of at most %d, valid %t", len(text), limit, utf8.ValidString(text))
		}
	}
}

// Every field that is accepted and not acted upon is told, and no field that is.
func TestUnsupported(t *testing.T) {
	class := "nginx"
	for name, test := range map[string]struct {
		spec v1.IssuerSpec
		want []string
	}{
		"selfSigned": {v1.IssuerSpec{SelfSigned: &v1.SelfSignedIssuer{}}, nil},
		"what works": {acme(
			v1.ACMESolver{HTTP01: &v1.HTTP01Solver{Ingress: &v1.HTTP01Ingress{}}},
			v1.ACMESolver{DNS01: &v1.DNS01Solver{RFC2136: &v1.RFC2136Provider{}}},
		), nil},
		"an Ingress": {acme(v1.ACMESolver{HTTP01: &v1.HTTP01Solver{Ingress: &v1.HTTP01Ingress{IngressClassName: &class}}}),
			[]string{"solvers[0].http01.ingress (no route is made: lead /.well-known/acme-challenge/ of the name to the operator's solver Service)"}},
		"a Gateway": {acme(v1.ACMESolver{HTTP01: &v1.HTTP01Solver{GatewayHTTPRoute: &v1.HTTP01GatewayHTTPRoute{}}}),
			[]string{"solvers[0].http01.gatewayHTTPRoute (no route is made: lead /.well-known/acme-challenge/ of the name to the operator's solver Service)"}},
		"another provider": {acme(v1.ACMESolver{}, v1.ACMESolver{DNS01: &v1.DNS01Solver{ACMEDNS: &v1.ACMEDNSProvider{}}}),
			[]string{"solvers[1].dns01.acmeDNS (its challenges fail: use provider or rfc2136)"}},
		"a provider that dns-solver runs": {acme(v1.ACMESolver{DNS01: &v1.DNS01Solver{Cloudflare: &v1.CloudflareProvider{}}}), nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, condition.Unsupported(&test.spec)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func acme(solvers ...v1.ACMESolver) v1.IssuerSpec {
	return v1.IssuerSpec{ACME: &v1.ACMEIssuer{Solvers: solvers}}
}
