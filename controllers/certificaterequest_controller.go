package controllers

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/certwright/certwright/api"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/backend"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/issuance"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/orderflow"
	"github.com/certwright/certwright/internal/outcome"
	"github.com/certwright/certwright/internal/pki"
	"github.com/certwright/certwright/internal/report"
)

// CertificateRequestReconciler approves requests and has them signed by the backend of their issuer.
// It is the one writer of the status of requests to our own issuers; to an external issuer's
// requests it writes the approval only.
type CertificateRequestReconciler struct {
	Names    api.Names
	Client   *kube.Client
	Secrets  *kube.SecretRefs
	Events   report.Events
	Approver Approver
	Backends Backends
	// ClusterResourceNamespace is where the Secrets of ClusterIssuers are.
	ClusterResourceNamespace string
}

// Backends are the ways to sign, by type of issuer. A type without one is not supported yet.
type Backends struct {
	SelfSigned, CA, ACME backend.Backend
}

// For picks the backend of an issuer, nil if its type is not supported.
func (b Backends) For(issuer v1.GenericIssuer) backend.Backend {
	switch spec := issuer.GetSpec(); {
	case spec.SelfSigned != nil:
		return b.SelfSigned
	case spec.CA != nil:
		return b.CA
	case spec.ACME != nil:
		return b.ACME
	default:
		return nil
	}
}

// Reconcile brings one request a step further.
func (r *CertificateRequestReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	cr, err := r.load(ctx, request.NamespacedName)
	if cr == nil {
		return report.Result(err, noTime, r.Client.Now())
	}
	if finished(cr) {
		r.Secrets.Keep(owner(v1.CertificateRequestKind, request.NamespacedName))
		return report.Result(nil, noTime, r.Client.Now())
	}
	status := cr.Status.DeepCopy()
	answer, waiting := r.sign(ctx, cr, status)
	if failure := outcome.From(waiting); failure != nil && (failure.Kind == outcome.Retry || failure.Momentary) {
		return report.Result(waiting, noTime, r.Client.Now())
	}
	if until := quietUntil(cr, waiting); r.Client.Now().Before(until) {
		return report.Result(nil, until, r.Client.Now())
	}
	r.conclude(cr, status, answer, waiting)
	if err := r.writeStatus(ctx, cr, status); err != nil {
		return report.Result(err, noTime, r.Client.Now())
	}
	return report.Result(waiting, noTime, r.Client.Now())
}

// quietUntil is until when a request that waits for its Order is left unmentioned: most Orders are over by
// then, and what was decided about the request, its approval included, is decided again for nothing.
func quietUntil(cr *v1.CertificateRequest, err error) time.Time {
	if failure := outcome.From(err); failure == nil || failure.Reason != backend.ReasonOrderPending {
		return noTime
	}
	return cr.CreationTimestamp.Add(progressAfter)
}

func (r *CertificateRequestReconciler) load(ctx context.Context, name types.NamespacedName) (*v1.CertificateRequest, error) {
	cr := &v1.CertificateRequest{}
	err := r.Client.Get(ctx, name, cr)
	if apierrors.IsNotFound(err) || err == nil && cr.DeletionTimestamp != nil {
		r.Secrets.Keep(owner(v1.CertificateRequestKind, name))
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return cr, nil
}

// finished says whether a request has its final status.
func finished(cr *v1.CertificateRequest) bool {
	ready := condition.Get(cr.Status.Conditions, v1.ConditionReady)
	if ready == nil {
		return false
	}
	return ready.Status == metav1.ConditionTrue || ready.Reason == v1.ReasonFailed || ready.Reason == v1.ReasonDenied
}

// sign takes a request through its gates in order: a readable CSR, approval, an issuer that exists
// and is ready, its backend. The error says at which gate it waits or failed.
func (r *CertificateRequestReconciler) sign(ctx context.Context, cr *v1.CertificateRequest, status *v1.CertificateRequestStatus) (*backend.Issued, error) {
	if denied := condition.Get(status.Conditions, v1.ConditionDenied); denied != nil && denied.Status == metav1.ConditionTrue {
		return nil, outcome.Terminalf(outcome.ClassRefused, v1.ReasonDenied, "denied: %s", denied.Message)
	}
	csr, err := readCSR(cr)
	if err != nil {
		return nil, err
	}
	if err := r.approve(cr, status); err != nil {
		return nil, err
	}
	ref := cr.Spec.IssuerRef.WithDefaults(r.Names)
	if ref.IsExternal(r.Names) {
		return nil, errExternal
	}
	issuer, err := r.readyIssuer(ctx, ref, cr.Namespace)
	if err != nil {
		return r.concluded(ctx, cr, err)
	}
	chosen := r.Backends.For(issuer)
	if chosen == nil {
		return nil, outcome.WaitFor(v1.ReasonNotSupported, "issuers of the type of %s are not supported yet", describeRef(ref))
	}
	return chosen.Issue(ctx, backend.Request{
		Object: cr, CSR: csr, Issuer: issuer, Now: r.Client.Now(),
		SecretNamespace: secretOf(issuer, r.ClusterResourceNamespace, "").Namespace,
	})
}

// concluded is what a request was answered with before its issuer ceased to be ready; without an answer, it waits
// for the issuer.
func (r *CertificateRequestReconciler) concluded(ctx context.Context, cr *v1.CertificateRequest, notReady error) (*backend.Issued, error) {
	concluder, ok := r.Backends.ACME.(backend.Concluder)
	if !ok {
		return nil, notReady
	}
	answer, err := concluder.Concluded(ctx, cr)
	if answer == nil && err == nil {
		return nil, notReady
	}
	return answer, err
}

// errExternal is the wait for the controller of an external issuer: it ends with its status write.
var errExternal = outcome.WaitFor(v1.ReasonPending, "waiting for the issuer's own controller")

func readCSR(cr *v1.CertificateRequest) (*pki.Request, error) {
	csr, err := pki.ParseRequest(cr.Spec.Request)
	if err == nil {
		err = csr.Agrees(issuance.Usages(cr.Spec.Usages), cr.Spec.IsCA)
	}
	if err != nil {
		return nil, outcome.Invalidf(v1.ReasonInvalidCertificateRequest, "spec.request cannot be used: %v", err)
	}
	return csr, nil
}

// approve sets Approved where the flags say that this process may; it is written together with
// whatever comes next.
func (r *CertificateRequestReconciler) approve(cr *v1.CertificateRequest, status *v1.CertificateRequestStatus) error {
	if condition.IsTrue(status.Conditions, v1.ConditionApproved) {
		return nil
	}
	if !r.Approver.Approves(cr.Spec.IssuerRef, cr.Namespace) {
		return outcome.WaitFor(v1.ReasonPending, "waiting for approval")
	}
	status.Conditions = condition.Set(status.Conditions, v1.Condition{
		Type: v1.ConditionApproved, Status: metav1.ConditionTrue, Reason: r.Names.Group,
		Message: "Approved by the automatic approver",
	}, r.Client.Now())
	return nil
}

func (r *CertificateRequestReconciler) readyIssuer(ctx context.Context, ref v1.IssuerRef, namespace string) (v1.GenericIssuer, error) {
	issuer, err := getIssuer(ctx, r.Client, ref, namespace)
	if err != nil {
		return nil, err
	}
	if waiting := notReady(issuer, ref); waiting != "" {
		return nil, outcome.WaitFor(v1.ReasonIssuerNotReady, "%s", waiting)
	}
	return issuer, nil
}

// conclude puts the outcome into the status.
func (r *CertificateRequestReconciler) conclude(cr *v1.CertificateRequest, status *v1.CertificateRequestStatus, answer *backend.Issued, err error) {
	failure := outcome.From(err)
	status.Waiting = waitingFor(cr.Status.Waiting, failure, r.Client.Now())
	ready := v1.Condition{Type: v1.ConditionReady, Status: metav1.ConditionFalse, ObservedGeneration: cr.Generation}
	switch {
	case failure == nil:
		status.Certificate, status.CA, status.Error = answer.Chain, answer.CA, nil
		ready.Status, ready.Reason, ready.Message = metav1.ConditionTrue, v1.ReasonIssued, "The certificate is signed"
	case failure == errExternal:
		// The external issuer writes this condition.
		return
	case failure.Kind == outcome.Invalid:
		r.fail(status, &ready, v1.ReasonFailed, failure)
		status.Conditions = condition.Set(status.Conditions, v1.Condition{
			Type: v1.ConditionInvalidRequest, Status: metav1.ConditionTrue, Reason: failure.Reason, Message: failure.Message,
		}, r.Client.Now())
	case failure.Kind == outcome.Terminal:
		reason := v1.ReasonFailed
		if failure.Reason == v1.ReasonDenied {
			reason = v1.ReasonDenied
		}
		r.fail(status, &ready, reason, failure)
	default:
		ready.Reason, ready.Message = v1.ReasonPending, failure.Message
		status.Error = nil
		if failure.Type != "" {
			status.Error = &v1.Problem{Type: failure.Type, Detail: failure.Message, URL: failure.URL}
		}
	}
	status.Conditions = condition.Set(status.Conditions, ready, r.Client.Now())
}

// longestOwnPace is beyond what an Order waits of its own accord for a CA that cannot be reached: only a CA names such
// a time. Shorter ones say nothing about when an outage ends, and would be a write each time it is tried again.
const longestOwnPace = 20 * time.Minute

// waitingFor is what holds a request up, nil if nothing does; before is what the status says of it now.
func waitingFor(before *v1.CertificateRequestWaiting, failure *outcome.Error, now time.Time) *v1.CertificateRequestWaiting {
	if failure == nil || failure.Reason != backend.ReasonOrderPending || failure.Type == "" {
		return nil
	}
	waiting := &v1.CertificateRequestWaiting{Reason: orderflow.HoldReason(failure.Type), URL: failure.URL, Since: metav1.NewTime(now.Truncate(time.Second))}
	if before != nil && before.Reason == waiting.Reason {
		waiting.Since = before.Since
		if failure.At.IsZero() || before.Until != nil && before.Until.Time.Equal(failure.At) {
			waiting.Until = before.Until
			return waiting
		}
	}
	if !failure.At.IsZero() && (waiting.Reason != orderflow.ReasonCAUnavailable || failure.At.Sub(now) > longestOwnPace) {
		waiting.Until = &metav1.Time{Time: failure.At}
	}
	return waiting
}

func (r *CertificateRequestReconciler) fail(status *v1.CertificateRequestStatus, ready *v1.Condition, reason string, failure *outcome.Error) {
	now := metav1.NewTime(r.Client.Now())
	status.FailureTime = &now
	ready.Reason, ready.Message = reason, failure.Message
	if problem := issuance.ProblemType(failure, ""); problem != "" {
		status.Error = &v1.Problem{Type: problem, Detail: failure.Message, URL: failure.URL}
	}
}

func (r *CertificateRequestReconciler) writeStatus(ctx context.Context, cr *v1.CertificateRequest, status *v1.CertificateRequestStatus) error {
	if equality.Semantic.DeepEqual(cr.Status, *status) {
		return nil
	}
	updated := cr.DeepCopy()
	updated.Status = *status
	if err := r.Client.UpdateStatus(ctx, updated); err != nil {
		return fmt.Errorf("writing the status of CertificateRequest %q: %w", cr.Name, err)
	}
	if status.FailureTime != nil {
		ready := condition.Get(status.Conditions, v1.ConditionReady)
		r.Events.Failed(updated, ready.Reason, ready.Message)
	}
	return nil
}
