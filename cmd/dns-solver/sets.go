package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-acme/lego/v5/challenge"
	"github.com/go-acme/lego/v5/challenge/dns01"
)

// special makes providers, in the environment of a request, that the library makes otherwise. It has those of Azure and
// Google take away all values of a name with one, and lose what somebody else writes between its read and its write.
var special = map[string]func() (challenge.Provider, error){"azuredns": newAzure, "gcloud": newGoogle}

// constructor is what makes the provider of a name.
func constructor(name string) (create func() (challenge.Provider, error), known bool) {
	if create, known = special[name]; known {
		return create, true
	}
	create, known = providers[name]
	return create, known
}

// valueSets is an API that keeps the values of a name as one set, which is read and written whole: it has a value be in
// the set, or not be in it, and leaves the others as they are.
type valueSets func(ctx context.Context, fqdn, value string, wanted bool) error

// Present implements challenge.Provider.
func (s valueSets) Present(ctx context.Context, domain, _, keyAuthorization string) error {
	info := dns01.GetChallengeInfo(ctx, domain, keyAuthorization)
	return s(ctx, info.EffectiveFQDN, info.Value, true)
}

// CleanUp implements challenge.Provider.
func (s valueSets) CleanUp(ctx context.Context, domain, _, keyAuthorization string) error {
	info := dns01.GetChallengeInfo(ctx, domain, keyAuthorization)
	return s(ctx, info.EffectiveFQDN, info.Value, false)
}

// merged is a set with an entry or without it, and whether that is another set than before.
func merged[E any](set []E, entry E, wanted bool, isEntry func(E) bool) (result []E, changed bool) {
	switch held := slices.ContainsFunc(set, isEntry); {
	case held == wanted:
		return set, false
	case wanted:
		return append(slices.Clone(set), entry), true
	default:
		return slices.DeleteFunc(slices.Clone(set), isEntry), true
	}
}

// errOutdated is the answer of an API that was to write what had been read, and holds something else by now.
var errOutdated = errors.New("the record set is no more what it was")

// attempts are how often a set is read and written before whoever else writes it is left to come to an end.
const attempts = 5

// untilCurrent reads and writes a set again while somebody else does so in between.
func untilCurrent(change func() error) error {
	for range attempts {
		if err := change(); !errors.Is(err, errOutdated) {
			return err
		}
	}
	return fmt.Errorf("somebody else changes the TXT records of this name all the time, %d times while it was tried; it is tried again", attempts)
}
