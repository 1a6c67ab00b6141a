package pki_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"testing"

	"github.com/certwright/certwright/internal/pki"
)

var leafSpec = pki.RequestSpec{
	CommonName: "a.example", DNSNames: []string{"a.example", "b.example"},
	EncodeUsages: true, Usages: []pki.Usage{pki.UsageServerAuth, pki.UsageDigitalSignature}, Key: ecSpec,
}

// BenchmarkFloor is what no way of issuing an ECDSA leaf can avoid: a key, and
// the signatures of the request and the certificate.
func BenchmarkFloor(b *testing.B) {
	digest := sha256.Sum256([]byte("x"))
	for b.Loop() {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		for range 2 {
			if _, err := ecdsa.SignASN1(rand.Reader, key, digest[:]); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkSign is one signature by a CA, the request at hand.
func BenchmarkSign(b *testing.B) {
	signer := newRoot(b, "root").signer(b)
	request := mustRequest(b, leafSpec, ecKey())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := signer.Sign(request, pki.Template{Usages: leafSpec.Usages}, now); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkIssue is the whole way from a spec to a verified chain.
func BenchmarkIssue(b *testing.B) {
	signer := newRoot(b, "root").signer(b)
	b.ReportAllocs()
	for b.Loop() {
		key := mustGenerate(ecSpec)
		issue(b, signer, key)
	}
}

func issue(b *testing.B, signer *pki.Signer, key crypto.Signer) {
	b.Helper()
	requestPEM, err := pki.CreateRequest(leafSpec, key)
	if err != nil {
		b.Fatal(err)
	}
	request, err := pki.ParseRequest(requestPEM)
	if err != nil {
		b.Fatal(err)
	}
	issued, err := signer.Sign(request, pki.Template{Usages: leafSpec.Usages}, now)
	if err != nil {
		b.Fatal(err)
	}
	if err := pki.VerifyIssued(issued.Chain, key.Public(), leafSpec, now); err != nil {
		b.Fatal(err)
	}
}
