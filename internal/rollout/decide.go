// Package rollout decides when the pods of a workload are replaced because a certificate that they use has
// changed. It is pure: facts in, a plan out.
//
// Controllers and kube import it. It knows no client, no clock and no kind of workload.
package rollout

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

const (
	// pause is how long two restarts of one workload are apart at least, so that a Secret that somebody
	// fights over does not keep its pods from ever being ready.
	pause = 5 * time.Minute
	// maxPutBacks is how often a record is written again that something else has changed: a rollback of a
	// Deployment does so once, a tool that applies the object over and over does so always.
	maxPutBacks = 1
)

// Snapshot is what is known of a workload.
type Snapshot struct {
	// UID sets the workload's place in the spread.
	UID types.UID
	// Uses are the names of the Secrets that its pods read, by Uses.
	Uses []string
	// Certificates are those that are in these Secrets now, by the Secret's name.
	Certificates map[string]Certificate
	// Annotation is the record that stands on the workload, as it is written there.
	Annotation string
	// Memory is that of the plan before; the zero value where there was none in this process.
	Memory Memory
	// Spread is the time over which workloads that a change concerns are restarted.
	Spread time.Duration
	// Now is the time of the decision.
	Now time.Time
}

// Memory is what a process remembers of a workload between two decisions. All of it may be lost: then the
// record that stands on the workload counts, and a wait begins again.
type Memory struct {
	// Known is what the pods are known to have read. It goes before what stands on the workload: that, anybody
	// can set back.
	Known Record
	// Since is when the change was first seen that a restart waits for; zero if there is none.
	Since time.Time
	// Restarted is when the workload was last restarted; zero if it was not.
	Restarted time.Time
	// Stands is the record that was last written, or found to be right, as it stands on the workload.
	Stands string
	// PutBacks is how often that was written again because something else had changed it.
	PutBacks int
}

// Action is what is to be done.
type Action int

const (
	// Keep means that there is nothing to do.
	Keep Action = iota
	// Note means that the record is to be written, and no pod replaced.
	Note
	// Wait means that the pods are to be replaced later.
	Wait
	// Restart means that the record is to be written and the pods are to be replaced, in one write.
	Restart
)

// Plan is what is to be done with a workload.
type Plan struct {
	Action Action
	// Record is what the workload's pods are known to have read, once the plan is carried out.
	Record Record
	// Changed are the Secrets with another certificate than the pods have read, in order; for Wait and Restart.
	Changed []string
	// PutBack marks a Note that writes again what something else has changed.
	PutBack bool
	// At is when a Wait is over.
	At time.Time
	// Memory is to be kept once the plan is carried out.
	Memory Memory
}

// Decide says what is to be done with a workload. Its pods are replaced only if a Secret had a certificate that is
// known from before, and now has another, which is not a temporary one. A Secret or a certificate that is seen
// for the first time is noted.
func Decide(s *Snapshot) Plan {
	known := s.Memory.Known
	if known == nil {
		known = ParseRecord(s.Annotation)
	}
	settled, changed := s.compare(known)
	plan := Plan{Record: settled, Changed: changed, Memory: s.Memory}
	plan.Memory.Known = settled
	if len(changed) == 0 {
		plan.Memory.Since = time.Time{}
		s.note(&plan)
		return plan
	}
	if plan.Memory.Since.IsZero() {
		plan.Memory.Since = s.Now
	}
	if due := s.due(plan.Memory); s.Now.Before(due) {
		plan.Action, plan.At = Wait, due
		return plan
	}
	s.restart(&plan)
	return plan
}

// compare gives what the pods are known to have read of what they use now, and the Secrets with something else.
func (s *Snapshot) compare(known Record) (settled Record, changed []string) {
	settled = Record{}
	for _, name := range s.Uses {
		before, isKnown := known[name]
		now, isThere := s.Certificates[name]
		switch {
		case isKnown:
			settled[name] = before
			if isThere && !now.Temporary && now.Digest != before {
				changed = append(changed, name)
			}
		case isThere:
			// A temporary one is known too: pods that start with it need the real one.
			settled[name] = now.Digest
		}
	}
	return settled, changed
}

// note has the record written if another one stands on the workload, and if that helps.
func (s *Snapshot) note(plan *Plan) {
	text := plan.Record.String()
	if text != s.Annotation {
		putBack := s.Memory.Known != nil && text == s.Memory.Stands
		if putBack && s.Memory.PutBacks >= maxPutBacks {
			return
		}
		plan.Action, plan.PutBack = Note, putBack
	}
	plan.Memory.stands(text, plan.PutBack)
}

func (s *Snapshot) restart(plan *Plan) {
	plan.Action = Restart
	for _, name := range plan.Changed {
		plan.Record[name] = s.Certificates[name].Digest
	}
	plan.Memory.Known, plan.Memory.Since, plan.Memory.Restarted = plan.Record, time.Time{}, s.Now
	plan.Memory.stands(plan.Record.String(), false)
}

// stands keeps what will stand on the workload.
func (m *Memory) stands(text string, putBack bool) {
	if text != m.Stands {
		m.Stands, m.PutBacks = text, 0
	}
	if putBack {
		m.PutBacks++
	}
}

// due is when the restart for a change is to be: at the workload's own place in the spread, and not too soon after
// the last one.
func (s *Snapshot) due(memory Memory) time.Time {
	due := memory.Since.Add(time.Duration(fraction(s.UID) * float64(s.Spread)))
	if memory.Restarted.IsZero() {
		return due
	}
	return slices.MaxFunc([]time.Time{due, memory.Restarted.Add(pause)}, time.Time.Compare)
}

// fraction is a number in [0, 1) that depends on the UID alone.
func fraction(uid types.UID) float64 {
	sum := sha256.Sum256([]byte(uid))
	return float64(binary.BigEndian.Uint64(sum[:8])>>11) / (1 << 53)
}
