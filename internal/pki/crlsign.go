package pki

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
)

// MaxCRLBytes bounds a signed list, in DER: a Secret holds 1 MiB, and what
// Expiries gives has to fit beside it. Some 17,000 certificates of this package
// fit.
const MaxCRLBytes = 900 << 10

// The extensions of a list and of its entries that this package understands
// (RFC 5280 5.2.1, 5.2.3 and 5.3.1).
var (
	oidAuthorityKeyID = asn1.ObjectIdentifier{2, 5, 29, 35}
	oidCRLNumber      = asn1.ObjectIdentifier{2, 5, 29, 20}
	oidCRLReason      = asn1.ObjectIdentifier{2, 5, 29, 21}
)

// CanSignCRL says whether the CA's certificate allows to sign revocation lists
// (RFC 5280 4.2.1.3). A certificate without any key usage is not restricted. The
// error wraps ErrSigner and says what the certificate lacks.
func (s *Signer) CanSignCRL() error {
	usage := s.Chain.Leaf().KeyUsage
	if usage != 0 && usage&x509.KeyUsageCRLSign == 0 {
		return fmt.Errorf("%w: the key usage of the CA certificate does not include %q: issue it again, for the same key, with this usage added",
			ErrSigner, string(UsageCRLSign))
	}
	return nil
}

// Sign returns the list in DER, signed by the signer at the list's ThisUpdate. It
// carries the key identifier that certificates of this signer carry (RFC 5280
// 5.2.1), so that two lists under one name and two keys are told apart. The
// reason unspecified is left out (RFC 5280 5.3.1).
//
// The result was verified against the signer. An error wraps ErrSigner if the CA
// must not sign lists, or is not valid at ThisUpdate, and ErrRefused if the list
// is incomplete or larger than MaxCRLBytes.
func (c *CRL) Sign(signer *Signer) ([]byte, error) {
	if err := signer.CanSignCRL(); err != nil {
		return nil, err
	}
	if err := signer.checkValidAt(c.ThisUpdate); err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	issuer, err := crlIssuer(signer.Chain.Leaf())
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateRevocationList(rand.Reader, c.template(), issuer, signer.Key)
	if err != nil {
		return nil, fmt.Errorf("sign revocation list: %w", err)
	}
	if len(der) > MaxCRLBytes {
		return nil, fmt.Errorf("%w: the revocation list would be larger than %d bytes and not fit into its Secret: "+
			"give the CA a new key, for which a new list begins", ErrRefused, MaxCRLBytes)
	}
	if _, err := ParseCRL(der, signer.Chain.Leaf()); err != nil {
		return nil, fmt.Errorf("%w: the revocation list cannot be read back: %w", ErrRefused, err)
	}
	return der, nil
}

// crlIssuer is the CA certificate as crypto/x509 wants it: CanSignCRL has
// decided, and a CA without a key identifier gets the one that its certificates
// carry.
func crlIssuer(ca *x509.Certificate) (*x509.Certificate, error) {
	keyID, err := authorityKeyID(ca)
	if err != nil {
		return nil, err
	}
	issuer := *ca
	issuer.SubjectKeyId = keyID
	issuer.KeyUsage |= x509.KeyUsageCRLSign
	return &issuer, nil
}

func (c *CRL) template() *x509.RevocationList {
	entries := make([]x509.RevocationListEntry, 0, len(c.Entries))
	for _, entry := range c.Entries {
		entries = append(entries, x509.RevocationListEntry{
			SerialNumber:   entry.Serial,
			RevocationTime: wholeSeconds(entry.RevokedAt),
			ReasonCode:     int(entry.Reason),
		})
	}
	return &x509.RevocationList{
		Number:                    c.Number,
		ThisUpdate:                wholeSeconds(c.ThisUpdate),
		NextUpdate:                wholeSeconds(c.NextUpdate),
		RevokedCertificateEntries: entries,
	}
}

// ParseCRL reads a signed list, in DER and of at most MaxCRLBytes, that is to be
// continued, and verifies that the CA certificate's key signed it: what somebody
// else wrote must not be signed again. Of the entries it keeps what CRLEntry has,
// without NotAfter; lists that are for a part of the certificates, or say
// anything else that must be understood, are refused. The error wraps
// ErrInvalidCRL.
func ParseCRL(der []byte, issuer *x509.Certificate) (*CRL, error) {
	if len(der) > MaxCRLBytes {
		return nil, fmt.Errorf("%w: it is larger than %d bytes", ErrInvalidCRL, MaxCRLBytes)
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidCRL, err)
	}
	if !bytes.Equal(list.RawIssuer, issuer.RawSubject) {
		return nil, fmt.Errorf("%w: it is of another CA, by its name", ErrInvalidCRL)
	}
	if err := list.CheckSignatureFrom(issuer); err != nil {
		return nil, fmt.Errorf("%w: the CA's key did not sign it: %w", ErrInvalidCRL, err)
	}
	content, err := crlContent(list, len(der))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidCRL, err)
	}
	return content, nil
}

// crlContent takes over what was read from size bytes.
func crlContent(list *x509.RevocationList, size int) (*CRL, error) {
	if len(list.Raw) != size {
		return nil, errors.New("there is something behind it")
	}
	if hasUnknownCritical(list.Extensions, oidAuthorityKeyID, oidCRLNumber) {
		return nil, errors.New("it has a critical extension that complete lists of one CA do not have")
	}
	content := &CRL{Number: list.Number, ThisUpdate: list.ThisUpdate.UTC(), NextUpdate: list.NextUpdate.UTC()}
	for _, entry := range list.RevokedCertificateEntries {
		if hasUnknownCritical(entry.Extensions, oidCRLReason) {
			return nil, errors.New("an entry has a critical extension that complete lists of one CA do not have")
		}
		content.Entries = append(content.Entries, CRLEntry{
			Serial:    entry.SerialNumber,
			RevokedAt: entry.RevocationTime.UTC(),
			Reason:    RevocationReason(entry.ReasonCode),
		})
	}
	content.Entries = inSerialOrder(content.Entries)
	return content, content.check()
}

func hasUnknownCritical(extensions []pkix.Extension, known ...asn1.ObjectIdentifier) bool {
	return slices.ContainsFunc(extensions, func(extension pkix.Extension) bool {
		return extension.Critical && !slices.ContainsFunc(known, extension.Id.Equal)
	})
}
