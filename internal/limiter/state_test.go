package limiter

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func diff(a, b State) string { return cmp.Diff(a, b, cmpopts.EquateEmpty()) }

// few makes what is remembered little enough for random states to exceed it.
var few = bounds{perSet: 2, all: 5}

// random is a state of few sets, orders and times, so that states have much in common.
func random(r *rand.Rand) State {
	state := State{}
	for range r.IntN(12) {
		id := hash([]byte{byte(r.IntN(4))}, orderBytes)
		state.add(hash([]byte{byte(r.IntN(4))}, setBytes), map[string]int64{id: start.Unix() + r.Int64N(6)})
	}
	state.trim(few)
	if r.IntN(2) == 0 {
		state.OrdersFullAt = start.Add(time.Duration(r.IntN(3)) * time.Second)
	}
	if r.IntN(2) == 0 {
		state.Held = Hold{Until: start.Add(time.Duration(1+r.IntN(2)) * time.Second), Why: fmt.Sprint(r.IntN(2))}
	}
	return state
}

// Whatever processes know of an account, they come to know the same.
func TestMergeIsCommutativeAssociativeAndIdempotent(t *testing.T) {
	for seed := range uint64(2_000) {
		r := rand.New(rand.NewPCG(seed, 1))
		a, b, c := random(r), random(r), random(r)
		before := fmt.Sprint(a, b, c)
		for law, sides := range map[string][2]State{
			"commutative": {merge(a, b, few), merge(b, a, few)},
			"associative": {merge(merge(a, b, few), c, few), merge(a, merge(b, c, few), few)},
			"idempotent":  {merge(a, a, few), a},
			"absorbing":   {merge(merge(a, b, few), b, few), merge(a, b, few)},
			"neutral":     {merge(a, State{}, few), a},
		} {
			if fmt.Sprint(sides[0]) != fmt.Sprint(sides[1]) {
				t.Fatalf("seed %d: not %s:\n%s\na %+v\nb %+v\nc %+v", seed, law, diff(sides[0], sides[1]), a, b, c)
			}
		}
		if after := fmt.Sprint(a, b, c); after != before {
			t.Fatalf("seed %d: merging changed what was merged:\n%s\n%s", seed, before, after)
		}
	}
}

func TestMergeKeepsWhatEitherKnows(t *testing.T) {
	limits := Limits{Orders: 3, OrdersPer: OrdersWindow, ExactSet: 2, ExactSetPer: ExactSetWindow}
	var a, b State
	order := Order{Set: SetOf([]string{"a.test"})}
	a.Issued(limits, start, order, "1")
	b.Issued(limits, start, order, "2")
	b.Ordered(limits, start, order)
	a.Hold(start, start.Add(time.Hour), "because")
	got := Merge(a, b)
	want := State{
		OrdersFullAt: start.Add(time.Hour),
		Sets:         map[string]map[string]int64{order.Set: {hash([]byte("1"), orderBytes): start.Unix(), hash([]byte("2"), orderBytes): start.Unix()}},
		Held:         Hold{Until: start.Add(time.Hour), Why: "because"},
	}
	if d := diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// full is as much as is remembered, and one certificate more, which made the oldest go.
func full() *State {
	state := &State{Sets: map[string]map[string]int64{}}
	for i := range atMost.all {
		state.add(SetOf([]string{fmt.Sprint(i)}), map[string]int64{hash([]byte("1"), orderBytes): start.Unix() - int64(atMost.all-i)})
	}
	state.Issued(Limits{ExactSet: 1}, start, Order{Set: SetOf([]string{"a.test"})}, "1")
	return state
}

// However much an account does, its state fits into a Secret, and it is the oldest that is forgotten.
func TestStateIsBounded(t *testing.T) {
	state := full()
	state.Hold(start, start.Add(time.Hour), strings.Repeat("€", longestWhy))
	state.OrdersFullAt = start.Add(time.Hour)
	data, err := state.Encode(start)
	if err != nil || len(data) > MaxStateBytes {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	if len(state.Sets) != atMost.all || state.Sets[SetOf([]string{"0"})] != nil {
		t.Errorf("%d sets are remembered, the oldest %v", len(state.Sets), state.Sets[SetOf([]string{"0"})])
	}
	if len(state.Held.Why) > longestWhy || !utf8.ValidString(state.Held.Why) {
		t.Errorf("a reason of %d bytes: %q", len(state.Held.Why), state.Held.Why)
	}

	one := &State{}
	order := Order{Set: SetOf([]string{"a.test"})}
	for i := range MaxExactSet + 1 {
		one.Issued(Limits{ExactSet: 1}, start.Add(time.Duration(i)*time.Second), order, fmt.Sprint(i))
	}
	if got := one.Sets[order.Set]; len(got) != MaxExactSet || got[hash([]byte("0"), orderBytes)] != 0 {
		t.Errorf("%d certificates of one set are remembered", len(got))
	}
	refusal := one.Ask(Limits{ExactSet: MaxExactSet, ExactSetPer: ExactSetWindow}, start.Add(time.Hour), order, "")
	if refusal == nil || !refusal.Until.Equal(start.Add(ExactSetWindow+time.Second)) {
		t.Errorf("the largest limit is not kept to: %+v", refusal)
	}
}

func TestEncodeDropsWhatIsOver(t *testing.T) {
	old, new, wrong := SetOf([]string{"old"}), SetOf([]string{"new"}), SetOf([]string{"wrong"})
	state := func() *State {
		return &State{
			OrdersFullAt: start.Add(time.Hour),
			Sets: map[string]map[string]int64{
				old:   {"0000000000000001": start.Add(-ExactSetWindow).Unix()},
				new:   {"0000000000000001": start.Add(-ExactSetWindow).Unix(), "0000000000000002": start.Unix()},
				wrong: {"0000000000000001": start.Add(ahead + time.Second).Unix()},
			},
			Held: Hold{Until: start.Add(time.Hour), Why: "because"},
		}
	}
	for after, want := range map[time.Duration]string{
		0: `{"version":1,"ordersFullAt":"2026-03-01T13:00:00Z","sets":{"` + new + `":{"0000000000000002":1772366400}},` +
			`"hold":{"until":"2026-03-01T13:00:00Z","why":"because"}}`,
		2 * ExactSetWindow:  `{"version":1}`,
		-2 * ExactSetWindow: `{"version":1}`,
	} {
		got, err := state().Encode(start.Add(after))
		if err != nil {
			t.Errorf("after %s: %v", after, err)
		}
		if d := cmp.Diff(want, string(got)); d != "" {
			t.Errorf("after %s (-want +got):\n%s", after, d)
		}
	}
}

func TestParse(t *testing.T) {
	set := strings.Repeat("0a", setBytes)
	for name, test := range map[string]struct{ data, problem string }{
		"an empty state":          {`{"version":1}`, ""},
		"what others added":       {`{"version":1,"note":"hello","sets":{"` + set + `":{"0123456789abcdef":1}}}`, ""},
		"nothing":                 {``, "cannot be read: unexpected end of JSON input"},
		"something else":          {`[]`, "cannot be read"},
		"no version":              {`{}`, "is of version 0, and 1 is the only one that is known"},
		"a version of the future": {`{"version":2}`, "is of version 2"},
		"a set that is short":     {`{"version":1,"sets":{"` + set[2:] + `":{"0123456789abcdef":1}}}`, "a set of names that is none"},
		"a set that is a name":    {`{"version":1,"sets":{"abcdefghijklmnopqrstuvwxyz.abc.de":{"0123456789abcdef":1}}}`, "a set of names that is none"},
		"a set of odd length":     {`{"version":1,"sets":{"` + set + `0":{"0123456789abcdef":1}}}`, "a set of names that is none"},
		"a set without orders":    {`{"version":1,"sets":{"` + set + `":{}}}`, "a set of names that is none"},
		"an order that is none":   {`{"version":1,"sets":{"` + set + `":{"0123456789ABCDEF":1}}}`, "an order that is none"},
		"a long reason":           {`{"version":1,"hold":{"until":"2026-03-01T12:00:00Z","why":"` + strings.Repeat("a", longestWhy+1) + `"}}`, "longer than 512 bytes"},
		"too much":                {`{"version":1}` + strings.Repeat(" ", MaxStateBytes), "longer than 1048576 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			state, err := Parse([]byte(test.data))
			if test.problem == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.problem) {
				t.Errorf("error %v, want %q in it", err, test.problem)
			}
			if !state.IsEmpty() {
				t.Errorf("an unreadable state is %+v", state)
			}
		})
	}
}

func TestParseReadsWhatEncodeWrote(t *testing.T) {
	state := full()
	state.Hold(start, start.Add(time.Hour), "because\u2028of <this>")
	state.Ordered(Limits{Orders: 7, OrdersPer: OrdersWindow}, start, Order{})
	data, err := state.Encode(start)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if d := diff(*state, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		7 * 24 * time.Hour: "7 days", 24 * time.Hour: "24 hours", 3 * time.Hour: "3 hours", time.Hour: "1h0m0s", 90 * time.Minute: "1h30m0s",
	} {
		if got := span(d); got != want {
			t.Errorf("%s is %q, want %q", d, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"version":1}`))
	f.Add([]byte(`{"version":1,"ordersFullAt":"0000-01-01T00:00:00+23:59","hold":{"until":"9999-12-31T23:59:59-23:59","why":"\ud800"}}`))
	f.Add([]byte(`{"version":1,"sets":{"0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a":{"0123456789abcdef":1772366400,"0123456789abcdee":-1}}}`))
	limits := Limits{Orders: 1, OrdersPer: OrdersWindow, ExactSet: 1, ExactSetPer: ExactSetWindow}
	f.Fuzz(func(t *testing.T, data []byte) {
		state, err := Parse(data)
		if err != nil {
			if !state.IsEmpty() {
				t.Fatalf("an unreadable state is %+v", state)
			}
			return
		}
		if d := diff(Merge(state, state), state); d != "" {
			t.Fatalf("merging a state with itself:\n%s", d)
		}
		for set := range state.Sets {
			if refusal := state.Ask(limits, start, Order{Set: set}, ""); refusal != nil &&
				(!refusal.Until.After(start) || refusal.Until.After(start.Add(ExactSetWindow+ahead))) {
				t.Fatalf("an order waits until %s", refusal.Until)
			}
		}
		written, err := state.Encode(start)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(written)
		if err != nil {
			t.Fatalf("%v\n%s", err, written)
		}
		if d := diff(again, state); d != "" {
			t.Fatalf("read back (-read +written):\n%s", d)
		}
	})
}
