package issuance

import (
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/outcome"
)

const (
	// longestHold is how long an attempt may be held up by its CA before the next issuer is asked.
	longestHold = 10 * time.Minute
	// urgentHold is the same for a certificate that has a twentieth of its life left, or less.
	urgentHold = time.Minute
	// verdictGrace is how long an issuer that says that it is not ready is waited for all the same: it may be about
	// to get its Secret, or its CA may be gone for a moment, and a certificate of the next issuer stays for weeks.
	verdictGrace = time.Minute
)

// candidate is an issuer that a Certificate names, with what is known of it.
type candidate struct {
	ref v1.IssuerRef
	*Issuer
}

// Candidates are the issuers that a Certificate names, in the order in which they are asked.
func Candidates(crt *v1.Certificate) []v1.IssuerRef {
	return append([]v1.IssuerRef{crt.Spec.IssuerRef}, crt.Spec.FallbackIssuerRefs...)
}

func (s *Snapshot) candidates() []candidate {
	refs := Candidates(s.Certificate)
	result := make([]candidate, len(refs))
	for i, ref := range refs {
		result[i] = candidate{ref, &Issuer{}}
		switch {
		case i == 0:
			result[i].Issuer = &s.Issuer
		case i <= len(s.Fallbacks):
			result[i].Issuer = &s.Fallbacks[i-1]
		}
	}
	return result
}

func (s *Snapshot) hasFallbacks() bool { return len(s.Certificate.Spec.FallbackIssuerRefs) > 0 }

// names says whether the spec names an issuer, first or as a fallback.
func (s *Snapshot) names(ref v1.IssuerRef) bool { return s.position(ref) >= 0 }

// position is the place of an issuer among the candidates, -1 if the spec does not name it.
func (s *Snapshot) position(ref v1.IssuerRef) int {
	return slices.IndexFunc(Candidates(s.Certificate), func(other v1.IssuerRef) bool { return ref.SameAs(other, s.Names) })
}

// IssuerOf is what is known of an issuer that the spec names; nothing of any other.
func (s *Snapshot) IssuerOf(ref v1.IssuerRef) *Issuer {
	if i := s.position(ref); i >= 0 {
		return s.candidates()[i].Issuer
	}
	return &Issuer{}
}

// SignedBy is the place among the Candidates of the issuer that the target Secret names as the one that signed,
// -1 if there is no Secret, or it names none of them.
func (s *Snapshot) SignedBy() int {
	if s.Secret == nil || s.signer() == (v1.IssuerRef{}) {
		return -1
	}
	return s.position(s.signer())
}

// source is the issuer that the certificate in the target Secret counts as signed by. Where the Secret does not
// say, the request that it came from does.
func (s *Snapshot) source() v1.IssuerRef {
	if s.Secret != nil {
		if signed := s.signer(); s.names(signed) {
			return signed
		}
	}
	if request := s.currentRequest(); request != nil && s.names(request.Spec.IssuerRef) {
		return request.Spec.IssuerRef
	}
	return s.Certificate.Spec.IssuerRef
}

// AsksInstant says whether a new attempt would ask an issuer that answers at once.
func (s *Snapshot) AsksInstant() bool {
	t := &target{Snapshot: s}
	return t.choose().Instant
}

func (s *Snapshot) describe(ref v1.IssuerRef) string {
	return fmt.Sprintf("%s %q", ref.WithDefaults(s.Names).Kind, ref.Name)
}

// issuerStatus is what the status has of an issuer that failed, nil if it has nothing.
func (s *Snapshot) issuerStatus(issuers []v1.CertificateIssuerStatus, ref v1.IssuerRef) *v1.CertificateIssuerStatus {
	for i := range issuers {
		if issuers[i].IssuerRef.SameAs(ref, s.Names) {
			return &issuers[i]
		}
	}
	return nil
}

// restsUntil is until when others are asked before an issuer; zero if it does not rest. An edit of the spec ends
// every rest.
func (s *Snapshot) restsUntil(issuers []v1.CertificateIssuerStatus, ref v1.IssuerRef) time.Time {
	told := s.issuerStatus(issuers, ref)
	if told == nil || told.NextAttemptTime == nil || told.ObservedGeneration != s.Certificate.Generation || !s.Now.Before(told.NextAttemptTime.Time) {
		return time.Time{}
	}
	return told.NextAttemptTime.Time
}

// turn says whose turn it is.
type turn struct {
	candidate
	// rests is until when every issuer rests that could be asked; the candidate is then the one whose rest ends
	// first.
	rests time.Time
	// grace is until when the candidate is waited for, though it is not ready; zero for without end.
	grace time.Time
	// passed is why the ones before were passed over, for people.
	passed []string
}

// turn is the first candidate that neither rests nor has said for a while that it cannot sign. One that is not
// there, or has not said anything yet, is waited for: it may only be late. With little time left nobody is. Where
// nobody is left, it is the one whose rest ends first; where nobody rests either, the first.
func (t *target) turn(issuers []v1.CertificateIssuerStatus) turn {
	candidates := t.candidates()
	var passed []string
	var first turn
	for _, c := range candidates {
		if rest := t.restsUntil(issuers, c.ref); !rest.IsZero() {
			passed = append(passed, fmt.Sprintf("%s failed and rests until %s", t.describe(c.ref), rest.UTC().Format(time.RFC3339)))
			if first.rests.IsZero() || rest.Before(first.rests) {
				first = turn{candidate: c, rests: rest}
			}
			continue
		}
		if until, waits := t.waitsFor(c); waits {
			return turn{candidate: c, grace: until, passed: passed}
		}
		passed = append(passed, c.Blocked)
	}
	if first.Issuer == nil {
		first.candidate = candidates[0]
	}
	return first
}

// waitsFor says whether an issuer that does not rest is asked, or waited for if it cannot be asked: until a time, zero
// for without end.
func (t *target) waitsFor(c candidate) (time.Time, bool) {
	switch {
	case c.Blocked == "":
		return time.Time{}, true
	case t.urgent():
		return time.Time{}, false
	case c.Unable:
		until := c.UnableSince.Add(verdictGrace)
		return until, t.Now.Before(until)
	default:
		return time.Time{}, true
	}
}

// urgent says whether there is little time left.
func (t *target) urgent() bool {
	return t.chain != nil && PastBackstop(t.chain.Leaf().NotBefore, t.chain.Leaf().NotAfter, t.Now)
}

// choose is turn for a new attempt. When everybody rests, and this is not the wait after the last failure, the
// first that is ready is asked all the same: a person has asked for that, or the certificate is due.
func (t *target) choose() turn {
	next := t.turn(t.Certificate.Status.Issuers)
	if next.rests.IsZero() || t.waitsAfterFailure() {
		return next
	}
	for _, c := range t.candidates() {
		if c.Blocked == "" {
			return turn{candidate: c}
		}
	}
	return turn{candidate: next.candidate}
}

// firstRest is when the first rest of an issuer ends, zero if none rests.
func (t *target) firstRest() time.Time {
	var first time.Time
	for _, ref := range Candidates(t.Certificate) {
		first = sooner(first, t.restsUntil(t.Certificate.Status.Issuers, ref))
	}
	return first
}

// waitsAfterFailure says whether nothing has changed since the last attempt failed but the time.
func (t *target) waitsAfterFailure() bool {
	status := &t.Certificate.Status
	if status.Issuance == nil {
		return false
	}
	if status.Issuance.Step == StepWaitingForIssuer || status.Issuance.Step == StepAskingNextIssuer {
		return true
	}
	issuing := condition.Get(status.Conditions, v1.ConditionIssuing)
	return status.Issuance.Step == StepWaitingToRetry && issuing != nil && issuing.Status == metav1.ConditionFalse &&
		issuing.ObservedGeneration == t.Certificate.Generation
}

// everybodyWaits is the end of the wait after a failure that every issuer would share; zero when there is none.
func (t *target) everybodyWaits() time.Time {
	until := t.pausedUntil()
	if until.IsZero() || !t.hasFallbacks() {
		return until
	}
	if asked := t.Certificate.Status.Issuance.IssuerRef; asked != nil {
		if told := t.issuerStatus(t.Certificate.Status.Issuers, *asked); told != nil && told.NextAttemptTime != nil {
			return time.Time{}
		}
	}
	return until
}

// isOwn says whether a failure is the issuer's own, so that another may well sign: its CA refused, or forbids
// itself to sign for the name (RFC 8659); the attempt was given up. What the network or a name's owner has to set
// right, what an approver denied, what the spec asks for in vain and faults of this side would fail elsewhere too.
func isOwn(failure *outcome.Error) bool {
	const caa = "urn:ietf:params:acme:error:caa"
	switch {
	case failure.Type == caa, failure.Class == outcome.ClassUnavailable:
		return true
	case failure.Reason == v1.ReasonDenied, failure.Reason == v1.ConditionInvalidRequest:
		return false
	default:
		return failure.Class == outcome.ClassRefused
	}
}

// failuresOf is how many attempts in a row have failed: with this issuer, where there are others.
func (t *target) failuresOf(ref v1.IssuerRef) int {
	if !t.hasFallbacks() {
		return failures(t.Certificate)
	}
	if told := t.issuerStatus(t.Certificate.Status.Issuers, ref); told != nil {
		return int(told.FailedAttempts)
	}
	return 0
}

// passOn completes the plan of a Fail with what it means for the other issuers. Until then, Recheck is the end of
// the ordinary wait.
func (t *target) passOn(plan *Plan) {
	if !t.hasFallbacks() {
		return
	}
	told := v1.CertificateIssuerStatus{
		IssuerRef: plan.Issuer, LastError: plan.problem(), LastFailureTime: &metav1.Time{Time: t.Now.Truncate(time.Second)},
		FailedAttempts: int32(t.failuresOf(plan.Issuer)) + 1, ObservedGeneration: t.Certificate.Generation,
	}
	own := isOwn(plan.Failure)
	if own {
		rest := plan.Recheck
		if plan.Failure.At.After(t.Now) {
			rest = plan.Failure.At
		}
		told.NextAttemptTime = &metav1.Time{Time: rest.Truncate(time.Second)}
	}
	plan.issuers = t.told(t.Certificate.Status.Issuers, told)
	if !own {
		return
	}
	next := t.turn(plan.issuers)
	plan.Next, plan.Recheck = next.ref, t.Now.Truncate(time.Second)
	if !next.rests.IsZero() {
		plan.Recheck = next.rests
	}
}

// told is a copy of issuers with one of them new, in the order of the spec.
func (t *target) told(issuers []v1.CertificateIssuerStatus, one v1.CertificateIssuerStatus) []v1.CertificateIssuerStatus {
	var result []v1.CertificateIssuerStatus
	for _, ref := range Candidates(t.Certificate) {
		if one.IssuerRef.SameAs(ref, t.Names) {
			result = append(result, one)
		} else if told := t.issuerStatus(issuers, ref); told != nil {
			result = append(result, *told)
		}
	}
	return result
}

// untold is a copy of issuers without one that has signed. What the others failed with stays, but their failures
// do not count any more.
func (t *target) untold(issuers []v1.CertificateIssuerStatus, signed v1.IssuerRef) []v1.CertificateIssuerStatus {
	var result []v1.CertificateIssuerStatus
	for _, told := range issuers {
		if !told.IssuerRef.SameAs(signed, t.Names) {
			told.FailedAttempts = 0
			result = append(result, told)
		}
	}
	return result
}

// tellPassedOver writes down which of the issuers before the one that is asked say themselves that they cannot
// sign. An issuer that rests keeps the error that it rests for.
func (t *target) tellPassedOver(status *v1.CertificateStatus, asked v1.IssuerRef) {
	for i, c := range t.candidates() {
		if i >= t.position(asked) {
			return
		}
		if c.Blocked == "" || !t.restsUntil(status.Issuers, c.ref).IsZero() {
			continue
		}
		one := v1.CertificateIssuerStatus{
			IssuerRef: c.ref, LastError: &v1.Problem{Type: c.BlockedReason, Detail: c.Blocked},
			LastFailureTime: &metav1.Time{Time: t.Now.Truncate(time.Second)}, ObservedGeneration: t.Certificate.Generation,
		}
		if before := t.issuerStatus(status.Issuers, c.ref); before != nil {
			one.FailedAttempts = before.FailedAttempts
			if before.LastError != nil && *before.LastError == *one.LastError {
				continue
			}
		}
		status.Issuers = t.told(status.Issuers, one)
	}
}

// keepNamed takes out of the status what is about issuers that the spec does not name any more.
func (t *target) keepNamed(status *v1.CertificateStatus) {
	if !t.hasFallbacks() {
		status.Issuers = nil
		if status.Issuance != nil {
			status.Issuance.IssuerRef = nil
		}
		return
	}
	status.Issuers = slices.DeleteFunc(slices.Clone(status.Issuers), func(told v1.CertificateIssuerStatus) bool { return !t.names(told.IssuerRef) })
	if len(status.Issuers) == 0 {
		status.Issuers = nil
	}
}

// hold is what holds an attempt up that another issuer may not be held up by.
type hold struct {
	reason, message, url string
	since, until         time.Time
}

// heldUp is what holds up the attempt of a request, nil if nothing does: what its CA said or, after that, what
// the issuer says of itself.
func (t *target) heldUp(request *v1.CertificateRequest) *hold {
	message := ""
	if ready := condition.Get(request.Status.Conditions, v1.ConditionReady); ready != nil {
		message = ready.Message
	}
	if waiting := request.Status.Waiting; waiting != nil {
		held := &hold{reason: waiting.Reason, message: message, url: waiting.URL, since: waiting.Since.Time}
		if waiting.Until != nil {
			held.until = waiting.Until.Time
		}
		return held
	}
	if issuer := t.IssuerOf(request.Spec.IssuerRef); issuer.Unable {
		return &hold{reason: issuer.BlockedReason, message: issuer.Blocked, since: later(issuer.UnableSince, request.CreationTimestamp.Time)}
	}
	return nil
}

// patience is how long an attempt may be held up.
func (t *target) patience() time.Duration {
	switch {
	case t.chain == nil:
		return longestHold
	case t.urgent():
		return urgentHold
	default:
		return max(urgentHold, min(longestHold, t.chain.Leaf().NotAfter.Sub(t.Now)/6))
	}
}

// givesUp says why the attempt of a request ends in favour of another issuer, nil if it goes on. The second
// result is when to ask again if nothing changes, zero for never.
func (t *target) givesUp(request *v1.CertificateRequest) (*outcome.Error, time.Time) {
	held := t.heldUp(request)
	if held == nil {
		return nil, time.Time{}
	}
	patience := t.patience()
	at := held.since.Add(patience)
	if held.until.Sub(held.since) > patience {
		at = held.since
	}
	// Nobody is asked twice at a time: the rest of another issuer may end before this hold does.
	rested, free := t.other(request.Spec.IssuerRef)
	switch {
	case !free && rested.IsZero():
		return nil, time.Time{}
	case !free:
		return nil, later(at, rested)
	case t.Now.Before(at):
		return nil, at
	}
	failure := outcome.Terminalf(outcome.ClassUnavailable, held.reason, "CertificateRequest %q was given up: %s", request.Name, held.message)
	failure.At, failure.URL = held.until, held.url
	return failure, time.Time{}
}

// other says whether another issuer than this one could be asked now; if not, when the first rest of one ends, zero
// where only a change of an issuer helps.
func (t *target) other(than v1.IssuerRef) (time.Time, bool) {
	var first time.Time
	for _, c := range t.candidates() {
		if c.Blocked != "" || c.ref.SameAs(than, t.Names) {
			continue
		}
		rest := t.restsUntil(t.Certificate.Status.Issuers, c.ref)
		if rest.IsZero() {
			return time.Time{}, true
		}
		first = sooner(first, rest)
	}
	return first, false
}

// nextWords tells a person what comes after a failure.
func (t *target) nextWords(plan *Plan) string {
	at := fmt.Sprintf("The next attempt is at %s, or as soon as the spec is edited", plan.Recheck.Format(time.RFC3339))
	switch {
	case !t.hasFallbacks():
		return at
	case plan.Next == (v1.IssuerRef{}):
		return "Other issuers are not asked: this is not the issuer's own failure, and would be theirs as well. " + at
	case plan.Recheck.After(t.Now):
		return fmt.Sprintf("No issuer is left: the next attempt is with %s at %s, or as soon as the spec is edited",
			t.describe(plan.Next), plan.Recheck.Format(time.RFC3339))
	default:
		return t.describe(plan.Next) + " is asked next"
	}
}

// saysWhoIsNext says whether a trigger is what was told when the attempt before failed.
func (t *target) saysWhoIsNext(trigger Finding) bool {
	status := &t.Certificate.Status
	issuing := condition.Get(status.Conditions, v1.ConditionIssuing)
	return status.Issuance != nil && status.Issuance.Step == StepAskingNextIssuer && issuing != nil && issuing.Message == trigger.Message
}

// failedWords is the sentence about an attempt that failed.
func (t *target) failedWords(plan *Plan) string {
	with := ""
	if t.hasFallbacks() {
		with = " with " + t.describe(plan.Issuer)
	}
	return fmt.Sprintf("Attempt %d%s failed: %s. %s", plan.Attempt, with, strings.TrimSuffix(plan.Message, "."), t.nextWords(plan))
}
