// Package external has the providers of DNS that cmd/dns-solver runs: it asks that program, over a unix socket,
// to put a record in place and to take it away.
//
// internal/solver imports it, and internal/operator, which says where the program is. No SDK of a provider and
// no code of one is in here, and no credential stays. What the program answers is bounded, and cleaned of
// credentials and addresses once more, however it came about.
package external

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/certwright/certwright/internal/dnssolver/wire"
	"github.com/certwright/certwright/internal/reach"
	"github.com/certwright/certwright/internal/solver/dns01"
)

// Error is what dns-solver said about a request that it did not do. Its text holds no credential.
type Error struct {
	Kind wire.Kind
	Text string
}

// Error implements error.
func (e *Error) Error() string { return e.Text }

// Final says whether another try, with the same settings, cannot succeed.
func (e *Error) Final() bool {
	return e.Kind == wire.Invalid || e.Kind == wire.Refused || e.Kind == wire.Lost || e.Kind == wire.Unguarded
}

// Client asks dns-solver at a socket. It is safe for concurrent use.
type Client struct {
	// Socket is the path of the unix socket.
	Socket string

	mu   sync.Mutex
	held net.Conn
}

// Provider is one provider with the settings of one challenge.
type Provider struct {
	Client *Client
	// Name is the provider's, and Variables are its settings and credentials.
	Name      string
	Variables map[string]string
	// Public are the names of those that may be shown.
	Public []string
	// Keep is for a provider that needs, to take a record away, what it remembers of putting it there.
	Keep bool
	// Ambient lets it sign in as the pod or the machine.
	Ambient bool
	// Reach is what it may connect to.
	Reach reach.Policy
	// Nameservers find the zone; empty for the system's.
	Nameservers []string
	// Tenant is the namespace that it is done for. Scope and Domain say whose challenge it is and for which name. Scope is not shown to the provider.
	Tenant, Scope, Domain string
	// KeyAuthorization is what the record's value is the hash of.
	KeyAuthorization string
}

// Present puts the record in place.
func (p Provider) Present(ctx context.Context, record dns01.Record) error {
	return p.ask(ctx, wire.Present, record)
}

// CleanUp takes the record away.
func (p Provider) CleanUp(ctx context.Context, record dns01.Record) error {
	return p.ask(ctx, wire.CleanUp, record)
}

func (p Provider) ask(ctx context.Context, action wire.Action, record dns01.Record) error {
	if err := record.Validate(); err != nil {
		return err
	}
	request := wire.Request{
		Action: action, ID: p.id(record), Tenant: p.Tenant, Provider: p.Name, Variables: p.Variables, Public: p.Public, Keep: p.Keep, Ambient: p.Ambient,
		Reach: wire.Reach{Unrestricted: p.Reach.Unrestricted}, Nameservers: p.Nameservers,
		Domain: p.Domain, FQDN: record.FQDN, KeyAuthorization: p.KeyAuthorization,
	}
	for _, network := range p.Reach.Allowed {
		request.Reach.Allowed = append(request.Reach.Allowed, network.String())
	}
	secrets := request.Secrets()
	answer, err := p.Client.do(ctx, request)
	if err != nil {
		return errors.New(wire.Clean(err.Error(), secrets))
	}
	if answer.OK() {
		return nil
	}
	text := wire.Clean(answer.Error, secrets)
	if text == "" {
		text = "it failed without a word"
	}
	return &Error{Kind: answer.Kind, Text: text}
}

// id names the challenge: the same after a restart of the operator, and no other's, because nobody can have a
// CA give out the same key authorization, and the scope is not the tenant's to choose.
func (p Provider) id(record dns01.Record) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q", p.Scope, p.Name, record.FQDN, p.KeyAuthorization))
	return hex.EncodeToString(sum[:])
}

// answerWithin is when dns-solver should have answered long ago: it does within 5 seconds, or twice that where it was
// at work on something else for the challenge.
const answerWithin = 15 * time.Second

// do sends one request on a connection of its own and reads the answer. It ends with ctx, or after answerWithin.
func (c *Client) do(ctx context.Context, request wire.Request) (wire.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	if request.Keep {
		if err := c.hold(ctx); err != nil {
			return wire.Answer{}, err
		}
	}
	connection, err := c.dial(ctx)
	if err != nil {
		return wire.Answer{}, err
	}
	defer func() { _ = connection.Close() }()
	return exchange(ctx, connection, request)
}

func (c *Client) dial(ctx context.Context) (net.Conn, error) {
	connection, err := new(net.Dialer).DialContext(ctx, "unix", c.Socket)
	if err != nil {
		return nil, fmt.Errorf("dns-solver does not answer: %w", err)
	}
	return connection, nil
}

func exchange(ctx context.Context, connection net.Conn, request wire.Request) (wire.Answer, error) {
	stop := context.AfterFunc(ctx, func() { _ = connection.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	answer := wire.Answer{}
	err := wire.Write(connection, request)
	if err == nil {
		err = wire.Read(wire.NewReader(connection), &answer)
	}
	if err != nil {
		return wire.Answer{}, fmt.Errorf("dns-solver gave no answer: %w", err)
	}
	return answer, nil
}

// hold keeps a connection for as long as this process lives, by which dns-solver knows that somebody will ask
// for the clean-ups that it keeps processes for.
func (c *Client) hold(ctx context.Context) error {
	if c.holds(nil) {
		return nil
	}
	connection, err := c.dial(ctx)
	if err != nil {
		return err
	}
	answer, err := exchange(ctx, connection, wire.Request{Action: wire.Hold})
	if err == nil && !answer.OK() {
		err = errors.New(answer.Error)
	}
	if err != nil {
		_ = connection.Close()
		return fmt.Errorf("dns-solver keeps no processes: %w", err)
	}
	if c.holds(connection) {
		// Somebody else was first.
		_ = connection.Close()
		return nil
	}
	go c.watch(connection)
	return nil
}

// holds says whether a connection is held. If none is, the given one is from here on.
func (c *Client) holds(connection net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held != nil {
		return true
	}
	c.held = connection
	return false
}

// watch forgets the held connection when the other end is gone.
func (c *Client) watch(connection net.Conn) {
	_, _ = connection.Read(make([]byte, 1))
	_ = connection.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held == connection {
		c.held = nil
	}
}

// Close lets go of what is held: dns-solver then keeps its processes for a while only.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held != nil {
		_ = c.held.Close()
		c.held = nil
	}
}
