package controllers

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/certwright/certwright/api"
	"github.com/certwright/certwright/internal/issued"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/report"
)

// IssuedRecordReconciler drops certificates that have expired from the Secrets that remember what was issued, and
// such a Secret with the last of them. The certificate reconciler puts them in.
type IssuedRecordReconciler struct {
	Names  api.Names
	Client *kube.Client
}

// Reconcile looks at one Secret, now and when the next certificate in it expires.
func (r *IssuedRecordReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	secret := &corev1.Secret{}
	err := r.Client.Get(ctx, request.NamespacedName, secret)
	if apierrors.IsNotFound(err) || err == nil && secret.DeletionTimestamp != nil {
		return report.Result(nil, noTime, r.Client.Now())
	}
	if err != nil {
		return report.Result(err, noTime, r.Client.Now())
	}
	pruned := secret.DeepCopy()
	changed, next := issued.Kept(pruned.Data).Prune(r.Client.Now())
	switch {
	case next.IsZero() && len(secret.Finalizers) == 0:
		err = r.Client.Delete(ctx, secret)
	case changed:
		err = r.Client.Update(ctx, pruned)
	}
	return report.Result(err, next, r.Client.Now())
}
