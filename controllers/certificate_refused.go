package controllers

import (
	"context"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/issuance"
	"github.com/certwright/certwright/internal/outcome"
)

// explain tells on the Certificate why a plan could not be carried out. An attempt that could not be
// made is over, and the next one comes later and later: its number is in the status already, whose
// write alone would bring us back at once. Anything else waits for a person.
func (r *CertificateReconciler) explain(ctx context.Context, snapshot *issuance.Snapshot, plan *issuance.Plan, err error) error {
	refused := refusal(err, plan.Action == issuance.Begin)
	if refused == nil {
		return err
	}
	begun, obsolete := plan.Action == issuance.Begin, plan.Obsolete
	if begun {
		*plan = issuance.Abandon(snapshot, plan, refused)
		plan.Obsolete = obsolete
	} else {
		*plan = issuance.Refuse(snapshot, refused.Reason, refused.Message)
	}
	if err := r.writeStatus(ctx, snapshot, plan); err != nil {
		return err
	}
	if begun {
		return r.tidy(ctx, snapshot, plan)
	}
	return err
}

// refusal is what an error says that trying again at once does not change, nil for others: an object
// that a person has to edit, or an API server that refuses a write. With anyAnswer, one that may only be
// in trouble counts too.
func refusal(err error, anyAnswer bool) *outcome.Error {
	var own *outcome.Error
	if errors.As(err, &own) {
		if own.Kind != outcome.Invalid {
			return nil
		}
		return own
	}
	var answer apierrors.APIStatus
	if !errors.As(err, &answer) {
		return nil
	}
	forGood := apierrors.IsInvalid(err) || apierrors.IsForbidden(err) || apierrors.IsBadRequest(err) || apierrors.IsRequestEntityTooLargeError(err)
	if !forGood && !anyAnswer {
		return nil
	}
	return outcome.Retryable(v1.ReasonWriteRefused, err)
}
