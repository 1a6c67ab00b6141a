package acme

import (
	"context"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"
)

// RevocationReason says why a certificate is revoked (RFC 5280 section 5.3.1).
// A CA may accept only some and answer badRevocationReason to the others.
type RevocationReason int

// Revocation reasons. The number 7 is not used.
const (
	RevocationUnspecified          RevocationReason = 0
	RevocationKeyCompromise        RevocationReason = 1
	RevocationCACompromise         RevocationReason = 2
	RevocationAffiliationChanged   RevocationReason = 3
	RevocationSuperseded           RevocationReason = 4
	RevocationCessationOfOperation RevocationReason = 5
	RevocationCertificateHold      RevocationReason = 6
	RevocationRemoveFromCRL        RevocationReason = 8
	RevocationPrivilegeWithdrawn   RevocationReason = 9
	RevocationAACompromise         RevocationReason = 10
)

// Revocation is what the CA said to a request to revoke a certificate.
type Revocation struct {
	// AlreadyRevoked says that the certificate had been revoked before, with a
	// reason that need not be the one asked for now.
	AlreadyRevoked bool

	RetryAfter time.Time
}

type wireRevocation struct {
	Certificate string           `json:"certificate"`
	Reason      RevocationReason `json:"reason,omitempty"`
}

// RevokeCertificate revokes a certificate, given in DER, as the account that it
// was issued to or as one that holds authorizations for all its names
// (RFC 8555 section 7.6).
func (c *Client) RevokeCertificate(ctx context.Context, account Account, certificate []byte, reason RevocationReason) (*Revocation, error) {
	return c.revoke(ctx, signedRequest{account: account}, certificate, reason)
}

// RevokeCertificateByKey revokes a certificate, given in DER, as the holder of
// its private key, for whom no account is needed (RFC 8555 section 7.6). The CA
// may take the key for compromised and never accept it again.
func (c *Client) RevokeCertificateByKey(ctx context.Context, key crypto.Signer, certificate []byte, reason RevocationReason) (*Revocation, error) {
	return c.revoke(ctx, signedRequest{account: Account{Key: key}, embedKey: true}, certificate, reason)
}

func (c *Client) revoke(ctx context.Context, req signedRequest, certificate []byte, reason RevocationReason) (*Revocation, error) {
	payload, err := revocationPayload(certificate, reason)
	if err != nil {
		return nil, wrapOp(OpRevokeCert, err)
	}
	directory, err := c.cachedDirectory(ctx)
	if err != nil {
		return nil, err
	}
	req.op, req.url, req.payload = OpRevokeCert, directory.RevokeCert, payload
	resp, err := c.postToDirectory(ctx, req)
	if IsProblem(err, TypeAlreadyRevoked) {
		// What was asked for is so (RFC 8555 section 7.6).
		return &Revocation{AlreadyRevoked: true}, nil
	}
	if err != nil {
		return nil, err
	}
	return &Revocation{RetryAfter: resp.retryAfter}, nil
}

// revocationPayload leaves out the reason "unspecified", which says no more
// than none (RFC 5280 section 5.3.1).
func revocationPayload(certificate []byte, reason RevocationReason) ([]byte, error) {
	if len(certificate) == 0 {
		return nil, errors.New("no certificate to revoke was given")
	}
	if reason < RevocationUnspecified || reason > RevocationAACompromise || reason == 7 {
		return nil, errors.New("the revocation reason is not one of RFC 5280 section 5.3.1")
	}
	return json.Marshal(wireRevocation{Certificate: base64.RawURLEncoding.EncodeToString(certificate), Reason: reason})
}
