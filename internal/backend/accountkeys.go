package backend

import (
	"context"
	"crypto"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/outcome"
	"github.com/certwright/certwright/internal/pki"
)

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
		if solver.DNS01 == nil {
			continue
		}
		for _, name := range solver.DNS01.SecretNames() {
			names = append(names, a.name(issuer, name))
		}
	}
	return names
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
