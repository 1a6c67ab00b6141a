package backend

import (
	"context"
	"time"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/outcome"
)

// OfferRefresh is how often a CA is asked what it offers.
const OfferRefresh = 12 * time.Hour

// Describe puts into an account's status what its CA offers, and compares it with what the issuer asks for.
// The result is a remark for people, empty if there is none. A CA that does not answer changes nothing.
func (a *Accounts) Describe(ctx context.Context, issuer v1.GenericIssuer, status *v1.ACMEIssuerStatus) (remark string, err error) {
	client, err := a.client(issuer)
	if err != nil {
		return "", err
	}
	directory, err := client.FetchDirectory(ctx)
	if err != nil {
		return "", nil //nolint:nilerr // what the status has of the CA stays as it is
	}
	status.Profiles = profiles(&directory.Meta)
	terms := directory.Meta.TermsOfService
	if status.TermsOfService == "" {
		status.TermsOfService = terms
	}
	if _, err := directory.Meta.ChooseProfile(issuer.GetSpec().ACME.Profile); err != nil {
		return "", outcome.WaitUntil(a.Client.Now().Add(OfferRefresh), v1.ReasonInvalidConfig, "spec.acme.profile: %v", err)
	}
	if terms != status.TermsOfService && terms != "" {
		return "; its terms of service have changed since and are now at " + terms, nil
	}
	return "", nil
}

func profiles(meta *acme.DirectoryMeta) []v1.ACMEProfile {
	var result []v1.ACMEProfile
	for _, name := range meta.ProfileNames() {
		result = append(result, v1.ACMEProfile{Name: name, Description: meta.Profiles[name]})
	}
	return result
}
