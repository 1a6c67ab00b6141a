package pki

import (
	"bytes"
	"crypto/x509"
	"math/big"
	"testing"
	"time"
)

// fuzzSigner is a CA of the fuzzing key that may sign lists.
func fuzzSigner(f *testing.F) *Signer {
	f.Helper()
	request, err := ParseRequest(fuzzRequest(f, func(s *RequestSpec) {
		*s = RequestSpec{CommonName: "ca", IsCA: true, Usages: []Usage{UsageCertSign, UsageCRLSign}, EncodeUsages: true, Key: s.Key}
	}))
	if err != nil {
		f.Fatal(err)
	}
	chain, err := SelfSign(request, fuzzKey, Template{IsCA: true, Usages: []Usage{UsageCertSign, UsageCRLSign}}, time.Unix(1, 0))
	if err != nil {
		f.Fatal(err)
	}
	signer, err := newSigner(chain, fuzzKey)
	if err != nil {
		f.Fatal(err)
	}
	return signer
}

func fuzzList(t testing.TB, entries ...CRLEntry) *CRL {
	t.Helper()
	list := NewCRL(time.Unix(2, 0), 0)
	for _, entry := range entries {
		if _, err := list.Add(entry); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

// FuzzParseCRL fuzzes what ParseCRL does behind the signature, which a fuzzer
// cannot forge: whatever is taken over can be signed, and reads the same then.
func FuzzParseCRL(f *testing.F) {
	signer := fuzzSigner(f)
	at := time.Unix(3, 0)
	for _, list := range []*CRL{
		fuzzList(f),
		fuzzList(f, CRLEntry{Serial: big.NewInt(1), RevokedAt: at}),
		fuzzList(f, CRLEntry{Serial: big.NewInt(1), RevokedAt: at, Reason: ReasonKeyCompromise}, CRLEntry{Serial: big.NewInt(2), RevokedAt: at.AddDate(90, 0, 0)}),
	} {
		der, err := list.Sign(signer)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(der)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		_, _ = ParseCRL(der, signer.Chain.Leaf())
		raw, err := x509.ParseRevocationList(der)
		if err != nil {
			return
		}
		list, err := crlContent(raw, len(der))
		if err != nil {
			return
		}
		list.ThisUpdate, list.NextUpdate = time.Unix(2, 0).UTC(), time.Unix(3, 0).UTC()
		signed, err := list.Sign(signer)
		if err != nil {
			return // Numbers and times that cannot be encoded are refused there.
		}
		again, err := ParseCRL(signed, signer.Chain.Leaf())
		if err != nil {
			t.Fatal(err)
		}
		if len(again.Entries) != len(list.Entries) || again.Number.Cmp(list.Number) != 0 || !bytes.Equal(again.serialsHash(), list.serialsHash()) {
			t.Fatal("a list changed in a round trip")
		}
	})
}

func FuzzSetExpiries(f *testing.F) {
	list := fuzzList(f, CRLEntry{Serial: big.NewInt(1), RevokedAt: time.Unix(3, 0), NotAfter: time.Unix(4, 0)},
		CRLEntry{Serial: big.NewInt(2), RevokedAt: time.Unix(3, 0)})
	header := len(list.Expiries()) - 2
	f.Add(list.Expiries()[header:])
	f.Add([]byte{0xff, 0xff})
	f.Fuzz(func(t *testing.T, times []byte) {
		data := append(bytes.Clone(list.Expiries()[:header]), times...)
		read := fuzzList(t, list.Entries...)
		if err := read.SetExpiries(data); err != nil {
			return
		}
		again := fuzzList(t, list.Entries...)
		if err := again.SetExpiries(read.Expiries()); err != nil {
			t.Fatal(err)
		}
		for i := range read.Entries {
			if !read.Entries[i].NotAfter.Equal(again.Entries[i].NotAfter) {
				t.Fatal("an expiry changed in a round trip")
			}
		}
	})
}
