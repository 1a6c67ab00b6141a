package pki_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/certwright/certwright/internal/pki"
)

func TestSelfSign(t *testing.T) {
	spec := caSpec()
	request := mustRequest(t, spec, ecKey())
	chain, err := pki.SelfSign(request, ecKey(), pki.Template{Duration: time.Hour, Usages: spec.Usages, IsCA: true}, now)
	if err != nil {
		t.Fatal(err)
	}
	cert := chain.Leaf()
	if len(chain) != 1 || chain.Root() != cert || !bytes.Equal(cert.RawSubject, request.RawSubject) {
		t.Error("not one self-signed certificate with the request's subject")
	}
	if !cert.IsCA || !cert.NotAfter.Equal(now.Add(time.Hour)) || len(cert.SubjectKeyId) != 20 {
		t.Error("template is not obeyed")
	}
	// It works as a CA at once.
	signer, err := pki.ParseSigner(chain.PEM(), mustEncode(t, ecKey()), nil)
	if err != nil {
		t.Fatal(err)
	}
	inside := mustRequest(t, pki.RequestSpec{URIs: []string{"https://a.example.com/"}, Key: ecSpec}, edKey())
	mustSign(t, signer, inside, pki.Template{Usages: []pki.Usage{pki.UsageServerAuth}})
}

func TestSelfSignRefuses(t *testing.T) {
	request := mustRequest(t, pki.RequestSpec{CommonName: "a", EncodeUsages: true, Key: ecSpec}, ecKey())
	_, err := pki.SelfSign(request, edKey(), pki.Template{}, now)
	if !errors.Is(err, pki.ErrKeyMismatch) {
		t.Errorf("another key: %v", err)
	}
	_, err = pki.SelfSign(request, nil, pki.Template{}, now)
	if !errors.Is(err, pki.ErrInvalidKey) {
		t.Errorf("no key: %v", err)
	}
	_, err = pki.SelfSign(request, ecKey(), pki.Template{Usages: []pki.Usage{pki.UsageAny}}, now)
	if !errors.Is(err, pki.ErrRefused) {
		t.Errorf("other usages: %v", err)
	}
}

// An empty subject is the caller's to refuse or to warn about.
func TestSelfSignWithEmptySubject(t *testing.T) {
	request := mustRequest(t, pki.RequestSpec{DNSNames: []string{"a.example"}, Key: ecSpec}, ecKey())
	if !request.EmptySubject() {
		t.Fatal("subject is not empty")
	}
	if _, err := pki.SelfSign(request, ecKey(), pki.Template{}, now); err != nil {
		t.Error(err)
	}
}
