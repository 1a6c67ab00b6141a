package pki_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/certwright/certwright/internal/pki"
	"github.com/google/go-cmp/cmp"
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

func TestSignChain(t *testing.T) {
	h := newHierarchy(t)
	request := mustRequest(t, pki.RequestSpec{CommonName: "a", Key: ecSpec}, ecKey())
	ca := func(certs ...*x509.Certificate) []byte { return pemOf(certs...) }
	stranger := newRoot(t, "stranger").cert
	tests := []struct {
		name    string
		cert    []byte
		ca      []byte
		chain   []string
		topmost *x509.Certificate
	}{
		{"alone", ca(h.lower.cert), nil, []string{"a", "lower"}, h.lower.cert},
		{"without root", ca(h.lower.cert, h.upper.cert), nil, []string{"a", "lower", "upper"}, h.upper.cert},
		{"with root", ca(h.lower.cert, h.upper.cert, h.root.cert), nil, []string{"a", "lower", "upper"}, h.root.cert},
		{"root in the bundle", ca(h.lower.cert, h.upper.cert), ca(stranger, h.root.cert), []string{"a", "lower", "upper"}, h.root.cert},
		{"all above in the bundle", ca(h.lower.cert), ca(h.root.cert, stranger, h.upper.cert), []string{"a", "lower", "upper"}, h.root.cert},
		{"nothing useful in the bundle", ca(h.lower.cert), ca(stranger), []string{"a", "lower"}, h.lower.cert},
		{"empty bundle", ca(h.lower.cert), []byte("\n"), []string{"a", "lower"}, h.lower.cert},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			signer, err := pki.ParseSigner(test.cert, h.lower.keyPEM(t), test.ca)
			if err != nil {
				t.Fatal(err)
			}
			issued := mustSign(t, signer, request, pki.Template{})
			if diff := cmp.Diff(test.chain, subjects(issued.Chain)); diff != "" {
				t.Errorf("chain (-want +got):\n%s", diff)
			}
			if !issued.CA.Equal(test.topmost) {
				t.Errorf("CA is %s", issued.CA.Subject)
			}
		})
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

func TestSignRefuses(t *testing.T) {
	plain := mustRequest(t, pki.RequestSpec{DNSNames: []string{"a.example"}, CommonName: "a.example", Key: ecSpec}, ecKey())
	asLeaf := mustRequest(t, pki.RequestSpec{CommonName: "a", EncodeUsages: true, Key: ecSpec}, ecKey())
	constrained := mustRequest(t, caSpec(), ecKey())
	empty := func() *pki.Request {
		der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, ecKey())
		if err != nil {
			t.Fatal(err)
		}
		request, err := pki.ParseRequest(block("CERTIFICATE REQUEST", der))
		if err != nil {
			t.Fatal(err)
		}
		return request
	}()
	root := newRoot(t, "root")
	narrow := newRoot(t, "narrow", func(c *x509.Certificate) {
		c.PermittedDNSDomainsCritical = true
		c.PermittedDNSDomains = []string{"other.example"}
	})
	below := narrow.issueCA(t, "below")
	lastCA := newRoot(t, "last", func(c *x509.Certificate) { c.MaxPathLenZero = true })
	oneBelow := newRoot(t, "one", func(c *x509.Certificate) { c.MaxPathLen = 1 })
	lastButOne := oneBelow.issueCA(t, "last but one")
	servers := newRoot(t, "servers", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
	foreign := newRoot(t, "foreign", func(c *x509.Certificate) { c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{1, 2, 3}} })
	expired := newRoot(t, "expired", func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Second) })
	belowExpired := expired.issueCA(t, "below expired")
	future := newRoot(t, "future", func(c *x509.Certificate) { c.NotBefore = now.Add(time.Second) })
	client := pki.Template{Usages: []pki.Usage{pki.UsageServerAuth, pki.UsageClientAuth}}
	tests := []struct {
		name    string
		signer  *pki.Signer
		request *pki.Request
		tmpl    pki.Template
		want    error
		says    string
	}{
		{"expired", expired.signer(t), plain, pki.Template{}, pki.ErrSigner, "the CA certificate expired at 2026-11-23T11:59:59Z"},
		{"expired above", belowExpired.signer(t, expired), plain, pki.Template{}, pki.ErrSigner, "certificate 1 of the CA's chain expired"},
		{"not yet valid", future.signer(t), plain, pki.Template{}, pki.ErrSigner, "not valid before 2026-11-23T12:00:01Z"},
		{"name constraints", narrow.signer(t), plain, pki.Template{}, pki.ErrRefused, "a.example"},
		{"name constraints above", below.signer(t, narrow), plain, pki.Template{}, pki.ErrRefused, "a.example"},
		{"path length", lastCA.signer(t), plain, pki.Template{IsCA: true}, pki.ErrRefused, "path length 0 of certificate 0"},
		{"path length above", lastButOne.signer(t, oneBelow), plain, pki.Template{IsCA: true}, pki.ErrRefused, "path length 1 of certificate 1"},
		{"extended key usage", servers.signer(t), plain, client, pki.ErrRefused, `usage "client auth"`},
		{"foreign extended key usage", foreign.signer(t), plain, client, pki.ErrRefused, `usage "server auth"`},
		{"disagreeing usages", root.signer(t), asLeaf, client, pki.ErrRefused, "usages"},
		{"disagreeing CA", root.signer(t), constrained, pki.Template{}, pki.ErrRefused, "isCA"},
		{"neither subject nor name", root.signer(t), empty, pki.Template{}, pki.ErrRefused, "neither a subject"},
		{"negative duration", root.signer(t), plain, pki.Template{Duration: -time.Hour}, pki.ErrRefused, "duration"},
		{"duration too short", root.signer(t), plain, pki.Template{Duration: time.Millisecond}, pki.ErrRefused, "duration"},
		{"unknown usage", root.signer(t), plain, pki.Template{Usages: []pki.Usage{"x"}}, pki.ErrRefused, `usages[0]: "x"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			issued, err := test.signer.Sign(test.request, test.tmpl, now)
			wantError(t, err, test.says)
			if !errors.Is(err, test.want) {
				t.Errorf("%v does not wrap %v", err, test.want)
			}
			if issued.Chain != nil {
				t.Error("a certificate came with the error")
			}
		})
	}
	// What those signers may do they do.
	for _, signer := range []*pki.Signer{lastCA.signer(t), lastButOne.signer(t, oneBelow)} {
		mustSign(t, signer, plain, pki.Template{})
	}
	mustSign(t, oneBelow.signer(t), plain, pki.Template{IsCA: true})
	mustSign(t, servers.signer(t), plain, pki.Template{Usages: []pki.Usage{pki.UsageServerAuth}})
	allowed := mustRequest(t, pki.RequestSpec{DNSNames: []string{"a.other.example"}, Key: ecSpec}, ecKey())
	mustSign(t, below.signer(t, narrow), allowed, pki.Template{})
}

// Constraints without basic constraints in the request: the issuer decides, and
// only a CA may have them.
func TestSignRefusesConstraintsOnALeaf(t *testing.T) {
	request := rawRequest(t, pkix.Extension{
		Id: asn1.ObjectIdentifier{2, 5, 29, 30}, Critical: true, Value: []byte{0x30, 7, 0xa0, 5, 0x30, 3, 0x82, 1, 'a'},
	})
	signer := newRoot(t, "root").signer(t)
	_, err := signer.Sign(request, pki.Template{}, now)
	wantError(t, err, "only a CA can have name constraints")
	mustSign(t, signer, request, pki.Template{IsCA: true})
}

func TestParseSignerRefuses(t *testing.T) {
	root := newRoot(t, "root")
	h := newHierarchy(t)
	leafCert := root.issueLeaf(t, root.key)
	noSign := newRoot(t, "no sign", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign })
	noUsage := newRoot(t, "no usage", func(c *x509.Certificate) { c.KeyUsage = 0 })
	tests := []struct {
		name          string
		cert, key, ca []byte
		want          error
		says          string
	}{
		{"leaf", pemOf(leafCert), root.keyPEM(t), nil, pki.ErrSigner, "not that of a CA"},
		{"no cert sign", pemOf(noSign.cert), noSign.keyPEM(t), nil, pki.ErrSigner, "cert sign"},
		{"another key", pemOf(root.cert), h.root.keyPEM(t), nil, pki.ErrKeyMismatch, "not for this private key"},
		{"no key", pemOf(root.cert), nil, nil, pki.ErrInvalidKey, ""},
		{"no certificate", nil, root.keyPEM(t), nil, pki.ErrInvalidCertificate, ""},
		{"broken chain", pemOf(h.lower.cert, h.root.cert), h.lower.keyPEM(t), nil, pki.ErrChain, ""},
		{"unreadable bundle", pemOf(root.cert), root.keyPEM(t), []byte("x"), pki.ErrInvalidCertificate, "CA bundle"},
		{"key in the bundle", pemOf(root.cert), root.keyPEM(t), root.keyPEM(t), pki.ErrInvalidCertificate, "private key among"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := pki.ParseSigner(test.cert, test.key, test.ca)
			wantError(t, err, test.says)
			if !errors.Is(err, test.want) {
				t.Errorf("%v does not wrap %v", err, test.want)
			}
		})
	}
	if _, err := pki.ParseSigner(pemOf(noUsage.cert), noUsage.keyPEM(t), nil); err != nil {
		t.Errorf("a CA without any key usage: %v", err)
	}
}

func TestSelfSign(t *testing.T) {
	spec := caSpec()
	request := mustRequest(t, spec, ecKey())
	chain, err := pki.SelfSign(request, ecKey(), pki.Template{Duration: time.Hour, Usages: spec.Usages, IsCA: true}, now)
	if err != nil {
		t.Fatal(err)
	}
	cert := chain.Leaf()
	if len(chain) != 1 || chain.Root() != cert || !bytes.Equal(cert.RawSubject, request.RawSubject) {
		t.Error("not one self-signed certificate with the request's subject")
	}
	if !cert.IsCA || !cert.NotAfter.Equal(now.Add(time.Hour)) || len(cert.SubjectKeyId) != 20 {
		t.Error("template is not obeyed")
	}
	// It works as a CA at once.
	signer, err := pki.ParseSigner(chain.PEM(), mustEncode(t, ecKey()), nil)
	if err != nil {
		t.Fatal(err)
	}
	inside := mustRequest(t, pki.RequestSpec{URIs: []string{"https://a.example.com/"}, Key: ecSpec}, edKey())
	mustSign(t, signer, inside, pki.Template{Usages: []pki.Usage{pki.UsageServerAuth}})
}

func TestSelfSignRefuses(t *testing.T) {
	request := mustRequest(t, pki.RequestSpec{CommonName: "a", EncodeUsages: true, Key: ecSpec}, ecKey())
	_, err := pki.SelfSign(request, edKey(), pki.Template{}, now)
	if !errors.Is(err, pki.ErrKeyMismatch) {
		t.Errorf("another key: %v", err)
	}
	_, err = pki.SelfSign(request, nil, pki.Template{}, now)
	if !errors.Is(err, pki.ErrInvalidKey) {
		t.Errorf("no key: %v", err)
	}
	_, err = pki.SelfSign(request, ecKey(), pki.Template{Usages: []pki.Usage{pki.UsageAny}}, now)
	if !errors.Is(err, pki.ErrRefused) {
		t.Errorf("other usages: %v", err)
	}
}

// An empty subject is the caller's to refuse or to warn about.
func TestSelfSignWithEmptySubject(t *testing.T) {
	request := mustRequest(t, pki.RequestSpec{DNSNames: []string{"a.example"}, Key: ecSpec}, ecKey())
	if !request.EmptySubject() {
		t.Fatal("subject is not empty")
	}
	if _, err := pki.SelfSign(request, ecKey(), pki.Template{}, now); err != nil {
		t.Error(err)
	}
}

func TestEveryKeySigns(t *testing.T) {
	for _, key := range []struct {
		name   string
		signer authority
	}{
		{"RSA", authority{key: rsaKey()}}, {"ECDSA", authority{key: ecKey()}}, {"Ed25519", authority{key: edKey()}},
	} {
		t.Run(key.name, func(t *testing.T) {
			ca := key.signer
			ca.cert = authority{}.sign(t, &x509.Certificate{
				SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, NotBefore: now, NotAfter: now.AddDate(1, 0, 0),
				BasicConstraintsValid: true, IsCA: true,
			}, ca.key)
			request := mustRequest(t, pki.RequestSpec{DNSNames: []string{"a.example"}, Key: ecSpec}, ecKey())
			mustSign(t, ca.signer(t), request, pki.Template{})
		})
	}
}

func TestTemporaryCertificate(t *testing.T) {
	for name, spec := range map[string]pki.RequestSpec{
		"fields":  caSpec(),
		"literal": {LiteralSubject: "CN=a,O=b\n", DNSNames: []string{"a.example"}, Usages: []pki.Usage{pki.UsageCertSign, pki.UsageServerAuth}, IsCA: true, Key: ecSpec},
	} {
		t.Run(name, func(t *testing.T) {
			chain, err := pki.TemporaryCertificate(spec, ecKey(), now)
			if err != nil {
				t.Fatal(err)
			}
			cert := chain.Leaf()
			if len(chain) != 1 || cert.Issuer.CommonName != "certwright.local" || cert.Subject.SerialNumber != "1234567890" {
				t.Errorf("chain of %d, issuer %s, subject %s", len(chain), cert.Issuer, cert.Subject)
			}
			if cert.IsCA || cert.KeyUsage&x509.KeyUsageCertSign != 0 || len(cert.PermittedDNSDomains) != 0 {
				t.Error("a temporary certificate must not be a CA")
			}
			if !slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageServerAuth) {
				t.Error("usages lost")
			}
			if got := pki.DiffCertificate(cert, spec); got != nil {
				t.Errorf("names differ in %v", got)
			}
			if !pki.PublicKeysEqual(cert.PublicKey, ecKey().Public()) {
				t.Error("not for our key")
			}
			if cert.NotBefore.After(now) || !cert.NotAfter.After(now) {
				t.Error("not valid now")
			}
		})
	}
	_, err := pki.TemporaryCertificate(pki.RequestSpec{DNSNames: []string{"a."}}, ecKey(), now)
	wantError(t, err, "dnsNames[0]")
	_, err = pki.TemporaryCertificate(caSpec(), nil, now)
	wantError(t, err, "no key")
}

// Two temporary certificates have nothing but the name of their CA in common.
func TestTemporaryCertificateForgetsItsCA(t *testing.T) {
	first, err := pki.TemporaryCertificate(caSpec(), ecKey(), now)
	if err != nil {
		t.Fatal(err)
	}
	second, err := pki.TemporaryCertificate(caSpec(), ecKey(), now)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(first.Leaf().AuthorityKeyId, second.Leaf().AuthorityKeyId) {
		t.Error("one CA key signed both")
	}
}

// Errors reach status conditions, where a text that changes each time would
// cause a write each time.
func TestErrorsAreStable(t *testing.T) {
	narrow := newRoot(t, "narrow", func(c *x509.Certificate) {
		c.PermittedDNSDomainsCritical = true
		c.PermittedDNSDomains = []string{"other.example"}
	}).signer(t)
	request := mustRequest(t, pki.RequestSpec{DNSNames: []string{"a.example"}, Key: ecSpec}, ecKey())
	_, first := narrow.Sign(request, pki.Template{}, now)
	_, second := narrow.Sign(request, pki.Template{}, now.Add(time.Minute))
	if first.Error() != second.Error() || strings.Contains(first.Error(), "2026") {
		t.Errorf("%q, then %q", first, second)
	}
}
