package limiter

import (
	"fmt"
	"slices"
	"time"
)

// Limit is what refuses an order.
type Limit string

const (
	// LimitHold is the CA's own refusal of every order of the account.
	LimitHold Limit = "Hold"
	// LimitOrders is the number of orders of the account.
	LimitOrders Limit = "Orders"
	// LimitExactSet is the number of certificates for exactly the same names.
	LimitExactSet Limit = "ExactSet"
)

// Refusal says why an order is not made now.
type Refusal struct {
	By Limit
	// Until is when to ask again; it is after the time of the question.
	Until time.Time
	// Why is a sentence for a person, the same as long as nothing changes.
	Why string
}

// Ask says whether an order may be made, nil, or what is in its way. Of several limits it is the one that lasts
// longest. force is the key of the annotation that makes an order a forced one, for the sentence.
func (s *State) Ask(limits Limits, now time.Time, order Order, force string) *Refusal {
	var longest *Refusal
	for _, refusal := range []*Refusal{s.held(now), s.usedUp(limits, now, order), s.tooOften(limits, now, order, force)} {
		if refusal != nil && (longest == nil || refusal.Until.After(longest.Until)) {
			longest = refusal
		}
	}
	return longest
}

// held is for every order of the account, whatever it is for: the CA has said so itself.
func (s *State) held(now time.Time) *Refusal {
	if !s.Held.inForce(now) {
		return nil
	}
	return &Refusal{By: LimitHold, Until: s.Held.Until, Why: fmt.Sprintf(
		"the CA takes no orders of this account until %s: %s", instant(s.Held.Until), s.Held.Why)}
}

// usedUp is a bucket of orders that is empty, or whose content is for others.
func (s *State) usedUp(limits Limits, now time.Time, order Order) *Refusal {
	if limits.Orders <= 0 || order.Replaces {
		return nil
	}
	first := time.Duration(min(order.Before, maxBefore)) * limits.interval()
	missing := s.owed(now) + first + limits.interval() - limits.OrdersPer
	if missing <= 0 {
		return nil
	}
	return &Refusal{By: LimitOrders, Until: now.Add(missing), Why: fmt.Sprintf(
		"this account may make %d orders in %s, and they are used up: the order waits for its turn",
		limits.Orders, span(limits.OrdersPer))}
}

// maxBefore bounds how far ahead a turn is computed.
const maxBefore = 100_000

// tooOften is a set of names that certificates were issued for again and again.
func (s *State) tooOften(limits Limits, now time.Time, order Order, force string) *Refusal {
	if limits.ExactSet <= 0 || order.Replaces || order.PastBackstop || order.Forced {
		return nil
	}
	var times []time.Time
	for _, seconds := range s.Sets[order.Set] {
		if at := time.Unix(seconds, 0); counts(at, now, limits.ExactSetPer) {
			times = append(times, at)
		}
	}
	if len(times) < limits.ExactSet {
		return nil
	}
	slices.SortFunc(times, time.Time.Compare)
	until := times[len(times)-limits.ExactSet].Add(limits.ExactSetPer)
	return &Refusal{By: LimitExactSet, Until: until, Why: fmt.Sprintf(
		"%d certificates for exactly these names were issued in the last %s, and the CA has a limit for that: "+
			"find out what asks for them again and again; the next is allowed at %s, or at once with the annotation %s: \"true\"",
		len(times), span(limits.ExactSetPer), instant(until), force)}
}

// interval is the time in which the bucket gets one more order.
func (l Limits) interval() time.Duration { return l.OrdersPer / time.Duration(l.Orders) }

func instant(at time.Time) string { return at.UTC().Format(time.RFC3339) }

// span is a whole number of days or hours, in words.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d%day == 0 && d > day:
		return fmt.Sprintf("%d days", d/day)
	case d%time.Hour == 0 && d > time.Hour:
		return fmt.Sprintf("%d hours", d/time.Hour)
	default:
		return d.String()
	}
}
