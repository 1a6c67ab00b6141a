package controllers

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/api"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/issuance"
	"github.com/certwright/certwright/internal/issued"
	"github.com/certwright/certwright/internal/kube"
)

// IssuedRecords finds what the operator got issued: in target Secrets, and in the Secrets that remember what was
// in them before.
type IssuedRecords struct {
	Names  api.Names
	Client *kube.Client
	Key    *kube.SealKey
}

// In are the certificates that were issued for Certificates of a namespace, each once.
func (r *IssuedRecords) In(ctx context.Context, namespace string) ([]*issued.Record, error) {
	key, err := r.Key.Get(ctx)
	if err != nil {
		return nil, err
	}
	var secrets corev1.SecretList
	if err := r.Client.Cached.List(ctx, &secrets, client.InNamespace(namespace),
		client.MatchingLabels{r.Names.Label.Managed: "true"}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	var records []*issued.Record
	seen := map[string]bool{}
	add := func(found ...*issued.Record) {
		for _, record := range found {
			if fingerprint := record.Fingerprint(); !seen[fingerprint] {
				seen[fingerprint] = true
				records = append(records, record)
			}
		}
	}
	for i := range secrets.Items {
		if record := key.FromSecret(r.Names, &secrets.Items[i]); record != nil {
			if record.InUse, err = r.isTarget(ctx, &secrets.Items[i], record.Certificate); err != nil {
				return nil, err
			}
			add(record)
		}
	}
	for i := range secrets.Items {
		add(r.kept(key, &secrets.Items[i])...)
	}
	return records, nil
}

// isTarget says whether a Secret is the one that its Certificate names.
func (r *IssuedRecords) isTarget(ctx context.Context, secret *corev1.Secret, certificate types.NamespacedName) (bool, error) {
	crt := &v1.Certificate{}
	err := r.Client.Cached.Get(ctx, certificate, crt)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	return crt.DeletionTimestamp == nil && crt.Spec.SecretName == secret.Name, err
}

// kept are the records in a Secret that remembers what was in a target Secret.
func (r *IssuedRecords) kept(key issued.Key, secret *corev1.Secret) []*issued.Record {
	if secret.Labels[r.Names.Label.IssuedRecord] != "true" {
		return nil
	}
	certificate := types.NamespacedName{Namespace: secret.Namespace, Name: secret.Annotations[r.Names.Annotation.CertificateName]}
	return issued.Kept(secret.Data).Records(key, certificate)
}

// issuedRecordName is the name of the Secret that remembers what was issued for a Certificate. It holds the UID, so
// that it cannot be anybody else's.
func issuedRecordName(crt *v1.Certificate) types.NamespacedName {
	return types.NamespacedName{Namespace: crt.Namespace, Name: issuance.ChildName(crt.Name, "-issued-"+string(crt.UID))}
}
