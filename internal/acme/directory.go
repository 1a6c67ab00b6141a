package acme

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// Bounds on the parts of a directory that are shown to people.
const (
	maxProfiles      = 64
	maxCAAIdentities = 64
)

// Directory tells where a CA's resources are (RFC 8555 section 7.1.1). A
// resource that the CA does not offer is empty.
type Directory struct {
	NewNonce    string
	NewAccount  string
	NewOrder    string
	NewAuthz    string
	RevokeCert  string
	KeyChange   string
	RenewalInfo string // RFC 9773 section 4.1

	Meta DirectoryMeta
}

// DirectoryMeta is what the CA says about itself.
type DirectoryMeta struct {
	// TermsOfService is the URL of the terms that apply now. It is to be shown
	// and compared; any scheme is kept.
	TermsOfService string

	Website                 string
	CAAIdentities           []string
	ExternalAccountRequired bool

	// Profiles maps the names of the certificate profiles on offer to a
	// description or the URL of one (draft-ietf-acme-profiles).
	Profiles map[string]string

	// SubdomainAuthAllowed says that an ancestor domain may be authorized
	// instead of each name below it (RFC 9444 section 4.4).
	SubdomainAuthAllowed bool

	// IssuerDomainNames and AccountHashPrefix are for dns-persist-01 records
	// made ahead of any order (draft-ietf-acme-dns-persist-02 sections 3.2 and
	// 4.1). The names are nil unless every one of them is well formed.
	IssuerDomainNames []string
	AccountHashPrefix string
}

type wireDirectory struct {
	NewNonce    string `json:"newNonce"`
	NewAccount  string `json:"newAccount"`
	NewOrder    string `json:"newOrder"`
	NewAuthz    string `json:"newAuthz"`
	RevokeCert  string `json:"revokeCert"`
	KeyChange   string `json:"keyChange"`
	RenewalInfo string `json:"renewalInfo"`
	Meta        struct {
		TermsOfService          string            `json:"termsOfService"`
		Website                 string            `json:"website"`
		CAAIdentities           []string          `json:"caaIdentities"`
		ExternalAccountRequired bool              `json:"externalAccountRequired"`
		Profiles                map[string]string `json:"profiles"`
		SubdomainAuthAllowed    bool              `json:"subdomainAuthAllowed"`
		IssuerDomainNames       wireDomainNames   `json:"issuerDomainNames"`
		AccountHashPrefix       wireText          `json:"accountHashPrefix"`
	} `json:"meta"`
}

// parseDirectory reads a directory object. Keys it does not know are ignored:
// some CAs add a random one to every answer.
func parseDirectory(body []byte, base *url.URL) (*Directory, error) {
	var wire wireDirectory
	if err := json.Unmarshal(body, &wire); err != nil {
		return nil, &ProtocolError{Op: OpDirectory, Reason: ReasonMalformed}
	}
	return &Directory{
		NewNonce:    resolve(base, wire.NewNonce),
		NewAccount:  resolve(base, wire.NewAccount),
		NewOrder:    resolve(base, wire.NewOrder),
		NewAuthz:    resolve(base, wire.NewAuthz),
		RevokeCert:  resolve(base, wire.RevokeCert),
		KeyChange:   resolve(base, wire.KeyChange),
		RenewalInfo: resolve(base, wire.RenewalInfo),
		Meta: DirectoryMeta{
			TermsOfService:          cleanText(wire.Meta.TermsOfService, maxURL),
			Website:                 displayURL(wire.Meta.Website),
			CAAIdentities:           cleanList(wire.Meta.CAAIdentities, maxCAAIdentities),
			ExternalAccountRequired: wire.Meta.ExternalAccountRequired,
			Profiles:                cleanProfiles(wire.Meta.Profiles),
			SubdomainAuthAllowed:    wire.Meta.SubdomainAuthAllowed,
			IssuerDomainNames:       wire.Meta.IssuerDomainNames.names,
			AccountHashPrefix:       displayURL(string(wire.Meta.AccountHashPrefix)),
		},
	}, nil
}

// cleanProfiles bounds and cleans the profiles. Where there are too many, the
// first by name are kept, so that the same directory always gives the same list.
func cleanProfiles(offered map[string]string) map[string]string {
	if len(offered) == 0 {
		return nil
	}
	profiles := make(map[string]string, min(len(offered), maxProfiles))
	for _, name := range slices.Sorted(maps.Keys(offered)) {
		if len(profiles) == maxProfiles {
			break
		}
		if name == "" || cleanText(name, maxShortText) != name {
			continue
		}
		profiles[name] = cleanText(offered[name], maxURL)
	}
	return profiles
}

// check refuses a directory without the resources that nothing works without.
func (d *Directory) check(c *Client) error {
	required := []struct{ field, value string }{
		{"newNonce", d.NewNonce},
		{"newAccount", d.NewAccount},
		{"newOrder", d.NewOrder},
	}
	for _, resource := range required {
		if resource.value == "" {
			return &ProtocolError{Op: OpDirectory, Reason: ReasonMissing, Field: resource.field}
		}
		if _, err := c.checkURL(OpDirectory, resource.value); err != nil {
			return err
		}
	}
	return nil
}

func (d *Directory) clone() *Directory {
	copied := *d
	copied.Meta.CAAIdentities = slices.Clone(d.Meta.CAAIdentities)
	copied.Meta.Profiles = maps.Clone(d.Meta.Profiles)
	copied.Meta.IssuerDomainNames = slices.Clone(d.Meta.IssuerDomainNames)
	return &copied
}

// directoryCache holds the directory until it is too old. Only one fetch runs
// at a time; the others wait for it or for their own context.
type directoryCache struct {
	mu      sync.Mutex
	value   *Directory
	expires time.Time
	fetch   chan struct{} // closed when the running fetch ends; nil when none runs
}

// FetchDirectory returns the CA's directory, from the cache while it is fresh.
// The result is the caller's to change.
func (c *Client) FetchDirectory(ctx context.Context) (*Directory, error) {
	directory, err := c.cachedDirectory(ctx)
	if err != nil {
		return nil, err
	}
	return directory.clone(), nil
}

// ForgetDirectory makes the next call read the directory from the CA.
func (c *Client) ForgetDirectory() {
	c.directory.mu.Lock()
	defer c.directory.mu.Unlock()
	c.directory.value = nil
}

// cachedDirectory returns the shared directory, which must not be changed.
func (c *Client) cachedDirectory(ctx context.Context) (*Directory, error) {
	for {
		directory, running, mine := c.directory.get(c.now())
		if directory != nil {
			return directory, nil
		}
		if mine {
			return c.refreshDirectory(ctx, running)
		}
		select {
		case <-running:
		case <-ctx.Done():
			err := ctx.Err()
			return nil, &NetworkError{Op: OpDirectory, Host: c.directoryHost(), Kind: networkKind(err), Err: err}
		}
	}
}

// get returns the cached directory, or else the fetch to wait for; mine says
// that the caller is the one to make that fetch.
func (d *directoryCache) get(now time.Time) (value *Directory, running chan struct{}, mine bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.value != nil && now.Before(d.expires) {
		return d.value, nil, false
	}
	if d.fetch != nil {
		return nil, d.fetch, false
	}
	d.fetch = make(chan struct{})
	return nil, d.fetch, true
}

func (c *Client) refreshDirectory(ctx context.Context, running chan struct{}) (*Directory, error) {
	directory, err := c.readDirectory(ctx)
	ttl := c.DirectoryTTL
	if ttl == 0 {
		ttl = defaultDirectoryTTL
	}
	c.directory.mu.Lock()
	defer c.directory.mu.Unlock()
	c.directory.fetch = nil
	close(running)
	if err != nil {
		return nil, err
	}
	c.directory.value = directory
	c.directory.expires = c.now().Add(ttl)
	return directory, nil
}

func (c *Client) readDirectory(ctx context.Context) (*Directory, error) {
	target, err := c.checkURL(OpDirectory, c.Directory)
	if err != nil {
		return nil, err
	}
	resp, err := c.send(ctx, httpRequest{op: OpDirectory, method: http.MethodGet, target: target})
	if err != nil {
		return nil, err
	}
	if problem := resp.problem(); problem != nil {
		return nil, wrapOp(OpDirectory, problem)
	}
	directory, err := parseDirectory(resp.body, resp.url)
	if err != nil {
		return nil, err
	}
	return directory, directory.check(c)
}

func (c *Client) directoryHost() string {
	u, err := url.Parse(c.Directory)
	if err != nil {
		return ""
	}
	return u.Host
}
