package pki_test

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"testing"
	"time"

	"github.com/certwright/certwright/internal/pki"
)

func TestVerifyPair(t *testing.T) {
	h := newHierarchy(t)
	keyPEM, chainPEM := mustEncode(t, ecKey()), pemOf(h.leaf, h.lower.cert)
	key, chain, err := pki.VerifyPair(keyPEM, chainPEM)
	if err != nil {
		t.Fatal(err)
	}
	if !pki.PublicKeysEqual(key.Public(), ecKey().Public()) || len(chain) != 2 {
		t.Error("key or chain lost")
	}
	for _, test := range []struct {
		name            string
		key, chain      []byte
		want            error
		doesNotMatchToo error
	}{
		{"no key", nil, chainPEM, pki.ErrInvalidKey, pki.ErrInvalidCertificate},
		{"no certificate", keyPEM, nil, pki.ErrInvalidCertificate, pki.ErrInvalidKey},
		{"another key", mustEncode(t, edKey()), chainPEM, pki.ErrKeyMismatch, pki.ErrInvalidKey},
		{"the CA's key", h.lower.keyPEM(t), chainPEM, pki.ErrKeyMismatch, pki.ErrInvalidKey},
	} {
		_, _, err := pki.VerifyPair(test.key, test.chain)
		if !errors.Is(err, test.want) || errors.Is(err, test.doesNotMatchToo) {
			t.Errorf("%s: got %v, want %v", test.name, err, test.want)
		}
	}
}

func TestVerifyIssued(t *testing.T) {
	root := newRoot(t, "root")
	spec := pki.RequestSpec{
		CommonName: "a.example", DNSNames: []string{"A.example", "b.example"}, IPAddresses: []string{"::ffff:10.0.0.1"},
		URIs: []string{"spiffe://a/b"}, EmailAddresses: []string{"a@example"}, OtherNames: []pki.OtherName{{OID: "1.2.3", UTF8Value: "x"}},
		Key: ecSpec,
	}
	issue := func(s pki.RequestSpec) *x509.Certificate {
		issued, err := root.signer(t).Sign(mustRequest(t, s, ecKey()), pki.Template{Duration: time.Hour}, now)
		if err != nil {
			t.Fatal(err)
		}
		return issued.Chain.Leaf()
	}
	lacking := func(change func(*pki.RequestSpec)) pki.Chain {
		s := spec
		change(&s)
		return pki.Chain{issue(s)}
	}
	stranger := newRoot(t, "root")
	whole := pki.Chain{issue(spec), root.cert}
	tests := []struct {
		name  string
		chain pki.Chain
		pub   crypto.PublicKey
		now   time.Time
		want  error
		says  string
	}{
		{name: "whole", chain: whole},
		{name: "at the last second", chain: whole, now: now.Add(time.Hour)},
		{name: "without the root", chain: whole[:1]},
		{name: "more than asked", chain: lacking(func(s *pki.RequestSpec) { s.DNSNames = append(s.DNSNames, "www.a.example") })},
		{name: "common name in the alternative names only", chain: lacking(func(s *pki.RequestSpec) { s.CommonName = "" })},
		{name: "empty", want: pki.ErrChain, says: "no certificate"},
		{name: "another key", chain: whole, pub: edKey().Public(), want: pki.ErrKeyMismatch},
		{name: "expired", chain: whole, now: now.Add(time.Hour + time.Second), want: pki.ErrExpired, says: "until 2026-11-23T13:00:00Z"},
		{name: "signed by another", chain: pki.Chain{whole[0], stranger.cert}, want: pki.ErrChain},
		{name: "DNS name", chain: lacking(func(s *pki.RequestSpec) { s.DNSNames = s.DNSNames[:1] }), want: pki.ErrNames, says: "lacks b.example"},
		{name: "address", chain: lacking(func(s *pki.RequestSpec) { s.IPAddresses = nil }), want: pki.ErrNames, says: "lacks 10.0.0.1"},
		{name: "URI", chain: lacking(func(s *pki.RequestSpec) { s.URIs = nil }), want: pki.ErrNames, says: "lacks spiffe://a/b"},
		{name: "mailbox", chain: lacking(func(s *pki.RequestSpec) { s.EmailAddresses = nil }), want: pki.ErrNames, says: "lacks a@example"},
		{name: "other name", chain: lacking(func(s *pki.RequestSpec) { s.OtherNames = nil }), want: pki.ErrNames, says: "lacks 1.2.3:x"},
		{name: "common name", chain: lacking(func(s *pki.RequestSpec) { s.CommonName = "z"; s.DNSNames = s.DNSNames[1:] }), want: pki.ErrNames, says: "lacks a.example, a.example"},
		{name: "wildcard does not stand for a name", chain: lacking(func(s *pki.RequestSpec) { s.DNSNames = []string{"*.example"} }), want: pki.ErrNames},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			pub, at := test.pub, test.now
			if pub == nil {
				pub = ecKey().Public()
			}
			if at.IsZero() {
				at = now
			}
			err := pki.VerifyIssued(test.chain, pub, spec, at)
			if !errors.Is(err, test.want) {
				t.Fatalf("got %v, want %v", err, test.want)
			}
			if test.says != "" {
				wantError(t, err, test.says)
			}
		})
	}
}

func TestVerifyIssuedWithInvalidSpec(t *testing.T) {
	leaf := newRoot(t, "root").issueLeaf(t, ecKey())
	err := pki.VerifyIssued(pki.Chain{leaf}, ecKey().Public(), pki.RequestSpec{DNSNames: []string{"a."}}, now)
	if !errors.Is(err, pki.ErrNames) {
		t.Errorf("got %v, want ErrNames", err)
	}
}

// A certificate whose alternative names include a directoryName, which the API
// does not have, is compared by the others.
func TestVerifyIssuedIgnoresForeignNames(t *testing.T) {
	san := []byte{0x30, 15, 0xa4, 2, 0x30, 0, 0x82, 9, 'a', '.', 'e', 'x', 'a', 'm', 'p', 'l', 'e'}
	leaf := authority{}.issueLeaf(t, ecKey(), func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: []int{2, 5, 29, 17}, Value: san}}
	})
	err := pki.VerifyIssued(pki.Chain{leaf}, ecKey().Public(), pki.RequestSpec{DNSNames: []string{"a.example"}}, now)
	if err != nil {
		t.Error(err)
	}
}
