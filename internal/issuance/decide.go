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
	"github.com/certwright/certwright/internal/pki"
)

// Action is what to do about a Certificate now.
type Action string

const (
	// Keep means that the certificate is the right one: only the Secret's layout may need care.
	Keep Action = "Keep"
	// Hold means that nothing can be done before something changes, or before Recheck.
	Hold Action = "Hold"
	// Begin means a new attempt: a key and a request.
	Begin Action = "Begin"
	// Continue means that the request under way is with its issuer.
	Continue Action = "Continue"
	// Store means that key and chain go to the target Secret.
	Store Action = "Store"
	// Fail means that the attempt is over, to be written down.
	Fail Action = "Fail"
)

// progressAfter is how long an attempt may take before its progress is written to the Certificate.
// Most attempts are over by then and cost no write.
const progressAfter = 5 * time.Second

// Plan is a decision. Status is what the Certificate's status is to be once the rest has been done.
type Plan struct {
	Action Action
	// Reason and Message say why.
	Reason, Message string
	// Told is what an event says of a Fail.
	Told string
	// Attempt is the number of the attempt that Begin starts or Continue is at.
	Attempt int64
	// Issuer is the one that the attempt asks (Begin, Continue), that signed (Store, Keep) or failed (Fail).
	Issuer v1.IssuerRef
	// Next is the issuer that is asked after a Fail that is the issuer's own, empty after any other.
	Next v1.IssuerRef
	// Request is the request to continue, store or fail.
	Request *v1.CertificateRequest
	// Pair is what to store (Store) or what is stored (Keep).
	Pair *Pair
	// Failure is what the attempt ended with (Fail).
	Failure *outcome.Error
	// Obsolete are requests to delete, last of all.
	Obsolete []*v1.CertificateRequest
	// Temporary asks Begin to put a throwaway certificate into the Secret meanwhile.
	Temporary bool
	// Recheck is when to decide again even if nothing changes; zero means never.
	Recheck time.Time
	// Quiet leaves the status as it is: everything about this has been written, or will be over in a moment.
	Quiet bool
	// Warning is for an event. Moved is for one too: the CA wants the certificate renewed earlier.
	Warning, Moved string
	// Status is the status to write.
	Status v1.CertificateStatus

	// issuers is what the status is to say of issuers after a Fail.
	issuers []v1.CertificateIssuerStatus
}

// problem is what an attempt failed with, for the status.
func (p *Plan) problem() *v1.Problem {
	problem := &v1.Problem{Type: p.Failure.Type, Detail: p.Failure.Message, URL: p.Failure.URL}
	if problem.Type == "" {
		problem.Type = p.Reason
	}
	return problem
}

// Decide says what to do about a Certificate.
func Decide(s *Snapshot) Plan {
	if err := Validate(s.Certificate); err != nil {
		return s.refuse(v1.ReasonInvalidSpec, "%s", oneLine(err))
	}
	if owner := s.owner(); owner != nil {
		return s.refuse(v1.ReasonIncorrectCertificate, "Secret %q belongs to Certificate %q: give one of the two another secretName",
			s.Certificate.Spec.SecretName, owner.Name)
	}
	if controller := s.foreignController(); controller != "" {
		return s.refuse(v1.ReasonSecretNotOurs, "Secret %q is controlled by %s and is left alone: choose another secretName",
			s.Certificate.Spec.SecretName, controller)
	}
	if s.Unmet != nil {
		return s.refuse(s.Unmet.Reason, "%s", s.Unmet.Message)
	}
	t, finding := inspect(s)
	plan := t.decide(finding)
	return t.withStatus(plan, finding)
}

// oneLine joins the mistakes of a spec into one sentence.
func oneLine(err error) string {
	return strings.ReplaceAll(err.Error(), "\n", "; ")
}

// Refuse is the plan for a Certificate whose Secret cannot be written as its spec asks: a person has
// to change something first.
func Refuse(s *Snapshot, reason, message string) Plan {
	return s.refuse(reason, "%s", message)
}

// Abandon is the plan for an attempt, begun by a plan, whose key or request could not be made.
func Abandon(s *Snapshot, begun *Plan, failure *outcome.Error) Plan {
	t, finding := inspect(s)
	local := *failure
	local.Class = outcome.ClassLocal
	request := &v1.CertificateRequest{Spec: v1.CertificateRequestSpec{IssuerRef: begun.Issuer}}
	request.Name = RequestName(s.Certificate, begun.Attempt)
	return t.withStatus(t.fail(request, &local), finding)
}

// refuse holds a Certificate that a person has to edit first.
func (s *Snapshot) refuse(reason, format string, args ...any) Plan {
	plan := Plan{Action: Hold, Reason: reason, Message: fmt.Sprintf(format, args...)}
	status := s.Certificate.Status.DeepCopy()
	status.Conditions = condition.Set(status.Conditions, v1.Condition{
		Type:               v1.ConditionReady,
		Status:             metav1.ConditionFalse,
		Reason:             reason,
		Message:            plan.Message,
		ObservedGeneration: s.Certificate.Generation,
	}, s.Now)
	s.sourceStatus(status)
	plan.Status = *status
	return plan
}

func (t *target) decide(finding *Finding) Plan {
	trigger := t.trigger(finding)
	next := t.Next()
	switch {
	case next != nil && t.isStored(next) && finding == nil:
		// The Secret was written and the status was not: the rest of the same Store.
		return t.store(next)
	case trigger == nil:
		return t.keep(next)
	case next == nil:
		return t.begin(*trigger, nil)
	default:
		return t.resume(*trigger, next)
	}
}

// trigger says why to issue now, nil if there is no reason to.
func (t *target) trigger(finding *Finding) *Finding {
	if finding != nil {
		return finding
	}
	if asked := condition.Get(t.Certificate.Status.Conditions, v1.ConditionIssuing); asked != nil && asked.Status == metav1.ConditionTrue {
		return &Finding{Reason: asked.Reason, Message: asked.Message}
	}
	if revoked := t.toBeRevoked(); revoked != nil {
		return revoked
	}
	due, _ := t.renewal()
	if !due.IsZero() && !t.Now.Before(due) {
		return found(v1.ReasonRenewing, "the certificate expires at %s and is due for renewal", t.chain.Leaf().NotAfter.Format(time.RFC3339))
	}
	return nil
}

// renewal is when the certificate in the Secret is due: when the CA suggests, where it does.
func (t *target) renewal() (time.Time, string) {
	request := t.currentRequest()
	asked := t.chain.Leaf().NotBefore
	if request != nil {
		asked = request.CreationTimestamp.Time
	}
	if suggested := t.suggestion(asked); !suggested.IsZero() {
		return t.suggestedRenewal(asked, suggested)
	}
	return t.renewalOf(t.chain, request)
}

// renewalOf is when a chain that answered a request is due. That is not at once, however long
// renewBefore is and however far an issuer dates back: it would be issued over and over again.
func (t *target) renewalOf(chain pki.Chain, request *v1.CertificateRequest) (time.Time, string) {
	leaf := chain.Leaf()
	due, warning := RenewalTime(t.Certificate, leaf.NotBefore, leaf.NotAfter)
	if due.IsZero() || request == nil {
		return due, warning
	}
	earliest := earliestRenewal(request.CreationTimestamp.Time, leaf.NotAfter)
	if due.Before(earliest) {
		due = earliest
	}
	return due, warning
}

// earliestRenewal is until when a certificate is used at least.
func earliestRenewal(asked, notAfter time.Time) time.Time {
	return asked.Add(min(shortestUse, notAfter.Sub(asked)/4)).Truncate(time.Second)
}

func (t *target) keep(next *v1.CertificateRequest) Plan {
	due, warning := t.renewal()
	plan := Plan{
		Action:   Keep,
		Reason:   v1.ReasonReady,
		Issuer:   t.signed,
		Pair:     &Pair{Key: t.key, Chain: t.chain},
		Recheck:  due,
		Warning:  warning,
		Obsolete: t.obsolete(Revision(t.Certificate), next),
	}
	if t.RenewalInfo != nil {
		plan.Recheck = sooner(due, t.RenewalInfo.Next)
	}
	// With renewal disabled, the moment of expiry is still one to report.
	if expiry := t.chain.Leaf().NotAfter; due.IsZero() && t.Now.Before(expiry) {
		plan.Recheck = sooner(plan.Recheck, expiry)
	}
	return plan
}

// begin starts an attempt, unless the last failure or the issuer says to wait.
func (t *target) begin(trigger Finding, last *v1.CertificateRequest) Plan {
	if until := t.everybodyWaits(); !until.IsZero() {
		return Plan{Action: Hold, Reason: trigger.Reason, Message: trigger.Message, Recheck: until, Quiet: true}
	}
	next := t.choose()
	if !next.rests.IsZero() {
		return Plan{Action: Hold, Reason: trigger.Reason, Message: trigger.Message, Recheck: next.rests, Quiet: true}
	}
	if next.Blocked != "" {
		return t.await(next)
	}
	plan := Plan{
		Action:    Begin,
		Reason:    trigger.Reason,
		Message:   trigger.Message,
		Attempt:   t.NextAttempt(),
		Issuer:    next.ref,
		Quiet:     next.Instant,
		Temporary: t.wantsTemporary(next.Issuer),
	}
	if len(next.passed) > 0 && !t.saysWhoIsNext(trigger) {
		plan.Message = fmt.Sprintf("%s; %s is asked: %s", trigger.Message, t.describe(next.ref), strings.Join(next.passed, "; "))
	}
	if last != nil {
		plan.Obsolete = []*v1.CertificateRequest{last}
	}
	return plan
}

// await waits for an issuer to become ready: where another could be asked instead, not for long.
func (t *target) await(next turn) Plan {
	plan := Plan{Action: Hold, Reason: next.BlockedReason, Message: next.Blocked, Recheck: t.firstRest()}
	if t.hasFallbacks() && !next.grace.IsZero() {
		plan.Message = fmt.Sprintf("%s; unless that changes, the next issuer is asked at %s", next.Blocked, next.grace.UTC().Format(time.RFC3339))
		plan.Recheck = sooner(plan.Recheck, next.grace)
	}
	return plan
}

// pausedUntil is the end of the wait after a failure; zero when there is none, or when a person has
// edited the spec or asked for a new certificate since.
func (t *target) pausedUntil() time.Time {
	status := &t.Certificate.Status
	if status.Issuance == nil || status.Issuance.NextAttemptTime == nil || !t.Now.Before(status.Issuance.NextAttemptTime.Time) {
		return time.Time{}
	}
	issuing := condition.Get(status.Conditions, v1.ConditionIssuing)
	if issuing == nil || issuing.Status == metav1.ConditionTrue || issuing.ObservedGeneration != t.Certificate.Generation {
		return time.Time{}
	}
	return status.Issuance.NextAttemptTime.Time
}

// resume goes on with the attempt that a request belongs to.
func (t *target) resume(trigger Finding, next *v1.CertificateRequest) Plan {
	if t.recorded(next) {
		return t.begin(trigger, next)
	}
	csr, err := pki.ReadRequest(next.Spec.Request)
	if err != nil || len(requestDiff(next, csr, t.Certificate, t.Snapshot)) > 0 {
		return t.begin(trigger, next)
	}
	key := t.keyOf(next)
	// A key that cost nothing is asked for first: without it, the request may well have failed for that.
	if failure := requestFailure(next); failure != nil && (key != nil || !t.IssuerOf(next.Spec.IssuerRef).Instant) {
		return t.fail(next, failure)
	}
	if key == nil {
		return t.begin(*found(v1.ReasonKeyLost, "the private key of CertificateRequest %q is lost", next.Name), next)
	}
	if t.IsCompromised(key.Public()) {
		return t.begin(trigger, next)
	}
	if !isIssued(next) {
		return t.proceed(trigger, next)
	}
	if _, failure := t.answer(next, key); failure != nil {
		return t.fail(next, failure)
	}
	return t.store(next)
}

// recorded says whether the end of this request's attempt has been written down already: with its
// failure, when the next attempt had to wait for the issuer, or with the number of a later one.
func (t *target) recorded(request *v1.CertificateRequest) bool {
	issuance, attempt := t.Certificate.Status.Issuance, AttemptOf(t.Certificate, request)
	if issuance == nil || issuance.Attempt != attempt {
		return issuance != nil && issuance.Attempt > attempt
	}
	return issuance.Step == StepWaitingToRetry || issuance.Step == StepWaitingForIssuer || issuance.Step == StepAskingNextIssuer
}

func (t *target) proceed(trigger Finding, next *v1.CertificateRequest) Plan {
	failure, recheck := t.givesUp(next)
	if failure != nil {
		return t.fail(next, failure)
	}
	plan := Plan{
		Action: Continue, Reason: trigger.Reason, Request: next, Attempt: AttemptOf(t.Certificate, next),
		Issuer: next.Spec.IssuerRef, Recheck: recheck,
	}
	plan.Message = "waiting for the issuer"
	if ready := condition.Get(next.Status.Conditions, v1.ConditionReady); ready != nil && ready.Message != "" {
		plan.Message = ready.Message
	}
	if quiet := next.CreationTimestamp.Add(progressAfter); t.Now.Before(quiet) {
		plan.Recheck, plan.Quiet = quiet, true
	}
	return plan
}

func (t *target) store(request *v1.CertificateRequest) Plan {
	key := t.keyOf(request)
	pair, failure := t.answer(request, key)
	if failure != nil {
		return t.fail(request, failure)
	}
	due, warning := t.renewalOf(pair.Chain, request)
	return Plan{
		Action:   Store,
		Reason:   v1.ReasonReady,
		Attempt:  AttemptOf(t.Certificate, request),
		Issuer:   request.Spec.IssuerRef,
		Request:  request,
		Pair:     pair,
		Recheck:  due,
		Warning:  warning,
		Obsolete: t.obsolete(t.revisionOf(request), nil),
	}
}

func (t *target) fail(request *v1.CertificateRequest, failure *outcome.Error) Plan {
	var remaining time.Duration
	if t.chain != nil {
		remaining = t.chain.Leaf().NotAfter.Sub(t.Now)
	}
	wait := Backoff(failure.Class, t.failuresOf(request.Spec.IssuerRef)+1, remaining)
	plan := Plan{
		Action:  Fail,
		Reason:  failure.Reason,
		Message: failure.Message,
		Attempt: AttemptOf(t.Certificate, request),
		Issuer:  request.Spec.IssuerRef,
		Request: request,
		Failure: failure,
		Recheck: t.Now.Add(wait).Truncate(time.Second),
	}
	t.passOn(&plan)
	plan.Told = plan.Message
	if t.hasFallbacks() {
		plan.Told = t.failedWords(&plan)
	}
	return plan
}

func failures(crt *v1.Certificate) int {
	if crt.Status.FailedIssuanceAttempts == nil {
		return 0
	}
	return *crt.Status.FailedIssuanceAttempts
}

// obsolete are the requests beyond the history limit, counted back from revision, and what earlier
// attempts and requests nobody needs any more left behind.
func (t *target) obsolete(revision int, next *v1.CertificateRequest) []*v1.CertificateRequest {
	var result []*v1.CertificateRequest
	limit := HistoryLimit(t.Certificate)
	for _, request := range t.Requests {
		of := t.revisionOf(request)
		superseded := of <= revision && request != t.latest(of)
		if superseded || of <= revision-limit || request == next {
			result = append(result, request)
		}
	}
	slices.SortFunc(result, func(a, b *v1.CertificateRequest) int { return strings.Compare(a.Name, b.Name) })
	return result
}
