package issuance_test

import (
	"testing"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/issuance"
)

// What keeps a Certificate from following its source is told whatever else is the matter with it, and no longer than
// it is so.
func TestSourceProblemIsTold(t *testing.T) {
	for name, change := range map[string]func(*v1.Certificate){
		"nothing is the matter":   func(*v1.Certificate) {},
		"the spec is not a valid": func(crt *v1.Certificate) { crt.Spec.DNSNames = []string{"not a name"} },
	} {
		w := newWorld(t, change)
		w.Certificate.Annotations = map[string]string{names.Annotation.SourceProblem: "annotation a: write b"}
		plan := issuance.Decide(w.Snapshot)
		told := condition.Get(plan.Status.Conditions, v1.ConditionSourceProblem)
		if told == nil || told.Status != "True" || told.Reason != v1.ReasonBadConfig || told.Message != "annotation a: write b" || told.ObservedGeneration != 1 {
			t.Errorf("%s: %+v", name, told)
		}
		w.Certificate.Annotations, w.Certificate.Status = nil, plan.Status
		if told := condition.Get(issuance.Decide(w.Snapshot).Status.Conditions, v1.ConditionSourceProblem); told != nil {
			t.Errorf("%s: still told: %+v", name, told)
		}
	}
}
