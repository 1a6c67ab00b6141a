package rollout_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certwright/certwright/internal/rollout"
)

var now = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// facts is a Snapshot of a workload that uses the Secrets a and b, at one point of a story.
func facts(change ...func(*rollout.Snapshot)) *rollout.Snapshot {
	s := &rollout.Snapshot{UID: "uid", Uses: []string{"a", "b"}, Certificates: map[string]rollout.Certificate{}, Now: now}
	for _, f := range change {
		f(s)
	}
	return s
}

func holds(secret, digest string) func(*rollout.Snapshot) {
	return func(s *rollout.Snapshot) { s.Certificates[secret] = rollout.Certificate{Digest: digest} }
}

func holdsTemporary(secret, digest string) func(*rollout.Snapshot) {
	return func(s *rollout.Snapshot) {
		s.Certificates[secret] = rollout.Certificate{Digest: digest, Temporary: true}
	}
}

func noted(record rollout.Record) func(*rollout.Snapshot) {
	return func(s *rollout.Snapshot) { s.Annotation = record.String() }
}

func remembering(memory rollout.Memory) func(*rollout.Snapshot) {
	return func(s *rollout.Snapshot) { s.Memory = memory }
}

func TestDecide(t *testing.T) {
	type record = rollout.Record
	for name, test := range map[string]struct {
		snapshot *rollout.Snapshot
		action   rollout.Action
		record   record
		changed  []string
	}{
		"no certificate at all":          {facts(), rollout.Keep, record{}, nil},
		"the first certificate is noted": {facts(holds("a", "1")), rollout.Note, record{"a": "1"}, nil},
		"what is noted is left":          {facts(holds("a", "1"), noted(record{"a": "1"})), rollout.Keep, record{"a": "1"}, nil},
		"another certificate restarts":   {facts(holds("a", "2"), noted(record{"a": "1"})), rollout.Restart, record{"a": "2"}, []string{"a"}},
		"two other certificates restart at once": {
			facts(holds("a", "2"), holds("b", "2"), noted(record{"a": "1", "b": "1"})), rollout.Restart, record{"a": "2", "b": "2"}, []string{"a", "b"},
		},
		"a first certificate beside another one is noted with it": {
			facts(holds("a", "2"), holds("b", "1"), noted(record{"a": "1"})), rollout.Restart, record{"a": "2", "b": "1"}, []string{"a"},
		},
		"a Secret that is used from now on is noted": {
			facts(holds("a", "1"), holds("b", "1"), noted(record{"a": "1"})), rollout.Note, record{"a": "1", "b": "1"}, nil,
		},
		"a Secret that is not used any more is forgotten": {
			facts(holds("a", "1"), noted(record{"a": "1", "c": "1"})), rollout.Note, record{"a": "1"}, nil,
		},
		"nothing is left to be known": {facts(noted(record{"c": "1"})), rollout.Note, record{}, nil},
		"a certificate that is gone is still what the pods have read": {
			facts(noted(record{"a": "1"})), rollout.Keep, record{"a": "1"}, nil,
		},
		"a throwaway certificate restarts nothing": {
			facts(holdsTemporary("a", "t"), noted(record{"a": "1"})), rollout.Keep, record{"a": "1"}, nil,
		},
		"a throwaway certificate that pods start with is noted": {
			facts(holdsTemporary("a", "t")), rollout.Note, record{"a": "t"}, nil,
		},
		"a real certificate after a throwaway one restarts": {
			facts(holds("a", "1"), noted(record{"a": "t"})), rollout.Restart, record{"a": "1"}, []string{"a"},
		},
		"a record that cannot be read is none": {
			facts(holds("a", "1"), func(s *rollout.Snapshot) { s.Annotation = "?" }), rollout.Note, record{"a": "1"}, nil,
		},
		"what is remembered goes before what somebody wrote": {
			facts(holds("a", "1"), noted(record{"a": "0"}), remembering(rollout.Memory{Known: record{"a": "1"}})), rollout.Note, record{"a": "1"}, nil,
		},
		"a change is seen although the record was taken away": {
			facts(holds("a", "2"), remembering(rollout.Memory{Known: record{"a": "1"}})), rollout.Restart, record{"a": "2"}, []string{"a"},
		},
		"right after a restart, another one waits": {
			facts(holds("a", "2"), noted(record{"a": "1"}), remembering(rollout.Memory{Known: record{"a": "1"}, Restarted: now.Add(-time.Minute)})),
			rollout.Wait, record{"a": "1"}, []string{"a"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			plan := rollout.Decide(test.snapshot)
			if plan.Action != test.action || plan.At.IsZero() != (test.action != rollout.Wait) {
				t.Errorf("action %d at %s, want %d", plan.Action, plan.At, test.action)
			}
			if diff := cmp.Diff(test.record, plan.Record); diff != "" {
				t.Errorf("record (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.changed, plan.Changed, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("changed (-want +got):\n%s", diff)
			}
			if test.action == rollout.Wait {
				return
			}
			// Once it is carried out, there is nothing more to do, whether the process lives on or not.
			for _, memory := range []rollout.Memory{plan.Memory, {}} {
				after := *test.snapshot
				after.Annotation, after.Memory = plan.Record.String(), memory
				if next := rollout.Decide(&after); next.Action != rollout.Keep {
					t.Errorf("then: action %d", next.Action)
				}
			}
		})
	}
}

// A story of one workload: every plan is carried out, and what it remembers goes on to the next decision.
func TestAWaitBeginsWithTheFirstChange(t *testing.T) {
	s := facts(holds("a", "2"), holds("b", "1"), noted(rollout.Record{"a": "1", "b": "1"}))
	s.Spread = time.Hour
	first := rollout.Decide(s)
	if first.Action != rollout.Wait || first.At.Before(now) || !first.At.Before(now.Add(time.Hour)) {
		t.Fatalf("action %d at %s", first.Action, first.At)
	}
	if again := rollout.Decide(s); !again.At.Equal(first.At) {
		t.Errorf("a process that starts again waits until %s, not %s", again.At, first.At)
	}

	s.Memory, s.Now = first.Memory, first.At.Add(-time.Second)
	holds("b", "2")(s)
	if second := rollout.Decide(s); second.Action != rollout.Wait || !second.At.Equal(first.At) {
		t.Fatalf("a second change: action %d at %s, want %s", second.Action, second.At, first.At)
	}
	s.Now = first.At
	third := rollout.Decide(s)
	if third.Action != rollout.Restart || !cmp.Equal(third.Changed, []string{"a", "b"}) {
		t.Fatalf("when it is time: action %d for %v", third.Action, third.Changed)
	}
}

func TestAWaitEndsWhenTheCertificateIsBack(t *testing.T) {
	s := facts(holds("a", "2"), noted(rollout.Record{"a": "1"}))
	s.Spread = time.Hour
	s.Memory = rollout.Decide(s).Memory
	holds("a", "1")(s)
	plan := rollout.Decide(s)
	if plan.Action != rollout.Keep || !plan.Memory.Since.IsZero() {
		t.Fatalf("action %d, waiting since %s", plan.Action, plan.Memory.Since)
	}
}

func TestARestartComesFiveMinutesAfterTheLast(t *testing.T) {
	s := facts(holds("a", "2"), noted(rollout.Record{"a": "1"}))
	plan := rollout.Decide(s)
	s.Annotation, s.Memory = plan.Record.String(), plan.Memory
	holds("a", "3")(s)
	if plan = rollout.Decide(s); plan.Action != rollout.Wait || !plan.At.Equal(now.Add(5*time.Minute)) {
		t.Fatalf("action %d at %s", plan.Action, plan.At)
	}
	s.Memory, s.Now = plan.Memory, plan.At
	if plan = rollout.Decide(s); plan.Action != rollout.Restart {
		t.Fatalf("action %d when it is time", plan.Action)
	}
}

// A record that something else sets back is written again once, and never again until it changes.
func TestPuttingBackEnds(t *testing.T) {
	old, current := rollout.Record{"a": "1"}, rollout.Record{"a": "2"}
	s := facts(holds("a", "2"), noted(old))
	plan := rollout.Decide(s)
	for i, want := range []rollout.Action{rollout.Note, rollout.Keep, rollout.Keep} {
		s.Annotation, s.Memory = []string{old.String(), "", "?"}[i], plan.Memory
		plan = rollout.Decide(s)
		if plan.Action != want || plan.PutBack != (want == rollout.Note) {
			t.Fatalf("set back for the %d. time: action %d, put back %v", i+1, plan.Action, plan.PutBack)
		}
		if diff := cmp.Diff(current, plan.Record); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	s.Memory, s.Now = plan.Memory, now.Add(time.Hour)
	holds("a", "3")(s)
	plan = rollout.Decide(s)
	if plan.Action != rollout.Restart {
		t.Fatalf("a change after that: action %d", plan.Action)
	}
	s.Annotation, s.Memory = "", plan.Memory
	if plan = rollout.Decide(s); plan.Action != rollout.Note {
		t.Errorf("the new record is set back: action %d", plan.Action)
	}
}

// An empty record is taken away once, too.
func TestTakingAwayEnds(t *testing.T) {
	s := facts(noted(rollout.Record{"c": "1"}))
	plan := rollout.Decide(s)
	if plan.PutBack {
		t.Error("a process that has just started takes it for its own record")
	}
	writes := 0
	for range 10 {
		if plan.Action == rollout.Note {
			writes++
		}
		s.Memory = plan.Memory
		plan = rollout.Decide(s)
	}
	if writes > 2 {
		t.Errorf("written %d times", writes)
	}
}

func TestRestartsAreSpread(t *testing.T) {
	const workloads, parts = 1000, 10
	counts := [parts]int{}
	for i := range workloads {
		s := facts(holds("a", "2"), noted(rollout.Record{"a": "1"}))
		s.UID, s.Spread = types.UID(fmt.Sprintf("0f9e6f6a-1a5e-4c41-9a0b-%012d", i)), parts*time.Minute
		if plan := rollout.Decide(s); plan.Action == rollout.Wait {
			counts[plan.At.Sub(now)/time.Minute]++
		}
	}
	for minute, count := range counts {
		if count < workloads/parts/2 || count > workloads/parts*2 {
			t.Errorf("%d of %d in minute %d", count, workloads, minute)
		}
	}
}
