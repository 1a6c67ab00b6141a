package acme

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ErrProfileNotOffered is wrapped by the error of ChooseProfile when the
// profile required is not in the directory.
var ErrProfileNotOffered = errors.New("the CA does not offer the profile")

// ProfileNames returns the names of the profiles on offer, sorted.
func (m *DirectoryMeta) ProfileNames() []string {
	return slices.Sorted(maps.Keys(m.Profiles))
}

// ChooseProfile returns the profile to order: the required one, or else the
// first of the preferred ones that is on offer, or else "", which leaves it to
// the CA. A name that the directory does not list should not be asked for
// (draft-ietf-acme-profiles-01), so requiring one gives
// ErrProfileNotOffered with the names that are on offer; the CA may still know
// it.
func (m *DirectoryMeta) ChooseProfile(required string, preferred ...string) (string, error) {
	if required != "" {
		if _, offered := m.Profiles[required]; !offered {
			return "", fmt.Errorf("%w %q; it offers %s", ErrProfileNotOffered, required, m.profileList())
		}
		return required, nil
	}
	for _, name := range preferred {
		if _, offered := m.Profiles[name]; offered {
			return name, nil
		}
	}
	return "", nil
}

func (m *DirectoryMeta) profileList() string {
	if len(m.Profiles) == 0 {
		return "none"
	}
	return strings.Join(m.ProfileNames(), ", ")
}
