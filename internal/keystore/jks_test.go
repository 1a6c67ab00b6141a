package keystore_test

import (
	"bytes"
	"crypto/x509"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	jks "github.com/pavlo-v-chernykh/keystore-go/v4"

	"github.com/certwright/certwright/internal/keystore"
)

func loadJKS(t *testing.T, data []byte, password string) jks.KeyStore {
	t.Helper()
	store := jks.New(jks.WithOrderedAliases())
	if err := store.Load(bytes.NewReader(data), []byte(password)); err != nil {
		t.Fatal(err)
	}
	return store
}

func TestJKSRoundTrip(t *testing.T) {
	c := newContent(t)
	_, second := newCert(t, "second root", nil, nil)
	c.CA = append(c.CA, second, c.CA[0])
	for alias, want := range map[string][]string{
		"":      {"ca", "ca-1", "certificate"},
		"Mine":  {"ca", "ca-1", "mine"},
		"CA":    {"ca", "ca-1", "ca-2"},
		"ca-1":  {"ca", "ca-1", "ca-2"},
		"ca-01": {"ca", "ca-01", "ca-1"},
	} {
		t.Run(alias, func(t *testing.T) {
			c.Alias = alias
			data, trust := mustBuild(t, keystore.JKS, c, password)
			store := loadJKS(t, data, password)
			if diff := cmp.Diff(want, store.Aliases()); diff != "" {
				t.Errorf("aliases (-want +got):\n%s", diff)
			}
			if alias == "" {
				alias = "certificate"
			}
			entry, err := store.GetPrivateKeyEntry(alias, []byte(password))
			if err != nil {
				t.Fatal(err)
			}
			key, err := x509.ParsePKCS8PrivateKey(entry.PrivateKey)
			if err != nil {
				t.Fatal(err)
			}
			sameKey(t, key, c.Key)
			var chain []*x509.Certificate
			for _, cert := range entry.CertificateChain {
				chain = append(chain, parseJKS(t, cert))
			}
			sameCerts(t, chain, c.Chain...)
			if !entry.CreationTime.Equal(notBefore) {
				t.Errorf("created %s, want the leaf's notBefore", entry.CreationTime)
			}
			trusted := loadJKS(t, trust, password)
			if diff := cmp.Diff([]string{"ca", "ca-1"}, trusted.Aliases()); diff != "" {
				t.Errorf("trusted aliases (-want +got):\n%s", diff)
			}
			for i, alias := range trusted.Aliases() {
				entry, err := trusted.GetTrustedCertificateEntry(alias)
				if err != nil {
					t.Fatal(err)
				}
				sameCerts(t, []*x509.Certificate{parseJKS(t, entry.Certificate)}, c.CA[i])
			}
		})
	}
}

func parseJKS(t *testing.T, cert jks.Certificate) *x509.Certificate {
	t.Helper()
	parsed, err := x509.ParseCertificate(cert.Content)
	if err != nil || cert.Type != "X.509" {
		t.Fatalf("certificate of type %s: %v", cert.Type, err)
	}
	return parsed
}

// Java hashes two bytes for each character; the library widens bytes, so one
// character has to be one byte there.
func TestJKSPasswordCharacters(t *testing.T) {
	c := newContent(t)
	data, _ := mustBuild(t, keystore.JKS, c, "pässwörÿ")
	loadJKS(t, data, "p\xe4ssw\xf6r\xff")
	for _, password := range []string{"пароль", "\xff", "a€"} {
		_, _, err := keystore.Build(keystore.JKS, c, password)
		if err == nil || !strings.Contains(err.Error(), "Latin-1") || strings.Contains(err.Error(), password) {
			t.Errorf("%q: %v", password, err)
		}
	}
}
