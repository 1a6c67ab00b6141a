package pki_test

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"net"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/internal/pki"
)

func TestDiffRequest(t *testing.T) {
	tests := []struct {
		name   string
		change func(*pki.RequestSpec)
		want   []string
	}{
		{"same", func(*pki.RequestSpec) {}, nil},
		{"order and case", func(s *pki.RequestSpec) {
			s.DNSNames = []string{"*.EXAMPLE.com", "ca.example.com"}
			s.IPAddresses = []string{"10.0.0.2", "2001:db8:0::1", "10.0.0.1"}
			s.Usages = []pki.Usage{pki.UsageCertSign, pki.UsageDecipherOnly, pki.UsageDigitalSignature, pki.UsageEmailProtection, pki.UsageServerAuth}
			s.Subject.Organizations = []string{"Örg", "Org 2"}
			s.NameConstraints.Permitted.IPRanges = []string{"2001:db8::/33", "10.0.0.0/8"}
		}, nil},
		{"key", func(s *pki.RequestSpec) { s.Key.Size = 384 }, nil},
		{"usages not encoded any more", func(s *pki.RequestSpec) { s.EncodeUsages = false; s.Usages = nil }, nil},
		{"signature algorithm not named any more", func(s *pki.RequestSpec) { s.SignatureAlgorithm = "" }, nil},

		{"DNS name added", func(s *pki.RequestSpec) { s.DNSNames = append(s.DNSNames, "x.example") }, []string{"dnsNames"}},
		{"DNS name swapped", func(s *pki.RequestSpec) { s.DNSNames = []string{"ca.example.com", "x.example"} }, []string{"dnsNames"}},
		{"address removed", func(s *pki.RequestSpec) { s.IPAddresses = s.IPAddresses[1:] }, []string{"ipAddresses"}},
		{"URI", func(s *pki.RequestSpec) { s.URIs[0] = "spiffe://example.com/ns/b" }, []string{"uris"}},
		{"mailbox", func(s *pki.RequestSpec) { s.EmailAddresses = nil }, []string{"emailAddresses"}},
		{"other name", func(s *pki.RequestSpec) { s.OtherNames[0].UTF8Value = "x" }, []string{"otherNames"}},
		{"common name", func(s *pki.RequestSpec) { s.CommonName = "x" }, []string{"commonName"}},
		{"common name removed", func(s *pki.RequestSpec) { s.CommonName = "" }, []string{"commonName"}},
		{"subject", func(s *pki.RequestSpec) { s.Subject.PostalCodes[0] = "1" }, []string{"subject"}},
		{"subject added", func(s *pki.RequestSpec) { s.Subject.Organizations = append(s.Subject.Organizations, "x") }, []string{"subject"}},
		{"subject and common name", func(s *pki.RequestSpec) { s.Subject = pki.Subject{}; s.CommonName = "x" }, []string{"subject", "commonName"}},
		{"made literal", func(s *pki.RequestSpec) {
			s.Subject = pki.Subject{}
			s.CommonName = ""
			s.LiteralSubject = "CN=ca.example.com"
		}, []string{"literalSubject"}},
		{"usages", func(s *pki.RequestSpec) { s.Usages = s.Usages[1:] }, []string{"usages"}},
		{"CA", func(s *pki.RequestSpec) { s.IsCA = false; s.NameConstraints = nil }, []string{"usages", "isCA", "nameConstraints"}},
		{"constraints", func(s *pki.RequestSpec) { s.NameConstraints.Excluded = pki.NameTrees{} }, []string{"nameConstraints"}},
		{"constraints on DNS names", func(s *pki.RequestSpec) { s.NameConstraints.Permitted.DNSDomains[0] = "x" }, []string{"nameConstraints"}},
		{"constraints on addresses", func(s *pki.RequestSpec) { s.NameConstraints.Permitted.IPRanges[0] = "11.0.0.0/8" }, []string{"nameConstraints"}},
		{"constraints on mailboxes", func(s *pki.RequestSpec) { s.NameConstraints.Permitted.EmailAddresses[0] = "x" }, []string{"nameConstraints"}},
		{"constraints on URIs", func(s *pki.RequestSpec) { s.NameConstraints.Permitted.URIDomains[0] = "x" }, []string{"nameConstraints"}},
		{"constraints swapped", func(s *pki.RequestSpec) {
			c := s.NameConstraints
			c.Permitted, c.Excluded = c.Excluded, c.Permitted
		}, []string{"nameConstraints"}},
		{"constraints not critical", func(s *pki.RequestSpec) { s.NameConstraints.Critical = false }, []string{"nameConstraints"}},
		{"signature algorithm", func(s *pki.RequestSpec) { s.SignatureAlgorithm = pki.ECDSAWithSHA256 }, []string{"signatureAlgorithm"}},
		{"invalid", func(s *pki.RequestSpec) { s.DNSNames = []string{"a."} }, []string{"spec"}},
	}
	request := mustRequest(t, caSpec(), ecKey())
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			spec := caSpec()
			test.change(&spec)
			if diff := cmp.Diff(test.want, pki.DiffRequest(request, spec)); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDiffRequestLiteralSubject(t *testing.T) {
	spec := pki.RequestSpec{LiteralSubject: "CN=a+OU=u,O=o,DC=x", Key: ecSpec}
	request := mustRequest(t, spec, ecKey())
	for subject, same := range map[string]bool{
		"CN=a+OU=u,O=o,DC=x":          true,
		"ou=u + cn=a , o=o , dc=x":    true,
		"CN=\\61+OU=#0C0175,O=o,DC=x": true,
		"CN=a,OU=u,O=o,DC=x":          false,
		"DC=x,O=o,CN=a+OU=u":          false,
		"CN=a+OU=u,O=o":               false,
		"CN=a+OU=v,O=o,DC=x":          false,
	} {
		spec.LiteralSubject = subject
		if got := pki.DiffRequest(request, spec); (got == nil) != same {
			t.Errorf("%s: %v", subject, got)
		}
	}
	// Without the literal the attributes that only it can have are a difference.
	spec.LiteralSubject, spec.CommonName = "", "a"
	spec.Subject = pki.Subject{Organizations: []string{"o"}, OrganizationalUnits: []string{"u"}}
	if diff := cmp.Diff([]string{"subject"}, pki.DiffRequest(request, spec)); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

// Requests of other writers may leave the basic constraints of a CA out.
func TestDiffRequestCAWithoutBasicConstraints(t *testing.T) {
	with := func(extensions ...pkix.Extension) *pki.Request {
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
	// digital signature, key encipherment, cert sign; then without the last.
	signing := pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 15}, Critical: true, Value: []byte{3, 2, 2, 0xa4}}
	plain := pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 15}, Critical: true, Value: []byte{3, 2, 5, 0xa0}}
	ca := pki.RequestSpec{CommonName: "a", IsCA: true, EncodeUsages: true, Key: ecSpec}
	silent := ca
	silent.EncodeUsages = false
	leaf := pki.RequestSpec{CommonName: "a", EncodeUsages: true, Key: ecSpec}
	for _, test := range []struct {
		name    string
		request *pki.Request
		spec    pki.RequestSpec
		want    []string
	}{
		{"cert sign", with(signing), ca, nil},
		{"no cert sign", with(plain), ca, []string{"usages", "isCA"}},
		{"nothing", with(), silent, []string{"isCA"}},
		{"leaf", with(plain), leaf, nil},
		{"leaf with cert sign", with(signing), leaf, []string{"usages"}},
		{"no usages", with(), leaf, []string{"usages"}},
	} {
		if diff := cmp.Diff(test.want, pki.DiffRequest(test.request, test.spec)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestDiffCertificate(t *testing.T) {
	certificate := func(commonName string, dns ...string) *x509.Certificate {
		return newRoot(t, "root").sign(t, &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: commonName}, DNSNames: dns,
			IPAddresses: []net.IP{net.IPv4(10, 0, 0, 1)},
		}, ecKey())
	}
	spec := func(commonName string, dns ...string) pki.RequestSpec {
		return pki.RequestSpec{CommonName: commonName, DNSNames: dns, IPAddresses: []string{"10.0.0.1"}, Key: ecSpec}
	}
	tests := []struct {
		name string
		cert *x509.Certificate
		spec pki.RequestSpec
		want []string
	}{
		{"same", certificate("a.example", "a.example"), spec("a.example", "a.example"), nil},
		{"order and case", certificate("a.example", "b.example", "A.example"), spec("A.example", "a.example", "B.example"), nil},
		{"CA repeated the common name", certificate("a.example", "a.example", "b.example"), spec("a.example", "b.example"), nil},
		{"CA moved the common name", certificate("", "a.example", "b.example"), spec("a.example", "b.example"), nil},
		{"CA chose a common name", certificate("b.example", "b.example"), spec("", "b.example"), nil},
		{"CA chose an address", certificate("10.0.0.1", "b.example"), spec("", "b.example"), nil},
		{"common name that is no host", certificate("My CA", "b.example"), spec("My CA", "b.example"), nil},

		{"DNS name missing", certificate("a.example", "a.example"), spec("a.example", "a.example", "b.example"), []string{"dnsNames"}},
		{"DNS name too many", certificate("a.example", "a.example", "b.example"), spec("a.example", "a.example"), []string{"dnsNames"}},
		{"DNS name that is none", certificate("a.example", "a.example", "a..b"), spec("a.example", "a.example"), []string{"dnsNames"}},
		{"common name lost", certificate("", "b.example"), spec("a.example", "b.example"), []string{"commonName"}},
		{"another common name", certificate("c.example", "b.example"), spec("a.example", "b.example"), []string{"commonName"}},
		{"common name of nowhere", certificate("c.example", "b.example"), spec("", "b.example"), []string{"commonName"}},
		{"address", certificate("", "b.example"), pki.RequestSpec{DNSNames: []string{"b.example"}}, []string{"ipAddresses"}},
		{"literal subject", certificate("a"), pki.RequestSpec{LiteralSubject: "O=x,CN=a", IPAddresses: []string{"10.0.0.1"}}, nil},
		{"literal subject in hex", certificate("a"), pki.RequestSpec{LiteralSubject: "O=x,CN=#130161", IPAddresses: []string{"10.0.0.1"}}, nil},
		{"another literal subject", certificate("a"), pki.RequestSpec{LiteralSubject: "CN=b", IPAddresses: []string{"10.0.0.1"}}, []string{"literalSubject"}},
		{"invalid", certificate("a"), pki.RequestSpec{}, []string{"spec"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, pki.DiffCertificate(test.cert, test.spec)); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDiffCertificateOfWhatWeSigned(t *testing.T) {
	spec := caSpec()
	chain, err := pki.SelfSign(mustRequest(t, spec, ecKey()), ecKey(), pki.Template{Usages: spec.Usages, IsCA: true}, now)
	if err != nil {
		t.Fatal(err)
	}
	if got := pki.DiffCertificate(chain.Leaf(), spec); got != nil {
		t.Errorf("differs in %v", got)
	}
	spec.OtherNames, spec.URIs, spec.EmailAddresses = nil, nil, nil
	want := []string{"uris", "emailAddresses", "otherNames"}
	if diff := cmp.Diff(want, pki.DiffCertificate(chain.Leaf(), spec)); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

// A spec must not come back changed: callers keep it.
func TestDiffDoesNotChangeItsInput(t *testing.T) {
	spec := caSpec()
	request := mustRequest(t, spec, ecKey())
	before := slices.Clone(request.DNSNames)
	pki.DiffRequest(request, spec)
	if diff := cmp.Diff(caSpec(), spec); diff != "" {
		t.Errorf("spec changed:\n%s", diff)
	}
	if diff := cmp.Diff(before, request.DNSNames); diff != "" {
		t.Errorf("request changed:\n%s", diff)
	}
}
