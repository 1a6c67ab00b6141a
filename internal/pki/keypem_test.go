package pki_test

import (
	"crypto"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/certwright/certwright/internal/pki"
)

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
