package crl

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/outcome"
	"github.com/certwright/certwright/internal/pki"
)

const day = 24 * time.Hour

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// authority makes CA key pairs; the zero value is one that may sign lists and ends in a year.
type authority struct {
	key     crypto.Signer
	name    string
	keyID   []byte
	ends    time.Time
	noUsage bool
}

func (a authority) signer(t testing.TB) *pki.Signer {
	t.Helper()
	if a.key == nil {
		a.key = newKey(t)
	}
	if a.ends.IsZero() {
		a.ends = now.AddDate(1, 0, 0)
	}
	usage := x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	if a.noUsage {
		usage = x509.KeyUsageCertSign
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca" + a.name}, NotBefore: now.AddDate(-1, 0, 0), NotAfter: a.ends,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: usage, SubjectKeyId: a.keyID,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	keyPEM, err := pki.EncodePrivateKey(a.key, pki.PKCS8)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := pki.ParseSigner(pki.CertificatePEM(cert), keyPEM, nil)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func newKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func idOf(t testing.TB, signer *pki.Signer) string {
	t.Helper()
	id, err := signer.KeyID()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// kept is what the two Secrets hold after a pass for an issuer that publishes, and what the process has seen.
func kept(t testing.TB, k known, at time.Time, revoked ...int64) (known, *ledger) {
	t.Helper()
	l := readLedger(k)
	if err := l.admit(); err != nil {
		t.Fatal(err)
	}
	l.retire(at)
	if err := l.renew(at, 0); err != nil {
		t.Fatal(err)
	}
	for _, serial := range revoked {
		if _, err := l.lines[l.current].revoke(entry(serial, at), at, 0); err != nil {
			t.Fatal(err)
		}
	}
	lists, keys, err := l.data()
	if err != nil {
		t.Fatal(err)
	}
	return known{current: k.current, lists: lists, keys: keys, seen: l.copies()}, l
}

func entry(serial int64, at time.Time) pki.CRLEntry {
	return pki.CRLEntry{Serial: big.NewInt(serial), RevokedAt: at, NotAfter: at.Add(30 * day)}
}

func serials(list *pki.CRL) []int64 {
	result := []int64{}
	for _, entry := range list.Entries {
		result = append(result, entry.Serial.Int64())
	}
	return result
}

// stored is the list that the Secret holds, verified.
func stored(t *testing.T, k known, ca *pki.Signer) *pki.CRL {
	t.Helper()
	list, err := pki.ParseCRL(k.lists[idOf(t, ca)+listSuffix], ca.Chain.Leaf())
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestASettledLedgerChangesNothing(t *testing.T) {
	ca := authority{}.signer(t)
	before, _ := kept(t, known{current: ca}, now, 1, 2)
	after, l := kept(t, before, now.Add(pki.DefaultCRLLifetime/2))
	if l.lines[l.current].signed || string(after.lists[l.current+listSuffix]) != string(before.lists[l.current+listSuffix]) {
		t.Error("a list that is not due was signed anew")
	}
	if len(after.keys) != 2 || string(after.keys[l.current+keySuffix]) != string(before.keys[l.current+keySuffix]) {
		t.Error("the keys changed")
	}
	want := stored(t, before, ca).Due()
	for _, at := range []time.Time{now, want.Add(-time.Second)} {
		if due := l.again(at); !due.Equal(want) {
			t.Errorf("at %v, due at %v, want %v", at, due, want)
		}
	}
	if due := l.again(want); !due.Equal(want.Add(retryPause)) {
		t.Errorf("a list that could not be signed is due at %v", due)
	}
}

// A number only ever grows, and no revocation is lost that the process has seen, whatever becomes of the Secret.
func TestAListIsContinuedWhateverBecomesOfItsSecret(t *testing.T) {
	ca, other := authority{}.signer(t), authority{}.signer(t)
	id := idOf(t, ca)
	first, _ := kept(t, known{current: ca}, now, 1)
	second, _ := kept(t, first, now.Add(time.Minute), 2)
	foreign, _ := kept(t, known{current: other}, now.Add(time.Hour))
	status := []v1.CAIssuerCRL{{KeyID: id, Number: stored(t, second, ca).Number.String()}}
	for name, test := range map[string]struct {
		der       []byte
		forgetful bool
		want      []int64
		cause     string
	}{
		"deleted":                         {nil, false, []int64{1, 2}, "missing"},
		"damaged":                         {[]byte("x"), false, []int64{1, 2}, "not a list"},
		"of another key":                  {foreign.lists[idOf(t, other)+listSuffix], false, []int64{1, 2}, "not a list"},
		"an older one":                    {first.lists[id+listSuffix], false, []int64{1, 2}, "older"},
		"deleted, before a restart":       {nil, true, []int64{}, "missing"},
		"an older one, before a restart":  {first.lists[id+listSuffix], true, []int64{1}, "older"},
		"as it was, before a restart":     {second.lists[id+listSuffix], true, []int64{1, 2}, ""},
		"damaged, with its entries known": {append(slices.Clone(second.lists[id+listSuffix]), 0), false, []int64{1, 2}, "not a list"},
	} {
		t.Run(name, func(t *testing.T) {
			k := known{current: ca, keys: second.keys, lists: map[string][]byte{}, seen: second.seen, published: status}
			if test.der != nil {
				k.lists[id+listSuffix] = test.der
			}
			if test.forgetful {
				k.seen = nil
			}
			// The clock was set back meanwhile.
			after, l := kept(t, k, now.Add(-time.Hour))
			list := stored(t, after, ca)
			if !slices.Equal(serials(list), test.want) {
				t.Errorf("entries %v, want %v", serials(list), test.want)
			}
			if higher := list.Number.Cmp(stored(t, second, ca).Number) > 0; higher != (test.cause != "") {
				t.Errorf("number %v after %v", list.Number, stored(t, second, ca).Number)
			}
			if cause := l.lines[id].cause; !strings.Contains(cause, test.cause) || (cause == "") != (test.cause == "") {
				t.Errorf("cause %q, want %q", cause, test.cause)
			}
		})
	}
}

func TestAFormerKeyGoesWithItsCertificate(t *testing.T) {
	former, current := authority{ends: now.Add(20 * day)}.signer(t), authority{}.signer(t)
	k, _ := kept(t, known{current: former}, now, 1)
	k.current = current
	k, _ = kept(t, k, now.Add(6*day))
	if list := stored(t, k, former); !list.ThisUpdate.Equal(now.Add(6*day)) || len(list.Entries) != 1 {
		t.Errorf("the former key's list is of %v", list.ThisUpdate)
	}
	if len(k.keys) != 4 || len(k.lists) != 4 {
		t.Errorf("%d entries of keys, %d of lists", len(k.keys), len(k.lists))
	}
	late := former.Chain.Leaf().NotAfter.Add(-time.Hour)
	k, l := kept(t, k, late)
	if due := l.again(late); !due.Equal(former.Chain.Leaf().NotAfter.Add(time.Second)) {
		t.Errorf("due at %v", due)
	}
	k, _ = kept(t, k, former.Chain.Leaf().NotAfter.Add(time.Second))
	if len(k.keys) != 2 || len(k.lists) != 2 || k.lists[idOf(t, current)+listSuffix] == nil {
		t.Errorf("%d entries of keys, %d of lists", len(k.keys), len(k.lists))
	}
}

// The CA certificate of the current key may be issued again, after it has expired too.
func TestTheCurrentKeyKeepsItsListWhenItsCertificateChanges(t *testing.T) {
	key := newKey(t)
	short := authority{key: key, ends: now.Add(10 * day)}.signer(t)
	k, _ := kept(t, known{current: short}, now, 1)
	k, l := kept(t, k, now.Add(20*day))
	if len(k.lists) != 2 || !l.again(now.Add(20*day)).IsZero() {
		t.Error("the list of an expired CA is gone, or is waited for")
	}
	for name, next := range map[string]authority{"the same name": {key: key}, "another name": {key: key, name: " new"}} {
		t.Run(name, func(t *testing.T) {
			k := k
			k.current, k.seen = next.signer(t), nil
			k, _ = kept(t, k, now.Add(20*day))
			if list := stored(t, k, k.current); !slices.Equal(serials(list), []int64{1}) {
				t.Errorf("entries %v", serials(list))
			}
			if string(k.keys[idOf(t, short)+certSuffix]) != string(pki.CertificatePEM(k.current.Chain.Leaf())) || len(k.keys) != 2 {
				t.Error("the new certificate is not kept")
			}
			k.current = short
			if k, _ = kept(t, k, now.Add(20*day)); string(k.keys[idOf(t, short)+certSuffix]) == string(pki.CertificatePEM(short.Chain.Leaf())) {
				t.Error("the certificate that ends earlier took the other's place")
			}
		})
	}
}

func TestKeysThatCanHaveNoList(t *testing.T) {
	full := known{}
	for range maxKeys {
		full.current = authority{}.signer(t)
		full, _ = kept(t, full, now)
	}
	one, _ := kept(t, known{current: authority{keyID: []byte("same")}.signer(t)}, now)
	for name, test := range map[string]struct {
		known known
		ca    authority
		says  string
	}{
		"without the usage":              {known{}, authority{noUsage: true}, `does not include "crl sign"`},
		"one too many":                   {full, authority{}, "8 keys of the CA have revocation lists already"},
		"with the identifier of another": {one, authority{keyID: []byte("same")}, "an identifier of its own"},
	} {
		t.Run(name, func(t *testing.T) {
			test.known.current = test.ca.signer(t)
			l := readLedger(test.known)
			if err := l.admit(); err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v", err)
			}
			l.retire(now)
			if err := l.renew(now, 0); err != nil {
				t.Error(err)
			}
			lists, keys, err := l.data()
			if err != nil || len(lists) != len(test.known.lists) || len(keys) != len(test.known.keys) {
				t.Errorf("the other lists changed: %d, %d, %v", len(lists), len(keys), err)
			}
		})
	}
	if l := readLedger(full); l.refusal != nil {
		t.Errorf("the eighth key: %v", l.refusal)
	}
}

func TestAListWhoseKeyIsNotKnownStaysUntilItEnds(t *testing.T) {
	former, current := authority{}.signer(t), authority{}.signer(t)
	k, _ := kept(t, known{current: former}, now, 1)
	k.current, k.keys = current, nil
	k.lists["garbage.crl"], k.lists["else"] = []byte("x"), []byte("y")
	k, _ = kept(t, k, now.Add(6*day))
	if len(k.lists) != 4 || k.lists[idOf(t, former)+listSuffix] == nil {
		t.Errorf("%d entries", len(k.lists))
	}
	if len(k.keys) != 2 {
		t.Errorf("%d entries of keys", len(k.keys))
	}
	if k, _ = kept(t, k, now.Add(8*day)); len(k.lists) != 2 {
		t.Errorf("%d entries after its end", len(k.lists))
	}
}

// The Secret with the keys may be deleted: that of the current key is at hand.
func TestTheCurrentKeyIsKeptAgain(t *testing.T) {
	k, _ := kept(t, known{current: authority{}.signer(t)}, now, 1)
	k.keys = nil
	l := readLedger(k)
	lists, keys, err := l.data()
	if err != nil || len(lists) != 2 || len(keys) != 2 || l.lines[l.current].list == nil {
		t.Errorf("%d lists, %d keys, %v", len(lists), len(keys), err)
	}
}

func TestRevoke(t *testing.T) {
	ca := authority{}.signer(t)
	k, l := kept(t, known{current: ca}, now)
	line := l.lines[l.current]
	if already, err := line.revoke(entry(5, now), now, 0); already || err != nil {
		t.Fatal(already, err)
	}
	again := entry(5, now.Add(time.Hour))
	again.Reason = pki.ReasonKeyCompromise
	der := line.der
	if already, err := line.revoke(again, now.Add(time.Hour), 0); !already || err != nil || string(der) != string(line.der) {
		t.Errorf("again: %t, %v", already, err)
	}
	if found, _ := line.entry(big.NewInt(5)); !found.RevokedAt.Equal(now) || found.Reason != pki.ReasonUnspecified {
		t.Errorf("the entry changed: %+v", found)
	}
	if already, err := line.revoke(again, now.Add(6*day), 0); !already || err != nil || string(der) == string(line.der) {
		t.Errorf("again, with a list that is due: %t, %v", already, err)
	}
	hold := entry(6, now)
	hold.Reason = pki.ReasonCertificateHold
	if _, err := line.revoke(hold, now, 0); !errors.Is(err, pki.ErrRefused) || outcome.From(refused(err)).Kind != outcome.Terminal {
		t.Errorf("a hold: %v", err)
	}
	if _, err := line.revoke(entry(7, now), now.AddDate(2, 0, 0), 0); !errors.Is(err, pki.ErrSigner) || outcome.From(refused(err)).Kind != outcome.Wait {
		t.Errorf("an expired CA: %v", err)
	}
	_ = k
}

// Entries go when a list issued beyond their certificate's end has had them.
func TestSigningAnewDropsWhatHasExpired(t *testing.T) {
	k, _ := kept(t, known{current: authority{}.signer(t)}, now, 1)
	for _, step := range []struct {
		at   time.Duration
		want int
	}{{25 * day, 1}, {31 * day, 1}, {40 * day, 0}} {
		if k, _ = kept(t, k, now.Add(step.at)); len(stored(t, k, k.current).Entries) != step.want {
			t.Errorf("after %v: %d entries", step.at, len(stored(t, k, k.current).Entries))
		}
	}
}

func TestListsFitTheirSecretTogether(t *testing.T) {
	former, current := authority{}.signer(t), authority{}.signer(t)
	k, _ := kept(t, known{current: former}, now)
	full := &pki.CRL{Number: big.NewInt(now.Unix() + 1), ThisUpdate: now, NextUpdate: now.Add(day)}
	for i := range int64(15000) {
		serial := new(big.Int).Lsh(big.NewInt(0x80), 120)
		full.Entries = append(full.Entries, pki.CRLEntry{Serial: serial.Add(serial, big.NewInt(i)), RevokedAt: now, NotAfter: now.Add(300 * day)})
	}
	k.current = current
	k, l := kept(t, k, now)
	if err := l.lines[idOf(t, former)].sign(full); err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.data(); err != nil {
		t.Fatalf("one long list and one short: %v", err)
	}
	full.Number = big.NewInt(now.Unix() + 2)
	if err := l.lines[l.current].sign(full); err != nil {
		t.Fatal(err)
	}
	_, _, err := l.data()
	if !errors.Is(err, pki.ErrRefused) || !strings.Contains(err.Error(), "not fit into their Secret") {
		t.Errorf("two long lists: %v", err)
	}
}
