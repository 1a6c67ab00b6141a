package pki_test

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"math/big"
	"testing"

	"github.com/certwright/certwright/internal/pki"
)

func TestGenerateKeyMatchesItsSpec(t *testing.T) {
	specs := []pki.KeySpec{
		{},
		{Algorithm: pki.RSA, Size: 2048},
		{Algorithm: pki.RSA, Size: 3072},
		{Algorithm: pki.ECDSA},
		{Algorithm: pki.ECDSA, Size: 256},
		{Algorithm: pki.ECDSA, Size: 384},
		{Algorithm: pki.ECDSA, Size: 521},
		{Algorithm: pki.Ed25519},
		{Algorithm: pki.Ed25519, Size: 4096},
	}
	for _, spec := range specs {
		t.Run(spec.String(), func(t *testing.T) {
			key, err := pki.GenerateKey(spec)
			if err != nil {
				t.Fatal(err)
			}
			if err := pki.KeyMatchesSpec(key.Public(), spec); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestGenerateKeyDefaults(t *testing.T) {
	if pub := rsaKey().Public().(*rsa.PublicKey); pub.N.BitLen() != 2048 {
		t.Errorf("zero spec gives RSA %d, want 2048", pub.N.BitLen())
	}
	if pub := ecKey().Public().(*ecdsa.PublicKey); pub.Curve != elliptic.P256() {
		t.Errorf("ECDSA without size is on %s, want P-256", pub.Curve.Params().Name)
	}
}

func TestKeySpecValidate(t *testing.T) {
	tests := []struct {
		spec pki.KeySpec
		bad  string
	}{
		{spec: pki.KeySpec{Algorithm: pki.RSA, Size: 4096}},
		{spec: pki.KeySpec{Algorithm: pki.RSA, Size: 8192}},
		{spec: pki.KeySpec{Size: 3072}},
		{spec: pki.KeySpec{Algorithm: pki.RSA, Size: 2047}, bad: "2048 to 8192"},
		{spec: pki.KeySpec{Algorithm: pki.RSA, Size: 8193}, bad: "2048 to 8192"},
		{spec: pki.KeySpec{Algorithm: pki.RSA, Size: -1}, bad: "2048 to 8192"},
		{spec: pki.KeySpec{Algorithm: pki.ECDSA, Size: 224}, bad: "256, 384 or 521"},
		{spec: pki.KeySpec{Algorithm: pki.ECDSA, Size: 2048}, bad: "256, 384 or 521"},
		{spec: pki.KeySpec{Algorithm: "rsa"}, bad: "use RSA, ECDSA or Ed25519"},
	}
	for _, test := range tests {
		err := test.spec.Validate()
		if test.bad == "" {
			if err != nil {
				t.Errorf("%v: %v", test.spec, err)
			}
			continue
		}
		wantError(t, err, test.bad)
		if !errors.Is(err, pki.ErrKeySpec) {
			t.Errorf("%v: error does not wrap ErrKeySpec", test.spec)
		}
		if _, err := pki.GenerateKey(test.spec); err == nil {
			t.Errorf("%v: a key was generated", test.spec)
		}
	}
}

func TestKeyMatchesSpecRefusesOthers(t *testing.T) {
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		pub  crypto.PublicKey
		spec pki.KeySpec
		says string
	}{
		{rsaKey().Public(), pki.KeySpec{Size: 3072}, "it is RSA 2048, not RSA 3072"},
		{rsaKey().Public(), pki.KeySpec{Algorithm: pki.ECDSA}, "it is RSA 2048, not ECDSA 256"},
		{ecKey().Public(), pki.KeySpec{Algorithm: pki.ECDSA, Size: 384}, "it is ECDSA 256, not ECDSA 384"},
		{edKey().Public(), pki.KeySpec{}, "it is Ed25519, not RSA 2048"},
		{x25519.PublicKey(), pki.KeySpec{}, "unsupported algorithm"},
		{rsaKey().Public(), pki.KeySpec{Size: 1024}, "use 2048 to 8192 bits"},
	}
	for _, test := range tests {
		err := pki.KeyMatchesSpec(test.pub, test.spec)
		wantError(t, err, test.says)
		if !errors.Is(err, pki.ErrKeySpec) {
			t.Errorf("%v: error does not wrap ErrKeySpec", test.spec)
		}
	}
}

// A known key, so that PublicKeyID stays the same from release to release:
// process memory and object names are indexed by it.
const knownPublicKey = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="

func TestPublicKeyID(t *testing.T) {
	der, err := base64.StdEncoding.DecodeString(knownPublicKey)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(der)
	// The example key of RFC 8410 10.1.
	if got := pki.PublicKeyID(ed25519.PublicKey(der[12:])); got != hex.EncodeToString(sum[:]) {
		t.Errorf("got %s, want the SHA-256 of the SubjectPublicKeyInfo", got)
	}
	if pki.PublicKeyID(ecKey().Public()) == pki.PublicKeyID(rsaKey().Public()) {
		t.Error("two keys have one ID")
	}
	if got := pki.PublicKeyID("a key"); got != "" {
		t.Errorf("unknown type has ID %q, want none", got)
	}
}

func TestPublicKeysEqual(t *testing.T) {
	other := mustGenerate(pki.KeySpec{Algorithm: pki.ECDSA})
	if !pki.PublicKeysEqual(ecKey().Public(), ecKey().Public()) {
		t.Error("a key differs from itself")
	}
	for _, pub := range []crypto.PublicKey{other.Public(), rsaKey().Public(), edKey().Public(), nil} {
		if pki.PublicKeysEqual(ecKey().Public(), pub) {
			t.Errorf("equal to %T", pub)
		}
	}
	if pki.PublicKeysEqual(nil, nil) || pki.PublicKeysEqual("a", "a") {
		t.Error("keys of unknown types are equal")
	}
}

// RSA keys of 16384 bits and of one bit more, in a request and in a certificate
// that they did not sign. Checking signatures with the larger one would take a
// worker's time.
func TestOversizedRSAKeysAreRefused(t *testing.T) {
	oddKey := func(bits uint) []byte {
		modulus := new(big.Int).Lsh(big.NewInt(1), bits-1)
		return spkiOf(t, &rsa.PublicKey{N: modulus.Add(modulus, big.NewInt(1)), E: 65537})
	}
	largest, spki, small := oddKey(16_384), oddKey(16_385), spkiOf(t, rsaKey().Public())
	request, err := pki.CreateRequest(pki.RequestSpec{CommonName: "a"}, rsaKey())
	if err != nil {
		t.Fatal(err)
	}
	_, err = pki.ParseRequest(block("CERTIFICATE REQUEST", replaceKey(t, stdRequest(t, request).Raw, small, spki)))
	wantError(t, err, "more than 16384 bits")
	cert := authority{}.issueLeaf(t, rsaKey())
	_, err = pki.ParseChain(block("CERTIFICATE", replaceKey(t, cert.Raw, small, spki)), 0)
	wantError(t, err, "more than 16384 bits")
	_, err = pki.ParseRequest(block("CERTIFICATE REQUEST", replaceKey(t, stdRequest(t, request).Raw, small, largest)))
	wantError(t, err, "signature")
	if _, err := pki.ParseChain(block("CERTIFICATE", replaceKey(t, cert.Raw, small, largest)), 0); err != nil {
		t.Error(err)
	}
}

func spkiOf(t *testing.T, pub crypto.PublicKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// replaceKey swaps the SubjectPublicKeyInfo in a signed structure for another
// and mends the lengths around it, but not the signature.
func replaceKey(t *testing.T, der, from, to []byte) []byte {
	t.Helper()
	var signed []asn1.RawValue
	if _, err := asn1.Unmarshal(der, &signed); err != nil {
		t.Fatal(err)
	}
	signed[0].FullBytes = nil
	signed[0].Bytes = bytes.Replace(signed[0].Bytes, from, to, 1)
	out, err := asn1.Marshal(signed)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
