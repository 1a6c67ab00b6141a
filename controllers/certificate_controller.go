package controllers

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/certwright/certwright/api"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/backend"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/issuance"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/pki"
	"github.com/certwright/certwright/internal/report"
)

// CertificateReconciler turns a Certificate into a Secret and keeps it right. It is the one writer
// of a Certificate's status, of its CertificateRequests' specs and of its Secret:
//
//	Begin     a key and a CertificateRequest are made
//	Continue  the request is with its issuer; the watch of requests brings us back
//	Store     key and chain go to the Secret in one write, then the status
//	Keep      the Secret is right; look again when it is due for renewal
//	Fail      the attempt is over; the status says why and when the next one is
//	Hold      a person, an issuer or a time has to come first
type CertificateReconciler struct {
	Names   api.Names
	Client  *kube.Client
	Secrets *kube.SecretRefs
	Keyring *kube.Keyring
	Signers *backend.Signers
	// RenewalInfos asks CAs when they would like their certificates to be renewed.
	RenewalInfos *backend.RenewalInfos
	// Records knows what was issued, and Revoker has it revoked.
	Records *IssuedRecords
	Revoker *backend.Revoker
	Events  report.Events
	Metrics *report.Metrics
	// Approver knows which requests this process approves itself.
	Approver Approver
	// Copied says which annotations of a Certificate go on to its requests.
	Copied Prefixes
	// OwnSecrets puts an owner reference on target Secrets, so that they go with their Certificate.
	OwnSecrets bool
	// ClusterResourceNamespace is where the Secrets of ClusterIssuers are.
	ClusterResourceNamespace string
}

// Reconcile brings one Certificate a step further, as far as it goes without waiting.
func (r *CertificateReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	crt, err := r.load(ctx, request.NamespacedName)
	if crt == nil {
		return report.Result(err, noTime, r.Client.Now())
	}
	if crt.DeletionTimestamp != nil {
		return report.Result(r.farewell(ctx, crt), noTime, r.Client.Now())
	}
	snapshot, err := r.gather(ctx, crt)
	if err != nil {
		return report.Result(err, noTime, r.Client.Now())
	}
	plan := issuance.Decide(snapshot)
	err = r.act(ctx, snapshot, &plan)
	return report.Result(err, plan.Recheck, r.Client.Now())
}

// load is nil for a Certificate that is gone or going: garbage collection takes what it owned. One that is held until
// its certificates are revoked is not.
func (r *CertificateReconciler) load(ctx context.Context, name types.NamespacedName) (*v1.Certificate, error) {
	crt := &v1.Certificate{}
	err := r.Client.Get(ctx, name, crt)
	if apierrors.IsNotFound(err) || err == nil && crt.DeletionTimestamp != nil {
		r.Secrets.Keep(owner(v1.CertificateKind, name))
		r.RenewalInfos.Forget(owner(v1.CertificateKind, name))
		if err == nil && slices.Contains(crt.Finalizers, r.Names.RevocationFinalizer) {
			return crt, nil
		}
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return crt, nil
}

// act carries a plan out in the order that survives a crash between any two steps: for an attempt
// whose loss would cost something, first the status with its number, then key and request; for a
// certificate, first the Secret, then the status; what is obsolete goes last.
func (r *CertificateReconciler) act(ctx context.Context, snapshot *issuance.Snapshot, plan *issuance.Plan) error {
	var err error
	switch plan.Action {
	case issuance.Begin:
		if err = r.writeStatus(ctx, snapshot, plan); err == nil {
			err = r.begin(ctx, snapshot, plan)
		}
	case issuance.Store, issuance.Keep:
		if err = r.store(ctx, snapshot, plan); err == nil && plan.Action == issuance.Store {
			r.suggest(ctx, snapshot, plan)
		}
	case issuance.Continue, issuance.Hold, issuance.Fail:
	}
	if err != nil {
		return r.explain(ctx, snapshot, plan, err)
	}
	if err := r.writeStatus(ctx, snapshot, plan); err != nil {
		return err
	}
	if plan.Action == issuance.Store {
		// From now on the key is in the Secret, and nowhere else.
		r.Keyring.Drop(pki.PublicKeyID(plan.Pair.Key.Public()))
	}
	return r.tidy(ctx, snapshot, plan)
}

// writeStatus is the one place that writes a Certificate's status, and only when it changed.
func (r *CertificateReconciler) writeStatus(ctx context.Context, snapshot *issuance.Snapshot, plan *issuance.Plan) error {
	if equality.Semantic.DeepEqual(snapshot.Certificate.Status, plan.Status) {
		return nil
	}
	updated := snapshot.Certificate.DeepCopy()
	updated.Status = plan.Status
	if err := r.Client.UpdateStatus(ctx, updated); err != nil {
		return err
	}
	r.tell(snapshot, plan)
	snapshot.Certificate = updated
	return nil
}

// tell sends the events that go with a status that changed.
func (r *CertificateReconciler) tell(snapshot *issuance.Snapshot, plan *issuance.Plan) {
	crt := snapshot.Certificate
	switch plan.Action {
	case issuance.Store:
		r.Events.Issued(crt, crt.Spec.SecretName, *plan.Status.Revision, r.fallbackOf(crt, plan.Issuer))
		r.Metrics.Issued(plan.Issuer.WithDefaults(r.Names), r.Client.Now().Sub(plan.Request.CreationTimestamp.Time))
	case issuance.Fail:
		r.Events.Failed(crt, plan.Reason, plan.Told)
		r.Metrics.Failed(plan.Issuer.WithDefaults(r.Names))
	case issuance.Hold:
		if !plan.Quiet && plan.Reason != v1.ReasonIssuerNotReady {
			r.Events.Refused(crt, plan.Reason, plan.Message)
		}
	case issuance.Keep, issuance.Begin, issuance.Continue:
	}
	r.tellRevoked(crt, plan)
	if plan.Moved != "" {
		r.Events.RenewalMoved(crt, plan.Moved)
	}
	if plan.Warning != "" {
		r.Events.RenewalOutsideWindow(crt, plan.Warning)
	}
}

// tellRevoked tells of a certificate that was revoked, and of its replacement.
func (r *CertificateReconciler) tellRevoked(crt *v1.Certificate, plan *issuance.Plan) {
	before, now := condition.Get(crt.Status.Conditions, v1.ConditionRevoked), condition.Get(plan.Status.Conditions, v1.ConditionRevoked)
	if now != nil && (before == nil || before.Message != now.Message) {
		r.Events.Revoked(crt, now.Message)
	}
}

// fallbackOf describes an issuer that a Certificate names as a fallback, empty for the one that it names first.
func (r *CertificateReconciler) fallbackOf(crt *v1.Certificate, issuer v1.IssuerRef) string {
	if issuer.SameAs(crt.Spec.IssuerRef, r.Names) {
		return ""
	}
	return describeRef(issuer.WithDefaults(r.Names))
}
