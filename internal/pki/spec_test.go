package pki_test

import (
	"strings"
	"testing"

	"github.com/certwright/certwright/internal/pki"
)

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
			s.URIs = []string{"https://a.example/", "//a.example", "a.example", "https:", "https://a b", "https://ä.example", "https://a..b/", "http://[::1", "https://a/ b"}
		}), []string{"uris[1]", "uris[2]", "uris[3]", "uris[4]", "uris[5]", "uris[6]", "uris[7]", "uris[8]"}},
		{"other names", named(func(s *pki.RequestSpec) {
			s.OtherNames = []pki.OtherName{{"1.2.3", "a"}, {"UPN", "a"}, {"1.2.3", ""}, {"1.2.3", "\xff"}, {"1", "a"}, {strings.Repeat("1.", 64) + "1", "a"}, {"1.40", "a"}, {"1.:", "a"}}
		}), []string{"otherNames[1]", "otherNames[2]", "otherNames[3]", "otherNames[4]", "otherNames[5]", "otherNames[6]", "otherNames[7]"}},
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
		{OtherNames: []pki.OtherName{
			{"2.999", "a"}, {"1.39.9.0", "a"}, {"0.9.2342.19200300.100.1.25", "a"}, {"2.2147483567.2147483647", strings.Repeat("a", 1024)},
			{strings.Repeat("1.", 62) + "2147", "a"},
		}},
		{LiteralSubject: "O=" + strings.Repeat("a", 1024) + ",0.9.2342.19200300.100.1.1=b,CN=c"},
		{URIs: []string{"https://" + strings.Repeat("a", 63) + ".example"}},
		{URIs: []string{"https://[::1]:8443/", "https://a.example:443", "spiffe://td", "file:///a"}}, caSpec(),
	} {
		if err := spec.Validate(); err != nil {
			t.Error(err)
		}
		spec.Key, spec.SignatureAlgorithm = ecSpec, ""
		mustRequest(t, spec, ecKey())
	}
}
