package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/backend"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/issued"
	"github.com/certwright/certwright/internal/outcome"
	"github.com/certwright/certwright/internal/pki"
)

const (
	// farewellDeadline is how long a Certificate is held to have its certificates revoked.
	farewellDeadline = 5 * time.Minute
	// farewellPause is how soon a revocation is tried again that waits for something.
	farewellPause = 15 * time.Second
)

// farewell has the certificates of a Certificate that is deleted revoked, and lets it go. What cannot be revoked in
// time is named in an event, and stays on record for a CertificateRevocation.
func (r *CertificateReconciler) farewell(ctx context.Context, crt *v1.Certificate) error {
	record, err := r.issuedRecord(ctx, crt)
	if err != nil {
		return err
	}
	left := r.revokeAll(ctx, crt, record)
	if deadline := crt.DeletionTimestamp.Add(farewellDeadline); left != nil && r.Client.Now().Before(deadline) {
		if err := r.tellFarewell(ctx, crt, left, deadline); err != nil {
			return err
		}
		return outcome.WaitUntil(earliest(r.Client.Now().Add(farewellPause), deadline), v1.ReasonRevoking, "%v", left)
	}
	if err := r.release(ctx, record, left == nil); err != nil {
		return err
	}
	if err := r.Client.SetFinalizer(ctx, crt.DeepCopy(), r.Names.RevocationFinalizer, false); err != nil {
		return err
	}
	if left != nil {
		r.Events.NotRevoked(crt, fmt.Sprintf("The Certificate goes although certificates of it could not be revoked within %s: %v", farewellDeadline, left))
	}
	return nil
}

// tellFarewell says on the Certificate what its deletion waits for.
func (r *CertificateReconciler) tellFarewell(ctx context.Context, crt *v1.Certificate, err error, deadline time.Time) error {
	told := crt.DeepCopy()
	told.Status.Conditions = condition.Set(told.Status.Conditions, v1.Condition{
		Type: v1.ConditionRevoked, Status: metav1.ConditionUnknown, Reason: v1.ReasonRevoking, ObservedGeneration: crt.Generation,
		Message: fmt.Sprintf("The deletion waits until its certificates are revoked, until %s at the latest: %v", deadline.UTC().Format(timeFormat), err),
	}, r.Client.Now())
	if equality.Semantic.DeepEqual(told.Status, crt.Status) {
		return nil
	}
	return r.Client.UpdateStatus(ctx, told)
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// revokeAll has every certificate on record revoked that has not expired. It is harmless to repeat. The error says
// which are left, and why.
func (r *CertificateReconciler) revokeAll(ctx context.Context, crt *v1.Certificate, secret *corev1.Secret) error {
	if secret == nil || !crt.Spec.RevokeOnDelete {
		return nil
	}
	key, err := r.Records.Key.Get(ctx)
	if err != nil {
		return err
	}
	var failures []error
	records := r.Records.kept(key, secret)
	if broken := issued.Kept(secret.Data).Len() - len(records); broken > 0 {
		failures = append(failures, fmt.Errorf("%d records in Secret %q are not as the operator wrote them, or were sealed with another key", broken, secret.Name))
	}
	for _, record := range records {
		if !r.Client.Now().Before(record.Leaf.NotAfter) {
			continue
		}
		if err := r.revokeForGood(ctx, crt, secret, record); err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", record.Serial(), err))
		}
	}
	return errors.Join(failures...)
}

// revokeForGood asks by the issuer as it is, and where that is gone or of no use, by what was kept of it.
func (r *CertificateReconciler) revokeForGood(ctx context.Context, crt *v1.Certificate, secret *corev1.Secret, record *issued.Record) error {
	issuer, err := getIssuer(ctx, r.Client, record.Issuer, crt.Namespace)
	if err == nil && issuer.GetDeletionTimestamp() == nil {
		_, err = r.Revoker.Revoke(ctx, issuer, record, v1.RevocationCessationOfOperation)
	}
	if err == nil || record.Issuer.IsCluster(r.Names) {
		return err
	}
	if failure := outcome.From(err); failure.Reason == v1.ReasonIssuerNotFound && record.Account == "" {
		// A ca Issuer took its revocation list with it: there is nobody left to tell.
		return nil
	}
	identity := &backend.Identity{Issuer: secret.Data[identityIssuer], AccountKey: secret.Data[identityKey]}
	if len(identity.Issuer) == 0 {
		return err
	}
	_, err = r.Revoker.RevokeAs(ctx, identity, crt.Namespace, record, pki.ReasonCessationOfOperation)
	return err
}

// release gives up what was kept to revoke with. What could not be revoked stays on record.
func (r *CertificateReconciler) release(ctx context.Context, secret *corev1.Secret, done bool) error {
	if secret == nil {
		return nil
	}
	if controllerutil.ContainsFinalizer(secret, r.Names.RevocationFinalizer) {
		freed := secret.DeepCopy()
		r.withoutHold(freed)
		if err := r.Client.Update(ctx, freed); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
		secret = freed
	}
	if !done {
		return nil
	}
	return r.Client.Delete(ctx, secret)
}
