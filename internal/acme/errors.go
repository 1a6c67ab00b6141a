package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
)

// NetworkKind is a coarse class of network failure.
type NetworkKind string

// Classes of network failure.
const (
	NetworkDNS       NetworkKind = "dns"        // the host name did not resolve
	NetworkRefused   NetworkKind = "refused"    // nothing listens there
	NetworkTimeout   NetworkKind = "timeout"    // no answer in time
	NetworkCanceled  NetworkKind = "canceled"   // the caller gave up
	NetworkTLS       NetworkKind = "tls"        // no TLS session, for any other reason
	NetworkUntrusted NetworkKind = "untrusted"  // the server's certificate is signed by nobody we trust
	NetworkWrongName NetworkKind = "wrong-name" // the server's certificate is for another name
	NetworkExpired   NetworkKind = "expired"    // the server's certificate is not valid now
	NetworkClosed    NetworkKind = "closed"     // the connection broke off
	NetworkForbidden NetworkKind = "forbidden"  // a rule of this side's keeps us from asking: see Forbidden
	NetworkOther     NetworkKind = "other"
)

var networkText = map[NetworkKind]string{
	NetworkDNS:       "the host name does not resolve",
	NetworkRefused:   "the connection was refused",
	NetworkTimeout:   "no answer in time",
	NetworkCanceled:  "the request was given up",
	NetworkTLS:       "the TLS handshake failed",
	NetworkUntrusted: "the server's certificate is signed by an unknown authority; set the CA bundle",
	NetworkWrongName: "the server's certificate is for another name",
	NetworkExpired:   "the server's certificate has expired or is not valid yet",
	NetworkClosed:    "the connection was closed before the answer was complete",
	NetworkForbidden: "it must not be asked",
	NetworkOther:     "the request failed",
}

// Forbidden is an error of the caller's HTTP transport that stands for a rule
// and not for a failure: nothing was sent. Its text is fixed, holds nothing
// that a server said, and goes into the message of the NetworkError.
type Forbidden interface {
	error
	Forbidden()
}

// NetworkError says that no complete answer came from the CA, so that it is
// unknown whether the CA acted on the request. Its message is the same for the
// same kind of failure; Unwrap gives the cause with all its detail.
type NetworkError struct {
	Op   string
	Host string
	Kind NetworkKind
	Err  error
}

// Error implements error.
func (e *NetworkError) Error() string {
	text := networkText[e.Kind]
	if rule, ok := errors.AsType[Forbidden](e.Err); ok && e.Kind == NetworkForbidden {
		text = rule.Error()
	}
	return fmt.Sprintf("%s: cannot reach %s: %s", e.Op, e.Host, text)
}

// Unwrap returns the cause.
func (e *NetworkError) Unwrap() error { return e.Err }

// networkKind classifies the error of an HTTP round trip.
func networkKind(err error) NetworkKind {
	if _, ok := errors.AsType[Forbidden](err); ok {
		return NetworkForbidden
	}
	if kind, ok := tlsKind(err); ok {
		return kind
	}
	var dns *net.DNSError
	var network net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return NetworkCanceled
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return NetworkTimeout
	case errors.As(err, &dns):
		return NetworkDNS
	case errors.Is(err, syscall.ECONNREFUSED):
		return NetworkRefused
	case errors.As(err, &network) && network.Timeout():
		return NetworkTimeout
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return NetworkClosed
	}
	return NetworkOther
}

func tlsKind(err error) (NetworkKind, bool) {
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	var verification *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var op *net.OpError
	switch {
	case errors.As(err, &authority):
		return NetworkUntrusted, true
	case errors.As(err, &hostname):
		return NetworkWrongName, true
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return NetworkExpired, true
	case errors.As(err, &verification), errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return NetworkTLS, true
	case errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error"):
		// crypto/tls reports the alerts of a handshake this way.
		return NetworkTLS, true
	}
	return "", false
}

// ProtocolReason says why an answer of the CA is not acted on.
type ProtocolReason string

// Reasons to refuse an answer.
const (
	ReasonMalformed      ProtocolReason = "malformed"       // not the JSON or PEM it should be
	ReasonMissing        ProtocolReason = "missing"         // a required field or header is absent
	ReasonTooLarge       ProtocolReason = "too-large"       // more than this package reads
	ReasonBadURL         ProtocolReason = "bad-url"         // not an absolute URL without user information
	ReasonInsecureURL    ProtocolReason = "insecure-url"    // not https
	ReasonForeignHost    ProtocolReason = "foreign-host"    // leads to a host that is not allowed
	ReasonRedirect       ProtocolReason = "redirect"        // a redirect where none is followed
	ReasonBadToken       ProtocolReason = "bad-token"       // a challenge token outside its alphabet
	ReasonNotCertificate ProtocolReason = "not-certificate" // a chain with something else in it
)

var protocolText = map[ProtocolReason]string{
	ReasonMalformed:      "the answer is malformed",
	ReasonMissing:        "the answer lacks a required field",
	ReasonTooLarge:       "the answer is too large",
	ReasonBadURL:         "not a usable URL",
	ReasonInsecureURL:    "the URL does not use https",
	ReasonForeignHost:    "the URL leads to a host that is not the directory's; name the host in allowedHosts if that is intended",
	ReasonRedirect:       "the server redirects a request that must not be redirected; check the directory URL",
	ReasonBadToken:       "the challenge token is not base64url",
	ReasonNotCertificate: "the certificate chain holds something that is not a certificate",
}

// ProtocolError says that this package will not act on what the CA sent, or
// on a URL it was handed. Its message holds no text of the CA's but, at most,
// a host or field name.
type ProtocolError struct {
	Op     string
	Reason ProtocolReason
	Host   string // for ReasonForeignHost and ReasonInsecureURL
	Field  string // for ReasonMissing and ReasonMalformed: which field or header
}

// Error implements error.
func (e *ProtocolError) Error() string {
	message := e.Op + ": " + protocolText[e.Reason]
	if e.Field != "" {
		message += " (" + e.Field + ")"
	}
	if e.Host != "" {
		message += " (" + e.Host + ")"
	}
	return message
}

func wrapOp(op string, err error) error {
	return fmt.Errorf("%s: %w", op, err)
}
