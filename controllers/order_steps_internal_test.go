package controllers

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/outcome"
)

// unreadable is a certificate that x509 refuses with an error that quotes a part of it.
func unreadable(t *testing.T, quoted string) *acme.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	// A uniformResourceIdentifier (RFC 5280 section 4.2.1.6) that is no URI.
	names, err := asn1.Marshal([]asn1.RawValue{{Tag: 6, Class: asn1.ClassContextSpecific, Bytes: []byte("https://" + quoted + "/%zz")}})
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour),
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: names}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &acme.Certificate{PEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// Text that a CA put into a certificate which cannot be read does not become the text of a status.
func TestUnreadableChainIsNotQuoted(t *testing.T) {
	const quoted = "text-of-another-server"
	_, err := parseChain(unreadable(t, quoted))
	failure := outcome.From(err)
	if failure == nil || failure.Kind != outcome.Terminal || strings.Contains(failure.Message, quoted) {
		t.Fatalf("failure %v", failure)
	}
	if failure.Err == nil || !strings.Contains(failure.Err.Error(), quoted) {
		t.Errorf("the cause %v is not what this is about", failure.Err)
	}
}
