package acme_test

import (
	"errors"
	"testing"
	"time"

	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

func TestPebbleProfiles(t *testing.T) {
	server := startPebble(t, acmetest.Options{AlwaysValid: true, Profiles: map[string]acmetest.Profile{
		"classic":    {Description: "The long one"},
		"shortlived": {Description: "The short one", Validity: 160 * time.Hour},
	}})
	ctx := testContext(t)
	account := server.register(ctx, t, newKey(t))
	directory, err := server.client.FetchDirectory(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := directory.Meta.ChooseProfile("tlsserver"); !errors.Is(err, acme.ErrProfileNotOffered) {
		t.Errorf("a profile that is not on offer: %v", err)
	}
	for want, preferred := range map[string][]string{"shortlived": {"tlsserver", "shortlived"}, "classic": {"classic", "shortlived"}} {
		profile, err := directory.Meta.ChooseProfile("", preferred...)
		if err != nil {
			t.Fatal(err)
		}
		certificate := server.issue(ctx, t, account, acme.OrderRequest{Identifiers: orderOf.Identifiers, Profile: profile})
		if certificate.order.Profile != want {
			t.Errorf("order of the profile %q, want %q", certificate.order.Profile, want)
		}
		lifetime := certificate.leaf.NotAfter.Sub(certificate.leaf.NotBefore)
		if short := lifetime < 7*24*time.Hour; short != (want == "shortlived") {
			t.Errorf("%s: lifetime %v", want, lifetime)
		}
	}
}
