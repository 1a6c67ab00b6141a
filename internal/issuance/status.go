package issuance

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/condition"
)

// Steps of an attempt, as status.issuance.step names them.
const (
	StepWaitingForIssuer  = "WaitingForIssuer"
	StepWaitingToRetry    = "WaitingToRetry"
	StepAskingNextIssuer  = "AskingNextIssuer"
	StepRequesting        = "Requesting"
	StepWaitingForRequest = "WaitingForRequest"
)

// withStatus completes a plan with the status that tells people about it.
func (t *target) withStatus(plan Plan, finding *Finding) Plan {
	status := t.Certificate.Status.DeepCopy()
	if finding == nil && plan.Action != Store {
		t.renewalStatus(status)
		plan.Moved = t.movedEarlier()
	}
	switch plan.Action {
	case Keep, Store:
		t.settled(status, &plan)
	case Fail:
		t.ready(status, finding)
		t.failed(status, &plan)
	case Hold:
		t.ready(status, finding)
		t.held(status, &plan)
	case Begin, Continue:
		if plan.Quiet {
			break
		}
		t.ready(status, finding)
		t.underWay(status, &plan)
	}
	t.revokedStatus(status, &plan)
	t.sourceStatus(status)
	t.keepNamed(status)
	plan.Status = *status
	return plan
}

// sourceStatus tells why the Ingress, Gateway or ListenerSet that the Certificate was made for is not followed.
func (s *Snapshot) sourceStatus(status *v1.CertificateStatus) {
	problem := s.Certificate.Annotations[s.Names.Annotation.SourceProblem]
	if problem == "" {
		status.Conditions = condition.Remove(status.Conditions, v1.ConditionSourceProblem)
		return
	}
	status.Conditions = condition.Set(status.Conditions, v1.Condition{
		Type: v1.ConditionSourceProblem, Status: metav1.ConditionTrue, Reason: v1.ReasonBadConfig, Message: problem,
		ObservedGeneration: s.Certificate.Generation,
	}, s.Now)
}

// settled is the status of a certificate that is the right one.
func (t *target) settled(status *v1.CertificateStatus, plan *Plan) {
	leaf := plan.Pair.Chain.Leaf()
	notBefore, notAfter := metav1.NewTime(leaf.NotBefore), metav1.NewTime(leaf.NotAfter)
	status.NotBefore, status.NotAfter = &notBefore, &notAfter
	if plan.Action == Store {
		// What the CA said was about another certificate.
		due, _ := t.renewalOf(plan.Pair.Chain, plan.Request)
		status.RenewalTime, status.ACME = timeOrNil(due), nil
	}
	status.FailedIssuanceAttempts, status.LastFailureTime, status.NextPrivateKeySecretName = nil, nil, nil
	status.Conditions = condition.Remove(status.Conditions, v1.ConditionIssuing)
	attempt := plan.Attempt
	if attempt == 0 && status.Issuance != nil {
		attempt = status.Issuance.Attempt
	}
	status.Issuance = nil
	if attempt > 0 {
		status.Issuance = &v1.CertificateIssuance{Attempt: attempt}
	}
	if plan.Action == Store {
		revision := t.revisionOf(plan.Request)
		status.Revision = &revision
		status.Issuers = t.untold(status.Issuers, plan.Issuer)
		t.tellPassedOver(status, plan.Issuer)
	}
	ready := v1.Condition{Status: metav1.ConditionTrue, Reason: v1.ReasonReady, Message: t.upToDate(plan.Issuer)}
	switch {
	case !t.Now.Before(leaf.NotAfter):
		ready.Status, ready.Reason = metav1.ConditionFalse, v1.ReasonExpired
		ready.Message = fmt.Sprintf("The certificate expired at %s", leaf.NotAfter.Format(time.RFC3339))
	case plan.Warning != "":
		ready.Message += "; " + plan.Warning
	}
	t.set(status, v1.ConditionReady, ready)
}

// upToDate is the sentence about a certificate that is the right one.
func (t *target) upToDate(signed v1.IssuerRef) string {
	const upToDate = "The certificate is up to date and valid"
	if t.position(signed) <= 0 {
		return upToDate
	}
	return fmt.Sprintf("%s. It is from %s, a fallback: when it is due, %s is asked first again",
		upToDate, t.describe(signed), t.describe(t.Certificate.Spec.IssuerRef))
}

// renewalStatus tells when the certificate in the Secret is due, and what the CA said about that. The two
// belong together: the instant is chosen once for each of the CA's windows.
func (t *target) renewalStatus(status *v1.CertificateStatus) {
	due, _ := t.renewal()
	status.RenewalTime, status.ACME = timeOrNil(due), t.renewalInfoStatus()
}

func timeOrNil(at time.Time) *metav1.Time {
	if at.IsZero() {
		return nil
	}
	result := metav1.NewTime(at)
	return &result
}

// ready reports what is in the Secret now, whatever is being done about it.
func (t *target) ready(status *v1.CertificateStatus, finding *Finding) {
	ready := v1.Condition{Status: metav1.ConditionTrue, Reason: v1.ReasonReady, Message: t.upToDate(t.signed)}
	switch {
	case finding != nil:
		ready = v1.Condition{Status: metav1.ConditionFalse, Reason: finding.Reason, Message: finding.Message}
	case !t.Now.Before(t.chain.Leaf().NotAfter):
		ready = v1.Condition{
			Status: metav1.ConditionFalse, Reason: v1.ReasonExpired,
			Message: fmt.Sprintf("The certificate expired at %s", t.chain.Leaf().NotAfter.Format(time.RFC3339)),
		}
	}
	t.set(status, v1.ConditionReady, ready)
}

func (t *target) held(status *v1.CertificateStatus, plan *Plan) {
	if plan.Quiet {
		// The wait after a failure: everything about it was written with the failure.
		return
	}
	t.set(status, v1.ConditionIssuing, v1.Condition{Status: metav1.ConditionTrue, Reason: plan.Reason, Message: plan.Message})
	issuance := t.issuance(status)
	issuance.Step, issuance.Reason, issuance.NextAttemptTime = StepWaitingForIssuer, plan.Reason, nil
}

func (t *target) underWay(status *v1.CertificateStatus, plan *Plan) {
	issuance := t.issuance(status)
	issuance.Attempt, issuance.Reason, issuance.NextAttemptTime = plan.Attempt, plan.Reason, nil
	issuance.RequestName = RequestName(t.Certificate, plan.Attempt)
	issuance.Step = StepRequesting
	message := plan.Message
	if plan.Action == Continue {
		issuance.Step = StepWaitingForRequest
		message = fmt.Sprintf("CertificateRequest %q: %s", plan.Request.Name, plan.Message)
		if problem := plan.Request.Status.Error; problem != nil {
			issuance.LastError = problem.DeepCopy()
		}
	}
	status.NextPrivateKeySecretName = nil
	if !t.IssuerOf(plan.Issuer).Instant {
		staged := StagedKeyName(t.Certificate, plan.Attempt)
		status.NextPrivateKeySecretName = &staged
	}
	if t.hasFallbacks() {
		issuance.IssuerRef = &plan.Issuer
		t.tellPassedOver(status, plan.Issuer)
	}
	t.set(status, v1.ConditionIssuing, v1.Condition{Status: metav1.ConditionTrue, Reason: plan.Reason, Message: message})
}

func (t *target) failed(status *v1.CertificateStatus, plan *Plan) {
	count, now, next := failures(t.Certificate)+1, metav1.NewTime(t.Now.Truncate(time.Second)), metav1.NewTime(plan.Recheck)
	status.FailedIssuanceAttempts, status.LastFailureTime, status.NextPrivateKeySecretName = &count, &now, nil
	issuance := t.issuance(status)
	issuance.Attempt, issuance.Step, issuance.Reason = plan.Attempt, StepWaitingToRetry, plan.Reason
	issuance.RequestName, issuance.NextAttemptTime = plan.Request.Name, &next
	issuance.LastError = plan.problem()
	if t.hasFallbacks() {
		issuance.IssuerRef, status.Issuers = &plan.Issuer, plan.issuers
	}
	issuing := v1.Condition{Status: metav1.ConditionFalse, Reason: plan.Reason, Message: t.failedWords(plan)}
	if plan.Next != (v1.IssuerRef{}) && !plan.Recheck.After(t.Now) {
		issuance.Step = StepAskingNextIssuer
		// What was asked for by hand is asked for as long as there is an issuer to ask.
		if before := condition.Get(status.Conditions, v1.ConditionIssuing); before != nil && before.Status == metav1.ConditionTrue {
			issuing.Status, issuing.Reason = before.Status, before.Reason
		}
	}
	t.set(status, v1.ConditionIssuing, issuing)
}

func (t *target) issuance(status *v1.CertificateStatus) *v1.CertificateIssuance {
	if status.Issuance == nil {
		status.Issuance = &v1.CertificateIssuance{}
	}
	return status.Issuance
}

func (t *target) set(status *v1.CertificateStatus, conditionType string, c v1.Condition) {
	c.Type, c.ObservedGeneration = conditionType, t.Certificate.Generation
	status.Conditions = condition.Set(status.Conditions, c, t.Now)
}
