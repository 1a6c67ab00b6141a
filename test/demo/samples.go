package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// certificate is a Certificate of config/samples, in the namespace "default".
type certificate struct {
	name string
	// secret is where the sample wants it.
	secret string
	// root says in words what it is verified against.
	root string
}

// The Certificates of the samples that are applied.
var (
	selfSigned = certificate{"selfsigned", "selfsigned-tls", "itself"}
	privateCA  = certificate{"private-ca", "private-ca", "itself"}
	byCA       = certificate{"internal-service", "internal-service-tls", "the CA in Secret private-ca"}
	byACME     = certificate{"www", "www-tls", "Pebble's root"}
	shortLived = certificate{"api", "api-tls", "Pebble's root"}
)

const (
	namespace = "default"
	// acmeSample and shortSample have ClusterIssuers whose CA is replaced by Pebble.
	acmeSample  = "acme-http01.yaml"
	shortSample = "acme-shortlived.yaml"
	// acmeIssuer names no profile: the CA's default is meant.
	acmeIssuer = "letsencrypt-http01"
	// defaultProfile and shortProfile are those that Pebble offers, which has no default itself.
	defaultProfile = "classic"
	shortProfile   = "shortlived"
)

// overlay points the issuers of the ACME samples to a CA that only this run has.
const overlay = `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - %q
  - %q
patches:
  - target:
      kind: ClusterIssuer
      name: ` + acmeIssuer + `
    patch: |-
      - op: add
        path: /spec/acme/profile
        value: ` + defaultProfile + `
  - target:
      kind: ClusterIssuer
    patch: |-
      - op: replace
        path: /spec/acme/server
        value: %s
      - op: add
        path: /spec/acme/caBundle
        value: %s
`

// applySamples applies the samples as they are, but for the CA's address and its default profile.
func (w *world) applySamples(ctx context.Context) error {
	w.out.say("Applying config/samples: self-signed, a CA of our own, and ACME HTTP-01.")
	if err := w.shell(ctx, "kubectl apply -f config/samples/selfsigned.yaml -f config/samples/ca.yaml"); err != nil {
		return err
	}
	folder := w.file("acme")
	text := func(caBundle string) string {
		samples := filepath.Join(w.root, "config", "samples")
		return fmt.Sprintf(overlay, filepath.Join(samples, acmeSample), filepath.Join(samples, shortSample), w.ca.DirectoryURL, caBundle)
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		return fmt.Errorf("making a folder for the overlay: %w", err)
	}
	file := filepath.Join(folder, "kustomization.yaml")
	if err := os.WriteFile(file, []byte(text(base64.StdEncoding.EncodeToString(w.ca.CABundle))), 0o600); err != nil {
		return fmt.Errorf("writing the overlay: %w", err)
	}
	w.out.detail("The samples name Let's Encrypt; this overlay, %s, names Pebble:", file)
	w.out.block("            ", strings.TrimRight(text("<base64 of the certificate that Pebble's server is verified by>"), "\n"))
	return w.shell(ctx, "kubectl kustomize --load-restrictor=LoadRestrictionsNone "+folder+" | kubectl apply -f -")
}
