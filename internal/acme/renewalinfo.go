package acme

import (
	"context"
	"encoding/json"
	"errors"
	"math/bits"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Bounds of the time between two looks at the renewal information of a
// certificate (RFC 9773 section 4.3.2), and the time after an error that is not
// going to pass soon (section 4.3.3).
const (
	minRenewalInfoDelay     = time.Minute
	maxRenewalInfoDelay     = 24 * time.Hour
	defaultRenewalInfoDelay = 6 * time.Hour
)

// maxRenewalInfoRetries is how often a temporary error is tried again before it
// counts as one that lasts (RFC 9773 section 4.3.3).
const maxRenewalInfoRetries = 6

// Window is the time in which the CA wants a certificate to be renewed; Start
// is before End.
type Window struct {
	Start time.Time
	End   time.Time
}

// RenewalInfo is when and why the CA wants a certificate to be renewed
// (RFC 9773 section 4.2).
type RenewalInfo struct {
	Window Window

	// ExplanationURL is a page about the window, to be shown to people; empty if
	// there is none, or none that is fit to be shown.
	ExplanationURL string

	// RetryAfter is when to ask again: neither sooner nor much later. It is
	// between a minute and a day ahead, and six hours ahead if the CA did not
	// say (RFC 9773 sections 4.3.2 and 4.3.3).
	RetryAfter time.Time
}

// Pick returns an instant of the window, Start and everything up to End being
// equally likely when random is a uniformly random number. It should be picked
// once for a window and kept (RFC 9773 section 4.2); one in the past means now.
func (w Window) Pick(random uint64) time.Time {
	span := w.End.Sub(w.Start)
	if span <= 0 {
		return w.Start
	}
	offset, _ := bits.Mul64(random, uint64(span))
	return w.Start.Add(time.Duration(offset))
}

// FetchRenewalInfo asks about a certificate by its CertID, without an account
// (RFC 9773 section 4.1). It must not be asked about one that has expired or has
// been replaced (section 4.3). A CA without renewal information gives
// ErrNotOffered. RenewalInfoRetry says when to ask again after an error.
func (c *Client) FetchRenewalInfo(ctx context.Context, certID string) (*RenewalInfo, error) {
	if !isCertID(certID) {
		return nil, wrapOp(OpRenewalInfo, errBadCertID)
	}
	directory, err := c.cachedDirectory(ctx)
	if err != nil {
		return nil, err
	}
	if directory.RenewalInfo == "" {
		return nil, wrapOp(OpRenewalInfo, ErrNotOffered)
	}
	target, err := c.checkURL(OpRenewalInfo, directory.RenewalInfo+"/"+certID)
	if err != nil {
		return nil, err
	}
	resp, err := c.send(ctx, httpRequest{op: OpRenewalInfo, method: http.MethodGet, target: target, accept: "application/json"})
	if err != nil {
		return nil, err
	}
	if problem := resp.problem(); problem != nil {
		return nil, wrapOp(OpRenewalInfo, problem)
	}
	info, err := parseRenewalInfo(resp.body, resp.url)
	if err != nil {
		return nil, err
	}
	info.RetryAfter = renewalInfoTime(resp.retryAfter, c.now())
	return info, nil
}

// parseRenewalInfo reads a renewal information object. A window that is empty
// or ends before it starts is no answer at all (RFC 9773 section 4.2).
func parseRenewalInfo(body []byte, base *url.URL) (*RenewalInfo, error) {
	var wire struct {
		Window struct {
			Start wireTime `json:"start"`
			End   wireTime `json:"end"`
		} `json:"suggestedWindow"`
		ExplanationURL wireText `json:"explanationURL"`
	}
	if err := json.Unmarshal(body, &wire); err != nil {
		return nil, &ProtocolError{Op: OpRenewalInfo, Reason: ReasonMalformed}
	}
	window := Window{Start: wire.Window.Start.Time, End: wire.Window.End.Time}
	if window.Start.IsZero() || !window.End.After(window.Start) {
		return nil, &ProtocolError{Op: OpRenewalInfo, Reason: ReasonMalformed, Field: "suggestedWindow"}
	}
	return &RenewalInfo{Window: window, ExplanationURL: displayURL(resolve(base, string(wire.ExplanationURL)))}, nil
}

// renewalInfoTime bounds what the CA asks for; zero means that it did not ask.
func renewalInfoTime(at, now time.Time) time.Time {
	if at.IsZero() {
		return now.Add(defaultRenewalInfoDelay)
	}
	return now.Add(min(max(at.Sub(now), minRenewalInfoDelay), maxRenewalInfoDelay))
}

// RenewalInfoRetry returns when to ask again for renewal information after the
// failure of an attempt, of which failures in a row are counted from 1. What may
// pass soon is tried again after 1, 2, 4 ... minutes, six times; everything else
// after six hours, and nothing before the CA's own Retry-After (RFC 9773 section
// 4.3.3).
func RenewalInfoRetry(err error, failures int, now time.Time) time.Time {
	delay := defaultRenewalInfoDelay
	if isTemporary(err) && failures <= maxRenewalInfoRetries {
		delay = minRenewalInfoDelay << max(failures-1, 0)
	}
	at := now.Add(delay)
	if problem, ok := AsProblem(err); ok && !problem.RetryAfter.IsZero() {
		asked := renewalInfoTime(problem.RetryAfter, now)
		if asked.After(at) {
			return asked
		}
	}
	return at
}

// isTemporary tells timeouts and server errors from the rest (RFC 9773 section
// 4.3.3). A connection that broke off is like a timeout.
func isTemporary(err error) bool {
	if problem, ok := AsProblem(err); ok {
		return problem.Status >= http.StatusInternalServerError
	}
	network, ok := errors.AsType[*NetworkError](err)
	if !ok {
		return false
	}
	switch network.Kind {
	case NetworkTimeout, NetworkCanceled, NetworkClosed:
		return true
	}
	return false
}

var errBadCertID = errors.New("the certificate's identifier is not one that CertID makes")

// isCertID keeps anything but an identifier out of the path of a URL.
func isCertID(id string) bool {
	keyID, serial, found := strings.Cut(id, ".")
	return found && isBase64URL(keyID) && isBase64URL(serial)
}
