package acme

import (
	"bytes"
	"context"
	"encoding/pem"
	"time"
)

// contentTypeChain is the chain format that every CA must offer (RFC 8555
// section 9.1).
const contentTypeChain = "application/pem-certificate-chain"

// Bounds of a download.
const (
	maxChainLength = 32
	maxAlternates  = 32
)

const (
	pemBegin       = "-----BEGIN"
	pemCertificate = "CERTIFICATE"
)

// Certificate is a downloaded chain (RFC 8555 section 7.4.2). Whether it fits
// the key and the order is the caller's to verify.
type Certificate struct {
	URL string

	// PEM holds the chain, leaf first, encoded anew: nothing but CERTIFICATE
	// blocks without headers.
	PEM []byte

	// Alternates are the URLs of other chains for the same leaf, in the CA's
	// order, for FetchAlternate. None is checked before it is fetched.
	Alternates []string

	RetryAfter time.Time
}

// FetchCertificate downloads the chain of an order that is valid. A body that
// holds anything but certificates, such as a private key, is refused with
// ReasonNotCertificate.
func (c *Client) FetchCertificate(ctx context.Context, account Account, certificateURL string) (*Certificate, error) {
	req := signedRequest{op: OpCertificate, url: certificateURL, account: account, accept: contentTypeChain}
	resp, err := c.post(ctx, req)
	if err != nil {
		return nil, err
	}
	chain, err := parseChain(resp.body)
	if err != nil {
		return nil, err
	}
	alternates := resp.links("alternate")
	return &Certificate{
		URL:        certificateURL,
		PEM:        chain,
		Alternates: alternates[:min(len(alternates), maxAlternates)],
		RetryAfter: resp.retryAfter,
	}, nil
}

// FetchAlternate downloads another chain for the same leaf (RFC 8555 section
// 7.4.2), by one of the URLs in Certificate.Alternates.
func (c *Client) FetchAlternate(ctx context.Context, account Account, alternateURL string) (*Certificate, error) {
	return c.FetchCertificate(ctx, account, alternateURL)
}

// parseChain reads a PEM chain and encodes it anew. It counts the lines that
// begin a block, because the decoder passes over a block that is broken, and
// what this decoder cannot read another may (RFC 8555 section 11.4).
func parseChain(body []byte) ([]byte, error) {
	begins := bytes.Count(body, []byte(pemBegin))
	if begins == 0 {
		return nil, &ProtocolError{Op: OpCertificate, Reason: ReasonMalformed}
	}
	if begins > maxChainLength {
		return nil, &ProtocolError{Op: OpCertificate, Reason: ReasonTooLarge}
	}
	var chain bytes.Buffer
	for range begins {
		block, rest := pem.Decode(body)
		if block == nil || block.Type != pemCertificate || len(block.Headers) > 0 || len(block.Bytes) == 0 {
			return nil, &ProtocolError{Op: OpCertificate, Reason: ReasonNotCertificate}
		}
		chain.Write(pem.EncodeToMemory(block))
		body = rest
	}
	return chain.Bytes(), nil
}
