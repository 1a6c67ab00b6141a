package controllers

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/orderflow"
	"github.com/certwright/certwright/internal/outcome"
	"github.com/certwright/certwright/internal/pki"
)

// create makes the order at the CA (RFC 8555 section 7.4) and writes its URL down at once: it is the
// only way back to it.
func (r *OrderReconciler) create(ctx context.Context, pass *orderPass) error {
	request, err := orderRequest(pass.order)
	if err != nil {
		return err
	}
	order := pass.progress.Order
	if order == nil {
		if err := r.keyIsSteady(pass); err != nil {
			return err
		}
		if err := r.awaitTurn(ctx, pass); err != nil {
			return err
		}
		if order, err = r.order(ctx, pass, request); err != nil {
			return err
		}
		// Should the write fail, the next pass finds the order here and makes no other.
		pass.progress.Order = order
	}
	status := &pass.order.Status
	status.URL, status.FinalizeURL, status.AccountURL = order.URL, order.Finalize, pass.account.URL
	status.State, status.NextAttemptTime, status.Reason, status.Error = stateOf(order.Status), nil, "", nil
	if !order.Expires.IsZero() {
		expires := metav1.NewTime(order.Expires)
		status.Expires = &expires
	}
	return r.writeStatus(ctx, pass)
}

// order makes the order at the CA, if its account may make one now. A CA that does not take it as the renewal
// of what it replaces is asked for the same as a new certificate.
func (r *OrderReconciler) order(ctx context.Context, pass *orderPass, request acme.OrderRequest) (*acme.Order, error) {
	order, err := r.orderOnce(ctx, pass, request)
	if request.Replaces != "" && acme.IsReplacesRefusal(err) {
		request.Replaces = ""
		return r.orderOnce(ctx, pass, request)
	}
	return order, err
}

func (r *OrderReconciler) orderOnce(ctx context.Context, pass *orderPass, request acme.OrderRequest) (*acme.Order, error) {
	permit, err := r.Limits.Ask(ctx, pass.issuer, pass.order.UID, r.counted(ctx, pass, request.Replaces))
	if err != nil {
		return nil, err
	}
	defer permit.Release()
	order, err := pass.client.NewOrder(ctx, pass.account, request)
	if err == nil {
		permit.Ordered()
	}
	return order, err
}

// keyIsSteady is a Wait while the account's key changes: answers that the old one signed would be worth
// nothing after it. The issuer's status, written when it is done, ends it.
func (r *OrderReconciler) keyIsSteady(pass *orderPass) error {
	if r.Accounts.Rolling(pass.issuer) {
		return outcome.WaitFor(v1.ReasonIssuerNotReady, "waiting for the key of the account to be changed")
	}
	return nil
}

func orderRequest(order *acmev1.Order) (acme.OrderRequest, error) {
	request := acme.OrderRequest{Profile: order.Spec.Profile, Replaces: order.Spec.Replaces}
	for _, name := range order.Spec.DNSNames {
		normalized, err := pki.NormalizeDNSName(name)
		if err != nil {
			return request, outcome.Terminalf(outcome.ClassRefused, "InvalidOrder", "%v", err)
		}
		request.Identifiers = append(request.Identifiers, acme.DNSIdentifier(normalized))
	}
	for _, text := range order.Spec.IPAddresses {
		address, err := netip.ParseAddr(text)
		if err != nil {
			return request, outcome.Terminalf(outcome.ClassRefused, "InvalidOrder", "%q is not an IP address", text)
		}
		request.Identifiers = append(request.Identifiers, acme.IPIdentifier(address))
	}
	if order.Spec.Duration != nil {
		request.NotAfter = order.CreationTimestamp.Add(order.Spec.Duration.Duration).UTC()
	}
	return request, nil
}

func stateOf(status acme.OrderStatus) acmev1.State {
	switch status {
	case acme.OrderReady:
		return acmev1.Ready
	case acme.OrderProcessing, acme.OrderValid:
		return acmev1.Processing
	default:
		return acmev1.Pending
	}
}

// read reads the order at the CA (RFC 8555 section 7.1.3).
func (r *OrderReconciler) read(ctx context.Context, pass *orderPass) error {
	order, err := pass.client.FetchOrder(ctx, pass.account, pass.order.Status.URL)
	if err != nil {
		return err
	}
	return r.saw(pass, order)
}

// saw takes note of an order as the CA describes it now. Its names and its authorizations never change (RFC 8555
// section 7.1.3); an answer that leaves them out says nothing of them.
func (r *OrderReconciler) saw(pass *orderPass, order *acme.Order) error {
	before, whole := pass.progress.Order, len(order.Identifiers) > 0 && len(order.Authorizations) > 0
	if before != nil && whole && order.Contradicts(before) {
		return outcome.Terminalf(outcome.ClassRefused, "OrderChanged",
			"the CA changed the names or the authorizations of the order, which it must not: the order is given up")
	}
	if !whole && before != nil {
		order.Identifiers, order.Authorizations = before.Identifiers, before.Authorizations
	}
	changed := pass.progress.Order == nil || pass.progress.Order.Status != order.Status
	pass.progress.Order = order
	pass.order.Status.State = stateOf(order.Status)
	if changed {
		pass.progress.Moved()
	}
	if !changed || order.Status == acme.OrderPending || order.Status == acme.OrderProcessing {
		pass.progress.Polled(order.RetryAfter, r.Client.Now())
	}
	return nil
}

// poll reads authorizations (RFC 8555 section 7.5.1).
func (r *OrderReconciler) poll(ctx context.Context, pass *orderPass, urls []string) error {
	changed := false
	var last *acme.Authorization
	for _, url := range urls {
		authorization, err := pass.client.FetchAuthorization(ctx, pass.account, url)
		if err != nil {
			return err
		}
		before := pass.progress.Authorizations[url]
		changed = changed || before == nil || before.Status != authorization.Status
		pass.progress.Authorizations[url] = authorization
		last = authorization
	}
	if changed {
		pass.progress.Moved()
		return r.releaseHosts(ctx, pass)
	}
	pass.progress.Polled(last.RetryAfter, r.Client.Now())
	return nil
}

// finalize hands in the certificate request (RFC 8555 section 7.4).
func (r *OrderReconciler) finalize(ctx context.Context, pass *orderPass) error {
	block, _ := pem.Decode(pass.order.Spec.Request)
	if block == nil {
		return outcome.Terminalf(outcome.ClassRefused, "InvalidOrder", "spec.request is not PEM")
	}
	order, err := pass.client.Finalize(ctx, pass.account, pass.progress.Order, block.Bytes)
	if acme.IsProblem(err, acme.TypeOrderNotReady) {
		// Another process may have finalized it before us: what the order says now goes on.
		return r.read(ctx, pass)
	}
	if err != nil {
		return err
	}
	return r.saw(pass, order)
}

// download fetches the chain (RFC 8555 section 7.4.2) and writes it down.
func (r *OrderReconciler) download(ctx context.Context, pass *orderPass) error {
	certificate, err := pass.client.FetchCertificate(ctx, pass.account, pass.progress.Order.Certificate)
	if err != nil {
		return err
	}
	chain, err := r.preferred(ctx, pass, certificate)
	if err != nil {
		return err
	}
	if err := fits(chain, pass.order); err != nil {
		return err
	}
	r.Limits.Issued(pass.issuer, r.counted(ctx, pass, pass.progress.Order.Replaces), pass.order.Status.URL)
	status := &pass.order.Status
	status.Certificate, status.State, status.Reason, status.NextAttemptTime, status.Error = chain.PEM(), acmev1.Valid, "", nil, nil
	return r.writeStatus(ctx, pass)
}

// preferred is the first chain, the CA's own choice before its alternates, whose root-most
// certificate was issued by the name that the issuer prefers; without a match, the CA's choice.
func (r *OrderReconciler) preferred(ctx context.Context, pass *orderPass, certificate *acme.Certificate) (pki.Chain, error) {
	first, err := parseChain(certificate)
	preference := pass.issuer.GetSpec().ACME.PreferredChain
	if err != nil || preference == "" || endsAt(first, preference) {
		return first, err
	}
	for _, url := range certificate.Alternates {
		alternate, err := pass.client.FetchAlternate(ctx, pass.account, url)
		if err != nil {
			return nil, err
		}
		chain, err := parseChain(alternate)
		if err == nil && endsAt(chain, preference) {
			return chain, nil
		}
	}
	return first, nil
}

func parseChain(certificate *acme.Certificate) (pki.Chain, error) {
	chain, err := pki.ParseChain(certificate.PEM, pki.MaxChainBytes)
	if err != nil {
		// What is wrong with it may quote what it holds: that goes no further than the log.
		failure := outcome.Terminalf(outcome.ClassRefused, "InvalidCertificate", "the CA's certificate cannot be used: it is no chain of certificates that can be read")
		failure.Err = err
		return nil, failure
	}
	return chain, nil
}

func endsAt(chain pki.Chain, issuer string) bool {
	return chain[len(chain)-1].Issuer.CommonName == issuer
}

// fits refuses a certificate for another key than the request's.
func fits(chain pki.Chain, order *acmev1.Order) error {
	csr, err := pki.ReadRequest(order.Spec.Request)
	if err == nil && !pki.PublicKeysEqual(chain.Leaf().PublicKey, csr.PublicKey) {
		err = fmt.Errorf("the CA's certificate is for another key than the request's")
	}
	if err != nil {
		return outcome.Terminalf(outcome.ClassLocal, "InvalidCertificate", "%v", err)
	}
	return nil
}

// authorize reads the authorizations, chooses a challenge for each that is pending, and writes the
// answers down before any of them is put in place.
func (r *OrderReconciler) authorize(ctx context.Context, pass *orderPass) error {
	if err := r.keyIsSteady(pass); err != nil {
		return err
	}
	authorizations := make([]acmev1.Authorization, 0, len(pass.progress.Order.Authorizations))
	for _, url := range pass.progress.Order.Authorizations {
		seen, err := pass.client.FetchAuthorization(ctx, pass.account, url)
		if err != nil {
			return err
		}
		pass.progress.Authorizations[url] = seen
		authorization, err := r.describeAuthorization(ctx, pass, url, seen)
		if err != nil {
			return err
		}
		authorizations = append(authorizations, authorization)
	}
	if len(authorizations) == 0 {
		return outcome.Terminalf(outcome.ClassRefused, "InvalidOrder", "the CA's order is pending and has no authorizations")
	}
	pass.order.Status.Authorizations = authorizations
	return r.writeStatus(ctx, pass)
}

// offersKept bounds how many of a CA's offers are written down; none has more than a handful.
const offersKept = 32

func (r *OrderReconciler) describeAuthorization(ctx context.Context, pass *orderPass, url string, seen *acme.Authorization) (acmev1.Authorization, error) {
	wildcard := seen.Wildcard
	result := acmev1.Authorization{
		URL: url, Identifier: seen.Identifier.Value, Wildcard: &wildcard,
		InitialState: authorizationState(seen.Status), State: authorizationState(seen.Status),
	}
	if !seen.Expires.IsZero() {
		expires := metav1.NewTime(seen.Expires)
		result.Expires = &expires
	}
	offered := []acmev1.ChallengeType{}
	for _, challenge := range seen.Challenges[:min(len(seen.Challenges), offersKept)] {
		offered = append(offered, acmev1.ChallengeType(challenge.Type))
		result.Challenges = append(result.Challenges, acmev1.OfferedChallenge{
			Type: acmev1.ChallengeType(challenge.Type), URL: challenge.URL, Token: challenge.Token,
		})
	}
	if seen.Status != acme.AuthorizationPending {
		return result, nil
	}
	name := seen.Identifier.Value
	if seen.Wildcard {
		name = "*." + name
	}
	solver := orderflow.Choose(pass.issuer.GetSpec().ACME.Solvers, name, pass.order.Labels, offered)
	if solver == nil {
		return result, nil
	}
	var err error
	result.Challenge, err = r.answerTo(ctx, seen, solver, pass)
	if err == nil && result.Challenge.Type.IsWritten() {
		result.Challenge.RecordName, err = r.Solvers.RecordName(ctx, r.challenge(pass, &result))
	}
	if err == nil && (result.Challenge.Type == acmev1.HTTP01 || result.Challenge.Type == acmev1.TLSALPN01) {
		result.Challenge.AnsweredBy, err = r.Routing.Mode(pass.order, solver)
	}
	return result, err
}

// answerTo makes the answer to the challenge that a solver is for (RFC 8555 section 8.1).
func (r *OrderReconciler) answerTo(ctx context.Context, seen *acme.Authorization, solver *v1.ACMESolver, pass *orderPass) (*acmev1.ChallengeProgress, error) {
	challenge, _ := seen.Challenge(acme.ChallengeType(orderflow.TypeOf(solver)))
	if solver.DNSPersist01 != nil {
		return r.persistentAnswer(ctx, challenge, seen.Identifier.Value, solver, pass)
	}
	answer, err := acme.KeyAuthorization(challenge.Token, pass.account.Key)
	if err != nil {
		return nil, outcome.Terminalf(outcome.ClassRefused, "InvalidChallenge", "the CA's challenge for %q cannot be answered: %v", seen.Identifier.Value, err)
	}
	now := metav1.NewTime(r.Client.Now())
	return &acmev1.ChallengeProgress{
		Type: orderflow.TypeOf(solver), URL: challenge.URL, Token: challenge.Token, KeyAuthorization: answer,
		Solver: solver.DeepCopy(), State: acmev1.Pending, Presented: true, PresentedAt: &now,
	}, nil
}

// persistentAnswer is the record that somebody has to publish for a challenge, if it is not there already
// (draft-ietf-acme-dns-persist).
func (r *OrderReconciler) persistentAnswer(ctx context.Context, challenge *acme.Challenge, domain string, solver *v1.ACMESolver, pass *orderPass) (*acmev1.ChallengeProgress, error) {
	directory, err := pass.client.FetchDirectory(ctx)
	if err != nil {
		return nil, err
	}
	value, err := "", errors.New("it does not say which records it accepts")
	if challenge.Persist != nil {
		var record acme.PersistRecord
		record, err = challenge.Persist.Record(&directory.Meta, pass.account, acme.PersistRequest{
			Domain: domain, Issuer: solver.DNSPersist01.IssuerDomainName, Wildcard: orderflow.HasName(pass.order.Spec.DNSNames, "*."+domain), Reusable: true,
		})
		if err == nil {
			value, err = record.Value()
		}
	}
	if err != nil {
		return nil, outcome.Terminalf(outcome.ClassRefused, "InvalidChallenge", "the CA's challenge for %q cannot be answered: %v", domain, err)
	}
	return &acmev1.ChallengeProgress{
		Type: acmev1.DNSPersist01, URL: challenge.URL, Token: challenge.Token, Solver: solver.DeepCopy(), State: acmev1.Pending,
		RecordName: acme.DNSPersist01Name(domain) + ".", RecordValue: value,
	}, nil
}

func authorizationState(status acme.AuthorizationStatus) acmev1.State {
	switch status {
	case acme.AuthorizationPending:
		return acmev1.Pending
	case acme.AuthorizationValid:
		return acmev1.Valid
	case acme.AuthorizationExpired:
		return acmev1.Expired
	default:
		return acmev1.Invalid
	}
}
