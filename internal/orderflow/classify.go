// Package orderflow decides the next step of an ACME order, and what each answer of a CA means.
//
// The order controller carries the steps out. This package is pure: it uses the types of package
// acme and never its client.
package orderflow

import (
	"cmp"
	"errors"
	"hash/fnv"
	"strings"
	"time"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/outcome"
)

// Reasons of what a CA answered.
const (
	ReasonRateLimited    = "RateLimited"
	ReasonCAUnavailable  = "CAUnavailable"
	ReasonCARefused      = "CARefused"
	ReasonAccountUnknown = "AccountUnknown"
	ReasonUserAction     = "UserActionRequired"
	ReasonValidation     = "ValidationFailed"
)

// IsFromCA says whether a wait was asked for by a CA, or is for one that cannot be reached: it is
// worth writing down, so that a restart does not cut it short.
func IsFromCA(failure *outcome.Error) bool {
	return failure.Reason == ReasonRateLimited || failure.Reason == ReasonCAUnavailable || failure.Reason == ReasonUserAction
}

// HoldReason is why an Order is held up, by the type of the problem that its status tells of: one of the reasons
// above, or the word of ours that the type is.
func HoldReason(problemType string) string {
	const ofACME = "urn:ietf:params:acme:error:"
	switch kind := acme.ProblemType(problemType); {
	case kind == acme.TypeRateLimited:
		return ReasonRateLimited
	case kind == acme.TypeUserActionRequired:
		return ReasonUserAction
	case strings.HasPrefix(problemType, ofACME):
		// What is waited for and is neither of these is a CA in trouble, whatever it calls that.
		return ReasonCAUnavailable
	default:
		return problemType
	}
}

const (
	// longestRetryAfter bounds what a CA may ask us to wait: a day is as long as any limit needs to be
	// looked at again.
	longestRetryAfter = 24 * time.Hour
	// shortestRetryAfter keeps a CA that asks us to come back at once from being called without end.
	shortestRetryAfter = 5 * time.Second
	// unavailableWait is the wait where a CA that is in trouble gives none; it grows to longestUnavailable.
	unavailableWait    = time.Minute
	longestUnavailable = 15 * time.Minute
	longestJitter      = 10 * time.Minute
	// limitedWait is the wait where something limits us and does not say for how long.
	limitedWait = time.Hour
	// personWait is how long is waited for a person; an edit or another attempt ends it before.
	personWait = 24 * time.Hour
)

// Classify says what an error of a call to a CA means. What is no failure of the request (limits,
// outages, networks) is a Wait with a time; a refusal is Terminal.
func Classify(err error, now time.Time) *outcome.Error {
	var own *outcome.Error
	if errors.As(err, &own) {
		return own
	}
	var network *acme.NetworkError
	if errors.As(err, &network) {
		if network.Kind == acme.NetworkForbidden {
			// No time brings this about: somebody has to move the CA, the issuer or the rule.
			failure := outcome.Terminalf(outcome.ClassRefused, v1.ReasonAddressNotAllowed, "%v", network)
			failure.Err = err
			return failure
		}
		return waiting(ReasonCAUnavailable, now.Add(unavailableWait), network.Error(), err)
	}
	var protocol *acme.ProtocolError
	if errors.As(err, &protocol) {
		return classifyProtocol(protocol, now)
	}
	if errors.Is(err, acme.ErrUnsupportedKey) || errors.Is(err, acme.ErrKeyNotFound) {
		failure := outcome.Terminalf(outcome.ClassLocal, ReasonCARefused, "%v", err)
		failure.Err = err
		return failure
	}
	if errors.Is(err, acme.ErrNotOffered) || errors.Is(err, acme.ErrProfileNotOffered) {
		failure := outcome.Terminalf(outcome.ClassRefused, ReasonCARefused, "%v", err)
		failure.Err = err
		return failure
	}
	problem, ok := acme.AsProblem(err)
	if !ok {
		// Not the CA's at all, such as an error of the API server: it says nothing about the order.
		return outcome.From(err)
	}
	failure := classifyProblem(problem, now)
	failure.Err = err
	return failure
}

// classifyProtocol is for answers that RFC 8555 does not allow. A link that leads astray stays where
// it is; anything else may be a passing trouble of a proxy in between.
func classifyProtocol(err *acme.ProtocolError, now time.Time) *outcome.Error {
	switch err.Reason {
	case acme.ReasonForeignHost, acme.ReasonInsecureURL, acme.ReasonBadURL, acme.ReasonNotCertificate, acme.ReasonBadToken:
		failure := outcome.Terminalf(outcome.ClassRefused, ReasonCARefused, "%v", err)
		failure.Err = err
		return failure
	default:
		return waiting(ReasonCAUnavailable, now.Add(unavailableWait), err.Error(), err)
	}
}

// classifyProblem is the table of problem types (RFC 8555 section 6.7).
func classifyProblem(problem *acme.Problem, now time.Time) *outcome.Error {
	switch {
	case problem.HasType(acme.TypeRateLimited), problem.Status == 429:
		switch {
		case problem.RetryAfter.IsZero() && problem.Synthetic:
			// Something in between limits us, not the CA.
			return refusedFor(ReasonRateLimited, now.Add(limitedWait), problem)
		case problem.RetryAfter.IsZero():
			// A paused identifier looks like this: only a person can end it, at the CA's own page.
			return forPerson(problem, now)
		}
		return refusedFor(ReasonRateLimited, clamp(problem.RetryAfter, now), problem)
	case problem.HasType(acme.TypeServerInternal, acme.TypeBadNonce), problem.Status >= 500:
		at := now.Add(unavailableWait)
		if !problem.RetryAfter.IsZero() {
			at = clamp(problem.RetryAfter, now)
		}
		return refusedFor(ReasonCAUnavailable, at, problem)
	case problem.HasType(acme.TypeUserActionRequired):
		return forPerson(problem, now)
	case problem.HasType(acme.TypeAccountDoesNotExist):
		return terminal(outcome.ClassLocal, ReasonAccountUnknown, problem)
	case problem.HasType(acme.TypeCAA, acme.TypeCompound, acme.TypeConnection, acme.TypeDNS, acme.TypeIncorrectResponse, acme.TypeTLS):
		return terminal(outcome.ClassValidation, ReasonValidation, problem)
	default:
		return terminal(outcome.ClassRefused, ReasonCARefused, problem)
	}
}

// Classify is Classify for a call of an order. Where the CA is not there and named no time itself, the
// wait grows from call to call, so that thousands of orders neither wear it down nor write their
// statuses every minute. All waits are spread, so that those that were limited together do not come back
// together.
func (p *Progress) Classify(err error, now time.Time) *outcome.Error {
	failure := Classify(err, now)
	if failure.Reason == ReasonCAUnavailable && !namesTime(err) {
		failure.At = now.Add(min(unavailableWait<<min(p.Outages, 10), longestUnavailable))
		p.Outages++
	}
	if IsFromCA(failure) {
		failure.At = failure.At.Add(p.jitter(failure.At.Sub(now)))
	}
	return failure
}

// notFound is an HTTP status (RFC 9110 section 15.5.5).
const notFound = 404

// AboutOrder is a failure of a call about an order that was made. Where the CA says no more than that it has no such
// thing, the failure says what that is.
func AboutOrder(failure *outcome.Error) *outcome.Error {
	problem, ok := acme.AsProblem(failure.Err)
	if !ok || problem.Status != notFound || failure.Kind != outcome.Terminal {
		return failure
	}
	told := *failure
	told.Message = "the CA has forgotten the order, or has it under another account than the issuer's: " + failure.Message
	return &told
}

// jitter is up to a tenth of a wait, and up to ten minutes, the same for an order from call to call.
func (p *Progress) jitter(wait time.Duration) time.Duration {
	if p.seed == "" {
		return 0
	}
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(p.seed)) // it never fails
	share := float64(hash.Sum32()) / (1 << 32)
	return time.Duration(share * float64(min(wait/10, longestJitter))).Truncate(time.Millisecond)
}

// namesTime says whether the CA itself said when to come back.
func namesTime(err error) bool {
	problem, ok := acme.AsProblem(err)
	return ok && !problem.RetryAfter.IsZero()
}

func waiting(reason string, at time.Time, message string, err error) *outcome.Error {
	failure := outcome.WaitUntil(at, reason, "%s", message)
	failure.Err = err
	return failure
}

// forPerson waits for what only a person can do, and says what to open for it. It is looked at again once
// in a while: they may have.
func forPerson(problem *acme.Problem, now time.Time) *outcome.Error {
	message, page := problem.Error(), cmp.Or(problem.Instance, problem.TermsOfService, problem.Help)
	switch {
	case page == "" && !strings.Contains(message, "://"):
		message += "; the CA names no time and no page: ask it, or look at the account there, for what it waits for"
	case !strings.Contains(message, page):
		message += "; open " + page
	}
	failure := refusedFor(ReasonUserAction, now.Add(personWait), problem)
	failure.Message, failure.URL = message, page
	return failure
}

// refusedFor is the wait until a CA takes what it refuses now.
func refusedFor(reason string, at time.Time, problem *acme.Problem) *outcome.Error {
	failure := waiting(reason, at, problem.Error(), nil)
	quote(failure, problem)
	return failure
}

// quote gives a failure the CA's own type and page, where there are any.
func quote(failure *outcome.Error, problem *acme.Problem) {
	if problem.Type != acme.TypeBlank {
		failure.Type = string(problem.Type)
	}
	failure.URL = cmp.Or(problem.Instance, problem.Help)
}

func terminal(class outcome.Class, reason string, problem *acme.Problem) *outcome.Error {
	failure := outcome.Terminalf(class, reason, "%s", problem.Error())
	quote(failure, problem)
	return failure
}

func clamp(at, now time.Time) time.Time {
	earliest, latest := now.Add(shortestRetryAfter), now.Add(longestRetryAfter)
	switch {
	case at.After(latest):
		return latest
	case at.Before(earliest):
		return earliest
	default:
		return at
	}
}
