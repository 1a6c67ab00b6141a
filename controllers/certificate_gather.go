package controllers

import (
	"context"
	"crypto"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/backend"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/issuance"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/outcome"
	"github.com/certwright/certwright/internal/pki"
)

// gather reads everything that a decision about a Certificate depends on, from watches only, but for
// a target Secret whose absence a live read has to confirm.
func (r *CertificateReconciler) gather(ctx context.Context, crt *v1.Certificate) (*issuance.Snapshot, error) {
	snapshot := &issuance.Snapshot{Now: r.Client.Now(), Names: r.Names, Certificate: crt}
	var err error
	if err = r.requests(ctx, snapshot); err != nil {
		return nil, err
	}
	if snapshot.Rivals, err = r.rivals(ctx, crt); err != nil {
		return nil, err
	}
	issuers, err := r.issuers(ctx, snapshot)
	if err != nil {
		return nil, err
	}
	if snapshot.Secret, err = r.target(ctx, snapshot); err != nil {
		return nil, err
	}
	snapshot.RenewalInfo = r.renewalInfo(ctx, snapshot, issuers)
	if snapshot.Revocations, err = r.revocations(ctx, crt); err != nil {
		return nil, err
	}
	if snapshot.Key, err = r.key(ctx, snapshot); err != nil {
		return nil, err
	}
	snapshot.Unmet, err = r.unmet(crt)
	return snapshot, err
}

// requests lists the requests of a Certificate. It is a Wait as long as the cache does not show one that we
// made: without it, the decision would be to make another.
func (r *CertificateReconciler) requests(ctx context.Context, snapshot *issuance.Snapshot) error {
	var err error
	if snapshot.Requests, err = r.listRequests(ctx, snapshot.Certificate); err != nil {
		return err
	}
	for _, attempt := range []int64{snapshot.NextAttempt() - 1, snapshot.NextAttempt()} {
		name := types.NamespacedName{Namespace: snapshot.Certificate.Namespace, Name: issuance.RequestName(snapshot.Certificate, attempt)}
		if err := r.Client.Pending(ctx, &v1.CertificateRequest{}, name); err != nil {
			return err
		}
	}
	// The watch may have brought one between the list and the question: this list has it.
	snapshot.Requests, err = r.listRequests(ctx, snapshot.Certificate)
	return err
}

func (r *CertificateReconciler) listRequests(ctx context.Context, crt *v1.Certificate) ([]*v1.CertificateRequest, error) {
	var list v1.CertificateRequestList
	if err := r.Client.Cached.List(ctx, &list, client.InNamespace(crt.Namespace), client.MatchingFields{kube.IndexOwner: string(crt.UID)}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	requests := make([]*v1.CertificateRequest, 0, len(list.Items))
	for i := range list.Items {
		r.Client.Writes.Fresh(&list.Items[i])
		if list.Items[i].DeletionTimestamp == nil {
			requests = append(requests, &list.Items[i])
		}
	}
	return requests, nil
}

// revocations are the Certificate's certificates that CertificateRevocations are about.
func (r *CertificateReconciler) revocations(ctx context.Context, crt *v1.Certificate) ([]issuance.Revocation, error) {
	var list v1.CertificateRevocationList
	err := r.Client.Cached.List(ctx, &list, client.InNamespace(crt.Namespace), client.MatchingFields{kube.IndexRevocations: crt.Name}, client.UnsafeDisableDeepCopy)
	return issuance.Revocations(list.Items), err
}

func (r *CertificateReconciler) rivals(ctx context.Context, crt *v1.Certificate) ([]*v1.Certificate, error) {
	var list v1.CertificateList
	if err := r.Client.Cached.List(ctx, &list, client.InNamespace(crt.Namespace), client.MatchingFields{kube.IndexSecretName: crt.Spec.SecretName}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	var rivals []*v1.Certificate
	for i := range list.Items {
		if other := &list.Items[i]; other.Name != crt.Name && other.DeletionTimestamp == nil {
			rivals = append(rivals, other)
		}
	}
	return rivals, nil
}

// target is the target Secret, nil if it does not exist. The cache holds only Secrets with our
// label: where one was stored before, where asking the issuer costs something, or where the key in it
// is to be kept, its absence is confirmed by a live read. Otherwise the first write finds out.
func (r *CertificateReconciler) target(ctx context.Context, snapshot *issuance.Snapshot) (*corev1.Secret, error) {
	crt := snapshot.Certificate
	name := types.NamespacedName{Namespace: crt.Namespace, Name: crt.Spec.SecretName}
	secret := &corev1.Secret{}
	err := r.Client.Get(ctx, name, secret)
	storedBefore := issuance.Revision(crt) > 0 || crt.Status.NotAfter != nil
	costly := snapshot.Next() == nil && !snapshot.AsksInstant()
	if apierrors.IsNotFound(err) && (storedBefore || costly || issuance.Reuses(crt)) {
		err = r.Client.Live.Get(ctx, name, secret)
	}
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading Secret %q: %w", crt.Spec.SecretName, err)
	default:
		return secret, nil
	}
}

// key is the private key of the attempt under way, nil if it is lost.
func (r *CertificateReconciler) key(ctx context.Context, snapshot *issuance.Snapshot) (crypto.Signer, error) {
	next := snapshot.Next()
	if next == nil {
		return nil, nil
	}
	csr, err := pki.ReadRequest(next.Spec.Request)
	if err != nil {
		// The decision reports it: a request that cannot be read is replaced.
		return nil, nil //nolint:nilerr // an unreadable request has no key
	}
	if key := r.Keyring.Get(pki.PublicKeyID(csr.PublicKey)); key != nil {
		return key, nil
	}
	return r.stagedKey(ctx, snapshot.Certificate, issuance.AttemptOf(snapshot.Certificate, next))
}

func (r *CertificateReconciler) stagedKey(ctx context.Context, crt *v1.Certificate, attempt int64) (crypto.Signer, error) {
	if crt.Status.NextPrivateKeySecretName == nil {
		return nil, nil
	}
	name := types.NamespacedName{Namespace: crt.Namespace, Name: issuance.StagedKeyName(crt, attempt)}
	staged := &corev1.Secret{}
	err := r.Client.Get(ctx, name, staged)
	if apierrors.IsNotFound(err) {
		// It may only have lost its label: a lost key costs an order at the CA.
		err = r.Client.Live.Get(ctx, name, staged)
	}
	if apierrors.IsNotFound(err) || err == nil && !metav1.IsControlledBy(staged, crt) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	key, err := pki.DecodePrivateKey(staged.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		return nil, nil //nolint:nilerr // an unreadable key is a lost key, which the decision replaces
	}
	return key, nil
}

// issuers finds the issuers that the Certificate names, in order, and puts what a decision needs to know of them
// into the snapshot.
func (r *CertificateReconciler) issuers(ctx context.Context, snapshot *issuance.Snapshot) ([]v1.GenericIssuer, error) {
	var issuers []v1.GenericIssuer
	for i, ref := range issuance.Candidates(snapshot.Certificate) {
		issuer, view, err := r.issuer(ctx, ref.WithDefaults(r.Names), snapshot.Certificate.Namespace)
		if err != nil {
			return nil, err
		}
		issuers = append(issuers, issuer)
		if i == 0 {
			snapshot.Issuer = view
		} else {
			snapshot.Fallbacks = append(snapshot.Fallbacks, view)
		}
	}
	return issuers, nil
}

// issuer finds an issuer, nil if it is not there or is none of ours, and what a decision needs to know of it.
func (r *CertificateReconciler) issuer(ctx context.Context, ref v1.IssuerRef, namespace string) (v1.GenericIssuer, issuance.Issuer, error) {
	if ref.IsExternal(r.Names) {
		return nil, issuance.Issuer{}, nil
	}
	issuer, err := getIssuer(ctx, r.Client, ref, namespace)
	if failure := outcome.From(err); failure != nil && failure.Kind != outcome.Retry && !failure.Momentary {
		return nil, issuance.Issuer{BlockedReason: failure.Reason, Blocked: failure.Message}, nil
	}
	if err != nil {
		return nil, issuance.Issuer{}, err
	}
	return issuer, r.view(issuer, ref, namespace), nil
}

// view is what a decision needs to know of an issuer.
func (r *CertificateReconciler) view(issuer v1.GenericIssuer, ref v1.IssuerRef, namespace string) issuance.Issuer {
	spec := issuer.GetSpec()
	view := issuance.Issuer{
		Instant: (spec.SelfSigned != nil || spec.CA != nil) && r.Approver.Approves(ref, namespace),
		Blocked: notReady(issuer, ref), BlockedReason: v1.ReasonIssuerNotReady,
		SuggestsRenewal: backend.SuggestsRenewal(spec), Revokes: backend.CanRevoke(spec),
	}
	if account := issuer.GetStatus().ACME; account != nil {
		view.Account = account.URI
	}
	view.Unable, view.UnableSince = saysNo(issuer)
	if spec.CA != nil {
		// A signer that cannot be read is the issuer's trouble, told on its own status.
		if signer, err := r.Signers.Get(backend.IssuerOwner(issuer), secretOf(issuer, r.ClusterResourceNamespace, spec.CA.SecretName)); err == nil {
			view.Signer = signer.Chain.Leaf()
		}
	}
	return view
}

// saysNo says whether an issuer has looked at its present spec and is not ready, and since when it is not.
func saysNo(issuer v1.GenericIssuer) (bool, time.Time) {
	ready := condition.Get(issuer.GetStatus().Conditions, v1.ConditionReady)
	if ready == nil || ready.Status != metav1.ConditionFalse || ready.ObservedGeneration != issuer.GetGeneration() {
		return false, noTime
	}
	if ready.LastTransitionTime == nil {
		return true, noTime
	}
	return true, ready.LastTransitionTime.Time
}

// notReady says what an issuer waits for, empty if it is ready.
func notReady(issuer v1.GenericIssuer, ref v1.IssuerRef) string {
	ready := condition.Get(issuer.GetStatus().Conditions, v1.ConditionReady)
	switch {
	case ready == nil || ready.Status != metav1.ConditionTrue && ready.Message == "":
		return fmt.Sprintf("waiting for %s to become ready", describeRef(ref))
	case ready.Status != metav1.ConditionTrue:
		return fmt.Sprintf("waiting for %s to become ready: %s", describeRef(ref), ready.Message)
	default:
		return ""
	}
}

// unmet finds a keystore password that is not there or cannot be read. The Certificate is woken when
// that changes.
func (r *CertificateReconciler) unmet(crt *v1.Certificate) (*issuance.Finding, error) {
	r.Secrets.Keep(owner(v1.CertificateKind, client.ObjectKeyFromObject(crt)), passwordSecrets(crt)...)
	_, err := r.passwords(crt)
	if failure := outcome.From(err); failure != nil && failure.Kind != outcome.Retry && !failure.Momentary {
		return &issuance.Finding{Reason: failure.Reason, Message: failure.Message}, nil
	}
	return nil, err
}
