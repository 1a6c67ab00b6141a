package controllers

import (
	"context"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/backend"
	"github.com/certwright/certwright/internal/issuance"
	"github.com/certwright/certwright/internal/issued"
	"github.com/certwright/certwright/internal/outcome"
)

// remember makes sure, before a target Secret is written, that what it held and what it is to hold can be revoked
// later, and gives the note for the Secret. It is empty where nothing new is stored, or nothing that can be
// revoked.
func (r *CertificateReconciler) remember(ctx context.Context, snapshot *issuance.Snapshot, plan *issuance.Plan) (string, error) {
	if plan.Action == issuance.Keep {
		return "", r.rememberKept(ctx, snapshot)
	}
	key, err := r.Records.Key.Get(ctx)
	if err != nil {
		return "", err
	}
	now, old := r.recordToStore(snapshot, plan), r.stored(key, snapshot)
	var records []*issued.Record
	if old != nil && (now == nil || old.Fingerprint() != now.Fingerprint()) && r.Client.Now().Before(old.Leaf.NotAfter) {
		records = append(records, old)
	}
	var held *issued.Record
	if now != nil && snapshot.Certificate.Spec.RevokeOnDelete {
		if err := r.hold(ctx, snapshot); err != nil {
			return "", err
		}
		held, records = now, append(records, now)
	}
	if err := r.keepRecords(ctx, snapshot.Certificate, key, records, held); err != nil || now == nil {
		return "", err
	}
	return key.Note(now), nil
}

// rememberKept does the same for a certificate that stays: a person may have asked later that it is revoked when the
// Certificate is deleted, or not any more.
func (r *CertificateReconciler) rememberKept(ctx context.Context, snapshot *issuance.Snapshot) error {
	if !snapshot.Certificate.Spec.RevokeOnDelete {
		return r.letGo(ctx, snapshot)
	}
	key, err := r.Records.Key.Get(ctx)
	if err != nil {
		return err
	}
	record := r.stored(key, snapshot)
	if record == nil {
		return nil
	}
	if err := r.hold(ctx, snapshot); err != nil {
		return err
	}
	return r.keepRecords(ctx, snapshot.Certificate, key, []*issued.Record{record}, record)
}

// recordToStore is the record of the certificate that a plan stores, nil if there is none to make.
func (r *CertificateReconciler) recordToStore(snapshot *issuance.Snapshot, plan *issuance.Plan) *issued.Record {
	crt, issuer := snapshot.Certificate, snapshot.IssuerOf(plan.Issuer)
	if plan.Action != issuance.Store || plan.Request == nil || !issuer.Revokes {
		return nil
	}
	return &issued.Record{
		Certificate: types.NamespacedName{Namespace: crt.Namespace, Name: crt.Name},
		Issuer:      plan.Issuer.WithDefaults(r.Names), Account: issuer.Account, Leaf: plan.Pair.Chain.Leaf(),
	}
}

// stored is the record of the certificate that the target Secret holds, nil if it is not recorded for this
// Certificate.
func (r *CertificateReconciler) stored(key issued.Key, snapshot *issuance.Snapshot) *issued.Record {
	if snapshot.Secret == nil {
		return nil
	}
	record := key.FromSecret(r.Names, snapshot.Secret)
	if record == nil || record.Certificate.Name != snapshot.Certificate.Name {
		return nil
	}
	return record
}

// hold keeps the Certificate when it is deleted until its certificates are revoked.
func (r *CertificateReconciler) hold(ctx context.Context, snapshot *issuance.Snapshot) error {
	if slices.Contains(snapshot.Certificate.Finalizers, r.Names.RevocationFinalizer) {
		return nil
	}
	held := snapshot.Certificate.DeepCopy()
	if err := r.Client.SetFinalizer(ctx, held, r.Names.RevocationFinalizer, true); err != nil {
		return err
	}
	snapshot.Certificate = held
	return nil
}

// letGo takes back what hold and keepRecords did for a Certificate that asks for it no more.
func (r *CertificateReconciler) letGo(ctx context.Context, snapshot *issuance.Snapshot) error {
	crt := snapshot.Certificate
	if !slices.Contains(crt.Finalizers, r.Names.RevocationFinalizer) {
		return nil
	}
	record, err := r.issuedRecord(ctx, crt)
	if err != nil {
		return err
	}
	if record != nil {
		freed := record.DeepCopy()
		r.withoutHold(freed)
		if err := r.Client.Update(ctx, freed); err != nil {
			return err
		}
	}
	free := crt.DeepCopy()
	if err := r.Client.SetFinalizer(ctx, free, r.Names.RevocationFinalizer, false); err != nil {
		return err
	}
	snapshot.Certificate = free
	return nil
}

func (r *CertificateReconciler) withoutHold(record *corev1.Secret) {
	controllerutil.RemoveFinalizer(record, r.Names.RevocationFinalizer)
	delete(record.Data, identityIssuer)
	delete(record.Data, identityKey)
}

// issuedRecord is the Secret that remembers what was issued for a Certificate, nil if there is none.
func (r *CertificateReconciler) issuedRecord(ctx context.Context, crt *v1.Certificate) (*corev1.Secret, error) {
	record := &corev1.Secret{}
	err := r.Client.Get(ctx, issuedRecordName(crt), record)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return record, nil
}

// Entries of a record's Secret that hold what is needed to revoke when the Issuer is gone.
const (
	identityIssuer = "issuer"
	identityKey    = "account-key"
)

// keepRecords puts certificates into the Secret that remembers them. Where one of them is held, to be revoked when the
// Certificate is deleted, the Secret stays until that is done, with what it takes: the deletion of a namespace takes
// Secrets and Issuers before it waits for Certificates.
func (r *CertificateReconciler) keepRecords(ctx context.Context, crt *v1.Certificate, key issued.Key, records []*issued.Record, held *issued.Record) error {
	if len(records) == 0 {
		return nil
	}
	existing, err := r.issuedRecord(ctx, crt)
	if err != nil {
		return err
	}
	secret := r.emptyRecord(crt)
	if existing != nil {
		secret = existing.DeepCopy()
	}
	if secret.Data == nil {
		secret.Data = map[string][]byte{}
	}
	kept := issued.Kept(secret.Data)
	for _, record := range records {
		if _, dropped := kept.Add(key, record, r.Client.Now()); dropped > 0 {
			r.Events.RecordsDropped(crt, dropped)
		}
	}
	if held != nil {
		controllerutil.AddFinalizer(secret, r.Names.RevocationFinalizer)
		if err := r.addIdentity(ctx, held, secret); err != nil {
			return err
		}
	}
	switch {
	case existing == nil:
		return r.Client.Create(ctx, secret)
	case equality.Semantic.DeepEqual(existing, secret):
		return nil
	default:
		return r.Client.Update(ctx, secret)
	}
}

func (r *CertificateReconciler) emptyRecord(crt *v1.Certificate) *corev1.Secret {
	name := issuedRecordName(crt)
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Namespace: name.Namespace, Name: name.Name,
		Labels:      map[string]string{r.Names.Label.Managed: "true", r.Names.Label.IssuedRecord: "true"},
		Annotations: map[string]string{r.Names.Annotation.CertificateName: crt.Name},
	}}
}

// addIdentity keeps what the revocation needs of an Issuer in the same namespace. What a ClusterIssuer needs is out
// of a namespace's reach, and the revocation list of a ca Issuer goes with its namespace. An Issuer that is not ready
// adds nothing: once it is, the Certificate is looked at again.
func (r *CertificateReconciler) addIdentity(ctx context.Context, held *issued.Record, secret *corev1.Secret) error {
	found, err := getIssuer(ctx, r.Client, held.Issuer, held.Certificate.Namespace)
	issuer, namespaced := found.(*v1.Issuer)
	if err == nil && (!namespaced || issuer.Spec.ACME == nil) {
		return nil
	}
	var identity *backend.Identity
	if err == nil {
		identity, err = r.Revoker.Identity(issuer)
	}
	if failure := outcome.From(err); failure != nil {
		if failure.Kind == outcome.Retry || failure.Momentary {
			return err
		}
		return nil
	}
	maps.Copy(secret.Data, map[string][]byte{identityIssuer: identity.Issuer, identityKey: identity.AccountKey})
	return nil
}
