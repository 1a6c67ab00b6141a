package pki

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"
)

// VerifyPair reads a private key and a chain and says whether the key is that
// of the leaf. Its errors wrap ErrInvalidKey, ErrInvalidCertificate or
// ErrKeyMismatch.
func VerifyPair(keyPEM, chainPEM []byte) (crypto.Signer, Chain, error) {
	key, err := DecodePrivateKey(keyPEM)
	if err != nil {
		return nil, nil, err
	}
	chain, err := ParseChain(chainPEM, MaxChainBytes)
	if err != nil {
		return nil, nil, err
	}
	if err := checkLeafKey(chain, key.Public()); err != nil {
		return nil, nil, err
	}
	return key, chain, nil
}

func checkLeafKey(chain Chain, pub crypto.PublicKey) error {
	if !PublicKeysEqual(chain.Leaf().PublicKey, pub) {
		return fmt.Errorf("%w: the certificate is not for this private key", ErrKeyMismatch)
	}
	return nil
}

// VerifyIssued says whether what a CA answered can be used: the leaf is for our
// key, has every name of the spec (it may have more), has not expired at now,
// and the chain holds together. Its error wraps ErrKeyMismatch, ErrNames,
// ErrExpired or ErrChain, checked in this order.
func VerifyIssued(chain Chain, pub crypto.PublicKey, spec RequestSpec, now time.Time) error {
	leaf := chain.Leaf()
	if leaf == nil {
		return fmt.Errorf("%w: there is no certificate", ErrChain)
	}
	if err := checkLeafKey(chain, pub); err != nil {
		return err
	}
	if err := checkCovered(leaf, spec); err != nil {
		return err
	}
	if now.After(leaf.NotAfter) {
		return fmt.Errorf("%w: it was valid until %s", ErrExpired, leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	return chain.Linked()
}

// checkCovered demands every alternative name of the spec, and its common name
// in either place.
func checkCovered(leaf *x509.Certificate, spec RequestSpec) error {
	want, err := spec.resolve()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNames, err)
	}
	have := namesOf(leaf)
	missing := slices.Concat(
		without(want.names.dns, have.dns),
		without(want.names.ips, have.ips),
		without(want.names.uris, have.uris),
		without(want.names.emails, have.emails),
	)
	for _, name := range without(want.names.others, have.others) {
		missing = append(missing, name.OID+":"+name.UTF8Value)
	}
	for _, name := range want.commonNames {
		if !strings.EqualFold(leaf.Subject.CommonName, name) && !have.contains(name) {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%w: the certificate lacks %s", ErrNames, strings.Join(missing, ", "))
	}
	return nil
}

// without returns the elements of wanted that are not in have.
func without[T comparable](wanted, have []T) []T {
	return slices.DeleteFunc(slices.Clone(wanted), func(name T) bool { return slices.Contains(have, name) })
}
