// Package issued knows which certificates the operator got issued, for which Certificate and by which issuer:
// all tenants of a ClusterIssuer share one account at its CA, so that nothing less may decide who has a
// certificate revoked.
//
// A record is a certificate with a seal that only the operator can make. It can lie where a tenant can write:
// what was changed or moved to another namespace is no record any more. This package is pure; controllers and
// backends use it.
package issued

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash"

	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/pki"
)

// Record is a certificate that the operator got issued.
type Record struct {
	// Certificate is what it was issued for.
	Certificate types.NamespacedName
	// Issuer is who was asked, with its defaults filled in.
	Issuer v1.IssuerRef
	// Account is the URL of the ACME account that it was issued to, empty for other issuers.
	Account string
	// Leaf is the certificate itself.
	Leaf *x509.Certificate
	// InUse says that it is the one in the target Secret of its Certificate.
	InUse bool
}

// Fingerprint is the SHA-256 hash of the certificate in DER, in hex.
func (r *Record) Fingerprint() string { return Fingerprint(r.Leaf) }

// Fingerprint is the SHA-256 hash of a certificate in DER, in hex.
func Fingerprint(leaf *x509.Certificate) string {
	sum := sha256.Sum256(leaf.Raw)
	return hex.EncodeToString(sum[:])
}

// Serial is the serial number in hex.
func (r *Record) Serial() string { return pki.FormatSerial(r.Leaf.SerialNumber) }

// KeySize is the length of a Key in bytes.
const KeySize = 32

// Key makes and verifies seals. It is the operator's own secret, the same for all of its replicas.
type Key []byte

// sealed is what a seal is about, so that it cannot be taken for one of anything else.
const sealed = "certwright: issued certificate, version 1"

// Seal is proof, in base64url, that the operator itself has made the record.
func (k Key) Seal(r *Record) string {
	return base64.RawURLEncoding.EncodeToString(k.mac(r))
}

// Verify says whether a seal is that of the record.
func (k Key) Verify(r *Record, seal string) bool {
	given, err := base64.RawURLEncoding.DecodeString(seal)
	return err == nil && len(k) == KeySize && hmac.Equal(given, k.mac(r))
}

func (k Key) mac(r *Record) []byte {
	mac := hmac.New(sha256.New, k)
	for _, field := range []string{
		sealed, r.Certificate.Namespace, r.Certificate.Name, r.Issuer.Group, r.Issuer.Kind, r.Issuer.Name, r.Account, string(r.Leaf.Raw),
	} {
		writeField(mac, field)
	}
	return mac.Sum(nil)
}

// writeField puts the length in front, so that no two lists of fields look the same.
func writeField(to hash.Hash, field string) {
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(field)))
	// A hash takes everything.
	_, _ = to.Write(length[:])
	_, _ = to.Write([]byte(field))
}
