package acme

import (
	"context"
	"encoding/json"
)

// PreauthorizationRequest asks for an authorization ahead of any order
// (RFC 8555 section 7.4.1).
type PreauthorizationRequest struct {
	// Identifier must not be a wildcard: those are authorized by orders only.
	Identifier Identifier

	// Subdomains asks that the authorization holds for the names below the
	// identifier too (RFC 9444 section 4.2). It takes effect only at a CA whose
	// directory has SubdomainAuthAllowed.
	Subdomains bool
}

type wirePreauthorizationRequest struct {
	Identifier struct {
		wireIdentifier
		Subdomains bool `json:"subdomainAuthAllowed,omitempty"`
	} `json:"identifier"`
}

// NewAuthorization asks for an authorization, or returns one that the account
// has for the identifier. A CA without pre-authorization gives ErrNotOffered.
func (c *Client) NewAuthorization(ctx context.Context, account Account, req PreauthorizationRequest) (*Authorization, error) {
	directory, err := c.cachedDirectory(ctx)
	if err != nil {
		return nil, err
	}
	var wire wirePreauthorizationRequest
	wire.Identifier.wireIdentifier = wireIdentifier{Type: string(req.Identifier.Type), Value: req.Identifier.Value}
	wire.Identifier.Subdomains = req.Subdomains
	payload, err := json.Marshal(wire)
	if err != nil {
		return nil, wrapOp(OpNewAuthz, err)
	}
	resp, err := c.postToDirectory(ctx, signedRequest{op: OpNewAuthz, url: directory.NewAuthz, account: account, payload: payload})
	if err != nil {
		return nil, err
	}
	location, err := c.location(resp)
	if err != nil {
		return nil, err
	}
	return readAuthorization(resp, location)
}
