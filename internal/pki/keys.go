package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
)

// KeyAlgorithm is the algorithm of a private key under its API name.
type KeyAlgorithm string

// The key algorithms of the API.
const (
	RSA     KeyAlgorithm = "RSA"
	ECDSA   KeyAlgorithm = "ECDSA"
	Ed25519 KeyAlgorithm = "Ed25519"
)

const (
	minRSABits     = 2048
	maxRSABits     = 8192
	defaultRSABits = 2048
	defaultECBits  = 256

	// readRSABits bounds the keys in what others send: the time to check a
	// signature grows with the square of the modulus, up to seconds.
	readRSABits = 16_384
)

// KeySpec is the algorithm and size of a private key. The zero value means RSA
// with 2048 bits; an ECDSA key without a size is on P-256.
type KeySpec struct {
	Algorithm KeyAlgorithm
	// Size in bits. Ignored for Ed25519.
	Size int
}

// withDefaults returns the spec with every default written out, so that two
// specs that mean the same compare equal.
func (s KeySpec) withDefaults() KeySpec {
	if s.Algorithm == "" {
		s.Algorithm = RSA
	}
	switch {
	case s.Algorithm == Ed25519:
		s.Size = 0
	case s.Size != 0:
	case s.Algorithm == RSA:
		s.Size = defaultRSABits
	case s.Algorithm == ECDSA:
		s.Size = defaultECBits
	}
	return s
}

// String names the algorithm and the size, defaults included: "RSA 2048".
func (s KeySpec) String() string {
	s = s.withDefaults()
	if s.Size == 0 {
		return string(s.Algorithm)
	}
	return fmt.Sprintf("%s %d", s.Algorithm, s.Size)
}

// Validate refuses algorithms and sizes that the API does not have.
func (s KeySpec) Validate() error {
	s = s.withDefaults()
	switch s.Algorithm {
	case RSA:
		if s.Size < minRSABits || s.Size > maxRSABits {
			return fmt.Errorf("%w: RSA size %d: use %d to %d bits", ErrKeySpec, s.Size, minRSABits, maxRSABits)
		}
	case ECDSA:
		if curveOf(s.Size) == nil {
			return fmt.Errorf("%w: ECDSA size %d: use 256, 384 or 521", ErrKeySpec, s.Size)
		}
	case Ed25519:
	default:
		return fmt.Errorf("%w: algorithm %q: use RSA, ECDSA or Ed25519", ErrKeySpec, s.Algorithm)
	}
	return nil
}

func curveOf(bits int) elliptic.Curve {
	switch bits {
	case 256:
		return elliptic.P256()
	case 384:
		return elliptic.P384()
	case 521:
		return elliptic.P521()
	default:
		return nil
	}
}

// GenerateKey makes a new private key.
func GenerateKey(spec KeySpec) (crypto.Signer, error) {
	spec = spec.withDefaults()
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	key, err := generate(spec)
	if err != nil {
		return nil, fmt.Errorf("generate %s key: %w", spec, err)
	}
	return key, nil
}

func generate(spec KeySpec) (crypto.Signer, error) {
	switch spec.Algorithm {
	case ECDSA:
		return ecdsa.GenerateKey(curveOf(spec.Size), rand.Reader)
	case Ed25519:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	default:
		return rsa.GenerateKey(rand.Reader, spec.Size)
	}
}

// KeyMatchesSpec says whether a public key is of the algorithm and size that
// the spec asks for. Its error wraps ErrKeySpec.
func KeyMatchesSpec(pub crypto.PublicKey, spec KeySpec) error {
	spec = spec.withDefaults()
	if err := spec.Validate(); err != nil {
		return err
	}
	found := specOf(pub)
	if found != spec {
		return fmt.Errorf("%w: it is %s, not %s", ErrKeySpec, describe(found), spec)
	}
	return nil
}

func describe(spec KeySpec) string {
	if spec.Algorithm == "" {
		return "of an unsupported algorithm"
	}
	return spec.String()
}

// specOf returns the spec a public key satisfies, or the zero value for a key
// of an algorithm that the API does not have.
func specOf(pub crypto.PublicKey) KeySpec {
	switch pub := pub.(type) {
	case *rsa.PublicKey:
		return KeySpec{Algorithm: RSA, Size: pub.N.BitLen()}
	case *ecdsa.PublicKey:
		return KeySpec{Algorithm: ECDSA, Size: pub.Curve.Params().BitSize}
	case ed25519.PublicKey:
		return KeySpec{Algorithm: Ed25519}
	default:
		return KeySpec{}
	}
}

// PublicKeyID identifies a public key: the SHA-256 of its SubjectPublicKeyInfo
// in lower-case hex. It is empty for a key of an unknown type.
func PublicKeyID(pub crypto.PublicKey) string {
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// PublicKeysEqual says whether two public keys are the same key. Keys of
// unknown types are equal to nothing.
func PublicKeysEqual(a, b crypto.PublicKey) bool {
	comparable, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && comparable.Equal(b)
}

// checkRSASize refuses the public key of a request or certificate that would
// take too long to check a signature with.
func checkRSASize(pub crypto.PublicKey) error {
	if rsaKey, ok := pub.(*rsa.PublicKey); ok && rsaKey.N.BitLen() > readRSABits {
		return fmt.Errorf("the RSA key has more than %d bits", readRSABits)
	}
	return nil
}

// checkSigner refuses a key of a type that this package does not sign with.
func checkSigner(key crypto.Signer) error {
	if key == nil {
		return fmt.Errorf("%w: there is no key", ErrInvalidKey)
	}
	if specOf(key.Public()).Algorithm == "" {
		return fmt.Errorf("%w: %w", ErrInvalidKey, errNotSigner)
	}
	return nil
}

var errNotSigner = errors.New("the key cannot sign: use an RSA, ECDSA or Ed25519 key")
