package limiter

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// State is what is remembered of one account at one directory. The zero value is that of an account that has
// done nothing yet.
type State struct {
	// OrdersFullAt is when the bucket of orders is full again; it is full if that has passed.
	OrdersFullAt time.Time `json:"ordersFullAt,omitzero"`
	// Sets has, by set of names and then by order, when certificates were issued, in seconds since 1970.
	Sets map[string]map[string]int64 `json:"sets,omitempty"`
	// Held is the CA's refusal of every order.
	Held Hold `json:"hold,omitzero"`
}

// Hold is a time in which no order of an account is made.
type Hold struct {
	Until time.Time `json:"until"`
	// Why is what the CA said.
	Why string `json:"why"`
}

// bounds of what is remembered.
type bounds struct{ perSet, all int }

// atMost keeps an encoded state below a megabyte, the most that a Secret holds. What is oldest goes first, so
// that a loop is noticed however many names the account has.
var atMost = bounds{perSet: MaxExactSet, all: 8192}

const (
	// longestHold is how long a CA is taken at its word: then it is asked again.
	longestHold = 24 * time.Hour
	longestWhy  = 512
	// ahead is how far clocks may differ. What is further in the future than it can be was written by a clock
	// that was wrong, and would otherwise be in the way until that time comes.
	ahead = 10 * time.Minute
)

// Ordered counts an order that the CA has made.
func (s *State) Ordered(limits Limits, now time.Time, order Order) (changed bool) {
	if limits.Orders <= 0 || order.Replaces {
		return false
	}
	s.OrdersFullAt = now.Add(s.owed(now) + limits.interval()).UTC().Round(0)
	return true
}

// Issued counts a certificate, once for each order, which is known by its URL.
func (s *State) Issued(limits Limits, now time.Time, order Order, orderURL string) (changed bool) {
	if limits.ExactSet <= 0 || order.Replaces {
		return false
	}
	id := hash([]byte(orderURL), orderBytes)
	if _, known := s.Sets[order.Set][id]; known {
		return false
	}
	if s.Sets == nil {
		s.Sets = map[string]map[string]int64{}
	}
	if s.Sets[order.Set] == nil {
		s.Sets[order.Set] = map[string]int64{}
	}
	s.Sets[order.Set][id] = now.Unix()
	s.trim(atMost)
	return true
}

// Hold lets no order of the account be made until a time, a day away at most. A hold that lasts longer stays.
func (s *State) Hold(now, until time.Time, why string) (changed bool) {
	if latest := now.Add(longestHold); until.After(latest) {
		until = latest
	}
	hold := Hold{Until: until.UTC().Truncate(time.Second), Why: cut(strings.ToValidUTF8(why, ""), longestWhy)}
	if !hold.inForce(now) || s.Held.inForce(now) && s.Held.compare(hold) >= 0 {
		return false
	}
	s.Held = hold
	return true
}

// cut shortens valid UTF-8 without breaking a character.
func cut(text string, length int) string {
	if len(text) <= length {
		return text
	}
	for !utf8.RuneStart(text[length]) {
		length--
	}
	return text[:length]
}

// Merge is what two processes know together of one account. It does not matter in which order or how often states
// are merged. Orders that both have counted at the same time count once: only one process is to make orders.
func Merge(a, b State) State { return merge(a, b, atMost) }

func merge(a, b State, most bounds) State {
	result := State{OrdersFullAt: a.OrdersFullAt, Held: a.Held}
	if b.OrdersFullAt.After(a.OrdersFullAt) {
		result.OrdersFullAt = b.OrdersFullAt
	}
	if b.Held.compare(a.Held) > 0 {
		result.Held = b.Held
	}
	for _, sets := range []map[string]map[string]int64{a.Sets, b.Sets} {
		for set, orders := range sets {
			result.add(set, orders)
		}
	}
	result.trim(most)
	return result
}

// add takes the later time of an order that is known already.
func (s *State) add(set string, orders map[string]int64) {
	if s.Sets == nil {
		s.Sets = map[string]map[string]int64{}
	}
	if s.Sets[set] == nil {
		s.Sets[set] = map[string]int64{}
	}
	for id, at := range orders {
		if known, ok := s.Sets[set][id]; !ok || at > known {
			s.Sets[set][id] = at
		}
	}
}

// Prune drops what makes no difference any more.
func (s *State) Prune(now time.Time) {
	if s.owed(now) == 0 {
		s.OrdersFullAt = time.Time{}
	}
	if !s.Held.inForce(now) {
		s.Held = Hold{}
	}
	for set, orders := range s.Sets {
		maps.DeleteFunc(orders, func(_ string, at int64) bool { return !counts(time.Unix(at, 0), now, ExactSetWindow) })
		if len(orders) == 0 {
			delete(s.Sets, set)
		}
	}
}

// IsEmpty says whether nothing is remembered. What makes no difference counts until it is pruned.
func (s *State) IsEmpty() bool {
	return s.OrdersFullAt.IsZero() && s.Held == Hold{} && len(s.Sets) == 0
}

// owed is how long it takes until the bucket of orders is full.
func (s *State) owed(now time.Time) time.Duration {
	owed := s.OrdersFullAt.Sub(now)
	if owed < 0 || owed > OrdersWindow+ahead {
		return 0
	}
	return owed
}

// counts says whether what happened at a time still counts, a window long.
func counts(at, now time.Time, window time.Duration) bool {
	age := now.Sub(at)
	return age < window && age >= -ahead
}

func (h Hold) inForce(now time.Time) bool {
	return h.Until.After(now) && !h.Until.After(now.Add(longestHold+ahead))
}

func (h Hold) compare(other Hold) int {
	return cmp.Or(h.Until.Compare(other.Until), strings.Compare(h.Why, other.Why))
}

// trim keeps the newest certificates of each set, and of all.
func (s *State) trim(most bounds) {
	total, fits := 0, true
	for _, orders := range s.Sets {
		total += len(orders)
		fits = fits && len(orders) <= most.perSet
	}
	if fits && total <= most.all {
		return
	}
	type certificate struct {
		at      int64
		set, id string
	}
	certificates := make([]certificate, 0, total)
	for set, orders := range s.Sets {
		for id, at := range orders {
			certificates = append(certificates, certificate{at, set, id})
		}
	}
	slices.SortFunc(certificates, func(a, b certificate) int {
		return cmp.Or(cmp.Compare(b.at, a.at), strings.Compare(a.set, b.set), strings.Compare(a.id, b.id))
	})
	kept, left := map[string]map[string]int64{}, most.all
	for _, c := range certificates {
		if left == 0 || len(kept[c.set]) == most.perSet {
			continue
		}
		if kept[c.set] == nil {
			kept[c.set] = map[string]int64{}
		}
		kept[c.set][c.id] = c.at
		left--
	}
	s.Sets = kept
}
