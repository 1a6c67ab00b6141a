package pki_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/certwright/certwright/internal/pki"
	"github.com/google/go-cmp/cmp"
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

// Each usage of the API reaches its own bit or purpose, as crypto/x509 reads
// them from a certificate.
func TestEveryUsage(t *testing.T) {
	bits := map[pki.Usage]x509.KeyUsage{
		pki.UsageSigning: x509.KeyUsageDigitalSignature, pki.UsageDigitalSignature: x509.KeyUsageDigitalSignature,
		pki.UsageContentCommitment: x509.KeyUsageContentCommitment, pki.UsageKeyEncipherment: x509.KeyUsageKeyEncipherment,
		pki.UsageKeyAgreement: x509.KeyUsageKeyAgreement, pki.UsageDataEncipherment: x509.KeyUsageDataEncipherment,
		pki.UsageCertSign: x509.KeyUsageCertSign, pki.UsageCRLSign: x509.KeyUsageCRLSign,
		pki.UsageEncipherOnly: x509.KeyUsageEncipherOnly, pki.UsageDecipherOnly: x509.KeyUsageDecipherOnly,
	}
	purposes := map[pki.Usage]x509.ExtKeyUsage{
		pki.UsageAny: x509.ExtKeyUsageAny, pki.UsageServerAuth: x509.ExtKeyUsageServerAuth,
		pki.UsageClientAuth: x509.ExtKeyUsageClientAuth, pki.UsageCodeSigning: x509.ExtKeyUsageCodeSigning,
		pki.UsageEmailProtection: x509.ExtKeyUsageEmailProtection, pki.UsageSMIME: x509.ExtKeyUsageEmailProtection,
		pki.UsageIPsecEndSystem: x509.ExtKeyUsageIPSECEndSystem, pki.UsageIPsecTunnel: x509.ExtKeyUsageIPSECTunnel,
		pki.UsageIPsecUser: x509.ExtKeyUsageIPSECUser, pki.UsageTimestamping: x509.ExtKeyUsageTimeStamping,
		pki.UsageOCSPSigning: x509.ExtKeyUsageOCSPSigning, pki.UsageMicrosoftSGC: x509.ExtKeyUsageMicrosoftServerGatedCrypto,
		pki.UsageNetscapeSGC: x509.ExtKeyUsageNetscapeServerGatedCrypto,
	}
	if len(bits)+len(purposes) != 23 {
		t.Fatalf("the API has 23 usages, not %d", len(bits)+len(purposes))
	}
	check := func(usage pki.Usage, bit x509.KeyUsage, purpose []x509.ExtKeyUsage) {
		t.Run(string(usage), func(t *testing.T) {
			// The request carries the usage as we encode it, the certificate as
			// crypto/x509 does; Sign refuses if the two disagree.
			request := mustRequest(t, pki.RequestSpec{
				CommonName: "a", Usages: []pki.Usage{usage}, EncodeUsages: true, Key: ecSpec,
			}, ecKey())
			chain, err := pki.SelfSign(request, ecKey(), pki.Template{Usages: []pki.Usage{usage}}, now)
			if err != nil {
				t.Fatal(err)
			}
			if chain[0].KeyUsage != bit || !slices.Equal(chain[0].ExtKeyUsage, purpose) {
				t.Errorf("certificate has %v and %v", chain[0].KeyUsage, chain[0].ExtKeyUsage)
			}
			certUsage := extensionValue(chain[0].Extensions, "2.5.29.15") + extensionValue(chain[0].Extensions, "2.5.29.37")
			csr, err := x509.ParseCertificateRequest(request.Raw)
			if err != nil {
				t.Fatal(err)
			}
			if got := extensionValue(csr.Extensions, "2.5.29.15") + extensionValue(csr.Extensions, "2.5.29.37"); got != certUsage {
				t.Error("the request does not have the bytes that crypto/x509 puts into a certificate")
			}
		})
	}
	for usage, bit := range bits {
		check(usage, bit, nil)
	}
	for usage, purpose := range purposes {
		check(usage, 0, []x509.ExtKeyUsage{purpose})
	}
}

func extensionValue(extensions []pkix.Extension, oid string) string {
	for _, e := range extensions {
		if e.Id.String() == oid {
			return string(e.Value)
		}
	}
	return ""
}

func TestEffectiveUsages(t *testing.T) {
	tests := []struct {
		in   []pki.Usage
		isCA bool
		want []pki.Usage
	}{
		{nil, false, []pki.Usage{pki.UsageDigitalSignature, pki.UsageKeyEncipherment}},
		{nil, true, []pki.Usage{pki.UsageDigitalSignature, pki.UsageKeyEncipherment, pki.UsageCertSign}},
		{[]pki.Usage{pki.UsageSMIME, pki.UsageSigning, pki.UsageDigitalSignature}, false,
			[]pki.Usage{pki.UsageDigitalSignature, pki.UsageEmailProtection}},
		{[]pki.Usage{pki.UsageClientAuth, pki.UsageServerAuth}, true,
			[]pki.Usage{pki.UsageCertSign, pki.UsageServerAuth, pki.UsageClientAuth}},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, pki.EffectiveUsages(test.in, test.isCA)); diff != "" {
			t.Errorf("%v, CA %t (-want +got):\n%s", test.in, test.isCA, diff)
		}
	}
}

func TestValidate(t *testing.T) {
	named := func(change func(*pki.RequestSpec)) pki.RequestSpec {
		spec := pki.RequestSpec{DNSNames: []string{"a.example"}}
		change(&spec)
		return spec
	}
	tests := []struct {
		name string
		spec pki.RequestSpec
		says []string
	}{
		{"nothing", pki.RequestSpec{}, []string{"no name"}},
		{"subject only", pki.RequestSpec{Subject: pki.Subject{Organizations: []string{"a"}}}, []string{"no name"}},
		{"literal without common name", pki.RequestSpec{LiteralSubject: "O=a"}, []string{"no name"}},
		{"common name too long", pki.RequestSpec{CommonName: strings.Repeat("a", 65)}, []string{"commonName: must not be longer than 64"}},
		{"literal beside common name", pki.RequestSpec{LiteralSubject: "CN=a", CommonName: "a"}, []string{"literalSubject: cannot be combined"}},
		{"literal beside subject", pki.RequestSpec{LiteralSubject: "CN=a", Subject: pki.Subject{PostalCodes: []string{"1"}}}, []string{"literalSubject: cannot be combined"}},
		{"empty organization", named(func(s *pki.RequestSpec) { s.Subject.Organizations = []string{"a", ""} }), []string{"subject.organizations[1]: must not be empty"}},
		{"serial number with null", named(func(s *pki.RequestSpec) { s.Subject.SerialNumber = "\x00" }), []string{"subject.serialNumber: must not contain"}},
		{"bad UTF-8", named(func(s *pki.RequestSpec) { s.CommonName = "\xff" }), []string{"commonName: must be valid UTF-8"}},
		{"addresses", named(func(s *pki.RequestSpec) {
			s.IPAddresses = []string{"10.0.0.1", "10.0.0.1/8", "fe80::1%eth0", "10.0.0.01", "example.com"}
		}), []string{"ipAddresses[1]", "ipAddresses[2]", "ipAddresses[3]", "ipAddresses[4]"}},
		{"mailboxes", named(func(s *pki.RequestSpec) {
			s.EmailAddresses = []string{"a@example.com", "A <a@example.com>", "<a@example.com>", "a", "ä@example.com", "a@example.com "}
		}), []string{"emailAddresses[1]", "emailAddresses[2]", "emailAddresses[3]", "emailAddresses[4]", "emailAddresses[5]"}},
		{"URIs", named(func(s *pki.RequestSpec) {
			s.URIs = []string{"https://a.example/", "//a.example", "a.example", "https:", "https://a b", "https://ä.example", "https://a..b/", "http://[::1"}
		}), []string{"uris[1]", "uris[2]", "uris[3]", "uris[4]", "uris[5]", "uris[6]", "uris[7]"}},
		{"other names", named(func(s *pki.RequestSpec) {
			s.OtherNames = []pki.OtherName{{"1.2.3", "a"}, {"UPN", "a"}, {"1.2.3", ""}, {"1.2.3", "\xff"}, {"1", "a"}, {strings.Repeat("1.", 70) + "1", "a"}}
		}), []string{"otherNames[1]", "otherNames[2]", "otherNames[3]", "otherNames[4]", "otherNames[5]"}},
		{"DNS names", named(func(s *pki.RequestSpec) { s.DNSNames = []string{"ä.example", "a.example."} }), []string{"dnsNames[0]", "A-label", "dnsNames[1]", "dot"}},
		{"usages", named(func(s *pki.RequestSpec) { s.Usages = []pki.Usage{"server auth", "serverAuth", "signin"} }), []string{`usages[1]: "serverAuth"`, `usages[2]: "signin"`}},
		{"key", named(func(s *pki.RequestSpec) { s.Key.Size = 1024 }), []string{"RSA size 1024"}},
		{"unknown signature algorithm", named(func(s *pki.RequestSpec) { s.SignatureAlgorithm = "SHA1WithRSA" }), []string{"signatureAlgorithm"}},
		{"signature algorithm of another key", named(func(s *pki.RequestSpec) { s.SignatureAlgorithm = pki.ECDSAWithSHA256 }), []string{"signatureAlgorithm: ECDSAWithSHA256 needs an ECDSA key, not RSA"}},
		{"constraints without CA", named(func(s *pki.RequestSpec) {
			s.NameConstraints = &pki.NameConstraints{Permitted: pki.NameTrees{DNSDomains: []string{"a"}}}
		}), []string{"nameConstraints: only a CA"}},
		{"empty constraints", named(func(s *pki.RequestSpec) { s.IsCA, s.NameConstraints = true, &pki.NameConstraints{} }), []string{"set permitted or excluded"}},
		{"bad constraints", named(func(s *pki.RequestSpec) {
			s.IsCA = true
			s.NameConstraints = &pki.NameConstraints{
				Permitted: pki.NameTrees{DNSDomains: []string{"*.a"}, IPRanges: []string{"10.0.0.1"}},
				Excluded:  pki.NameTrees{EmailAddresses: []string{"@"}, URIDomains: []string{"https://a"}, IPRanges: []string{"::ffff:10.0.0.0/104"}},
			}
		}), []string{"permitted.dnsDomains[0]", "permitted.ipRanges[0]", "excluded.emailAddresses[0]", "excluded.uriDomains[0]", "excluded.ipRanges[0]"}},
		{"many at once", pki.RequestSpec{DNSNames: []string{"a."}, IPAddresses: []string{"x"}, Usages: []pki.Usage{"y"}},
			[]string{"dnsNames[0]", "ipAddresses[0]", "usages[0]"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			wantError(t, test.spec.Validate(), test.says...)
			if _, err := pki.CreateRequest(test.spec, rsaKey()); err == nil {
				t.Error("a request was made of an invalid spec")
			}
		})
	}
}

// In the lists above the first element is right; this shows that it is not
// reported either.
func TestValidateReportsNothingElse(t *testing.T) {
	spec := pki.RequestSpec{IPAddresses: []string{"10.0.0.1", "x"}, CommonName: strings.Repeat("ä", 64)}
	if got := spec.Validate().Error(); got != `ipAddresses[1]: "x" is not an IP address` {
		t.Errorf("got %q", got)
	}
	for _, spec := range []pki.RequestSpec{
		{CommonName: "a"}, {DNSNames: []string{"a"}}, {IPAddresses: []string{"::1"}}, {URIs: []string{"urn:a"}},
		{EmailAddresses: []string{"a@b"}}, {OtherNames: []pki.OtherName{{"1.2.3", "a"}}}, {LiteralSubject: "CN=a"},
		{URIs: []string{"https://[::1]:8443/", "https://a.example:443", "spiffe://td", "file:///a"}}, caSpec(),
	} {
		if err := spec.Validate(); err != nil {
			t.Error(err)
		}
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
		{"U-label", san(2, false, []byte("a..b")), "dnsNames[0]"},
		{"IP address", san(7, false, []byte{1, 2, 3}), ""},
		{"key usage", extension(15, 5, 0), "key usage is malformed"},
		{"extended key usage", extension(37, 5, 0), "extended key usage is malformed"},
		{"basic constraints", extension(19, 5, 0), "basic constraints are malformed"},
		{"negative path length", extension(19, 0x30, 6, 1, 1, 0xff, 2, 1, 0xf0), "basic constraints are malformed"},
		{"name constraints", extension(30, 5, 0), "name constraints are malformed"},
		{"name constraints without trees", extension(30, 0x30, 0), "set permitted or excluded"},
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
