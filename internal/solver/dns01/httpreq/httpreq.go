// Package httpreq has records written by a server that somebody runs for it, over the protocol of the library lego's
// provider of the same name: POST /present and POST /cleanup, each with one record in JSON.
//
// The solver package imports it. Of lego it has the settings and the requests, and no code; what dns-solver's provider
// sends for the same settings is what it sends.
package httpreq

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/certwright/certwright/internal/dnssolver/wire"
	"github.com/certwright/certwright/internal/reach"
	"github.com/certwright/certwright/internal/solver/dns01"
	"github.com/certwright/certwright/internal/solver/internal/guarded"
	"github.com/certwright/certwright/internal/solver/internal/netcause"
)

// Names of settings.
const (
	envEndpoint = "HTTPREQ_ENDPOINT"
	envMode     = "HTTPREQ_MODE"
	envUsername = "HTTPREQ_USERNAME"
	envPassword = "HTTPREQ_PASSWORD"
	envTimeout  = "HTTPREQ_HTTP_TIMEOUT"
)

// maxTimeout is how long an exchange may take, which is the provider's default as well. A longer one would keep a
// worker from other orders.
const maxTimeout = 30 * time.Second

// Config is one server, and what one challenge is about.
type Config struct {
	// Variables are the settings, by the names that the provider gives them. Package providers has checked that they
	// are known and complete.
	Variables map[string]string
	// Public are the names of those that may be shown.
	Public []string
	// Reach says at which addresses the server may be.
	Reach reach.Policy
	// Account says that the records stand at a label of the ACME account's (dns-account-01).
	Account bool
	// Domain is the name to prove control of, without "*.", and KeyAuthorization what the record's value is the hash of
	// (RFC 8555 section 8.1). Only the mode RAW tells the server of them.
	Domain, KeyAuthorization string
}

// Provider asks one server for the records of one challenge.
type Provider struct {
	endpoint           *url.URL
	raw                bool
	username, password string
	domain, keyAuth    string
	// secrets and parts must not be shown: values of settings, and what the endpoint is made of.
	secrets, parts []string
	client         *http.Client
}

var _ dns01.Provider = (*Provider)(nil)

// New refuses settings that cannot work, with what to do about it. No error has a value of one.
func New(config Config) (*Provider, error) {
	endpoint, err := parseEndpoint(config.Variables[envEndpoint])
	if err != nil {
		return nil, err
	}
	raw, err := parseMode(config.Variables[envMode])
	if err != nil {
		return nil, err
	}
	if raw && config.Account {
		return nil, fmt.Errorf("%s RAW tells the server a name and not where its record goes, which dns-account-01 needs: remove %[1]s, or challenge", envMode)
	}
	timeout, err := parseTimeout(config.Variables[envTimeout])
	if err != nil {
		return nil, err
	}
	username, password := config.Variables[envUsername], config.Variables[envPassword]
	if (username == "") != (password == "") {
		return nil, fmt.Errorf("%s and %s go together: add the other, or remove both", envUsername, envPassword)
	}
	provider := &Provider{
		endpoint: endpoint, raw: raw, username: username, password: password, domain: config.Domain, keyAuth: config.KeyAuthorization,
		secrets: wire.Request{Variables: config.Variables, Public: config.Public}.Secrets(), client: guarded.Client(config.Reach, timeout),
	}
	if !slices.Contains(config.Public, envEndpoint) {
		provider.parts = partsOf(endpoint)
	}
	return provider, nil
}

// maxEndpoint bounds the URL, in bytes: each of its parts is looked for in what its server answers.
const maxEndpoint = 2 << 10

func parseEndpoint(text string) (*url.URL, error) {
	if len(text) > maxEndpoint {
		return nil, fmt.Errorf("%s is longer than %d bytes: write a shorter URL", envEndpoint, maxEndpoint)
	}
	endpoint, err := url.Parse(text)
	switch {
	case err != nil || endpoint.Scheme != "http" && endpoint.Scheme != "https" || endpoint.Hostname() == "":
		// The error of package url quotes what it could not read.
		return nil, fmt.Errorf("%s must be the URL of the server, such as https://dns.example.com", envEndpoint)
	case endpoint.User != nil:
		return nil, fmt.Errorf("%s must not hold a name or a password: move them to %s and %s in the Secret", envEndpoint, envUsername, envPassword)
	}
	return endpoint, nil
}

// parseMode says whether the server is told of the challenge and not of the record. "none" is how lego's page calls the
// other mode.
func parseMode(text string) (raw bool, err error) {
	switch text {
	case "RAW":
		return true, nil
	case "", "none":
		return false, nil
	}
	return false, fmt.Errorf("%s must be RAW, or be left out", envMode)
}

// parseTimeout reads seconds. More than may be is taken for the most.
func parseTimeout(text string) (time.Duration, error) {
	if text == "" {
		return maxTimeout, nil
	}
	seconds, err := strconv.ParseUint(text, 10, 31)
	if err != nil || seconds == 0 {
		return 0, fmt.Errorf("%s must be a number of seconds, from 1 to %d", envTimeout, int(maxTimeout.Seconds()))
	}
	return min(time.Duration(seconds)*time.Second, maxTimeout), nil
}

// recordMessage and challengeMessage are what is sent, in the usual mode and in RAW.
type recordMessage struct {
	FQDN  string `json:"fqdn"`
	Value string `json:"value"`
}

type challengeMessage struct {
	Domain  string `json:"domain"`
	Token   string `json:"token"`
	KeyAuth string `json:"keyAuth"`
}

func (p *Provider) message(record dns01.Record) any {
	if !p.raw {
		return recordMessage{FQDN: record.FQDN, Value: record.Value}
	}
	token, _, _ := strings.Cut(p.keyAuth, ".")
	return challengeMessage{Domain: rawDomain(record.FQDN, p.domain), Token: token, KeyAuth: p.keyAuth}
}

// rawDomain is the name that a server makes the record's own name of. Where that is below no such name, because a
// CNAME record leads there, the server has to follow it by itself.
func rawDomain(fqdn, domain string) string {
	if below, ok := strings.CutPrefix(fqdn, "_acme-challenge."); ok {
		return strings.TrimSuffix(below, ".")
	}
	return domain
}

// Present implements dns01.Provider.
func (p *Provider) Present(ctx context.Context, record dns01.Record) error {
	return p.post(ctx, "present", record)
}

// CleanUp implements dns01.Provider.
func (p *Provider) CleanUp(ctx context.Context, record dns01.Record) error {
	return p.post(ctx, "cleanup", record)
}

func (p *Provider) post(ctx context.Context, action string, record dns01.Record) error {
	if err := record.Validate(); err != nil {
		return err
	}
	body, err := json.Marshal(p.message(record))
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.endpoint.JoinPath(action).String(), bytes.NewReader(body))
	if err != nil {
		return errors.New("the request cannot be made: mend " + envEndpoint)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	if p.username != "" {
		request.SetBasicAuth(p.username, p.password)
	}
	response, err := p.client.Do(request)
	if err != nil {
		return &exchangeError{err}
	}
	defer func() { _ = response.Body.Close() }() // It was only read from.
	if response.StatusCode/100 == 2 {
		return nil
	}
	return p.refusal(response)
}

// exchangeError has a text that is the same for the same failure, and no part of the URL.
type exchangeError struct{ err error }

func (e *exchangeError) Error() string {
	return "the httpreq server was not reached: " + netcause.Text(e.err)
}

func (e *exchangeError) Unwrap() error { return e.err }
