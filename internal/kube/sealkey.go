package kube

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/certwright/certwright/internal/issued"
)

const (
	// sealKeyName is the Secret that holds the key of the records of what was issued. Whoever may write it may
	// have any certificate revoked that a ClusterIssuer signed.
	sealKeyName  = "certwright-seal"
	sealKeyField = "key"
)

// SealKey is the key of the records of what was issued, kept in a Secret that is made where there is none. It
// is read once.
//
// It is a manager.Runnable, so that the key is there before the first certificate is.
type SealKey struct {
	Client *Client
	// Namespace is the cluster resource namespace.
	Namespace string

	mu  sync.Mutex
	key issued.Key
}

// Start reads the key. Where that fails, the first certificate to be stored tries again.
func (s *SealKey) Start(ctx context.Context) error {
	if _, err := s.Get(ctx); err != nil {
		logf.FromContext(ctx).Error(err, "Reading the key of the records of what was issued")
	}
	return nil
}

// NeedLeaderElection says that only the reconciling replica makes the key.
func (s *SealKey) NeedLeaderElection() bool { return true }

// Get is the key. An error is one of the API server's, or says which Secret cannot be used.
func (s *SealKey) Get(ctx context.Context) (issued.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.key != nil {
		return s.key, nil
	}
	secret := &corev1.Secret{}
	name := types.NamespacedName{Namespace: s.Namespace, Name: sealKeyName}
	err := s.Client.Live.Get(ctx, name, secret)
	if apierrors.IsNotFound(err) {
		secret, err = s.create(ctx, name)
	}
	if err != nil {
		return nil, fmt.Errorf("the key of the records of what was issued: %w", err)
	}
	key := secret.Data[sealKeyField]
	if len(key) != issued.KeySize {
		return nil, fmt.Errorf("entry %q of Secret %s is not a key of %d bytes: delete the Secret to have another made; certificates issued until then cannot be revoked by a CertificateRevocation", sealKeyField, name, issued.KeySize)
	}
	s.key = key
	return s.key, nil
}

// create makes the key. Of two replicas that do, one meets the other's.
func (s *SealKey) create(ctx context.Context, name types.NamespacedName) (*corev1.Secret, error) {
	key := make([]byte, issued.KeySize)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name},
		Immutable:  new(true),
		Data:       map[string][]byte{sealKeyField: key},
	}
	err := s.Client.Create(ctx, secret)
	if apierrors.IsAlreadyExists(err) {
		secret = &corev1.Secret{}
		err = s.Client.Live.Get(ctx, name, secret)
	}
	return secret, err
}
