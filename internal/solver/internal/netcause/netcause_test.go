package netcause_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/certwright/certwright/internal/reach"
	"github.com/certwright/certwright/internal/solver/internal/netcause"
)

// The same failure has the same words whichever local port it happened at.
func TestText(t *testing.T) {
	at := func(port int, errno error) error {
		local := &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: port}
		return fmt.Errorf("wrapped: %w", &net.OpError{Op: "read", Net: "tcp", Source: local, Err: os.NewSyscallError("read", errno)})
	}
	tests := map[string]struct {
		err  error
		want string
	}{
		"refused":         {at(40001, syscall.ECONNREFUSED), "connection refused"},
		"reset":           {at(40002, syscall.ECONNRESET), "connection reset"},
		"no network":      {at(40003, syscall.ENETUNREACH), "network is unreachable"},
		"unknown":         {at(40004, syscall.EIO), "the exchange failed"},
		"deadline":        {context.DeadlineExceeded, "no answer in time"},
		"socket deadline": {&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, "no answer in time"},
		"interrupted":     {context.Canceled, "the try was interrupted"},
		"end":             {io.ErrUnexpectedEOF, "connection closed before the whole answer"},
		"no such host":    {&net.DNSError{Err: "no such host", Name: "a", IsNotFound: true}, "no such host"},
		"slow look-up":    {&net.DNSError{Err: "i/o timeout", Name: "a", IsTimeout: true}, "the host's address could not be looked up in time"},
		"failed look-up":  {&net.DNSError{Err: "server misbehaving", Name: "a", Server: "10.0.0.10:53"}, "the host's address could not be looked up"},
		"a rule of ours":  {&net.OpError{Op: "dial", Net: "udp", Err: &reach.Error{Class: reach.ClassPrivate}}, (&reach.Error{Class: reach.ClassPrivate}).Error()},
		"anything else":   {errors.New("what a server sent"), "the exchange failed"},
	}
	for name, test := range tests {
		if got := netcause.Text(test.err); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
