package acme

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"time"
)

// ChallengeType is a way to prove control of an identifier. A CA may offer
// types that are not listed here.
type ChallengeType string

// Challenge types.
const (
	ChallengeHTTP01       ChallengeType = "http-01"        // RFC 8555 section 8.3
	ChallengeDNS01        ChallengeType = "dns-01"         // RFC 8555 section 8.4
	ChallengeTLSALPN01    ChallengeType = "tls-alpn-01"    // RFC 8737 section 3
	ChallengeDNSAccount01 ChallengeType = "dns-account-01" // draft-ietf-acme-dns-account-label
	ChallengeDNSPersist01 ChallengeType = "dns-persist-01" // draft-ietf-acme-dns-persist
)

// ChallengeStatus is the state of a challenge (RFC 8555 section 7.1.6).
type ChallengeStatus string

// Challenge states.
const (
	ChallengePending    ChallengeStatus = "pending"
	ChallengeProcessing ChallengeStatus = "processing"
	ChallengeValid      ChallengeStatus = "valid"
	ChallengeInvalid    ChallengeStatus = "invalid"
)

// maxToken bounds a challenge token in bytes. It becomes a path and a part of
// object status; the CAs in use send 43 bytes at most.
const maxToken = 256

// http01Prefix is the well-known path of HTTP-01 (RFC 8555 section 8.3).
const http01Prefix = "/.well-known/acme-challenge/"

// Challenge is one offer of the CA's to prove control (RFC 8555 section 8).
type Challenge struct {
	Type   ChallengeType
	URL    string
	Status ChallengeStatus

	// Token is as the CA sent it, one line of at most 256 bytes:
	// KeyAuthorization and HTTP01Path refuse a bad one. Empty for types that
	// have none.
	Token string

	Validated time.Time // zero if it is not
	Error     *Problem  // why validation failed; may be without any content

	// Persist is what a dns-persist-01 challenge offers; nil for another type,
	// and for one that is malformed and must not be answered.
	Persist *PersistOffer

	// Authorization is the URL of the authorization that the challenge belongs
	// to (RFC 8555 section 7.5.1), where the CA named it in its answer.
	Authorization string

	// RetryAfter is when the CA wants to be asked again; zero if it did not
	// say, and zero in a challenge that came as part of an authorization.
	RetryAfter time.Time
}

type wireChallenge struct {
	Type      string           `json:"type"`
	URL       string           `json:"url"`
	Status    string           `json:"status"`
	Token     string           `json:"token"`
	Validated wireTime         `json:"validated"`
	Error     wireProblemError `json:"error"`

	wirePersistOffer
}

func (w *wireChallenge) challenge(base *url.URL) Challenge {
	challenge := Challenge{
		Type:      ChallengeType(cleanText(w.Type, maxShortText)),
		URL:       displayURL(resolve(base, w.URL)),
		Status:    ChallengeStatus(cleanText(w.Status, maxShortText)),
		Token:     w.Token,
		Validated: w.Validated.Time,
		Error:     w.Error.problem(),
	}
	if challenge.Type == ChallengeDNSPersist01 {
		challenge.Persist = w.offer()
	}
	return challenge
}

// FetchChallenge reads a challenge by its URL.
func (c *Client) FetchChallenge(ctx context.Context, account Account, challengeURL string) (*Challenge, error) {
	return c.postChallenge(ctx, account, challengeURL, nil)
}

// AcceptChallenge tells the CA that the response is in place (RFC 8555 section
// 7.5.1). A CA may validate at once, and only once.
func (c *Client) AcceptChallenge(ctx context.Context, account Account, challengeURL string) (*Challenge, error) {
	return c.postChallenge(ctx, account, challengeURL, []byte(`{}`))
}

func (c *Client) postChallenge(ctx context.Context, account Account, challengeURL string, payload []byte) (*Challenge, error) {
	req := signedRequest{op: OpChallenge, url: challengeURL, account: account, payload: payload}
	resp, err := c.post(ctx, req)
	if err != nil {
		return nil, err
	}
	challenge, err := parseChallenge(resp.body, resp.url)
	if err != nil {
		return nil, err
	}
	challenge.URL = challengeURL
	challenge.RetryAfter = resp.retryAfter
	if up := resp.links("up"); len(up) > 0 {
		challenge.Authorization = up[0]
	}
	return challenge, nil
}

func parseChallenge(body []byte, base *url.URL) (*Challenge, error) {
	var wire wireChallenge
	if err := json.Unmarshal(body, &wire); err != nil {
		return nil, &ProtocolError{Op: OpChallenge, Reason: ReasonMalformed}
	}
	if cleanText(wire.Token, maxToken) != wire.Token {
		return nil, &ProtocolError{Op: OpChallenge, Reason: ReasonBadToken}
	}
	challenge := wire.challenge(base)
	return &challenge, nil
}

// KeyAuthorization returns what proves that the holder of the account key
// answers a challenge (RFC 8555 section 8.1). A token outside the base64url
// alphabet gives a *ProtocolError with ReasonBadToken.
func KeyAuthorization(token string, key crypto.Signer) (string, error) {
	if err := checkToken(token); err != nil {
		return "", err
	}
	if key == nil {
		return "", fmt.Errorf("%w: none given", ErrUnsupportedKey)
	}
	thumbprint, err := Thumbprint(key.Public())
	if err != nil {
		return "", err
	}
	return token + "." + thumbprint, nil
}

// HTTP01Path returns the URL path at which an HTTP-01 challenge is answered
// with its key authorization (RFC 8555 section 8.3). The token is checked as in
// KeyAuthorization.
func HTTP01Path(token string) (string, error) {
	if err := checkToken(token); err != nil {
		return "", err
	}
	return http01Prefix + token, nil
}

// DNS01Value returns the TXT value for a key authorization (RFC 8555 section
// 8.4); dns-account-01 uses the same.
func DNS01Value(keyAuthorization string) string {
	sum := sha256.Sum256([]byte(keyAuthorization))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func checkToken(token string) error {
	if len(token) > maxToken || !isBase64URL(token) {
		return &ProtocolError{Op: OpChallenge, Reason: ReasonBadToken}
	}
	return nil
}
