package pki_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/internal/pki"
)

func TestParseRequestGivesTheSpecBack(t *testing.T) {
	spec := caSpec()
	request := mustRequest(t, spec, ecKey())
	got := pki.RequestSpec{
		Subject: request.Subject, CommonName: request.CommonName,
		DNSNames: request.DNSNames, IPAddresses: request.IPAddresses, URIs: request.URIs,
		EmailAddresses: request.EmailAddresses, OtherNames: request.OtherNames,
		Usages: request.Usages, IsCA: request.IsCA, NameConstraints: request.NameConstraints,
	}
	want := pki.RequestSpec{
		Subject: spec.Subject, CommonName: spec.CommonName,
		DNSNames:       []string{"ca.example.com", "*.example.com"},
		IPAddresses:    []string{"10.0.0.1", "2001:db8::1", "10.0.0.2"},
		URIs:           spec.URIs,
		EmailAddresses: spec.EmailAddresses,
		OtherNames:     spec.OtherNames,
		Usages: []pki.Usage{
			pki.UsageDigitalSignature, pki.UsageCertSign, pki.UsageDecipherOnly, pki.UsageServerAuth, pki.UsageEmailProtection,
		},
		IsCA: true,
		NameConstraints: &pki.NameConstraints{
			Critical: true,
			Permitted: pki.NameTrees{
				DNSDomains: []string{"example.com", ".example.org"}, IPRanges: []string{"10.0.0.0/8", "2001:db8::/33"},
				EmailAddresses: []string{"example.com", "a@example.com"}, URIDomains: []string{".example.com"},
			},
			Excluded: pki.NameTrees{DNSDomains: []string{""}, IPRanges: []string{"0.0.0.0/0"}},
		},
	}
	// A SET OF is sorted in DER, shorter elements first: the order of
	// organizations is not kept.
	want.Subject.Organizations = []string{"Örg", "Org 2"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	if !pki.PublicKeysEqual(request.PublicKey, ecKey().Public()) {
		t.Error("another public key came back")
	}
	if request.SignatureAlgorithm != x509.ECDSAWithSHA384 || request.EmptySubject() {
		t.Error("signature algorithm or subject lost")
	}
}

func TestParseRequestRefuses(t *testing.T) {
	good, err := pki.CreateRequest(pki.RequestSpec{DNSNames: []string{"a.example"}, Key: ecSpec}, ecKey())
	if err != nil {
		t.Fatal(err)
	}
	decoded, _ := pem.Decode(good)
	forged := slices.Clone(decoded.Bytes)
	forged[bytes.Index(forged, []byte("a.example"))] = 'b'
	with := func(extensions ...pkix.Extension) []byte {
		der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
			Subject: pkix.Name{CommonName: "a"}, ExtraExtensions: extensions,
		}, ecKey())
		if err != nil {
			t.Fatal(err)
		}
		return block("CERTIFICATE REQUEST", der)
	}
	san := func(tag int, compound bool, der []byte) []byte {
		value, err := asn1.Marshal([]asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: tag, IsCompound: compound, Bytes: der}})
		if err != nil {
			t.Fatal(err)
		}
		return with(pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: value})
	}
	extension := func(last int, value ...byte) []byte {
		return with(pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, last}, Value: value})
	}
	tests := []struct {
		name string
		in   []byte
		says string
	}{
		{"nothing", nil, "no PEM block"},
		{"too large", append(slices.Clone(good), bytes.Repeat([]byte{'\n'}, 64<<10)...), "larger than 65536"},
		{"two requests", slices.Concat(good, good), "more than 1"},
		{"certificate", block("CERTIFICATE", decoded.Bytes), "a CERTIFICATE block where a CERTIFICATE REQUEST block"},
		{"private key", block("PRIVATE KEY", decoded.Bytes), "a private key block"},
		{"bad DER", block("CERTIFICATE REQUEST", []byte("x")), "invalid certificate request"},
		{"forged", block("CERTIFICATE REQUEST", forged), "signature"},
		{"directory name", san(4, true, []byte{0x30, 0}), "directoryName are not supported"},
		{"registered ID", san(8, false, []byte{0x2a, 3}), "registeredID are not supported"},
		{"otherName without UTF8String", san(0, true, []byte{6, 2, 0x2a, 3, 0xa0, 3, 0x13, 1, 'a'}), "otherName are not supported"},
		{"otherName without anything", san(0, true, nil), "otherName are not supported"},
		{"otherName without a value", san(0, true, []byte{6, 2, 0x2a, 3}), "otherName are not supported"},
		{"otherName with an empty value", san(0, true, []byte{6, 2, 0x2a, 3, 0xa0, 0}), "otherName are not supported"},
		{"otherName with another tag", san(0, true, []byte{6, 2, 0x2a, 3, 0xa1, 3, 0x0c, 1, 'a'}), "otherName are not supported"},
		{"otherName with another class", san(0, true, []byte{6, 2, 0x2a, 3, 0x60, 3, 0x0c, 1, 'a'}), "otherName are not supported"},
		{"otherName with another class of text", san(0, true, []byte{6, 2, 0x2a, 3, 0xa0, 3, 0x8c, 1, 'a'}), "otherName are not supported"},
		{"otherName with data after its value", san(0, true, []byte{6, 2, 0x2a, 3, 0xa0, 3, 0x0c, 1, 'a', 5, 0}), "otherName are not supported"},
		{"otherName with data after its text", san(0, true, []byte{6, 2, 0x2a, 3, 0xa0, 5, 0x0c, 1, 'a', 5, 0}), "otherName are not supported"},
		{"name of a type that is not defined", san(9, true, nil), "unknown are not supported"},
		{"DNS name that is none", san(2, false, []byte("a..b")), "dnsNames[0]"},
		{"IP address", san(7, false, []byte{1, 2, 3}), ""},
		{"key usage", extension(15, 5, 0), "key usage is malformed"},
		{"extended key usage", extension(37, 5, 0), "extended key usage is malformed"},
		{"basic constraints", extension(19, 5, 0), "basic constraints are malformed"},
		{"negative path length", extension(19, 0x30, 6, 1, 1, 0xff, 2, 1, 0xf0), "basic constraints are malformed"},
		{"name constraints", extension(30, 5, 0), "name constraints are malformed"},
		{"name constraints without trees", extension(30, 0x30, 0), "set permitted or excluded"},
		{"name constraints of another class", extension(30, 0x30, 3, 1, 1, 0xff), "name constraints are malformed"},
		{"name constraints of a third kind", extension(30, 0x30, 2, 0xa2, 0), "name constraints are malformed"},
		{"name constraints on a type that is not defined", extension(30, 0x30, 6, 0xa0, 4, 0x30, 2, 0x89, 0), "names of type unknown are not supported"},
		{"name constraints with a longer mask", extension(30, 0x30, 15, 0xa0, 13, 0x30, 11, 0x87, 9, 10, 0, 0, 0, 255, 0, 0, 0, 0), "name constraints are malformed"},
		{"name constraints on directory names", extension(30, 0x30, 8, 0xa0, 6, 0x30, 4, 0xa4, 2, 0x30, 0), "names of type directoryName are not supported"},
		{"name constraints with a minimum", extension(30, 0x30, 10, 0xa0, 8, 0x30, 6, 0x82, 1, 'a', 0x80, 1, 1), "name constraints are malformed"},
		{"name constraints with a holed mask", extension(30, 0x30, 14, 0xa0, 12, 0x30, 10, 0x87, 8, 10, 0, 0, 0, 255, 0, 255, 0), "name constraints are malformed"},
		{"name constraints with half an address", extension(30, 0x30, 9, 0xa0, 7, 0x30, 5, 0x87, 3, 10, 0, 0), "name constraints are malformed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := pki.ParseRequest(test.in)
			wantError(t, err, test.says)
			if !errors.Is(err, pki.ErrInvalidRequest) {
				t.Error("error does not wrap ErrInvalidRequest")
			}
		})
	}
}

func TestParseRequestIgnoresOtherExtensions(t *testing.T) {
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		DNSNames:        []string{"A.example"},
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24}, Value: []byte{0x30, 3, 2, 1, 5}}},
	}, ecKey())
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"} {
		request, err := pki.ParseRequest(block(kind, der))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"a.example"}, request.DNSNames); diff != "" {
			t.Errorf("names (-want +got):\n%s", diff)
		}
	}
}

func TestAgrees(t *testing.T) {
	server := []pki.Usage{pki.UsageServerAuth, pki.UsageDigitalSignature}
	request := func(change func(*pki.RequestSpec)) *pki.Request {
		spec := pki.RequestSpec{CommonName: "a", Usages: server, EncodeUsages: true, Key: ecSpec}
		change(&spec)
		return mustRequest(t, spec, ecKey())
	}
	silent := request(func(s *pki.RequestSpec) { s.EncodeUsages = false })
	leaf := request(func(*pki.RequestSpec) {})
	ca := request(func(s *pki.RequestSpec) { s.IsCA = true })
	tests := []struct {
		name    string
		request *pki.Request
		usages  []pki.Usage
		isCA    bool
		bad     string
	}{
		{"silent request", silent, server, false, ""},
		{"silent request, CA", silent, nil, true, ""},
		{"same", leaf, []pki.Usage{pki.UsageSigning, pki.UsageServerAuth}, false, ""},
		{"other usages", leaf, []pki.Usage{pki.UsageClientAuth}, false, "usages"},
		{"default usages", leaf, nil, false, "usages"},
		{"same CA", ca, server, true, ""},
		{"CA not wanted", ca, server, false, "isCA"},
	}
	for _, test := range tests {
		err := test.request.Agrees(test.usages, test.isCA)
		if test.bad == "" {
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		wantError(t, err, test.bad)
		if !errors.Is(err, pki.ErrRefused) {
			t.Errorf("%s: error does not wrap ErrRefused", test.name)
		}
	}
}

func TestAgreesRefusesUnknownPurposes(t *testing.T) {
	value, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 1}, {1, 2, 3}})
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject:         pkix.Name{CommonName: "a"},
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Value: value}},
	}, ecKey())
	if err != nil {
		t.Fatal(err)
	}
	request, err := pki.ParseRequest(block("CERTIFICATE REQUEST", der))
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, request.Agrees([]pki.Usage{pki.UsageServerAuth}, false), "1.2.3")
}
