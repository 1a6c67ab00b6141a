package acme

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
)

// CertID returns the identifier of a certificate in renewal information and in
// OrderRequest.Replaces: the key identifier of its issuer and the content of
// its serial number in DER, where a number with the high bit set keeps the zero
// octet that begins it (RFC 9773 section 4.1).
func CertID(leaf *x509.Certificate) (string, error) {
	if leaf == nil || leaf.SerialNumber == nil {
		return "", errors.New("renewal information needs the certificate")
	}
	if len(leaf.AuthorityKeyId) == 0 {
		return "", errors.New("the certificate has no authority key identifier, without which the CA cannot tell when to renew it")
	}
	der, err := asn1.Marshal(leaf.SerialNumber)
	if err != nil {
		return "", fmt.Errorf("cannot encode the certificate's serial number: %w", err)
	}
	var serial asn1.RawValue
	if _, err := asn1.Unmarshal(der, &serial); err != nil {
		return "", fmt.Errorf("cannot encode the certificate's serial number: %w", err)
	}
	encoding := base64.RawURLEncoding
	return encoding.EncodeToString(leaf.AuthorityKeyId) + "." + encoding.EncodeToString(serial.Bytes), nil
}

// IsReplacesRefusal says whether the error of a NewOrder with Replaces may be
// about Replaces, so that the same order without it is worth one try at once.
// Only alreadyReplaced says so plainly (RFC 9773 section 5); for a predecessor
// that the CA does not know, or knows of another account, CAs answer malformed,
// unauthorized, "not found" or serverInternal. A server error with a
// Retry-After is a real one.
func IsReplacesRefusal(err error) bool {
	problem, ok := AsProblem(err)
	if !ok {
		return false
	}
	switch problem.Type {
	case TypeAlreadyReplaced, TypeMalformed, TypeUnauthorized:
		return true
	case TypeServerInternal:
		return problem.RetryAfter.IsZero()
	}
	return problem.Status == http.StatusNotFound || problem.Status == http.StatusConflict
}
