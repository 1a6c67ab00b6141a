package crl

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certwright/certwright/api"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/backend"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/outcome"
	"github.com/certwright/certwright/internal/pki"
)

// foreignPause is how long a Secret that is in the way is not looked at again: it is not watched.
const foreignPause = 10 * time.Minute

// CRLs keeps the revocation lists of ca issuers.
type CRLs struct {
	Names   api.Names
	Client  *kube.Client
	Signers *backend.Signers
	// ClusterResourceNamespace is where the Secrets of ClusterIssuers are.
	ClusterResourceNamespace string
	// BaseURL is what the URLs of lists begin with, empty if they have none.
	BaseURL string
	// Lifetime is from thisUpdate to nextUpdate; zero means pki.DefaultCRLLifetime.
	Lifetime time.Duration
	// Replaced is told of a list that was not continued as its Secret had it.
	Replaced func(issuer v1.GenericIssuer, message string)

	mu      sync.Mutex
	shelves map[kube.Owner]*shelf
}

// shelf is what the process remembers of an issuer.
type shelf struct {
	// mu lets one call at a time change the lists of the issuer.
	mu sync.Mutex
	// seen are the lists as they were last read or written, by key identifier: what a deleted or damaged Secret
	// is made anew of.
	seen map[string]copied
}

// Kept is what an issuer has to tell of its lists.
type Kept struct {
	// Status is nil if there is no list.
	Status *v1.CAIssuerStatus
	// Due is when Keep has something to do again; zero if only a change can bring that about.
	Due time.Time
	// Remark says why certificates cannot be revoked, or a list cannot be signed; it is empty if all is well.
	Remark string
}

// Keep brings the lists of a ca issuer up to date: made if the issuer publishes one, signed anew before they end,
// dropped with the CA certificates of former keys. current is the key pair that signs certificates, nil if it
// cannot be read now. An issuer that has no list and publishes none costs no call.
//
// Kept is of use with an error, too. The error is a Wait if the issuer publishes a list and cannot have one, and
// a Retry if a call to the API server failed.
func (c *CRLs) Keep(ctx context.Context, issuer v1.GenericIssuer, current *pki.Signer) (Kept, error) {
	publish := issuer.GetSpec().CA.PublishCRL
	var l *ledger
	var failure error
	err := c.change(ctx, issuer, current, publish || issuer.GetStatus().CA != nil, func(opened *ledger) error {
		l, failure = opened, opened.refusal
		if publish {
			failure = l.admit()
		}
		l.retire(c.Client.Now())
		failure = errors.Join(failure, l.renew(c.Client.Now(), c.Lifetime))
		return nil
	})
	if err != nil && outcome.From(err).Kind == outcome.Retry {
		return Kept{}, err
	}
	kept := Kept{Status: issuer.GetStatus().CA.DeepCopy()}
	if l != nil {
		kept.Due = l.again(c.Client.Now())
	}
	if err == nil {
		kept.Status = c.status(issuer, l)
	}
	return c.judge(kept, publish, errors.Join(err, failure))
}

// judge says what is missing: as an error where the issuer publishes a list, else as a remark.
func (c *CRLs) judge(kept Kept, publish bool, failure error) (Kept, error) {
	if publish && c.BaseURL == "" {
		failure = errors.Join(failure, errors.New("the operator was started without --crl-base-url and so has no URL to put into certificates: "+
			"set it, or take publishCRL away"))
	}
	if failure == nil {
		return kept, nil
	}
	at := time.Time{}
	reason := v1.ReasonCRLNotPossible
	if own := (*outcome.Error)(nil); errors.As(failure, &own) {
		at, reason = own.At, own.Reason
	}
	if !publish {
		kept.Remark, kept.Due = "certificates cannot be revoked: "+sentence(failure), earlier(kept.Due, at)
		return kept, nil
	}
	return kept, outcome.WaitUntil(earlier(kept.Due, at), reason, "the revocation list that publishCRL asks for is not possible: %s", sentence(failure))
}

// sentence joins errors into one line.
func sentence(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// earlier is the earlier of two times of which each may be zero, for never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Revoke puts a certificate on the list of the key that signed it, and makes that list if there is none. already
// says that it was there; the time and the reason from then stay.
//
// The error is a Terminal if no key of the issuer signed the certificate, if the list is full or does not take
// the reason; a Wait while the issuer cannot sign lists, such as for lack of the usage "crl sign"; a Retry if
// others write the list at the same time, or a call failed.
func (c *CRLs) Revoke(ctx context.Context, issuer v1.GenericIssuer, leaf *x509.Certificate, reason pki.RevocationReason) (already bool, err error) {
	if issuer.GetSpec().CA == nil {
		return false, outcome.Invalidf(v1.ReasonNotSupported, "only ca issuers keep revocation lists of their own")
	}
	current, err := c.Signers.Get(backend.IssuerOwner(issuer), c.secret(issuer, issuer.GetSpec().CA.SecretName))
	if outcome.IsMomentary(err) {
		return false, err
	}
	missing, now := err, c.Client.Now()
	entry := pki.CRLEntry{Serial: leaf.SerialNumber, RevokedAt: now, Reason: reason, NotAfter: leaf.NotAfter}
	err = c.change(ctx, issuer, current, true, func(l *ledger) error {
		id, found := l.signerOf(leaf)
		switch {
		case !found && missing != nil:
			// The key that is missing may be the one.
			return missing
		case !found:
			return outcome.Terminalf(outcome.ClassRefused, v1.ReasonCRLNotPossible,
				"no key of the issuer signed the certificate: name the issuer that did")
		}
		if l.lines[id] == nil || l.lines[id].signer == nil {
			if err := l.admit(); err != nil {
				return outcome.WaitFor(v1.ReasonCRLNotPossible, "%s", sentence(err))
			}
		}
		already, err = l.lines[id].revoke(entry, now, c.Lifetime)
		return refused(err)
	})
	return already && err == nil, err
}

// URL is where the list of a signing key is served: what a certificate tells, if its issuer publishes lists.
// It is empty if there is none.
func (c *CRLs) URL(issuer v1.GenericIssuer, signer *pki.Signer) string {
	id, err := signer.KeyID()
	if err != nil || signer.CanSignCRL() != nil {
		return ""
	}
	return c.url(issuer, id)
}

func (c *CRLs) url(issuer v1.GenericIssuer, id string) string {
	if c.BaseURL == "" {
		return ""
	}
	elements := []string{strings.TrimSuffix(c.BaseURL, "/"), "crl"}
	if namespace := issuer.GetNamespace(); namespace != "" {
		elements = append(elements, url.PathEscape(namespace))
	}
	return strings.Join(append(elements, url.PathEscape(issuer.GetName()), id+listSuffix), "/")
}

// Forget drops what is remembered of an issuer that is gone.
func (c *CRLs) Forget(owner kube.Owner) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.shelves, owner)
}

func (c *CRLs) shelf(owner kube.Owner) *shelf {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.shelves == nil {
		c.shelves = map[kube.Owner]*shelf{}
	}
	if c.shelves[owner] == nil {
		c.shelves[owner] = &shelf{seen: map[string]copied{}}
	}
	return c.shelves[owner]
}

// change reads the lists of an issuer, has them edited, and writes what has changed. Where somebody else was
// faster, it does so once more with what the API server has now. expected says that there are Secrets, or are to
// be: that the cache has none is then no proof.
func (c *CRLs) change(ctx context.Context, issuer v1.GenericIssuer, current *pki.Signer, expected bool, edit func(*ledger) error) error {
	shelf := c.shelf(backend.IssuerOwner(issuer))
	shelf.mu.Lock()
	defer shelf.mu.Unlock()
	var err error
	for _, live := range []bool{false, true} {
		err = c.try(ctx, issuer, shelf, known{current: current, seen: shelf.seen}, secrets{expected: expected || len(shelf.seen) > 0, live: live}, edit)
		if !errors.Is(err, errOvertaken) {
			return err
		}
	}
	return outcome.Retryable("Conflict", err)
}

func (c *CRLs) try(ctx context.Context, issuer v1.GenericIssuer, shelf *shelf, k known, s secrets, edit func(*ledger) error) error {
	if err := c.open(ctx, issuer, &s); err != nil {
		return err
	}
	k.lists, k.keys = entries(s.lists), entries(s.keys)
	if status := issuer.GetStatus().CA; status != nil {
		k.published = status.CRLs
	}
	l := readLedger(k)
	if err := edit(l); err != nil {
		return err
	}
	lists, keys, err := l.data()
	if err != nil {
		return refused(err)
	}
	if err := c.write(ctx, issuer, s, lists, keys); err != nil {
		return err
	}
	shelf.seen = l.copies()
	c.tellReplaced(issuer, l)
	return nil
}

// copies are the lists that the keys signed.
func (l *ledger) copies() map[string]copied {
	result := map[string]copied{}
	for id, line := range l.lines {
		if line.list != nil {
			result[id] = line.copied
		}
	}
	return result
}

func (c *CRLs) status(issuer v1.GenericIssuer, l *ledger) *v1.CAIssuerStatus {
	status := &v1.CAIssuerStatus{}
	for _, id := range l.ids() {
		if list := l.lines[id].list; list != nil {
			status.CRLs = append(status.CRLs, v1.CAIssuerCRL{
				KeyID: id, Number: list.Number.String(), ThisUpdate: metav1.NewTime(list.ThisUpdate), NextUpdate: metav1.NewTime(list.NextUpdate),
				Entries: int64(len(list.Entries)), URL: c.url(issuer, id),
			})
		}
	}
	if len(status.CRLs) == 0 {
		return nil
	}
	return status
}

// tellReplaced tells of every list that was written and does not continue what its Secret had.
func (c *CRLs) tellReplaced(issuer v1.GenericIssuer, l *ledger) {
	for _, id := range l.ids() {
		if line := l.lines[id]; line.signed && line.cause != "" {
			c.Replaced(issuer, fmt.Sprintf("The revocation list of key %s in Secret %q was made anew, with number %s and %d entries: %s",
				id, ListName(issuer.GetName()), line.list.Number, len(line.list.Entries), line.cause))
		}
	}
}

// writeRefused says whether trying again at once changes nothing.
func writeRefused(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsForbidden(err) || apierrors.IsBadRequest(err) || apierrors.IsRequestEntityTooLargeError(err)
}
