package acme_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/certwright/certwright/internal/acme"
)

// issued is a certificate with what is needed to speak about it.
type issued struct {
	key   crypto.Signer
	order *acme.Order
	pem   []byte
	leaf  *x509.Certificate
	id    string // in renewal information
}

// issue gets a certificate from a Pebble that takes every challenge for valid.
func (p *pebble) issue(ctx context.Context, t *testing.T, account acme.Account, request acme.OrderRequest) *issued {
	t.Helper()
	order, err := p.client.NewOrder(ctx, account, request)
	if err != nil {
		t.Fatal(err)
	}
	p.prove(ctx, t, account, order, acme.ChallengeHTTP01)
	key := newKey(t)
	order = p.finalize(ctx, t, account, order, key)
	certificate, err := p.client.FetchCertificate(ctx, account, order.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(certificate.PEM)
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	id, err := acme.CertID(leaf)
	if err != nil {
		t.Fatal(err)
	}
	return &issued{key: key, order: order, pem: certificate.PEM, leaf: leaf, id: id}
}

func (p *pebble) finalize(ctx context.Context, t *testing.T, account acme.Account, order *acme.Order, key crypto.Signer) *acme.Order {
	t.Helper()
	order, err := p.client.Finalize(ctx, account, order, newCSR(t, key, order.Identifiers))
	for err == nil && order.Status == acme.OrderProcessing {
		order, err = p.client.FetchOrder(ctx, account, order.URL)
	}
	if err != nil {
		t.Fatal(err)
	}
	if order.Status != acme.OrderValid {
		t.Fatalf("order %+v, want it valid", order)
	}
	return order
}

// issueReplaceable issues until the serial number begins with no zero octet:
// one that does, about every 256th, Pebble does not find by Replaces.
func (p *pebble) issueReplaceable(ctx context.Context, t *testing.T, account acme.Account) *issued {
	t.Helper()
	for {
		certificate := p.issue(ctx, t, account, orderOf)
		_, serial, _ := strings.Cut(certificate.id, ".")
		octets, err := base64.RawURLEncoding.DecodeString(serial)
		if err != nil {
			t.Fatal(err)
		}
		if octets[0] != 0 {
			return certificate
		}
	}
}

// setRenewalInfo makes Pebble answer with a body of our own.
func (p *pebble) setRenewalInfo(ctx context.Context, t *testing.T, certificate *issued, body string) {
	t.Helper()
	leaf := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.leaf.Raw})
	payload, err := json.Marshal(map[string]string{"Certificate": string(leaf), "ARIResponse": body})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.ManagementURL+"/set-renewal-info", bytes.NewReader(payload))
	if err != nil {
		t.Fatal(err)
	}
	response, err := p.HTTPClient().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("HTTP status %d, %v", response.StatusCode, err)
	}
}

// tlsResponder answers TLS-ALPN-01 challenges by server name, and nobody else.
type tlsResponder struct {
	port    int
	mu      sync.Mutex
	answers map[string]*tls.Certificate
}

func startTLSResponder(t *testing.T) *tlsResponder {
	t.Helper()
	r := &tlsResponder{answers: map[string]*tls.Certificate{}}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{acme.TLSALPN01Protocol},
		GetCertificate: r.certificate,
	})
	if err != nil {
		t.Fatal(err)
	}
	r.port = listener.Addr().(*net.TCPAddr).Port
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			// A validation ends with the handshake, whatever comes of it.
			_ = connection.(*tls.Conn).HandshakeContext(t.Context())
			_ = connection.Close()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return r
}

func (r *tlsResponder) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if certificate, found := r.answers[hello.ServerName]; found {
		return certificate, nil
	}
	return nil, errors.New("no challenge is answered under this name")
}

func (r *tlsResponder) answer(name string, certificate *tls.Certificate) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers[name] = certificate
}
