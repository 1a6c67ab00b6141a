package tlsalpn01

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/certwright/certwright/internal/acme"
)

const (
	// handshakeTimeout bounds a connection: it is over with its handshake.
	handshakeTimeout = 5 * time.Second
	// mostConnections bounds those that are open at once. Others wait to be accepted.
	mostConnections = 128
	// shortagePause is how soon a connection is accepted again after there was no room for one.
	shortagePause = 50 * time.Millisecond
	// mostCertificates bounds the challenge certificates that are kept.
	mostCertificates = 64
)

// Server answers clients that ask for a name with nothing but TLSALPN01Protocol, and refuses all others in the
// handshake.
type Server struct {
	// Lookup returns the key authorization that is to be served for a name, which is in lower case.
	Lookup func(ctx context.Context, name string) (keyAuthorization string, found bool)
	// Now is the clock.
	Now func() time.Time

	mu sync.Mutex
	// made are the challenge certificates by name and key authorization, so that a CA which asks from many places, and
	// whoever asks over and over, costs one.
	made map[[2]string]*tls.Certificate
}

var (
	errNotACA  = errors.New("only TLS-ALPN-01 challenges are answered here")
	errUnknown = errors.New("no TLS-ALPN-01 challenge waits for this name")
)

// Serve answers at a listener until ctx ends, and closes it. Its error says why the listener failed.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// What is closed already is what was wanted.
	shut := func() { _ = listener.Close() }
	defer shut()
	stop := context.AfterFunc(ctx, shut)
	defer stop()
	var open sync.WaitGroup
	defer open.Wait()
	room := make(chan struct{}, mostConnections)
	for {
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			if err == nil {
				_ = conn.Close()
			}
			return nil
		}
		if err != nil && !isShortage(err) {
			return err
		}
		if err != nil {
			<-room
			rest(ctx)
			continue
		}
		open.Go(func() {
			defer func() { <-room }()
			s.answer(ctx, conn)
		})
	}
}

// isShortage says whether there was no room for a connection, as there will be when others end.
func isShortage(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.ENOMEM)
}

// rest keeps a server that has no room from asking for it over and over.
func rest(ctx context.Context) {
	timer := time.NewTimer(shortagePause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// answer makes the handshake, after which there is nothing more to say (RFC 8737 section 3).
func (s *Server) answer(ctx context.Context, conn net.Conn) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	// A client that was refused, or has gone, is told nothing more.
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(handshakeTimeout)); err != nil {
		return
	}
	secured := tls.Server(conn, &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: s.configFor})
	if secured.HandshakeContext(ctx) == nil {
		_ = secured.Close()
	}
}

// configFor is what a client is answered with (RFC 8737 section 3: the protocol is the only one that a CA offers).
func (s *Server) configFor(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	if !slices.Equal(hello.SupportedProtos, []string{acme.TLSALPN01Protocol}) {
		return nil, errNotACA
	}
	name := strings.ToLower(hello.ServerName)
	if name == "" {
		return nil, errUnknown
	}
	keyAuthorization, found := s.Lookup(hello.Context(), name)
	if !found {
		return nil, errUnknown
	}
	certificate, err := s.certificate(name, keyAuthorization)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{acme.TLSALPN01Protocol},
		Certificates: []tls.Certificate{*certificate}, SessionTicketsDisabled: true,
	}, nil
}

func (s *Server) certificate(name, keyAuthorization string) (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := [2]string{name, keyAuthorization}
	if made := s.made[key]; made != nil {
		return made, nil
	}
	made, err := acme.TLSALPN01Certificate(acme.DNSIdentifier(name), keyAuthorization, s.Now())
	if err != nil {
		return nil, err
	}
	if s.made == nil || len(s.made) >= mostCertificates {
		s.made = map[[2]string]*tls.Certificate{}
	}
	s.made[key] = made
	return made, nil
}
