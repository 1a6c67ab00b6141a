package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/backend"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/crl"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/outcome"
	"github.com/certwright/certwright/internal/report"
	"github.com/certwright/certwright/internal/solver"
)

// IssuerReconciler checks that an Issuer or a ClusterIssuer can sign, and registers accounts. It is
// the one writer of their status.
type IssuerReconciler struct {
	// Kind is the kind that this reconciler is for; New makes an empty object of it.
	Kind    string
	New     func() v1.GenericIssuer
	Client  *kube.Client
	Secrets *kube.SecretRefs
	Signers *backend.Signers
	// Accounts registers ACME accounts.
	Accounts *backend.Accounts
	// Limits keeps accounts to the limits of their CA.
	Limits *backend.Limiters
	// Solvers knows what the solvers of ACME issuers need.
	Solvers *solver.Solvers
	// CRLs keeps the revocation lists of ca issuers.
	CRLs   *crl.CRLs
	Events report.Events
	// ClusterResourceNamespace is where the Secrets of ClusterIssuers are.
	ClusterResourceNamespace string
}

// Reconcile checks one issuer.
func (r *IssuerReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	issuer := r.New()
	err := r.Client.Get(ctx, request.NamespacedName, issuer)
	if apierrors.IsNotFound(err) || err == nil && issuer.GetDeletionTimestamp() != nil {
		r.Secrets.Keep(owner(r.Kind, request.NamespacedName))
		r.Accounts.Forget(owner(r.Kind, request.NamespacedName))
		r.CRLs.Forget(owner(r.Kind, request.NamespacedName))
		return ctrl.Result{}, nil
	}
	if err != nil {
		return report.Result(err, noTime, r.Client.Now())
	}
	status := issuer.GetStatus().DeepCopy()
	ready, waiting := r.check(ctx, issuer, status)
	if outcome.IsMomentary(waiting) || errors.Is(waiting, errNotJudged) {
		return report.Result(waiting, noTime, r.Client.Now())
	}
	status.Conditions = condition.Set(status.Conditions, r.condition(issuer, ready, waiting), r.Client.Now())
	if err := r.writeStatus(ctx, issuer, status); err != nil {
		return report.Result(err, noTime, r.Client.Now())
	}
	return report.Result(waiting, ready.until, r.Client.Now())
}

// check says why an issuer is ready, or returns what it waits for.
func (r *IssuerReconciler) check(ctx context.Context, issuer v1.GenericIssuer, status *v1.IssuerStatus) (ready, error) {
	spec := issuer.GetSpec()
	if spec.ACME == nil {
		r.Accounts.Forget(backend.IssuerOwner(issuer))
	}
	if spec.CA == nil {
		status.CA = nil
		r.CRLs.Forget(backend.IssuerOwner(issuer))
	}
	switch {
	case spec.SelfSigned != nil:
		r.Secrets.Keep(backend.IssuerOwner(issuer))
		return ready{reason: v1.ReasonIsReady, message: "The issuer signs each certificate with its own key"}, nil
	case spec.CA != nil:
		return r.checkCA(ctx, issuer, status)
	case spec.ACME != nil:
		return r.checkACME(ctx, issuer, status)
	default:
		r.Secrets.Keep(backend.IssuerOwner(issuer))
		return ready{}, outcome.Invalidf(v1.ReasonNotSupported, "issuers of this type are accepted but not supported yet: use acme, ca or selfSigned")
	}
}

// ready is the reason and message of Ready=True, and until when it holds; zero means for ever.
type ready struct {
	reason, message string
	until           time.Time
}

// errNotJudged is a failed call that says nothing about whether an issuer can sign: its status stays as it is.
var errNotJudged = errors.New("the revocation lists could not be kept")

// checkCA keeps the revocation lists up to date even where the CA cannot sign now: those of former keys go on.
func (r *IssuerReconciler) checkCA(ctx context.Context, issuer v1.GenericIssuer, status *v1.IssuerStatus) (ready, error) {
	name := secretOf(issuer, r.ClusterResourceNamespace, issuer.GetSpec().CA.SecretName)
	r.Secrets.Keep(backend.IssuerOwner(issuer), name)
	signer, unusable := r.Signers.Get(backend.IssuerOwner(issuer), name)
	if outcome.IsMomentary(unusable) {
		return ready{}, unusable
	}
	lists, err := r.CRLs.Keep(ctx, issuer, signer)
	if outcome.IsMomentary(err) || err != nil && outcome.From(err).Kind == outcome.Retry {
		return ready{}, fmt.Errorf("%w: %w", errNotJudged, err)
	}
	status.CA = lists.Status
	if unusable != nil {
		return ready{until: lists.Due}, unusable
	}
	// With any certificate above it expired, too, nobody could verify what it signs.
	until := signer.Chain.NotAfter()
	if r.Client.Now().After(until) {
		return ready{until: lists.Due}, outcome.WaitFor(v1.ReasonErrInvalidKeyPair, "the CA certificate in Secret %q, or one above it, expired at %s",
			name.Name, until.UTC().Format(timeFormat))
	}
	if err != nil {
		return ready{until: until}, err
	}
	message := fmt.Sprintf("The CA in Secret %q signs until %s", name.Name, until.UTC().Format(timeFormat))
	if lists.Remark != "" {
		message += "; " + lists.Remark
	}
	if !lists.Due.IsZero() && lists.Due.Before(until) {
		until = lists.Due
	}
	return ready{reason: v1.ReasonKeyPairVerified, until: until, message: message}, nil
}

func (r *IssuerReconciler) checkACME(ctx context.Context, issuer v1.GenericIssuer, status *v1.IssuerStatus) (ready, error) {
	r.Accounts.KeepSecrets(issuer)
	if err := r.Solvers.CheckSettings(r.solvers(issuer)); err != nil {
		return ready{}, err
	}
	account, err := r.Accounts.Ensure(ctx, issuer, status.ACME)
	if err != nil {
		return ready{}, err
	}
	if status.ACME == nil || status.ACME.URI != account.URI {
		if err := r.Limits.Registered(ctx, issuer.GetSpec().ACME.Server, account.URI); err != nil {
			return ready{}, err
		}
	}
	status.ACME = account
	remark, err := r.Accounts.Describe(ctx, issuer, account)
	if err != nil {
		return ready{}, err
	}
	goOn, err := r.Accounts.RollOver(ctx, issuer, account)
	if err != nil {
		return ready{}, err
	}
	if goOn.IsZero() {
		goOn = r.Client.Now().Add(backend.OfferRefresh)
	}
	return ready{reason: v1.ReasonACMEAccountRegistered, message: "The account is registered at the CA" + remark, until: goOn}, nil
}

func (r *IssuerReconciler) solvers(issuer v1.GenericIssuer) solver.IssuerSolvers {
	of := solver.IssuerSolvers{
		Owner: backend.IssuerOwner(issuer), SecretNamespace: issuer.GetNamespace(), Solvers: issuer.GetSpec().ACME.Solvers,
	}
	if of.SecretNamespace == "" {
		of.OfClusterIssuer, of.SecretNamespace = true, r.ClusterResourceNamespace
	}
	return of
}

func (r *IssuerReconciler) condition(issuer v1.GenericIssuer, ready ready, err error) v1.Condition {
	result := v1.Condition{
		Type: v1.ConditionReady, Status: metav1.ConditionTrue, Reason: ready.reason, Message: ready.message,
		ObservedGeneration: issuer.GetGeneration(),
	}
	if failure := outcome.From(err); failure != nil {
		result.Status, result.Reason, result.Message = metav1.ConditionFalse, failure.Reason, failure.Message
	}
	return result
}

func (r *IssuerReconciler) writeStatus(ctx context.Context, issuer v1.GenericIssuer, status *v1.IssuerStatus) error {
	if equality.Semantic.DeepEqual(*issuer.GetStatus(), *status) {
		return nil
	}
	updated := r.New()
	copyIssuer(issuer, updated)
	*updated.GetStatus() = *status
	if err := r.Client.UpdateStatus(ctx, updated); err != nil {
		return err
	}
	if ready := condition.Get(status.Conditions, v1.ConditionReady); ready.Status == metav1.ConditionFalse {
		r.Events.Refused(updated, ready.Reason, ready.Message)
	}
	return nil
}

func copyIssuer(from, to v1.GenericIssuer) {
	switch from := from.(type) {
	case *v1.Issuer:
		from.DeepCopyInto(to.(*v1.Issuer))
	case *v1.ClusterIssuer:
		from.DeepCopyInto(to.(*v1.ClusterIssuer))
	}
}
