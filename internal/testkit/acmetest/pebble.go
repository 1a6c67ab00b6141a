package acmetest

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
)

// DefaultProfile is the one profile of a server whose Options name none.
const DefaultProfile = "default"

// defaultValidity is the lifetime of certificates of the default profile.
const defaultValidity = 90 * 24 * time.Hour

// Profile is a certificate profile that a server offers.
type Profile struct {
	Description string
	Validity    time.Duration // zero means 90 days
	CommonName  bool          // put the first name into the subject
}

// Options configure a Pebble server. The zero value is a server that behaves
// the same on every run: no refused nonces, no reused authorizations, one
// profile, one intermediate, no pause before validation.
type Options struct {
	// Address is where to listen, "host:port"; empty means a free port of 127.0.0.1.
	Address string

	// Hosts are further names and addresses for the server's TLS certificate,
	// beside localhost and 127.0.0.1.
	Hosts []string

	// DNSServer is the resolver that validation asks, "host:port", by TCP;
	// empty means the system's. DNS.Addr fits.
	DNSServer string

	HTTPPort int // where HTTP-01 is validated; zero means 5002
	TLSPort  int // where TLS-ALPN-01 is validated; zero means 5001

	// AlwaysValid skips validation: every challenge succeeds.
	AlwaysValid bool

	// Sleep makes validation pause up to so many seconds, at random; zero
	// means no pause.
	Sleep int

	NonceRejectPercent int // of good nonces that are refused
	AuthzReusePercent  int // of identifiers whose valid authorization is reused

	// Strict turns on Pebble's strict mode.
	Strict bool

	// ExternalAccountKeys maps key IDs to MAC keys in base64url. If it is not
	// empty, an external account is required.
	ExternalAccountKeys map[string]string

	// Profiles by name; empty means DefaultProfile alone. With more than one,
	// an order that names none gets one at random.
	Profiles map[string]Profile

	AlternateRoots int // further chains per certificate
	ChainLength    int // intermediates per chain; zero means 1

	// KeyAlgorithm of the CA's keys: "ecdsa" (the default) or "rsa".
	KeyAlgorithm string

	// RetryAfterAuthz and RetryAfterOrder are the seconds asked for in
	// Retry-After, written as seconds or as a date at random; zero means that
	// there is no such header.
	RetryAfterAuthz int
	RetryAfterOrder int

	// RenewAtOnceBelow has certificates with a shorter lifetime renewed at once,
	// by the CA's suggestion (RFC 9773); zero means none.
	RenewAtOnceBelow time.Duration

	// CAAIdentities of the directory; empty means pebble.letsencrypt.org.
	CAAIdentities []string

	// BlockedDomains are refused with rejectedIdentifier.
	BlockedDomains []string

	// Log takes Pebble's log; nil discards it.
	Log io.Writer
}

// Server is a running Pebble.
type Server struct {
	DirectoryURL  string
	ManagementURL string // Pebble's management interface, without a trailing slash
	CABundle      []byte // PEM of the CA that signed the server's TLS certificate

	roots   []byte
	servers []*tlsServer
	script  *interposed
}

// environment serializes servers that are being made: Pebble reads some of its
// settings from the process environment.
var environment sync.Mutex

// Start runs a Pebble server. One goroutine of Pebble's validation outlives
// Close, since Pebble has no way to end it.
func Start(options Options) (*Server, error) {
	options = withDefaults(options)
	store := db.NewMemoryStore()
	if err := fillStore(store, options); err != nil {
		return nil, err
	}
	logger := log.New(options.Log, "pebble ", log.LstdFlags)
	authority := ca.New(logger, store, "", options.KeyAlgorithm, options.AlternateRoots, options.ChainLength, pebbleProfiles(options.Profiles))
	front, err := newFrontEnd(options, logger, store, authority)
	if err != nil {
		return nil, err
	}
	identity, err := newIdentity(options.Hosts)
	if err != nil {
		return nil, err
	}
	server := &Server{
		CABundle: identity.caPEM, roots: rootsOf(authority),
		script: newInterposed(suggestingAtOnce(front.Handler(), store, options.RenewAtOnceBelow)),
	}
	main, err := serveTLS(options.Address, identity, server.script, false)
	if err != nil {
		return nil, err
	}
	server.servers = append(server.servers, main)
	management, err := serveTLS(loopback, identity, front.ManagementHandler(), false)
	if err != nil {
		return nil, errors.Join(err, server.Close())
	}
	server.servers = append(server.servers, management)
	server.DirectoryURL = main.url + wfe.DirectoryPath
	server.ManagementURL = management.url
	return server, nil
}

// Roots returns, in PEM, the roots of every chain the server issues, that of
// the default chain first. They change with every start.
func (s *Server) Roots() []byte {
	return bytes.Clone(s.roots)
}

// HTTPClient returns a client that trusts the server's TLS certificate.
func (s *Server) HTTPClient() *http.Client {
	return trustingClient(s.CABundle)
}

// Close stops the server.
func (s *Server) Close() error {
	var errs []error
	for _, server := range s.servers {
		errs = append(errs, server.close())
	}
	return errors.Join(errs...)
}

func withDefaults(options Options) Options {
	setDefault(&options.Address, loopback)
	setDefault(&options.HTTPPort, 5002)
	setDefault(&options.TLSPort, 5001)
	setDefault(&options.ChainLength, 1)
	setDefault(&options.KeyAlgorithm, "ecdsa")
	if len(options.Profiles) == 0 {
		options.Profiles = map[string]Profile{DefaultProfile: {Description: "The only profile"}}
	}
	if len(options.CAAIdentities) == 0 {
		options.CAAIdentities = []string{"pebble.letsencrypt.org"}
	}
	if options.Log == nil {
		options.Log = io.Discard
	}
	return options
}

func setDefault[T comparable](value *T, fallback T) {
	var zero T
	if *value == zero {
		*value = fallback
	}
}

func fillStore(store *db.MemoryStore, options Options) error {
	for id, key := range options.ExternalAccountKeys {
		if err := store.AddExternalAccountKeyByID(id, key); err != nil {
			return fmt.Errorf("external account key %q: %w", id, err)
		}
	}
	for _, domain := range options.BlockedDomains {
		if err := store.AddBlockedDomain(domain); err != nil {
			return fmt.Errorf("blocked domain %q: %w", domain, err)
		}
	}
	return nil
}

func pebbleProfiles(profiles map[string]Profile) map[string]ca.Profile {
	converted := make(map[string]ca.Profile, len(profiles))
	for name, profile := range profiles {
		setDefault(&profile.Validity, defaultValidity)
		converted[name] = ca.Profile{
			Description:       profile.Description,
			PromoteCommonName: profile.CommonName,
			ValidityPeriod:    uint64(profile.Validity / time.Second),
		}
	}
	return converted
}

// newFrontEnd makes the parts of Pebble that read the process environment.
func newFrontEnd(options Options, logger *log.Logger, store *db.MemoryStore, authority *ca.CAImpl) (*wfe.WebFrontEndImpl, error) {
	environment.Lock()
	defer environment.Unlock()
	restore, err := setEnvironment(map[string]string{
		"PEBBLE_VA_NOSLEEP":          flag(options.Sleep == 0),
		"PEBBLE_VA_SLEEPTIME":        strconv.Itoa(options.Sleep),
		"PEBBLE_VA_ALWAYS_VALID":     flag(options.AlwaysValid),
		"PEBBLE_WFE_NONCEREJECT":     strconv.Itoa(options.NonceRejectPercent),
		"PEBBLE_AUTHZREUSE":          strconv.Itoa(options.AuthzReusePercent),
		"PEBBLE_WFE_ORDERS_PER_PAGE": "",
	})
	if err != nil {
		return nil, err
	}
	validation := va.New(logger, options.HTTPPort, options.TLSPort, options.Strict, options.DNSServer, store)
	front := wfe.New(logger, store, validation, authority, options.CAAIdentities, options.Strict,
		len(options.ExternalAccountKeys) > 0, options.RetryAfterAuthz, options.RetryAfterOrder)
	return &front, restore()
}

func flag(on bool) string {
	if on {
		return "1"
	}
	return "0"
}

// setEnvironment sets variables and returns how to put the old values back.
func setEnvironment(values map[string]string) (restore func() error, err error) {
	old := map[string]*string{}
	for name := range values {
		old[name] = nil
		if value, found := os.LookupEnv(name); found {
			old[name] = &value
		}
	}
	restore = func() error {
		var errs []error
		for name, value := range old {
			if value == nil {
				errs = append(errs, os.Unsetenv(name))
				continue
			}
			errs = append(errs, os.Setenv(name, *value))
		}
		return errors.Join(errs...)
	}
	for name, value := range values {
		if err := os.Setenv(name, value); err != nil {
			return nil, errors.Join(err, restore())
		}
	}
	return restore, nil
}

func rootsOf(authority *ca.CAImpl) []byte {
	var roots []byte
	for i := range authority.GetNumberOfRootCerts() {
		block := &pem.Block{Type: "CERTIFICATE", Bytes: authority.GetRootCert(i).DER}
		roots = append(roots, pem.EncodeToMemory(block)...)
	}
	return roots
}
