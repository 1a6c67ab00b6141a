package pki

import (
	"crypto/x509"
	"encoding/hex"
)

// maxKeyIDOctets bounds the key identifiers that are taken as they are. RFC 5280
// 4.2.1.2 and RFC 7093 2 make them of 8 to 64 octets.
const maxKeyIDOctets = 64

// KeyID names the signing key in lower-case hex: the subject key identifier of
// the CA certificate, which is the authority key identifier of what it signs. A
// certificate that has none, or one that is longer than 64 octets, gives one that
// is computed of its key. Whoever makes a CA certificate chooses its identifier:
// two keys may have the same.
func (s *Signer) KeyID() (string, error) {
	ca := s.Chain.Leaf()
	id := ca.SubjectKeyId
	if len(id) == 0 || len(id) > maxKeyIDOctets {
		var err error
		if id, err = subjectKeyID(ca.PublicKey); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(id), nil
}

// Signed says whether this key signed the certificate, whatever names the two
// have.
func (s *Signer) Signed(cert *x509.Certificate) bool {
	return s.Chain.Leaf().CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature) == nil
}
