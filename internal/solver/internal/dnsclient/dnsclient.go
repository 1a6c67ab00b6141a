// Package dnsclient exchanges one DNS message with one server: by UDP, and by TCP where the answer did not
// fit (RFC 1035 section 4.2, RFC 6891), signed where a key is given (RFC 8945).
//
// Only the packages below internal/solver import it. It does not choose servers, does not cache and does
// not try again. An answer is not trusted: it must belong to the question, a signed question must have a
// signed answer, and no text of it reaches an error.
package dnsclient

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/miekg/dns"

	"github.com/certwright/certwright/internal/reach"
	"github.com/certwright/certwright/internal/solver/internal/netcause"
)

const (
	// DefaultTimeout bounds one exchange by one protocol.
	DefaultTimeout = 2 * time.Second

	// udpSize is the size of an answer that crosses the internet by UDP without fragments.
	udpSize = 1232

	// tsigFudge is the clock difference, in seconds, that a signature allows (RFC 8945 section 10).
	tsigFudge = 300
)

// Key signs questions and verifies answers (RFC 8945).
type Key struct {
	Name      string // canonical
	Algorithm string // canonical
	Secret    string // base64
	// Provider computes the signatures where the DNS library does not know the algorithm; else nil.
	Provider dns.TsigProvider
}

// Client asks one question at a time. The zero value asks servers at public addresses by UDP, unsigned.
type Client struct {
	// Reach says at which addresses a server may be asked.
	Reach reach.Policy
	// TCP asks by TCP at once.
	TCP bool
	// Timeout bounds one exchange by one protocol; 0 means DefaultTimeout. The context may end it sooner.
	Timeout time.Duration
	// Key signs every message by UDP and TCP; nil means unsigned.
	Key *Key
	// Roots are what the certificates of servers over HTTPS are verified against; nil means the system's.
	Roots *x509.CertPool
}

// Error is an exchange that gave no answer that could be used.
type Error struct {
	Server string
	// Cause says in words what was wrong, the same words for the same failure.
	Cause string
	// Answered is true where the server did send something.
	Answered bool
	Err      error
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("name server %s: %s", e.Server, e.Cause) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Question returns a question with a random ID that announces how much fits into an answer by UDP.
func Question(name string, qtype uint16, recursive bool) *dns.Msg {
	question := new(dns.Msg)
	question.SetQuestion(name, qtype)
	question.RecursionDesired = recursive
	question.SetEdns0(udpSize, false)
	return question
}

// Exchange sends a message to a server, "host:port" or the URL of one over HTTPS (RFC 8484), and returns its answer,
// whatever its response code.
func (c Client) Exchange(ctx context.Context, server string, message *dns.Msg) (*dns.Msg, error) {
	if _, err := message.Copy().Pack(); err != nil {
		return nil, &Error{Server: server, Cause: "the question cannot be asked: is the name a domain name?", Err: err}
	}
	answer, err := c.exchange(ctx, server, message)
	if err != nil {
		return nil, describe(server, err)
	}
	if cause := c.mismatch(message, answer); cause != "" {
		return nil, &Error{Server: server, Cause: cause, Answered: true}
	}
	return answer, nil
}

func (c Client) exchange(ctx context.Context, server string, message *dns.Msg) (*dns.Msg, error) {
	if overHTTPS(server) {
		return c.ask(ctx, server, message)
	}
	network := "udp"
	if c.TCP {
		network = "tcp"
	}
	answer, err := c.once(ctx, network, server, message)
	if err == nil && answer.Truncated && !c.TCP {
		return c.once(ctx, "tcp", server, message)
	}
	return answer, err
}

func (c Client) once(ctx context.Context, network, server string, message *dns.Msg) (*dns.Msg, error) {
	client := dns.Client{Net: network, Timeout: c.Timeout, Dialer: &net.Dialer{ControlContext: c.Reach.ControlContext}}
	if client.Timeout == 0 {
		client.Timeout = DefaultTimeout
	}
	// Each send is signed anew, and the caller's message stays as it is.
	sent := message.Copy()
	if c.Key != nil {
		client.TsigProvider = c.Key.Provider
		client.TsigSecret = map[string]string{c.Key.Name: c.Key.Secret}
		sent.SetTsig(c.Key.Name, c.Key.Algorithm, tsigFudge, time.Now().Unix())
	}
	ctx, cancel := context.WithTimeout(ctx, client.Timeout)
	defer cancel()
	connection, err := client.DialContext(ctx, server)
	if err != nil {
		return nil, err
	}
	// The library heeds the context's deadline only: closing the connection heeds its end.
	stop := context.AfterFunc(ctx, func() { _ = connection.Close() })
	defer func() {
		if stop() {
			_ = connection.Close()
		}
	}()
	answer, _, err := client.ExchangeWithConnContext(ctx, sent, connection)
	return usable(ctx, answer, err)
}

// usable lets two answers pass that the library returns together with an error: one that was cut short,
// of which nothing but that is used, and one that refuses a signature, which cannot be signed itself (RFC
// 8945 section 5.3.2).
func usable(ctx context.Context, answer *dns.Msg, err error) (*dns.Msg, error) {
	switch {
	case err == nil:
		return answer, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case answer != nil && answer.Truncated:
		return answer, nil
	case answer != nil && answer.Rcode == dns.RcodeNotAuth && errors.Is(err, dns.ErrAuth):
		return answer, nil
	}
	return nil, err
}

// describe gives the causes of the DNS library words; all others are the network's.
func describe(server string, err error) error {
	described := &Error{Server: server, Cause: netcause.Text(err), Err: err}
	var library *dns.Error
	var status *statusError
	switch {
	case errors.As(err, &status):
		described.Cause, described.Answered = status.text, true
	case errors.Is(err, dns.ErrSig), errors.Is(err, dns.ErrSecret), errors.Is(err, dns.ErrKeyAlg):
		described.Cause, described.Answered = "the answer's signature does not verify with the TSIG key", true
	case errors.Is(err, dns.ErrTime):
		described.Cause, described.Answered = "the answer was signed at a time more than 5 minutes from ours: set the clocks", true
	case errors.As(err, &library):
		described.Cause, described.Answered = "the answer is not a DNS message", true
	}
	return described
}

// mismatch says why an answer does not belong to a message; "" means that it does.
func (c Client) mismatch(message, answer *dns.Msg) string {
	switch {
	case !answer.Response || answer.Id != message.Id || answer.Opcode != message.Opcode:
		return "the answer belongs to another question"
	case answer.Truncated:
		return "the answer is cut short by TCP too"
	case !sameQuestion(message, answer):
		return "the answer belongs to another question"
	case c.Key != nil && Known(answer) && !c.Key.signed(answer):
		return "the answer is not signed with the TSIG key"
	}
	return ""
}

// sameQuestion accepts an answer without the question only where it reports a failure: servers may leave
// it out there, and of an update's answer too (RFC 2136 section 3.8).
func sameQuestion(message, answer *dns.Msg) bool {
	if len(answer.Question) == 0 {
		return answer.Opcode == dns.OpcodeUpdate || answer.Rcode != dns.RcodeSuccess
	}
	asked, told := message.Question[0], answer.Question[0]
	return len(answer.Question) == 1 && told.Qtype == asked.Qtype && told.Qclass == asked.Qclass && SameName(told.Name, asked.Name)
}

// signed tells whether the library had a signature by this key to verify; it verifies all it finds.
func (k *Key) signed(answer *dns.Msg) bool {
	signature := answer.IsTsig()
	return signature != nil && SameName(signature.Hdr.Name, k.Name) && SameName(signature.Algorithm, k.Algorithm)
}

// Known tells whether a server knows the answer, be it that there is none.
func Known(answer *dns.Msg) bool {
	return answer.Rcode == dns.RcodeSuccess || answer.Rcode == dns.RcodeNameError
}

// SameName compares domain names, in which the case of letters means nothing (RFC 4343).
func SameName(a, b string) bool { return dns.CanonicalName(a) == dns.CanonicalName(b) }

// Rcode names a response code, such as "SERVFAIL".
func Rcode(code int) string {
	if name, found := dns.RcodeToString[code]; found {
		return name
	}
	return fmt.Sprintf("response code %d", code)
}
