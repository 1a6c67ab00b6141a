// Package acmedns writes records to an acme-dns server: a name server that has a subdomain for each name, to which the
// name's own _acme-challenge record is a CNAME.
//
// The solver package imports it.
package acmedns

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/certwright/certwright/internal/reach"
	"github.com/certwright/certwright/internal/solver/dns01"
	"github.com/certwright/certwright/internal/solver/internal/guarded"
	"github.com/certwright/certwright/internal/solver/internal/netcause"
)

const (
	// maxAccounts bounds what is read, in bytes.
	maxAccounts = 1 << 20
	timeout     = 15 * time.Second
)

// Account is a registration at the server, in the form that its clients keep it in.
type Account struct {
	Username  string `json:"username"`
	Password  string `json:"password"`
	Subdomain string `json:"subdomain"`
	// FullDomain is where the CNAME record of the name has to lead.
	FullDomain string `json:"fulldomain"`
}

// Config says which server to use, and as whom.
type Config struct {
	// Host is the server's URL.
	Host string
	// Accounts is JSON that maps names to registrations.
	Accounts []byte
	// Domain is the name to prove control of, without "*.".
	Domain string
	// Reach says at which addresses the server may be.
	Reach reach.Policy
}

// Provider updates the subdomain of one name.
type Provider struct {
	update  string
	account Account
	client  *http.Client
}

var _ dns01.Provider = (*Provider)(nil)

// New refuses a configuration that cannot work, with what to do about it. No error quotes the accounts.
func New(config Config) (*Provider, error) {
	server, err := url.Parse(config.Host)
	if err != nil || server.Scheme != "http" && server.Scheme != "https" || server.Host == "" {
		return nil, errors.New("host must be the URL of the acme-dns server, such as https://auth.example.com")
	}
	account, err := accountFor(config.Accounts, config.Domain)
	if err != nil {
		return nil, err
	}
	return &Provider{update: server.JoinPath("update").String(), account: account, client: guarded.Client(config.Reach, timeout)}, nil
}

func accountFor(data []byte, domain string) (Account, error) {
	if len(data) > maxAccounts {
		return Account{}, fmt.Errorf("the accounts are longer than %d bytes", maxAccounts)
	}
	var accounts map[string]Account
	if err := json.Unmarshal(data, &accounts); err != nil {
		return Account{}, errors.New(`the accounts must be JSON such as {"example.com": {"username": …, "password": …, "fulldomain": …, "subdomain": …}}`)
	}
	for _, name := range []string{domain, "_acme-challenge." + domain} {
		if account, found := accounts[name]; found {
			if account.Username == "" || account.Password == "" || account.Subdomain == "" {
				return Account{}, fmt.Errorf("the account for %q lacks username, password or subdomain", domain)
			}
			return account, nil
		}
	}
	return Account{}, fmt.Errorf("there is no account for %q: register one at the acme-dns server, and add it under this name", domain)
}

// Present adds the value. The server keeps the last two, which is enough for a name and its wildcard.
func (p *Provider) Present(ctx context.Context, record dns01.Record) error {
	body, err := json.Marshal(map[string]string{"subdomain": p.account.Subdomain, "txt": record.Value})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.update, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Api-User", p.account.Username)
	request.Header.Set("X-Api-Key", p.account.Password)
	response, err := p.client.Do(request)
	if err != nil {
		return &exchangeError{err}
	}
	defer func() { _ = response.Body.Close() }() // It was only read from.
	answer, err := io.ReadAll(io.LimitReader(response.Body, guarded.MaxAnswer))
	if err != nil {
		return &exchangeError{err}
	}
	if response.StatusCode == http.StatusOK {
		return nil
	}
	return refusal(response.StatusCode, answer)
}

// CleanUp has nothing to do: the server offers no way to remove a value, and drops it for a later one.
func (*Provider) CleanUp(context.Context, dns01.Record) error { return nil }

// refusal passes on the word by which the server says what it did not like, and nothing else of its answer.
func refusal(status int, answer []byte) error {
	var problem struct {
		Error string `json:"error"`
	}
	isWord := func(text string) bool {
		return len(text) > 0 && len(text) <= 64 && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz_") == ""
	}
	if json.Unmarshal(answer, &problem) == nil && isWord(problem.Error) {
		return fmt.Errorf("the acme-dns server answers with status %d: %s", status, problem.Error)
	}
	return fmt.Errorf("the acme-dns server answers with status %d", status)
}

// exchangeError has a text that is the same for the same failure.
type exchangeError struct{ err error }

func (e *exchangeError) Error() string {
	return "the acme-dns server was not reached: " + netcause.Text(e.err)
}

func (e *exchangeError) Unwrap() error { return e.err }
