package crl

import (
	"context"
	"errors"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certwright/certwright/api"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/backend"
	"github.com/certwright/certwright/internal/issuance"
	"github.com/certwright/certwright/internal/outcome"
)

// errOvertaken is a Secret that was changed since it was read.
var errOvertaken = errors.New("somebody else changes the revocation lists of the issuer at the same time")

// ListName is the name of the Secret with an issuer's lists.
func ListName(issuer string) string { return issuance.ChildName(issuer, "-crl") }

func keysName(issuer string) string { return issuance.ChildName(issuer, "-crl-keys") }

// secrets are the two Secrets of an issuer; each is nil if it does not exist.
type secrets struct {
	lists, keys *corev1.Secret
	// expected says that absence from the cache is not taken for absence, live that the cache is not asked at all.
	expected, live bool
}

func entries(secret *corev1.Secret) map[string][]byte {
	if secret == nil {
		return nil
	}
	return secret.Data
}

// secret names a Secret of the issuer's.
func (c *CRLs) secret(issuer v1.GenericIssuer, name string) types.NamespacedName {
	namespace := issuer.GetNamespace()
	if namespace == "" {
		namespace = c.ClusterResourceNamespace
	}
	return types.NamespacedName{Namespace: namespace, Name: name}
}

// open reads both Secrets. One that is not the issuer's is a Wait.
func (c *CRLs) open(ctx context.Context, issuer v1.GenericIssuer, s *secrets) error {
	var err error
	if s.lists, err = c.get(ctx, issuer, s, ListName(issuer.GetName()), api.RevocationLists); err != nil {
		return err
	}
	s.keys, err = c.get(ctx, issuer, s, keysName(issuer.GetName()), api.RevocationListKeys)
	return err
}

func (c *CRLs) get(ctx context.Context, issuer v1.GenericIssuer, s *secrets, name, label string) (*corev1.Secret, error) {
	secret, err := c.read(ctx, s, c.secret(issuer, name))
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case apierrors.IsForbidden(err):
		return nil, outcome.WaitUntil(c.Client.Now().Add(foreignPause), v1.ReasonSecretForbidden,
			"the operator may not read Secret %q, which has revocation lists: allow its service account to get it", name)
	case err != nil:
		return nil, fmt.Errorf("reading Secret %q: %w", name, err)
	case !c.owns(issuer, secret, label):
		return nil, outcome.WaitUntil(c.Client.Now().Add(foreignPause), v1.ReasonSecretNotOurs,
			"Secret %q is needed for revocation lists and is not of this issuer: rename or delete it", name)
	}
	return secret, nil
}

// read reads a Secret from the cache where that is enough.
func (c *CRLs) read(ctx context.Context, s *secrets, name types.NamespacedName) (*corev1.Secret, error) {
	if !s.live {
		secret := &corev1.Secret{}
		err := c.Client.Get(ctx, name, secret)
		if !outcome.IsMomentary(err) && (!apierrors.IsNotFound(err) || !s.expected) {
			return secret, err
		}
	}
	secret := &corev1.Secret{}
	return secret, c.Client.Live.Get(ctx, name, secret)
}

// owns says whether a Secret is the issuer's: it is its controller, or has none and the label.
func (c *CRLs) owns(issuer v1.GenericIssuer, secret *corev1.Secret, label string) bool {
	if metav1.GetControllerOf(secret) == nil {
		return secret.Labels[c.Names.Label.RevocationList] == label
	}
	return metav1.IsControlledBy(secret, issuer)
}

// write stores what has changed: the keys first, so that there is no list without its key.
func (c *CRLs) write(ctx context.Context, issuer v1.GenericIssuer, s secrets, lists, keys map[string][]byte) error {
	if err := c.put(ctx, issuer, s.keys, keysName(issuer.GetName()), api.RevocationListKeys, keys); err != nil {
		return err
	}
	return c.put(ctx, issuer, s.lists, ListName(issuer.GetName()), api.RevocationLists, lists)
}

func (c *CRLs) put(ctx context.Context, issuer v1.GenericIssuer, existing *corev1.Secret, name, label string, data map[string][]byte) error {
	if existing == nil && len(data) == 0 {
		return nil
	}
	full := c.secret(issuer, name)
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: full.Namespace, Name: full.Name}, Type: corev1.SecretTypeOpaque}
	if existing != nil {
		secret = existing.DeepCopy()
	}
	metav1.SetMetaDataLabel(&secret.ObjectMeta, c.Names.Label.Managed, "true")
	metav1.SetMetaDataLabel(&secret.ObjectMeta, c.Names.Label.RevocationList, label)
	if metav1.GetControllerOf(secret) == nil {
		owner := metav1.NewControllerRef(issuer, c.Names.GroupVersion.WithKind(backend.IssuerOwner(issuer).Kind))
		// Nothing has to wait for the lists to be gone.
		owner.BlockOwnerDeletion = nil
		secret.OwnerReferences = append(secret.OwnerReferences, *owner)
	}
	secret.Data = maps.Clone(data)
	if existing != nil && equality.Semantic.DeepEqual(existing, secret) {
		return nil
	}
	var err error
	if existing == nil {
		err = c.Client.Create(ctx, secret)
	} else {
		err = c.Client.Update(ctx, secret)
	}
	switch {
	case err == nil:
		return nil
	case apierrors.IsAlreadyExists(err), apierrors.IsNotFound(err) && existing != nil, outcome.IsMomentary(err):
		return errOvertaken
	case writeRefused(err):
		return outcome.WaitUntil(c.Client.Now().Add(foreignPause), v1.ReasonWriteRefused, "Secret %q cannot be written: %v", name, err)
	}
	return fmt.Errorf("writing Secret %q: %w", name, err)
}
