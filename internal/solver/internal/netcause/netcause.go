// Package netcause turns an error of the network into words that stay the same from one try to the
// next, so that they can stand in a condition: the messages of package net name the local port, which
// differs every time.
//
// Only the packages below internal/solver import it. It decides nothing and holds no state.
package netcause

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/certwright/certwright/internal/reach"
)

// causes are the failures worth telling apart, in the order in which they are looked for.
var causes = []struct {
	is   error
	text string
}{
	{context.Canceled, "the try was interrupted"},
	{context.DeadlineExceeded, "no answer in time"},
	{os.ErrDeadlineExceeded, "no answer in time"},
	{syscall.ETIMEDOUT, "no answer in time"},
	{syscall.ECONNREFUSED, "connection refused"},
	{syscall.ECONNRESET, "connection reset"},
	{syscall.EPIPE, "connection closed before the whole answer"},
	{syscall.ENETUNREACH, "network is unreachable"},
	{syscall.EHOSTUNREACH, "no route to host"},
	{syscall.EADDRNOTAVAIL, "no address of this family here"},
	{syscall.EAFNOSUPPORT, "no address of this family here"},
	{syscall.EACCES, "not permitted from here"},
	{syscall.EPERM, "not permitted from here"},
	{io.EOF, "connection closed before the whole answer"},
	{io.ErrUnexpectedEOF, "connection closed before the whole answer"},
	{net.ErrClosed, "connection closed before the whole answer"},
}

// Text says in a few words what kept an exchange from happening.
func Text(err error) string {
	if refused, ok := errors.AsType[*reach.Error](err); ok {
		return refused.Error()
	}
	for _, cause := range causes {
		if errors.Is(err, cause.is) {
			return cause.text
		}
	}
	var lookup *net.DNSError
	if errors.As(err, &lookup) {
		return lookupText(lookup)
	}
	var network net.Error
	if errors.As(err, &network) && network.Timeout() {
		return "no answer in time"
	}
	return "the exchange failed"
}

func lookupText(err *net.DNSError) string {
	switch {
	case err.IsNotFound:
		return "no such host"
	case err.IsTimeout:
		return "the host's address could not be looked up in time"
	}
	return "the host's address could not be looked up"
}
