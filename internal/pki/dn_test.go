package pki_test

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/internal/pki"
)

// literal makes a request with the literal subject and returns the DN in it as
// crypto/x509 reads it, each RDN as type=value texts, in DER order.
func literal(t *testing.T, subject string) ([][]string, error) {
	t.Helper()
	out, err := pki.CreateRequest(pki.RequestSpec{
		LiteralSubject: subject, DNSNames: []string{"a.example"}, Key: pki.KeySpec{Algorithm: pki.ECDSA},
	}, ecKey())
	if err != nil {
		return nil, err
	}
	var sequence pkix.RDNSequence
	if _, err := asn1.Unmarshal(stdRequest(t, out).RawSubject, &sequence); err != nil {
		t.Fatal(err)
	}
	var rdns [][]string
	for _, set := range sequence {
		var rdn []string
		for _, a := range set {
			rdn = append(rdn, a.Type.String()+"="+a.Value.(string))
		}
		rdns = append(rdns, rdn)
	}
	return rdns, nil
}

const (
	cn  = "2.5.4.3="
	ou  = "2.5.4.11="
	org = "2.5.4.10="
	dc  = "0.9.2342.19200300.100.1.25="
	uid = "0.9.2342.19200300.100.1.1="
)

func TestLiteralSubject(t *testing.T) {
	tests := []struct {
		name, in string
		want     [][]string
	}{
		// RFC 4514 4.
		{"order is reversed", `UID=jsmith,DC=example,DC=net`, [][]string{{dc + "net"}, {dc + "example"}, {uid + "jsmith"}}},
		{"multi-valued RDN", `OU=Sales+CN=J.  Smith,DC=example,DC=net`,
			[][]string{{dc + "net"}, {dc + "example"}, {ou + "Sales", cn + "J.  Smith"}}},
		{"escapes", `CN=James \"Jim\" Smith\, III,DC=example,DC=net`,
			[][]string{{dc + "net"}, {dc + "example"}, {cn + `James "Jim" Smith, III`}}},
		{"escaped control character", `CN=Before\0dAfter,DC=example,DC=net`,
			[][]string{{dc + "net"}, {dc + "example"}, {cn + "Before\rAfter"}}},
		{"hex pairs make UTF-8", `CN=Lu\C4\8Di\C4\87`, [][]string{{cn + "Lučić"}}},

		{"UTF-8 as it is", `CN=Lučić`, [][]string{{cn + "Lučić"}}},
		{"hex string", `CN=#0C074C75C48D69C487,O=x`, [][]string{{org + "x"}, {cn + "Lučić"}}},
		{"hex string, space after", `CN=#130161 + O=x`, [][]string{{cn + "a", org + "x"}}},
		{"all names", `cn=a,c=DE,l=b,st=c,o=d,ou=e,street=f,dc=g,uid=h,serialNumber=i`, [][]string{
			{"2.5.4.5=i"}, {uid + "h"}, {dc + "g"}, {"2.5.4.9=f"}, {ou + "e"}, {org + "d"}, {"2.5.4.8=c"}, {"2.5.4.7=b"}, {"2.5.4.6=DE"}, {cn + "a"},
		}},
		{"dotted OID", `2.5.4.17=12345,CN=a`, [][]string{{cn + "a"}, {"2.5.4.17=12345"}}},
		{"spaces around separators", ` CN = a , O = b c `, [][]string{{org + "b c"}, {cn + "a"}}},
		{"escaped spaces stay", `CN=\ a\ ,O=b`, [][]string{{org + "b"}, {cn + " a "}}},
		{"escaped space then spaces", `CN=a\   ,O=b`, [][]string{{org + "b"}, {cn + "a "}}},
		{"every special character", `CN=\ \"\#\+\,\;\<\=\>\\`, [][]string{{cn + ` "#+,;<=>\`}}},
		{"printable characters", `SERIALNUMBER=azAZ09 '()\+\,-./:=?`, [][]string{{"2.5.4.5=azAZ09 '()+,-./:=?"}}},
		{"equals and hash inside", `CN=a=b#c`, [][]string{{cn + "a=b#c"}}},
		{"escaped hash", `CN=\#0C0161`, [][]string{{cn + "#0C0161"}}},
		{"newline at the end of a YAML block", "CN=a\n", [][]string{{cn + "a"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := literal(t, test.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("subject (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLiteralSubjectRefuses(t *testing.T) {
	tests := []struct{ name, in, says string }{
		{"unknown attribute", `CN=a,FOO=b`, `unknown attribute "FOO": use one of C, CN, DC, L, O, OU, SERIALNUMBER, ST, STREET, UID, or a dotted OID`},
		{"no equals sign", `CN=a,b`, "name=value"},
		{"empty RDN", `CN=a,,O=b`, "name=value"},
		{"comma at the end", `CN=a,`, "name=value"},
		{"plus at the end", `CN=a+`, "name=value"},
		{"only spaces", `  `, "name=value"},
		{"no name", `=a`, "name before the equals sign"},
		{"no value", `CN=,O=b`, "must not be empty"},
		{"only spaces in value", `CN=  ,O=b`, "must not be empty"},
		{"bad OID", `2.5.4.=a`, "not a dotted OID"},
		{"OID with a leading zero", `2.05=a`, "leading zeros"},
		{"OID outside the tree", `3.1=a`, "do not exist"},
		{"OID arc too large", `1.3.4294967296=a`, "below 2^31"},
		{"first arcs too large together", `2.2147483647=a`, "do not exist"},
		{"quotes", `CN="a"`, "must be escaped"},
		{"semicolon", `CN=a;O=b`, "must be escaped"},
		{"angle bracket", `CN=<a`, "must be escaped"},
		{"backslash at the end", `CN=a\`, "a backslash must be followed"},
		{"backslash and one digit", `CN=a\4`, "a backslash must be followed"},
		{"backslash and a letter", `CN=a\x`, "a backslash must be followed"},
		{"tab", "CN=a\tb", "control character"},
		{"null", `CN=a\00`, "null character"},
		{"bad UTF-8", `CN=\ff`, "valid UTF-8"},
		{"odd hex", `CN=#0`, "pairs of hex digits"},
		{"no hex", `CN=#`, "DER encoding of one string"},
		{"octet string", `1.3.6.1.4.1.1466.0=#04024869`, "DER encoding of one string"},
		{"general string", `CN=#1B0161`, "DER encoding of one string"},
		{"data after hex", `CN=#130161ff`, "DER encoding of one string"},
		{"empty hex string", `CN=#0C00`, "must not be empty"},
		{"country begins not printable", `C=éD`, "value of C: must consist of"},
		{"country not printable", `C=Dé`, "value of C: must consist of"},
		{"domain component not ASCII", `DC=exämple`, "ASCII"},
		{"value too long", "O=" + strings.Repeat("a", 1025), "longer than 1024"},
		{"too long", strings.Repeat("O=a,", 1100) + "O=a", "longer than 4096"},
		{"common name too long", "CN=" + strings.Repeat("ä", 65), "longer than 64 characters"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := literal(t, test.in)
			wantError(t, err, test.says)
			if !strings.HasPrefix(err.Error(), "literalSubject: ") && test.name != "common name too long" {
				t.Errorf("%q does not name its field", err)
			}
		})
	}
}

// The string types are what RFC 4519 2.4 and RFC 5280 4.1.2.4 prescribe.
func TestLiteralSubjectStringTypes(t *testing.T) {
	out, err := pki.CreateRequest(pki.RequestSpec{
		LiteralSubject: `CN=ä,O=a,DC=b,C=DE,L=#1E020061`, Key: pki.KeySpec{Algorithm: pki.ECDSA},
	}, ecKey())
	if err != nil {
		t.Fatal(err)
	}
	var sequence [][]struct {
		Type  asn1.ObjectIdentifier
		Value asn1.RawValue
	}
	decodeSets(t, stdRequest(t, out).RawSubject, &sequence)
	var tags []int
	for _, rdn := range sequence {
		tags = append(tags, rdn[0].Value.Tag)
	}
	want := []int{asn1.TagBMPString, asn1.TagPrintableString, asn1.TagIA5String, asn1.TagPrintableString, asn1.TagUTF8String}
	if diff := cmp.Diff(want, tags); diff != "" {
		t.Errorf("string types (-want +got):\n%s", diff)
	}
}

// decodeSets reads a DN whose values stay undecoded.
func decodeSets(t *testing.T, der []byte, out *[][]struct {
	Type  asn1.ObjectIdentifier
	Value asn1.RawValue
},
) {
	t.Helper()
	var sets []asn1.RawValue
	if _, err := asn1.Unmarshal(der, &sets); err != nil {
		t.Fatal(err)
	}
	for _, set := range sets {
		var rdn []struct {
			Type  asn1.ObjectIdentifier
			Value asn1.RawValue
		}
		if _, err := asn1.UnmarshalWithParams(set.FullBytes, &rdn, "set"); err != nil {
			t.Fatal(err)
		}
		*out = append(*out, rdn)
	}
}
