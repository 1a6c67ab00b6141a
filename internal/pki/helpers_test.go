package pki_test

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/certwright/certwright/internal/pki"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// ecKey and edKey are shared: nothing in these tests depends on whose key it is.
var (
	ecKey = sync.OnceValue(func() crypto.Signer { return mustGenerate(pki.KeySpec{Algorithm: pki.ECDSA}) })
	edKey = sync.OnceValue(func() crypto.Signer { return mustGenerate(pki.KeySpec{Algorithm: pki.Ed25519}) })
	// rsaKey is the default key of the API.
	rsaKey = sync.OnceValue(func() crypto.Signer { return mustGenerate(pki.KeySpec{}) })
)

func mustGenerate(spec pki.KeySpec) crypto.Signer {
	key, err := pki.GenerateKey(spec)
	if err != nil {
		panic(err)
	}
	return key
}

// authority is a CA made with crypto/x509 alone, so that the package under test
// is judged by certificates it did not make.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func newRoot(t testing.TB, name string, change ...func(*x509.Certificate)) authority {
	t.Helper()
	return authority{}.issueCA(t, name, change...)
}

// issueCA makes a CA below a, or a root if a is empty.
func (a authority) issueCA(t testing.TB, name string, change ...func(*x509.Certificate)) authority {
	t.Helper()
	key := mustGenerate(pki.KeySpec{Algorithm: pki.ECDSA})
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.AddDate(10, 0, 0),
		KeyUsage:              x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	return authority{cert: a.sign(t, template, key, change...), key: key}
}

// issueLeaf makes a server certificate below a for the key.
func (a authority) issueLeaf(t testing.TB, key crypto.Signer, change ...func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2),
		Subject:      pkix.Name{CommonName: "leaf"},
		DNSNames:     []string{"leaf.example.com"},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(time.Hour),
	}
	return a.sign(t, template, key, change...)
}

func (a authority) sign(t testing.TB, template *x509.Certificate, key crypto.Signer, change ...func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	for _, c := range change {
		c(template)
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func (a authority) keyPEM(t testing.TB) []byte {
	t.Helper()
	return mustEncode(t, a.key)
}

// signer returns the authority as the package reads it from a Secret. The
// chain above it, if any, goes into the certificate file.
func (a authority) signer(t testing.TB, above ...authority) *pki.Signer {
	t.Helper()
	chain := pki.Chain{a.cert}
	for _, up := range above {
		chain = append(chain, up.cert)
	}
	signer, err := pki.ParseSigner(chain.PEM(), a.keyPEM(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func mustEncode(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	out, err := pki.EncodePrivateKey(key, pki.PKCS8)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func mustRequest(t testing.TB, spec pki.RequestSpec, key crypto.Signer) *pki.Request {
	t.Helper()
	out, err := pki.CreateRequest(spec, key)
	if err != nil {
		t.Fatal(err)
	}
	request, err := pki.ParseRequest(out)
	if err != nil {
		t.Fatal(err)
	}
	return request
}

// stdRequest reads a request with crypto/x509 alone.
func stdRequest(t testing.TB, requestPEM []byte) *x509.CertificateRequest {
	t.Helper()
	block, rest := pem.Decode(requestPEM)
	if block == nil || len(rest) != 0 {
		t.Fatal("want exactly one PEM block")
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return csr
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// wantError checks that the error is there and says every one of the texts.
func wantError(t *testing.T, err error, texts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one that says %q", texts)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("error %q does not say %q", err, text)
		}
	}
}
