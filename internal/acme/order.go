package acme

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/netip"
	"net/url"
	"time"
)

// IdentifierType is the kind of name a certificate is for.
type IdentifierType string

// Identifier types.
const (
	IdentifierDNS IdentifierType = "dns" // RFC 8555 section 9.7.7
	IdentifierIP  IdentifierType = "ip"  // RFC 8738 section 3
)

// Identifier is a name in an order or an authorization. In an authorization a
// DNS name has no wildcard label (RFC 8555 section 7.1.4).
type Identifier struct {
	Type  IdentifierType
	Value string
}

// DNSIdentifier returns the identifier of a DNS name, which must be in lower
// case and, if international, an A-label.
func DNSIdentifier(name string) Identifier {
	return Identifier{Type: IdentifierDNS, Value: name}
}

// IPIdentifier returns the identifier of an address, in the canonical text
// that RFC 8738 section 3 asks for.
func IPIdentifier(address netip.Addr) Identifier {
	return Identifier{Type: IdentifierIP, Value: address.Unmap().WithZone("").String()}
}

// OrderStatus is the state of an order (RFC 8555 section 7.1.6).
type OrderStatus string

// Order states.
const (
	OrderPending    OrderStatus = "pending"
	OrderReady      OrderStatus = "ready"
	OrderProcessing OrderStatus = "processing"
	OrderValid      OrderStatus = "valid"
	OrderInvalid    OrderStatus = "invalid"
)

// Bounds on the lists of an order.
const (
	maxIdentifiers    = 1000
	maxAuthorizations = 1000
)

// OrderRequest asks for a certificate (RFC 8555 section 7.4).
type OrderRequest struct {
	Identifiers []Identifier

	// NotBefore and NotAfter ask for a validity; zero leaves it to the CA.
	NotBefore time.Time
	NotAfter  time.Time

	// Profile names one of the directory's profiles; empty leaves it to the CA
	// (draft-ietf-acme-profiles).
	Profile string

	// Replaces is the CertID of the certificate that the new one succeeds. It
	// is left out for a CA without renewal information (RFC 9773 section 5).
	// IsReplacesRefusal says when to order again without it.
	Replaces string
}

// Order is an order as the CA describes it (RFC 8555 section 7.1.3).
type Order struct {
	URL            string
	Status         OrderStatus
	Expires        time.Time // zero if the CA did not say
	Identifiers    []Identifier
	NotBefore      time.Time
	NotAfter       time.Time
	Profile        string
	Replaces       string
	Error          *Problem // why processing failed; may be without any content
	Authorizations []string
	Finalize       string
	Certificate    string // set once the order is valid

	// RetryAfter is when the CA wants to be asked again; zero if it did not say.
	RetryAfter time.Time
}

type wireIdentifier struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

type wireOrderRequest struct {
	Identifiers []wireIdentifier `json:"identifiers"`
	NotBefore   string           `json:"notBefore,omitempty"`
	NotAfter    string           `json:"notAfter,omitempty"`
	Profile     string           `json:"profile,omitempty"`
	Replaces    string           `json:"replaces,omitempty"`
}

type wireOrder struct {
	Status         string           `json:"status"`
	Expires        wireTime         `json:"expires"`
	Identifiers    []wireIdentifier `json:"identifiers"`
	NotBefore      wireTime         `json:"notBefore"`
	NotAfter       wireTime         `json:"notAfter"`
	Profile        string           `json:"profile"`
	Replaces       string           `json:"replaces"`
	Error          wireProblemError `json:"error"`
	Authorizations []string         `json:"authorizations"`
	Finalize       string           `json:"finalize"`
	Certificate    string           `json:"certificate"`
}

// NewOrder makes an order, or returns one that the CA deems the same. The URL
// of the order must be kept at once: it is the only way back to it. After a
// NetworkError it is unknown whether an order was made.
func (c *Client) NewOrder(ctx context.Context, account Account, req OrderRequest) (*Order, error) {
	directory, err := c.cachedDirectory(ctx)
	if err != nil {
		return nil, err
	}
	if directory.RenewalInfo == "" {
		req.Replaces = ""
	}
	payload, err := json.Marshal(req.wire())
	if err != nil {
		return nil, wrapOp(OpNewOrder, err)
	}
	signed := signedRequest{op: OpNewOrder, url: directory.NewOrder, account: account, payload: payload}
	resp, err := c.postToDirectory(ctx, signed)
	if err != nil {
		return nil, err
	}
	location, err := c.location(resp)
	if err != nil {
		return nil, err
	}
	return c.readOrder(resp, location)
}

func (r *OrderRequest) wire() wireOrderRequest {
	wire := wireOrderRequest{
		Identifiers: make([]wireIdentifier, len(r.Identifiers)),
		NotBefore:   formatTime(r.NotBefore),
		NotAfter:    formatTime(r.NotAfter),
		Profile:     r.Profile,
		Replaces:    r.Replaces,
	}
	for i, identifier := range r.Identifiers {
		wire.Identifiers[i] = wireIdentifier{Type: string(identifier.Type), Value: identifier.Value}
	}
	return wire
}

// FetchOrder reads an order by its URL.
func (c *Client) FetchOrder(ctx context.Context, account Account, orderURL string) (*Order, error) {
	resp, err := c.post(ctx, signedRequest{op: OpOrder, url: orderURL, account: account})
	if err != nil {
		return nil, err
	}
	return c.readOrder(resp, orderURL)
}

// Finalize hands in the certificate request, in DER, of an order that is ready
// (RFC 8555 section 7.4). Of order only URL and Finalize are used. After a
// NetworkError read the order again before another try. A badCSR problem leaves
// the order ready.
func (c *Client) Finalize(ctx context.Context, account Account, order *Order, csr []byte) (*Order, error) {
	payload, err := json.Marshal(map[string]string{"csr": base64.RawURLEncoding.EncodeToString(csr)})
	if err != nil {
		return nil, wrapOp(OpFinalize, err)
	}
	resp, err := c.post(ctx, signedRequest{op: OpFinalize, url: order.Finalize, account: account, payload: payload})
	if err != nil {
		if IsProblem(err, TypeInvalidProfile) {
			c.ForgetDirectory()
		}
		return nil, err
	}
	return c.readOrder(resp, order.URL)
}

func (c *Client) readOrder(resp *response, orderURL string) (*Order, error) {
	order, err := parseOrder(resp.op, resp.body, resp.url)
	if err != nil {
		return nil, err
	}
	order.URL = orderURL
	order.RetryAfter = resp.retryAfter
	return order, c.checkOrder(resp.op, order)
}

// checkOrder refuses an order whose links lead where this client may not go,
// before any work is put into it.
func (c *Client) checkOrder(op string, order *Order) error {
	if order.Finalize != "" {
		if _, err := c.checkURL(op, order.Finalize); err != nil {
			return err
		}
	}
	if order.Certificate != "" {
		if _, err := c.checkURL(op, order.Certificate); err != nil {
			return err
		}
	}
	for _, authorization := range order.Authorizations {
		if _, err := c.checkURL(op, authorization); err != nil {
			return err
		}
	}
	return nil
}

// parseOrder reads an order object.
func parseOrder(op string, body []byte, base *url.URL) (*Order, error) {
	var wire wireOrder
	if err := json.Unmarshal(body, &wire); err != nil {
		return nil, &ProtocolError{Op: op, Reason: ReasonMalformed}
	}
	if wire.Status == "" {
		return nil, &ProtocolError{Op: op, Reason: ReasonMissing, Field: "status"}
	}
	if len(wire.Identifiers) > maxIdentifiers || len(wire.Authorizations) > maxAuthorizations {
		return nil, &ProtocolError{Op: op, Reason: ReasonTooLarge}
	}
	return &Order{
		Status:         OrderStatus(cleanText(wire.Status, maxShortText)),
		Expires:        wire.Expires.Time,
		Identifiers:    identifiers(wire.Identifiers),
		NotBefore:      wire.NotBefore.Time,
		NotAfter:       wire.NotAfter.Time,
		Profile:        cleanText(wire.Profile, maxShortText),
		Replaces:       cleanText(wire.Replaces, maxShortText),
		Error:          wire.Error.problem(),
		Authorizations: resolveAll(base, wire.Authorizations),
		Finalize:       resolve(base, wire.Finalize),
		Certificate:    resolve(base, wire.Certificate),
	}, nil
}

func identifiers(wire []wireIdentifier) []Identifier {
	list := make([]Identifier, len(wire))
	for i := range wire {
		list[i] = wire[i].identifier()
	}
	return list
}

func (w wireIdentifier) identifier() Identifier {
	return Identifier{
		Type:  IdentifierType(cleanText(w.Type, maxShortText)),
		Value: cleanText(w.Value, maxIdentifierText),
	}
}

// Contradicts says whether an order differs from what the CA said of it
// earlier in what cannot change: its identifiers and authorizations. Such an
// order is to be treated as invalid (RFC 8555 section 7.1.3). The order in
// which either are listed has no meaning.
func (o *Order) Contradicts(earlier *Order) bool {
	return !sameElements(o.Identifiers, earlier.Identifiers) || !sameElements(o.Authorizations, earlier.Authorizations)
}

func sameElements[T comparable](a, b []T) bool {
	counts := make(map[T]int, len(a))
	for _, element := range a {
		counts[element]++
	}
	for _, element := range b {
		counts[element]--
	}
	for _, count := range counts {
		if count != 0 {
			return false
		}
	}
	return true
}
