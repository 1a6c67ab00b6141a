package kube_test

import (
	"bytes"
	"encoding/pem"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certwright/certwright/api"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/issuance"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/pki"
)

var names = api.DefaultNames()

// pair is a certificate with names and a subject, signed by itself, so that it is its own CA.
func pair(t *testing.T, crt *v1.Certificate) *issuance.Pair {
	t.Helper()
	spec := issuance.RequestSpec(crt)
	key, err := pki.GenerateKey(spec.Key)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := pki.CreateRequest(spec, key)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := pki.ParseRequest(encoded)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := pki.SelfSign(csr, key, pki.Template{Duration: time.Hour}, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	return &issuance.Pair{Key: key, Chain: chain, CA: chain.PEM()}
}

func layout(t *testing.T, change ...func(*v1.Certificate)) kube.Layout {
	t.Helper()
	crt := &v1.Certificate{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "leaf", UID: "uid"},
		Spec: v1.CertificateSpec{
			SecretName: "leaf-tls", IssuerRef: v1.IssuerRef{Name: "ca"}, PrivateKey: &v1.CertificatePrivateKey{Algorithm: v1.ECDSAKeyAlgorithm},
			CommonName: "leaf.test", DNSNames: []string{"leaf.test", "www.leaf.test"}, IPAddresses: []string{"192.0.2.1"},
			Subject: &v1.X509Subject{Organizations: []string{"One, Ltd", "Two"}},
		},
	}
	for _, f := range change {
		f(crt)
	}
	return kube.Layout{Names: names, Certificate: crt, Pair: pair(t, crt), Issuer: crt.Spec.IssuerRef, Issued: true, JKSPassword: "changeit", PKCS12Password: "changeit"}
}

// apply lays a Secret out and insists that doing so again changes nothing.
func apply(t *testing.T, l kube.Layout, existing *corev1.Secret) *corev1.Secret {
	t.Helper()
	secret, _, err := l.Apply(existing)
	if err != nil {
		t.Fatal(err)
	}
	again, changed, err := l.Apply(secret)
	if err != nil {
		t.Fatal(err)
	}
	if changed {
		t.Errorf("laying the Secret out again changes it: %s", cmp.Diff(secret, again))
	}
	return secret
}

func TestNewSecret(t *testing.T) {
	l := layout(t)
	secret := apply(t, l, nil)
	if secret.Type != corev1.SecretTypeTLS || secret.Labels[names.Label.Managed] != "true" {
		t.Errorf("type %s, labels %v", secret.Type, secret.Labels)
	}
	if _, _, err := pki.VerifyPair(secret.Data[corev1.TLSPrivateKeyKey], secret.Data[corev1.TLSCertKey]); err != nil {
		t.Error(err)
	}
	if !bytes.Equal(secret.Data[kube.CAKey], l.Pair.CA) {
		t.Error("ca.crt is not the issuer's")
	}
	want := map[string]string{
		names.Annotation.CertificateName: "leaf", names.Annotation.IssuerName: "ca", names.Annotation.IssuerKind: "Issuer",
		names.Annotation.IssuerGroup: names.Group, names.Annotation.CommonName: "leaf.test",
		names.Annotation.AltNames: "leaf.test,www.leaf.test", names.Annotation.IPSANs: "192.0.2.1", names.Annotation.URISANs: "",
		// The values of one attribute are a set, which DER sorts (X.690 section 11.6).
		names.Annotation.Subject.Organizations: `Two,"One, Ltd"`,
	}
	if diff := cmp.Diff(want, secret.Annotations); diff != "" {
		t.Error(diff)
	}
}

// What others put on the Secret stays; what the spec asked for before and does not any more goes.
func TestOthersKeepWhatIsTheirs(t *testing.T) {
	l := layout(t, func(crt *v1.Certificate) {
		crt.Spec.SecretTemplate = &v1.CertificateSecretTemplate{
			Labels: map[string]string{"template": "yes"}, Annotations: map[string]string{"template.test/a": "yes"},
		}
		crt.Spec.AdditionalOutputFormats = []v1.CertificateAdditionalOutputFormat{{Type: v1.OutputFormatDER}, {Type: v1.OutputFormatCombinedPEM}}
		crt.Spec.Keystores = &v1.CertificateKeystores{JKS: &v1.JKSKeystore{Create: true}, PKCS12: &v1.PKCS12Keystore{Create: true}}
	})
	existing := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: "leaf-tls", Labels: map[string]string{"theirs": "yes"}, Annotations: map[string]string{"theirs.test/a": "yes"},
		},
		Type: corev1.SecretTypeOpaque,
		Data: map[string][]byte{"theirs": []byte("yes"), kube.CombinedPEMKey: []byte("old")},
	}
	full := apply(t, l, existing)
	for _, key := range []string{kube.DERKey, kube.CombinedPEMKey, kube.JKSKey, kube.JKSTrustKey, kube.PKCS12Key, kube.PKCS12TrustKey} {
		if len(full.Data[key]) == 0 {
			t.Errorf("%s is missing", key)
		}
	}
	if full.Labels["template"] != "yes" || full.Annotations["template.test/a"] != "yes" || full.Type != corev1.SecretTypeOpaque {
		t.Errorf("type %s, labels %v, annotations %v", full.Type, full.Labels, full.Annotations)
	}

	l.Certificate.Spec.SecretTemplate, l.Certificate.Spec.AdditionalOutputFormats, l.Certificate.Spec.Keystores = nil, nil, nil
	l.Issued = false
	plain := apply(t, l, full)
	for _, key := range []string{kube.DERKey, kube.CombinedPEMKey, kube.JKSKey, kube.JKSTrustKey, kube.PKCS12Key, kube.PKCS12TrustKey} {
		if _, still := plain.Data[key]; still {
			t.Errorf("%s is still there", key)
		}
	}
	if _, still := plain.Labels["template"]; still || plain.Labels["theirs"] != "yes" || plain.Annotations["theirs.test/a"] != "yes" || string(plain.Data["theirs"]) != "yes" {
		t.Errorf("labels %v, annotations %v, data %v", plain.Labels, plain.Annotations, plain.Data)
	}
	if _, still := plain.Annotations[names.Annotation.Applied]; still {
		t.Error("the note of what was applied is left over")
	}
}

// Keeping a certificate leaves key and chain as they were found, byte for byte.
// Whoever may edit the Secret may edit the note on it, too.
func TestAForgedNoteTakesNothingAway(t *testing.T) {
	l := layout(t)
	secret := apply(t, l, nil)
	secret.Data["theirs"] = []byte("kept")
	secret.Annotations[names.Annotation.Applied] = `{"data":["tls.key","tls.crt","ca.crt","theirs"]}`
	l.Issued = false
	after := apply(t, l, secret)
	for _, key := range []string{corev1.TLSPrivateKeyKey, corev1.TLSCertKey, kube.CAKey, "theirs"} {
		if !bytes.Equal(after.Data[key], secret.Data[key]) {
			t.Errorf("%s changed", key)
		}
	}
}

func TestKeepLeavesThePairAlone(t *testing.T) {
	l := layout(t)
	l.Issued = false
	key, err := pki.EncodePrivateKey(l.Pair.Key, pki.PKCS8)
	if err != nil {
		t.Fatal(err)
	}
	chain := append([]byte("a comment\n"), l.Pair.Chain.PEM()...)
	existing := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "leaf-tls"},
		Data: map[string][]byte{corev1.TLSPrivateKeyKey: key, corev1.TLSCertKey: chain}}
	secret := apply(t, l, existing)
	if !bytes.Equal(secret.Data[corev1.TLSPrivateKeyKey], key) || !bytes.Equal(secret.Data[corev1.TLSCertKey], chain) {
		t.Error("the pair was written anew")
	}
	if secret.Labels[names.Label.Managed] != "true" {
		t.Error("the label was not put back")
	}
}

func TestStoringTheSamePairTwiceChangesNothing(t *testing.T) {
	l := layout(t)
	first := apply(t, l, nil)
	if _, changed, err := l.Apply(first); err != nil || changed {
		t.Errorf("changed %v, error %v", changed, err)
	}
}

func TestOutputFormats(t *testing.T) {
	l := layout(t, func(crt *v1.Certificate) {
		crt.Spec.AdditionalOutputFormats = []v1.CertificateAdditionalOutputFormat{{Type: v1.OutputFormatDER}, {Type: v1.OutputFormatCombinedPEM}}
	})
	secret := apply(t, l, nil)
	block, _ := pem.Decode(secret.Data[corev1.TLSPrivateKeyKey])
	if !bytes.Equal(secret.Data[kube.DERKey], block.Bytes) {
		t.Error("key.der is not the DER of tls.key")
	}
	combined := bytes.Join([][]byte{secret.Data[corev1.TLSPrivateKeyKey], secret.Data[corev1.TLSCertKey]}, []byte("\n"))
	if !bytes.Equal(secret.Data[kube.CombinedPEMKey], combined) {
		t.Error("tls-combined.pem is not key and chain")
	}
}

func TestOwnerReferenceIsTakenOverAfterARestore(t *testing.T) {
	l := layout(t)
	l.Owned = true
	controller := true
	existing := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "leaf-tls", OwnerReferences: []metav1.OwnerReference{
		{APIVersion: names.GroupVersion.String(), Kind: v1.CertificateKind, Name: "leaf", UID: "uid-before", Controller: &controller},
		{APIVersion: "v1", Kind: "ConfigMap", Name: "other", UID: "other"},
	}}}
	secret := apply(t, l, existing)
	if owner := metav1.GetControllerOf(secret); owner == nil || owner.UID != "uid" || len(secret.OwnerReferences) != 2 {
		t.Errorf("owners: %+v", secret.OwnerReferences)
	}
}
