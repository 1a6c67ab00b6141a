package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/pki"
)

// shortLife is the lifetime of the certificates that stand for those of six days. The CA suggests to renew them at
// once, and the operator uses them for a quarter of their life at least.
const shortLife = 40 * time.Second

// renewAsSuggested waits until the short-lived certificate is renewed because the CA suggests it, and proves that
// it is another one. After that it would go on every few seconds, and so its Certificate is deleted.
func (w *world) renewAsSuggested(ctx context.Context) error {
	w.out.say("Waiting until %s, which lives for %s here, is renewed as its CA suggests (RFC 9773).", shortLived.name, shortLife)
	crt := &v1.Certificate{}
	if err := w.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: shortLived.name}, crt); err != nil {
		return err
	}
	if ari := suggestion(crt); ari != nil {
		w.row("  suggested", "%s to %s, because of %s", ari.SuggestedWindow.Start.UTC().Format(time.RFC3339),
			ari.SuggestedWindow.End.UTC().Format(time.RFC3339), ari.ExplanationURL)
	}
	renewed := func(crt *v1.Certificate) bool { return hasRevision(crt, 2) && suggestion(crt) != nil }
	if err := w.await(ctx, "the renewal of "+shortLived.name, renewed, shortLived); err != nil {
		return err
	}
	if err := w.verify(ctx, shortLived); err != nil {
		return fmt.Errorf("verifying %s after its renewal: %w", shortLived.name, err)
	}
	return w.shell(ctx, "kubectl delete certificate "+shortLived.name)
}

func suggestion(crt *v1.Certificate) *v1.ARIStatus {
	if crt.Status.ACME == nil || crt.Status.ACME.ARI == nil || crt.Status.ACME.ARI.SuggestedWindow == nil {
		return nil
	}
	return crt.Status.ACME.ARI
}

// revoke has the ACME certificate revoked for its key, and proves that the CA took it and that the Secret holds
// another certificate with another key before that.
func (w *world) revoke(ctx context.Context) error {
	w.out.say("Revoking the certificate of %s, as if its key had got into the wrong hands.", byACME.name)
	before, err := w.chain(ctx, byACME)
	if err != nil {
		return err
	}
	if err := w.shell(ctx, "kubectl apply -f config/samples/revocation.yaml"); err != nil {
		return err
	}
	if err := w.await(ctx, "the replacement of "+byACME.name, func(crt *v1.Certificate) bool { return hasRevision(crt, 2) }, byACME); err != nil {
		return err
	}
	if err := w.shell(ctx, "kubectl wait --for=condition=Ready --timeout=60s certificaterevocation/www-key-compromised"); err != nil {
		return err
	}
	after, err := w.chain(ctx, byACME)
	if err != nil {
		return err
	}
	if before.Leaf().SerialNumber.Cmp(after.Leaf().SerialNumber) == 0 || pki.PublicKeysEqual(before.Leaf().PublicKey, after.Leaf().PublicKey) {
		return errors.New("the Secret holds the certificate or the key that was revoked")
	}
	for _, each := range []struct {
		what, want string
		leaf       *x509.Certificate
	}{{"revoked", "Revoked", before.Leaf()}, {"in its place", "Valid", after.Leaf()}} {
		status, err := w.ca.Status(ctx, each.leaf)
		if err != nil {
			return err
		}
		if status != each.want {
			return fmt.Errorf("the CA says that the certificate %x is %s, not %s", each.leaf.SerialNumber, status, each.want)
		}
		w.row("  "+each.what, "serial %x: Pebble says %s", each.leaf.SerialNumber, status)
	}
	return nil
}
