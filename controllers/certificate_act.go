package controllers

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/issuance"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/outcome"
	"github.com/certwright/certwright/internal/pki"
)

// begin makes the key of a new attempt, keeps it where the attempt can find it again, and then asks
// for the certificate.
func (r *CertificateReconciler) begin(ctx context.Context, snapshot *issuance.Snapshot, plan *issuance.Plan) error {
	crt := snapshot.Certificate
	key, err := r.newKey(snapshot)
	if err != nil {
		return outcome.Invalidf(v1.ReasonInvalidSpec, "making the private key: %v", err)
	}
	csr, err := pki.CreateRequest(issuance.RequestSpec(crt), key)
	if err != nil {
		return outcome.Invalidf(v1.ReasonInvalidSpec, "making the certificate signing request: %v", err)
	}
	if plan.Temporary {
		if err := r.storeTemporary(ctx, snapshot, plan, key); err != nil {
			return err
		}
	}
	request := r.newRequest(snapshot, plan, csr)
	if snapshot.IssuerOf(plan.Issuer).Instant {
		r.Keyring.Put(pki.PublicKeyID(key.Public()), key)
	} else if err := r.stage(ctx, snapshot, plan.Attempt, key); err != nil {
		return r.moveOn(ctx, snapshot, plan, err)
	}
	return r.moveOn(ctx, snapshot, plan, r.createChild(ctx, crt, request))
}

// newKey makes a key, or takes the one in use where the spec says to keep it and it still fits.
func (r *CertificateReconciler) newKey(snapshot *issuance.Snapshot) (crypto.Signer, error) {
	crt := snapshot.Certificate
	spec := issuance.RequestSpec(crt).Key
	if issuance.Reuses(crt) && snapshot.Secret != nil && len(snapshot.Secret.Data[corev1.TLSPrivateKeyKey]) > 0 {
		key, err := pki.DecodePrivateKey(snapshot.Secret.Data[corev1.TLSPrivateKeyKey])
		if err == nil && snapshot.IsCompromised(key.Public()) {
			return pki.GenerateKey(spec)
		}
		if err == nil && pki.KeyMatchesSpec(key.Public(), spec) == nil {
			return key, nil
		}
		r.Events.KeyReplaced(crt, crt.Spec.SecretName)
	}
	return pki.GenerateKey(spec)
}

func (r *CertificateReconciler) newRequest(snapshot *issuance.Snapshot, plan *issuance.Plan, csr []byte) *v1.CertificateRequest {
	crt := snapshot.Certificate
	annotations := r.Copied.Select(crt.Annotations)
	for _, key := range []string{r.Names.Annotation.Source, r.Names.Annotation.SourceLabels, r.Names.Annotation.SourceProblem} {
		delete(annotations, key)
	}
	annotations[r.Names.Annotation.CertificateName] = crt.Name
	annotations[r.Names.Annotation.CertificateRevision] = strconv.Itoa(issuance.Revision(crt) + 1)
	if !snapshot.IssuerOf(plan.Issuer).Instant {
		annotations[r.Names.Annotation.PrivateKeySecretName] = issuance.StagedKeyName(crt, plan.Attempt)
	}
	return &v1.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{
			Name:            issuance.RequestName(crt, plan.Attempt),
			Namespace:       crt.Namespace,
			Labels:          crt.Labels,
			Annotations:     annotations,
			OwnerReferences: r.ownedBy(crt),
		},
		Spec: v1.CertificateRequestSpec{
			IssuerRef: plan.Issuer,
			Request:   csr,
			Duration:  crt.Spec.Duration,
			IsCA:      crt.Spec.IsCA,
			Usages:    crt.Spec.Usages,
		},
	}
}

func (r *CertificateReconciler) ownedBy(crt *v1.Certificate) []metav1.OwnerReference {
	return []metav1.OwnerReference{*metav1.NewControllerRef(crt, r.Names.GroupVersion.WithKind(v1.CertificateKind))}
}

// stage keeps the key of an attempt in a Secret of its own until the certificate is there.
func (r *CertificateReconciler) stage(ctx context.Context, snapshot *issuance.Snapshot, attempt int64, key crypto.Signer) error {
	encoded, err := pki.EncodePrivateKey(key, pki.PKCS8)
	if err != nil {
		return err
	}
	crt := snapshot.Certificate
	return r.createChild(ctx, crt, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Name:            issuance.StagedKeyName(crt, attempt),
			Namespace:       crt.Namespace,
			Labels:          map[string]string{r.Names.Label.Managed: "true", r.Names.Label.NextPrivateKey: "true"},
			OwnerReferences: r.ownedBy(crt),
		},
		Data: map[string][]byte{corev1.TLSPrivateKeyKey: encoded},
	})
}

// nameTakenError is a child's name that the attempt cannot have.
type nameTakenError struct{ kind, name string }

func (e *nameTakenError) Error() string {
	return fmt.Sprintf("%s %q exists already and does not belong to this attempt", e.kind, e.name)
}

// createChild creates an object with a deterministic name. Whatever holds that name already, even a
// key or request of a pass that this one does not remember, is left alone.
func (r *CertificateReconciler) createChild(ctx context.Context, crt *v1.Certificate, child client.Object) error {
	err := r.Client.Create(ctx, child)
	if !apierrors.IsAlreadyExists(err) {
		return err
	}
	kind := "Secret"
	if _, ok := child.(*v1.CertificateRequest); ok {
		kind = v1.CertificateRequestKind
	}
	r.Events.NameTaken(crt, kind, child.GetName())
	return &nameTakenError{kind: kind, name: child.GetName()}
}

// moveOn writes down that the names of an attempt are taken, so that the next pass takes the next
// number and nothing can block for ever.
func (r *CertificateReconciler) moveOn(ctx context.Context, snapshot *issuance.Snapshot, plan *issuance.Plan, err error) error {
	var taken *nameTakenError
	if !errors.As(err, &taken) {
		return err
	}
	status := snapshot.Certificate.Status.DeepCopy()
	if status.Issuance == nil {
		status.Issuance = &v1.CertificateIssuance{}
	}
	status.Issuance.Attempt = plan.Attempt
	plan.Status = *status
	if err := r.writeStatus(ctx, snapshot, plan); err != nil {
		return err
	}
	return outcome.Retryable("NameTaken", taken)
}

// store brings the target Secret in line: with a new pair (Store) or around the one it has (Keep).
func (r *CertificateReconciler) store(ctx context.Context, snapshot *issuance.Snapshot, plan *issuance.Plan) error {
	passwords, err := r.passwords(snapshot.Certificate)
	if err != nil {
		return err
	}
	note, err := r.remember(ctx, snapshot, plan)
	if err != nil {
		return err
	}
	layout := kube.Layout{
		Names: r.Names, Certificate: snapshot.Certificate, Pair: plan.Pair, Issuer: plan.Issuer, Issued: plan.Action == issuance.Store, Note: note,
		Owned: r.OwnSecrets, JKSPassword: passwords[jks], PKCS12Password: passwords[pkcs12],
	}
	secret, changed, err := layout.Apply(snapshot.Secret)
	if err != nil {
		return outcome.Invalidf(v1.ReasonInvalidSpec, "Secret %q: %v", snapshot.Certificate.Spec.SecretName, err)
	}
	switch {
	case !changed:
		return nil
	case snapshot.Secret != nil:
		return r.Client.Update(ctx, secret)
	}
	if err := r.Client.Create(ctx, secret); !apierrors.IsAlreadyExists(err) {
		return err
	}
	return r.meetExisting(ctx, snapshot, plan)
}

// meetExisting decides again, now that the write has found a Secret that the cache does not show:
// what somebody put there is kept if it fits, replaced if it does not and nobody owns it.
func (r *CertificateReconciler) meetExisting(ctx context.Context, snapshot *issuance.Snapshot, plan *issuance.Plan) error {
	existing := &corev1.Secret{}
	name := types.NamespacedName{Namespace: snapshot.Certificate.Namespace, Name: snapshot.Certificate.Spec.SecretName}
	if err := r.Client.Live.Get(ctx, name, existing); err != nil {
		return fmt.Errorf("reading Secret %q that exists already: %w", name.Name, err)
	}
	snapshot.Secret = existing
	*plan = issuance.Decide(snapshot)
	switch plan.Action {
	case issuance.Keep:
		r.Events.Adopted(snapshot.Certificate, name.Name)
		return r.store(ctx, snapshot, plan)
	case issuance.Store:
		return r.store(ctx, snapshot, plan)
	default:
		return nil
	}
}

// storeTemporary puts a throwaway certificate for the attempt's key into the Secret, for software
// that does not start without one.
func (r *CertificateReconciler) storeTemporary(ctx context.Context, snapshot *issuance.Snapshot, begun *issuance.Plan, key crypto.Signer) error {
	chain, err := pki.TemporaryCertificate(issuance.RequestSpec(snapshot.Certificate), key, snapshot.Now)
	if err != nil {
		return outcome.Invalidf(v1.ReasonInvalidSpec, "making the temporary certificate: %v", err)
	}
	plan := &issuance.Plan{Action: issuance.Store, Issuer: begun.Issuer, Pair: &issuance.Pair{Key: key, Chain: chain}}
	return r.store(ctx, snapshot, plan)
}

// tidy deletes what is obsolete: requests beyond the history limit, and staged keys of attempts that
// are over.
func (r *CertificateReconciler) tidy(ctx context.Context, snapshot *issuance.Snapshot, plan *issuance.Plan) error {
	for _, request := range plan.Obsolete {
		if err := r.Client.Delete(ctx, request); err != nil {
			return fmt.Errorf("deleting CertificateRequest %q: %w", request.Name, err)
		}
	}
	var staged corev1.SecretList
	if err := r.Client.Cached.List(ctx, &staged, client.InNamespace(snapshot.Certificate.Namespace), client.MatchingFields{kube.IndexOwner: string(snapshot.Certificate.UID)},
		client.MatchingLabels{r.Names.Label.NextPrivateKey: "true"}, client.UnsafeDisableDeepCopy); err != nil {
		return err
	}
	needed := snapshot.Certificate.Status.NextPrivateKeySecretName
	for i := range staged.Items {
		if needed != nil && *needed == staged.Items[i].Name {
			continue
		}
		if err := r.Client.Delete(ctx, &staged.Items[i]); err != nil {
			return fmt.Errorf("deleting staged key %q: %w", staged.Items[i].Name, err)
		}
	}
	return nil
}
