package acme

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// ErrKeyNotFound is wrapped by the error of FindAccountKey when none of the
// keys is the account's.
var ErrKeyNotFound = errors.New("none of the keys given is the account's; restore the account key or register a new account")

var errSameKey = errors.New("the account has this key already; generate a new one")

// KeyChange gives the account a new key (RFC 8555 section 7.3.5). The new key
// must be stored before the call, beside the old one. It may take the old one's
// place once FindAccountKey has shown that the account has it: after a lost
// answer nothing is known, and there are servers that answer 200 to a change
// that they did not make. A key that another account has is refused with a
// Problem of HTTP status 409, whose Location names that account.
//
// Orders and authorizations stay as they are, but the key authorizations of
// pending challenges change with the key, so there should be none.
func (c *Client) KeyChange(ctx context.Context, account Account, newKey crypto.Signer) error {
	directory, err := c.cachedDirectory(ctx)
	if err != nil {
		return err
	}
	payload, err := keyChangePayload(account, newKey, directory.KeyChange)
	if err != nil {
		return err
	}
	_, err = c.postToDirectory(ctx, signedRequest{op: OpKeyChange, url: directory.KeyChange, account: account, payload: payload})
	return err
}

// keyChangePayload is the inner JWS: signed by the new key, which it embeds,
// over the account and its old key, for the same url as the outer one and
// without a nonce (RFC 8555 section 7.3.5).
func keyChangePayload(account Account, newKey crypto.Signer, keyChangeURL string) ([]byte, error) {
	if account.Key == nil || newKey == nil {
		return nil, fmt.Errorf("%s: %w: none given", OpKeyChange, ErrUnsupportedKey)
	}
	same, err := sameKey(account.Key.Public(), newKey.Public())
	if err != nil {
		return nil, wrapOp(OpKeyChange, err)
	}
	if same {
		return nil, wrapOp(OpKeyChange, errSameKey)
	}
	inner, err := json.Marshal(struct {
		Account string          `json:"account"`
		OldKey  jose.JSONWebKey `json:"oldKey"`
	}{account.URL, jose.JSONWebKey{Key: account.Key.Public()}})
	if err != nil {
		return nil, wrapOp(OpKeyChange, err)
	}
	return flattened(newKey, "", map[jose.HeaderKey]any{"url": keyChangeURL}, inner)
}

func sameKey(a, b crypto.PublicKey) (bool, error) {
	first, err := Thumbprint(a)
	if err != nil {
		return false, err
	}
	second, err := Thumbprint(b)
	return first == second, err
}

// FindAccountKey returns the first of the keys that the account at a URL has at
// the CA, for use after a key change whose answer was lost. It makes one
// exchange for each key it tries. A key that has another account is passed
// over.
func (c *Client) FindAccountKey(ctx context.Context, accountURL string, keys ...crypto.Signer) (crypto.Signer, error) {
	for _, key := range keys {
		registration, err := c.FindAccount(ctx, key)
		if IsProblem(err, TypeAccountDoesNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if registration.URL == accountURL {
			return key, nil
		}
	}
	return nil, wrapOp(OpNewAccount, ErrKeyNotFound)
}
