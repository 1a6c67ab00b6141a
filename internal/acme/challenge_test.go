package acme

import (
	"crypto/elliptic"
	"errors"
	"strings"
	"testing"
)

// exampleToken is the token of the examples in RFC 8555 section 8.
const exampleToken = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"

func TestKeyAuthorization(t *testing.T) {
	got, err := KeyAuthorization(exampleToken, publicOnly{rfc7638Key(t)})
	if err != nil {
		t.Fatal(err)
	}
	if want := exampleToken + "." + rfc7638Thumbprint; got != want {
		t.Errorf("key authorization %q, want %q", got, want)
	}
}

func TestDNS01Value(t *testing.T) {
	got := DNS01Value(exampleToken + "." + rfc7638Thumbprint)
	if want := "ZTRx1Ckl1-tM05o5zaizTTA0yUy5AGereMgSNWC6Ll8"; got != want {
		t.Errorf("value %q, want %q", got, want)
	}
}

func TestHTTP01Path(t *testing.T) {
	got, err := HTTP01Path(exampleToken)
	if err != nil {
		t.Fatal(err)
	}
	if want := "/.well-known/acme-challenge/" + exampleToken; got != want {
		t.Errorf("path %q, want %q", got, want)
	}
}

func TestBadTokens(t *testing.T) {
	key := ecKey(t, elliptic.P256())
	tokens := []string{"", "../../etc/passwd", "a/b", "a.b", "a=", "a b", "a\x00b", "tökén", strings.Repeat("a", maxToken+1)}
	for _, token := range tokens {
		_, authErr := KeyAuthorization(token, key)
		_, pathErr := HTTP01Path(token)
		for _, err := range []error{authErr, pathErr} {
			protocol, ok := errors.AsType[*ProtocolError](err)
			if !ok || protocol.Reason != ReasonBadToken {
				t.Errorf("token %q: %v, want %s", token, err, ReasonBadToken)
			}
		}
	}
}
