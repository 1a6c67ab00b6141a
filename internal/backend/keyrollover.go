package backend

import (
	"context"
	"crypto"
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/outcome"
	"github.com/certwright/certwright/internal/pki"
)

const (
	// nextKeySuffix is added to the account key's name in its Secret for the key that is to follow it. It is
	// there from before the CA is told until the new key has taken its place.
	nextKeySuffix = ".next"
	// rolloverPause is how soon the Orders that a rollover waits for are looked at again.
	rolloverPause = 5 * time.Second
)

// RollOver changes the account's key (RFC 8555 section 7.3.5) where the issuer's annotation asks for that
// with a value that was not acted upon yet. The time it returns is when to go on, zero if there is nothing
// to wait for.
//
// The new key is stored before the CA is told, and takes the old one's place after the CA has shown that it
// is the account's: a crash in between is found out by asking with either key.
func (a *Accounts) RollOver(ctx context.Context, issuer v1.GenericIssuer, status *v1.ACMEIssuerStatus) (time.Time, error) {
	asked := issuer.GetAnnotations()[a.Names.Annotation.ACME.RotateAccountKey]
	secret, err := a.keySecret(issuer)
	if err != nil || secret == nil {
		return time.Time{}, err
	}
	changing := len(secret.Data[nextKeyIn(issuer)]) > 0
	made := secret.Annotations[a.Names.Annotation.ACME.RotateAccountKey]
	switch {
	case changing:
		return a.finishRollOver(ctx, issuer, status, secret)
	case asked == "" || rolledOverFor(status, asked):
		return time.Time{}, nil
	case made == asked:
		// The new key is in its place, and only the status was not written.
		a.rolledOver(issuer, status, asked)
		return time.Time{}, nil
	}
	return a.startRollOver(ctx, issuer, status, secret)
}

// startRollOver stores the new key when no challenge is pending any more.
func (a *Accounts) startRollOver(ctx context.Context, issuer v1.GenericIssuer, status *v1.ACMEIssuerStatus, secret *corev1.Secret) (time.Time, error) {
	asked, first := issuer.GetAnnotations()[a.Names.Annotation.ACME.RotateAccountKey], !a.Rolling(issuer)
	a.setRolling(IssuerOwner(issuer), true)
	pending, err := a.pendingChallenges(ctx, issuer)
	if err != nil {
		return time.Time{}, err
	}
	if first || pending {
		// Orders that began before the flag was set show their challenges by the next look.
		status.KeyRollover = &v1.ACMEKeyRollover{Requested: asked, Phase: v1.KeyRolloverWaiting}
		return a.Client.Now().Add(rolloverPause), nil
	}
	if secret, err = a.storeNextKey(ctx, issuer, secret, asked); err != nil {
		return time.Time{}, err
	}
	return a.finishRollOver(ctx, issuer, status, secret)
}

func rolledOverFor(status *v1.ACMEIssuerStatus, asked string) bool {
	done := status.KeyRollover
	return done != nil && done.Requested == asked && done.Phase == v1.KeyRolloverDone
}

// Rolling says whether the account's key is about to change, so that no challenge should be begun with it.
func (a *Accounts) Rolling(issuer v1.GenericIssuer) bool {
	a.mu.Lock()
	rolling := a.rolling[IssuerOwner(issuer)]
	a.mu.Unlock()
	if rolling {
		return true
	}
	secret, err := a.keySecret(issuer)
	return err == nil && secret != nil && len(secret.Data[nextKeyIn(issuer)]) > 0
}

func (a *Accounts) setRolling(issuer kube.Owner, rolling bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !rolling {
		delete(a.rolling, issuer)
		return
	}
	if a.rolling == nil {
		a.rolling = map[kube.Owner]bool{}
	}
	a.rolling[issuer] = true
}

// pendingChallenges says whether an Order of the issuer has answers given out that the old key signed.
func (a *Accounts) pendingChallenges(ctx context.Context, issuer v1.GenericIssuer) (bool, error) {
	owner := IssuerOwner(issuer)
	var orders acmev1.OrderList
	if err := a.Client.Cached.List(ctx, &orders, client.InNamespace(owner.Namespace),
		client.MatchingFields{kube.IndexIssuer: kube.IssuerKey(owner.Kind, owner.Name)}, client.UnsafeDisableDeepCopy); err != nil {
		return false, err
	}
	for i := range orders.Items {
		if orders.Items[i].Status.State.IsFinal() {
			continue
		}
		for _, authorization := range orders.Items[i].Status.Authorizations {
			if authorization.Challenge != nil {
				return true, nil
			}
		}
	}
	return false, nil
}

func (a *Accounts) storeNextKey(ctx context.Context, issuer v1.GenericIssuer, secret *corev1.Secret, asked string) (*corev1.Secret, error) {
	next, err := acme.NewAccountKey()
	if err != nil {
		return nil, err
	}
	encoded, err := pki.EncodePrivateKey(next, pki.PKCS1)
	if err != nil {
		return nil, err
	}
	updated := secret.DeepCopy()
	updated.Data[nextKeyIn(issuer)] = encoded
	if updated.Annotations == nil {
		updated.Annotations = map[string]string{}
	}
	updated.Annotations[a.Names.Annotation.ACME.RotateAccountKey] = asked
	return updated, a.Client.Update(ctx, updated)
}

// finishRollOver tells the CA of the stored key, unless it knows, and puts it into its place.
func (a *Accounts) finishRollOver(ctx context.Context, issuer v1.GenericIssuer, status *v1.ACMEIssuerStatus, secret *corev1.Secret) (time.Time, error) {
	asked := secret.Annotations[a.Names.Annotation.ACME.RotateAccountKey]
	status.KeyRollover = &v1.ACMEKeyRollover{Requested: asked, Phase: v1.KeyRolloverChanging}
	old, err := a.key(issuer)
	if err != nil {
		return time.Time{}, err
	}
	next, err := pki.DecodePrivateKey(secret.Data[nextKeyIn(issuer)])
	if err != nil {
		return time.Time{}, outcome.WaitFor(v1.ReasonErrUpdateACMEAccount, "the next account key in Secret %q cannot be read: %v", secret.Name, err)
	}
	if err := a.changeKey(ctx, issuer, status.URI, old, next); err != nil {
		if acme.IsProblem(err, acme.TypeAccountDoesNotExist) {
			a.Suspect(issuer)
		}
		return time.Time{}, refusal(err, a.Client.Now())
	}
	updated := secret.DeepCopy()
	updated.Data[keyIn(issuer.GetSpec().ACME.PrivateKeySecretRef)] = updated.Data[nextKeyIn(issuer)]
	delete(updated.Data, nextKeyIn(issuer))
	if err := a.Client.Update(ctx, updated); err != nil {
		return time.Time{}, err
	}
	status.LastPrivateKeyHash = pki.PublicKeyID(next.Public())
	a.rolledOver(issuer, status, asked)
	return time.Time{}, nil
}

// changeKey has the account changed to the next key. That the CA says so is no proof: it is asked with the
// key itself.
func (a *Accounts) changeKey(ctx context.Context, issuer v1.GenericIssuer, url string, old, next crypto.Signer) error {
	client, err := a.client(issuer)
	if err != nil {
		return err
	}
	if _, err = client.FindAccountKey(ctx, url, next); !errors.Is(err, acme.ErrKeyNotFound) {
		return err
	}
	if err := client.KeyChange(ctx, acme.Account{Key: old, URL: url}, next); err != nil {
		return err
	}
	_, err = client.FindAccountKey(ctx, url, next)
	return err
}

func (a *Accounts) rolledOver(issuer v1.GenericIssuer, status *v1.ACMEIssuerStatus, asked string) {
	now := metav1.NewTime(a.Client.Now().Truncate(time.Second))
	status.KeyRollover = &v1.ACMEKeyRollover{Requested: asked, Phase: v1.KeyRolloverDone, CompletionTime: &now}
	a.setRolling(IssuerOwner(issuer), false)
}

// keySecret is the Secret of the account key, nil if there is none.
func (a *Accounts) keySecret(issuer v1.GenericIssuer) (*corev1.Secret, error) {
	return a.Secrets.Get(IssuerOwner(issuer), a.name(issuer, issuer.GetSpec().ACME.PrivateKeySecretRef.Name))
}

func nextKeyIn(issuer v1.GenericIssuer) string {
	return keyIn(issuer.GetSpec().ACME.PrivateKeySecretRef) + nextKeySuffix
}
