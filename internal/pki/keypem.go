package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// MaxKeyBytes bounds the PEM of a private key. An RSA key of 16384 bits fits.
const MaxKeyBytes = 13_000

// maxKeyBlocks leaves room for EC PARAMETERS around a key.
const maxKeyBlocks = 4

// KeyEncoding is the encoding of a private key under its API name.
type KeyEncoding string

// The key encodings of the API. PKCS1 means SEC 1 (RFC 5915) for an ECDSA key;
// an Ed25519 key has no such form and is always PKCS8.
const (
	PKCS1 KeyEncoding = "PKCS1"
	PKCS8 KeyEncoding = "PKCS8"
)

// EncodePrivateKey returns the key as one PEM block. An empty encoding means
// PKCS1.
func EncodePrivateKey(key crypto.Signer, encoding KeyEncoding) ([]byte, error) {
	if err := checkSigner(key); err != nil {
		return nil, err
	}
	block, err := keyBlock(key, encoding)
	if err != nil {
		return nil, fmt.Errorf("encode private key: %w", err)
	}
	return pem.EncodeToMemory(block), nil
}

func keyBlock(key crypto.Signer, encoding KeyEncoding) (*pem.Block, error) {
	switch encoding {
	case PKCS8:
		return pkcs8Block(key)
	case PKCS1, "":
	default:
		return nil, fmt.Errorf("unknown encoding %q: use PKCS1 or PKCS8", encoding)
	}
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return &pem.Block{Type: pemPKCS1, Bytes: x509.MarshalPKCS1PrivateKey(key)}, nil
	case *ecdsa.PrivateKey:
		der, err := x509.MarshalECPrivateKey(key)
		return &pem.Block{Type: pemSEC1, Bytes: der}, err
	default:
		return pkcs8Block(key)
	}
}

func pkcs8Block(key crypto.Signer) (*pem.Block, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return &pem.Block{Type: pemPKCS8, Bytes: der}, err
}

// DecodePrivateKey reads a PEM private key in PKCS#1, SEC 1 or PKCS#8. It
// accepts the EC PARAMETERS block that OpenSSL writes before a key, and weak
// keys: whether a key is good enough is for KeyMatchesSpec to say. Its errors
// wrap ErrInvalidKey.
func DecodePrivateKey(keyPEM []byte) (crypto.Signer, error) {
	block, err := findKeyBlock(keyPEM)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidKey, err)
	}
	key, err := parseKey(block)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidKey, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%w: %w", ErrInvalidKey, errNotSigner)
	}
	return signer, nil
}

// KeyEncodingOf says in which encoding a PEM private key is, without decoding
// the key itself. Its errors wrap ErrInvalidKey.
func KeyEncodingOf(keyPEM []byte) (KeyEncoding, error) {
	block, err := findKeyBlock(keyPEM)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrInvalidKey, err)
	}
	if block.Type == pemPKCS8 {
		return PKCS8, nil
	}
	return PKCS1, nil
}

// findKeyBlock returns the one private key block of a PEM file.
func findKeyBlock(keyPEM []byte) (*pem.Block, error) {
	blocks, err := decodePEM(keyPEM, MaxKeyBytes, maxKeyBlocks)
	if err != nil {
		return nil, err
	}
	var found *pem.Block
	for _, block := range blocks {
		switch {
		case block.Type == pemECParameters:
		case !isPrivateKey(block.Type):
			return nil, fmt.Errorf("%s where a private key was expected", describeBlock(block.Type))
		case found != nil:
			return nil, errors.New("more than one private key")
		default:
			found = block
		}
	}
	if found == nil {
		return nil, errors.New("no private key in the PEM data")
	}
	return found, nil
}

func parseKey(block *pem.Block) (any, error) {
	// RFC 1421 4.6.1.3: how OpenSSL marks an encrypted PKCS#1 or SEC 1 key.
	if block.Type == pemPKCS8Crypted || block.Headers["DEK-Info"] != "" {
		return nil, errors.New("the key is encrypted: store it without a passphrase")
	}
	switch block.Type {
	case pemPKCS1:
		return x509.ParsePKCS1PrivateKey(block.Bytes)
	case pemSEC1:
		return x509.ParseECPrivateKey(block.Bytes)
	case pemPKCS8:
		return parsePKCS8(block.Bytes)
	default:
		return nil, errors.New("unknown kind of private key: use PKCS#1, SEC 1 or PKCS#8")
	}
}

func parsePKCS8(der []byte) (any, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, err
	}
	switch key := key.(type) {
	case *rsa.PrivateKey, *ecdsa.PrivateKey, ed25519.PrivateKey:
		return key, nil
	default:
		return nil, errNotSigner
	}
}
