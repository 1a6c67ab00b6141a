package rollout

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/certwright/certwright/api"
	"github.com/certwright/certwright/internal/pki"
)

// caKey is the key of a target Secret with the CA's certificate.
const caKey = "ca.crt"

// Certificate is what a target Secret holds, as far as pods that read it are concerned.
type Certificate struct {
	// Digest changes with the certificate, its chain and its CA.
	Digest string
	// Temporary marks a throwaway certificate, which a real one is about to replace.
	Temporary bool
}

// CertificateOf is the certificate in a Secret, nil if the Secret is no Certificate's target or holds no
// certificate that can be read.
func CertificateOf(secret *corev1.Secret, names api.Names) *Certificate {
	if secret.Annotations[names.Annotation.CertificateName] == "" || secret.Labels[names.Label.NextPrivateKey] != "" {
		return nil
	}
	chain, err := pki.ParseChain(secret.Data[corev1.TLSCertKey], 0)
	if err != nil || len(chain) == 0 {
		return nil
	}
	return &Certificate{
		Digest:    digest(secret.Data[corev1.TLSCertKey], secret.Data[caKey]),
		Temporary: chain.Leaf().Issuer.CommonName == pki.TemporaryIssuer,
	}
}

// SameCertificate says whether two views of a Secret hold the same, as far as this package is concerned.
func SameCertificate(a, b *corev1.Secret, names api.Names) bool {
	return a.Annotations[names.Annotation.CertificateName] == b.Annotations[names.Annotation.CertificateName] &&
		slices.Equal(a.Data[corev1.TLSCertKey], b.Data[corev1.TLSCertKey]) && slices.Equal(a.Data[caKey], b.Data[caKey])
}

// digest is half a SHA-256 sum, in hexadecimal. The private key is no part of it: it changes with its certificate,
// and the digest is there for everybody to read. Digests stand on workloads and outlive the program: what they are
// made of must never change, or all workloads would restart.
func digest(certificate, ca []byte) string {
	sum := sha256.New()
	// A hash takes every write.
	_, _ = sum.Write(binary.BigEndian.AppendUint64(nil, uint64(len(certificate))))
	_, _ = sum.Write(certificate)
	_, _ = sum.Write(ca)
	return hex.EncodeToString(sum.Sum(nil)[:sha256.Size/2])
}

// Record has the digests of certificates by the names of their Secrets.
type Record map[string]string

// maxRecordBytes bounds a record that is read: the longest that is ever written fits.
const maxRecordBytes = 64 << 10

// ParseRecord reads a record, nil if there is none. Anybody may have written it: what cannot be read, or is too
// large, is none.
func ParseRecord(text string) Record {
	if text == "" || len(text) > maxRecordBytes {
		return nil
	}
	var record Record
	if err := json.Unmarshal([]byte(text), &record); err != nil || len(record) > MaxSecrets {
		return nil
	}
	return record
}

// String is the record as it is written: names in order, and nothing at all for an empty one.
func (r Record) String() string {
	if len(r) == 0 {
		return ""
	}
	// A map of strings can always be encoded.
	text, _ := json.Marshal(r)
	return string(text)
}

// Hash is the SHA-256 sum of the names and digests, in order of the names, in hexadecimal.
func (r Record) Hash() string {
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(r)) {
		// Neither holds a line break: a name is one of Kubernetes, and a digest is ours.
		_, _ = sum.Write([]byte(name + "\n" + r[name] + "\n"))
	}
	return hex.EncodeToString(sum.Sum(nil))
}
