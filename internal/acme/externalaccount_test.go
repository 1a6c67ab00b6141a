package acme

import (
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

func TestExternalAccountBinding(t *testing.T) {
	key := ecKey(t, elliptic.P256())
	external := ExternalAccount{KeyID: "kid-1", MACKey: []byte("short key")}
	raw, err := external.bind(key, "https://ca.example/new-account")
	if err != nil {
		t.Fatal(err)
	}
	header, payload := takeApart(t, raw)
	want := map[string]any{"alg": "HS256", "kid": "kid-1", "url": "https://ca.example/new-account"}
	if diff := cmp.Diff(want, header); diff != "" {
		t.Errorf("protected header (-want +got):\n%s", diff)
	}
	var public jose.JSONWebKey
	if err := public.UnmarshalJSON(payload); err != nil {
		t.Fatal(err)
	}
	if !key.PublicKey.Equal(public.Key) {
		t.Error("the payload is not the account's public key")
	}
	var jws wireJWS
	if err := json.Unmarshal(raw, &jws); err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, external.MACKey)
	mac.Write([]byte(jws.Protected + "." + *jws.Payload))
	if jws.Signature != base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) {
		t.Error("the signature is not the HMAC-SHA256 of header and payload")
	}
}

func TestExternalAccountAlgorithms(t *testing.T) {
	for algorithm, signatureBytes := range map[MACAlgorithm]int{"": 32, HS256: 32, HS384: 48, HS512: 64} {
		external := ExternalAccount{KeyID: "k", MACKey: make([]byte, 64), Algorithm: algorithm}
		raw, err := external.bind(ecKey(t, elliptic.P256()), "https://ca.example/")
		if err != nil {
			t.Fatal(err)
		}
		var jws wireJWS
		if err := json.Unmarshal(raw, &jws); err != nil {
			t.Fatal(err)
		}
		signature, err := base64.RawURLEncoding.DecodeString(jws.Signature)
		if err != nil || len(signature) != signatureBytes {
			t.Errorf("%q: signature of %d bytes (%v), want %d", algorithm, len(signature), err, signatureBytes)
		}
	}
}

func TestExternalAccountIncomplete(t *testing.T) {
	key := ecKey(t, elliptic.P256())
	tests := map[string]ExternalAccount{
		"no key ID":         {MACKey: []byte("k")},
		"no MAC key":        {KeyID: "k"},
		"unknown algorithm": {KeyID: "k", MACKey: []byte("k"), Algorithm: "none"},
	}
	for name, external := range tests {
		if _, err := external.bind(key, "https://ca.example/"); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	complete := ExternalAccount{KeyID: "k", MACKey: []byte("k")}
	if _, err := complete.bind(nil, "https://ca.example/"); !errors.Is(err, ErrUnsupportedKey) {
		t.Errorf("no account key: %v, want ErrUnsupportedKey", err)
	}
}

func TestDecodeMACKey(t *testing.T) {
	want := []byte{0xfb, 0xff, 0xbe, 0x01}
	for _, encoded := range []string{"-_--AQ", "-_--AQ==", "+/++AQ==", " -_-\n-AQ\t"} {
		got, err := DecodeMACKey(encoded)
		if err != nil {
			t.Errorf("%q: %v", encoded, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", encoded, diff)
		}
	}
	for _, encoded := range []string{"", "   ", "====", "not base64!", "A"} {
		if _, err := DecodeMACKey(encoded); err == nil {
			t.Errorf("%q: no error", encoded)
		}
	}
}
