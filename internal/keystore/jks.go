package keystore

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/pavlo-v-chernykh/keystore-go/v4"
)

// jksCertificate is the name that JKS has for the type of X.509 certificates.
const jksCertificate = "X.509"

// jksFiles returns the files in Java's own format. They carry the leaf's
// notBefore as the time of creation, so that encoding them again changes
// nothing but the salt.
func jksFiles(c Content, password string) (files, error) {
	secret, err := jksPassword(password)
	if err != nil {
		return files{}, err
	}
	key, err := x509.MarshalPKCS8PrivateKey(c.Key)
	if err != nil {
		return files{}, fmt.Errorf("encode private key: %w", err)
	}
	alias := strings.ToLower(c.Alias)
	if alias == "" {
		alias = DefaultAlias
	}
	created := c.Chain.Leaf().NotBefore
	out := files{keystore: func(random io.Reader) ([]byte, error) {
		store := newJKS(random)
		entry := keystore.PrivateKeyEntry{CreationTime: created, PrivateKey: key, CertificateChain: jksCertificates(c.Chain)}
		if err := store.SetPrivateKeyEntry(alias, entry, secret); err != nil {
			return nil, err
		}
		return finishJKS(store, c.uniqueCA(), alias, created, secret)
	}}
	if len(c.CA) > 0 {
		out.truststore = func(random io.Reader) ([]byte, error) {
			return finishJKS(newJKS(random), c.uniqueCA(), "", created, secret)
		}
	}
	return out, nil
}

func newJKS(random io.Reader) keystore.KeyStore {
	return keystore.New(keystore.WithOrderedAliases(), keystore.WithCustomRandomNumberGenerator(random))
}

// finishJKS adds the CA certificates as "ca", "ca-1" and so on, except for an
// alias that the private key has, and encodes the whole.
func finishJKS(store keystore.KeyStore, ca []*x509.Certificate, taken string, created time.Time, password []byte) ([]byte, error) {
	number := 0
	for _, cert := range jksCertificates(ca) {
		alias := caAlias(number)
		if alias == taken {
			number++
			alias = caAlias(number)
		}
		number++
		entry := keystore.TrustedCertificateEntry{CreationTime: created, Certificate: cert}
		if err := store.SetTrustedCertificateEntry(alias, entry); err != nil {
			return nil, err
		}
	}
	var out bytes.Buffer
	if err := store.Store(&out, password); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func caAlias(number int) string {
	if number == 0 {
		return "ca"
	}
	return fmt.Sprintf("ca-%d", number)
}

func jksCertificates(certs []*x509.Certificate) []keystore.Certificate {
	out := make([]keystore.Certificate, 0, len(certs))
	for _, cert := range certs {
		out = append(out, keystore.Certificate{Type: jksCertificate, Content: cert.Raw})
	}
	return out
}

// jksPassword returns the password in the form in which the library takes it:
// one byte for each character, which it widens to the two that Java hashes.
func jksPassword(password string) ([]byte, error) {
	if password == "" {
		return nil, errors.New("a JKS file needs a password that is not empty")
	}
	out := make([]byte, 0, len(password))
	for _, char := range password {
		if char > 0xff {
			return nil, errors.New("the password of a JKS file must consist of Latin-1 characters: use PKCS#12 for others")
		}
		out = append(out, byte(char))
	}
	return slices.Clip(out), nil
}
