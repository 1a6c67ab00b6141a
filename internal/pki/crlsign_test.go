package pki_test

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	mathrand "math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/internal/pki"
)

// What is signed is what is read back, for every kind of key, and crypto/x509
// says that the CA signed it.
func TestCRLRoundTrip(t *testing.T) {
	random := mathrand.New(mathrand.NewPCG(1, 2))
	for name, key := range map[string]authority{"RSA": {key: rsaKey()}, "ECDSA": {key: ecKey()}, "Ed25519": {key: edKey()}} {
		t.Run(name, func(t *testing.T) {
			ca := key
			ca.cert = authority{}.sign(t, &x509.Certificate{
				SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
				BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
			}, ca.key)
			for round := range 20 {
				list := randomCRL(t, random, round*3)
				der := mustSignCRL(t, list, ca.signer(t))
				got, err := pki.ParseCRL(der, ca.cert)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(list, got, compareCRLs); diff != "" {
					t.Fatalf("(-signed +read):\n%s", diff)
				}
				if err := stdCRL(t, der).CheckSignatureFrom(ca.cert); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// RFC 5280 5.2.1, 5.2.3 and 5.3.1: both extensions are there, neither critical,
// and a reason is there only if it says something.
func TestCRLExtensions(t *testing.T) {
	ca := newRoot(t, "root", signsLists)
	leaf := mustSign(t, ca.signer(t), mustRequest(t, pki.RequestSpec{DNSNames: []string{"a.example"}, Key: ecSpec}, ecKey()), pki.Template{}).Chain.Leaf()
	list := pki.NewCRL(now, 0)
	mustAdd(t, list, entry(1, now, pki.ReasonUnspecified), entry(2, now, pki.ReasonSuperseded))
	got := stdCRL(t, mustSignCRL(t, list, ca.signer(t)))
	if !bytes.Equal(got.AuthorityKeyId, leaf.AuthorityKeyId) || len(got.AuthorityKeyId) == 0 {
		t.Errorf("key identifier %x, that of certificates is %x", got.AuthorityKeyId, leaf.AuthorityKeyId)
	}
	if got.Number.Int64() != now.Unix() || len(got.Extensions) != 2 || got.Extensions[0].Critical || got.Extensions[1].Critical {
		t.Errorf("number %v, extensions %v", got.Number, got.Extensions)
	}
	if first, second := got.RevokedCertificateEntries[0], got.RevokedCertificateEntries[1]; len(first.Extensions) != 0 || second.ReasonCode != 4 {
		t.Errorf("reasons: %v, %d", first.Extensions, second.ReasonCode)
	}
	if !got.NextUpdate.Equal(now.Add(7 * day)) {
		t.Errorf("next update at %v", got.NextUpdate)
	}
}

func TestCRLSignRefuses(t *testing.T) {
	good := newRoot(t, "root", signsLists)
	edit := func(change func(*pki.CRL)) *pki.CRL {
		list := pki.NewCRL(now, 0)
		mustAdd(t, list, entry(1, now, 0), entry(2, now, 0))
		change(list)
		return list
	}
	for _, test := range []struct {
		name string
		ca   authority
		list *pki.CRL
		want error
		says string
	}{
		{"no crl sign", newRoot(t, "root"), pki.NewCRL(now, 0), pki.ErrSigner, `does not include "crl sign": issue it again`},
		{"expired", good, pki.NewCRL(now.AddDate(11, 0, 0), 0), pki.ErrSigner, "the CA certificate expired"},
		{"not valid yet", good, pki.NewCRL(now.AddDate(-1, 0, 0), 0), pki.ErrSigner, "not valid before"},
		{"no number", good, edit(func(c *pki.CRL) { c.Number = nil }), pki.ErrRefused, "number"},
		{"negative number", good, edit(func(c *pki.CRL) { c.Number = big.NewInt(-1) }), pki.ErrRefused, "number"},
		{"no lifetime", good, edit(func(c *pki.CRL) { c.NextUpdate = c.ThisUpdate }), pki.ErrRefused, "no lifetime"},
		{"a serial number twice", good, edit(func(c *pki.CRL) { c.Entries[1] = c.Entries[0] }), pki.ErrRefused, "each once"},
		{"out of order", good, edit(func(c *pki.CRL) { c.Entries[0].Serial = big.NewInt(3) }), pki.ErrRefused, "order"},
		{"no time", good, edit(func(c *pki.CRL) { c.Entries[0].RevokedAt = time.Time{} }), pki.ErrRefused, "when the certificate was revoked"},
		{"a reason of delta lists", good, edit(func(c *pki.CRL) { c.Entries[0].Reason = 8 }), pki.ErrRefused, "reason"},
		{"the reason that is none", good, edit(func(c *pki.CRL) { c.Entries[0].Reason = 7 }), pki.ErrRefused, "reason"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := test.list.Sign(test.ca.signer(t))
			wantError(t, err, test.says)
			if !errors.Is(err, test.want) {
				t.Errorf("%v does not wrap %v", err, test.want)
			}
		})
	}
	if err := good.signer(t).CanSignCRL(); err != nil {
		t.Error(err)
	}
	free := newRoot(t, "no usage", func(c *x509.Certificate) { c.KeyUsage = 0 })
	if err := stdCRL(t, mustSignCRL(t, pki.NewCRL(now, 0), free.signer(t))).CheckSignatureFrom(free.cert); err != nil {
		t.Errorf("a CA without any key usage: %v", err)
	}
}

// A CA certificate without a key identifier gives its certificates one, and its
// lists the same.
func TestCRLOfCAWithoutKeyID(t *testing.T) {
	intermediate := newRoot(t, "root").issueCA(t, "lower", signsLists, func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true })
	ca := authority{cert: withoutKeyID(t, intermediate), key: intermediate.key}
	leaf := mustSign(t, ca.signer(t), mustRequest(t, pki.RequestSpec{DNSNames: []string{"a.example"}, Key: ecSpec}, ecKey()), pki.Template{}).Chain.Leaf()
	got := stdCRL(t, mustSignCRL(t, pki.NewCRL(now, 0), ca.signer(t)))
	if len(got.AuthorityKeyId) == 0 || !bytes.Equal(got.AuthorityKeyId, leaf.AuthorityKeyId) {
		t.Errorf("key identifier %x, that of certificates is %x", got.AuthorityKeyId, leaf.AuthorityKeyId)
	}
}

// withoutKeyID issues the CA's certificate again as one that is not made a CA by
// crypto/x509, which would give it a key identifier.
func withoutKeyID(t *testing.T, ca authority) *x509.Certificate {
	t.Helper()
	constraints, err := asn1.Marshal(struct{ CA bool }{true})
	if err != nil {
		t.Fatal(err)
	}
	cert := ca.sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: ca.cert.Subject, NotBefore: ca.cert.NotBefore, NotAfter: ca.cert.NotAfter,
		KeyUsage:        x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 19}, Critical: true, Value: constraints}},
	}, ca.key)
	if len(cert.SubjectKeyId) > 0 || !cert.IsCA {
		t.Fatal("the certificate is not what the test needs")
	}
	return cert
}

// A Secret holds 1 MiB: the largest list and its expiry times fit, and what is
// larger is refused.
func TestCRLFitsASecret(t *testing.T) {
	ca := newRoot(t, "root", signsLists)
	full := &pki.CRL{Number: big.NewInt(1), ThisUpdate: now, NextUpdate: now.Add(day)}
	for i := range int64(17000) {
		serial := new(big.Int).Lsh(big.NewInt(0x80), 120)
		full.Entries = append(full.Entries, pki.CRLEntry{
			Serial: serial.Add(serial, big.NewInt(i)), RevokedAt: now, Reason: pki.ReasonKeyCompromise, NotAfter: now.AddDate(1, 0, 0),
		})
	}
	der := mustSignCRL(t, full, ca.signer(t))
	if size := len(der) + len(full.Expiries()); size > 1<<20-16<<10 {
		t.Errorf("%d bytes", size)
	}
	for i := range int64(2000) {
		serial := new(big.Int).Lsh(big.NewInt(0x81), 120)
		full.Entries = append(full.Entries, pki.CRLEntry{Serial: serial.Add(serial, big.NewInt(i)), RevokedAt: now, Reason: pki.ReasonKeyCompromise})
	}
	_, err := full.Sign(ca.signer(t))
	wantError(t, err, "not fit into its Secret", "a new key")
	if !errors.Is(err, pki.ErrRefused) {
		t.Error(err)
	}
	if _, err := pki.ParseCRL(make([]byte, pki.MaxCRLBytes+1), ca.cert); !errors.Is(err, pki.ErrInvalidCRL) {
		t.Error(err)
	}
}

// What OpenSSL says is what a client will: the list is the CA's, and the
// certificate on it is revoked, the other is not.
func TestOpenSSLTakesTheCRL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	ca := newRoot(t, "root", signsLists)
	sign := func() *x509.Certificate {
		return mustSign(t, ca.signer(t), mustRequest(t, pki.RequestSpec{DNSNames: []string{"a.example"}, Key: ecSpec}, ecKey()), pki.Template{}).Chain.Leaf()
	}
	revoked, valid := sign(), sign()
	list := pki.NewCRL(now, 0)
	mustAdd(t, list, pki.CRLEntry{Serial: revoked.SerialNumber, RevokedAt: now, Reason: pki.ReasonKeyCompromise})
	folder := t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(folder, name)
		writeFile(t, path, content)
		return path
	}
	caFile := file("ca.pem", pemOf(ca.cert))
	crlFile := file("crl.pem", pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: mustSignCRL(t, list, ca.signer(t))}))
	verify := func(cert *x509.Certificate) string {
		out, _ := exec.CommandContext(t.Context(), openssl, "verify", "-attime", big.NewInt(now.Add(time.Minute).Unix()).String(),
			"-x509_strict", "-crl_check", "-CAfile", caFile, "-CRLfile", crlFile, file("leaf.pem", pemOf(cert))).CombinedOutput()
		return string(out)
	}
	if out := verify(valid); !strings.Contains(out, "leaf.pem: OK") {
		t.Errorf("a certificate that is not on the list: %s", out)
	}
	if out := verify(revoked); !strings.Contains(out, "certificate revoked") {
		t.Errorf("a certificate that is on the list: %s", out)
	}
}
