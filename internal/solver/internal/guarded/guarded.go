// Package guarded makes HTTP clients for servers that an issuer names: what they are at is judged when it is dialled,
// and nothing that they answer leads elsewhere.
//
// Only the packages below internal/solver import it. It holds no state.
package guarded

import (
	"net"
	"net/http"
	"time"

	"github.com/certwright/certwright/internal/reach"
)

// MaxAnswer bounds the header of an answer, and what is worth reading of its body, in bytes.
const MaxAnswer = 64 << 10

// Client returns a client that connects to what the policy allows only, and has done with an exchange, the body
// included, within timeout. An answer that is a redirect is given back as it is: the next address would get the
// credentials that are for this one. No proxy is used, because it would be the proxy then that decides what may be
// reached.
func Client(policy reach.Policy, timeout time.Duration) *http.Client {
	dialer := &net.Dialer{Timeout: timeout, ControlContext: policy.ControlContext}
	return &http.Client{
		Timeout:       timeout,
		Transport:     &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true, MaxResponseHeaderBytes: MaxAnswer},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
