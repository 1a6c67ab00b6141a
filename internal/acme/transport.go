package acme

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"
)

// Limits on what is read from a CA.
const (
	maxBody      = 1 << 20 // bytes of any answer, certificate chains among them
	maxProblem   = 64 << 10
	maxRedirects = 5
)

// contentTypeJOSE is the only content type a CA accepts for a signed request
// (RFC 8555 section 6.2).
const contentTypeJOSE = "application/jose+json"

// httpRequest is one HTTP request, before the headers common to all are added.
type httpRequest struct {
	op     string
	method string
	target *url.URL
	body   []byte
	accept string
}

// response is a complete answer: its body has been read and is within bounds.
type response struct {
	op         string
	status     int
	header     http.Header
	body       []byte
	url        *url.URL
	retryAfter time.Time
	received   time.Time
}

// send makes one HTTP request and reads the whole answer. The error is a
// *NetworkError or a *ProtocolError; an answer of any status is no error.
func (c *Client) send(ctx context.Context, req httpRequest) (*response, error) {
	hr, err := http.NewRequestWithContext(ctx, req.method, req.target.String(), bytes.NewReader(req.body))
	if err != nil {
		return nil, &ProtocolError{Op: req.op, Reason: ReasonBadURL}
	}
	c.setHeaders(hr, req)
	start := c.now()
	resp, err := c.httpClient().Do(hr)
	if err != nil {
		c.observe(req, 0, start)
		return nil, transportError(req, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := readBody(req.op, resp)
	c.observe(req, resp.StatusCode, start)
	if err != nil {
		return nil, transportError(req, err)
	}
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		return nil, &ProtocolError{Op: req.op, Reason: ReasonRedirect}
	}
	now := c.now()
	return &response{
		op:         req.op,
		status:     resp.StatusCode,
		header:     resp.Header,
		body:       body,
		url:        resp.Request.URL,
		retryAfter: retryAfter(resp.Header, now),
		received:   now,
	}, nil
}

func (c *Client) setHeaders(hr *http.Request, req httpRequest) {
	hr.Header.Set("User-Agent", valueOr(c.UserAgent, defaultUserAgent))
	hr.Header.Set("Accept-Language", valueOr(c.Language, defaultLanguage))
	if req.accept != "" {
		hr.Header.Set("Accept", req.accept)
	}
	if req.method == http.MethodPost {
		hr.Header.Set("Content-Type", contentTypeJOSE)
	}
}

func (c *Client) observe(req httpRequest, status int, start time.Time) {
	if c.Observer != nil {
		c.Observer(req.op, req.target.Host, status, c.now().Sub(start))
	}
}

// httpClient returns the caller's HTTP client with this package's redirect
// policy and without a cookie jar.
func (c *Client) httpClient() *http.Client {
	c.once.Do(func() {
		hc := http.Client{Timeout: defaultHTTPTimeout}
		if c.HTTP != nil {
			hc = *c.HTTP
		}
		hc.Jar = nil
		hc.CheckRedirect = c.checkRedirect
		c.transport = &hc
	})
	return c.transport
}

// checkRedirect never follows a redirect of a signed request: its signature
// covers the URL it was made for (RFC 8555 section 6.4). Plain reads follow a
// few, as long as they stay where the CA may lead us.
func (c *Client) checkRedirect(next *http.Request, via []*http.Request) error {
	if via[0].Method == http.MethodPost {
		return http.ErrUseLastResponse
	}
	if len(via) > maxRedirects {
		return &ProtocolError{Op: OpDirectory, Reason: ReasonRedirect}
	}
	_, err := c.checkURL(OpDirectory, next.URL.String())
	return err
}

// readBody reads an answer within its limit. An oversized error document is
// cut off instead of refused: its HTTP status alone is worth knowing.
func readBody(op string, resp *http.Response) ([]byte, error) {
	limit := int64(maxBody)
	if !isSuccess(resp.StatusCode) {
		limit = maxProblem
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) <= limit {
		return body, nil
	}
	if isSuccess(resp.StatusCode) {
		return nil, &ProtocolError{Op: op, Reason: ReasonTooLarge}
	}
	return nil, nil
}

// transportError tells our own refusals (an oversized body, a redirect that
// leads astray) from failures of the network.
func transportError(req httpRequest, err error) error {
	if refused, ok := errors.AsType[*ProtocolError](err); ok {
		return &ProtocolError{Op: req.op, Reason: refused.Reason, Host: refused.Host}
	}
	return &NetworkError{Op: req.op, Host: req.target.Host, Kind: networkKind(err), Err: err}
}

func isSuccess(status int) bool {
	return status >= 200 && status < 300
}

func valueOr(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}
