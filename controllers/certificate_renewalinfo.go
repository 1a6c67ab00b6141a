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

// renewalInfo asks the CA that the certificate in the target Secret came from about it, if it is the CA of an issuer
// that the Certificate names.
func (r *CertificateReconciler) renewalInfo(ctx context.Context, snapshot *issuance.Snapshot, issuers []v1.GenericIssuer) *issuance.RenewalInfo {
	signed := snapshot.SignedBy()
	if signed < 0 || !snapshot.IssuerOf(issuance.Candidates(snapshot.Certificate)[signed]).SuggestsRenewal {
		return nil
	}
	chain, err := pki.ParseChain(snapshot.Secret.Data[corev1.TLSCertKey], pki.MaxChainBytes)
	if err != nil {
		return nil
	}
	return r.RenewalInfos.Get(ctx, snapshot.Certificate, issuers[signed], chain.Leaf())
}

// suggest asks the CA about a certificate that has just been stored, and puts the answer into the plan's
// status. Without one in time, a later pass asks again.
func (r *CertificateReconciler) suggest(ctx context.Context, snapshot *issuance.Snapshot, plan *issuance.Plan) {
	if !snapshot.IssuerOf(plan.Issuer).SuggestsRenewal {
		return
	}
	crt := snapshot.Certificate
	issuer, err := getIssuer(ctx, r.Client, plan.Issuer.WithDefaults(r.Names), crt.Namespace)
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, suggestTimeout)
	defer cancel()
	if info := r.RenewalInfos.Get(ctx, crt, issuer, plan.Pair.Chain.Leaf()); info != nil {
		issuance.Suggested(snapshot, plan, info)
	}
}
