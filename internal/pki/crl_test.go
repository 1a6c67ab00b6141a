package pki_test

import (
	"errors"
	"math/big"
	mathrand "math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/internal/pki"
)

func TestCRLAdd(t *testing.T) {
	list := pki.NewCRL(now, 0)
	expires := now.Add(day)
	for _, step := range []struct {
		name    string
		entry   pki.CRLEntry
		changes bool
	}{
		{"new", entry(5, now, pki.ReasonSuperseded), true},
		{"again, later and graver", entry(5, now.Add(time.Hour), pki.ReasonKeyCompromise), false},
		{"again, earlier", entry(5, now.Add(-time.Hour), 0), false},
		{"again, with its expiry", pki.CRLEntry{Serial: big.NewInt(5), RevokedAt: now, NotAfter: expires}, true},
		{"again, with another expiry", pki.CRLEntry{Serial: big.NewInt(5), RevokedAt: now, NotAfter: expires.Add(day)}, false},
		{"lower", entry(-0, now.Add(time.Millisecond), pki.ReasonKeyCompromise), true},
	} {
		changed, err := list.Add(step.entry)
		if err != nil || changed != step.changes {
			t.Errorf("%s: changed %t, %v", step.name, changed, err)
		}
	}
	want := []pki.CRLEntry{
		{Serial: big.NewInt(0), RevokedAt: now, Reason: pki.ReasonKeyCompromise},
		{Serial: big.NewInt(5), RevokedAt: now, Reason: pki.ReasonSuperseded, NotAfter: expires},
	}
	if diff := cmp.Diff(want, list.Entries, compareCRLs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, ok := list.Entry(big.NewInt(5)); !ok || got.Reason != pki.ReasonSuperseded {
		t.Errorf("entry %v, %t", got, ok)
	}
	if _, ok := list.Entry(big.NewInt(4)); ok {
		t.Error("an entry of a certificate that was not revoked")
	}
	for name, refused := range map[string]pki.CRLEntry{
		"hold": entry(1, now, pki.ReasonCertificateHold), "the end of a hold": entry(5, now, pki.ReasonRemoveFromCRL),
		"no reason": entry(1, now, 7), "no time": entry(1, time.Time{}, 0), "no serial number": {RevokedAt: now},
		"a negative serial number": entry(-1, now, 0),
		"21 octets":                {Serial: new(big.Int).Lsh(big.NewInt(1), 160), RevokedAt: now},
	} {
		if _, err := list.Add(refused); !errors.Is(err, pki.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if diff := cmp.Diff(want, list.Entries, compareCRLs); diff != "" {
		t.Errorf("after refusals (-want +got):\n%s", diff)
	}
}

// RFC 5280 3.3: an entry goes only after a list issued beyond the certificate's
// validity had it.
func TestCRLNextDropsWhatHasBeenShownExpired(t *testing.T) {
	expiring := pki.CRLEntry{Serial: big.NewInt(1), RevokedAt: now, NotAfter: now.Add(day)}
	unknown := entry(2, now, 0)
	list := pki.NewCRL(now, 0)
	mustAdd(t, list, expiring, unknown)
	has := func(list *pki.CRL) bool { _, ok := list.Entry(expiring.Serial); return ok }

	atExpiry := list.Next(expiring.NotAfter, 0)
	if !has(atExpiry) {
		t.Error("gone when the certificate expires")
	}
	beyond := atExpiry.Next(expiring.NotAfter.Add(time.Second), 0)
	if !has(beyond) {
		t.Error("gone before a list issued beyond the validity had it")
	}
	after := beyond.Next(expiring.NotAfter.Add(time.Hour), 0)
	if has(after) {
		t.Error("still there after a list issued beyond the validity had it")
	}
	if diff := cmp.Diff([]pki.CRLEntry{unknown}, after.Entries, compareCRLs); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	if !has(list) {
		t.Error("the list before changed")
	}
}

func TestCRLNumberOnlyGrows(t *testing.T) {
	var list *pki.CRL
	last := new(big.Int)
	for _, at := range []time.Time{now, now, now.Add(-time.Hour), now.Add(time.Hour), now.Add(time.Hour)} {
		list = list.Next(at, day)
		if list.Number.Cmp(last) <= 0 {
			t.Errorf("number %v after %v", list.Number, last)
		}
		if !list.ThisUpdate.Equal(at) || !list.NextUpdate.Equal(at.Add(day)) {
			t.Errorf("from %v to %v", list.ThisUpdate, list.NextUpdate)
		}
		last = new(big.Int).Set(list.Number)
	}
	if lost := pki.NewCRL(now.Add(2*time.Hour), 0); lost.Number.Cmp(last) <= 0 {
		t.Errorf("number %v after the lists up to %v were lost", lost.Number, last)
	}
}

func TestCRLIsDueWithAThirdLeft(t *testing.T) {
	if due := pki.NewCRL(now, 0).Due(); !due.Equal(now.Add(7 * day * 2 / 3)) {
		t.Errorf("due at %v", due)
	}
	if due := pki.NewCRL(now, 3*time.Hour).Due(); !due.Equal(now.Add(2 * time.Hour)) {
		t.Errorf("due at %v", due)
	}
}

func TestMergeCRLs(t *testing.T) {
	ours, theirs := pki.NewCRL(now, 0), pki.NewCRL(now.Add(time.Minute), 0)
	mustAdd(t, ours, entry(1, now, pki.ReasonSuperseded), entry(2, now, pki.ReasonKeyCompromise), entry(3, now, 0))
	mustAdd(t, theirs, entry(2, now.Add(time.Hour), pki.ReasonSuperseded), entry(3, now, pki.ReasonSuperseded), entry(4, now, 0),
		pki.CRLEntry{Serial: big.NewInt(1), RevokedAt: now.Add(time.Hour), NotAfter: now.Add(day)})
	got := pki.MergeCRLs(ours, theirs)
	want := &pki.CRL{Number: theirs.Number, ThisUpdate: theirs.ThisUpdate, NextUpdate: theirs.NextUpdate, Entries: []pki.CRLEntry{
		{Serial: big.NewInt(1), RevokedAt: now, Reason: pki.ReasonSuperseded, NotAfter: now.Add(day)},
		entry(2, now, pki.ReasonKeyCompromise), entry(3, now, pki.ReasonSuperseded), entry(4, now, 0),
	}}
	if diff := cmp.Diff(want, got, compareCRLs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if pki.MergeCRLs(nil, ours) != ours || pki.MergeCRLs(ours, nil) != ours || pki.MergeCRLs(nil, nil) != nil {
		t.Error("a list changes when there is no other")
	}
}

// Two writers come to the same list whatever they saw first.
func TestMergeCRLsIsASemilattice(t *testing.T) {
	random := mathrand.New(mathrand.NewPCG(3, 4))
	list := func() *pki.CRL {
		out := pki.NewCRL(now.Add(time.Duration(random.IntN(3))*time.Second), time.Duration(1+random.IntN(2))*time.Hour)
		for range random.IntN(6) {
			e := entry(int64(random.IntN(5)), now.Add(time.Duration(random.IntN(3))*time.Second), pki.RevocationReason(random.IntN(3)))
			if random.IntN(2) == 0 {
				e.NotAfter = now.Add(time.Duration(random.IntN(3)) * time.Hour)
			}
			mustAdd(t, out, e)
		}
		return out
	}
	same := func(law string, a, b *pki.CRL) {
		t.Helper()
		if diff := cmp.Diff(a, b, compareCRLs); diff != "" {
			t.Fatalf("merging is not %s:\n%s", law, diff)
		}
	}
	for range 2000 {
		a, b, c := list(), list(), list()
		same("commutative", pki.MergeCRLs(a, b), pki.MergeCRLs(b, a))
		same("associative", pki.MergeCRLs(a, pki.MergeCRLs(b, c)), pki.MergeCRLs(pki.MergeCRLs(a, b), c))
		same("idempotent", pki.MergeCRLs(a, b), pki.MergeCRLs(pki.MergeCRLs(a, b), b))
		same("idempotent", a, pki.MergeCRLs(a, a))
	}
}

func TestRevocationReasons(t *testing.T) {
	for number := range pki.RevocationReason(12) {
		back, err := pki.ParseRevocationReason(number.String())
		if exists := number != 7 && number != 11; exists != (err == nil) || exists && back != number {
			t.Errorf("%d is %s, which is %d, %v", int(number), number, int(back), err)
		}
	}
	if reason, err := pki.ParseRevocationReason(""); err != nil || reason != pki.ReasonUnspecified {
		t.Errorf("no reason is %v, %v", reason, err)
	}
	if _, err := pki.ParseRevocationReason("KeyCompromise"); err == nil {
		t.Error("another spelling is a reason")
	}
}
