package orderflow

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/outcome"
)

// Step is what to do next about an Order.
type Step string

const (
	// Create makes the order at the CA; its URL is written down before anything else.
	Create Step = "Create"
	// Read reads the order at the CA.
	Read Step = "Read"
	// Authorize reads the authorizations, chooses a challenge for each and writes down the answers.
	Authorize Step = "Authorize"
	// Poll reads the authorizations named.
	Poll Step = "Poll"
	// Present puts the answers of the authorizations named in place.
	Present Step = "Present"
	// Check looks whether the answers of the authorizations named can be seen.
	Check Step = "Check"
	// Accept tells the CA to look at the answers of the authorizations named. It looks once.
	Accept Step = "Accept"
	// Finalize hands in the certificate request.
	Finalize Step = "Finalize"
	// Download fetches the chain.
	Download Step = "Download"
	// Fail ends the order without a certificate.
	Fail Step = "Fail"
	// Abandon gives up, at the CA, the authorizations named.
	Abandon Step = "Abandon"
	// Withdraw takes the answers of the authorizations named away, which have been validated, to make room for another.
	Withdraw Step = "Withdraw"
	// CleanUp takes the answers away.
	CleanUp Step = "CleanUp"
	// Wait waits until At.
	Wait Step = "Wait"
	// Done means that there is nothing left to do.
	Done Step = "Done"
)

// Bounds of waiting.
const (
	// selfCheckDeadline is how long an answer may stay invisible to ourselves before the CA is told to
	// look all the same: hairpin NAT and split DNS hide answers from us that a CA sees.
	selfCheckDeadline = 60 * time.Second
	firstPoll         = 500 * time.Millisecond
	longestPoll       = 15 * time.Second
	firstLook         = 250 * time.Millisecond
	longestLook       = 2 * time.Second
	longestAsked      = time.Minute
	// longestReason bounds, in bytes, what a status quotes of all that went wrong with an order.
	longestReason = 4096
	// longestOrder ends an order for which the CA names no end.
	longestOrder = 24 * time.Hour
)

// Progress is what this process has seen at the CA of an order. It is not written down: a process
// that takes an order over reads it again.
type Progress struct {
	// seed spreads what orders that fail together do next.
	seed types.UID

	Order          *acme.Order
	Authorizations map[string]*acme.Authorization
	// Presented, Checked and Accepted hold the URLs of the authorizations that are that far.
	Presented, Checked, Accepted map[string]bool
	// Withdrawn holds those whose answers were to be taken away to make room for others.
	Withdrawn map[string]bool
	// PresentedAt is when the last answer was put in place.
	PresentedAt time.Time
	// Polls counts the reads since something last changed; NextPoll is the earliest time of the next.
	Polls    int
	NextPoll time.Time
	// Outages counts the calls in a row for which the CA was not there.
	Outages int
	// Doubts counts how often the CA did not know the account that orders.
	Doubts int
	// CheckNote is what the self-check last saw.
	CheckNote string
	// Unseen holds, by the URLs of the authorizations whose answers the self-check gave up on, what it saw last.
	Unseen map[string]string
	// CredentialsKept says that what the clean-up needs is in a place of its own.
	CredentialsKept bool
	// Abandoned says that what was open at the CA has been given up, as far as it could be.
	Abandoned bool
	// CleaningSince is when the first attempt to clean up was made.
	CleaningSince time.Time
	// Cleaned holds the URLs of the authorizations whose answers have been taken away. CleaningFrom is where in the list of
	// them the next attempt begins.
	Cleaned      map[string]bool
	CleaningFrom int
}

// NewProgress is the progress of an order that nothing is known of.
func NewProgress(uid types.UID) *Progress {
	return &Progress{
		seed:           uid,
		Authorizations: map[string]*acme.Authorization{},
		Presented:      map[string]bool{}, Checked: map[string]bool{}, Accepted: map[string]bool{}, Withdrawn: map[string]bool{},
		Unseen: map[string]string{}, Cleaned: map[string]bool{},
	}
}

// Pending are the URLs of the authorizations that were pending when they were last read, in order.
func (p *Progress) Pending() []string {
	var urls []string
	for url, seen := range p.Authorizations {
		if seen.Status == acme.AuthorizationPending {
			urls = append(urls, url)
		}
	}
	slices.Sort(urls)
	return urls
}

// Polled sets the time of the next read after one that showed no change: when the CA asked for it,
// else later and later.
func (p *Progress) Polled(retryAfter, now time.Time) {
	wait := min(firstPoll<<min(p.Polls, 10), longestPoll)
	if !retryAfter.IsZero() {
		wait = min(max(retryAfter.Sub(now), firstPoll), longestAsked)
	}
	p.Polls++
	p.Outages = 0
	p.NextPoll = now.Add(wait)
}

// Looked sets the time of the next look for answers that we put in place ourselves. It asks our own routes and the
// zone's own servers, for a minute: more often than a CA is asked.
func (p *Progress) Looked(now time.Time) {
	p.NextPoll = now.Add(min(firstLook<<min(p.Polls, 10), longestLook))
	p.Polls++
}

// Moved forgets the waits: something changed.
func (p *Progress) Moved() { p.Polls, p.NextPoll, p.Outages = 0, time.Time{}, 0 }

// Snapshot is everything that the next step of an Order depends on.
type Snapshot struct {
	Now      time.Time
	Order    *acmev1.Order
	Progress *Progress
	Solvers  []v1.ACMESolver
	// Alone holds, by URL, the places of authorizations whose answers have a place that has room for one: a provider of
	// DNS, or one name there.
	Alone map[string]string
	// Finalizer is on the Order as long as an answer may be left outside.
	Finalizer string
}

// Next is a decision.
type Next struct {
	Step Step
	// URLs are those of the authorizations that the step is about.
	URLs []string
	// At is when a Wait ends; Note says for what.
	At   time.Time
	Note string
	// Failure is why an order fails; State is the final state it gets.
	Failure *outcome.Error
	State   acmev1.State
}

// Decide says what to do next about an Order.
func Decide(s Snapshot) Next {
	status := &s.Order.Status
	switch {
	case s.Order.DeletionTimestamp != nil, status.State.IsFinal():
		return s.end()
	case status.URL != "" && s.expired():
		return s.outlived()
	case status.NextAttemptTime != nil && s.Now.Before(status.NextAttemptTime.Time):
		return Next{Step: Wait, At: s.beforeExpiry(status.NextAttemptTime.Time), Note: cmp.Or(status.Reason, "waiting as long as the CA asked for")}
	case status.URL == "":
		return s.create()
	case s.Progress.Order == nil:
		return Next{Step: Read}
	default:
		return s.proceed()
	}
}

// proceed takes an order on that was made and read.
func (s Snapshot) proceed() Next {
	switch s.Progress.Order.Status {
	case acme.OrderReady:
		return s.poll(Next{Step: Finalize}, "waiting for the CA to take the certificate request")
	case acme.OrderValid:
		return Next{Step: Download}
	case acme.OrderProcessing:
		return s.poll(Next{Step: Read}, "waiting for the CA to sign")
	case acme.OrderInvalid:
		return s.invalid()
	default:
		return s.pending()
	}
}

// end gives up what an order without a certificate leaves open at the CA, and takes the answers away.
func (s Snapshot) end() Next {
	if urls := s.abandoned(); len(urls) > 0 {
		return Next{Step: Abandon, URLs: urls}
	}
	if !slices.Contains(s.Order.Finalizers, s.Finalizer) {
		return Next{Step: Done}
	}
	if s.Now.Before(s.Progress.NextPoll) {
		return Next{Step: Wait, At: s.Progress.NextPoll, Note: "waiting to clean up"}
	}
	return Next{Step: CleanUp}
}

// abandoned are the authorizations of an order that failed or is deleted which this process has seen pending:
// left alone, they count against the account and may be handed out again with the next order.
func (s Snapshot) abandoned() []string {
	if s.Order.Status.State == acmev1.Valid || s.Progress.Abandoned {
		return nil
	}
	return s.Progress.Pending()
}

// create asks for a solver first: an order that no solver fits would only burn the CA's limits. An
// issuer without solvers is legal: some CAs know by other means whom they may sign for.
func (s Snapshot) create() Next {
	if len(s.Solvers) > 0 {
		for _, name := range s.Order.Spec.DNSNames {
			if Choose(s.Solvers, name, s.Order.Labels, nil) == nil {
				return Next{Step: Wait, Note: fmt.Sprintf("no solver of the issuer fits %q: add one, or widen a selector", name)}
			}
		}
	}
	return Next{Step: Create}
}

func (s Snapshot) expired() bool {
	if s.Order.Status.Expires != nil {
		return !s.Now.Before(s.Order.Status.Expires.Time)
	}
	return s.Now.After(s.Order.CreationTimestamp.Add(longestOrder))
}

// beforeExpiry bounds a wait by the end of the order, if it was made: whatever is waited for, another order
// is needed then.
func (s Snapshot) beforeExpiry(at time.Time) time.Time {
	if expires := s.Order.Status.Expires; s.Order.Status.URL != "" && expires != nil && expires.Time.Before(at) {
		return expires.Time
	}
	return at
}

// invalid finds out why first: the reason is on the authorizations.
func (s Snapshot) invalid() Next {
	if unread := s.unread(); len(unread) > 0 {
		return Next{Step: Poll, URLs: unread}
	}
	return s.failed()
}

// failed tells why: what the CA saw at each name and where it looked, what we saw there before, and what it
// says of the order.
func (s Snapshot) failed() Next {
	failure := outcome.Terminalf(outcome.ClassValidation, ReasonValidation, "the CA gave the order up and did not say why")
	var texts []string
	for i := range s.Order.Status.Authorizations {
		authorization := &s.Order.Status.Authorizations[i]
		seen := s.Progress.Authorizations[authorization.URL]
		if seen == nil {
			continue
		}
		told := reasons(authorization, seen)
		for _, reason := range told {
			identify(failure, reason.problem)
			texts = append(texts, reason.text)
		}
		if note := s.Progress.Unseen[authorization.URL]; note != "" && len(told) > 0 {
			texts = append(texts, "before that we could not see the answer ourselves: "+note)
		}
	}
	if problem := s.Progress.Order.Error; problem != nil {
		identify(failure, problem)
		if text := problem.Error(); text != "" {
			texts = append(texts, text)
		}
	}
	if len(texts) > 0 {
		failure.Message = condition.Bounded(strings.Join(texts, "; "), longestReason)
	}
	return fail(acmev1.Invalid, failure)
}

// identify gives a failure the type of the first problem that has one.
func identify(failure *outcome.Error, problem *acme.Problem) {
	if failure.Type == "" && problem != nil {
		quote(failure, problem)
	}
}

// reason is what is wrong with an authorization, in words, and the CA's own account of it, if any.
type reason struct {
	text    string
	problem *acme.Problem
}

// reasons are the errors of an authorization's challenges, each with the name and the place that it is about;
// where there is none, the state that the authorization is in must do.
func reasons(authorization *acmev1.Authorization, seen *acme.Authorization) []reason {
	var found []reason
	for i := range seen.Challenges {
		challenge := &seen.Challenges[i]
		if challenge.Error == nil {
			continue
		}
		text := seen.Identifier.Value
		if challenge.Type != "" {
			text += ", " + string(challenge.Type)
		}
		if place := placeOf(authorization, challenge); place != "" {
			text += " at " + place
		}
		found = append(found, reason{text + ": " + challenge.Error.Error(), challenge.Error})
	}
	if len(found) == 0 && seen.Status != acme.AuthorizationPending && seen.Status != acme.AuthorizationValid {
		return []reason{{text: fmt.Sprintf("%s: the authorization is %s, and the CA did not say why", seen.Identifier.Value, seen.Status)}}
	}
	return found
}

// placeOf is where a CA looks for the answer to the challenge that was chosen (RFC 8555 sections 8.3 and 8.4),
// empty for any other.
func placeOf(authorization *acmev1.Authorization, challenge *acme.Challenge) string {
	chosen := authorization.Challenge
	if chosen == nil || chosen.URL != challenge.URL {
		return ""
	}
	switch chosen.Type {
	case acmev1.DNS01, acmev1.DNSAccount01, acmev1.DNSPersist01:
		return strings.TrimSuffix(chosen.RecordName, ".")
	case acmev1.TLSALPN01:
		return authorization.Identifier + ":443"
	case acmev1.HTTP01:
		path, err := acme.HTTP01Path(chosen.Token)
		if err != nil {
			return ""
		}
		host := authorization.Identifier
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		return "http://" + host + path
	default:
		return ""
	}
}

// outlived is the end of an order that took longer than it lives, with what it waited for to the last.
func (s Snapshot) outlived() Next {
	failure := outcome.Terminalf(outcome.ClassLocal, "OrderExpired", "the order expired at the CA before it was done")
	if reason := s.Order.Status.Reason; reason != "" {
		failure.Message += "; what it last told was: " + reason
	}
	return fail(acmev1.Expired, failure)
}

func fail(state acmev1.State, failure *outcome.Error) Next {
	return Next{Step: Fail, State: state, Failure: failure}
}

func (s Snapshot) unread() []string {
	var urls []string
	for i := range s.Order.Status.Authorizations {
		if url := s.Order.Status.Authorizations[i].URL; s.Progress.Authorizations[url] == nil {
			urls = append(urls, url)
		}
	}
	return urls
}

// pending takes the authorizations of an order as far as they go.
func (s Snapshot) pending() Next {
	if len(s.Order.Status.Authorizations) == 0 {
		return Next{Step: Authorize}
	}
	if unread := s.unread(); len(unread) > 0 {
		return Next{Step: Poll, URLs: unread}
	}
	steps := map[Step][]string{}
	for i := range s.Order.Status.Authorizations {
		authorization := &s.Order.Status.Authorizations[i]
		switch s.Progress.Authorizations[authorization.URL].Status {
		case acme.AuthorizationValid:
			continue
		case acme.AuthorizationPending:
		default:
			return s.failed()
		}
		if authorization.Challenge == nil {
			return fail(acmev1.Errored, outcome.Terminalf(outcome.ClassRefused, "NoSolver",
				"no solver of the issuer can answer what the CA offers for %q: it offers %s", authorization.Identifier, offers(authorization)))
		}
		step := s.stepOf(i)
		steps[step] = append(steps[step], authorization.URL)
	}
	if inTheWay := s.inTheWay(steps[Present]); len(inTheWay) > 0 {
		return Next{Step: Withdraw, URLs: inTheWay}
	}
	return s.choose(steps[Present], steps[Check], steps[Accept], steps[Poll])
}

// inTheWay are the authorizations that have been validated and whose answers leave no room for one of those to come.
func (s Snapshot) inTheWay(coming []string) []string {
	var urls []string
	for i := range s.Order.Status.Authorizations {
		url := s.Order.Status.Authorizations[i].URL
		if s.Progress.Authorizations[url].Status == acme.AuthorizationValid && !s.Progress.Withdrawn[url] &&
			slices.ContainsFunc(coming, func(other string) bool { return s.share(url, other) }) {
			urls = append(urls, url)
		}
	}
	return urls
}

// share says whether the answers of two authorizations have one place with room for one of them.
func (s Snapshot) share(one, other string) bool {
	place, alone := s.Alone[one]
	theirs, too := s.Alone[other]
	return alone && too && place == theirs
}

// stepOf is what a pending authorization with a challenge needs next; Wait until it is its turn.
func (s Snapshot) stepOf(i int) Step {
	authorization := &s.Order.Status.Authorizations[i]
	url := authorization.URL
	switch {
	case s.Progress.Accepted[url] || Begun(s.Progress.Authorizations[url], authorization.Challenge):
		return Poll
	case s.waitsItsTurn(i):
		return Wait
	case !s.Progress.Presented[url]:
		return Present
	case !s.Progress.Checked[url]:
		return Check
	default:
		return Accept
	}
}

// waitsItsTurn says whether an authorization's answer has to wait until an earlier one's has been validated.
func (s Snapshot) waitsItsTurn(i int) bool {
	authorizations := s.Order.Status.Authorizations
	return slices.ContainsFunc(authorizations[:i], func(earlier acmev1.Authorization) bool {
		return s.share(authorizations[i].URL, earlier.URL) && s.Progress.Authorizations[earlier.URL].Status != acme.AuthorizationValid
	})
}

// choose takes the earliest step that something needs; every answer is put in place before the first
// is accepted, so that one wait serves all.
func (s Snapshot) choose(present, check, accept, polling []string) Next {
	switch {
	case len(present) > 0:
		return Next{Step: Present, URLs: present}
	case len(accept) > 0:
		return Next{Step: Accept, URLs: accept}
	case len(check) > 0:
		return s.check(check)
	case len(polling) > 0:
		return s.poll(Next{Step: Poll, URLs: polling}, s.validating(polling))
	default:
		return s.poll(Next{Step: Read}, "waiting for the CA to take note of the validations")
	}
}

// validating says what is waited for once the CA has been told to look, and what we could not see before.
func (s Snapshot) validating(urls []string) string {
	const note = "waiting for the CA to validate"
	for _, url := range urls {
		if unseen := s.Progress.Unseen[url]; unseen != "" {
			return note + ", which was asked although we could not see the answer ourselves within a minute: " + unseen
		}
	}
	return note
}

func (s Snapshot) check(urls []string) Next {
	for i := range s.Order.Status.Authorizations {
		authorization := &s.Order.Status.Authorizations[i]
		if authorization.Challenge == nil || authorization.Challenge.Solver == nil || authorization.Challenge.Solver.WaitInsteadOfSelfCheck == nil {
			continue
		}
		asked := authorization.Challenge.Solver.WaitInsteadOfSelfCheck.Duration
		if until := s.inTime(authorization, s.Progress.PresentedAt.Add(asked)); s.Now.Before(until) {
			return Next{Step: Wait, At: until, Note: "waiting as long as the solver's waitInsteadOfSelfCheck says"}
		}
	}
	return s.poll(Next{Step: Check, URLs: urls}, cmp.Or(s.Progress.CheckNote, "waiting until the answers can be seen"))
}

// inTime bounds a wait before a challenge so that a fifth of what was left of the authorization when the
// answer was put in place remains for the CA. Some live for an hour only.
func (s Snapshot) inTime(authorization *acmev1.Authorization, until time.Time) time.Time {
	if authorization.Expires == nil {
		return until
	}
	latest := authorization.Expires.Add(-authorization.Expires.Sub(s.Progress.PresentedAt) / 5)
	if latest.Before(until) {
		return latest
	}
	return until
}

// CheckIsOver says whether the CA is to be told to look although we have not seen the answer.
func (s Snapshot) CheckIsOver() bool {
	return s.Now.After(s.Progress.PresentedAt.Add(selfCheckDeadline))
}

func (s Snapshot) poll(next Next, note string) Next {
	if s.Now.Before(s.Progress.NextPoll) {
		return Next{Step: Wait, At: s.Progress.NextPoll, Note: note}
	}
	return next
}

// Begun says whether the CA has been told to look already, by an earlier process.
func Begun(seen *acme.Authorization, chosen *acmev1.ChallengeProgress) bool {
	for i := range seen.Challenges {
		if seen.Challenges[i].URL == chosen.URL {
			return seen.Challenges[i].Status != acme.ChallengePending
		}
	}
	return false
}

func offers(authorization *acmev1.Authorization) string {
	var types []string
	for _, offered := range authorization.Challenges {
		types = append(types, string(offered.Type))
	}
	if len(types) == 0 {
		return "nothing"
	}
	return strings.Join(types, ", ")
}
