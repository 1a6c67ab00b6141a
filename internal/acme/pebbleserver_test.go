package acme_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

// http01Responder answers HTTP-01 challenges.
type http01Responder struct {
	port    int
	mu      sync.Mutex
	answers map[string]string
}

func startResponder(t *testing.T) *http01Responder {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &http01Responder{port: listener.Addr().(*net.TCPAddr).Port, answers: map[string]string{}}
	server := &http.Server{Handler: r, ReadHeaderTimeout: testDeadline}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return r
}

func (r *http01Responder) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	answer, found := r.answers[request.URL.Path]
	if !found {
		http.NotFound(w, request)
		return
	}
	_, _ = w.Write([]byte(answer))
}

func (r *http01Responder) answer(path, keyAuthorization string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers[path] = keyAuthorization
}

// pebble is a Pebble server with its DNS, an HTTP-01 responder and a client.
type pebble struct {
	*acmetest.Server
	dns       *acmetest.DNS
	responder *http01Responder
	client    *acme.Client
}

func startPebble(t *testing.T, options acmetest.Options) *pebble {
	t.Helper()
	dns, err := acmetest.StartDNS(acmetest.DNSOptions{})
	if err != nil {
		t.Fatal(err)
	}
	responder := startResponder(t)
	options.DNSServer = dns.Addr()
	options.HTTPPort = responder.port
	server, err := acmetest.Start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := dns.Close(); err != nil {
			t.Error(err)
		}
	})
	client := &acme.Client{Directory: server.DirectoryURL, HTTP: server.HTTPClient()}
	return &pebble{Server: server, dns: dns, responder: responder, client: client}
}

func (p *pebble) register(ctx context.Context, t *testing.T, key crypto.Signer) acme.Account {
	t.Helper()
	registration, err := p.client.NewAccount(ctx, key, acme.AccountRequest{TermsOfServiceAgreed: true})
	if err != nil {
		t.Fatal(err)
	}
	if !registration.Created || registration.Status != acme.AccountValid {
		t.Fatalf("registration %+v, want a new valid account", registration)
	}
	return acme.Account{Key: key, URL: registration.URL}
}

// prove answers every pending authorization of an order by the challenge type.
func (p *pebble) prove(ctx context.Context, t *testing.T, account acme.Account, order *acme.Order, typ acme.ChallengeType) {
	t.Helper()
	values := map[string][]string{}
	var challenges []string
	for _, url := range order.Authorizations {
		authorization, err := p.client.FetchAuthorization(ctx, account, url)
		if err != nil {
			t.Fatal(err)
		}
		if authorization.Status != acme.AuthorizationPending {
			continue
		}
		challenge, ok := authorization.Challenge(typ)
		if !ok {
			t.Fatalf("%s is not offered for %v", typ, authorization.Identifier)
		}
		p.place(t, account, authorization, challenge, values)
		challenges = append(challenges, challenge.URL)
	}
	for _, url := range challenges {
		if _, err := p.client.AcceptChallenge(ctx, account, url); err != nil {
			t.Fatal(err)
		}
	}
	for _, url := range order.Authorizations {
		p.awaitAuthorization(ctx, t, account, url)
	}
}

func (p *pebble) place(t *testing.T, account acme.Account, authorization *acme.Authorization, challenge *acme.Challenge, values map[string][]string) {
	t.Helper()
	keyAuthorization, err := acme.KeyAuthorization(challenge.Token, account.Key)
	if err != nil {
		t.Fatal(err)
	}
	if challenge.Type == acme.ChallengeDNS01 {
		name := "_acme-challenge." + authorization.Identifier.Value
		values[name] = append(values[name], acme.DNS01Value(keyAuthorization))
		p.dns.SetTXT(name, values[name]...)
		return
	}
	path, err := acme.HTTP01Path(challenge.Token)
	if err != nil {
		t.Fatal(err)
	}
	p.responder.answer(path, keyAuthorization)
}

func (p *pebble) awaitAuthorization(ctx context.Context, t *testing.T, account acme.Account, url string) *acme.Authorization {
	t.Helper()
	for {
		authorization, err := p.client.FetchAuthorization(ctx, account, url)
		if err != nil {
			t.Fatal(err)
		}
		if authorization.Status != acme.AuthorizationPending {
			return authorization
		}
	}
}

// complete finalizes a ready order and returns it when it is valid.
func (p *pebble) complete(ctx context.Context, t *testing.T, account acme.Account, order *acme.Order) *acme.Order {
	t.Helper()
	order, err := p.client.FetchOrder(ctx, account, order.URL)
	if err != nil {
		t.Fatal(err)
	}
	if order.Status != acme.OrderReady {
		t.Fatalf("order %+v, want it ready", order)
	}
	order, err = p.client.Finalize(ctx, account, order, newCSR(t, newKey(t), order.Identifiers))
	for err == nil && order.Status == acme.OrderProcessing {
		order, err = p.client.FetchOrder(ctx, account, order.URL)
	}
	if err != nil {
		t.Fatal(err)
	}
	if order.Status != acme.OrderValid || order.Certificate == "" {
		t.Fatalf("order %+v, want it valid", order)
	}
	return order
}

func newCSR(t *testing.T, key crypto.Signer, identifiers []acme.Identifier) []byte {
	t.Helper()
	var template x509.CertificateRequest
	for _, identifier := range identifiers {
		if identifier.Type == acme.IdentifierIP {
			template.IPAddresses = append(template.IPAddresses, net.ParseIP(identifier.Value))
			continue
		}
		template.DNSNames = append(template.DNSNames, identifier.Value)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &template, key)
	if err != nil {
		t.Fatal(err)
	}
	return csr
}

// verifyChain checks that a chain leads from a leaf for the names to one of the roots.
func verifyChain(t *testing.T, chain, roots []byte, names ...string) {
	t.Helper()
	block, rest := pem.Decode(chain)
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	options := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool()}
	options.Roots.AppendCertsFromPEM(roots)
	options.Intermediates.AppendCertsFromPEM(rest)
	for _, name := range names {
		options.DNSName = name
		if _, err := leaf.Verify(options); err != nil {
			t.Errorf("chain for %s: %v", name, err)
		}
	}
}

func ecdsaKey(t *testing.T, curve elliptic.Curve) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
