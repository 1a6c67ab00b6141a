package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/pki"
)

// readBack prints and verifies what is in the Secrets of the Certificates.
func (w *world) readBack(ctx context.Context) error {
	w.out.say("Reading the Secrets back and verifying each with crypto/x509.")
	for _, crt := range []certificate{selfSigned, byCA, byACME} {
		if err := w.verify(ctx, crt); err != nil {
			return fmt.Errorf("verifying %s: %w", crt.name, err)
		}
	}
	return nil
}

// verify prints what is in the Secret of a Certificate once it is proved: the key is the leaf's, and the chain
// leads to the root for each name of the spec.
func (w *world) verify(ctx context.Context, which certificate) error {
	crt := &v1.Certificate{}
	if err := w.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: which.name}, crt); err != nil {
		return err
	}
	chain, err := w.chain(ctx, which)
	if err != nil {
		return err
	}
	roots, err := w.roots(ctx, which, chain)
	if err != nil {
		return err
	}
	path, err := verifyNames(chain, roots, crt.Spec.DNSNames)
	if err != nil {
		return err
	}
	w.row(which.name, "Secret %s/%s", namespace, which.secret)
	w.row("  subject", "%s", subject(chain.Leaf()))
	w.row("  names", "%s", strings.Join(chain.Leaf().DNSNames, ", "))
	w.row("  issuer", "%s", issuer(chain.Leaf()))
	w.row("  chain", "%s (%d in tls.crt)", describePath(path), len(chain))
	w.row("  expires", "%s (in %.1f days)", chain.Leaf().NotAfter.UTC().Format(time.RFC3339), time.Until(chain.Leaf().NotAfter).Hours()/24)
	w.row("  serial", "%x", chain.Leaf().SerialNumber)
	w.row("  verified", "for each name, against %s", which.root)
	return nil
}

func (w *world) row(title, format string, args ...any) {
	w.out.detail("%-16s  %s", title, fmt.Sprintf(format, args...))
}

// chain reads the Secret of a Certificate, and fails unless its key is that of the leaf.
func (w *world) chain(ctx context.Context, which certificate) (pki.Chain, error) {
	secret := &corev1.Secret{}
	if err := w.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: which.secret}, secret); err != nil {
		return nil, err
	}
	_, chain, err := pki.VerifyPair(secret.Data[corev1.TLSPrivateKeyKey], secret.Data[corev1.TLSCertKey])
	if err != nil {
		return nil, fmt.Errorf("the Secret %s: %w", which.secret, err)
	}
	return chain, nil
}

// roots are what a Certificate is verified against.
func (w *world) roots(ctx context.Context, which certificate, own pki.Chain) ([]*x509.Certificate, error) {
	switch which {
	case byCA:
		return w.chain(ctx, privateCA)
	case byACME, shortLived:
		return parseAll(w.ca.Roots())
	default:
		return own[:1], nil
	}
}

func parseAll(data []byte) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		crt, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("reading the CA's roots: %w", err)
		}
		all = append(all, crt)
	}
	return all, nil
}

// verifyNames verifies a chain for every name, and returns the way from the leaf to the root.
func verifyNames(chain pki.Chain, roots []*x509.Certificate, dnsNames []string) ([]*x509.Certificate, error) {
	options := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool()}
	for _, root := range roots {
		options.Roots.AddCert(root)
	}
	for _, intermediate := range chain[1:] {
		options.Intermediates.AddCert(intermediate)
	}
	var path []*x509.Certificate
	for _, name := range dnsNames {
		options.DNSName = name
		paths, err := chain.Leaf().Verify(options)
		if err != nil {
			return nil, err
		}
		path = paths[0]
	}
	if path == nil {
		return nil, errors.New("the Certificate has no DNS name to verify")
	}
	return path, nil
}

func describePath(path []*x509.Certificate) string {
	var parts []string
	for _, crt := range path {
		parts = append(parts, commonName(crt))
	}
	return strings.Join(parts, " <- ")
}

func commonName(crt *x509.Certificate) string {
	if crt.Subject.CommonName == "" && len(crt.DNSNames) > 0 {
		return crt.DNSNames[0]
	}
	return crt.Subject.CommonName
}

func subject(crt *x509.Certificate) string {
	if text := crt.Subject.String(); text != "" {
		return text
	}
	return "empty: the names below stand for it"
}

func issuer(crt *x509.Certificate) string {
	if text := crt.Issuer.String(); text != "" {
		return text
	}
	return "empty, as the subject: it is signed with its own key"
}
