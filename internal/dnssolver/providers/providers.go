// Package providers knows the providers of DNS that cmd/dns-solver or the operator itself runs with settings by name:
// which these are, which of them are secret, which must be given, and what a provider needs to take a record away. It is
// an allow-list: what it does not name reaches no provider.
//
// internal/solver imports it, and the program that makes docs/dns-providers.md. It is pure, and imports the
// standard library only. table.go is made by `make generate-dns` from the metadata and the source of the library
// that dns-solver uses.
package providers

import (
	"slices"
	"strings"
)

// Key is a setting of a provider, by the name of an environment variable.
type Key struct {
	Name        string
	Description string
	// Secret settings are given in a Secret only.
	Secret bool
	// Endpoint settings say where the API is.
	Endpoint bool
}

// Provider is a provider of DNS.
type Provider struct {
	Name string
	// Title is its name for people; URL is where it is described.
	Title, URL string
	// Keys are all its settings, sorted by name.
	Keys []Key
	// Ways are the sets of settings of which one must be given whole. None means that it is not known.
	Ways []Way
	// Ambient providers can sign in as the machine or the pod they run in, without any credentials.
	Ambient bool
	// Remembers says that the provider takes a record away only with what it remembers of putting it there.
	Remembers bool
	// Exact says that dns-solver takes its records away by name and value itself.
	Exact bool
	// InOperator says that the operator runs it itself, so that it needs no dns-solver.
	InOperator bool
	// Sequential providers cannot have two records under way at once.
	Sequential bool
	// Coarse providers may take other TXT values of a name away than the one they are to.
	Coarse bool
}

// Way is a set of settings that suffices. Each part is met by any one of its names.
type Way [][]string

// Keep says whether the process that puts a record in place has to live on for the clean-up.
func (p Provider) Keep() bool { return p.Remembers && !p.Exact }

// Key returns the setting of a name.
func (p Provider) Key(name string) (Key, bool) {
	i, found := slices.BinarySearchFunc(p.Keys, name, func(key Key, name string) int { return strings.Compare(key.Name, name) })
	if !found {
		return Key{}, false
	}
	return p.Keys[i], true
}

// Find returns the provider of a name.
func Find(name string) (Provider, bool) {
	i, found := slices.BinarySearchFunc(table, name, func(p Provider, name string) int { return strings.Compare(p.Name, name) })
	if !found {
		return Provider{}, false
	}
	return table[i], true
}

// All returns every provider, sorted by name.
func All() []Provider { return slices.Clone(table) }
