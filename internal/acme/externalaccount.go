package acme

import (
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// MACAlgorithm is the algorithm of an external account binding.
type MACAlgorithm string

// MAC algorithms (RFC 7518 section 3.2).
const (
	HS256 MACAlgorithm = "HS256"
	HS384 MACAlgorithm = "HS384"
	HS512 MACAlgorithm = "HS512"
)

// ExternalAccount is what the CA gave out for binding a new ACME account to an
// account it already has (RFC 8555 section 7.3.4).
type ExternalAccount struct {
	KeyID     string
	MACKey    []byte       // decoded; see DecodeMACKey
	Algorithm MACAlgorithm // empty means HS256
}

// DecodeMACKey decodes a MAC key as CAs hand it out: base64url as RFC 8555
// section 7.3.4 has it, but also with padding, in the standard alphabet, or
// with white space in it.
func DecodeMACKey(encoded string) ([]byte, error) {
	compact := strings.Join(strings.Fields(encoded), "")
	compact = strings.TrimRight(compact, "=")
	compact = strings.NewReplacer("+", "-", "/", "_").Replace(compact)
	key, err := base64.RawURLEncoding.DecodeString(compact)
	if err != nil || len(key) == 0 {
		return nil, errors.New("the external account's MAC key is not base64; copy it as the CA shows it")
	}
	return key, nil
}

type flattenedJWS struct {
	Protected string `json:"protected"`
	Payload   string `json:"payload"`
	Signature string `json:"signature"`
}

// bind makes the binding: a JWS over the account's public key, made with the
// MAC key, with the newAccount URL and no nonce. The standard library computes
// it, because some CAs hand out keys that are shorter than go-jose admits.
func (e *ExternalAccount) bind(key crypto.Signer, newAccountURL string) (json.RawMessage, error) {
	newHash, err := e.hash()
	if err != nil {
		return nil, err
	}
	if e.KeyID == "" || len(e.MACKey) == 0 {
		return nil, errors.New("the external account needs a key ID and a MAC key")
	}
	if key == nil {
		return nil, fmt.Errorf("%w: none given", ErrUnsupportedKey)
	}
	public, err := (&jose.JSONWebKey{Key: key.Public()}).MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnsupportedKey, err)
	}
	header, err := json.Marshal(map[string]string{
		"alg": string(e.algorithm()),
		"kid": e.KeyID,
		"url": newAccountURL,
	})
	if err != nil {
		return nil, fmt.Errorf("cannot encode the external account binding: %w", err)
	}
	jws := flattenedJWS{
		Protected: base64.RawURLEncoding.EncodeToString(header),
		Payload:   base64.RawURLEncoding.EncodeToString(public),
	}
	mac := hmac.New(newHash, e.MACKey)
	mac.Write([]byte(jws.Protected + "." + jws.Payload))
	jws.Signature = base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	return json.Marshal(jws)
}

func (e *ExternalAccount) algorithm() MACAlgorithm {
	if e.Algorithm == "" {
		return HS256
	}
	return e.Algorithm
}

func (e *ExternalAccount) hash() (func() hash.Hash, error) {
	switch e.algorithm() {
	case HS256:
		return sha256.New, nil
	case HS384:
		return sha512.New384, nil
	case HS512:
		return sha512.New, nil
	}
	return nil, errors.New("the external account's MAC algorithm must be HS256, HS384 or HS512")
}
