package backend

import (
	"context"
	"crypto/x509"
	"errors"
	"maps"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/issuance"
	"github.com/certwright/certwright/internal/kube"
)

// RenewalInfos asks CAs when they would like their certificates to be renewed (RFC 9773), each as often as it
// wants to be asked. What is known is held in memory: a process that starts asks again, certificate by
// certificate, spread over the usual time between two questions.
type RenewalInfos struct {
	Accounts *Accounts

	mu    sync.Mutex
	known map[types.NamespacedName]*heldInfo
	// down holds the clients whose CA could not be reached. Issuers that reach a CA in different ways have
	// different clients, so that what is wrong with one issuer stays with it.
	down map[*acme.Client]*outage
}

// heldInfo is what a CA said about the certificate of a Certificate.
type heldInfo struct {
	certID   string
	info     issuance.RenewalInfo
	failures int
}

// outage is since how many attempts a CA cannot be reached, and when it is tried again.
type outage struct {
	failures int
	until    time.Time
}

const (
	renewalInfoTimeout = 15 * time.Second
	// outagesTold is how many times a CA cannot be reached before it is said on each of its Certificates.
	outagesTold = 4
	// outageKept is how long a CA is remembered to be down that nobody asks any more.
	outageKept = 24 * time.Hour
)

// SuggestsRenewal says whether the CA of an issuer is asked when to renew.
func SuggestsRenewal(spec *v1.IssuerSpec) bool {
	return spec.ACME != nil && spec.ACME.RenewalInformationSource != v1.RenewalInformationNone
}

// Get is what the CA last said about the certificate that a Certificate has, asked now if it is time; nil
// where it cannot be asked. How the question went wrong is part of the answer.
func (r *RenewalInfos) Get(ctx context.Context, crt *v1.Certificate, issuer v1.GenericIssuer, leaf *x509.Certificate) *issuance.RenewalInfo {
	now := r.Accounts.Client.Now()
	certID, err := acme.CertID(leaf)
	if err != nil || !now.Before(leaf.NotAfter) {
		return nil
	}
	client, err := r.Accounts.client(issuer)
	if err != nil {
		return nil
	}
	name := types.NamespacedName{Namespace: crt.Namespace, Name: crt.Name}
	held := r.hold(name, certID, crt, leaf, now)
	if now.Before(held.info.Next) || r.isDown(client, &held, now) {
		return &held.info
	}
	ctx, cancel := context.WithTimeout(ctx, renewalInfoTimeout)
	defer cancel()
	answer, err := client.FetchRenewalInfo(ctx, certID)
	r.learn(client, &held, answer, err)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known[name] = &held
	return &held.info
}

// hold is a copy of what is known of a certificate. Of one that status tells of already, the CA is asked at
// its place in the usual round; of a new one at once.
func (r *RenewalInfos) hold(name types.NamespacedName, certID string, crt *v1.Certificate, leaf *x509.Certificate, now time.Time) heldInfo {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil {
		r.known, r.down = map[types.NamespacedName]*heldInfo{}, map[*acme.Client]*outage{}
	}
	held := r.known[name]
	if held == nil || held.certID != certID {
		held = &heldInfo{certID: certID}
		if told := crt.Status.ACME; told != nil && told.ARI != nil && crt.Status.NotAfter != nil && crt.Status.NotAfter.Time.Equal(leaf.NotAfter) {
			held.info.Next = issuance.NextInRound(crt.UID, leaf.NotBefore, now)
		}
		r.known[name] = held
	}
	return *held
}

// isDown postpones the question to a CA that could not be reached a moment ago.
func (r *RenewalInfos) isDown(client *acme.Client, held *heldInfo, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	outage := r.down[client]
	if outage == nil || !now.Before(outage.until) {
		return false
	}
	held.info.Next = outage.until
	return true
}

// learn takes an answer over, or what is to be said of a question without one.
func (r *RenewalInfos) learn(client *acme.Client, held *heldInfo, answer *acme.RenewalInfo, err error) {
	now := r.Accounts.Client.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	var network *acme.NetworkError
	switch {
	case err == nil:
		delete(r.down, client)
		held.failures = 0
		held.info = infoOf(answer)
	case errors.Is(err, acme.ErrNotOffered):
		held.info = issuance.RenewalInfo{Next: acme.RenewalInfoRetry(err, 1, now)}
	case errors.As(err, &network):
		maps.DeleteFunc(r.down, func(_ *acme.Client, of *outage) bool { return now.Sub(of.until) > outageKept })
		if r.down[client] == nil {
			r.down[client] = &outage{}
		}
		outage := r.down[client]
		outage.failures++
		outage.until = acme.RenewalInfoRetry(err, outage.failures, now)
		held.info.Next = outage.until
		if outage.failures >= outagesTold {
			held.info.LastError = network.Error()
		}
	default:
		held.failures++
		held.info.Next, held.info.LastError = acme.RenewalInfoRetry(err, held.failures, now), err.Error()
	}
}

// InWindow says whether the CA wants the certificate that certID identifies, of a Certificate, replaced now. Where this
// process has not been told yet, such as after a restart, the CA is asked: what counts against an account is not taken
// from a status that a tenant may write.
func (r *RenewalInfos) InWindow(ctx context.Context, client *acme.Client, crt types.NamespacedName, certID string) bool {
	info, told := r.told(crt, certID)
	if !told {
		ctx, cancel := context.WithTimeout(ctx, renewalInfoTimeout)
		defer cancel()
		answer, err := client.FetchRenewalInfo(ctx, certID)
		if err != nil {
			return false
		}
		info = infoOf(answer)
		r.remember(crt, certID, info)
	}
	now := r.Accounts.Client.Now()
	return !now.Before(info.Start) && now.Before(info.End)
}

func infoOf(answer *acme.RenewalInfo) issuance.RenewalInfo {
	return issuance.RenewalInfo{
		Start: answer.Window.Start, End: answer.Window.End, ExplanationURL: answer.ExplanationURL, Next: answer.RetryAfter,
	}
}

// told is what the CA said about a certificate, if it did.
func (r *RenewalInfos) told(crt types.NamespacedName, certID string) (issuance.RenewalInfo, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	held := r.known[crt]
	if held == nil || held.certID != certID || held.info.Start.IsZero() {
		return issuance.RenewalInfo{}, false
	}
	return held.info, true
}

// remember keeps an answer, unless the Certificate has another certificate by now.
func (r *RenewalInfos) remember(crt types.NamespacedName, certID string, info issuance.RenewalInfo) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if held := r.known[crt]; held != nil && held.certID == certID {
		r.known[crt] = &heldInfo{certID: certID, info: info}
	}
}

// Forget drops what is known for a Certificate that is gone.
func (r *RenewalInfos) Forget(crt kube.Owner) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.known, crt.NamespacedName)
}
