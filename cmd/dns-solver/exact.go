package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/go-acme/lego/v5/challenge/dns01"

	"github.com/certwright/certwright/internal/dnssolver/wire"
)

// exacts are the providers whose records are taken away by name and value, by code of ours: the most used of
// those that could do it only as long as they remember the record's number, or that take away all values at once.
var exacts = map[string]func() exact{
	"cloudflare":   func() exact { return newCloudflare() },
	"digitalocean": func() exact { return newDigitalOcean() },
	"gandiv5":      func() exact { return newGandi() },
}

// Bounds of an exchange with an API.
const (
	apiTimeout = 20 * time.Second
	maxAnswer  = 1 << 20
	// maxRepeated is how much of an answer is repeated in an error, to be cleaned before it is made short: far more
	// than is shown, so that no credential is cut where the end could be seen.
	maxRepeated = 8 * wire.MaxError
)

// api is an API in JSON over HTTP.
type api struct {
	base   string
	header http.Header
}

// errNotFound is an answer of 404.
var errNotFound = errors.New("the API answers 404 Not Found")

// call makes one request, with query and with body as JSON where they are not nil, and reads the answer into
// result where that is not nil.
func (a api) call(ctx context.Context, method, path string, query url.Values, body, result any) error {
	target, err := url.Parse(a.base)
	if err != nil {
		return errors.New("the URL of the API is none")
	}
	target = target.JoinPath(path)
	target.RawQuery = query.Encode()
	content, err := json.Marshal(body)
	if err != nil {
		return err
	}
	if body == nil {
		content = nil
	}
	request, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(content))
	if err != nil {
		return err
	}
	request.Header = a.header.Clone()
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Content-Type", "application/json")
	client := http.Client{Timeout: apiTimeout}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	return read(response, result)
}

func read(response *http.Response, result any) error {
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	switch {
	case err != nil:
		return err
	case response.StatusCode == http.StatusNotFound:
		return errNotFound
	case response.StatusCode/100 != 2:
		return fmt.Errorf("the API answers %s: %s", response.Status, bytes.TrimSpace(body[:min(len(body), maxRepeated)]))
	case result == nil:
		return nil
	}
	return json.Unmarshal(body, result)
}

// remove deletes; what is not there was deleted before.
func (a api) remove(ctx context.Context, path string) error {
	err := a.call(ctx, http.MethodDelete, path, nil, nil, nil)
	if errors.Is(err, errNotFound) {
		return nil
	}
	return err
}

// first is the first of several variables that is set.
func first(names ...string) string {
	for _, name := range names {
		if value := os.Getenv(name); value != "" {
			return value
		}
	}
	return ""
}

func bearer(token string) http.Header {
	return http.Header{"Authorization": {"Bearer " + token}}
}

// cloudflareAPI is the API of Cloudflare, with one token for zones and one for records, which may be the same.
type cloudflareAPI struct{ zones, records api }

func newCloudflare() *cloudflareAPI {
	base := first("CLOUDFLARE_BASE_URL")
	if base == "" {
		base = "https://api.cloudflare.com/client/v4"
	}
	if key := first("CLOUDFLARE_API_KEY", "CF_API_KEY"); key != "" {
		account := api{base, http.Header{"X-Auth-Email": {first("CLOUDFLARE_EMAIL", "CF_API_EMAIL")}, "X-Auth-Key": {key}}}
		return &cloudflareAPI{account, account}
	}
	token := first("CLOUDFLARE_DNS_API_TOKEN", "CF_DNS_API_TOKEN")
	ofZones := first("CLOUDFLARE_ZONE_API_TOKEN", "CF_ZONE_API_TOKEN", "CLOUDFLARE_DNS_API_TOKEN", "CF_DNS_API_TOKEN")
	return &cloudflareAPI{zones: api{base, bearer(ofZones)}, records: api{base, bearer(token)}}
}

// find returns the path of the records of a zone and the numbers of those that have a name and a value.
func (c *cloudflareAPI) find(ctx context.Context, fqdn, value string) (path string, ids []string, err error) {
	zone, err := dns01.DefaultClient().FindZoneByFqdn(ctx, fqdn)
	if err != nil {
		return "", nil, err
	}
	zones := struct{ Result []struct{ ID string } }{}
	if err := c.zones.call(ctx, http.MethodGet, "zones", url.Values{"name": {dns01.UnFqdn(zone)}}, nil, &zones); err != nil {
		return "", nil, fmt.Errorf("looking for zone %s: %w", zone, err)
	}
	if len(zones.Result) == 0 {
		return "", nil, fmt.Errorf("the account has no zone %s", zone)
	}
	path = "zones/" + url.PathEscape(zones.Result[0].ID) + "/dns_records"
	records := struct {
		Result []struct{ ID, Content string }
	}{}
	query := url.Values{"type": {"TXT"}, "name": {dns01.UnFqdn(fqdn)}, "per_page": {"100"}}
	if err := c.records.call(ctx, http.MethodGet, path, query, nil, &records); err != nil {
		return "", nil, fmt.Errorf("looking for the record: %w", err)
	}
	for _, record := range records.Result {
		if strings.Trim(record.Content, `"`) == value {
			ids = append(ids, record.ID)
		}
	}
	return path, ids, nil
}

func (c *cloudflareAPI) has(ctx context.Context, fqdn, value string) (bool, error) {
	_, ids, err := c.find(ctx, fqdn, value)
	return len(ids) > 0, prefix("cloudflare", err)
}

func (c *cloudflareAPI) remove(ctx context.Context, fqdn, value string) error {
	path, ids, err := c.find(ctx, fqdn, value)
	for _, id := range ids {
		err = errors.Join(err, c.records.remove(ctx, path+"/"+url.PathEscape(id)))
	}
	return prefix("cloudflare", err)
}

// digitalOceanAPI is the API of DigitalOcean.
type digitalOceanAPI struct{ api api }

func newDigitalOcean() *digitalOceanAPI {
	base := first("DO_API_URL")
	if base == "" {
		base = "https://api.digitalocean.com"
	}
	return &digitalOceanAPI{api{base, bearer(first("DO_AUTH_TOKEN"))}}
}

func (d *digitalOceanAPI) find(ctx context.Context, fqdn, value string) (path string, ids []json.Number, err error) {
	zone, err := dns01.DefaultClient().FindZoneByFqdn(ctx, fqdn)
	if err != nil {
		return "", nil, err
	}
	path = "v2/domains/" + url.PathEscape(dns01.UnFqdn(zone)) + "/records"
	records := struct {
		Records []struct {
			ID   json.Number `json:"id"`
			Data string      `json:"data"`
		} `json:"domain_records"`
	}{}
	query := url.Values{"type": {"TXT"}, "name": {dns01.UnFqdn(fqdn)}, "per_page": {"200"}}
	if err := d.api.call(ctx, http.MethodGet, path, query, nil, &records); err != nil {
		return "", nil, fmt.Errorf("looking for the record: %w", err)
	}
	for _, record := range records.Records {
		if strings.Trim(record.Data, `"`) == value {
			ids = append(ids, record.ID)
		}
	}
	return path, ids, nil
}

func (d *digitalOceanAPI) has(ctx context.Context, fqdn, value string) (bool, error) {
	_, ids, err := d.find(ctx, fqdn, value)
	return len(ids) > 0, prefix("digitalocean", err)
}

func (d *digitalOceanAPI) remove(ctx context.Context, fqdn, value string) error {
	path, ids, err := d.find(ctx, fqdn, value)
	for _, id := range ids {
		err = errors.Join(err, d.api.remove(ctx, path+"/"+url.PathEscape(id.String())))
	}
	return prefix("digitalocean", err)
}

// gandiAPI is Gandi's LiveDNS, where a name has one set of values that is read and written whole.
type gandiAPI struct{ api api }

func newGandi() *gandiAPI {
	header := bearer(first("GANDIV5_PERSONAL_ACCESS_TOKEN"))
	if key := first("GANDIV5_API_KEY"); key != "" && first("GANDIV5_PERSONAL_ACCESS_TOKEN") == "" {
		header.Set("Authorization", "Apikey "+key)
	}
	return &gandiAPI{api{"https://api.gandi.net/v5/livedns", header}}
}

// gandiSet is the values of one name.
type gandiSet struct {
	TTL    int      `json:"rrset_ttl"`
	Values []string `json:"rrset_values"`
}

func (g *gandiAPI) find(ctx context.Context, fqdn string) (path string, set gandiSet, err error) {
	zone, err := dns01.DefaultClient().FindZoneByFqdn(ctx, fqdn)
	if err != nil {
		return "", set, err
	}
	name, err := dns01.ExtractSubDomain(fqdn, zone)
	if err != nil {
		return "", set, err
	}
	path = "domains/" + url.PathEscape(dns01.UnFqdn(zone)) + "/records/" + url.PathEscape(name) + "/TXT"
	err = g.api.call(ctx, http.MethodGet, path, nil, nil, &set)
	if errors.Is(err, errNotFound) {
		return path, gandiSet{}, nil
	}
	return path, set, err
}

func (g *gandiAPI) has(ctx context.Context, fqdn, value string) (bool, error) {
	_, set, err := g.find(ctx, fqdn)
	return set.index(value) >= 0, prefix("gandiv5", err)
}

func (s gandiSet) index(value string) int {
	return slices.IndexFunc(s.Values, func(held string) bool { return strings.Trim(held, `"`) == value })
}

func (g *gandiAPI) remove(ctx context.Context, fqdn, value string) error {
	path, set, err := g.find(ctx, fqdn)
	at := set.index(value)
	switch {
	case err != nil || at < 0:
	case len(set.Values) == 1:
		err = g.api.remove(ctx, path)
	default:
		set.Values = slices.Delete(set.Values, at, at+1)
		err = g.api.call(ctx, http.MethodPut, path, nil, set, nil)
	}
	return prefix("gandiv5", err)
}

// prefix says whose error it is, as the library does.
func prefix(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}
