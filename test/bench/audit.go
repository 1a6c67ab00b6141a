package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"slices"
	"time"
)

// loadAgent is the user agent of the load generator and of the floor.
const loadAgent = "certwright-bench"

// auditLog is the API server's account of who asked for what.
type auditLog struct{ path string }

type auditEvent struct {
	Stage string `json:"stage"`
	Verb  string `json:"verb"`
	User  struct {
		Username string `json:"username"`
	} `json:"user"`
	ObjectRef struct {
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
		Namespace   string `json:"namespace"`
	} `json:"objectRef"`
	RequestReceivedTimestamp time.Time `json:"requestReceivedTimestamp"`
}

// ofOperator says whether an event is a request of the operator that counts: not for its lease, nor
// for the canary of a restart, and of the two events of a watch only that of its start.
func (e auditEvent) ofOperator() bool {
	if e.User.Username != serviceAccount || e.ObjectRef.Namespace == canaryNamespace {
		return false
	}
	if e.Verb == "watch" && e.Stage != "ResponseStarted" {
		return false
	}
	return e.ObjectRef.Resource != "" && e.ObjectRef.Resource != "leases"
}

func (e auditEvent) call() call {
	resource := e.ObjectRef.Resource
	if e.ObjectRef.Subresource != "" {
		resource += "/" + e.ObjectRef.Subresource
	}
	return call{verb: e.Verb, resource: resource}
}

// call is a kind of request.
type call struct{ verb, resource string }

func (c call) String() string { return c.verb + " " + c.resource }

// fillsCache says whether a request is one of those that an operator makes once, whatever it works on.
func (c call) fillsCache() bool { return c.verb == "list" || c.verb == "watch" }

func (c call) writes() bool {
	return slices.Contains([]string{"create", "update", "patch", "delete", "deletecollection"}, c.verb)
}

// calls are how often each kind of request was made.
type calls map[call]int

// where keeps the kinds that a condition holds for.
func (c calls) where(keep func(call) bool) calls {
	kept := maps.Clone(c)
	maps.DeleteFunc(kept, func(kind call, _ int) bool { return !keep(kind) })
	return kept
}

func (c calls) total() int {
	total := 0
	for _, count := range c {
		total += count
	}
	return total
}

// onObjects are the requests that are not lists and watches.
func (c calls) onObjects() calls { return c.where(func(kind call) bool { return !kind.fillsCache() }) }

// tally counts what the operator asks for from a moment on. It reads on where it stopped, so that
// looking often does not take the processor from what is measured.
type tally struct {
	path   string
	since  time.Time
	offset int64
	counts calls
}

// tally counts from now on.
func (a *auditLog) tally() (*tally, error) {
	now := time.Now()
	info, err := os.Stat(a.path)
	if err != nil {
		return nil, err
	}
	return &tally{path: a.path, since: now, offset: info.Size(), counts: calls{}}, nil
}

// update reads what was written since the last time. A line that is half written waits for the next.
func (t *tally) update() error {
	file, err := os.Open(t.path)
	if err != nil {
		return err
	}
	// Nothing was written: closing cannot lose anything.
	defer func() { _ = file.Close() }()
	if _, err := file.Seek(t.offset, io.SeekStart); err != nil {
		return err
	}
	lines := bufio.NewReader(file)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		t.offset += int64(len(line))
		t.count(line)
	}
}

func (t *tally) count(line []byte) {
	var event auditEvent
	// The tally may begin within a line: what is left of that one is no JSON, and was asked for before.
	if json.Unmarshal(line, &event) != nil || !event.ofOperator() || event.RequestReceivedTimestamp.Before(t.since) {
		return
	}
	t.counts[event.call()]++
}
