// Package wire is what the manager and cmd/dns-solver say to each other: one request in a line of JSON, one
// answer in a line of JSON, over a unix socket, and the same again between dns-solver and the process that it
// starts for a challenge.
//
// internal/solver/dns01/external and cmd/dns-solver import it, and internal/solver/dns01/httpreq for Clean alone. It
// imports the standard library only, so that cmd/dns-solver, a module of its own, takes nothing else of ours but the
// rules on addresses.
package wire

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// Bounds.
const (
	// MaxLine is how long a line may be, in bytes. A Secret of Kubernetes has at most 1 MiB, credentials for
	// DNS a few KiB.
	MaxLine = 256 << 10
	// MaxError bounds the text of an error, in bytes.
	MaxError = 512
	// CallTimeout is how long a provider may take for one call. What it began may go on at the vendor.
	CallTimeout = 40 * time.Second
	// Grace is how much later the asker gives up, so that it hears who was too slow.
	Grace = 5 * time.Second
)

// Action is what a request asks for.
type Action string

const (
	// Present puts the record in place.
	Present Action = "present"
	// CleanUp takes the record away.
	CleanUp Action = "cleanup"
	// Hold is answered at once and then keeps the connection: as long as one is held, the processes that are
	// kept for a clean-up stay. It has no challenge.
	Hold Action = "hold"
)

// Request asks for something to be done with the record of one challenge.
type Request struct {
	Action Action `json:"action"`
	// ID names the challenge: the same for all its requests, and no other's.
	ID string `json:"id,omitempty"`
	// Tenant is whose challenge it is: of dns-solver's processes, nobody gets all.
	Tenant string `json:"tenant,omitempty"`
	// Provider is the name of a provider of DNS.
	Provider string `json:"provider,omitempty"`
	// Variables are its settings and credentials, by the names that the provider gives them.
	Variables map[string]string `json:"variables,omitempty"`
	// Timeout is how long the provider may take; dns-solver sets it.
	Timeout time.Duration `json:"timeout,omitempty"`
	// Inherited are variables of dns-solver's own environment, which it adds itself for the process.
	Inherited map[string]string `json:"inherited,omitempty"`
	// Public are the names of variables that may be shown; every other value is a secret.
	Public []string `json:"public,omitempty"`
	// Keep has the process live on after Present, because the provider cannot take a record away without
	// what it remembers of Present.
	Keep bool `json:"keep,omitempty"`
	// Ambient lets the provider sign in as the machine or the pod.
	Ambient bool `json:"ambient,omitempty"`
	// Reach is what may be connected to.
	Reach Reach `json:"reach"`
	// Nameservers are the recursive name servers, as host:port, that find the zone; empty for the system's.
	Nameservers []string `json:"nameservers,omitempty"`

	// Domain is the name to prove, without "*.".
	Domain string `json:"domain,omitempty"`
	// FQDN is exactly where the record goes, with the final dot.
	FQDN string `json:"fqdn,omitempty"`
	// KeyAuthorization is what the record's value is the hash of (RFC 8555 section 8.1).
	KeyAuthorization string `json:"keyAuthorization,omitempty"`
}

// Secrets are the values that must not be shown.
func (r Request) Secrets() []string {
	var secrets []string
	for name, value := range r.Variables {
		if value != "" && !slices.Contains(r.Public, name) {
			secrets = append(secrets, value)
		}
	}
	for _, value := range r.Inherited {
		if value != "" {
			secrets = append(secrets, value)
		}
	}
	return secrets
}

// Reach is a rule about addresses, as in internal/reach.
type Reach struct {
	// Unrestricted allows every address but, without ambient credentials, those where clouds give them out.
	Unrestricted bool `json:"unrestricted,omitempty"`
	// Allowed are networks in CIDR form that may be connected to although they are not public.
	Allowed []string `json:"allowed,omitempty"`
}

// Kind says what an error is about.
type Kind string

const (
	// Failed is an error of the provider, or of the way to it: worth another try.
	Failed Kind = "failed"
	// Invalid is a request that cannot work as it is.
	Invalid Kind = "invalid"
	// Refused is an address that must not be connected to.
	Refused Kind = "refused"
	// Busy means that too many challenges are worked on at once.
	Busy Kind = "busy"
	// Working means that the provider has not come to an end yet: the answer is there for who asks again.
	Working Kind = "working"
	// Lost means that the record can only be taken away with what an ended process remembered.
	Lost Kind = "lost"
	// Unguarded means that the machine cannot keep a process from addresses, so that it was not started.
	Unguarded Kind = "unguarded"
)

// Answer is the outcome of a request. The zero value means that it was done.
type Answer struct {
	Kind  Kind   `json:"kind,omitempty"`
	Error string `json:"error,omitempty"`
}

// Failf is an answer that says what failed.
func Failf(kind Kind, format string, args ...any) Answer {
	return Answer{Kind: kind, Error: fmt.Sprintf(format, args...)}
}

// OK says whether the request was done.
func (a Answer) OK() bool { return a.Kind == "" && a.Error == "" }

// Write writes a message as one line. A message longer than MaxLine is an error, and nothing is written.
func Write(to io.Writer, message any) error {
	line, err := json.Marshal(message)
	if err != nil {
		return err
	}
	if len(line) >= MaxLine {
		return fmt.Errorf("the settings and credentials take more than %d KiB: remove what the provider does not need", MaxLine>>10)
	}
	_, err = to.Write(append(line, '\n'))
	return err
}

// ErrRubbish is a line that is no message, or that has no end within MaxLine.
var ErrRubbish = errors.New("what came is no message")

// NewReader reads lines of at most MaxLine.
func NewReader(from io.Reader) *bufio.Reader { return bufio.NewReaderSize(from, MaxLine) }

// Read reads one line into a message; io.EOF where there is none, ErrRubbish where it is something else.
func Read(from *bufio.Reader, message any) error {
	line, err := from.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return ErrRubbish
	case err != nil && len(line) > 0:
		return ErrRubbish
	case err != nil:
		return err
	}
	if json.Unmarshal(line, message) != nil {
		// What does not parse may hold anything, so nothing of it is repeated.
		return ErrRubbish
	}
	return nil
}
