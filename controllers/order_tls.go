package controllers

import (
	"context"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/orderflow"
)

// pollTLS asks for the TLS-ALPN-01 challenges that the CA was told to look at, while the order waits until other answers
// can be seen.
func (r *OrderReconciler) pollTLS(ctx context.Context, pass *orderPass) error {
	for i := range pass.order.Status.Authorizations {
		authorization := &pass.order.Status.Authorizations[i]
		before := pass.progress.Authorizations[authorization.URL]
		if !isTLS(authorization) || before == nil || before.Status != acme.AuthorizationPending {
			continue
		}
		if !pass.progress.Accepted[authorization.URL] && !orderflow.Begun(before, authorization.Challenge) {
			continue
		}
		seen, err := pass.client.FetchAuthorization(ctx, pass.account, authorization.URL)
		if err != nil {
			return err
		}
		pass.progress.Authorizations[authorization.URL] = seen
		if seen.Status != before.Status {
			pass.progress.Moved()
		}
	}
	return r.releaseHosts(ctx, pass)
}

// releaseHosts writes down which TLS-ALPN-01 challenges the CA has validated, where the order waits for others: the
// TLSRoute of a host takes all of its connections, and has to go as soon as it can.
func (r *OrderReconciler) releaseHosts(ctx context.Context, pass *orderPass) error {
	waits, released := false, false
	for i := range pass.order.Status.Authorizations {
		authorization := &pass.order.Status.Authorizations[i]
		seen := pass.progress.Authorizations[authorization.URL]
		if seen == nil || seen.Status != acme.AuthorizationValid {
			waits = true
			continue
		}
		if isTLS(authorization) && authorization.State != acmev1.Valid {
			authorization.State, released = acmev1.Valid, true
		}
	}
	if !waits || !released {
		return nil
	}
	return r.writeStatus(ctx, pass)
}

func isTLS(authorization *acmev1.Authorization) bool {
	return authorization.Challenge != nil && authorization.Challenge.Type == acmev1.TLSALPN01
}
