// Package outcome holds the errors that say what happens next: try again, wait for something named,
// the input must be changed by a person, or this attempt is over.
//
// Every layer may import it; it imports the standard library only. It decides nothing: package
// report alone turns an outcome into a requeue, a condition or an event.
package outcome

import (
	"errors"
	"fmt"
	"time"
)

// Kind is what happens next.
type Kind int

const (
	// Retry means that something transient failed: the same step is tried again, later and later.
	Retry Kind = iota
	// Wait means that nothing failed: an event that is watched, or a time that is known, goes on.
	Wait
	// Invalid means that an object must be edited by a person first. It is not retried by time.
	Invalid
	// Terminal means that this attempt has failed for good. Only a new attempt can succeed.
	Terminal
)

// Class says whose failure a Terminal outcome is, which sets how soon a new attempt is worth making.
type Class string

const (
	// ClassLocal is a fault on this side of the CA: a lost key, an answer that does not fit.
	ClassLocal Class = "Local"
	// ClassRefused is a CA, an approver or an external issuer that said no.
	ClassRefused Class = "Refused"
	// ClassUnavailable is a CA that cannot be reached, or that limits us for so long that the attempt was
	// given up.
	ClassUnavailable Class = "Unavailable"
	// ClassValidation is a CA that could not validate control of a name. CAs count these and block.
	ClassValidation Class = "Validation"
)

// Error is an outcome. Its message goes to conditions and events, so it holds no secret and
// nothing that changes from one try to the next.
type Error struct {
	Kind Kind
	// Reason is the CamelCase word for a condition or event.
	Reason string
	// Message is a sentence that helps.
	Message string
	// At is when to look again; zero means that only a watch ends the wait.
	At time.Time
	// Momentary marks a Wait that is over in a moment, such as for our own watch: it is not worth a
	// word to anybody.
	Momentary bool
	// Class is set for Terminal outcomes.
	Class Class
	// Type and URL identify what a CA said (RFC 8555 section 6.7), where it said something.
	Type, URL string
	// Err is the cause, for logs and errors.Is.
	Err error
}

// Error implements error.
func (e *Error) Error() string {
	if e.Message == "" && e.Err != nil {
		return e.Err.Error()
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Retryable wraps a transient failure, with the noun of what failed.
func Retryable(reason string, err error) *Error {
	return &Error{Kind: Retry, Reason: reason, Message: err.Error(), Err: err}
}

// WaitFor names the thing that ends the wait; a watch of it must exist.
func WaitFor(reason, format string, args ...any) *Error {
	return &Error{Kind: Wait, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// WaitUntil waits until at, or until a watch wakes the object before.
func WaitUntil(at time.Time, reason, format string, args ...any) *Error {
	return &Error{Kind: Wait, Reason: reason, Message: fmt.Sprintf(format, args...), At: at}
}

// Moment is a Wait that is not worth a word to anybody; at bounds it.
func Moment(at time.Time, reason, format string, args ...any) *Error {
	return &Error{Kind: Wait, Reason: reason, Message: fmt.Sprintf(format, args...), At: at, Momentary: true}
}

// IsMomentary says whether err is a Wait of that kind.
func IsMomentary(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Momentary
}

// Invalidf names what a person must change, and to what.
func Invalidf(reason, format string, args ...any) *Error {
	return &Error{Kind: Invalid, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// Terminalf ends an attempt.
func Terminalf(class Class, reason, format string, args ...any) *Error {
	return &Error{Kind: Terminal, Class: class, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// From finds the outcome in err. An error that carries none is a Retry: nothing is known to be
// wrong for good.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return Retryable("InternalError", err)
}
