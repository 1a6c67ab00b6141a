package backend

import (
	"context"
	"slices"
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
	status.DNSPersist01 = persistRecord(&directory.Meta, issuer.GetSpec().ACME, status)
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

// persistRecord is the record to publish before anything is ordered, nil where no solver needs one or the CA does not
// say enough. Of the two forms that CAs speak, it is the one that does not differ from domain to domain.
func persistRecord(meta *acme.DirectoryMeta, spec *v1.ACMEIssuer, status *v1.ACMEIssuerStatus) *v1.ACMEPersistRecord {
	i := slices.IndexFunc(spec.Solvers, func(s v1.ACMESolver) bool { return s.DNSPersist01 != nil })
	if i < 0 {
		return nil
	}
	offer, known := meta.PersistOffer(acme.PersistAccountURL)
	if !known {
		return nil
	}
	const domain = "<domain>"
	record, err := offer.Record(meta, acme.Account{URL: status.URI}, acme.PersistRequest{
		Domain: domain, Issuer: spec.Solvers[i].DNSPersist01.IssuerDomainName, Wildcard: true,
	})
	if err != nil {
		return nil
	}
	value, err := record.Value()
	if err != nil {
		return nil
	}
	return &v1.ACMEPersistRecord{Name: acme.DNSPersist01Name(domain), Value: value}
}

func profiles(meta *acme.DirectoryMeta) []v1.ACMEProfile {
	var result []v1.ACMEProfile
	for _, name := range meta.ProfileNames() {
		result = append(result, v1.ACMEProfile{Name: name, Description: meta.Profiles[name]})
	}
	return result
}
