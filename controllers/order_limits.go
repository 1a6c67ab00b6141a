package controllers

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/issuance"
	"github.com/certwright/certwright/internal/limiter"
)

// counted is an order as the limits of its account count it. replaces identifies what the CA takes it to
// replace, empty if nothing.
func (r *OrderReconciler) counted(ctx context.Context, pass *orderPass, replaces string) limiter.Order {
	spec, keys := &pass.order.Spec, r.Names.Annotation
	order := limiter.Order{
		Set:    limiter.SetOf(slices.Concat(spec.DNSNames, spec.IPAddresses)),
		Forced: pass.order.Annotations[keys.ACME.IgnoreLimits] == "true",
	}
	crt := &v1.Certificate{}
	name := types.NamespacedName{Namespace: pass.order.Namespace, Name: pass.order.Annotations[keys.CertificateName]}
	order.Replaces = replaces != "" && r.RenewalInfos.InWindow(ctx, pass.client, name, replaces)
	if err := r.Client.Cached.Get(ctx, name, crt); err != nil {
		// An order that was not made for a Certificate has no more to say.
		return order
	}
	order.Forced = order.Forced || crt.Annotations[keys.ACME.IgnoreLimits] == "true"
	if from, until := crt.Status.NotBefore, crt.Status.NotAfter; from != nil && until != nil {
		order.PastBackstop = issuance.PastBackstop(from.Time, until.Time, r.Client.Now())
	}
	return order
}

// orderOf is the Order under way for a Certificate: an annotation there may lift its limits.
func orderOf(_ context.Context, object client.Object) []reconcile.Request {
	crt, ok := object.(*v1.Certificate)
	if !ok || crt.Status.Issuance == nil || crt.Status.Issuance.RequestName == "" {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: crt.Namespace, Name: crt.Status.Issuance.RequestName}}}
}
