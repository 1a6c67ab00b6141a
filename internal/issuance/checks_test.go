package issuance_test

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/issuance"
	"github.com/certwright/certwright/internal/pki"
)

// Every reason to issue again, each on a Certificate that is right in every other way, and the
// changes to a spec that are none.
func TestReasonsToIssueAgain(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*world)
		reason string // empty: the certificate is kept
	}{
		"nothing":                    {func(*world) {}, ""},
		"the Secret is gone":         {func(w *world) { w.Secret = nil }, v1.ReasonDoesNotExist},
		"the Secret has no key":      {func(w *world) { delete(w.Secret.Data, corev1.TLSPrivateKeyKey) }, v1.ReasonMissingData},
		"the Secret has no chain":    {func(w *world) { delete(w.Secret.Data, corev1.TLSCertKey) }, v1.ReasonMissingData},
		"the key is rubbish":         {func(w *world) { w.Secret.Data[corev1.TLSPrivateKeyKey] = []byte("rubbish") }, v1.ReasonInvalidKeyPair},
		"the chain is rubbish":       {func(w *world) { w.Secret.Data[corev1.TLSCertKey] = []byte("rubbish") }, v1.ReasonInvalidCertificate},
		"the key is another's":       {otherKey, v1.ReasonInvalidKeyPair},
		"another issuer is named":    {func(w *world) { w.Certificate.Spec.IssuerRef.Name = "other" }, v1.ReasonIncorrectIssuer},
		"another kind is named":      {func(w *world) { w.Certificate.Spec.IssuerRef.Kind = v1.ClusterIssuerKind }, v1.ReasonIncorrectIssuer},
		"the default kind is named":  {func(w *world) { w.Certificate.Spec.IssuerRef.Kind = v1.IssuerKind }, ""},
		"the default group is named": {func(w *world) { w.Certificate.Spec.IssuerRef.Group = names.Group }, ""},
		"another Certificate's": {func(w *world) {
			w.Secret.Annotations[names.Annotation.CertificateName] = "gone"
		}, v1.ReasonIncorrectCertificate},
		"another key size":      {func(w *world) { w.Certificate.Spec.PrivateKey.Size = 384 }, v1.ReasonSecretMismatch},
		"another key algorithm": {func(w *world) { w.Certificate.Spec.PrivateKey.Algorithm = v1.Ed25519KeyAlgorithm }, v1.ReasonSecretMismatch},
		"another key encoding":  {func(w *world) { w.Certificate.Spec.PrivateKey.Encoding = v1.PKCS8 }, v1.ReasonSecretMismatch},
		"another pair than the request's": {func(w *world) {
			w.Requests = nil
			w.request(1, 1)
		}, v1.ReasonSecretMismatch},
		"another DNS name":      {func(w *world) { w.Certificate.Spec.DNSNames = []string{"other.example.test"} }, v1.ReasonRequestChanged},
		"the same DNS name":     {func(w *world) { w.Certificate.Spec.DNSNames = []string{"LEAF.example.test"} }, ""},
		"an IP address":         {func(w *world) { w.Certificate.Spec.IPAddresses = []string{"192.0.2.1"} }, v1.ReasonRequestChanged},
		"a URI":                 {func(w *world) { w.Certificate.Spec.URIs = []string{"spiffe://example.test/a"} }, v1.ReasonRequestChanged},
		"an e-mail address":     {func(w *world) { w.Certificate.Spec.EmailAddresses = []string{"a@example.test"} }, v1.ReasonRequestChanged},
		"a common name":         {func(w *world) { w.Certificate.Spec.CommonName = "leaf.example.test" }, v1.ReasonRequestChanged},
		"a subject":             {func(w *world) { w.Certificate.Spec.Subject = &v1.X509Subject{Organizations: []string{"A"}} }, v1.ReasonRequestChanged},
		"a CA":                  {func(w *world) { w.Certificate.Spec.IsCA = true }, v1.ReasonRequestChanged},
		"usages":                {func(w *world) { w.Certificate.Spec.Usages = []v1.KeyUsage{"server auth"} }, v1.ReasonRequestChanged},
		"the default usages":    {func(w *world) { w.Certificate.Spec.Usages = []v1.KeyUsage{"key encipherment", "digital signature"} }, ""},
		"a first duration":      {func(w *world) { w.Certificate.Spec.Duration = &metav1.Duration{Duration: 2 * time.Hour} }, ""},
		"a signature algorithm": {func(w *world) { w.Certificate.Spec.SignatureAlgorithm = v1.ECDSAWithSHA512 }, v1.ReasonRequestChanged},
		"output formats": {func(w *world) {
			w.Certificate.Spec.AdditionalOutputFormats = []v1.CertificateAdditionalOutputFormat{{Type: v1.OutputFormatDER}}
		}, ""},
		"a history limit": {func(w *world) { limit := int32(3); w.Certificate.Spec.RevisionHistoryLimit = &limit }, ""},
		"the CA's key":    {otherSigner, v1.ReasonIssuerKeyChanged},
		"the time":        {func(w *world) { w.Now = start.Add(lifetime * 2 / 3) }, v1.ReasonRenewing},
	} {
		t.Run(name, func(t *testing.T) {
			w := issuedWorld(t)
			test.change(w)
			plan := w.decide()
			if test.reason == "" {
				w.expect(plan, issuance.Keep, v1.ReasonReady)
				return
			}
			w.expect(plan, issuance.Begin, test.reason)
			if plan.Attempt != 2 {
				t.Errorf("attempt %d, want 2", plan.Attempt)
			}
		})
	}
}

func otherKey(w *world) {
	key, err := pki.GenerateKey(pki.KeySpec{Algorithm: pki.ECDSA})
	w.must(err)
	w.Secret.Data[corev1.TLSPrivateKeyKey], err = pki.EncodePrivateKey(key, pki.PKCS1)
	w.must(err)
}

func otherSigner(w *world) {
	other := newWorld(w.t, func(crt *v1.Certificate) { crt.Spec.IsCA = true })
	request, key := other.request(1, 1)
	other.sign(request, key, start)
	chain, err := pki.ParseChain(request.Status.Certificate, pki.MaxChainBytes)
	w.must(err)
	w.Issuer.Signer = chain.Leaf()
}

// A cluster restored from a backup has Secrets and Certificates, but neither status nor requests.
func TestRestoredCertificateIsKept(t *testing.T) {
	w := issuedWorld(t)
	w.Requests, w.Certificate.Status = nil, v1.CertificateStatus{}
	w.expect(w.decide(), issuance.Keep, v1.ReasonReady)
	if got := w.condition(v1.ConditionReady).Status; got != metav1.ConditionTrue {
		t.Errorf("Ready is %s after a restore", got)
	}
}

// A Secret that belongs to nobody and fits is kept as it is, whoever signed it.
func TestFittingSecretOfNobodyIsAdopted(t *testing.T) {
	w := issuedWorld(t)
	w.Requests, w.Certificate.Status, w.Secret.Annotations = nil, v1.CertificateStatus{}, nil
	otherSigner(w)
	w.expect(w.decide(), issuance.Keep, v1.ReasonReady)

	w.Secret.Data[corev1.TLSCertKey] = nil
	w.expect(w.decide(), issuance.Begin, v1.ReasonMissingData)
}

// A pair that was found and kept stays as it is, however its key is encoded: OpenSSL writes PKCS#8.
func TestAdoptedKeyMayHaveAnotherEncoding(t *testing.T) {
	w := newWorld(t)
	request, key := w.request(1, 1)
	w.sign(request, key, start)
	w.store(request, key)
	w.Requests = nil
	encoded, err := pki.EncodePrivateKey(key, pki.PKCS8)
	w.must(err)
	w.Secret.Data[corev1.TLSPrivateKeyKey] = encoded
	w.expect(w.decide(), issuance.Keep, v1.ReasonReady)
}

func TestSharedSecretHasOneOwner(t *testing.T) {
	w := issuedWorld(t)
	younger := w.Certificate.DeepCopy()
	younger.Name, younger.CreationTimestamp = "younger", metav1.NewTime(start.Add(time.Hour))
	w.Rivals = []*v1.Certificate{younger}
	w.expect(w.decide(), issuance.Keep, v1.ReasonReady)

	rival := newWorld(t)
	rival.Certificate, rival.Rivals, rival.Secret = younger, []*v1.Certificate{w.Certificate}, w.Secret
	rival.expect(rival.decide(), issuance.Hold, v1.ReasonIncorrectCertificate)
	if got := rival.condition(v1.ConditionReady).Message; got != `Secret "leaf-tls" belongs to Certificate "leaf": give one of the two another secretName` {
		t.Errorf("Ready says %q", got)
	}

	rival.Secret = nil
	rival.expect(rival.decide(), issuance.Hold, v1.ReasonIncorrectCertificate)
	rival.Rivals = nil
	rival.expect(rival.decide(), issuance.Begin, v1.ReasonDoesNotExist)
}

func TestControlledSecretIsLeftAlone(t *testing.T) {
	controller := true
	w := issuedWorld(t)
	w.Secret.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: "web", Controller: &controller}}
	w.expect(w.decide(), issuance.Hold, v1.ReasonSecretNotOurs)

	w.Secret.OwnerReferences = []metav1.OwnerReference{{
		APIVersion: names.GroupVersion.String(), Kind: v1.CertificateKind, Name: "leaf", UID: "uid-before-the-restore", Controller: &controller,
	}}
	w.expect(w.decide(), issuance.Keep, v1.ReasonReady)
}
