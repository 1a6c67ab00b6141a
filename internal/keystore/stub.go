// Package keystore encodes a key, its chain and its CA as JKS or PKCS#12.
package keystore

import (
	"crypto"
	"crypto/x509"
	"errors"

	"github.com/certwright/certwright/internal/pki"
)

// SKELETON: signatures only, bodies follow.

// Kind is the kind of keystore; for PKCS#12 it is the profile.
type Kind string

const (
	JKS        Kind = "JKS"
	LegacyRC2  Kind = "LegacyRC2"
	LegacyDES  Kind = "LegacyDES"
	Modern2023 Kind = "Modern2023"
	Modern2026 Kind = "Modern2026"
)

// Content is what a keystore holds. CA empty means no truststore. Alias is for JKS only.
type Content struct {
	Key   crypto.Signer
	Chain pki.Chain
	CA    []*x509.Certificate
	Alias string
}

var errStub = errors.New("skeleton")

func Build(kind Kind, c Content, password string) (keystore, truststore []byte, err error) {
	return nil, nil, errStub
}

// Current says whether the stored bytes already hold exactly this content under this password.
func Current(kind Kind, c Content, password string, keystore, truststore []byte) bool { return false }
