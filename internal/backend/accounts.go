package backend

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/orderflow"
	"github.com/certwright/certwright/internal/outcome"
	"github.com/certwright/certwright/internal/pki"
)

// Accounts registers ACME accounts and hands out the client and account of an issuer.
type Accounts struct {
	Client  *kube.Client
	Secrets *kube.SecretRefs
	// ClusterResourceNamespace is where the account keys of ClusterIssuers are.
	ClusterResourceNamespace string
	UserAgent                string
	Observer                 acme.Observer
	// Wrap, where it is set, wraps the transport to every CA.
	Wrap func(http.RoundTripper) http.RoundTripper
	// Doubts wakes the controllers of issuers whose account a CA does not know.
	Doubts *kube.Waker

	mu      sync.Mutex
	clients map[string]*acme.Client
	suspect map[types.UID]bool
}

// acmeTimeout bounds one HTTP exchange with a CA.
const acmeTimeout = 30 * time.Second

// Ensure registers the account of an issuer, unless status says that this has been done with the
// same key, and returns what is known of it then.
func (a *Accounts) Ensure(ctx context.Context, issuer v1.GenericIssuer, status *v1.ACMEIssuerStatus) (*v1.ACMEIssuerStatus, error) {
	spec := issuer.GetSpec().ACME
	client, err := a.client(spec)
	if err != nil {
		return nil, err
	}
	a.Secrets.Keep(IssuerOwner(issuer), a.secretNames(issuer)...)
	key, err := a.ensureKey(ctx, issuer)
	if err != nil {
		return nil, err
	}
	id := pki.PublicKeyID(key.Public())
	if a.registered(issuer, status, id) {
		return status, nil
	}
	registration, err := a.register(ctx, client, issuer, key)
	if err != nil {
		return nil, refusal(err, a.Client.Now())
	}
	if err := a.updateContact(ctx, client, acme.Account{Key: key, URL: registration.URL}, registration, spec.Email); err != nil {
		return nil, refusal(err, a.Client.Now())
	}
	a.trust(issuer)
	return &v1.ACMEIssuerStatus{URI: registration.URL, LastRegisteredEmail: spec.Email, LastPrivateKeyHash: id}, nil
}

// registered says whether the account is known to exist: the status of this very spec says so, for
// this key, and no answer of the CA has put it in doubt since.
func (a *Accounts) registered(issuer v1.GenericIssuer, status *v1.ACMEIssuerStatus, keyID string) bool {
	ready := condition.Get(issuer.GetStatus().Conditions, v1.ConditionReady)
	a.mu.Lock()
	defer a.mu.Unlock()
	return status != nil && status.URI != "" && status.LastPrivateKeyHash == keyID && !a.suspect[issuer.GetUID()] &&
		ready != nil && ready.ObservedGeneration == issuer.GetGeneration() && ready.Status == metav1.ConditionTrue
}

// Suspect makes the issuer's controller ask the CA again, after it said that it does not know the
// account.
func (a *Accounts) Suspect(issuer v1.GenericIssuer) {
	a.mu.Lock()
	if a.suspect == nil {
		a.suspect = map[types.UID]bool{}
	}
	a.suspect[issuer.GetUID()] = true
	a.mu.Unlock()
	a.Doubts.Wake(IssuerOwner(issuer))
}

func (a *Accounts) trust(issuer v1.GenericIssuer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.suspect, issuer.GetUID())
}

// For is the client and the account of an issuer that is ready.
func (a *Accounts) For(issuer v1.GenericIssuer) (*acme.Client, acme.Account, error) {
	status := issuer.GetStatus().ACME
	if status == nil || status.URI == "" {
		return nil, acme.Account{}, outcome.WaitFor(v1.ReasonIssuerNotReady, "waiting for the account of issuer %q to be registered", issuer.GetName())
	}
	client, err := a.client(issuer.GetSpec().ACME)
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

func (a *Accounts) binding(issuer v1.GenericIssuer) (*acme.ExternalAccount, error) {
	eab := issuer.GetSpec().ACME.ExternalAccountBinding
	if eab == nil {
		return nil, nil
	}
	secret, err := a.Secrets.Get(IssuerOwner(issuer), a.name(issuer, eab.KeySecretRef.Name))
	if err != nil {
		return nil, err
	}
	if secret == nil || len(secret.Data[eab.KeySecretRef.Key]) == 0 {
		return nil, outcome.WaitFor(v1.ReasonErrRegisterACMEAccount, "waiting for the MAC key of the external account: Secret %q needs a key %q",
			eab.KeySecretRef.Name, eab.KeySecretRef.Key)
	}
	mac, err := acme.DecodeMACKey(string(secret.Data[eab.KeySecretRef.Key]))
	if err != nil {
		return nil, outcome.WaitFor(v1.ReasonErrRegisterACMEAccount, "the MAC key in Secret %q cannot be read: it must be in base64url", eab.KeySecretRef.Name)
	}
	return &acme.ExternalAccount{KeyID: eab.KeyID, MACKey: mac}, nil
}

// ensureKey is the account key, made and stored now if there is none: before it is registered, so
// that no crash can leave an account behind whose key is lost.
func (a *Accounts) ensureKey(ctx context.Context, issuer v1.GenericIssuer) (crypto.Signer, error) {
	key, err := a.key(issuer)
	if key != nil || err != nil {
		return key, err
	}
	spec := issuer.GetSpec().ACME
	if spec.DisableAccountKeyGeneration {
		return nil, outcome.WaitFor(v1.ReasonErrVerifyACMEAccount, "waiting for the account key: Secret %q needs a key %q, and disableAccountKeyGeneration is set",
			spec.PrivateKeySecretRef.Name, keyIn(spec.PrivateKeySecretRef))
	}
	made, err := acme.NewAccountKey()
	if err != nil {
		return nil, err
	}
	encoded, err := pki.EncodePrivateKey(made, pki.PKCS1)
	if err != nil {
		return nil, err
	}
	name := a.name(issuer, spec.PrivateKeySecretRef.Name)
	err = a.Client.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: name.Name, Namespace: name.Namespace},
		Data:       map[string][]byte{keyIn(spec.PrivateKeySecretRef): encoded},
	})
	if apierrors.IsAlreadyExists(err) {
		return nil, outcome.WaitFor(v1.ReasonErrVerifyACMEAccount, "Secret %q exists without a key %q: delete it, or put the account key there",
			name.Name, keyIn(spec.PrivateKeySecretRef))
	}
	return made, err
}

// key is the account key, nil if its Secret does not have it.
func (a *Accounts) key(issuer v1.GenericIssuer) (crypto.Signer, error) {
	ref := issuer.GetSpec().ACME.PrivateKeySecretRef
	secret, err := a.Secrets.Get(IssuerOwner(issuer), a.name(issuer, ref.Name))
	if err != nil || secret == nil || len(secret.Data[keyIn(ref)]) == 0 {
		return nil, err
	}
	key, err := pki.DecodePrivateKey(secret.Data[keyIn(ref)])
	if err != nil {
		return nil, outcome.WaitFor(v1.ReasonErrVerifyACMEAccount, "the account key in Secret %q cannot be read: %v", ref.Name, err)
	}
	return key, nil
}

func keyIn(ref v1.SecretKeySelector) string {
	if ref.Key == "" {
		return corev1.TLSPrivateKeyKey
	}
	return ref.Key
}

func (a *Accounts) name(issuer v1.GenericIssuer, secret string) types.NamespacedName {
	namespace := issuer.GetNamespace()
	if namespace == "" {
		namespace = a.ClusterResourceNamespace
	}
	return types.NamespacedName{Namespace: namespace, Name: secret}
}

// secretNames are all Secrets that an issuer's spec names, so that none of their watches ends while
// it is needed.
func (a *Accounts) secretNames(issuer v1.GenericIssuer) []types.NamespacedName {
	spec := issuer.GetSpec().ACME
	names := []types.NamespacedName{a.name(issuer, spec.PrivateKeySecretRef.Name)}
	if spec.ExternalAccountBinding != nil {
		names = append(names, a.name(issuer, spec.ExternalAccountBinding.KeySecretRef.Name))
	}
	for _, solver := range spec.Solvers {
		if solver.DNS01 != nil && solver.DNS01.RFC2136 != nil && solver.DNS01.RFC2136.TSIGSecretSecretRef != nil {
			names = append(names, a.name(issuer, solver.DNS01.RFC2136.TSIGSecretSecretRef.Name))
		}
	}
	return names
}

// client is shared by all issuers that reach the same directory in the same way, and with it its
// connections and nonces.
func (a *Accounts) client(spec *v1.ACMEIssuer) (*acme.Client, error) {
	directory, err := url.Parse(spec.Server)
	if err != nil || directory.Scheme != "https" || directory.Host == "" {
		return nil, outcome.Invalidf(v1.ReasonInvalidURL, "spec.acme.server must be the https URL of the CA's directory")
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: spec.SkipTLSVerify} //nolint:gosec // G402: what the issuer's skipTLSVerify asks for
	if len(spec.CABundle) > 0 {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(spec.CABundle) {
			return nil, outcome.Invalidf(v1.ReasonInvalidConfig, "spec.acme.caBundle holds no certificate in PEM")
		}
	}
	key := fmt.Sprintf("%s %x %v", spec.Server, sha256.Sum256(spec.CABundle), spec.SkipTLSVerify)
	a.mu.Lock()
	defer a.mu.Unlock()
	if client, ok := a.clients[key]; ok {
		return client, nil
	}
	client := &acme.Client{
		Directory: spec.Server, UserAgent: a.UserAgent, Observer: a.Observer, Now: a.Client.Now,
		HTTP: &http.Client{Timeout: acmeTimeout, Transport: transport(config)},
	}
	if a.Wrap != nil {
		client.HTTP.Transport = a.Wrap(client.HTTP.Transport)
	}
	if a.clients == nil {
		a.clients = map[string]*acme.Client{}
	}
	a.clients[key] = client
	return client, nil
}

func transport(config *tls.Config) *http.Transport {
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, ForceAttemptHTTP2: true,
		MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: 10 * time.Second,
	}
}

// refusal says what a failed registration means for the issuer.
func refusal(err error, now time.Time) error {
	failure := orderflow.Classify(err, now)
	if failure.Kind == outcome.Wait && failure.Reason != "RateLimited" {
		return failure
	}
	failure.Reason = v1.ReasonErrRegisterACMEAccount
	if failure.Kind == outcome.Terminal {
		// Nothing but an edit helps, or a change at the CA: look again once in a while.
		failure.Kind, failure.At = outcome.Wait, now.Add(10*time.Minute)
	}
	return failure
}
