package pki

import (
	"crypto/x509"
	"fmt"
)

// SignatureAlgorithm is the algorithm that signs a request under its API name.
// Empty means the usual one of the key.
type SignatureAlgorithm string

// The signature algorithms of the API.
const (
	SHA256WithRSA   SignatureAlgorithm = "SHA256WithRSA"
	SHA384WithRSA   SignatureAlgorithm = "SHA384WithRSA"
	SHA512WithRSA   SignatureAlgorithm = "SHA512WithRSA"
	ECDSAWithSHA256 SignatureAlgorithm = "ECDSAWithSHA256"
	ECDSAWithSHA384 SignatureAlgorithm = "ECDSAWithSHA384"
	ECDSAWithSHA512 SignatureAlgorithm = "ECDSAWithSHA512"
	PureEd25519     SignatureAlgorithm = "PureEd25519"
)

type signatureScheme struct {
	x509 x509.SignatureAlgorithm
	key  KeyAlgorithm
}

var signatureSchemes = map[SignatureAlgorithm]signatureScheme{
	SHA256WithRSA:   {x509.SHA256WithRSA, RSA},
	SHA384WithRSA:   {x509.SHA384WithRSA, RSA},
	SHA512WithRSA:   {x509.SHA512WithRSA, RSA},
	ECDSAWithSHA256: {x509.ECDSAWithSHA256, ECDSA},
	ECDSAWithSHA384: {x509.ECDSAWithSHA384, ECDSA},
	ECDSAWithSHA512: {x509.ECDSAWithSHA512, ECDSA},
	PureEd25519:     {x509.PureEd25519, Ed25519},
}

// x509 returns the algorithm as crypto/x509 knows it; zero, which there means
// the usual one of the key, for an empty or unknown name.
func (a SignatureAlgorithm) x509() x509.SignatureAlgorithm {
	return signatureSchemes[a].x509
}

// fits refuses unknown names and algorithms of another kind of key.
func (a SignatureAlgorithm) fits(key KeyAlgorithm) error {
	if a == "" {
		return nil
	}
	scheme, ok := signatureSchemes[a]
	if !ok {
		return fmt.Errorf("signatureAlgorithm: %q is not a signature algorithm of the API", string(a))
	}
	if scheme.key != key {
		return fmt.Errorf("signatureAlgorithm: %s needs an %s key, not %s", a, scheme.key, key)
	}
	return nil
}
