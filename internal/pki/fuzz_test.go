package pki

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"strings"
	"testing"
	"time"
)

var fuzzKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))

func fuzzRequest(f *testing.F, change func(*RequestSpec)) []byte {
	f.Helper()
	spec := RequestSpec{
		CommonName: "a", DNSNames: []string{"a.example"}, IPAddresses: []string{"10.0.0.1"}, URIs: []string{"urn:a"},
		EmailAddresses: []string{"a@b"}, OtherNames: []OtherName{{OID: "1.2.3", UTF8Value: "x"}},
		EncodeUsages: true, Usages: []Usage{UsageServerAuth, UsageDigitalSignature}, Key: KeySpec{Algorithm: Ed25519},
	}
	change(&spec)
	out, err := CreateRequest(spec, fuzzKey)
	if err != nil {
		f.Fatal(err)
	}
	return out
}

func FuzzDecodePrivateKey(f *testing.F) {
	for _, spec := range []KeySpec{{Algorithm: ECDSA}, {Algorithm: Ed25519}, {}} {
		for _, encoding := range []KeyEncoding{PKCS1, PKCS8} {
			key, err := GenerateKey(spec)
			if err != nil {
				f.Fatal(err)
			}
			out, err := EncodePrivateKey(key, encoding)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(out)
		}
	}
	f.Add([]byte("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		key, err := DecodePrivateKey(data)
		if err != nil {
			return
		}
		out, err := EncodePrivateKey(key, PKCS8)
		if err != nil {
			t.Fatalf("a key that was read cannot be written: %v", err)
		}
		again, err := DecodePrivateKey(out)
		if err != nil || !again.(interface{ Equal(crypto.PrivateKey) bool }).Equal(key) {
			t.Fatalf("a key changed in a round trip: %v", err)
		}
	})
}

func FuzzParseChain(f *testing.F) {
	request, err := ParseRequest(fuzzRequest(f, func(*RequestSpec) {}))
	if err != nil {
		f.Fatal(err)
	}
	chain, err := SelfSign(request, fuzzKey, Template{Usages: []Usage{UsageServerAuth, UsageDigitalSignature}}, time.Unix(1, 0))
	if err != nil {
		f.Fatal(err)
	}
	temporary, err := TemporaryCertificate(RequestSpec{CommonName: "b"}, fuzzKey, time.Unix(1, 0))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(chain.PEM())
	f.Add(append(chain, temporary...).PEM())
	f.Add([]byte("text\n-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		chain, err := ParseChain(data, 0)
		if err != nil {
			return
		}
		if len(chain) == 0 || len(chain) > maxChainLength {
			t.Fatalf("a chain of %d", len(chain))
		}
		_ = chain.Linked()
		_ = DiffCertificate(chain.Leaf(), RequestSpec{DNSNames: []string{"a"}})
		again, err := ParseChain(chain.PEM(), 10*MaxChainBytes)
		if err != nil || !bytes.Equal(again.PEM(), chain.PEM()) {
			t.Fatalf("a chain changed in a round trip: %v", err)
		}
	})
}

func FuzzParseRequest(f *testing.F) {
	f.Add(fuzzRequest(f, func(*RequestSpec) {}))
	f.Add(fuzzRequest(f, func(s *RequestSpec) {
		s.IsCA = true
		s.NameConstraints = &NameConstraints{Permitted: NameTrees{DNSDomains: []string{"a"}, IPRanges: []string{"10.0.0.0/8"}}}
	}))
	f.Add(fuzzRequest(f, func(s *RequestSpec) { *s = RequestSpec{LiteralSubject: "CN=a+O=b,DC=c", Key: s.Key} }))
	f.Fuzz(func(t *testing.T, data []byte) {
		request, err := ParseRequest(data)
		if err != nil {
			return
		}
		_ = DiffRequest(request, RequestSpec{DNSNames: []string{"a"}})
	})
}

// FuzzDecodeRequest fuzzes what ParseRequest does behind the signature, which a
// fuzzer cannot forge: the subject and one extension.
func FuzzDecodeRequest(f *testing.F) {
	san, err := names{dns: []string{"a"}, others: []OtherName{{OID: "1.2.3", UTF8Value: "x"}}}.encode()
	if err != nil {
		f.Fatal(err)
	}
	trees, err := (&constraints{permitted: trees{ips: []string{"10.0.0.0/8"}}}).encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{0x30, 0}, uint8(17), san)
	f.Add([]byte{0x30, 12, 0x31, 10, 0x30, 8, 6, 3, 0x55, 4, 3, 0x13, 1, 'a'}, uint8(30), trees)
	f.Add([]byte{0x30, 0}, uint8(15), []byte{3, 2, 5, 0xa0})
	f.Add([]byte{0x30, 0}, uint8(19), []byte{0x30, 6, 1, 1, 0xff, 2, 1, 0})
	f.Add([]byte{0x30, 0}, uint8(37), []byte{0x30, 10, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 1})
	f.Fuzz(func(t *testing.T, subject []byte, extension uint8, value []byte) {
		csr := &x509.CertificateRequest{RawSubject: subject, PublicKey: fuzzKey.Public()}
		csr.Extensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, int(extension)}, Value: value}}
		request, err := newRequest(csr)
		if err != nil {
			return
		}
		tmpl := Template{Usages: request.Usages, IsCA: request.IsCA || request.constraints != nil}
		if request.Agrees(tmpl.Usages, tmpl.IsCA) != nil {
			return
		}
		// Whatever was accepted has to come out of a certificate the same, or be
		// refused there; a subject that crypto/x509 cannot read is refused before
		// newRequest in production.
		chain, err := SelfSign(request, fuzzKey, tmpl, time.Unix(1, 0))
		if err != nil {
			return
		}
		if diff := diffNames(namesOf(chain.Leaf()), request.names()); diff != nil {
			t.Fatalf("names differ in %v", diff)
		}
	})
}

func FuzzParseDN(f *testing.F) {
	for _, seed := range []string{
		`UID=jsmith,DC=example,DC=net`, `OU=Sales+CN=J.  Smith,DC=example,DC=net`, `CN=James \"Jim\" Smith\, III`,
		`CN=Before\0dAfter`, `CN=Lu\C4\8Di\C4\87`, `CN=#0C0161`, `2.5.4.17= a\ `, `CN=\`, `=`, `,`, `+`, `C=#13024445`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		sequence, err := parseDN(text)
		if err != nil {
			if strings.Contains(err.Error(), "\x00") {
				t.Fatal("an error repeats raw control characters")
			}
			return
		}
		der, err := asn1.Marshal(sequence)
		if err != nil {
			t.Fatalf("a name that was read cannot be encoded: %v", err)
		}
		if _, err := decodeSubject(der); err != nil {
			t.Fatalf("a name cannot be read back: %v", err)
		}
		csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{RawSubject: der}, fuzzKey)
		if err != nil {
			t.Fatalf("crypto/x509 does not sign the name: %v", err)
		}
		if _, err := x509.ParseCertificateRequest(csr); err != nil {
			t.Fatalf("crypto/x509 does not read the name: %v", err)
		}
	})
}
