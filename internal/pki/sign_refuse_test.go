package pki_test

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/certwright/certwright/internal/pki"
)

func TestSignRefuses(t *testing.T) {
	plain := mustRequest(t, pki.RequestSpec{DNSNames: []string{"a.example"}, CommonName: "a.example", Key: ecSpec}, ecKey())
	asLeaf := mustRequest(t, pki.RequestSpec{CommonName: "a", EncodeUsages: true, Key: ecSpec}, ecKey())
	constrained := mustRequest(t, caSpec(), ecKey())
	empty := func() *pki.Request {
		der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, ecKey())
		if err != nil {
			t.Fatal(err)
		}
		request, err := pki.ParseRequest(block("CERTIFICATE REQUEST", der))
		if err != nil {
			t.Fatal(err)
		}
		return request
	}()
	root := newRoot(t, "root")
	narrow := newRoot(t, "narrow", func(c *x509.Certificate) {
		c.PermittedDNSDomainsCritical = true
		c.PermittedDNSDomains = []string{"other.example"}
	})
	below := narrow.issueCA(t, "below")
	lastCA := newRoot(t, "last", func(c *x509.Certificate) { c.MaxPathLenZero = true })
	oneBelow := newRoot(t, "one", func(c *x509.Certificate) { c.MaxPathLen = 1 })
	lastButOne := oneBelow.issueCA(t, "last but one")
	servers := newRoot(t, "servers", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
	foreign := newRoot(t, "foreign", func(c *x509.Certificate) { c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{1, 2, 3}} })
	expired := newRoot(t, "expired", func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Second) })
	belowExpired := expired.issueCA(t, "below expired")
	future := newRoot(t, "future", func(c *x509.Certificate) { c.NotBefore = now.Add(time.Second) })
	client := pki.Template{Usages: []pki.Usage{pki.UsageServerAuth, pki.UsageClientAuth}}
	tests := []struct {
		name    string
		signer  *pki.Signer
		request *pki.Request
		tmpl    pki.Template
		want    error
		says    string
	}{
		{"expired", expired.signer(t), plain, pki.Template{}, pki.ErrSigner, "the CA certificate expired at 2026-11-23T11:59:59Z"},
		{"expired above", belowExpired.signer(t, expired), plain, pki.Template{}, pki.ErrSigner, "certificate 1 of the CA's chain expired"},
		{"not yet valid", future.signer(t), plain, pki.Template{}, pki.ErrSigner, "not valid before 2026-11-23T12:00:01Z"},
		{"name constraints", narrow.signer(t), plain, pki.Template{}, pki.ErrRefused, "a.example"},
		{"name constraints above", below.signer(t, narrow), plain, pki.Template{}, pki.ErrRefused, "a.example"},
		{"path length", lastCA.signer(t), plain, pki.Template{IsCA: true}, pki.ErrRefused, "path length 0 of certificate 0"},
		{"path length above", lastButOne.signer(t, oneBelow), plain, pki.Template{IsCA: true}, pki.ErrRefused, "path length 1 of certificate 1"},
		{"extended key usage", servers.signer(t), plain, client, pki.ErrRefused, `usage "client auth"`},
		{"any extended key usage", servers.signer(t), plain, pki.Template{Usages: []pki.Usage{pki.UsageAny}}, pki.ErrRefused, `usage "any"`},
		{"foreign extended key usage", foreign.signer(t), plain, client, pki.ErrRefused, `usage "server auth"`},
		{"disagreeing usages", root.signer(t), asLeaf, client, pki.ErrRefused, "usages"},
		{"disagreeing CA", root.signer(t), constrained, pki.Template{}, pki.ErrRefused, "isCA"},
		{"neither subject nor name", root.signer(t), empty, pki.Template{}, pki.ErrRefused, "neither a subject"},
		{"negative duration", root.signer(t), plain, pki.Template{Duration: -time.Hour}, pki.ErrRefused, "duration"},
		{"duration too short", root.signer(t), plain, pki.Template{Duration: time.Second - 1}, pki.ErrRefused, "duration"},
		{"unknown usage", root.signer(t), plain, pki.Template{Usages: []pki.Usage{"x"}}, pki.ErrRefused, `usages[0]: "x"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			issued, err := test.signer.Sign(test.request, test.tmpl, now)
			wantError(t, err, test.says)
			if !errors.Is(err, test.want) {
				t.Errorf("%v does not wrap %v", err, test.want)
			}
			if issued.Chain != nil {
				t.Error("a certificate came with the error")
			}
		})
	}
	// What those signers may do they do.
	for _, signer := range []*pki.Signer{lastCA.signer(t), lastButOne.signer(t, oneBelow)} {
		mustSign(t, signer, plain, pki.Template{})
	}
	mustSign(t, oneBelow.signer(t), plain, pki.Template{IsCA: true})
	mustSign(t, root.signer(t), plain, pki.Template{Duration: time.Second})
	mustSign(t, servers.signer(t), plain, pki.Template{Usages: []pki.Usage{pki.UsageServerAuth}})
	allowed := mustRequest(t, pki.RequestSpec{DNSNames: []string{"a.other.example"}, Key: ecSpec}, ecKey())
	mustSign(t, below.signer(t, narrow), allowed, pki.Template{})
}

// Constraints without basic constraints in the request: the issuer decides, and
// only a CA may have them.
func TestSignRefusesConstraintsOnALeaf(t *testing.T) {
	request := rawRequest(t, pkix.Extension{
		Id: asn1.ObjectIdentifier{2, 5, 29, 30}, Critical: true, Value: []byte{0x30, 7, 0xa0, 5, 0x30, 3, 0x82, 1, 'a'},
	})
	signer := newRoot(t, "root").signer(t)
	_, err := signer.Sign(request, pki.Template{}, now)
	wantError(t, err, "only a CA can have name constraints")
	mustSign(t, signer, request, pki.Template{IsCA: true})
}

// Errors reach status conditions, where a text that changes each time would
// cause a write each time.
func TestErrorsAreStable(t *testing.T) {
	narrow := newRoot(t, "narrow", func(c *x509.Certificate) {
		c.PermittedDNSDomainsCritical = true
		c.PermittedDNSDomains = []string{"other.example"}
	}).signer(t)
	request := mustRequest(t, pki.RequestSpec{DNSNames: []string{"a.example"}, Key: ecSpec}, ecKey())
	_, first := narrow.Sign(request, pki.Template{}, now)
	_, second := narrow.Sign(request, pki.Template{}, now.Add(time.Minute))
	if first.Error() != second.Error() || strings.Contains(first.Error(), "2026") {
		t.Errorf("%q, then %q", first, second)
	}
}
