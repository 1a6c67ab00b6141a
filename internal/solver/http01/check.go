package http01

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/solver/internal/netcause"
)

// maxAnswer bounds the body that is read, in bytes; a key authorization has about 90.
const maxAnswer = 8 << 10

// Layer says how far a check came.
type Layer string

const (
	// LayerConnect means that there was no connection.
	LayerConnect Layer = "Connect"
	// LayerResponse means that what came over the connection was no whole HTTP response.
	LayerResponse Layer = "Response"
	// LayerStatus means that the status was not 200. Redirects are not followed.
	LayerStatus Layer = "Status"
	// LayerBody means that the body was not the key authorization.
	LayerBody Layer = "Body"
)

// CheckError says what a check saw instead of the key authorization. Its text is the same for the same
// failure and holds nothing of the body.
type CheckError struct {
	Layer Layer
	// Address is what was dialed and Host what was asked for.
	Address, Host string
	// Status is the HTTP status, or 0 where there was none.
	Status int
	// Seen says what was wrong, in words.
	Seen string
	// Err is the cause, for errors.Is; it may be nil.
	Err error
}

// Error implements error.
func (e *CheckError) Error() string {
	return fmt.Sprintf("the HTTP-01 answer for %s at %s is not served: %s", e.Host, e.Address, e.Seen)
}

// Unwrap returns the cause.
func (e *CheckError) Unwrap() error { return e.Err }

// checker asks each time over a new connection and without a proxy, because what it looks at is one
// replica at its own address, now.
var checker = &http.Client{
	Transport: &http.Transport{
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxAnswer,
	},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// Check asks the server at an address, "host:port", for the answer to a token with the Host header a CA
// would send, once. It returns nil where the body is want, trailing whitespace aside (RFC 8555 section
// 8.3), a *CheckError where it is not, and another error where the arguments make no request. The
// context's deadline ends it.
func Check(ctx context.Context, address, host, token, want string) error {
	request, err := newRequest(ctx, address, host, token)
	if err != nil {
		return err
	}
	failure := CheckError{Address: address, Host: host}
	response, err := checker.Do(request)
	if err != nil {
		return failure.exchange(err)
	}
	// The body was only read from: there is nothing that closing could lose.
	defer func() { _ = response.Body.Close() }()
	return failure.response(response, want)
}

// response reads a response to its end.
func (e CheckError) response(response *http.Response, want string) error {
	e.Status = response.StatusCode
	if e.Status != http.StatusOK {
		return e.status()
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return e.at(LayerResponse, netcause.Text(err), err)
	}
	return e.body(body, want)
}

func newRequest(ctx context.Context, address, host, token string) (*http.Request, error) {
	path, err := acme.HTTP01Path(token)
	if err != nil {
		return nil, fmt.Errorf("the HTTP-01 token: %w", err)
	}
	canonical, ok := CanonicalHost(host)
	if !ok {
		return nil, errors.New("the host of the HTTP-01 challenge is neither a DNS name nor an IP address")
	}
	if _, _, err := net.SplitHostPort(address); err != nil {
		return nil, errors.New("the address of the HTTP-01 answer is not host:port")
	}
	target := url.URL{Scheme: "http", Host: address, Path: path}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), http.NoBody)
	if err != nil {
		return nil, errors.New("the address of the HTTP-01 answer is not host:port")
	}
	request.Host = hostHeader(canonical)
	return request, nil
}

func (e CheckError) at(layer Layer, seen string, err error) error {
	e.Layer, e.Seen, e.Err = layer, seen, err
	return &e
}

// exchange tells a connection that was not made from one that did not carry a response.
func (e CheckError) exchange(err error) error {
	var operation *net.OpError
	if errors.As(err, &operation) && operation.Op == "dial" {
		return e.at(LayerConnect, netcause.Text(err), err)
	}
	return e.at(LayerResponse, netcause.Text(err), err)
}

func (e CheckError) status() error {
	seen := fmt.Sprintf("the answer has status %d", e.Status)
	if e.Status >= 300 && e.Status < 400 {
		seen += ", a redirect"
	}
	return e.at(LayerStatus, seen, nil)
}

func (e CheckError) body(body []byte, want string) error {
	switch {
	case len(body) > maxAnswer:
		return e.at(LayerBody, "the answer is longer than 8 KiB", nil)
	case strings.TrimRight(string(body), " \t\r\n") != want:
		return e.at(LayerBody, "the answer has another body", nil)
	}
	return nil
}
