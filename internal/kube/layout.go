package kube

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certwright/certwright/api"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/issuance"
	"github.com/certwright/certwright/internal/keystore"
	"github.com/certwright/certwright/internal/pki"
)

// Keys of a target Secret beyond tls.key and tls.crt.
const (
	CAKey          = "ca.crt"
	DERKey         = "key.der"
	CombinedPEMKey = "tls-combined.pem"
	JKSKey         = "keystore.jks"
	JKSTrustKey    = "truststore.jks"
	PKCS12Key      = "keystore.p12"
	PKCS12TrustKey = "truststore.p12"
)

// extraKeys are all keys that the operator adds beyond the certificate itself, and so all that it may
// ever take away again.
var extraKeys = []string{DERKey, CombinedPEMKey, JKSKey, JKSTrustKey, PKCS12Key, PKCS12TrustKey}

// Layout is what a target Secret is to hold.
type Layout struct {
	Names       api.Names
	Certificate *v1.Certificate
	Pair        *issuance.Pair
	// Issuer is the one that signed.
	Issuer v1.IssuerRef
	// Issued is true where Pair replaces what the Secret holds; otherwise key and chain stay as they
	// are, byte for byte, and only what surrounds them is brought in line.
	Issued bool
	// Note is the sealed note that the operator got Pair issued, empty where that is not new.
	Note string
	// Owned asks for an owner reference, so that the Secret goes with its Certificate.
	Owned bool
	// JKSPassword and PKCS12Password are the keystores' passwords, where the spec asks for keystores.
	JKSPassword, PKCS12Password string
}

// applied is what the operator put on a Secret beyond the certificate itself. Field names are short
// because they stand on every Secret that has such fields.
type applied struct {
	Data        []string `json:"data,omitempty"`
	Labels      []string `json:"labels,omitempty"`
	Annotations []string `json:"annotations,omitempty"`
}

// Apply returns existing (or a new Secret, where it is nil) laid out, and whether that changed
// anything. existing itself is not changed. What others put on the Secret stays.
func (l Layout) Apply(existing *corev1.Secret) (*corev1.Secret, bool, error) {
	secret := l.blank()
	if existing != nil {
		secret = withOwnMaps(existing)
	}
	if secret.Data == nil {
		secret.Data = map[string][]byte{}
	}
	extra, err := l.extraData(secret)
	if err != nil {
		return nil, false, err
	}
	before := l.appliedTo(secret)
	l.setPair(secret)
	for _, key := range before.Data {
		if _, still := extra[key]; !still {
			delete(secret.Data, key)
		}
	}
	maps.Copy(secret.Data, extra)
	if err := l.setMetadata(secret, before, slices.Sorted(maps.Keys(extra))); err != nil {
		return nil, false, err
	}
	return secret, existing == nil || !sameLayout(existing, secret), nil
}

// withOwnMaps is a copy whose maps can be changed. The values in them are replaced as a whole and never written to:
// thousands of settled Secrets are looked at in this way after a start.
func withOwnMaps(secret *corev1.Secret) *corev1.Secret {
	own := *secret
	own.Data = maps.Clone(secret.Data)
	return &own
}

// sameLayout compares what a Layout may change.
func sameLayout(a, b *corev1.Secret) bool {
	return maps.EqualFunc(a.Data, b.Data, bytes.Equal) && maps.Equal(a.Labels, b.Labels) && maps.Equal(a.Annotations, b.Annotations) &&
		equality.Semantic.DeepEqual(a.OwnerReferences, b.OwnerReferences)
}

func (l Layout) blank() *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: l.Certificate.Spec.SecretName, Namespace: l.Certificate.Namespace},
		Type:       corev1.SecretTypeTLS,
	}
}

func (l Layout) setPair(secret *corev1.Secret) {
	if !l.Issued {
		return
	}
	if !holdsKey(secret, l.Pair, issuance.KeyEncoding(l.Certificate)) {
		// The key was checked when it was made or read: encoding it again cannot fail.
		secret.Data[corev1.TLSPrivateKeyKey], _ = pki.EncodePrivateKey(l.Pair.Key, issuance.KeyEncoding(l.Certificate))
	}
	secret.Data[corev1.TLSCertKey] = l.Pair.Chain.PEM()
	delete(secret.Data, CAKey)
	if len(l.Pair.CA) > 0 {
		secret.Data[CAKey] = l.Pair.CA
	}
}

// holdsKey says whether tls.key is this key already, so that storing the same thing twice changes
// nothing.
func holdsKey(secret *corev1.Secret, pair *issuance.Pair, encoding pki.KeyEncoding) bool {
	key, err := pki.DecodePrivateKey(secret.Data[corev1.TLSPrivateKeyKey])
	if err != nil || !pki.PublicKeysEqual(key.Public(), pair.Key.Public()) {
		return false
	}
	found, err := pki.KeyEncodingOf(secret.Data[corev1.TLSPrivateKeyKey])
	return err == nil && found == encoding
}

// extraData are the formats that the spec asks for beyond PEM.
func (l Layout) extraData(secret *corev1.Secret) (map[string][]byte, error) {
	data := map[string][]byte{}
	for _, format := range l.Certificate.Spec.AdditionalOutputFormats {
		if err := l.addFormat(data, format.Type); err != nil {
			return nil, err
		}
	}
	return data, l.addKeystores(data, secret)
}

func (l Layout) addFormat(data map[string][]byte, format v1.CertificateOutputFormatType) error {
	keyPEM, err := pki.EncodePrivateKey(l.Pair.Key, issuance.KeyEncoding(l.Certificate))
	if err != nil {
		return err
	}
	switch format {
	case v1.OutputFormatDER:
		block, _ := pem.Decode(keyPEM)
		data[DERKey] = block.Bytes
	case v1.OutputFormatCombinedPEM:
		data[CombinedPEMKey] = bytes.Join([][]byte{keyPEM, l.Pair.Chain.PEM()}, []byte("\n"))
	}
	return nil
}

func (l Layout) addKeystores(data map[string][]byte, secret *corev1.Secret) error {
	keystores := l.Certificate.Spec.Keystores
	if keystores == nil {
		return nil
	}
	content := keystore.Content{Key: l.Pair.Key, Chain: l.Pair.Chain, CA: l.authorities(secret)}
	if jks := keystores.JKS; jks != nil && jks.Create {
		content.Alias = ""
		if jks.Alias != nil {
			content.Alias = *jks.Alias
		}
		if err := addKeystore(data, secret, keystore.JKS, content, l.JKSPassword, JKSKey, JKSTrustKey); err != nil {
			return err
		}
	}
	if pkcs12 := keystores.PKCS12; pkcs12 != nil && pkcs12.Create {
		kind := keystore.Kind(pkcs12.Profile)
		if kind == "" {
			kind = keystore.LegacyRC2
		}
		return addKeystore(data, secret, kind, content, l.PKCS12Password, PKCS12Key, PKCS12TrustKey)
	}
	return nil
}

// addKeystore keeps a keystore that holds the right content already: encoding it again would give
// other bytes each time, for its salts.
func addKeystore(data map[string][]byte, secret *corev1.Secret, kind keystore.Kind, content keystore.Content, password, storeKey, trustKey string) error {
	store, trust := secret.Data[storeKey], secret.Data[trustKey]
	if !keystore.Current(kind, content, password, store, trust) {
		var err error
		if store, trust, err = keystore.Build(kind, content, password); err != nil {
			return fmt.Errorf("building %s: %w", storeKey, err)
		}
	}
	data[storeKey] = store
	if len(trust) > 0 && len(content.CA) > 0 {
		data[trustKey] = trust
	}
	return nil
}

func (l Layout) authorities(secret *corev1.Secret) []*x509.Certificate {
	ca := secret.Data[CAKey]
	if l.Issued {
		ca = l.Pair.CA
	}
	if len(ca) == 0 {
		return nil
	}
	certificates, err := pki.ParseBundle(ca, pki.MaxBundleBytes)
	if err != nil {
		return nil
	}
	return certificates
}

// appliedTo reads what was put on the Secret before. An unreadable note is no note: then nothing is
// taken away. Anybody may have written it: it takes nothing away that the operator would not have put
// there.
func (l Layout) appliedTo(secret *corev1.Secret) applied {
	var note applied
	if err := json.Unmarshal([]byte(secret.Annotations[l.Names.Annotation.Applied]), &note); err != nil {
		return applied{}
	}
	note.Data = slices.DeleteFunc(note.Data, func(key string) bool { return !slices.Contains(extraKeys, key) })
	return note
}

func (l Layout) setMetadata(secret *corev1.Secret, before applied, data []string) error {
	labels, annotations := map[string]string{}, map[string]string{}
	if template := l.Certificate.Spec.SecretTemplate; template != nil {
		maps.Copy(labels, template.Labels)
		maps.Copy(annotations, template.Annotations)
	}
	now := applied{Data: data, Labels: slices.Sorted(maps.Keys(labels)), Annotations: slices.Sorted(maps.Keys(annotations))}
	labels[l.Names.Label.Managed] = "true"
	maps.Copy(annotations, l.describe())
	switch {
	case l.Note != "":
		annotations[l.Names.Annotation.Issued] = l.Note
	case l.Issued:
		before.Annotations = append(before.Annotations, l.Names.Annotation.Issued)
	}
	note, err := json.Marshal(now)
	if err != nil {
		return err
	}
	if string(note) != "{}" {
		annotations[l.Names.Annotation.Applied] = string(note)
	} else {
		before.Annotations = append(before.Annotations, l.Names.Annotation.Applied)
	}
	secret.Labels = merged(secret.Labels, before.Labels, labels)
	secret.Annotations = merged(secret.Annotations, append(before.Annotations, l.describable()...), annotations)
	l.setOwner(secret)
	return nil
}

// merged is existing without remove and with set.
func merged(existing map[string]string, remove []string, set map[string]string) map[string]string {
	result := maps.Clone(existing)
	if result == nil {
		result = map[string]string{}
	}
	for _, key := range remove {
		delete(result, key)
	}
	maps.Copy(result, set)
	return result
}

func (l Layout) setOwner(secret *corev1.Secret) {
	if !l.Owned {
		return
	}
	secret.OwnerReferences = slices.DeleteFunc(slices.Clone(secret.OwnerReferences), func(ref metav1.OwnerReference) bool {
		return ref.Kind == v1.CertificateKind && ref.APIVersion == l.Names.GroupVersion.String() && ref.Name == l.Certificate.Name
	})
	secret.OwnerReferences = append(secret.OwnerReferences,
		*metav1.NewControllerRef(l.Certificate, l.Names.GroupVersion.WithKind(v1.CertificateKind)))
}
