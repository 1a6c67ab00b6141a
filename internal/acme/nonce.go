package acme

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// Bounds of the nonce pool. CAs keep the nonces they gave in bounded memory of
// their own, so an old one is likely to be refused and not worth keeping.
const (
	maxNonces   = 64
	maxNonceAge = 15 * time.Minute
	maxNonceLen = 512 // bytes
)

type agedNonce struct {
	value string
	at    time.Time
}

// noncePool keeps the nonces that came with answers, newest first out
// (RFC 8555 section 6.5). When it is full the oldest is dropped.
type noncePool struct {
	mu     sync.Mutex
	nonces []agedNonce
}

func (p *noncePool) put(value string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.nonces) == maxNonces {
		p.nonces = append(p.nonces[:0], p.nonces[1:]...)
	}
	p.nonces = append(p.nonces, agedNonce{value: value, at: now})
}

// take returns the newest nonce, or "" when there is none that is fresh.
func (p *noncePool) take(now time.Time) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.nonces) == 0 {
		return ""
	}
	newest := p.nonces[len(p.nonces)-1]
	p.nonces = p.nonces[:len(p.nonces)-1]
	if now.Sub(newest.at) > maxNonceAge {
		p.nonces = p.nonces[:0]
		return ""
	}
	return newest.value
}

// nonceOf returns the nonce an answer carries, or "" if it has none or one
// outside the base64url alphabet, which must be ignored (RFC 8555 section 6.5.1).
func nonceOf(resp *response) string {
	value := resp.header.Get("Replay-Nonce")
	if len(value) > maxNonceLen || !isBase64URL(value) {
		return ""
	}
	return value
}

func (c *Client) keepNonce(resp *response) {
	if value := nonceOf(resp); value != "" {
		c.nonces.put(value, resp.received)
	}
}

// takeNonce returns a nonce from the pool, or a new one from the CA.
func (c *Client) takeNonce(ctx context.Context) (string, error) {
	if value := c.nonces.take(c.now()); value != "" {
		return value, nil
	}
	return c.fetchNonce(ctx)
}

// nonceAfterRefusal returns the nonce that came with a badNonce problem, which
// the next try must use (RFC 8555 section 6.5).
func (c *Client) nonceAfterRefusal(ctx context.Context, resp *response) (string, error) {
	if value := nonceOf(resp); value != "" {
		return value, nil
	}
	return c.fetchNonce(ctx)
}

// fetchNonce asks the newNonce resource (RFC 8555 section 7.2).
func (c *Client) fetchNonce(ctx context.Context) (string, error) {
	nonce, err := c.requestNonce(ctx)
	c.forgetIfStale(err)
	return nonce, err
}

func (c *Client) requestNonce(ctx context.Context) (string, error) {
	directory, err := c.cachedDirectory(ctx)
	if err != nil {
		return "", err
	}
	target, err := c.checkURL(OpNewNonce, directory.NewNonce)
	if err != nil {
		return "", err
	}
	resp, err := c.send(ctx, httpRequest{op: OpNewNonce, method: http.MethodHead, target: target})
	if err != nil {
		return "", err
	}
	if problem := resp.problem(); problem != nil {
		return "", wrapOp(OpNewNonce, problem)
	}
	value := nonceOf(resp)
	if value == "" {
		return "", &ProtocolError{Op: OpNewNonce, Reason: ReasonMissing, Field: "Replay-Nonce"}
	}
	return value, nil
}
