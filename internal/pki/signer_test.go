package pki_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/internal/pki"
)

func TestSignChain(t *testing.T) {
	h := newHierarchy(t)
	request := mustRequest(t, pki.RequestSpec{CommonName: "a", Key: ecSpec}, ecKey())
	ca := pemOf
	stranger := newRoot(t, "stranger").cert
	tests := []struct {
		name    string
		cert    []byte
		ca      []byte
		chain   []string
		topmost *x509.Certificate
	}{
		{"alone", ca(h.lower.cert), nil, []string{"a", "lower"}, h.lower.cert},
		{"without root", ca(h.lower.cert, h.upper.cert), nil, []string{"a", "lower", "upper"}, h.upper.cert},
		{"with root", ca(h.lower.cert, h.upper.cert, h.root.cert), nil, []string{"a", "lower", "upper"}, h.root.cert},
		{"root in the bundle", ca(h.lower.cert, h.upper.cert), ca(stranger, h.root.cert), []string{"a", "lower", "upper"}, h.root.cert},
		{"all above in the bundle", ca(h.lower.cert), ca(h.root.cert, stranger, h.upper.cert), []string{"a", "lower", "upper"}, h.root.cert},
		{"nothing useful in the bundle", ca(h.lower.cert), ca(stranger), []string{"a", "lower"}, h.lower.cert},
		{"empty bundle", ca(h.lower.cert), []byte("\n"), []string{"a", "lower"}, h.lower.cert},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			signer, err := pki.ParseSigner(test.cert, h.lower.keyPEM(t), test.ca)
			if err != nil {
				t.Fatal(err)
			}
			issued := mustSign(t, signer, request, pki.Template{})
			if diff := cmp.Diff(test.chain, subjects(issued.Chain)); diff != "" {
				t.Errorf("chain (-want +got):\n%s", diff)
			}
			if !issued.CA.Equal(test.topmost) {
				t.Errorf("CA is %s", issued.CA.Subject)
			}
		})
	}
}

func TestParseSignerRefuses(t *testing.T) {
	root := newRoot(t, "root")
	h := newHierarchy(t)
	leafCert := root.issueLeaf(t, root.key)
	noSign := newRoot(t, "no sign", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign })
	noUsage := newRoot(t, "no usage", func(c *x509.Certificate) { c.KeyUsage = 0 })
	tests := []struct {
		name          string
		cert, key, ca []byte
		want          error
		says          string
	}{
		{"leaf", pemOf(leafCert), root.keyPEM(t), nil, pki.ErrSigner, "not that of a CA"},
		{"no cert sign", pemOf(noSign.cert), noSign.keyPEM(t), nil, pki.ErrSigner, "cert sign"},
		{"another key", pemOf(root.cert), h.root.keyPEM(t), nil, pki.ErrKeyMismatch, "not for this private key"},
		{"no key", pemOf(root.cert), nil, nil, pki.ErrInvalidKey, ""},
		{"no certificate", nil, root.keyPEM(t), nil, pki.ErrInvalidCertificate, ""},
		{"broken chain", pemOf(h.lower.cert, h.root.cert), h.lower.keyPEM(t), nil, pki.ErrChain, ""},
		{"unreadable bundle", pemOf(root.cert), root.keyPEM(t), []byte("x"), pki.ErrInvalidCertificate, "CA bundle"},
		{"key in the bundle", pemOf(root.cert), root.keyPEM(t), root.keyPEM(t), pki.ErrInvalidCertificate, "private key among"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := pki.ParseSigner(test.cert, test.key, test.ca)
			wantError(t, err, test.says)
			if !errors.Is(err, test.want) {
				t.Errorf("%v does not wrap %v", err, test.want)
			}
		})
	}
	if _, err := pki.ParseSigner(pemOf(noUsage.cert), noUsage.keyPEM(t), nil); err != nil {
		t.Errorf("a CA without any key usage: %v", err)
	}
}

func TestEveryKeySigns(t *testing.T) {
	for _, key := range []struct {
		name   string
		signer authority
	}{
		{"RSA", authority{key: rsaKey()}}, {"ECDSA", authority{key: ecKey()}}, {"Ed25519", authority{key: edKey()}},
	} {
		t.Run(key.name, func(t *testing.T) {
			ca := key.signer
			ca.cert = authority{}.sign(t, &x509.Certificate{
				SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, NotBefore: now, NotAfter: now.AddDate(1, 0, 0),
				BasicConstraintsValid: true, IsCA: true,
			}, ca.key)
			request := mustRequest(t, pki.RequestSpec{DNSNames: []string{"a.example"}, Key: ecSpec}, ecKey())
			mustSign(t, ca.signer(t), request, pki.Template{})
		})
	}
}

// Two CAs that certified each other lead round in a circle, and a bundle may
// hold more levels than a chain may have.
func TestParseSignerEnds(t *testing.T) {
	first, second := newRoot(t, "first"), newRoot(t, "second")
	cross := func(by, ca authority) *x509.Certificate {
		return by.sign(t, &x509.Certificate{
			SerialNumber: big.NewInt(3), Subject: ca.cert.Subject, NotBefore: ca.cert.NotBefore, NotAfter: ca.cert.NotAfter,
			BasicConstraintsValid: true, IsCA: true, SubjectKeyId: ca.cert.SubjectKeyId,
		}, ca.key)
	}
	lower := first.issueCA(t, "lower")
	signer, err := pki.ParseSigner(pemOf(lower.cert), lower.keyPEM(t), pemOf(cross(second, first), cross(first, second)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"lower", "first", "second"}, subjects(signer.Chain)); diff != "" {
		t.Errorf("chain (-want +got):\n%s", diff)
	}

	levels := []authority{newRoot(t, "root")}
	for len(levels) < 20 {
		levels = append(levels, levels[len(levels)-1].issueCA(t, "level"))
	}
	var bundle pki.Chain
	for _, level := range levels {
		bundle = append(bundle, level.cert)
	}
	last := levels[len(levels)-1]
	signer, err = pki.ParseSigner(pemOf(last.cert), last.keyPEM(t), bundle.PEM())
	if err != nil {
		t.Fatal(err)
	}
	if len(signer.Chain) != 16 {
		t.Errorf("chain of %d, want 16", len(signer.Chain))
	}
}
