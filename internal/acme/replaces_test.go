package acme

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"
)

// rfc9773Certificate is the certificate of RFC 9773 appendix A.
const rfc9773Certificate = `-----BEGIN CERTIFICATE-----
MIIBQzCB66ADAgECAgUAh2VDITAKBggqhkjOPQQDAjAVMRMwEQYDVQQDEwpFeGFt
cGxlIENBMCIYDzAwMDEwMTAxMDAwMDAwWhgPMDAwMTAxMDEwMDAwMDBaMBYxFDAS
BgNVBAMTC2V4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeBZu
7cbpAYNXZLbbh8rNIzuOoqOOtmxA1v7cRm//AwyMwWxyHz4zfwmBhcSrf47NUAFf
qzLQ2PPQxdTXREYEnKMjMCEwHwYDVR0jBBgwFoAUaYhba4dGQEHhs3uEe6CuLN4B
yNQwCgYIKoZIzj0EAwIDRwAwRAIge09+S5TZAlw5tgtiVvuERV6cT4mfutXIlwTb
+FYN/8oCIClDsqBklhB9KAelFiYt9+6FDj3z4KGVelYM5MdsO3pK
-----END CERTIFICATE-----
`

func TestCertIDOfRFC9773(t *testing.T) {
	block, _ := pem.Decode([]byte(rfc9773Certificate))
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	got, err := CertID(leaf)
	if err != nil {
		t.Fatal(err)
	}
	if want := "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"; got != want {
		t.Errorf("identifier %q, want %q", got, want)
	}
}

// The serial number is the content of its DER: with a zero octet in front
// exactly when the high bit would make it negative.
func TestCertIDSerialNumbers(t *testing.T) {
	longest := append([]byte{0x80}, make([]byte, 19)...)
	tests := map[string]struct {
		serial *big.Int
		want   []byte
	}{
		"high bit clear": {big.NewInt(0x7f), []byte{0x7f}},
		"high bit set":   {big.NewInt(0x80), []byte{0x00, 0x80}},
		"two octets":     {big.NewInt(0x0100), []byte{0x01, 0x00}},
		"twenty octets":  {new(big.Int).SetBytes(longest), append([]byte{0x00}, longest...)},
		"130 octets":     {new(big.Int).Lsh(big.NewInt(1), 129*8), append([]byte{0x01}, make([]byte, 129)...)},
	}
	for name, test := range tests {
		got, err := CertID(&x509.Certificate{SerialNumber: test.serial, AuthorityKeyId: []byte{0xfb, 0xff}})
		if err != nil {
			t.Fatal(err)
		}
		if want := "-_8." + base64.RawURLEncoding.EncodeToString(test.want); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		if !isCertID(got) {
			t.Errorf("%s: %q is not taken for an identifier", name, got)
		}
	}
}

func TestCertIDOfIncompleteCertificates(t *testing.T) {
	for name, leaf := range map[string]*x509.Certificate{
		"none":              nil,
		"no serial number":  {AuthorityKeyId: []byte{1}},
		"no key identifier": {SerialNumber: big.NewInt(1)},
	} {
		if id, err := CertID(leaf); err == nil {
			t.Errorf("%s: identifier %q, want an error", name, id)
		}
	}
}

func TestIsReplacesRefusal(t *testing.T) {
	tests := map[string]struct {
		err  error
		want bool
	}{
		"already replaced":         {&Problem{Type: TypeAlreadyReplaced, Status: 409}, true},
		"malformed":                {&Problem{Type: TypeMalformed, Status: 400}, true},
		"another account's":        {&Problem{Type: TypeUnauthorized, Status: 403}, true},
		"not found":                {&Problem{Type: TypeBlank, Status: 404, Synthetic: true}, true},
		"unknown, as Pebble says":  {&Problem{Type: TypeServerInternal, Status: 500}, true},
		"a real server error":      {&Problem{Type: TypeServerInternal, Status: 500, RetryAfter: testNow.Add(time.Minute)}, false},
		"an outage":                {&Problem{Type: TypeBlank, Status: 503, Synthetic: true}, false},
		"rate limit":               {&Problem{Type: TypeRateLimited, Status: 429}, false},
		"new terms":                {&Problem{Type: TypeUserActionRequired, Status: 403}, false},
		"profile":                  {&Problem{Type: TypeInvalidProfile, Status: 400}, false},
		"identifier":               {&Problem{Type: TypeRejectedIdentifier, Status: 400}, false},
		"no account":               {&Problem{Type: TypeAccountDoesNotExist, Status: 400}, false},
		"a network failure":        {&NetworkError{Kind: NetworkTimeout}, false},
		"an answer out of order":   {&ProtocolError{Reason: ReasonMalformed}, false},
		"something else, wrapped":  {wrapOp(OpNewOrder, errors.New("else")), false},
		"already replaced, nested": {wrapOp(OpNewOrder, &Problem{Type: TypeAlreadyReplaced}), true},
		"nothing":                  {nil, false},
	}
	for name, test := range tests {
		if got := IsReplacesRefusal(test.err); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

func TestOrderContradicts(t *testing.T) {
	order := func(names, authorizations string) *Order {
		o := &Order{Authorizations: strings.Fields(authorizations)}
		for _, name := range strings.Fields(names) {
			o.Identifiers = append(o.Identifiers, DNSIdentifier(name))
		}
		return o
	}
	earlier := order("a b", "1 2")
	tests := map[string]struct {
		now  *Order
		want bool
	}{
		"same":                  {order("a b", "1 2"), false},
		"listed otherwise":      {order("b a", "2 1"), false},
		"status moved on":       {&Order{Status: OrderValid, Identifiers: earlier.Identifiers, Authorizations: earlier.Authorizations}, false},
		"another identifier":    {order("a c", "1 2"), true},
		"one identifier less":   {order("a", "1 2"), true},
		"one identifier more":   {order("a b c", "1 2"), true},
		"twice the same":        {order("a a", "1 2"), true},
		"another authorization": {order("a b", "1 3"), true},
	}
	for name, test := range tests {
		if got := test.now.Contradicts(earlier); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}
