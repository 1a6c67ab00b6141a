package backend

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certwright/certwright/api"
	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/orderflow"
	"github.com/certwright/certwright/internal/outcome"
	"github.com/certwright/certwright/internal/pki"
)

// ACME makes an Order of the request's name, and answers with what the Order ends with.
type ACME struct {
	Names  api.Names
	Client *kube.Client
}

// ReasonOrderPending is the wait for an Order.
const ReasonOrderPending = "OrderPending"

// Concluded implements Concluder: an Order that is over needs nobody any more.
func (b *ACME) Concluded(ctx context.Context, request *v1.CertificateRequest) (*Issued, error) {
	order := &acmev1.Order{}
	err := b.Client.Get(ctx, types.NamespacedName{Namespace: request.Namespace, Name: request.Name}, order)
	if apierrors.IsNotFound(err) || err == nil && (!metav1.IsControlledBy(order, request) || !order.Status.State.IsFinal()) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return answer(order, b.Client.Now())
}

// Issue implements Backend.
func (b *ACME) Issue(ctx context.Context, request Request) (*Issued, error) {
	order := &acmev1.Order{}
	name := types.NamespacedName{Namespace: request.Object.Namespace, Name: request.Object.Name}
	err := b.Client.Get(ctx, name, order)
	if apierrors.IsNotFound(err) {
		return nil, b.create(ctx, request)
	}
	if err != nil {
		return nil, err
	}
	if !metav1.IsControlledBy(order, request.Object) {
		return nil, outcome.Terminalf(outcome.ClassLocal, v1.ReasonFailed, "an Order of the name %q exists and is not this request's", name.Name)
	}
	return answer(order, request.Now)
}

func answer(order *acmev1.Order, now time.Time) (*Issued, error) {
	status := &order.Status
	switch {
	case status.State == acmev1.Valid:
		return &Issued{Chain: status.Certificate}, nil
	case status.State.IsFailure():
		failure := outcome.Terminalf(outcome.ClassRefused, v1.ReasonFailed, "the order failed: %s", status.Reason)
		if status.Error != nil {
			failure.Type, failure.URL = status.Error.Type, status.Error.URL
		}
		return nil, failure
	case status.Reason != "":
		return nil, pending(order, now)
	default:
		return nil, outcome.WaitFor(ReasonOrderPending, "waiting for Order %q", order.Name)
	}
}

// pending is the wait for an Order that says what it waits for, and where its CA asked for that, until when. Type is
// what holds the order up, if anything does, and At when the CA is asked again, as long as that is ahead.
func pending(order *acmev1.Order, now time.Time) *outcome.Error {
	status := &order.Status
	waiting := outcome.WaitFor(ReasonOrderPending, "Order %q: %s", order.Name, status.Reason)
	if until := status.NextAttemptTime; until != nil {
		waiting.Message += "; the CA is asked again at " + until.UTC().Format(time.RFC3339)
	}
	if status.Error == nil {
		return waiting
	}
	waiting.Type, waiting.URL = status.Error.Type, status.Error.URL
	if until := status.NextAttemptTime; until != nil && until.After(now) {
		waiting.At = until.Time
	}
	return waiting
}

func (b *ACME) create(ctx context.Context, request Request) error {
	spec, err := orderSpec(request)
	if err != nil {
		return err
	}
	if SuggestsRenewal(request.Issuer.GetSpec()) {
		if spec.Replaces, err = b.predecessor(ctx, request); err != nil {
			return err
		}
	}
	order := &acmev1.Order{
		ObjectMeta: metav1.ObjectMeta{
			Name: request.Object.Name, Namespace: request.Object.Namespace,
			Labels: request.Object.Labels, Annotations: request.Object.Annotations,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(request.Object, b.Names.GroupVersion.WithKind(v1.CertificateRequestKind))},
		},
		Spec: spec,
	}
	done := b.Client.Writes.Creating(order, types.NamespacedName{Namespace: order.Namespace, Name: order.Name})
	defer done()
	err = b.Client.Create(ctx, order)
	if apierrors.IsAlreadyExists(err) {
		return outcome.WaitFor(ReasonOrderPending, "waiting for the watch to show Order %q", order.Name)
	}
	if err != nil {
		return fmt.Errorf("creating Order %q: %w", order.Name, err)
	}
	b.Client.Writes.RememberCreated(order.UID)
	return outcome.WaitFor(ReasonOrderPending, "waiting for Order %q", order.Name)
}

// orderSpec asks for exactly the names of the request (RFC 8555 section 7.4).
func orderSpec(request Request) (acmev1.OrderSpec, error) {
	csr, issuer := request.CSR, request.Issuer.GetSpec().ACME
	spec := acmev1.OrderSpec{
		IssuerRef:   request.Object.Spec.IssuerRef,
		Request:     request.Object.Spec.Request,
		CommonName:  csr.CommonName,
		DNSNames:    csr.DNSNames,
		IPAddresses: csr.IPAddresses,
		Profile:     issuer.Profile,
	}
	if issuer.EnableDurationFeature {
		spec.Duration = request.Object.Spec.Duration
	}
	switch {
	case len(csr.URIs)+len(csr.EmailAddresses)+len(csr.OtherNames) > 0:
		return spec, outcome.Invalidf(v1.ReasonInvalidSpec, "ACME signs DNS names and IP addresses only: take the URIs, e-mail addresses and other names out")
	case len(spec.DNSNames)+len(spec.IPAddresses) == 0:
		return spec, outcome.Invalidf(v1.ReasonInvalidSpec, "ACME needs a name: set dnsNames or ipAddresses")
	case request.Object.Spec.IsCA:
		return spec, outcome.Invalidf(v1.ReasonInvalidSpec, "ACME does not sign CA certificates: set isCA to false")
	}
	return spec, commonNameIsOrdered(spec, csr)
}

func commonNameIsOrdered(spec acmev1.OrderSpec, csr *pki.Request) error {
	if csr.CommonName == "" || orderflow.HasName(spec.DNSNames, csr.CommonName) || orderflow.HasName(spec.IPAddresses, csr.CommonName) {
		return nil
	}
	return outcome.Invalidf(v1.ReasonInvalidSpec, "the common name %q must be one of dnsNames or ipAddresses", csr.CommonName)
}
