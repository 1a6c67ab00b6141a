package controllers

import (
	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/outcome"
)

// keystoreKind tells the two keystore passwords apart.
type keystoreKind string

const (
	jks    keystoreKind = "jks"
	pkcs12 keystoreKind = "pkcs12"
)

// passwords are those of the keystores that a Certificate asks for. A missing one is Invalid; its
// Secret is watched.
func (r *CertificateReconciler) passwords(crt *v1.Certificate) (map[keystoreKind]string, error) {
	passwords := map[keystoreKind]string{}
	keystores := crt.Spec.Keystores
	if keystores == nil {
		return passwords, nil
	}
	var err error
	if store := keystores.JKS; store != nil && store.Create {
		if passwords[jks], err = r.password(crt, store.Password, store.PasswordSecretRef); err != nil {
			return nil, err
		}
	}
	if store := keystores.PKCS12; store != nil && store.Create {
		if passwords[pkcs12], err = r.password(crt, store.Password, store.PasswordSecretRef); err != nil {
			return nil, err
		}
	}
	return passwords, nil
}

func (r *CertificateReconciler) password(crt *v1.Certificate, literal *string, ref *v1.SecretKeySelector) (string, error) {
	if literal != nil {
		return *literal, nil
	}
	if ref == nil {
		return "", outcome.Invalidf(v1.ReasonInvalidSpec, "a keystore needs a password: set password or passwordSecretRef")
	}
	watcher := owner(v1.CertificateKind, types.NamespacedName{Namespace: crt.Namespace, Name: crt.Name})
	secret, err := r.Secrets.Get(watcher, types.NamespacedName{Namespace: crt.Namespace, Name: ref.Name})
	if err != nil {
		return "", err
	}
	const defaultKey = "password"
	key := ref.Key
	if key == "" {
		key = defaultKey
	}
	if secret == nil || len(secret.Data[key]) == 0 {
		return "", outcome.Invalidf(v1.ReasonKeystorePasswordSecretNotFound,
			"waiting for the keystore password: Secret %q needs a key %q", ref.Name, key)
	}
	return string(secret.Data[key]), nil
}

// passwordSecrets are the Secrets that a Certificate's keystores name.
func passwordSecrets(crt *v1.Certificate) []types.NamespacedName {
	if crt.Spec.Keystores == nil {
		return nil
	}
	var refs []*v1.SecretKeySelector
	if store := crt.Spec.Keystores.JKS; store != nil {
		refs = append(refs, store.PasswordSecretRef)
	}
	if store := crt.Spec.Keystores.PKCS12; store != nil {
		refs = append(refs, store.PasswordSecretRef)
	}
	var names []types.NamespacedName
	for _, ref := range refs {
		if ref != nil {
			names = append(names, types.NamespacedName{Namespace: crt.Namespace, Name: ref.Name})
		}
	}
	return names
}
