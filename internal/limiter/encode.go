package limiter

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// MaxStateBytes bounds what is read as a state. What is written is shorter.
const MaxStateBytes = 1 << 20

// stateVersion is that of the layout of an encoded state.
const stateVersion = 1

type encodedState struct {
	Version int `json:"version"`
	State
}

// Encode writes a state without what makes no difference any more: the same bytes for the same state.
func (s *State) Encode(now time.Time) ([]byte, error) {
	s.Prune(now)
	data, err := json.Marshal(encodedState{Version: stateVersion, State: *s})
	if err != nil {
		return nil, fmt.Errorf("writing the state of an ACME account's limits: %w", err)
	}
	return data, nil
}

// Parse reads what Encode wrote. With an error, the state is the empty one.
func Parse(data []byte) (State, error) {
	if len(data) > MaxStateBytes {
		return State{}, fmt.Errorf("the state of an ACME account's limits is longer than %d bytes", MaxStateBytes)
	}
	var encoded encodedState
	if err := json.Unmarshal(data, &encoded); err != nil {
		return State{}, fmt.Errorf("the state of an ACME account's limits cannot be read: %w", err)
	}
	if encoded.Version != stateVersion {
		return State{}, fmt.Errorf("the state of an ACME account's limits is of version %d, and %d is the only one that is known", encoded.Version, stateVersion)
	}
	state := encoded.State
	if err := state.check(); err != nil {
		return State{}, err
	}
	state.trim(atMost)
	state.OrdersFullAt, state.Held.Until = state.OrdersFullAt.UTC(), state.Held.Until.UTC()
	return state, nil
}

func (s *State) check() error {
	for set, orders := range s.Sets {
		if !isHash(set, setBytes) || len(orders) == 0 {
			return fmt.Errorf("the state of an ACME account's limits has a set of names that is none")
		}
		for id := range orders {
			if !isHash(id, orderBytes) {
				return fmt.Errorf("the state of an ACME account's limits has an order that is none")
			}
		}
	}
	if len(s.Held.Why) > longestWhy {
		return fmt.Errorf("the state of an ACME account's limits has a reason for a hold that is longer than %d bytes", longestWhy)
	}
	return nil
}

func isHash(text string, length int) bool {
	return hex.DecodedLen(len(text)) == length && len(text)%2 == 0 && strings.Trim(text, "0123456789abcdef") == ""
}
