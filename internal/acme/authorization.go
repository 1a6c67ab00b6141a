package acme

import (
	"context"
	"encoding/json"
	"net/url"
	"time"
)

// AuthorizationStatus is the state of an authorization (RFC 8555 section 7.1.6).
type AuthorizationStatus string

// Authorization states.
const (
	AuthorizationPending     AuthorizationStatus = "pending"
	AuthorizationValid       AuthorizationStatus = "valid"
	AuthorizationInvalid     AuthorizationStatus = "invalid"
	AuthorizationDeactivated AuthorizationStatus = "deactivated"
	AuthorizationExpired     AuthorizationStatus = "expired"
	AuthorizationRevoked     AuthorizationStatus = "revoked"
)

// maxChallenges bounds the challenges of one authorization.
const maxChallenges = 64

// Authorization is the CA's view of whether an account controls an identifier
// (RFC 8555 section 7.1.4).
type Authorization struct {
	URL        string
	Identifier Identifier
	Status     AuthorizationStatus
	Expires    time.Time // zero if the CA did not say
	Challenges []Challenge

	// Wildcard says that the order asked for "*." before the identifier.
	Wildcard bool

	// SubdomainAuthAllowed says that the authorization holds for the names
	// below the identifier too (RFC 9444 section 4.1).
	SubdomainAuthAllowed bool

	// RetryAfter is when the CA wants to be asked again; zero if it did not say.
	RetryAfter time.Time
}

// Challenge returns the challenge of a type, if the CA offers it.
func (a *Authorization) Challenge(typ ChallengeType) (*Challenge, bool) {
	for i := range a.Challenges {
		if a.Challenges[i].Type == typ {
			return &a.Challenges[i], true
		}
	}
	return nil, false
}

type wireAuthorization struct {
	Identifier wireIdentifier    `json:"identifier"`
	Status     string            `json:"status"`
	Expires    wireTime          `json:"expires"`
	Challenges []json.RawMessage `json:"challenges"`
	Wildcard   bool              `json:"wildcard"`
	Subdomains bool              `json:"subdomainAuthAllowed"`
}

// FetchAuthorization reads an authorization by its URL. This, not the
// challenge, is what to poll while the CA validates (RFC 8555 section 7.5.1).
func (c *Client) FetchAuthorization(ctx context.Context, account Account, authorizationURL string) (*Authorization, error) {
	return c.postAuthorization(ctx, account, authorizationURL, nil)
}

// DeactivateAuthorization gives an authorization up, so that the CA neither
// keeps it pending nor uses it for another order (RFC 8555 section 7.5.2).
func (c *Client) DeactivateAuthorization(ctx context.Context, account Account, authorizationURL string) (*Authorization, error) {
	return c.postAuthorization(ctx, account, authorizationURL, []byte(`{"status":"deactivated"}`))
}

func (c *Client) postAuthorization(ctx context.Context, account Account, authorizationURL string, payload []byte) (*Authorization, error) {
	req := signedRequest{op: OpAuthorization, url: authorizationURL, account: account, payload: payload}
	resp, err := c.post(ctx, req)
	if err != nil {
		return nil, err
	}
	return readAuthorization(resp, authorizationURL)
}

func readAuthorization(resp *response, authorizationURL string) (*Authorization, error) {
	authorization, err := parseAuthorization(resp.op, resp.body, resp.url)
	if err != nil {
		return nil, err
	}
	authorization.URL = authorizationURL
	authorization.RetryAfter = resp.retryAfter
	return authorization, nil
}

// parseAuthorization reads an authorization object. Challenges of unknown
// types, or without a token, are kept: the caller picks the type it can answer.
// A challenge that cannot be read at all is left out, so that a new kind does
// not spoil the others.
func parseAuthorization(op string, body []byte, base *url.URL) (*Authorization, error) {
	var wire wireAuthorization
	if err := json.Unmarshal(body, &wire); err != nil {
		return nil, &ProtocolError{Op: op, Reason: ReasonMalformed}
	}
	if wire.Status == "" {
		return nil, &ProtocolError{Op: op, Reason: ReasonMissing, Field: "status"}
	}
	if len(wire.Challenges) > maxChallenges {
		return nil, &ProtocolError{Op: op, Reason: ReasonTooLarge}
	}
	authorization := &Authorization{
		Identifier: wire.Identifier.identifier(),
		Status:     AuthorizationStatus(cleanText(wire.Status, maxShortText)),
		Expires:    wire.Expires.Time,
		Wildcard:   wire.Wildcard,

		SubdomainAuthAllowed: wire.Subdomains,
	}
	for _, raw := range wire.Challenges {
		if challenge, err := parseChallenge(raw, base); err == nil && challenge.Type != "" {
			authorization.Challenges = append(authorization.Challenges, *challenge)
		}
	}
	return authorization, nil
}
