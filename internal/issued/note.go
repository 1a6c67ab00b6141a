package issued

import (
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certwright/certwright/api"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/pki"
)

// note is what a target Secret carries beside the certificate and the names that its other annotations have.
// Field names are short because it stands on every target Secret.
type note struct {
	Account string `json:"account,omitempty"`
	Seal    string `json:"seal"`
}

// longestNote bounds, in bytes, what is read of an annotation that anybody may have written.
const longestNote = 4096

// Note is the annotation of the target Secret that a certificate is stored in.
func (k Key) Note(r *Record) string {
	text, err := json.Marshal(note{Account: r.Account, Seal: k.Seal(r)})
	if err != nil {
		return "" // Two strings can always be written as JSON.
	}
	return string(text)
}

// FromSecret is the record of the certificate in a target Secret, nil where the Secret holds no certificate
// that the operator got issued for the Certificate it names.
func (k Key) FromSecret(names api.Names, secret *corev1.Secret) *Record {
	keys, text := names.Annotation, secret.Annotations[names.Annotation.Issued]
	var said note
	if text == "" || len(text) > longestNote || json.Unmarshal([]byte(text), &said) != nil {
		return nil
	}
	chain, err := pki.ParseChain(secret.Data[corev1.TLSCertKey], pki.MaxChainBytes)
	if err != nil {
		return nil
	}
	record := &Record{
		Certificate: types.NamespacedName{Namespace: secret.Namespace, Name: secret.Annotations[keys.CertificateName]},
		Issuer: v1.IssuerRef{
			Name: secret.Annotations[keys.IssuerName], Kind: secret.Annotations[keys.IssuerKind], Group: secret.Annotations[keys.IssuerGroup],
		}.WithDefaults(names),
		Account: said.Account,
		Leaf:    chain.Leaf(),
	}
	if !k.Verify(record, said.Seal) {
		return nil
	}
	return record
}
