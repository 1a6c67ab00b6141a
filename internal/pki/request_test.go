package pki_test

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/internal/pki"
)

var ecSpec = pki.KeySpec{Algorithm: pki.ECDSA}

// caSpec has every field that can stand beside the others.
func caSpec() pki.RequestSpec {
	return pki.RequestSpec{
		Subject: pki.Subject{
			Organizations: []string{"Org 2", "Örg"}, OrganizationalUnits: []string{"Unit"}, Countries: []string{"DE"},
			Localities: []string{"Town"}, Provinces: []string{"Land"}, StreetAddresses: []string{"Street 1"},
			PostalCodes: []string{"12345"}, SerialNumber: "42",
		},
		CommonName:     "ca.example.com",
		DNSNames:       []string{"ca.example.com", "*.Example.com", "ca.example.com"},
		IPAddresses:    []string{"10.0.0.1", "2001:DB8::0:1", "::ffff:10.0.0.2"},
		URIs:           []string{"spiffe://example.com/ns/a", "urn:uuid:1"},
		EmailAddresses: []string{"ca@example.com"},
		OtherNames:     []pki.OtherName{{OID: "1.3.6.1.4.1.311.20.2.3", UTF8Value: "upn@exämple"}},
		Usages:         []pki.Usage{pki.UsageServerAuth, pki.UsageSMIME, pki.UsageSigning, pki.UsageDecipherOnly},
		EncodeUsages:   true,
		IsCA:           true,
		NameConstraints: &pki.NameConstraints{
			Critical: true,
			Permitted: pki.NameTrees{
				DNSDomains: []string{"Example.com", ".example.org"}, IPRanges: []string{"10.1.2.3/8", "2001:db8::/33"},
				EmailAddresses: []string{"example.com", "a@example.com"}, URIDomains: []string{".example.com"},
			},
			Excluded: pki.NameTrees{DNSDomains: []string{""}, IPRanges: []string{"0.0.0.0/0"}},
		},
		SignatureAlgorithm: pki.ECDSAWithSHA384,
		Key:                ecSpec,
	}
}

func TestCreateRequestAsCryptoX509ReadsIt(t *testing.T) {
	out, err := pki.CreateRequest(caSpec(), ecKey())
	if err != nil {
		t.Fatal(err)
	}
	csr := stdRequest(t, out)
	if err := csr.CheckSignature(); err != nil {
		t.Error(err)
	}
	if csr.SignatureAlgorithm != x509.ECDSAWithSHA384 {
		t.Errorf("signed with %s", csr.SignatureAlgorithm)
	}
	wantSubject := `SERIALNUMBER=42,CN=ca.example.com,OU=Unit,O=Örg+O=Org 2,POSTALCODE=12345,STREET=Street 1,L=Town,ST=Land,C=DE`
	if got := csr.Subject.ToRDNSequence().String(); got != wantSubject {
		t.Errorf("subject %s, want %s", got, wantSubject)
	}
	if diff := cmp.Diff([]string{"ca.example.com", "*.example.com"}, csr.DNSNames); diff != "" {
		t.Errorf("DNS names (-want +got):\n%s", diff)
	}
	wantIPs := []net.IP{net.IPv4(10, 0, 0, 1).To4(), net.ParseIP("2001:db8::1"), net.IPv4(10, 0, 0, 2).To4()}
	if diff := cmp.Diff(wantIPs, csr.IPAddresses); diff != "" {
		t.Errorf("IP addresses (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"spiffe://example.com/ns/a", "urn:uuid:1"}, uriTexts(csr.URIs)); diff != "" {
		t.Errorf("URIs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"ca@example.com"}, csr.EmailAddresses); diff != "" {
		t.Errorf("e-mail addresses (-want +got):\n%s", diff)
	}
	want := []string{"2.5.29.17", "2.5.29.15 critical", "2.5.29.37", "2.5.29.19 critical", "2.5.29.30 critical"}
	if diff := cmp.Diff(want, extensionNames(csr.Extensions)); diff != "" {
		t.Errorf("extensions (-want +got):\n%s", diff)
	}
}

func uriTexts(uris []*url.URL) []string {
	var out []string
	for _, uri := range uris {
		out = append(out, uri.String())
	}
	return out
}

func extensionNames(extensions []pkix.Extension) []string {
	var out []string
	for _, e := range extensions {
		name := e.Id.String()
		if e.Critical {
			name += " critical"
		}
		out = append(out, name)
	}
	return out
}

// The otherName of a Microsoft UPN, checked against bytes rather than against
// our own reader.
func TestCreateRequestOtherNameBytes(t *testing.T) {
	out, err := pki.CreateRequest(pki.RequestSpec{
		OtherNames: []pki.OtherName{{OID: "1.3.6.1.4.1.311.20.2.3", UTF8Value: "a@b"}}, Key: ecSpec,
	}, ecKey())
	if err != nil {
		t.Fatal(err)
	}
	csr := stdRequest(t, out)
	want := []byte{
		0x30, 0x15, 0xa0, 0x13,
		0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x14, 0x02, 0x03,
		0xa0, 0x05, 0x0c, 0x03, 'a', '@', 'b',
	}
	if diff := cmp.Diff(want, csr.Extensions[0].Value); diff != "" {
		t.Errorf("subject alternative names (-want +got):\n%s", diff)
	}
	if !csr.Extensions[0].Critical {
		t.Error("the names must be critical beside an empty subject (RFC 5280 4.2.1.6)")
	}
}

// Extensions with the same content have the same bytes each time.
func TestCreateRequestIsDeterministic(t *testing.T) {
	for _, spec := range []pki.RequestSpec{caSpec(), {LiteralSubject: "O=b+CN=a+OU=c", Key: ecSpec}} {
		var requests [][]byte
		for range 8 {
			out, err := pki.CreateRequest(spec, ecKey())
			if err != nil {
				t.Fatal(err)
			}
			requests = append(requests, stdRequest(t, out).RawTBSCertificateRequest)
		}
		if len(slices.CompactFunc(requests, bytes.Equal)) != 1 {
			t.Error("the signed parts of two requests for one spec differ")
		}
	}
}

func TestCreateRequestLeavesUsagesOut(t *testing.T) {
	request := mustRequest(t, pki.RequestSpec{
		DNSNames: []string{"a.example"}, Usages: []pki.Usage{pki.UsageServerAuth}, Key: ecSpec,
	}, ecKey())
	if request.Usages != nil {
		t.Errorf("usages %v, want none", request.Usages)
	}
	if !request.EmptySubject() {
		t.Error("subject is not empty")
	}
	encoded := mustRequest(t, pki.RequestSpec{DNSNames: []string{"a.example"}, EncodeUsages: true, Key: ecSpec}, ecKey())
	if diff := cmp.Diff(pki.DefaultUsages(), encoded.Usages); diff != "" {
		t.Errorf("default usages (-want +got):\n%s", diff)
	}
}

func TestCreateRequestWithAnotherKey(t *testing.T) {
	_, err := pki.CreateRequest(caSpec(), rsaKey())
	wantError(t, err, "ECDSAWithSHA384 needs an ECDSA key, not RSA")
	_, err = pki.CreateRequest(pki.RequestSpec{CommonName: "a"}, nil)
	wantError(t, err, "no key")
	// A key that is kept although the spec has changed still makes a request.
	request := mustRequest(t, pki.RequestSpec{CommonName: "a", Key: ecSpec}, rsaKey())
	if !pki.PublicKeysEqual(request.PublicKey, rsaKey().Public()) {
		t.Error("request is not for the key")
	}
}

func TestSignatureAlgorithms(t *testing.T) {
	for algorithm, want := range map[pki.SignatureAlgorithm]x509.SignatureAlgorithm{
		pki.SHA256WithRSA: x509.SHA256WithRSA, pki.SHA384WithRSA: x509.SHA384WithRSA, pki.SHA512WithRSA: x509.SHA512WithRSA,
		pki.ECDSAWithSHA256: x509.ECDSAWithSHA256, pki.ECDSAWithSHA384: x509.ECDSAWithSHA384, pki.ECDSAWithSHA512: x509.ECDSAWithSHA512,
		pki.PureEd25519: x509.PureEd25519,
	} {
		key, spec := rsaKey(), pki.KeySpec{}
		switch {
		case strings.HasPrefix(string(algorithm), "ECDSA"):
			key, spec = ecKey(), ecSpec
		case algorithm == pki.PureEd25519:
			key, spec = edKey(), pki.KeySpec{Algorithm: pki.Ed25519}
		}
		request := mustRequest(t, pki.RequestSpec{CommonName: "a", SignatureAlgorithm: algorithm, Key: spec}, key)
		if request.SignatureAlgorithm != want {
			t.Errorf("%s: signed with %s", algorithm, request.SignatureAlgorithm)
		}
	}
}

// Reading is for requests that nothing is signed for; signing goes through ParseRequest.
func TestOnlyParseRequestChecksTheSignature(t *testing.T) {
	key, err := pki.GenerateKey(pki.KeySpec{Algorithm: pki.Ed25519})
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := pki.CreateRequest(pki.RequestSpec{DNSNames: []string{"a.test"}, Key: pki.KeySpec{Algorithm: pki.Ed25519}}, key)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(encoded)
	block.Bytes[len(block.Bytes)-1] ^= 1
	forged := pem.EncodeToMemory(block)
	if request, err := pki.ReadRequest(forged); err != nil || len(request.DNSNames) != 1 {
		t.Errorf("a request with a wrong signature cannot be read: %v", err)
	}
	if _, err := pki.ParseRequest(forged); !errors.Is(err, pki.ErrInvalidRequest) {
		t.Errorf("a request with a wrong signature is parsed: %v", err)
	}
}
