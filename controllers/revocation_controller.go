package controllers

import (
	"context"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/backend"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/issued"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/outcome"
	"github.com/certwright/certwright/internal/report"
	"github.com/certwright/certwright/internal/revocation"
)

// RevocationReconciler has certificates revoked: it chooses them once, waits until those in use are replaced
// where the spec says so, and asks their CAs. It is the one writer of a CertificateRevocation's status, which
// the certificate reconciler reads.
type RevocationReconciler struct {
	Client  *kube.Client
	Records *IssuedRecords
	Revoker *backend.Revoker
	Events  report.Events
}

// Reconcile brings one CertificateRevocation as far as it goes without waiting.
func (r *RevocationReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	requested, err := r.load(ctx, request.NamespacedName)
	if requested == nil {
		return report.Result(err, noTime, r.Client.Now())
	}
	snapshot, err := r.gather(ctx, requested)
	if err != nil {
		return report.Result(err, noTime, r.Client.Now())
	}
	plan := revocation.Decide(snapshot)
	err = r.act(ctx, snapshot, &plan)
	return report.Result(err, plan.Recheck, r.Client.Now())
}

// load is nil for what is gone, going or finished.
func (r *RevocationReconciler) load(ctx context.Context, name types.NamespacedName) (*v1.CertificateRevocation, error) {
	requested := &v1.CertificateRevocation{}
	err := r.Client.Get(ctx, name, requested)
	if apierrors.IsNotFound(err) || err == nil && (requested.DeletionTimestamp != nil || revocation.Finished(requested)) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return requested, nil
}

func (r *RevocationReconciler) gather(ctx context.Context, requested *v1.CertificateRevocation) (revocation.Snapshot, error) {
	records, err := r.Records.In(ctx, requested.Namespace)
	return revocation.Snapshot{Now: r.Client.Now(), Revocation: requested, Records: records}, err
}

// act asks the CAs, one certificate after the other, and writes down what became of it in one write.
func (r *RevocationReconciler) act(ctx context.Context, snapshot revocation.Snapshot, plan *revocation.Plan) error {
	var waits error
	if plan.Action == revocation.Revoke {
		waits = r.revoke(ctx, snapshot, plan)
	}
	if err := r.writeStatus(ctx, snapshot, plan); err != nil {
		return err
	}
	return waits
}

// revoke has the certificates of the plan revoked. The error is what the first of those that are left waits for.
func (r *RevocationReconciler) revoke(ctx context.Context, snapshot revocation.Snapshot, plan *revocation.Plan) error {
	var waits *outcome.Error
	for _, record := range plan.Records {
		entry := entryOf(&plan.Status, record)
		already, err := r.revokeOne(ctx, snapshot.Revocation, record)
		if waiting := settle(entry, already, err, metav1.NewTime(r.Client.Now())); waiting != nil && waits == nil {
			waits = waiting
		}
	}
	if waits == nil {
		revocation.Conclude(snapshot, &plan.Status)
		return nil
	}
	if waits.Momentary || waits.Kind == outcome.Retry {
		return waits
	}
	revocation.Tell(snapshot, &plan.Status, metav1.ConditionFalse, v1.ReasonRevoking, waits.Message)
	return waits
}

func entryOf(status *v1.CertificateRevocationStatus, record *issued.Record) *v1.RevokedCertificate {
	fingerprint := record.Fingerprint()
	for i := range status.Certificates {
		if status.Certificates[i].Fingerprint == fingerprint {
			return &status.Certificates[i]
		}
	}
	return nil
}

func (r *RevocationReconciler) revokeOne(ctx context.Context, requested *v1.CertificateRevocation, record *issued.Record) (bool, error) {
	issuer, err := getIssuer(ctx, r.Client, record.Issuer, requested.Namespace)
	if err != nil {
		return false, err
	}
	return r.Revoker.Revoke(ctx, issuer, record, requested.Spec.Reason)
}

// longestEntryMessage bounds, in bytes, what the status says about one certificate.
const longestEntryMessage = 4096

// settle writes the end of a certificate's revocation into its entry, or returns what it waits for.
func settle(entry *v1.RevokedCertificate, already bool, err error, now metav1.Time) *outcome.Error {
	failure := outcome.From(err)
	switch {
	case failure == nil:
		entry.State, entry.RevokedAt, entry.Message, entry.Error = v1.RevocationRevoked, &now, "", nil
		if already {
			entry.State = v1.RevocationAlreadyRevoked
		}
		return nil
	case failure.Kind == outcome.Terminal || failure.Kind == outcome.Invalid:
		entry.State, entry.Message = v1.RevocationFailed, condition.Bounded(failure.Message, longestEntryMessage)
		if failure.Type != "" {
			entry.Error = &v1.Problem{Type: failure.Type, Detail: entry.Message, URL: failure.URL}
		}
		return nil
	case failure.Momentary || failure.Kind == outcome.Retry:
		return failure
	default:
		entry.Message = condition.Bounded(failure.Message, longestEntryMessage)
		return failure
	}
}

func (r *RevocationReconciler) writeStatus(ctx context.Context, snapshot revocation.Snapshot, plan *revocation.Plan) error {
	before := snapshot.Revocation
	if equality.Semantic.DeepEqual(before.Status, plan.Status) {
		return nil
	}
	updated := before.DeepCopy()
	updated.Status = plan.Status
	if err := r.Client.UpdateStatus(ctx, updated); err != nil {
		return err
	}
	ready := condition.Get(updated.Status.Conditions, v1.ConditionReady)
	switch {
	case ready == nil || !revocation.Finished(updated):
	case ready.Status == metav1.ConditionTrue:
		r.Events.RevocationDone(updated, ready.Message)
	default:
		r.Events.Failed(updated, ready.Reason, ready.Message)
	}
	return nil
}
