package pki_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/internal/pki"
)

// foreignCRL is a list that this package did not make.
func foreignCRL(t *testing.T, ca authority, change func(*x509.RevocationList)) []byte {
	t.Helper()
	template := &x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: now, NextUpdate: now.Add(day),
		RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: big.NewInt(1), RevocationTime: now}},
	}
	change(template)
	der, err := x509.CreateRevocationList(rand.Reader, template, ca.cert, ca.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestParseCRLRefuses(t *testing.T) {
	ca := newRoot(t, "root", signsLists)
	plain := foreignCRL(t, ca, func(*x509.RevocationList) {})
	if _, err := pki.ParseCRL(plain, ca.cert); err != nil {
		t.Fatal(err)
	}
	tampered := bytes.Clone(plain)
	tampered[len(tampered)-1] ^= 1
	critical := pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true, Value: []byte{0x30, 0}}
	entryOf := func(e x509.RevocationListEntry) func(*x509.RevocationList) {
		return func(l *x509.RevocationList) { l.RevokedCertificateEntries = []x509.RevocationListEntry{e} }
	}
	for _, test := range []struct {
		name string
		der  []byte
		says string
	}{
		{"nothing", nil, "malformed"},
		{"PEM", block("X509 CRL", plain), "malformed"},
		{"something behind it", append(bytes.Clone(plain), 0), "behind it"},
		{"damaged", tampered, "did not sign it"},
		{"another key of the same name", foreignCRL(t, newRoot(t, "root", signsLists), func(*x509.RevocationList) {}), "did not sign it"},
		{"another name", foreignCRL(t, newRoot(t, "other", signsLists), func(*x509.RevocationList) {}), "another CA"},
		{"for a part of the certificates", foreignCRL(t, ca, func(l *x509.RevocationList) { l.ExtraExtensions = []pkix.Extension{critical} }), "critical extension"},
		{"an entry of another CA", foreignCRL(t, ca, entryOf(x509.RevocationListEntry{
			SerialNumber: big.NewInt(1), RevocationTime: now, ExtraExtensions: []pkix.Extension{critical},
		})), "an entry has a critical extension"},
		{"an entry of a delta", foreignCRL(t, ca, entryOf(x509.RevocationListEntry{SerialNumber: big.NewInt(1), RevocationTime: now, ReasonCode: 8})), "reason"},
		{"a serial number of 21 octets", foreignCRL(t, ca, entryOf(x509.RevocationListEntry{
			SerialNumber: new(big.Int).Lsh(big.NewInt(1), 160), RevocationTime: now,
		})), "20 octets"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := pki.ParseCRL(test.der, ca.cert)
			wantError(t, err, test.says)
			if !errors.Is(err, pki.ErrInvalidCRL) {
				t.Errorf("%v does not wrap ErrInvalidCRL", err)
			}
		})
	}
}

// A list that another program kept before may be in any order, and may have
// certificates on hold: they stay as they are.
func TestParseCRLOfOthers(t *testing.T) {
	ca := newRoot(t, "root", signsLists)
	der := foreignCRL(t, ca, func(l *x509.RevocationList) {
		l.RevokedCertificateEntries = []x509.RevocationListEntry{
			{SerialNumber: big.NewInt(9), RevocationTime: now, ReasonCode: 6},
			{SerialNumber: big.NewInt(1), RevocationTime: now.Add(time.Hour)},
			{SerialNumber: big.NewInt(1), RevocationTime: now, ReasonCode: 4},
		}
	})
	list, err := pki.ParseCRL(der, ca.cert)
	if err != nil {
		t.Fatal(err)
	}
	want := []pki.CRLEntry{entry(1, now, pki.ReasonSuperseded), entry(9, now, pki.ReasonCertificateHold)}
	if diff := cmp.Diff(want, list.Entries, compareCRLs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	mustSignCRL(t, list.Next(now.Add(time.Hour), 0), ca.signer(t))
}

func TestExpiries(t *testing.T) {
	list := pki.NewCRL(now, 0)
	mustAdd(t, list, entry(1, now, 0), pki.CRLEntry{Serial: big.NewInt(2), RevokedAt: now, NotAfter: now.Add(day)},
		pki.CRLEntry{Serial: big.NewInt(300), RevokedAt: now, NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)})
	kept := list.Expiries()
	ca := newRoot(t, "root", signsLists)
	read := func() *pki.CRL {
		again, err := pki.ParseCRL(mustSignCRL(t, list, ca.signer(t)), ca.cert)
		if err != nil {
			t.Fatal(err)
		}
		return again
	}
	again := read()
	if err := again.SetExpiries(kept); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(list, again, compareCRLs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	other := pki.NewCRL(now, 0)
	mustAdd(t, other, entry(1, now, 0), entry(2, now, 0), entry(301, now, 0))
	for name, data := range map[string][]byte{
		"nothing": nil, "cut off": kept[:len(kept)-1], "too much": append(bytes.Clone(kept), 0), "another list": other.Expiries(),
		"another version": append([]byte{9}, kept[1:]...), "beyond all years": append(bytes.Clone(kept[:33]), bytes.Repeat([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, 3)...),
	} {
		again := read()
		wantError(t, again.SetExpiries(data), "do not belong to this revocation list")
		for _, e := range again.Entries {
			if !e.NotAfter.IsZero() {
				t.Errorf("%s: an expiry was taken over", name)
			}
		}
	}
}
