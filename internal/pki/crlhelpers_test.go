package pki_test

import (
	"crypto/x509"
	"math/big"
	mathrand "math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/internal/pki"
)

const day = 24 * time.Hour

var compareCRLs = cmp.Options{
	cmp.Comparer(func(a, b *big.Int) bool { return a == nil && b == nil || a != nil && b != nil && a.Cmp(b) == 0 }),
	cmp.Comparer(time.Time.Equal),
}

func signsLists(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCRLSign }

func entry(serial int64, at time.Time, reason pki.RevocationReason) pki.CRLEntry {
	return pki.CRLEntry{Serial: big.NewInt(serial), RevokedAt: at, Reason: reason}
}

func mustAdd(t testing.TB, list *pki.CRL, entries ...pki.CRLEntry) {
	t.Helper()
	for _, e := range entries {
		if _, err := list.Add(e); err != nil {
			t.Fatal(err)
		}
	}
}

func mustSignCRL(t testing.TB, list *pki.CRL, signer *pki.Signer) []byte {
	t.Helper()
	der, err := list.Sign(signer)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func stdCRL(t testing.TB, der []byte) *x509.RevocationList {
	t.Helper()
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// randomCRL is a list with many entries, added in any order.
func randomCRL(t *testing.T, random *mathrand.Rand, entries int) *pki.CRL {
	t.Helper()
	list := pki.NewCRL(now.Add(time.Duration(random.IntN(1000))*time.Second), time.Duration(1+random.IntN(100))*time.Hour)
	reasons := []pki.RevocationReason{0, 1, 2, 3, 4, 5, 9, 10}
	for range entries {
		octets := make([]byte, random.IntN(pki.MaxSerialOctets+1))
		for i := range octets {
			octets[i] = byte(random.IntN(256))
		}
		mustAdd(t, list, pki.CRLEntry{
			Serial:    new(big.Int).SetBytes(octets),
			RevokedAt: now.Add(-time.Duration(random.Int64N(int64(80 * 365 * day)))),
			Reason:    reasons[random.IntN(len(reasons))],
		})
	}
	return list
}

func writeFile(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
