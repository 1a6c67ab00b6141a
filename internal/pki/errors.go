package pki

import "errors"

// The kinds of mismatch that callers turn into a condition reason. The errors
// of this package wrap them with the detail; test with errors.Is.
var (
	// ErrInvalidKey: the private key cannot be read.
	ErrInvalidKey = errors.New("invalid private key")
	// ErrInvalidCertificate: the certificate or chain cannot be read.
	ErrInvalidCertificate = errors.New("invalid certificate")
	// ErrInvalidRequest: the certificate signing request cannot be read, or its
	// signature is wrong.
	ErrInvalidRequest = errors.New("invalid certificate request")
	// ErrKeyMismatch: the private key is not the key of the certificate.
	ErrKeyMismatch = errors.New("key mismatch")
	// ErrKeySpec: the key is not of the algorithm or size asked for.
	ErrKeySpec = errors.New("key does not match its specification")
	// ErrNames: the certificate lacks a name that was asked for.
	ErrNames = errors.New("names not covered")
	// ErrExpired: the certificate's notAfter has passed.
	ErrExpired = errors.New("certificate expired")
	// ErrChain: a certificate of the chain is not signed by the next one.
	ErrChain = errors.New("broken chain")
	// ErrSigner: the key pair cannot act as a CA (at this time).
	ErrSigner = errors.New("unusable signer")
	// ErrRefused: the signer must not sign what the request asks for.
	ErrRefused = errors.New("request refused")
)
