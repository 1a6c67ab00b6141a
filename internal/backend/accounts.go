package backend

import (
	"context"
	"crypto"
	"net/http"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certwright/certwright/api"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/orderflow"
	"github.com/certwright/certwright/internal/outcome"
	"github.com/certwright/certwright/internal/pki"
	"github.com/certwright/certwright/internal/reach"
)

// Accounts registers ACME accounts and hands out the client and account of an issuer.
type Accounts struct {
	Names   api.Names
	Client  *kube.Client
	Secrets *kube.SecretRefs
	// ClusterResourceNamespace is where the account keys of ClusterIssuers are.
	ClusterResourceNamespace string
	UserAgent                string
	Observer                 acme.Observer
	// Reach is what the Issuers of namespaces may reach.
	Reach reach.Policy
	// Wrap, where it is set, wraps the transport to every CA.
	Wrap func(http.RoundTripper) http.RoundTripper
	// Doubts wakes the controllers of issuers whose account a CA does not know.
	Doubts *kube.Waker

	clients clients
	mu      sync.Mutex
	rolling map[kube.Owner]bool
	suspect map[kube.Owner]bool
}

// Ensure registers the account of an issuer, unless status says that this has been done with the
// same key, and returns what is known of it then.
func (a *Accounts) Ensure(ctx context.Context, issuer v1.GenericIssuer, status *v1.ACMEIssuerStatus) (*v1.ACMEIssuerStatus, error) {
	spec := issuer.GetSpec().ACME
	if err := checkAddresses(spec, a.policy(issuer)); err != nil {
		return nil, err
	}
	client, err := a.client(issuer)
	if err != nil {
		return nil, err
	}
	a.KeepSecrets(issuer)
	key, err := a.ensureKey(ctx, issuer)
	if err != nil {
		return nil, err
	}
	id := pki.PublicKeyID(key.Public())
	if a.registered(issuer, status, id) {
		return status.DeepCopy(), nil
	}
	registration, err := a.register(ctx, client, issuer, key)
	if err != nil {
		return nil, advise(refusal(err, a.Client.Now()), err, spec)
	}
	if err := a.updateContact(ctx, client, acme.Account{Key: key, URL: registration.URL}, registration, spec.Email); err != nil {
		return nil, refusal(err, a.Client.Now())
	}
	a.trust(IssuerOwner(issuer))
	account := &v1.ACMEIssuerStatus{URI: registration.URL, LastRegisteredEmail: spec.Email, LastPrivateKeyHash: id}
	if status != nil {
		account.KeyRollover = status.KeyRollover
		if status.URI == account.URI {
			account.TermsOfService = status.TermsOfService
		}
	}
	return account, nil
}

// KeepSecrets ends the interest in every Secret that an ACME issuer does not name any more.
func (a *Accounts) KeepSecrets(issuer v1.GenericIssuer) {
	a.Secrets.Keep(IssuerOwner(issuer), a.secretNames(issuer)...)
}

// registered says whether the account is known to exist: the status of this very spec says so, for
// this key, and no answer of the CA has put it in doubt since.
func (a *Accounts) registered(issuer v1.GenericIssuer, status *v1.ACMEIssuerStatus, keyID string) bool {
	ready := condition.Get(issuer.GetStatus().Conditions, v1.ConditionReady)
	a.mu.Lock()
	defer a.mu.Unlock()
	return status != nil && status.URI != "" && status.LastPrivateKeyHash == keyID && !a.suspect[IssuerOwner(issuer)] &&
		ready != nil && ready.ObservedGeneration == issuer.GetGeneration() && ready.Status == metav1.ConditionTrue
}

// Suspect makes the issuer's controller ask the CA again, after it said that it does not know the
// account.
func (a *Accounts) Suspect(issuer v1.GenericIssuer) {
	owner := IssuerOwner(issuer)
	a.mu.Lock()
	if a.suspect == nil {
		a.suspect = map[kube.Owner]bool{}
	}
	a.suspect[owner] = true
	a.mu.Unlock()
	a.Doubts.Wake(owner)
}

func (a *Accounts) trust(issuer kube.Owner) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.suspect, issuer)
}

// Forget drops what is held for an issuer that is gone, or that is of another type now.
func (a *Accounts) Forget(issuer kube.Owner) {
	a.trust(issuer)
	a.setRolling(issuer, false)
	a.clients.release(issuer)
}

func (a *Accounts) client(issuer v1.GenericIssuer) (*acme.Client, error) {
	return a.clients.get(IssuerOwner(issuer), issuer.GetSpec().ACME, a.policy(issuer), a.newClient)
}

// departed is the kind under which a client is held for an Issuer that is gone.
const departed = "departed Issuer"

// passing is a client for an Issuer that is gone, until done is called.
func (a *Accounts) passing(issuer *v1.Issuer) (client *acme.Client, done func(), err error) {
	owner := IssuerOwner(issuer)
	owner.Kind = departed
	client, err = a.clients.get(owner, issuer.Spec.ACME, a.policy(issuer), a.newClient)
	return client, func() { a.clients.release(owner) }, err
}

func (a *Accounts) newClient(spec *v1.ACMEIssuer, transport http.RoundTripper) *acme.Client {
	if a.Wrap != nil {
		transport = a.Wrap(transport)
	}
	return &acme.Client{
		Directory: spec.Server, AllowedHosts: spec.AllowedHosts, UserAgent: a.UserAgent, Observer: a.Observer, Now: a.Client.Now,
		HTTP: &http.Client{Timeout: acmeTimeout, Transport: transport},
	}
}

// For is the client and the account of an issuer that is ready.
func (a *Accounts) For(issuer v1.GenericIssuer) (*acme.Client, acme.Account, error) {
	status := issuer.GetStatus().ACME
	if status == nil || status.URI == "" {
		return nil, acme.Account{}, outcome.WaitFor(v1.ReasonIssuerNotReady, "waiting for the account of issuer %q to be registered", issuer.GetName())
	}
	client, err := a.client(issuer)
	if err != nil {
		return nil, acme.Account{}, err
	}
	key, err := a.key(issuer)
	if err != nil {
		return nil, acme.Account{}, err
	}
	if key == nil || pki.PublicKeyID(key.Public()) != status.LastPrivateKeyHash {
		return nil, acme.Account{}, outcome.WaitFor(v1.ReasonIssuerNotReady, "waiting for issuer %q: its account key has changed", issuer.GetName())
	}
	return client, acme.Account{Key: key, URL: status.URI}, nil
}

func (a *Accounts) register(ctx context.Context, client *acme.Client, issuer v1.GenericIssuer, key crypto.Signer) (*acme.Registration, error) {
	spec := issuer.GetSpec().ACME
	binding, err := a.binding(issuer)
	if err != nil {
		return nil, err
	}
	if binding != nil {
		// Many CAs take a binding only once, so an account that exists is looked for first.
		registration, err := client.NewAccount(ctx, key, acme.AccountRequest{OnlyReturnExisting: true})
		if !acme.IsProblem(err, acme.TypeAccountDoesNotExist) {
			return registration, err
		}
	}
	return client.NewAccount(ctx, key, acme.AccountRequest{
		Contact: contact(spec.Email), TermsOfServiceAgreed: true, ExternalAccount: binding,
	})
}

func (a *Accounts) updateContact(ctx context.Context, client *acme.Client, account acme.Account, registration *acme.Registration, email string) error {
	wanted := contact(email)
	if registration.Created || len(registration.Contact) == len(wanted) && (len(wanted) == 0 || registration.Contact[0] == wanted[0]) {
		return nil
	}
	_, err := client.UpdateContacts(ctx, account, wanted)
	return err
}

func contact(email string) []string {
	if email == "" {
		return nil
	}
	return []string{"mailto:" + email}
}

// advise adds to the refusal of a registration what only an edit can bring on.
func advise(failure *outcome.Error, err error, spec *v1.ACMEIssuer) error {
	switch {
	case acme.IsProblem(err, acme.TypeExternalAccountRequired) && spec.ExternalAccountBinding == nil:
		failure.Message += "; set spec.acme.externalAccountBinding to what the CA gave you"
	case !acme.IsProblem(err, acme.TypeUnauthorized):
	case spec.ExternalAccountBinding != nil:
		failure.Message += "; look whether spec.acme.externalAccountBinding has the key ID and the key that the CA gave you"
	default:
		failure.Message += "; an account that was deactivated is gone for good: " +
			"name another Secret in spec.acme.privateKeySecretRef to have another registered"
	}
	return failure
}

// refusal says what a failed registration means for the issuer.
func refusal(err error, now time.Time) *outcome.Error {
	failure := orderflow.Classify(err, now)
	if failure.Kind == outcome.Wait && failure.Reason != "RateLimited" {
		return failure
	}
	if failure.Reason != v1.ReasonAddressNotAllowed {
		failure.Reason = v1.ReasonErrRegisterACMEAccount
	}
	if failure.Kind == outcome.Terminal {
		// Nothing but an edit helps, or a change at the CA: look again once in a while.
		failure.Kind, failure.At = outcome.Wait, now.Add(10*time.Minute)
	}
	return failure
}
