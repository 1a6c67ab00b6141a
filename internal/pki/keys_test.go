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
	"encoding/pem"
	"errors"
	"math/big"
	"slices"
	"strings"
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
	}
	for _, test := range tests {
		err := pki.KeyMatchesSpec(test.pub, test.spec)
		wantError(t, err, test.says)
		if !errors.Is(err, pki.ErrKeySpec) {
			t.Errorf("%v: error does not wrap ErrKeySpec", test.spec)
		}
	}
}

func TestPrivateKeyRoundTrip(t *testing.T) {
	tests := []struct {
		name     string
		key      crypto.Signer
		encoding pki.KeyEncoding
		kind     string
		read     pki.KeyEncoding
	}{
		{"RSA default", rsaKey(), "", "RSA PRIVATE KEY", pki.PKCS1},
		{"RSA PKCS1", rsaKey(), pki.PKCS1, "RSA PRIVATE KEY", pki.PKCS1},
		{"RSA PKCS8", rsaKey(), pki.PKCS8, "PRIVATE KEY", pki.PKCS8},
		{"ECDSA PKCS1", ecKey(), pki.PKCS1, "EC PRIVATE KEY", pki.PKCS1},
		{"ECDSA PKCS8", ecKey(), pki.PKCS8, "PRIVATE KEY", pki.PKCS8},
		{"Ed25519 PKCS1", edKey(), pki.PKCS1, "PRIVATE KEY", pki.PKCS8},
		{"Ed25519 PKCS8", edKey(), pki.PKCS8, "PRIVATE KEY", pki.PKCS8},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			out, err := pki.EncodePrivateKey(test.key, test.encoding)
			if err != nil {
				t.Fatal(err)
			}
			found, rest := pem.Decode(out)
			if found == nil || found.Type != test.kind || len(rest) != 0 {
				t.Fatalf("want one %s block", test.kind)
			}
			key, err := pki.DecodePrivateKey(out)
			if err != nil {
				t.Fatal(err)
			}
			if !key.(interface{ Equal(crypto.PrivateKey) bool }).Equal(test.key) {
				t.Error("another key came back")
			}
			read, err := pki.KeyEncodingOf(out)
			if err != nil || read != test.read {
				t.Errorf("encoding is %q (%v), want %q", read, err, test.read)
			}
		})
	}
}

func TestEncodePrivateKeyRefuses(t *testing.T) {
	_, err := pki.EncodePrivateKey(ecKey(), "DER")
	wantError(t, err, "PKCS1 or PKCS8")
	_, err = pki.EncodePrivateKey(nil, pki.PKCS8)
	wantError(t, err, "no key")
	_, err = pki.EncodePrivateKey(foreignSigner{}, pki.PKCS8)
	wantError(t, err, "RSA, ECDSA or Ed25519")
}

// foreignSigner has a public key of a type that this package does not know.
type foreignSigner struct{ crypto.Signer }

func (foreignSigner) Public() crypto.PublicKey { return "a key" }

func TestDecodePrivateKeyAcceptsWhatOpenSSLWrites(t *testing.T) {
	sec1, err := pki.EncodePrivateKey(ecKey(), pki.PKCS1)
	if err != nil {
		t.Fatal(err)
	}
	// The OID of P-256, as `openssl ecparam -genkey` writes it before the key.
	parameters := block("EC PARAMETERS", []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7})
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string][]byte{
		"parameters before": slices.Concat(parameters, sec1),
		"parameters after":  slices.Concat(sec1, parameters),
		"text before":       slices.Concat([]byte("Private-Key: (256 bit)\n"), sec1),
		"weak RSA":          block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(weak)),
	} {
		if _, err := pki.DecodePrivateKey(in); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDecodePrivateKeyRefuses(t *testing.T) {
	good := mustEncode(t, ecKey())
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	agreement, err := x509.MarshalPKCS8PrivateKey(x25519)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(ecKey().Public())
	if err != nil {
		t.Fatal(err)
	}
	legacy := pem.EncodeToMemory(&pem.Block{
		Type: "RSA PRIVATE KEY", Bytes: []byte("x"),
		Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"},
	})
	tests := []struct {
		name string
		in   []byte
		says string
	}{
		{"nothing", nil, "no PEM block"},
		{"no PEM", []byte("secret"), "no PEM block"},
		{"too large", append(slices.Clone(good), strings.Repeat("\n", pki.MaxKeyBytes)...), "larger than 13000 bytes"},
		{"public key", block("PUBLIC KEY", public), "a PUBLIC KEY block where a private key"},
		{"parameters only", block("EC PARAMETERS", []byte{5, 0}), "no private key"},
		{"two keys", slices.Concat(good, good), "more than one private key"},
		{"too many blocks", slices.Concat(good, good, good, good, good), "more than 4"},
		{"certificate", slices.Concat(good, block("CERTIFICATE", []byte("x"))), "a CERTIFICATE block"},
		{"other block", block("HUNTER2", []byte("x")), "unexpected type"},
		{"truncated", good[:len(good)-10], "malformed"},
		{"bad DER", block("PRIVATE KEY", []byte("x")), "invalid private key"},
		{"wrong header", block("EC PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey().(*rsa.PrivateKey))), "invalid private key"},
		{"encrypted PKCS#8", block("ENCRYPTED PRIVATE KEY", []byte("x")), "without a passphrase"},
		{"encrypted PKCS#1", legacy, "without a passphrase"},
		{"DSA", block("DSA PRIVATE KEY", []byte("x")), "use PKCS#1, SEC 1 or PKCS#8"},
		{"X25519", block("PRIVATE KEY", agreement), "cannot sign"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := pki.DecodePrivateKey(test.in)
			wantError(t, err, test.says)
			if !errors.Is(err, pki.ErrInvalidKey) {
				t.Error("error does not wrap ErrInvalidKey")
			}
			if strings.Contains(err.Error(), "HUNTER2") {
				t.Error("the error repeats what the file says")
			}
		})
	}
	_, err = pki.KeyEncodingOf([]byte("secret"))
	if !errors.Is(err, pki.ErrInvalidKey) {
		t.Errorf("KeyEncodingOf: %v does not wrap ErrInvalidKey", err)
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

// One oversized RSA key, unsigned, in a request and in a certificate. Checking
// signatures with it would take a worker's time.
func TestOversizedRSAKeysAreRefused(t *testing.T) {
	huge := &rsa.PublicKey{N: new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), 16_384), big.NewInt(1)), E: 65537}
	spki, err := x509.MarshalPKIXPublicKey(huge)
	if err != nil {
		t.Fatal(err)
	}
	small, err := x509.MarshalPKIXPublicKey(rsaKey().Public())
	if err != nil {
		t.Fatal(err)
	}
	request, err := pki.CreateRequest(pki.RequestSpec{CommonName: "a"}, rsaKey())
	if err != nil {
		t.Fatal(err)
	}
	_, err = pki.ParseRequest(block("CERTIFICATE REQUEST", replaceKey(t, stdRequest(t, request).Raw, small, spki)))
	wantError(t, err, "more than 16384 bits")
	cert := authority{}.issueLeaf(t, rsaKey())
	_, err = pki.ParseChain(block("CERTIFICATE", replaceKey(t, cert.Raw, small, spki)), 0)
	wantError(t, err, "more than 16384 bits")
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
