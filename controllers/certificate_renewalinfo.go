package controllers

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/issuance"
	"github.com/certwright/certwright/internal/pki"
)

// suggestTimeout is how long the report of a new certificate waits for what its CA says about it.
const suggestTimeout = 3 * time.Second

// renewalInfo asks the CA about the certificate in the target Secret, if that is the CA it came from.
func (r *CertificateReconciler) renewalInfo(ctx context.Context, snapshot *issuance.Snapshot, issuer v1.GenericIssuer) *issuance.RenewalInfo {
	if !snapshot.Issuer.SuggestsRenewal || snapshot.Secret == nil || !snapshot.CameFromIssuer() {
		return nil
	}
	chain, err := pki.ParseChain(snapshot.Secret.Data[corev1.TLSCertKey], pki.MaxChainBytes)
	if err != nil {
		return nil
	}
	return r.RenewalInfos.Get(ctx, snapshot.Certificate, issuer, chain.Leaf())
}

// suggest asks the CA about a certificate that has just been stored, and puts the answer into the plan's
// status. Without one in time, a later pass asks again.
func (r *CertificateReconciler) suggest(ctx context.Context, snapshot *issuance.Snapshot, plan *issuance.Plan) {
	if !snapshot.Issuer.SuggestsRenewal {
		return
	}
	crt := snapshot.Certificate
	issuer, err := getIssuer(ctx, r.Client, crt.Spec.IssuerRef.WithDefaults(r.Names), crt.Namespace)
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, suggestTimeout)
	defer cancel()
	if info := r.RenewalInfos.Get(ctx, crt, issuer, plan.Pair.Chain.Leaf()); info != nil {
		issuance.Suggested(snapshot, plan, info)
	}
}
