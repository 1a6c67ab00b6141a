package testkit

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Moment says on which side of a call a process dies.
type Moment string

// Moments of a call.
const (
	Before Moment = "before"
	After  Moment = "after"
)

// Point is a place to die at: around the occurrence-th call with a label.
type Point struct {
	Label      string
	Occurrence int
	Moment     Moment
}

// String names the point as specs report it.
func (p Point) String() string { return fmt.Sprintf("%s %s (%d)", p.Moment, p.Label, p.Occurrence) }

// ErrDead is what every call of a dead process ends with.
var ErrDead = errors.New("the process is dead")

// Faults wraps the calls of one operator, API and CA alike: it records them, and at a chosen point
// it cuts the operator off for good, so that nothing it does afterwards has an effect.
type Faults struct {
	// At is where to die; nil records only.
	At *Point
	// Died is closed at that point.
	Died chan struct{}

	mu    sync.Mutex
	dead  bool
	calls []string
	count map[string]int
}

// NewFaults dies at a point, or never if at is nil.
func NewFaults(at *Point) *Faults {
	return &Faults{At: at, Died: make(chan struct{}), count: map[string]int{}}
}

// Points are the places to die at that a recording has found: both sides of every call.
func (f *Faults) Points() []Point {
	f.mu.Lock()
	defer f.mu.Unlock()
	seen := map[string]int{}
	var points []Point
	for _, label := range f.calls {
		seen[label]++
		points = append(points, Point{label, seen[label], Before}, Point{label, seen[label], After})
	}
	return points
}

// Calls are the labels of all calls that got through, in order.
func (f *Faults) Calls() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

// Count is how many calls with a label got through.
func (f *Faults) Count(label string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count[label]
}

// Wrap makes a transport whose calls are named by label; calls without a name pass unseen, as long
// as the process lives.
func (f *Faults) Wrap(next http.RoundTripper, label func(*http.Request) string) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		name := label(request)
		occurrence, dead := f.enter(name)
		if dead {
			return nil, ErrDead
		}
		response, err := next.RoundTrip(request)
		if f.leave(name, occurrence) {
			if err == nil {
				_ = response.Body.Close()
			}
			return nil, ErrDead
		}
		return response, err
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (r roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return r(request) }

// enter counts a call, and says whether the process is dead before it.
func (f *Faults) enter(name string) (occurrence int, dead bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dead || name == "" {
		return 0, f.dead
	}
	if f.is(name, f.count[name]+1, Before) {
		return 0, f.die()
	}
	f.calls = append(f.calls, name)
	f.count[name]++
	return f.count[name], false
}

// leave says whether the process is dead after a call. Others with its label may have begun meanwhile.
func (f *Faults) leave(name string, occurrence int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dead || name == "" {
		return f.dead
	}
	if f.is(name, occurrence, After) {
		return f.die()
	}
	return false
}

func (f *Faults) is(name string, occurrence int, moment Moment) bool {
	return f.At != nil && *f.At == Point{name, occurrence, moment}
}

func (f *Faults) die() bool {
	f.dead = true
	close(f.Died)
	return true
}

// APICall names a call to the API server: "PUT certificates/status". Lists and watches have no name:
// they are the cache's, not a step of a reconciler.
func APICall(request *http.Request) string {
	parts := strings.Split(strings.Trim(request.URL.Path, "/"), "/")
	for i, part := range parts {
		if part != "namespaces" || i+2 >= len(parts) {
			continue
		}
		resource, rest := parts[i+2], parts[i+3:]
		if request.Method == http.MethodGet && len(rest) == 0 {
			return ""
		}
		if len(rest) > 1 {
			resource += "/" + rest[1]
		}
		return request.Method + " " + resource
	}
	return ""
}

// ACMECall names a call to a CA by the kind of its resource: "POST order-plz".
func ACMECall(request *http.Request) string {
	resource, _, _ := strings.Cut(strings.Trim(request.URL.Path, "/"), "/")
	return "CA " + request.Method + " " + resource
}
