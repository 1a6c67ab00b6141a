package pki_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/internal/pki"
)

func mustSign(t testing.TB, signer *pki.Signer, request *pki.Request, tmpl pki.Template) pki.Issued {
	t.Helper()
	issued, err := signer.Sign(request, tmpl, now)
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

func TestSignLeaf(t *testing.T) {
	spec := caSpec()
	spec.IsCA, spec.NameConstraints = false, nil
	request := mustRequest(t, spec, ecKey())
	root := newRoot(t, "root")
	tmpl := pki.Template{
		Duration: 48*time.Hour + 500*time.Millisecond, Usages: spec.Usages,
		CRLDistributionPoints:  []string{"http://crl.example/a"},
		OCSPServers:            []string{"http://ocsp.example"},
		IssuingCertificateURLs: []string{"http://ca.example/a"},
	}
	issued, err := root.signer(t).Sign(request, tmpl, now.Add(700*time.Millisecond).In(time.FixedZone("X", 3600)))
	if err != nil {
		t.Fatal(err)
	}
	leaf := issued.Chain.Leaf()
	if len(issued.Chain) != 1 || !issued.CA.Equal(root.cert) || issued.Clamped {
		t.Errorf("chain of %d, clamped %t", len(issued.Chain), issued.Clamped)
	}
	if !leaf.NotBefore.Equal(now) || !leaf.NotAfter.Equal(now.Add(48*time.Hour)) {
		t.Errorf("valid from %s to %s", leaf.NotBefore, leaf.NotAfter)
	}
	if !bytes.Equal(leaf.RawSubject, request.RawSubject) {
		t.Error("the subject is not the request's byte for byte")
	}
	if err := leaf.CheckSignatureFrom(root.cert); err != nil {
		t.Error(err)
	}
	if leaf.IsCA || !leaf.BasicConstraintsValid || leaf.MaxPathLen != -1 {
		t.Error("basic constraints are not those of a leaf")
	}
	got := []any{leaf.DNSNames, leaf.EmailAddresses, uriTexts(leaf.URIs), leaf.IPAddresses,
		leaf.CRLDistributionPoints, leaf.OCSPServer, leaf.IssuingCertificateURL}
	want := []any{[]string{"ca.example.com", "*.example.com"}, spec.EmailAddresses, spec.URIs,
		[]net.IP{{10, 0, 0, 1}, net.ParseIP("2001:db8::1"), {10, 0, 0, 2}},
		tmpl.CRLDistributionPoints, tmpl.OCSPServers, tmpl.IssuingCertificateURLs}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names and URLs (-want +got):\n%s", diff)
	}
	if got := pki.DiffCertificate(leaf, spec); got != nil {
		t.Errorf("the certificate lacks names of the request (otherNames?): %v", got)
	}
	if err := pki.VerifyIssued(issued.Chain, ecKey().Public(), spec, now); err != nil {
		t.Error(err)
	}
}

func TestSignIdentifiers(t *testing.T) {
	withID := newRoot(t, "root", func(c *x509.Certificate) { c.SubjectKeyId = []byte("signer") })
	request := mustRequest(t, pki.RequestSpec{CommonName: "a", Key: ecSpec}, ecKey())
	leaf := mustSign(t, withID.signer(t), request, pki.Template{}).Chain.Leaf()
	if string(leaf.AuthorityKeyId) != "signer" {
		t.Errorf("authority key identifier %x is not the signer's", leaf.AuthorityKeyId)
	}
	if len(leaf.SubjectKeyId) != 20 {
		t.Errorf("subject key identifier has %d bytes, want 20", len(leaf.SubjectKeyId))
	}
	serials := make(map[string]bool)
	for range 32 {
		serial := mustSign(t, withID.signer(t), request, pki.Template{}).Chain.Leaf().SerialNumber
		serials[serial.String()] = true
		if serial.Sign() != 1 || serial.BitLen() != 128 {
			t.Errorf("serial number %s is not positive with 128 bits", serial)
		}
	}
	if len(serials) != 32 {
		t.Error("serial numbers repeat")
	}
}

// A leaf may carry the very name of its CA; it needs the CA's key identifier
// all the same, and the CA may have none in its certificate.
func TestSignKeepsAuthorityKeyID(t *testing.T) {
	root := authority{key: mustGenerate(ecSpec)}
	bare := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, NotBefore: now, NotAfter: now.Add(time.Hour),
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 19}, Critical: true, Value: []byte{0x30, 3, 1, 1, 0xff}}},
	}
	root.cert = authority{}.sign(t, bare, root.key)
	if len(root.cert.SubjectKeyId) != 0 || !root.cert.IsCA {
		t.Fatal("this test needs a CA without a key identifier")
	}
	leaf := mustSign(t, root.signer(t), mustRequest(t, pki.RequestSpec{CommonName: "root", Key: ecSpec}, ecKey()), pki.Template{}).Chain.Leaf()
	if len(leaf.AuthorityKeyId) != 20 {
		t.Errorf("authority key identifier has %d bytes, want 20", len(leaf.AuthorityKeyId))
	}
	if leaf.Subject.String() != leaf.Issuer.String() {
		t.Error("this test needs a leaf with the name of its CA")
	}
}

func TestSignClampsToTheChain(t *testing.T) {
	end := now.Add(10 * time.Hour)
	root := newRoot(t, "root", func(c *x509.Certificate) { c.NotAfter = end })
	lower := root.issueCA(t, "lower")
	request := mustRequest(t, pki.RequestSpec{CommonName: "a", Key: ecSpec}, ecKey())
	for duration, want := range map[time.Duration]bool{
		10*time.Hour + time.Second: true, 10 * time.Hour: false, time.Hour: false, 0: true,
	} {
		issued := mustSign(t, lower.signer(t, root), request, pki.Template{Duration: duration})
		if issued.Clamped != want || issued.Chain.Leaf().NotAfter.After(end) {
			t.Errorf("%s: clamped %t, ends %s", duration, issued.Clamped, issued.Chain.Leaf().NotAfter)
		}
		if want && !issued.Chain.Leaf().NotAfter.Equal(end) {
			t.Errorf("%s: ends %s, not with the chain", duration, issued.Chain.Leaf().NotAfter)
		}
	}
	// In its last second the CA still signs, for as long as it lives.
	issued, err := lower.signer(t, root).Sign(request, pki.Template{}, end)
	if err != nil || !issued.Chain.Leaf().NotAfter.Equal(end) {
		t.Errorf("in the last second: %v", err)
	}
}

func TestSignDefaults(t *testing.T) {
	issued := mustSign(t, newRoot(t, "root").signer(t), mustRequest(t, pki.RequestSpec{CommonName: "a", Key: ecSpec}, ecKey()), pki.Template{})
	leaf := issued.Chain.Leaf()
	if leaf.KeyUsage != x509.KeyUsageDigitalSignature|x509.KeyUsageKeyEncipherment || len(leaf.ExtKeyUsage) != 0 {
		t.Errorf("usages %v %v", leaf.KeyUsage, leaf.ExtKeyUsage)
	}
	if got := leaf.NotAfter.Sub(leaf.NotBefore); got != 90*24*time.Hour {
		t.Errorf("lives %s", got)
	}
}

func TestSignCA(t *testing.T) {
	spec := caSpec()
	spec.NameConstraints.Permitted.EmailAddresses = []string{"example.com"}
	request := mustRequest(t, spec, ecKey())
	issued := mustSign(t, newRoot(t, "root").signer(t), request, pki.Template{Usages: spec.Usages, IsCA: true})
	ca := issued.Chain.Leaf()
	if !ca.IsCA || ca.KeyUsage&x509.KeyUsageCertSign == 0 || ca.MaxPathLen != -1 {
		t.Error("not a CA certificate")
	}
	got := []any{ca.PermittedDNSDomainsCritical, ca.PermittedDNSDomains, cidrs(ca.PermittedIPRanges), ca.PermittedEmailAddresses, ca.PermittedURIDomains,
		ca.ExcludedDNSDomains, cidrs(ca.ExcludedIPRanges)}
	want := []any{true, []string{"example.com", ".example.org"}, []string{"10.0.0.0/8", "2001:db8::/33"}, []string{"example.com"}, []string{".example.com"},
		[]string{""}, []string{"0.0.0.0/0"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("name constraints (-want +got):\n%s", diff)
	}
	if len(ca.UnhandledCriticalExtensions) != 0 {
		t.Errorf("critical extensions nobody reads: %v", ca.UnhandledCriticalExtensions)
	}
}

func cidrs(nets []*net.IPNet) []string {
	var out []string
	for _, n := range nets {
		out = append(out, n.String())
	}
	return out
}

func TestSignKeepsPathLength(t *testing.T) {
	for _, length := range []byte{0, 3} {
		request := rawRequest(t, pkix.Extension{
			Id: asn1.ObjectIdentifier{2, 5, 29, 19}, Critical: true, Value: []byte{0x30, 6, 1, 1, 0xff, 2, 1, length},
		})
		issued := mustSign(t, newRoot(t, "root").signer(t), request, pki.Template{IsCA: true})
		if got := issued.Chain.Leaf().MaxPathLen; got != int(length) {
			t.Errorf("path length %d, want %d", got, length)
		}
	}
}

// rawRequest makes a request with extensions that CreateRequest would not.
func rawRequest(t testing.TB, extensions ...pkix.Extension) *pki.Request {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: pkix.Name{CommonName: "a"}, ExtraExtensions: extensions,
	}, ecKey())
	if err != nil {
		t.Fatal(err)
	}
	request, err := pki.ParseRequest(block("CERTIFICATE REQUEST", der))
	if err != nil {
		t.Fatal(err)
	}
	return request
}

func TestSignDropsOtherExtensions(t *testing.T) {
	request := rawRequest(t,
		pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24}, Value: []byte{0x30, 3, 2, 1, 5}},
		pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 14}, Value: []byte{4, 1, 'x'}},
		pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 32}, Critical: true, Value: []byte{0x30, 0}})
	leaf := mustSign(t, newRoot(t, "root").signer(t), request, pki.Template{}).Chain.Leaf()
	want := []string{"2.5.29.15 critical", "2.5.29.19 critical", "2.5.29.14", "2.5.29.35"}
	if diff := cmp.Diff(want, extensionNames(leaf.Extensions)); diff != "" {
		t.Errorf("extensions (-want +got):\n%s", diff)
	}
	if string(leaf.SubjectKeyId) == "x" {
		t.Error("the requester chose the subject key identifier")
	}
}

func TestSignNamesAreCriticalBesideAnEmptySubject(t *testing.T) {
	signer := newRoot(t, "root").signer(t)
	for _, spec := range []pki.RequestSpec{
		{DNSNames: []string{"a.example"}, Key: ecSpec},
		// crypto/x509 does not read otherNames and calls them unhandled.
		{OtherNames: []pki.OtherName{{OID: "1.2.3", UTF8Value: "x"}}, Key: ecSpec},
	} {
		leaf := mustSign(t, signer, mustRequest(t, spec, ecKey()), pki.Template{}).Chain.Leaf()
		if !slices.Contains(extensionNames(leaf.Extensions), "2.5.29.17 critical") {
			t.Error("names are not critical beside an empty subject")
		}
	}
	named := mustSign(t, signer, mustRequest(t, pki.RequestSpec{CommonName: "a", DNSNames: []string{"a"}, Key: ecSpec}, ecKey()), pki.Template{})
	if !slices.Contains(extensionNames(named.Chain.Leaf().Extensions), "2.5.29.17") {
		t.Error("names are critical beside a subject")
	}
}
