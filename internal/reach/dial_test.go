package reach_test

import (
	"errors"
	"net"
	"testing"

	"github.com/certwright/certwright/internal/reach"
)

// What is dialled is judged after a name was resolved and before anything is sent, by TCP and by UDP.
func TestControlContext(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	policies := map[string]struct {
		policy reach.Policy
		want   reach.Class
	}{
		"public only":  {reach.Policy{}, reach.ClassLoopback},
		"another one":  {reach.Policy{Allowed: networks(t, "127.0.0.2", "10.0.0.0/8")}, reach.ClassLoopback},
		"loopback":     {reach.Policy{Allowed: networks(t, "127.0.0.0/8", "::1")}, ""},
		"unrestricted": {reach.Policy{Unrestricted: true}, ""},
	}
	for name, test := range policies {
		dialer := net.Dialer{ControlContext: test.policy.ControlContext}
		for _, network := range []string{"tcp", "tcp4", "udp"} {
			for _, host := range []string{"127.0.0.1", "::ffff:127.0.0.1", "localhost"} {
				connection, err := dialer.DialContext(t.Context(), network, net.JoinHostPort(host, port))
				if err == nil {
					_ = connection.Close()
				}
				if got := classOf(err); got != test.want || (err == nil) != (test.want == "") {
					t.Errorf("%s, %s to %s: error %v, want class %q", name, network, host, err, test.want)
				}
			}
		}
	}
}

func TestControlContextRefusesWhatItCannotRead(t *testing.T) {
	for _, address := range []string{"", "127.0.0.1", "ca.example:443", "/run/socket", "[::1]"} {
		err := reach.Policy{}.ControlContext(t.Context(), "tcp", address, nil)
		if got := classOf(err); got != reach.ClassOddForm {
			t.Errorf("%q: refused as %q (%v)", address, got, err)
		}
	}
}

// Package acme finds the refusal by its method, below what packages net and http wrap around it.
func TestErrorIsForbidden(t *testing.T) {
	dialer := net.Dialer{ControlContext: reach.Policy{}.ControlContext}
	_, err := dialer.DialContext(t.Context(), "tcp", "127.0.0.1:1")
	var forbidden interface {
		error
		Forbidden()
	}
	if !errors.As(err, &forbidden) || forbidden.Error() != (&reach.Error{Class: reach.ClassLoopback}).Error() {
		t.Errorf("error %v holds no refusal", err)
	}
}
