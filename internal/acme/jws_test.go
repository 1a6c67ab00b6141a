package acme

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

// rfc7638Modulus is the RSA key of RFC 7638 section 3.1, with exponent 65537.
const rfc7638Modulus = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"

// rfc7638Thumbprint is that key's thumbprint, from the same section.
const rfc7638Thumbprint = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"

// opaqueKey is a crypto.Signer of no known type, as a hardware key would be.
type opaqueKey struct{ crypto.Signer }

// publicOnly stands for a key whose private part is not needed.
type publicOnly struct{ public crypto.PublicKey }

func (k publicOnly) Public() crypto.PublicKey { return k.public }

func (publicOnly) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("no private key")
}

func rfc7638Key(t *testing.T) *rsa.PublicKey {
	t.Helper()
	modulus, err := base64.RawURLEncoding.DecodeString(rfc7638Modulus)
	if err != nil {
		t.Fatal(err)
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: 65537}
}

func ecKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func rsaKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestThumbprintOfRFC7638(t *testing.T) {
	got, err := Thumbprint(rfc7638Key(t))
	if err != nil {
		t.Fatal(err)
	}
	if got != rfc7638Thumbprint {
		t.Errorf("thumbprint %q, want %q", got, rfc7638Thumbprint)
	}
}

// A coordinate that begins with a zero byte must be padded (RFC 7518 section
// 6.2.1.2); about one key in 128 has one.
func TestThumbprintPadsCoordinates(t *testing.T) {
	for {
		key := ecKey(t, elliptic.P256())
		point, err := key.PublicKey.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		x, y := point[1:33], point[33:]
		if x[0] != 0 && y[0] != 0 {
			continue
		}
		canonical := `{"crv":"P-256","kty":"EC","x":"` + base64.RawURLEncoding.EncodeToString(x) +
			`","y":"` + base64.RawURLEncoding.EncodeToString(y) + `"}`
		sum := sha256.Sum256([]byte(canonical))
		got, err := Thumbprint(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		if want := base64.RawURLEncoding.EncodeToString(sum[:]); got != want {
			t.Errorf("thumbprint %q, want %q", got, want)
		}
		return
	}
}

type wireJWS struct {
	Protected string  `json:"protected"`
	Payload   *string `json:"payload"`
	Signature string  `json:"signature"`
}

// takeApart checks the outer shape of a request body (RFC 8555 section 6.2)
// and returns its protected header and payload.
func takeApart(t *testing.T, body []byte) (header map[string]any, payload []byte) {
	t.Helper()
	var members map[string]json.RawMessage
	var jws wireJWS
	if err := errors.Join(json.Unmarshal(body, &members), json.Unmarshal(body, &jws)); err != nil {
		t.Fatal(err)
	}
	if len(members) != 3 || jws.Payload == nil || jws.Signature == "" {
		t.Fatalf("not a flattened JWS with protected, payload and signature: %s", body)
	}
	raw, err := base64.RawURLEncoding.DecodeString(jws.Protected)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &header); err != nil {
		t.Fatal(err)
	}
	if payload, err = base64.RawURLEncoding.DecodeString(*jws.Payload); err != nil {
		t.Fatal(err)
	}
	return header, payload
}

func TestSignJWSAlgorithms(t *testing.T) {
	tests := map[string]struct {
		key       crypto.Signer
		algorithm jose.SignatureAlgorithm
	}{
		"P-256":  {ecKey(t, elliptic.P256()), jose.ES256},
		"P-384":  {ecKey(t, elliptic.P384()), jose.ES384},
		"P-521":  {ecKey(t, elliptic.P521()), jose.ES512},
		"RSA":    {rsaKey(t), jose.RS256},
		"opaque": {opaqueKey{ecKey(t, elliptic.P256())}, jose.ES256},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			req := signedRequest{
				url:     "https://ca.example/order?a=1&b=<2>",
				account: Account{Key: test.key, URL: "https://ca.example/acct/1"},
				payload: []byte(`{"a":1}`),
			}
			body, err := signJWS(req, "nonce-1")
			if err != nil {
				t.Fatal(err)
			}
			header, payload := takeApart(t, body)
			want := map[string]any{
				"alg":   string(test.algorithm),
				"kid":   req.account.URL,
				"nonce": "nonce-1",
				"url":   req.url,
			}
			if diff := cmp.Diff(want, header); diff != "" {
				t.Errorf("protected header (-want +got):\n%s", diff)
			}
			if string(payload) != `{"a":1}` {
				t.Errorf("payload %q", payload)
			}
			verify(t, body, test.key.Public(), test.algorithm)
		})
	}
}

func verify(t *testing.T, body []byte, key crypto.PublicKey, algorithm jose.SignatureAlgorithm) {
	t.Helper()
	parsed, err := jose.ParseSignedJSON(string(body), []jose.SignatureAlgorithm{algorithm})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parsed.Verify(key); err != nil {
		t.Errorf("signature: %v", err)
	}
}

func TestSignJWSEmbedsTheKeyOfANewAccount(t *testing.T) {
	key := ecKey(t, elliptic.P256())
	body, err := signJWS(signedRequest{url: "https://ca.example/new", account: Account{Key: key, URL: "https://ca.example/acct/1"}, embedKey: true, payload: []byte("{}")}, "n")
	if err != nil {
		t.Fatal(err)
	}
	header, _ := takeApart(t, body)
	if _, found := header["kid"]; found {
		t.Error("kid and jwk exclude each other")
	}
	jwk, ok := header["jwk"].(map[string]any)
	if !ok {
		t.Fatalf("no jwk in %v", header)
	}
	for _, private := range []string{"d", "kid"} {
		if _, found := jwk[private]; found {
			t.Errorf("jwk has %q", private)
		}
	}
	verify(t, body, key.Public(), jose.ES256)
}

func TestSignJWSKeepsAnEmptyPayload(t *testing.T) {
	req := signedRequest{url: "https://ca.example/order/1", account: Account{Key: ecKey(t, elliptic.P256()), URL: "https://ca.example/acct/1"}}
	body, err := signJWS(req, "n")
	if err != nil {
		t.Fatal(err)
	}
	if _, payload := takeApart(t, body); len(payload) != 0 {
		t.Errorf("payload %q, want it empty", payload)
	}
}

func TestUnsupportedKeys(t *testing.T) {
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	shortRSA := publicOnly{&rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 1023), E: 65537}}
	keys := map[string]crypto.Signer{
		"Ed25519":  edKey,
		"P-224":    ecKey(t, elliptic.P224()),
		"RSA 1024": shortRSA,
		"none":     nil,
	}
	for name, key := range keys {
		t.Run(name, func(t *testing.T) {
			req := signedRequest{url: "https://ca.example/", account: Account{Key: key, URL: "https://ca.example/acct/1"}}
			if _, err := signJWS(req, "n"); !errors.Is(err, ErrUnsupportedKey) {
				t.Errorf("signJWS: %v, want ErrUnsupportedKey", err)
			}
			if _, err := KeyAuthorization("token", key); !errors.Is(err, ErrUnsupportedKey) {
				t.Errorf("KeyAuthorization: %v, want ErrUnsupportedKey", err)
			}
		})
	}
}
