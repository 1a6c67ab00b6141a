package acme

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
)

// ProblemType is the type of a problem, a URI (RFC 8555 section 6.7). A CA may
// use types that are not listed here.
type ProblemType string

const problemPrefix = "urn:ietf:params:acme:error:"

// Problem types of RFC 8555 section 6.7 and of the extensions in use.
const (
	TypeAccountDoesNotExist     ProblemType = problemPrefix + "accountDoesNotExist"
	TypeAlreadyReplaced         ProblemType = problemPrefix + "alreadyReplaced" // RFC 9773 section 7.4
	TypeAlreadyRevoked          ProblemType = problemPrefix + "alreadyRevoked"
	TypeBadCSR                  ProblemType = problemPrefix + "badCSR"
	TypeBadNonce                ProblemType = problemPrefix + "badNonce"
	TypeBadPublicKey            ProblemType = problemPrefix + "badPublicKey"
	TypeBadRevocationReason     ProblemType = problemPrefix + "badRevocationReason"
	TypeBadSignatureAlgorithm   ProblemType = problemPrefix + "badSignatureAlgorithm"
	TypeCAA                     ProblemType = problemPrefix + "caa"
	TypeCompound                ProblemType = problemPrefix + "compound"
	TypeConflict                ProblemType = problemPrefix + "conflict"
	TypeConnection              ProblemType = problemPrefix + "connection"
	TypeDNS                     ProblemType = problemPrefix + "dns"
	TypeExternalAccountRequired ProblemType = problemPrefix + "externalAccountRequired"
	TypeIncorrectResponse       ProblemType = problemPrefix + "incorrectResponse"
	TypeInvalidContact          ProblemType = problemPrefix + "invalidContact"
	TypeInvalidProfile          ProblemType = problemPrefix + "invalidProfile" // draft-ietf-acme-profiles
	TypeMalformed               ProblemType = problemPrefix + "malformed"
	TypeOrderNotReady           ProblemType = problemPrefix + "orderNotReady"
	TypeRateLimited             ProblemType = problemPrefix + "rateLimited"
	TypeRejectedIdentifier      ProblemType = problemPrefix + "rejectedIdentifier"
	TypeServerInternal          ProblemType = problemPrefix + "serverInternal"
	TypeTLS                     ProblemType = problemPrefix + "tls"
	TypeUnauthorized            ProblemType = problemPrefix + "unauthorized"
	TypeUnsupportedContact      ProblemType = problemPrefix + "unsupportedContact"
	TypeUnsupportedIdentifier   ProblemType = problemPrefix + "unsupportedIdentifier"
	TypeUserActionRequired      ProblemType = problemPrefix + "userActionRequired"

	// TypeBlank is the type of a problem that has none: its HTTP status is all
	// it says (RFC 7807 section 4.2).
	TypeBlank ProblemType = "about:blank"
)

// Bounds on the lists of a problem.
const (
	maxSubproblems   = 100
	maxShownProblems = 5
	maxAlgorithms    = 32
)

// Problem is the CA's account of what went wrong: the answer to a request, or
// the error of a challenge or an order. All text in it is cleaned and bounded.
type Problem struct {
	Type   ProblemType
	Title  string
	Detail string

	// Status is the HTTP status. In the error of a challenge or an order, and
	// in a subproblem, it is what the CA wrote there, or 0.
	Status int

	// Instance is a URL for a person to visit, for userActionRequired above
	// all. Only http and https URLs are kept.
	Instance string

	// Identifier is the one that a subproblem is about; nil otherwise.
	Identifier  *Identifier
	Subproblems []Problem

	// Algorithms are the signature algorithms that the CA accepts, for
	// badSignatureAlgorithm.
	Algorithms []string

	// RetryAfter is when the CA wants to be asked again; zero if it did not say.
	RetryAfter time.Time

	// Location is where the answer points: for the refusal of a key change with
	// HTTP status 409, the account that has the new key already (RFC 8555
	// section 7.3.5). It is to be compared and shown; empty if there is none.
	Location string

	// Help and TermsOfService are the targets of the answer's links of those
	// relations, or empty.
	Help           string
	TermsOfService string

	// Synthetic says that the answer held no problem document, so that only
	// the HTTP status is known. Nothing of such an answer's body is kept.
	Synthetic bool
}

// Error implements error. The text of a badNonce problem is left out, because
// CAs put the nonce in it and an error should read the same every time.
func (p *Problem) Error() string {
	message := p.summary()
	for i := range p.Subproblems {
		if i == maxShownProblems {
			message += fmt.Sprintf("; and %d more", len(p.Subproblems)-i)
			break
		}
		message += "; " + p.Subproblems[i].summary()
	}
	return message
}

func (p *Problem) summary() string {
	var parts []string
	if p.Identifier != nil {
		parts = append(parts, p.Identifier.Value)
	}
	if p.Type != TypeBlank {
		parts = append(parts, strings.TrimPrefix(string(p.Type), problemPrefix))
	}
	if text := p.text(); text != "" {
		parts = append(parts, text)
	}
	return strings.Join(parts, ": ")
}

func (p *Problem) text() string {
	switch {
	case p.Type == TypeBadNonce:
		return "the CA refused every nonce"
	case p.Detail != "":
		return p.Detail
	case p.Title != "":
		return p.Title
	case p.Status != 0:
		return strings.TrimSpace(fmt.Sprintf("HTTP status %d %s", p.Status, http.StatusText(p.Status)))
	case p.Type == TypeBlank:
		return "the CA gave no reason"
	}
	return ""
}

// HasType says whether the problem is of one of the types. Subproblems do not
// count.
func (p *Problem) HasType(types ...ProblemType) bool {
	return slices.Contains(types, p.Type)
}

// AsProblem returns the problem in an error's chain.
func AsProblem(err error) (*Problem, bool) {
	return errors.AsType[*Problem](err)
}

// IsProblem says whether an error is a problem of one of the types.
func IsProblem(err error, types ...ProblemType) bool {
	problem, ok := AsProblem(err)
	return ok && problem.HasType(types...)
}

type wireProblem struct {
	Type        string          `json:"type"`
	Title       string          `json:"title"`
	Detail      string          `json:"detail"`
	Status      int             `json:"status"`
	Instance    string          `json:"instance"`
	Identifier  *wireIdentifier `json:"identifier"`
	Subproblems []wireProblem   `json:"subproblems"`
	Algorithms  []string        `json:"algorithms"`
}

// problem cleans what the CA sent; sub says that this is a subproblem, which
// alone has an identifier and never has subproblems (RFC 8555 section 6.7.1).
func (w *wireProblem) problem(sub bool) *Problem {
	p := &Problem{
		Type:       problemType(w.Type),
		Title:      cleanText(w.Title, maxShortText),
		Detail:     cleanText(w.Detail, maxDetail),
		Instance:   displayURL(w.Instance),
		Algorithms: cleanList(w.Algorithms, maxAlgorithms),
	}
	if w.Status >= 100 && w.Status < 600 {
		p.Status = w.Status
	}
	if sub {
		if w.Identifier != nil {
			identifier := w.Identifier.identifier()
			p.Identifier = &identifier
		}
		return p
	}
	for i := range w.Subproblems[:min(len(w.Subproblems), maxSubproblems)] {
		p.Subproblems = append(p.Subproblems, *w.Subproblems[i].problem(true))
	}
	return p
}

func problemType(raw string) ProblemType {
	if raw == "" || strings.ContainsRune(raw, ' ') || cleanText(raw, maxIdentifierText) != raw {
		return TypeBlank
	}
	return ProblemType(raw)
}

// wireProblemError is the error member of an order or a challenge. Absent and
// null mean that there is none; an empty object, or something that is no
// problem at all, means an error of which nothing is known.
type wireProblemError struct {
	present bool
	wire    wireProblem
}

// UnmarshalJSON implements json.Unmarshaler.
func (w *wireProblemError) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	w.present = true
	if json.Unmarshal(data, &w.wire) != nil {
		w.wire = wireProblem{}
	}
	return nil
}

func (w *wireProblemError) problem() *Problem {
	if !w.present {
		return nil
	}
	return w.wire.problem(false)
}

// problem returns what an answer outside 2xx says, and nil for one inside.
func (r *response) problem() *Problem {
	if isSuccess(r.status) {
		return nil
	}
	p := parseProblem(r.body, r.header.Get("Content-Type"), r.status)
	p.RetryAfter = r.retryAfter
	p.Location = displayURL(resolve(r.url, r.header.Get("Location")))
	p.Help = firstDisplayURL(r.links("help"))
	p.TermsOfService = firstDisplayURL(r.links("terms-of-service"))
	return p
}

func firstDisplayURL(urls []string) string {
	if len(urls) == 0 {
		return ""
	}
	return displayURL(urls[0])
}

// parseProblem reads a problem document. A body is one if its media type says
// so or if its type is one of ACME's; any other body, such as the HTML page of
// a load balancer, becomes a problem made from the HTTP status alone.
func parseProblem(body []byte, contentType string, status int) *Problem {
	var wire wireProblem
	if json.Unmarshal(body, &wire) != nil || !isProblemDocument(contentType, wire.Type) {
		return &Problem{Type: TypeBlank, Status: status, Synthetic: true}
	}
	p := wire.problem(false)
	p.Status = status
	return p
}

func isProblemDocument(contentType, typ string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	if err == nil && media == "application/problem+json" {
		return true
	}
	return strings.HasPrefix(typ, problemPrefix)
}
