package controllers

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/certwright/certwright/internal/acme"
)

// abandon gives up the authorizations that an order leaves pending (RFC 8555 section 7.5.2). It is a
// courtesy to the CA and to the next order: a CA that does not take it drops them in time.
func (r *OrderReconciler) abandon(ctx context.Context, pass *orderPass, urls []string) error {
	pass.progress.Abandoned = true
	if pass.client != nil {
		giveUp(ctx, pass.client, pass.account, urls)
	}
	return nil
}

// vanished forgets an Order that is gone, and gives up what it left pending at the CA.
func (r *OrderReconciler) vanished(ctx context.Context, name types.NamespacedName) {
	held := r.forget(name)
	if held != nil && held.client != nil && !held.Abandoned {
		giveUp(ctx, held.client, held.account, held.Pending())
	}
}

func giveUp(ctx context.Context, client *acme.Client, account acme.Account, urls []string) {
	for _, url := range urls {
		if _, err := client.DeactivateAuthorization(ctx, account, url); err != nil {
			logf.FromContext(ctx).V(1).Info("The CA keeps an authorization that is not needed any more", "authorization", url, "error", err.Error())
			return
		}
	}
}
