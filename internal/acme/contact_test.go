package acme

import "testing"

func TestContacts(t *testing.T) {
	tests := map[string]bool{
		"mailto:ops@a.example":            true,
		"MAILTO:ops@a.example":            true,
		"mailto:o%2Cps@a.example":         true,
		"tel:+12025550123":                true,
		"https://a.example/contact":       true,
		"mailto:a@a.example,b@a.example":  false,
		"mailto:a@a.example?subject=cert": false,
		"mailto:a@a.example?":             false,
		"mailto:":                         false,
		"mailto:nobody":                   false,
		"ops@a.example":                   false,
		"":                                false,
	}
	for contact, want := range tests {
		err := checkContacts(OpAccount, []string{"mailto:first@a.example", contact})
		if (err == nil) != want {
			t.Errorf("%q: %v, want it accepted: %v", contact, err, want)
		}
		if err != nil {
			wantReason(t, err, ReasonBadURL)
		}
	}
}
