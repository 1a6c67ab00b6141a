package acme

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// TLSALPN01Protocol is the application protocol that a CA asks for when it
// validates tls-alpn-01, and that nothing else is served by (RFC 8737 section 6.2).
const TLSALPN01Protocol = "acme-tls/1"

// acmeIdentifier is the extension id-pe-acmeIdentifier (RFC 8737 section 6.1).
var acmeIdentifier = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 31}

// Validity of a challenge certificate. No CA looks at it; it is longer than any
// authorization stays pending, and allows for a clock that is behind.
const (
	challengeBackdate = time.Hour
	challengeValidity = 30 * 24 * time.Hour
)

// TLSALPN01Certificate returns the self-signed certificate, with its key, that
// answers a tls-alpn-01 challenge: its one name is the identifier and a critical
// extension holds the hash of the key authorization (RFC 8737 section 3; for an
// address RFC 8738 section 6). Serve it by TLS 1.2 or later, to clients that ask
// for TLSALPN01Protocol and for TLSALPN01ServerName.
func TLSALPN01Certificate(identifier Identifier, keyAuthorization string, now time.Time) (*tls.Certificate, error) {
	template, err := challengeTemplate(identifier, keyAuthorization, now)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("cannot generate the key of a challenge certificate: %w", err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("cannot make a challenge certificate: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

func challengeTemplate(identifier Identifier, keyAuthorization string, now time.Time) (*x509.Certificate, error) {
	sum := sha256.Sum256([]byte(keyAuthorization))
	value, err := asn1.Marshal(sum[:])
	if err != nil {
		return nil, fmt.Errorf("cannot encode a challenge certificate: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:    big.NewInt(1),
		NotBefore:       now.Add(-challengeBackdate),
		NotAfter:        now.Add(challengeValidity),
		KeyUsage:        x509.KeyUsageDigitalSignature,
		ExtKeyUsage:     []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		ExtraExtensions: []pkix.Extension{{Id: acmeIdentifier, Critical: true, Value: value}},
	}
	switch identifier.Type {
	case IdentifierDNS:
		if !isDomainName(identifier.Value) {
			return nil, errTLSALPN01Name
		}
		template.DNSNames = []string{identifier.Value}
	case IdentifierIP:
		address, err := netip.ParseAddr(identifier.Value)
		if err != nil {
			return nil, errTLSALPN01Name
		}
		template.IPAddresses = []net.IP{address.Unmap().AsSlice()}
	default:
		return nil, errTLSALPN01Name
	}
	return template, nil
}

var errTLSALPN01Name = errors.New("tls-alpn-01 proves control of an address or of a DNS name in lower case without a wildcard, and of nothing else")

// TLSALPN01ServerName returns the server name by which a CA asks for the
// challenge certificate of an identifier: the DNS name, or the name of the
// address in the reverse zone, without a dot at the end (RFC 8738 section 6).
func TLSALPN01ServerName(identifier Identifier) (string, error) {
	if identifier.Type == IdentifierDNS && isDomainName(identifier.Value) {
		return identifier.Value, nil
	}
	address, err := netip.ParseAddr(identifier.Value)
	if identifier.Type != IdentifierIP || err != nil {
		return "", errTLSALPN01Name
	}
	return reverseName(address.Unmap()), nil
}

// reverseName returns a name under in-addr.arpa (RFC 1035 section 3.5) or
// ip6.arpa (RFC 3596 section 2.5).
func reverseName(address netip.Addr) string {
	var name strings.Builder
	octets := address.AsSlice()
	for i := len(octets) - 1; i >= 0; i-- {
		if address.Is4() {
			name.WriteString(strconv.Itoa(int(octets[i])) + ".")
			continue
		}
		fmt.Fprintf(&name, "%x.%x.", octets[i]&0xf, octets[i]>>4)
	}
	if address.Is4() {
		return name.String() + "in-addr.arpa"
	}
	return name.String() + "ip6.arpa"
}

// VerifyTLSALPN01 says why a certificate does not answer a tls-alpn-01 challenge: its one name has to be the identifier,
// and a critical extension the hash of the key authorization (RFC 8737 section 3). Nothing else of it matters.
func VerifyTLSALPN01(certificate *x509.Certificate, identifier Identifier, keyAuthorization string) error {
	wanted, err := challengeTemplate(identifier, keyAuthorization, time.Time{})
	if err != nil {
		return err
	}
	at := slices.IndexFunc(certificate.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(acmeIdentifier) })
	switch {
	case at < 0:
		return errors.New("it is no challenge certificate")
	case !isOnlyName(certificate, wanted):
		return errors.New("it is a challenge certificate for another name")
	case !certificate.Extensions[at].Critical || !bytes.Equal(certificate.Extensions[at].Value, wanted.ExtraExtensions[0].Value):
		return errors.New("it answers another challenge")
	default:
		return nil
	}
}

func isOnlyName(certificate, wanted *x509.Certificate) bool {
	return slices.EqualFunc(certificate.DNSNames, wanted.DNSNames, strings.EqualFold) &&
		slices.EqualFunc(certificate.IPAddresses, wanted.IPAddresses, net.IP.Equal) &&
		len(certificate.EmailAddresses)+len(certificate.URIs) == 0
}
