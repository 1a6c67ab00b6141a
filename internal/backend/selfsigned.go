package backend

import (
	"context"
	"crypto"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certwright/certwright/api"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/outcome"
	"github.com/certwright/certwright/internal/pki"
)

// SelfSigned signs each request with the request's own key: from the keyring, or from the Secret
// that the request's annotation names.
type SelfSigned struct {
	Names   api.Names
	Keyring *kube.Keyring
	Secrets *kube.SecretRefs
}

// Issue implements Backend.
func (b *SelfSigned) Issue(_ context.Context, request Request) (*Issued, error) {
	key, err := b.key(request)
	if err != nil {
		return nil, err
	}
	template := template(request.Object, usages(request.Object))
	template.CRLDistributionPoints = request.Issuer.GetSpec().SelfSigned.CRLDistributionPoints
	chain, err := pki.SelfSign(request.CSR, key, template, request.Now)
	if err != nil {
		return nil, refused(err)
	}
	return &Issued{Chain: chain.PEM(), CA: chain.PEM()}, nil
}

func (b *SelfSigned) key(request Request) (crypto.Signer, error) {
	if key := b.Keyring.Get(pki.PublicKeyID(request.CSR.PublicKey)); key != nil {
		return key, nil
	}
	annotation := b.Names.Annotation.PrivateKeySecretName
	name := request.Object.Annotations[annotation]
	if name == "" {
		return nil, outcome.Terminalf(outcome.ClassLocal, v1.ReasonFailed,
			"a selfSigned issuer needs the request's private key: name its Secret in the annotation %s", annotation)
	}
	owner := kube.Owner{Kind: v1.CertificateRequestKind, NamespacedName: types.NamespacedName{Namespace: request.Object.Namespace, Name: request.Object.Name}}
	secret, err := b.Secrets.Get(owner, types.NamespacedName{Namespace: request.Object.Namespace, Name: name})
	if err != nil {
		return nil, err
	}
	if secret == nil {
		return nil, outcome.WaitFor("MissingSecret", "waiting for Secret %q with the request's private key", name)
	}
	key, err := pki.DecodePrivateKey(secret.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		return nil, outcome.WaitFor("ErrorParsingKey", "waiting for a readable %s in Secret %q: %v", corev1.TLSPrivateKeyKey, name, err)
	}
	if !pki.PublicKeysEqual(key.Public(), request.CSR.PublicKey) {
		return nil, outcome.Terminalf(outcome.ClassLocal, v1.ReasonFailed, "the private key in Secret %q is not the one that the request was made with", name)
	}
	return key, nil
}
