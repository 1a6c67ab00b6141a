package pki_test

import (
	"bytes"
	"crypto/x509"
	"slices"
	"testing"

	"github.com/certwright/certwright/internal/pki"
)

func TestTemporaryCertificate(t *testing.T) {
	for name, spec := range map[string]pki.RequestSpec{
		"fields":  caSpec(),
		"literal": {LiteralSubject: "CN=a,O=b\n", DNSNames: []string{"a.example"}, Usages: []pki.Usage{pki.UsageCertSign, pki.UsageServerAuth}, IsCA: true, Key: ecSpec},
	} {
		t.Run(name, func(t *testing.T) {
			chain, err := pki.TemporaryCertificate(spec, ecKey(), now)
			if err != nil {
				t.Fatal(err)
			}
			cert := chain.Leaf()
			if len(chain) != 1 || cert.Issuer.CommonName != "certwright.local" || cert.Subject.SerialNumber != "1234567890" {
				t.Errorf("chain of %d, issuer %s, subject %s", len(chain), cert.Issuer, cert.Subject)
			}
			if cert.IsCA || cert.KeyUsage&x509.KeyUsageCertSign != 0 || len(cert.PermittedDNSDomains) != 0 {
				t.Error("a temporary certificate must not be a CA")
			}
			if !slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageServerAuth) {
				t.Error("usages lost")
			}
			if got := pki.DiffCertificate(cert, spec); got != nil {
				t.Errorf("names differ in %v", got)
			}
			if !pki.PublicKeysEqual(cert.PublicKey, ecKey().Public()) {
				t.Error("not for our key")
			}
			if cert.NotBefore.After(now) || !cert.NotAfter.After(now) {
				t.Error("not valid now")
			}
		})
	}
	_, err := pki.TemporaryCertificate(pki.RequestSpec{DNSNames: []string{"a."}}, ecKey(), now)
	wantError(t, err, "dnsNames[0]")
	_, err = pki.TemporaryCertificate(caSpec(), nil, now)
	wantError(t, err, "no key")
}

// Two temporary certificates have nothing but the name of their CA in common.
func TestTemporaryCertificateForgetsItsCA(t *testing.T) {
	first, err := pki.TemporaryCertificate(caSpec(), ecKey(), now)
	if err != nil {
		t.Fatal(err)
	}
	second, err := pki.TemporaryCertificate(caSpec(), ecKey(), now)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(first.Leaf().AuthorityKeyId, second.Leaf().AuthorityKeyId) {
		t.Error("one CA key signed both")
	}
}
