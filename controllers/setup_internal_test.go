package controllers

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/event"

	v1 "github.com/certwright/certwright/api/v1"
)

// A revocation list is signed anew every few days, and with every revocation: that is no reason to look at every
// Certificate of the issuer.
func TestIssuerChanged(t *testing.T) {
	before := &v1.Issuer{Status: v1.IssuerStatus{
		Conditions: []v1.Condition{{Type: v1.ConditionReady, Status: metav1.ConditionTrue}},
		CA:         &v1.CAIssuerStatus{CRLs: []v1.CAIssuerCRL{{KeyID: "ab", Number: "1"}}},
	}}
	for name, test := range map[string]struct {
		change func(*v1.Issuer)
		want   bool
	}{
		"nothing":    {func(*v1.Issuer) {}, false},
		"a list":     {func(i *v1.Issuer) { i.Status.CA.CRLs[0].Number = "2" }, false},
		"all lists":  {func(i *v1.Issuer) { i.Status.CA = nil }, false},
		"its spec":   {func(i *v1.Issuer) { i.Generation++ }, true},
		"conditions": {func(i *v1.Issuer) { i.Status.Conditions[0].Status = metav1.ConditionFalse }, true},
	} {
		after := before.DeepCopy()
		test.change(after)
		if got := issuerChanged.Update(event.UpdateEvent{ObjectOld: before, ObjectNew: after}); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
