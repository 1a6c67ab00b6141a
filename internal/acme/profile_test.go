package acme

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestChooseProfile(t *testing.T) {
	meta := &DirectoryMeta{Profiles: map[string]string{"tlsserver": "", "classic": "The default", "shortlived": ""}}
	tests := map[string]struct {
		meta      *DirectoryMeta
		required  string
		preferred []string
		want      string
	}{
		"nothing asked":              {meta, "", nil, ""},
		"required":                   {meta, "classic", []string{"shortlived"}, "classic"},
		"first preferred":            {meta, "", []string{"shortlived", "classic"}, "shortlived"},
		"second preferred":           {meta, "", []string{"gone", "classic"}, "classic"},
		"none of the preferred":      {meta, "", []string{"gone"}, ""},
		"preferred, CA has none":     {&DirectoryMeta{}, "", []string{"classic"}, ""},
		"an empty name is no choice": {meta, "", []string{"", "classic"}, "classic"},
	}
	for name, test := range tests {
		got, err := test.meta.ChooseProfile(test.required, test.preferred...)
		if got != test.want || err != nil {
			t.Errorf("%s: %q, %v, want %q", name, got, err, test.want)
		}
	}
}

func TestChooseProfileThatIsNotOffered(t *testing.T) {
	meta := &DirectoryMeta{Profiles: map[string]string{"tlsserver": "", "classic": ""}}
	for _, test := range []struct {
		meta *DirectoryMeta
		want string
	}{
		{meta, `the CA does not offer the profile "gone"; it offers classic, tlsserver`},
		{&DirectoryMeta{}, `the CA does not offer the profile "gone"; it offers none`},
	} {
		got, err := test.meta.ChooseProfile("gone", "classic")
		if got != "" || !errors.Is(err, ErrProfileNotOffered) || err.Error() != test.want {
			t.Errorf("%q, %v, want the error %q", got, err, test.want)
		}
	}
	if diff := cmp.Diff([]string{"classic", "tlsserver"}, meta.ProfileNames()); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}
