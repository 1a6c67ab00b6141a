package acme

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// The RSA key, payload and signature of RFC 7520 sections 3.4 and 4.1.
const (
	rfc7520Key = `{"kty":"RSA","kid":"bilbo.baggins@hobbiton.example","use":"sig","e":"AQAB",
"n":"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw",
"d":"bWUC9B-EFRIo8kpGfh0ZuyGPvMNKvYWNtB_ikiH9k20eT-O1q_I78eiZkpXxXQ0UTEs2LsNRS-8uJbvQ-A1irkwMSMkK1J3XTGgdrhCku9gRldY7sNA_AKZGh-Q661_42rINLRCe8W-nZ34ui_qOfkLnK9QWDDqpaIsA-bMwWWSDFu2MUBYwkHTMEzLYGqOe04noqeq1hExBTHBOBdkMXiuFhUq1BU6l-DqEiWxqg82sXt2h-LMnT3046AOYJoRioz75tSUQfGCshWTBnP5uDjd18kKhyv07lhfSJdrPdM5Plyl21hsFf4L_mHCuoFau7gdsPfHPxxjVOcOpBrQzwQ",
"p":"3Slxg_DwTXJcb6095RoXygQCAZ5RnAvZlno1yhHtnUex_fp7AZ_9nRaO7HX_-SFfGQeutao2TDjDAWU4Vupk8rw9JR0AzZ0N2fvuIAmr_WCsmGpeNqQnev1T7IyEsnh8UMt-n5CafhkikzhEsrmndH6LxOrvRJlsPp6Zv8bUq0k",
"q":"uKE2dh-cTf6ERF4k4e_jy78GfPYUIaUyoSSJuBzp3Cubk3OCqs6grT8bR_cu0Dm1MZwWmtdqDyI95HrUeq3MP15vMMON8lHTeZu2lmKvwqW7anV5UzhM1iZ7z4yMkuUwFWoBvyY898EXvRD-hdqRxHlSqAZ192zB3pVFJ0s7pFc"}`
	rfc7520Payload   = "It\u2019s a dangerous business, Frodo, going out your door. You step onto the road, and if you don't keep your feet, there\u2019s no knowing where you might be swept off to."
	rfc7520Protected = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9"
	rfc7520Signature = "MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg"
)

// RS256 gives the same signature every time, so that the whole JWS of the RFC
// must come out.
func TestFlattenedJWSOfRFC7520(t *testing.T) {
	var key jose.JSONWebKey
	if err := key.UnmarshalJSON([]byte(rfc7520Key)); err != nil {
		t.Fatal(err)
	}
	signer, ok := key.Key.(crypto.Signer)
	if !ok {
		t.Fatalf("%T cannot sign", key.Key)
	}
	body, err := flattened(signer, key.KeyID, nil, []byte(rfc7520Payload))
	if err != nil {
		t.Fatal(err)
	}
	var jws wireJWS
	if err := json.Unmarshal(body, &jws); err != nil {
		t.Fatal(err)
	}
	if jws.Protected != rfc7520Protected {
		t.Errorf("protected %s, want %s", jws.Protected, rfc7520Protected)
	}
	if want := base64.RawURLEncoding.EncodeToString([]byte(rfc7520Payload)); *jws.Payload != want {
		t.Errorf("payload %s, want %s", *jws.Payload, want)
	}
	if jws.Signature != rfc7520Signature {
		t.Errorf("signature %s, want %s", jws.Signature, rfc7520Signature)
	}
}

// An ECDSA signature is the two numbers side by side, each as long as the curve
// (RFC 7518 section 3.4), and not the ASN.1 that crypto.Signer makes.
func TestECDSASignaturesAreOfFixedLength(t *testing.T) {
	for curve, size := range map[elliptic.Curve]int{elliptic.P256(): 32, elliptic.P384(): 48, elliptic.P521(): 66} {
		body, err := flattened(ecKey(t, curve), "https://ca.example/acct/1", nil, []byte("{}"))
		if err != nil {
			t.Fatal(err)
		}
		var jws wireJWS
		if err := json.Unmarshal(body, &jws); err != nil {
			t.Fatal(err)
		}
		signature, err := base64.RawURLEncoding.DecodeString(jws.Signature)
		if err != nil || len(signature) != 2*size {
			t.Errorf("%s: signature of %d bytes (%v), want %d", curve.Params().Name, len(signature), err, 2*size)
		}
	}
}

func TestES256SignatureByTheStandardLibrary(t *testing.T) {
	key := ecKey(t, elliptic.P256())
	body, err := flattened(key, "https://ca.example/acct/1", nil, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	var jws wireJWS
	if err := json.Unmarshal(body, &jws); err != nil {
		t.Fatal(err)
	}
	signature, err := base64.RawURLEncoding.DecodeString(jws.Signature)
	if err != nil || len(signature) != 64 {
		t.Fatalf("signature of %d bytes, %v", len(signature), err)
	}
	sum := sha256.Sum256([]byte(jws.Protected + "." + *jws.Payload))
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	if !ecdsa.Verify(&key.PublicKey, sum[:], r, s) {
		t.Error("the signature does not verify")
	}
}
