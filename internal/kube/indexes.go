package kube

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/api"
	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/issuance"
	"github.com/certwright/certwright/internal/orderflow"
)

// Names of the cache's indexes.
const (
	// IndexOwner finds requests and managed Secrets by the UID of their controller.
	IndexOwner = "owner"
	// IndexSecretName finds Certificates by their target Secret.
	IndexSecretName = "secretName"
	// IndexIssuer finds Certificates, requests, Orders and revocations under way by the issuers of our group that
	// they name, the fallbacks of Certificates included: see IssuerKey.
	IndexIssuer = "issuer"
	// IndexRevocations finds CertificateRevocations by the Certificate whose certificates they are about.
	IndexRevocations = "revocations"
	// IndexTurn finds Orders that were made at the CA and are at work, by orderflow.TurnKey.
	IndexTurn = "turn"
	// IndexSource finds Certificates by what they were made for: a Kind/namespace/name.
	IndexSource = "source"
	// IndexTLSSecret finds Ingresses by the Secrets that their spec.tls names.
	IndexTLSSecret = "tlsSecret"
	// IndexToken finds Orders by the tokens of the HTTP-01 challenges that wait for an answer.
	IndexToken = "token"
	// IndexTLSName finds Orders by the names, in lower case, whose TLS-ALPN-01 challenges wait for an answer.
	IndexTLSName = "tlsName"
)

// IssuerKey is the key of an issuer in IndexIssuer.
func IssuerKey(kind, name string) string { return kind + "/" + name }

// AddIndexes declares the indexes that reconcilers look objects up by.
func AddIndexes(ctx context.Context, indexer client.FieldIndexer, names api.Names) error {
	byIssuer := func(refs ...v1.IssuerRef) []string {
		var keys []string
		for _, ref := range refs {
			if ref = ref.WithDefaults(names); !ref.IsExternal(names) {
				keys = append(keys, IssuerKey(ref.Kind, ref.Name))
			}
		}
		return keys
	}
	for _, index := range []struct {
		object  client.Object
		name    string
		extract client.IndexerFunc
	}{
		{&v1.CertificateRequest{}, IndexOwner, controllerUID},
		{&corev1.Secret{}, IndexOwner, controllerUID},
		{&v1.Certificate{}, IndexSecretName, of(func(c *v1.Certificate) []string { return []string{c.Spec.SecretName} })},
		{&v1.Certificate{}, IndexIssuer, of(func(c *v1.Certificate) []string { return byIssuer(issuance.Candidates(c)...) })},
		{&v1.Certificate{}, IndexSource, madeFor(names.Annotation.Source)},
		{&networkingv1.Ingress{}, IndexTLSSecret, of(tlsSecrets)},
		{&v1.CertificateRequest{}, IndexIssuer, of(func(c *v1.CertificateRequest) []string { return byIssuer(c.Spec.IssuerRef) })},
		{&acmev1.Order{}, IndexIssuer, of(func(o *acmev1.Order) []string { return byIssuer(o.Spec.IssuerRef) })},
		{&v1.CertificateRevocation{}, IndexIssuer, of(func(r *v1.CertificateRevocation) []string { return pendingAt(r, byIssuer) })},
		{&v1.CertificateRevocation{}, IndexRevocations, of(certificateOf)},
		{&acmev1.Order{}, IndexToken, of(tokens)},
		{&acmev1.Order{}, IndexTLSName, of(tlsNames)},
		{&acmev1.Order{}, IndexTurn, of(turn)},
	} {
		if err := indexer.IndexField(ctx, index.object, index.name, index.extract); err != nil {
			return err
		}
	}
	return nil
}

// pendingAt are the issuers that a revocation still needs.
func pendingAt(revocation *v1.CertificateRevocation, byIssuer func(...v1.IssuerRef) []string) []string {
	var keys []string
	for i := range revocation.Status.Certificates {
		if entry := &revocation.Status.Certificates[i]; entry.State == v1.RevocationPending {
			keys = append(keys, byIssuer(entry.IssuerRef)...)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// certificateOf is the Certificate that a revocation is about, once that is known.
func certificateOf(revocation *v1.CertificateRevocation) []string {
	switch {
	case revocation.Status.CertificateName != "":
		return []string{revocation.Status.CertificateName}
	case revocation.Spec.CertificateRef != nil:
		return []string{revocation.Spec.CertificateRef.Name}
	default:
		return nil
	}
}

// of adapts an index function of one type.
func of[T client.Object](extract func(T) []string) client.IndexerFunc {
	return func(obj client.Object) []string {
		typed, ok := obj.(T)
		if !ok {
			return nil
		}
		return extract(typed)
	}
}

// madeFor indexes Certificates by the source that the annotation key says they were made for.
func madeFor(key string) client.IndexerFunc {
	return func(obj client.Object) []string {
		if source := api.MarkedSource(obj.GetAnnotations()[key], obj.GetNamespace(), obj.GetName()); source != "" {
			return []string{source}
		}
		return nil
	}
}

func tlsSecrets(ingress *networkingv1.Ingress) []string {
	var secrets []string
	for _, block := range ingress.Spec.TLS {
		if block.SecretName != "" {
			secrets = append(secrets, block.SecretName)
		}
	}
	slices.Sort(secrets)
	return slices.Compact(secrets)
}

func controllerUID(obj client.Object) []string {
	controller := metav1.GetControllerOf(obj)
	if controller == nil {
		return nil
	}
	return []string{string(controller.UID)}
}

func turn(order *acmev1.Order) []string {
	if order.Status.State.IsFinal() || order.Status.AccountURL == "" {
		return nil
	}
	return []string{orderflow.TurnKey(order.Status.AccountURL, order)}
}

func tlsNames(order *acmev1.Order) []string {
	if order.Status.State.IsFinal() || order.DeletionTimestamp != nil {
		return nil
	}
	var result []string
	for i := range order.Status.Authorizations {
		if authorization := &order.Status.Authorizations[i]; waitsForTLS(authorization) {
			result = append(result, strings.ToLower(authorization.Identifier))
		}
	}
	return result
}

// waitsForTLS says whether the CA may yet ask for the answer to an authorization's TLS-ALPN-01 challenge.
func waitsForTLS(authorization *acmev1.Authorization) bool {
	c := authorization.Challenge
	return c != nil && c.Type == acmev1.TLSALPN01 && c.KeyAuthorization != "" && authorization.State != acmev1.Valid
}

func tokens(order *acmev1.Order) []string {
	if order.Status.State.IsFinal() {
		return nil
	}
	var result []string
	for _, authorization := range order.Status.Authorizations {
		if c := authorization.Challenge; c != nil && c.Type == acmev1.HTTP01 {
			result = append(result, c.Token)
		}
	}
	return result
}
