package controllers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/issuance"
	"github.com/certwright/certwright/internal/outcome"
)

// cleanUpDeadline is how long clean-up is tried: then the Order goes, and an event names what is left.
const cleanUpDeadline = 5 * time.Minute

// prepareCleanUp makes sure, before the first answer goes out of the cluster, that it can be taken away
// again: the Order stays until that is done, and so does a copy of what the solvers need for it.
func (r *OrderReconciler) prepareCleanUp(ctx context.Context, pass *orderPass) error {
	if err := r.setFinalizer(ctx, pass, true); err != nil {
		return err
	}
	if pass.progress.CredentialsKept || r.secretNamespace(pass) != pass.order.Namespace {
		return nil
	}
	if err := r.keepCredentials(ctx, pass); err != nil {
		return err
	}
	pass.progress.CredentialsKept = true
	return nil
}

// keepCredentials copies the credentials of the Order's solvers to a Secret beside it that has the Order's
// own finalizer. The deletion of a namespace takes Secrets before it waits for Orders. It is made only
// where the Secrets are in the Order's namespace: those of ClusterIssuers are not reached.
func (r *OrderReconciler) keepCredentials(ctx context.Context, pass *orderPass) error {
	data := map[string][]byte{}
	for i := range pass.order.Status.Authorizations {
		if authorization := &pass.order.Status.Authorizations[i]; authorization.Challenge != nil {
			credentials, err := r.Solvers.Credentials(r.challenge(pass, authorization))
			if err != nil {
				return err
			}
			maps.Copy(data, credentials)
		}
	}
	if len(data) == 0 {
		return nil
	}
	owner := metav1.NewControllerRef(pass.order, r.Names.ACMEGroupVersion.WithKind(orderKind))
	// The finalizer of the Secret is enough to hold it.
	owner.BlockOwnerDeletion = nil
	err := r.Client.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Name: credentialsName(pass.order), Namespace: pass.order.Namespace,
			Labels:          map[string]string{r.Names.Label.Managed: "true"},
			Finalizers:      []string{r.Names.OrderFinalizer},
			OwnerReferences: []metav1.OwnerReference{*owner},
		},
		Immutable: new(true),
		Data:      data,
	})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("keeping what the clean-up will need: %w", err)
	}
	return nil
}

// credentialsName cannot be anybody else's: it holds the Order's UID.
func credentialsName(order *acmev1.Order) string {
	return issuance.ChildName(order.Name, "-clean-up-"+string(order.UID))
}

// credentials are what was kept for the clean-up, nil if nothing was.
func (r *OrderReconciler) credentials(ctx context.Context, pass *orderPass) (*corev1.Secret, error) {
	kept := &corev1.Secret{}
	err := r.Client.Get(ctx, types.NamespacedName{Namespace: pass.order.Namespace, Name: credentialsName(pass.order)}, kept)
	if apierrors.IsNotFound(err) || err == nil && !metav1.IsControlledBy(kept, pass.order) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return kept, nil
}

// dropCredentials deletes what was kept for the clean-up.
func (r *OrderReconciler) dropCredentials(ctx context.Context, kept *corev1.Secret) error {
	if kept == nil {
		return nil
	}
	freed := kept.DeepCopy()
	freed.Finalizers = slices.DeleteFunc(freed.Finalizers, func(f string) bool { return f == r.Names.OrderFinalizer })
	if err := r.Client.Update(ctx, freed); err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	if err := r.Client.Delete(ctx, freed); err != nil {
		return err
	}
	// Nobody reads it again, which is what would end the memory of our last write.
	r.Client.Writes.Forget(freed, client.ObjectKeyFromObject(freed))
	return nil
}

// withdraw takes answers away that the CA needs no more, where their provider has room for one. One that is not known
// to be there, because another process put it there and may have taken it away, is tried once.
func (r *OrderReconciler) withdraw(ctx context.Context, pass *orderPass, urls []string) error {
	for _, authorization := range pass.challenges(urls) {
		err := r.Solvers.CleanUp(ctx, r.challenge(pass, authorization))
		if err != nil && worthAnotherTry(err) && pass.progress.Presented[authorization.URL] {
			return fmt.Errorf("the answer for %q is still there, and the next has no room beside it: %w", authorization.Identifier, err)
		}
		pass.progress.Withdrawn[authorization.URL], pass.progress.Cleaned[authorization.URL] = true, err == nil
	}
	pass.progress.Moved()
	return nil
}

// cleanUp takes every answer away that is there, by exact name and value, and then the finalizer.
func (r *OrderReconciler) cleanUp(ctx context.Context, pass *orderPass) error {
	now := r.Client.Now()
	if pass.progress.CleaningSince.IsZero() {
		pass.progress.CleaningSince = now
	}
	kept, err := r.credentials(ctx, pass)
	if err != nil {
		return err
	}
	failures := r.takeAway(ctx, pass, kept)
	if err := errors.Join(failures...); err != nil {
		if slices.ContainsFunc(failures, worthAnotherTry) && now.Before(pass.progress.CleaningSince.Add(cleanUpDeadline)) {
			pass.progress.Polled(time.Time{}, now)
			return outcome.WaitUntil(pass.progress.NextPoll, "CleanUpError", "%v", err)
		}
		r.tellLeftOver(ctx, pass, err.Error())
	}
	if err := r.dropCredentials(ctx, kept); err != nil {
		return err
	}
	return r.setFinalizer(ctx, pass, false)
}

// errNoTurn is an answer that a pass does not come to.
var errNoTurn = errors.New("others are taken away before it")

// takeAway takes answers away, those first that the last pass did not come to, and says why each is left that is.
func (r *OrderReconciler) takeAway(ctx context.Context, pass *orderPass, kept *corev1.Secret) []error {
	all, progress, over := pass.order.Status.Authorizations, pass.progress, r.Client.Now().Add(longestCalls)
	failures := make([]error, len(all))
	for n, first := 0, progress.CleaningFrom; n < len(all); n++ {
		i := (first + n) % len(all)
		if all[i].Challenge == nil || progress.Cleaned[all[i].URL] {
			continue
		}
		err := errNoTurn
		if !r.Client.Now().After(over) {
			err = r.takeOneAway(ctx, pass, &all[i], kept)
			progress.CleaningFrom = i + 1
		}
		if err != nil {
			failures[i] = fmt.Errorf("the answer for %q is still there: %w", all[i].Identifier, err)
		}
	}
	return slices.DeleteFunc(failures, func(err error) bool { return err == nil })
}

func (r *OrderReconciler) takeOneAway(ctx context.Context, pass *orderPass, authorization *acmev1.Authorization, kept *corev1.Secret) error {
	challenge := r.challenge(pass, authorization)
	if kept != nil {
		challenge.Kept = kept.Data
	}
	if err := r.Solvers.CleanUp(ctx, challenge); err != nil {
		return err
	}
	pass.progress.Cleaned[authorization.URL] = true
	// What is left may go as well: it is not waited for as after a failure.
	pass.progress.Moved()
	return nil
}

// tellLeftOver tells on the Order, which may go next, and on its Certificate, which is what people look at.
func (r *OrderReconciler) tellLeftOver(ctx context.Context, pass *orderPass, message string) {
	r.Events.LeftOver(pass.order, message)
	crt := &v1.Certificate{}
	name := types.NamespacedName{Namespace: pass.order.Namespace, Name: pass.order.Annotations[r.Names.Annotation.CertificateName]}
	if err := r.Client.Cached.Get(ctx, name, crt); err == nil {
		r.Events.LeftOver(crt, message)
	}
}

// worthAnotherTry says whether a clean-up that failed may succeed later: not where what it needs is gone.
func worthAnotherTry(err error) bool { return outcome.From(err).Kind != outcome.Terminal }

// setFinalizer holds the Order back as long as something of it is outside of the cluster.
func (r *OrderReconciler) setFinalizer(ctx context.Context, pass *orderPass, wanted bool) error {
	has := slices.Contains(pass.order.Finalizers, r.Names.OrderFinalizer)
	if has == wanted {
		return nil
	}
	updated := pass.order.DeepCopy()
	if wanted {
		updated.Finalizers = append(updated.Finalizers, r.Names.OrderFinalizer)
	} else {
		updated.Finalizers = slices.DeleteFunc(updated.Finalizers, func(f string) bool { return f == r.Names.OrderFinalizer })
	}
	if err := r.Client.Update(ctx, updated); err != nil {
		return err
	}
	// The answer carries the status that the API server has; the working copy may be ahead of it.
	updated.Status = pass.order.Status
	pass.order = updated
	return nil
}
