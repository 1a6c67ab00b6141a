package tlsalpn01

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/solver/internal/netcause"
)

// Layer says how far a check came.
type Layer string

const (
	// LayerConnect means that there was no connection.
	LayerConnect Layer = "Connect"
	// LayerHandshake means that there was no handshake by the challenge's protocol.
	LayerHandshake Layer = "Handshake"
	// LayerCertificate means that the certificate was not the answer.
	LayerCertificate Layer = "Certificate"
)

// CheckError says what a check saw instead of the challenge certificate. Its text is the same for the same failure and
// holds nothing of what was seen.
type CheckError struct {
	Layer Layer
	// Address is what was dialed and Name what was asked for.
	Address, Name string
	// Seen says what was wrong, in words.
	Seen string
	// Err is the cause, for errors.Is; it may be nil.
	Err error
}

// Error implements error.
func (e *CheckError) Error() string {
	return fmt.Sprintf("the TLS-ALPN-01 answer for %s at %s is not served: %s", e.Name, e.Address, e.Seen)
}

// Unwrap returns the cause.
func (e *CheckError) Unwrap() error { return e.Err }

// Request is a question that is asked as a CA asks it.
type Request struct {
	// Address is "host:port" of what to ask.
	Address string
	// Name is the DNS name to prove control of.
	Name string
	// Want is the key authorization.
	Want string
}

// Dialer makes connections; a net.Dialer does.
type Dialer interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// Check asks once, over a new connection of the dialer (RFC 8737 section 3). It returns nil where the certificate is
// that of the challenge, a *CheckError where it is not, and another error where the name cannot be asked for. The
// context's deadline ends it.
func Check(ctx context.Context, dialer Dialer, request Request) error {
	identifier := acme.DNSIdentifier(request.Name)
	name, err := acme.TLSALPN01ServerName(identifier)
	if err != nil {
		return err
	}
	failed := func(layer Layer, seen string, err error) error {
		return &CheckError{Layer: layer, Address: request.Address, Name: request.Name, Seen: seen, Err: err}
	}
	conn, err := dialer.DialContext(ctx, "tcp", request.Address)
	if err != nil {
		return failed(LayerConnect, netcause.Text(err), err)
	}
	// Nothing is said after the handshake that closing could lose.
	defer func() { _ = conn.Close() }()
	//nolint:gosec // G402: the certificate is self-signed by definition, and is looked at below (RFC 8737 section 3)
	secured := tls.Client(conn, &tls.Config{
		ServerName: name, NextProtos: []string{acme.TLSALPN01Protocol}, InsecureSkipVerify: true, MinVersion: tls.VersionTLS12,
	})
	if err := secured.HandshakeContext(ctx); err != nil {
		return failed(LayerHandshake, handshakeText(err), err)
	}
	state := secured.ConnectionState()
	if state.NegotiatedProtocol != acme.TLSALPN01Protocol {
		return failed(LayerHandshake, "what answers does not speak the protocol "+acme.TLSALPN01Protocol, nil)
	}
	if err := acme.VerifyTLSALPN01(state.PeerCertificates[0], identifier, request.Want); err != nil {
		return failed(LayerCertificate, "of the certificate: "+err.Error(), err)
	}
	return nil
}

// handshakeText tells a refusal, which servers give to what they do not know, from a connection that broke.
func handshakeText(err error) string {
	if alert, ok := errors.AsType[*net.OpError](err); ok && alert.Op == "remote error" {
		return fmt.Sprintf("the handshake is refused (%v)", alert.Err)
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "what answers does not speak TLS"
	}
	return netcause.Text(err)
}
