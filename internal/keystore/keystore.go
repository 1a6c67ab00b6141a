// Package keystore encodes a private key with its certificates as a Java
// keystore (JKS) or PKCS#12 file, and says whether an existing file is still
// the one that would be written.
//
// The controllers that write Secrets import it. It does no input or output and
// knows nothing of Kubernetes. Passwords and keys never appear in its errors.
// Existing files are compared, never decoded: whoever can write to a Secret
// could otherwise make the decoder allocate or compute without end.
package keystore

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/certwright/certwright/internal/pki"
)

// MaxBytes bounds a keystore file. A Secret cannot hold more.
const MaxBytes = 1 << 20

// DefaultAlias is the alias of the private key in a JKS file.
const DefaultAlias = "certificate"

// Kind is a file format; for PKCS#12 it says which algorithms protect the file,
// under the API name of the profile.
type Kind string

// The kinds of keystore.
const (
	JKS Kind = "JKS"
	// LegacyRC2 is PBE with RC2-40 for certificates and 3DES for the key.
	LegacyRC2 Kind = "LegacyRC2"
	// LegacyDES is PBE with 3DES.
	LegacyDES Kind = "LegacyDES"
	// Modern2023 is PBES2 with AES-256-CBC and an HMAC-SHA-256.
	Modern2023 Kind = "Modern2023"
	// Modern2026 is PBES2 with AES-256-CBC and PBMAC1 (RFC 9879). OpenSSL 3.4
	// and Java 26 are the first to read it.
	Modern2026 Kind = "Modern2026"
)

// PKCS12Kind returns the kind for a PKCS#12 profile of the API; an empty one
// means LegacyRC2.
func PKCS12Kind(profile string) (Kind, error) {
	if profile == "" {
		return LegacyRC2, nil
	}
	if _, ok := encoders[Kind(profile)]; !ok {
		return "", fmt.Errorf("unknown PKCS#12 profile %q: use LegacyRC2, LegacyDES, Modern2023 or Modern2026", profile)
	}
	return Kind(profile), nil
}

// Content is what a keystore holds.
type Content struct {
	// Key is the private key of the chain's leaf.
	Key   crypto.Signer
	Chain pki.Chain
	// CA are the certificates to trust. They are added to the keystore, and
	// make up the truststore; without them there is no truststore.
	CA []*x509.Certificate
	// Alias of the private key in a JKS file, DefaultAlias if empty. JKS knows
	// lower-case aliases only.
	Alias string
}

func (c Content) check() error {
	leaf := c.Chain.Leaf()
	if leaf == nil || c.Key == nil {
		return errors.New("a keystore needs a private key and a certificate")
	}
	if !pki.PublicKeysEqual(leaf.PublicKey, c.Key.Public()) {
		return fmt.Errorf("%w: the certificate is not for this private key", pki.ErrKeyMismatch)
	}
	return nil
}

// encode writes one file with salts from a source of randomness. With the same
// salts it writes the same bytes.
type encode func(random io.Reader) ([]byte, error)

// files are the two files for a content. Truststore is nil if there is none.
type files struct {
	keystore, truststore encode
}

func newFiles(kind Kind, c Content, password string) (files, error) {
	if err := c.check(); err != nil {
		return files{}, err
	}
	if kind == JKS {
		return jksFiles(c, password)
	}
	return pkcs12Files(kind, c, password)
}

// Build encodes the content. The truststore is nil if the content has no CA. An
// empty password is an error for JKS; PKCS#12 allows it. A key that is not the
// leaf's is an error that wraps pki.ErrKeyMismatch.
func Build(kind Kind, c Content, password string) (keystore, truststore []byte, err error) {
	files, err := newFiles(kind, c, password)
	if err != nil {
		return nil, nil, fmt.Errorf("build %s keystore: %w", kind, err)
	}
	keystore, err = files.keystore.build()
	if err != nil {
		return nil, nil, fmt.Errorf("build %s keystore: %w", kind, err)
	}
	if files.truststore == nil {
		return keystore, nil, nil
	}
	truststore, err = files.truststore.build()
	if err != nil {
		return nil, nil, fmt.Errorf("build %s truststore: %w", kind, err)
	}
	return keystore, truststore, nil
}

func (e encode) build() ([]byte, error) {
	out, err := e(rand.Reader)
	if err != nil {
		return nil, err
	}
	if len(out) > MaxBytes {
		return nil, fmt.Errorf("the file would be larger than %d bytes", MaxBytes)
	}
	return out, nil
}

// Current says whether two existing files are what Build would write for this
// content under this password, but for the salts. If so there is no reason to
// write. A truststore must be there if the content has a CA, and be empty if
// not.
func Current(kind Kind, c Content, password string, keystore, truststore []byte) bool {
	files, err := newFiles(kind, c, password)
	if err != nil {
		return false
	}
	if files.truststore == nil {
		return len(truststore) == 0 && files.keystore.writes(keystore)
	}
	return files.keystore.writes(keystore) && files.truststore.writes(truststore)
}

// withoutKnown returns the CA certificates that the chain does not hold, each
// once.
func (c Content) withoutKnown() []*x509.Certificate {
	var out []*x509.Certificate
	for _, ca := range c.CA {
		if !slices.ContainsFunc(c.Chain, ca.Equal) && !slices.ContainsFunc(out, ca.Equal) {
			out = append(out, ca)
		}
	}
	return out
}

// uniqueCA returns the CA certificates, each once.
func (c Content) uniqueCA() []*x509.Certificate {
	return Content{CA: c.CA}.withoutKnown()
}

// writes says whether the encoding of the content can come out as the existing
// bytes. It encodes once with salts of its own to learn where the salts are,
// takes those of the existing file from there, and encodes again.
func (e encode) writes(existing []byte) bool {
	if len(existing) == 0 || len(existing) > MaxBytes {
		return false
	}
	var drawn recorder
	sample, err := e(&drawn)
	if err != nil || len(sample) != len(existing) {
		return false
	}
	var salts replay
	for _, salt := range drawn {
		at := bytes.Index(sample, salt)
		if at < 0 {
			return false
		}
		salts = append(salts, existing[at:at+len(salt)])
	}
	again, err := e(&salts)
	return err == nil && bytes.Equal(again, existing)
}

// recorder is a source of random bytes that keeps what it gave, read by read.
type recorder [][]byte

func (r *recorder) Read(out []byte) (int, error) {
	n, err := rand.Read(out)
	*r = append(*r, bytes.Clone(out[:n]))
	return n, err
}

// replay gives out the bytes of earlier reads, in order.
type replay [][]byte

func (r *replay) Read(out []byte) (int, error) {
	if len(*r) == 0 || len((*r)[0]) != len(out) {
		return 0, errors.New("the salts do not fit")
	}
	n := copy(out, (*r)[0])
	*r = (*r)[1:]
	return n, nil
}
