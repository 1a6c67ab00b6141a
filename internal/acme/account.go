package acme

import (
	"context"
	"crypto"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// Account is who signs a request: the account's key, and the URL the CA gave
// it when it was registered.
type Account struct {
	Key crypto.Signer
	URL string
}

// AccountStatus is the state of an account (RFC 8555 section 7.1.2).
type AccountStatus string

// Account states. An answer without a body leaves the state empty.
const (
	AccountValid       AccountStatus = "valid"
	AccountDeactivated AccountStatus = "deactivated"
	AccountRevoked     AccountStatus = "revoked"
)

// maxContacts bounds the contacts taken from a CA's answer.
const maxContacts = 32

// AccountRequest asks for a new account, or for the one a key already has
// (RFC 8555 section 7.3).
type AccountRequest struct {
	// Contact holds URLs such as mailto:admin@example.com. Optional.
	Contact []string

	// TermsOfServiceAgreed says that the person responsible agrees to the
	// terms in the directory.
	TermsOfServiceAgreed bool

	// OnlyReturnExisting makes the CA answer accountDoesNotExist instead of
	// making an account (section 7.3.1).
	OnlyReturnExisting bool

	// ExternalAccount binds the account to one that the CA knows by other
	// means (section 7.3.4). Optional.
	ExternalAccount *ExternalAccount
}

// Registration is an account as the CA describes it (RFC 8555 section 7.1.2).
// Only URL is sure to be set: some CAs answer without a body.
type Registration struct {
	URL                  string
	Status               AccountStatus
	Contact              []string
	TermsOfServiceAgreed bool
	Orders               string // URL of the account's orders, where the CA has such a list

	// Created says that the account is new; false means the key had one.
	Created bool

	// TermsOfService is the URL of the CA's current terms, if it sent one.
	TermsOfService string

	RetryAfter time.Time
}

type wireAccountRequest struct {
	Contact                []string        `json:"contact,omitempty"`
	TermsOfServiceAgreed   bool            `json:"termsOfServiceAgreed,omitempty"`
	OnlyReturnExisting     bool            `json:"onlyReturnExisting,omitempty"`
	ExternalAccountBinding json.RawMessage `json:"externalAccountBinding,omitempty"`
}

type wireAccount struct {
	Status               string   `json:"status"`
	Contact              []string `json:"contact"`
	TermsOfServiceAgreed bool     `json:"termsOfServiceAgreed"`
	Orders               string   `json:"orders"`
}

// NewAccount registers a key, or finds the account it has. For a key that has
// one the CA ignores the rest of the request. When the CA demands an external
// account or new terms, the error is a Problem of that type.
func (c *Client) NewAccount(ctx context.Context, key crypto.Signer, req AccountRequest) (*Registration, error) {
	if err := checkContacts(OpNewAccount, req.Contact); err != nil {
		return nil, err
	}
	directory, err := c.cachedDirectory(ctx)
	if err != nil {
		return nil, err
	}
	wire := wireAccountRequest{
		Contact:              req.Contact,
		TermsOfServiceAgreed: req.TermsOfServiceAgreed,
		OnlyReturnExisting:   req.OnlyReturnExisting,
	}
	if req.ExternalAccount != nil {
		wire.ExternalAccountBinding, err = req.ExternalAccount.bind(key, directory.NewAccount)
		if err != nil {
			return nil, err
		}
	}
	payload, err := json.Marshal(wire)
	if err != nil {
		return nil, wrapOp(OpNewAccount, err)
	}
	signed := signedRequest{op: OpNewAccount, url: directory.NewAccount, account: Account{Key: key}, embedKey: true, payload: payload}
	resp, err := c.postToDirectory(ctx, signed)
	if err != nil {
		return nil, err
	}
	location, err := c.location(resp)
	if err != nil {
		return nil, err
	}
	return readRegistration(resp, location)
}

// FindAccount returns the account that a key has, and makes none (RFC 8555
// section 7.3.1). For a key without one the error is a Problem of type
// accountDoesNotExist.
func (c *Client) FindAccount(ctx context.Context, key crypto.Signer) (*Registration, error) {
	return c.NewAccount(ctx, key, AccountRequest{OnlyReturnExisting: true})
}

// FetchAccount reads the account by POST-as-GET (RFC 8555 section 6.3).
func (c *Client) FetchAccount(ctx context.Context, account Account) (*Registration, error) {
	return c.postAccount(ctx, account, nil)
}

// UpdateContacts replaces the contacts of the account; none removes them all
// (RFC 8555 section 7.3.2).
func (c *Client) UpdateContacts(ctx context.Context, account Account, contact []string) (*Registration, error) {
	if contact == nil {
		contact = []string{}
	}
	if err := checkContacts(OpAccount, contact); err != nil {
		return nil, err
	}
	payload, err := json.Marshal(map[string][]string{"contact": contact})
	if err != nil {
		return nil, wrapOp(OpAccount, err)
	}
	return c.postAccount(ctx, account, payload)
}

// DeactivateAccount ends the account for good: the CA refuses every later
// request of it as unauthorized, and no call brings it back (RFC 8555 section
// 7.3.6). Its certificates stay valid.
func (c *Client) DeactivateAccount(ctx context.Context, account Account) (*Registration, error) {
	return c.postAccount(ctx, account, []byte(`{"status":"deactivated"}`))
}

func (c *Client) postAccount(ctx context.Context, account Account, payload []byte) (*Registration, error) {
	req := signedRequest{op: OpAccount, url: account.URL, account: account, payload: payload}
	resp, err := c.post(ctx, req)
	if err != nil {
		return nil, err
	}
	return readRegistration(resp, account.URL)
}

func readRegistration(resp *response, accountURL string) (*Registration, error) {
	registration, err := parseAccount(resp.op, resp.body, resp.url)
	if err != nil {
		return nil, err
	}
	registration.URL = accountURL
	registration.Created = resp.status == http.StatusCreated
	registration.RetryAfter = resp.retryAfter
	if terms := resp.links("terms-of-service"); len(terms) > 0 {
		registration.TermsOfService = displayURL(terms[0])
	}
	return registration, nil
}

// parseAccount reads an account object; an empty body is an account of which
// nothing is said.
func parseAccount(op string, body []byte, base *url.URL) (*Registration, error) {
	var wire wireAccount
	if len(body) > 0 {
		if err := json.Unmarshal(body, &wire); err != nil {
			return nil, &ProtocolError{Op: op, Reason: ReasonMalformed}
		}
	}
	return &Registration{
		Status:               AccountStatus(cleanText(wire.Status, maxShortText)),
		Contact:              cleanList(wire.Contact, maxContacts),
		TermsOfServiceAgreed: wire.TermsOfServiceAgreed,
		Orders:               resolve(base, wire.Orders),
	}, nil
}
