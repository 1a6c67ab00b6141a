package keystore_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/certwright/certwright/internal/keystore"
	"github.com/certwright/certwright/internal/pki"
)

const password = "correct horse"

var (
	kinds     = []keystore.Kind{keystore.JKS, keystore.LegacyRC2, keystore.LegacyDES, keystore.Modern2023, keystore.Modern2026}
	notBefore = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
)

// newContent makes a leaf below an intermediate below a root.
func newContent(t testing.TB) keystore.Content {
	t.Helper()
	rootKey, root := newCert(t, "root", nil, nil)
	midKey, mid := newCert(t, "intermediate", root, rootKey)
	key, leaf := newCert(t, "leaf", mid, midKey)
	return keystore.Content{Key: key, Chain: pki.Chain{leaf, mid}, CA: []*x509.Certificate{root}}
}

func newCert(t testing.TB, name string, parent *x509.Certificate, signer crypto.Signer) (crypto.Signer, *x509.Certificate) {
	t.Helper()
	key, err := pki.GenerateKey(pki.KeySpec{Algorithm: pki.ECDSA})
	if err != nil {
		t.Fatal(err)
	}
	return key, certFor(t, name, key, parent, signer)
}

func certFor(t testing.TB, name string, key crypto.Signer, parent *x509.Certificate, signer crypto.Signer) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: notBefore,
		NotAfter: notBefore.AddDate(1, 0, 0), BasicConstraintsValid: true, IsCA: true,
	}
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func mustBuild(t testing.TB, kind keystore.Kind, c keystore.Content, password string) (store, trust []byte) {
	t.Helper()
	store, trust, err := keystore.Build(kind, c, password)
	if err != nil {
		t.Fatal(err)
	}
	return store, trust
}

func sameKey(t *testing.T, got any, want crypto.Signer) {
	t.Helper()
	if key, ok := got.(interface{ Equal(crypto.PrivateKey) bool }); !ok || !key.Equal(want) {
		t.Errorf("key of type %T is not the one that went in", got)
	}
}

func sameCerts(t *testing.T, got []*x509.Certificate, want ...*x509.Certificate) {
	t.Helper()
	if !slices.EqualFunc(got, want, (*x509.Certificate).Equal) {
		t.Errorf("certificates %v, want %v", names(got), names(want))
	}
}

func names(certs []*x509.Certificate) []string {
	var out []string
	for _, cert := range certs {
		out = append(out, cert.Subject.CommonName)
	}
	return out
}

func TestEveryKeyFits(t *testing.T) {
	for _, spec := range []pki.KeySpec{{}, {Algorithm: pki.ECDSA, Size: 521}, {Algorithm: pki.Ed25519}} {
		key, err := pki.GenerateKey(spec)
		if err != nil {
			t.Fatal(err)
		}
		c := keystore.Content{Key: key, Chain: pki.Chain{certFor(t, "self", key, nil, nil)}}
		for _, kind := range kinds {
			store, trust := mustBuild(t, kind, c, password)
			if trust != nil {
				t.Errorf("%s: a truststore without a CA", kind)
			}
			if !keystore.Current(kind, c, password, store, nil) {
				t.Errorf("%s %s: not current", kind, spec)
			}
		}
	}
}

// The certificate of a self-signed leaf is its own CA, and is not repeated as
// its own issuer.
func TestSelfSigned(t *testing.T) {
	key, cert := newCert(t, "self", nil, nil)
	c := keystore.Content{Key: key, Chain: pki.Chain{cert}, CA: []*x509.Certificate{cert}}
	store, trust := mustBuild(t, keystore.Modern2023, c, password)
	_, leaf, above, err := pkcs12.DecodeChain(store, password)
	if err != nil {
		t.Fatal(err)
	}
	sameCerts(t, append([]*x509.Certificate{leaf}, above...), cert)
	trusted, err := pkcs12.DecodeTrustStore(trust, password)
	if err != nil {
		t.Fatal(err)
	}
	sameCerts(t, trusted, cert)
}

func TestBuildRefuses(t *testing.T) {
	good := newContent(t)
	otherKey, _ := newCert(t, "other", nil, nil)
	var many []*x509.Certificate
	for len(many) < 4096 {
		many = append(many, &x509.Certificate{Raw: bytes.Repeat([]byte{byte(len(many)), byte(len(many) >> 8)}, 200)})
	}
	tests := []struct {
		name     string
		kind     keystore.Kind
		content  keystore.Content
		password string
		says     string
	}{
		{"no password", keystore.JKS, good, "", "a JKS file needs a password"},
		{"no kind", "", good, password, "unknown kind"},
		{"unknown kind", "Modern2030", good, password, "unknown kind"},
		{"no key", keystore.JKS, keystore.Content{Chain: good.Chain}, password, "needs a private key"},
		{"no chain", keystore.Modern2023, keystore.Content{Key: good.Key}, password, "needs a private key"},
		{"another key", keystore.LegacyRC2, keystore.Content{Key: otherKey, Chain: good.Chain}, password, "key mismatch"},
		{"too large", keystore.JKS, keystore.Content{Key: good.Key, Chain: good.Chain, CA: many}, password, "larger than 1048576 bytes"},
		{"alias too long", keystore.JKS, keystore.Content{Key: good.Key, Chain: good.Chain, Alias: strings.Repeat("a", 1<<16)}, password, "max length is 65535"},
		{"password not in plane 0, no CA", keystore.LegacyRC2, keystore.Content{Key: good.Key, Chain: good.Chain}, "😀", "UCS-2"},
		{"password not in plane 0", keystore.LegacyRC2, good, "😀", "UCS-2"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			store, trust, err := keystore.Build(test.kind, test.content, test.password)
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Fatalf("got %v, want one that says %q", err, test.says)
			}
			if test.password != "" && strings.Contains(err.Error(), test.password) {
				t.Error("the error has the password")
			}
			if store != nil || trust != nil {
				t.Error("files came with the error")
			}
			if keystore.Current(test.kind, test.content, test.password, store, trust) {
				t.Error("what cannot be built is current")
			}
		})
	}
	_, _, err := keystore.Build(keystore.LegacyRC2, keystore.Content{Key: otherKey, Chain: good.Chain}, password)
	if !errors.Is(err, pki.ErrKeyMismatch) {
		t.Errorf("%v does not wrap ErrKeyMismatch", err)
	}
}
