package acme

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"
)

// minRSABits is the smallest RSA account key accepted here; CAs refuse less.
const minRSABits = 2048

// ErrUnsupportedKey is wrapped by every error about a key to sign with, the
// account's above all, that ACME servers do not accept.
var ErrUnsupportedKey = errors.New("unsupported signing key")

// ErrNotRegistered is wrapped by the error of a call with an Account that has
// no URL.
var ErrNotRegistered = errors.New("the account has no URL; register its key first")

// NewAccountKey generates an account key of the one kind that every ACME
// server must accept: ECDSA P-256, for ES256 (RFC 8555 section 6.2). An account
// key must not be used for anything else (section 11.1).
func NewAccountKey() (*ecdsa.PrivateKey, error) {
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

// signatureAlgorithm returns the one JWS algorithm that goes with a key. It is
// the only list of algorithms in this package.
func signatureAlgorithm(public crypto.PublicKey) (jose.SignatureAlgorithm, error) {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P256():
			return jose.ES256, nil
		case elliptic.P384():
			return jose.ES384, nil
		case elliptic.P521():
			return jose.ES512, nil
		}
		return "", fmt.Errorf("%w: use ECDSA with P-256, P-384 or P-521", ErrUnsupportedKey)
	case *rsa.PublicKey:
		if key.N.BitLen() < minRSABits {
			return "", fmt.Errorf("%w: use RSA with at least %d bits", ErrUnsupportedKey, minRSABits)
		}
		return jose.RS256, nil
	}
	return "", fmt.Errorf("%w: %T; use ECDSA or RSA", ErrUnsupportedKey, public)
}

// signJWS makes the body of a request: a flattened JWS with alg, nonce, url
// and either the account URL as kid or, for an account that has none yet, the
// public key itself (RFC 8555 section 6.2).
func signJWS(req signedRequest, nonce string) ([]byte, error) {
	kid := req.account.URL
	if req.embedKey {
		kid = ""
	}
	return flattened(req.account.Key, kid, map[jose.HeaderKey]any{"url": req.url, "nonce": nonce}, req.payload)
}

// flattened signs a payload with a key, named by kid or, if kid is empty, put
// into the header itself. The two exclude each other (RFC 8555 section 6.2).
func flattened(key crypto.Signer, kid string, headers map[jose.HeaderKey]any, payload []byte) ([]byte, error) {
	if key == nil {
		return nil, fmt.Errorf("%w: none given", ErrUnsupportedKey)
	}
	algorithm, err := signatureAlgorithm(key.Public())
	if err != nil {
		return nil, err
	}
	signingKey := jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: cryptosigner.Opaque(key), KeyID: kid}}
	signer, err := jose.NewSigner(signingKey, &jose.SignerOptions{EmbedJWK: kid == "", ExtraHeaders: headers})
	if err != nil {
		return nil, fmt.Errorf("cannot sign a request: %w", err)
	}
	if payload == nil {
		// A nil payload would be left out of the JWS, where POST-as-GET needs
		// it present and empty (section 6.3).
		payload = []byte{}
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return nil, fmt.Errorf("cannot sign a request: %w", err)
	}
	return []byte(signed.FullSerialize()), nil
}

// Thumbprint returns the RFC 7638 SHA-256 thumbprint of a public key in
// base64url, as key authorizations use it (RFC 8555 section 8.1).
func Thumbprint(public crypto.PublicKey) (string, error) {
	if _, err := signatureAlgorithm(public); err != nil {
		return "", err
	}
	sum, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("%w: no thumbprint: %w", ErrUnsupportedKey, err)
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}

// isBase64URL says whether a value is not empty and consists of the base64url
// alphabet without padding (RFC 4648 section 5).
func isBase64URL(value string) bool {
	for i := range len(value) {
		if !isBase64URLByte(value[i]) {
			return false
		}
	}
	return value != ""
}

func isBase64URLByte(b byte) bool {
	switch {
	case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', b == '-', b == '_':
		return true
	}
	return false
}
