package issued_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"math/big"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certwright/certwright/api"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/issued"
	"github.com/certwright/certwright/internal/pki"
)

var (
	names = api.DefaultNames()
	now   = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	key   = issued.Key("0123456789abcdef0123456789abcdef")
	web   = types.NamespacedName{Namespace: "shop", Name: "web"}
)

// leaf is a certificate with a serial number that expires: the same each time, as fuzzing needs it.
func leaf(tb testing.TB, serial int64, notAfter time.Time) *x509.Certificate {
	tb.Helper()
	signer := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotBefore: now.Add(-time.Hour), NotAfter: notAfter, DNSNames: []string{"web.example.test"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
	if err != nil {
		tb.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return parsed
}

func record(tb testing.TB, serial int64, change ...func(*issued.Record)) *issued.Record {
	tb.Helper()
	r := &issued.Record{
		Certificate: web, Issuer: v1.IssuerRef{Name: "acme", Kind: v1.ClusterIssuerKind, Group: names.Group},
		Account: "https://ca.test/account/1", Leaf: leaf(tb, serial, now.Add(24*time.Hour)),
	}
	for _, f := range change {
		f(r)
	}
	return r
}

// target is the Secret that a record is stored in.
func target(r *issued.Record, note string) *corev1.Secret {
	keys := names.Annotation
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: r.Certificate.Namespace, Name: "web-tls", Annotations: map[string]string{
			keys.CertificateName: r.Certificate.Name, keys.Issued: note,
			keys.IssuerName: r.Issuer.Name, keys.IssuerKind: r.Issuer.Kind, keys.IssuerGroup: r.Issuer.Group,
		}},
		Data: map[string][]byte{corev1.TLSCertKey: pki.Chain{r.Leaf}.PEM()},
	}
}

func TestFromSecretReadsWhatNoteWrote(t *testing.T) {
	r := record(t, 7)
	got := key.FromSecret(names, target(r, key.Note(r)))
	if got == nil || got.Certificate != web || got.Issuer != r.Issuer || got.Account != r.Account || !got.Leaf.Equal(r.Leaf) {
		t.Fatalf("got %+v, want %+v", got, r)
	}
}

func TestFromSecretTakesNothingThatWasChangedOrMoved(t *testing.T) {
	r := record(t, 7)
	keys := names.Annotation
	for name, change := range map[string]func(*corev1.Secret){
		"another namespace":   func(s *corev1.Secret) { s.Namespace = "other" },
		"another Certificate": func(s *corev1.Secret) { s.Annotations[keys.CertificateName] = "other" },
		"another issuer":      func(s *corev1.Secret) { s.Annotations[keys.IssuerName] = "other" },
		"another issuer kind": func(s *corev1.Secret) { s.Annotations[keys.IssuerKind] = v1.IssuerKind },
		"another certificate": func(s *corev1.Secret) { s.Data[corev1.TLSCertKey] = pki.Chain{record(t, 8).Leaf}.PEM() },
		"another account": func(s *corev1.Secret) {
			other := *r
			other.Account = "https://ca.test/account/2"
			s.Annotations[keys.Issued] = fmt.Sprintf(`{"account":%q,"seal":%q}`, r.Account, key.Seal(&other))
		},
		"no certificate": func(s *corev1.Secret) { s.Data = nil },
		"no note":        func(s *corev1.Secret) { delete(s.Annotations, keys.Issued) },
		"another key's seal": func(s *corev1.Secret) {
			s.Annotations[keys.Issued] = issued.Key("fedcba9876543210fedcba9876543210").Note(r)
		},
		"nonsense": func(s *corev1.Secret) { s.Annotations[keys.Issued] = "{" },
	} {
		t.Run(name, func(t *testing.T) {
			secret := target(r, key.Note(r))
			change(secret)
			if got := key.FromSecret(names, secret); got != nil {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// Fields must not run into each other: what ends one could begin the next.
func TestSealsOfShiftedFieldsDiffer(t *testing.T) {
	r := record(t, 7)
	a, b := *r, *r
	a.Certificate, b.Certificate = types.NamespacedName{Namespace: "ab", Name: "c"}, types.NamespacedName{Namespace: "a", Name: "bc"}
	if key.Verify(&b, key.Seal(&a)) {
		t.Error("a seal is good for other fields")
	}
}

func TestAKeyOfAnotherLengthVerifiesNothing(t *testing.T) {
	r, short := record(t, 7), issued.Key("short")
	if short.Verify(r, short.Seal(r)) || issued.Key(nil).Verify(r, issued.Key(nil).Seal(r)) {
		t.Error("a key that is none verifies its own seals")
	}
}

func TestKeptGivesBackWhatWasAddedOnce(t *testing.T) {
	kept, r := issued.Kept{}, record(t, 7)
	if changed, dropped := kept.Add(key, r, now); !changed || dropped != 0 {
		t.Fatalf("changed %v, dropped %d", changed, dropped)
	}
	if changed, _ := kept.Add(key, r, now); changed {
		t.Error("adding the same again changes something")
	}
	got := kept.Records(key, web)
	if len(got) != 1 || got[0].Fingerprint() != r.Fingerprint() || got[0].Account != r.Account || got[0].Issuer != r.Issuer {
		t.Errorf("got %+v", got)
	}
	if got := kept.Records(key, types.NamespacedName{Namespace: "other", Name: "web"}); len(got) != 0 {
		t.Error("the records are good for another namespace")
	}
}

func TestPruneDropsWhatExpiredAndSaysWhenToLookAgain(t *testing.T) {
	first := record(t, 1, func(r *issued.Record) { r.Leaf = leaf(t, 1, now.Add(time.Hour)) })
	second := record(t, 2, func(r *issued.Record) { r.Leaf = leaf(t, 2, now.Add(2*time.Hour)) })
	kept := issued.Kept{"account-key": []byte("stays"), "broken.json": []byte("{")}
	kept.Add(key, first, now)
	kept.Add(key, second, now)
	if _, next := kept.Prune(now); !next.Equal(first.Leaf.NotAfter) {
		t.Errorf("looks again at %s, want %s", next, first.Leaf.NotAfter)
	}
	changed, next := kept.Prune(now.Add(time.Hour))
	if !changed || !next.Equal(second.Leaf.NotAfter) || kept.Len() != 1 {
		t.Errorf("changed %v, next %s, %d entries", changed, next, kept.Len())
	}
	if changed, next = kept.Prune(now.Add(2 * time.Hour)); !changed || !next.IsZero() || len(kept) != 1 {
		t.Errorf("changed %v, next %s, left %v", changed, next, kept)
	}
	if changed, _ = kept.Prune(now.Add(2 * time.Hour)); changed {
		t.Error("pruning again changes something")
	}
}

func TestAddMakesRoomByWhatExpiresFirst(t *testing.T) {
	kept := issued.Kept{}
	template := record(t, 1).Leaf
	dropped := 0
	for i := range 60 {
		// Certificates of 32 KiB, so that the size counts before the number does.
		r := &issued.Record{Certificate: web, Leaf: &x509.Certificate{
			SerialNumber: big.NewInt(int64(i)), NotAfter: now.Add(time.Duration(i+1) * time.Minute),
			Raw: append(make([]byte, 32<<10), template.Raw[:i%100+1]...),
		}}
		r.Leaf.Raw[0], r.Leaf.Raw[1] = byte(i), byte(i>>8)
		_, n := kept.Add(key, r, now)
		dropped += n
	}
	size := 0
	for _, data := range kept {
		size += len(data)
	}
	if dropped == 0 || kept.Len()+dropped != 60 || size > 1<<20 {
		t.Fatalf("%d entries of %d bytes, %d dropped", kept.Len(), size, dropped)
	}
	if _, next := kept.Prune(now); !next.Equal(now.Add(time.Duration(dropped+1) * time.Minute)) {
		t.Errorf("the first to expire is at %s: not those that expire first were dropped", next)
	}
}

// Anybody who may write Secrets of the namespace can write this.
func FuzzKept(f *testing.F) {
	kept := issued.Kept{}
	r := record(f, 7)
	kept.Add(key, r, now)
	for _, data := range kept {
		f.Add(data)
	}
	f.Add([]byte(`{"notAfter":"2026-03-02T00:00:00Z"}`))
	good := r.Fingerprint()
	f.Fuzz(func(t *testing.T, data []byte) {
		kept := issued.Kept{"entry.json": data}
		for _, got := range kept.Records(key, web) {
			if got.Fingerprint() != good {
				t.Errorf("took %x for a record", got.Leaf.Raw)
			}
		}
		kept.Prune(now)
	})
}

func FuzzNote(f *testing.F) {
	r := record(f, 7)
	f.Add(key.Note(r))
	f.Add(`{"seal":"AAAA"}`)
	f.Fuzz(func(t *testing.T, note string) {
		if got := key.FromSecret(names, target(r, note)); got != nil && got.Account != r.Account {
			t.Errorf("took %q for a note", note)
		}
	})
}
