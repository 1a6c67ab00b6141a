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
	"strings"
	"time"

	"github.com/go-acme/lego/v5/challenge/dns01"
)

// exacts are the providers whose records are taken away by name and value, by code of ours: the most used of
// those that could do it only as long as they remember the record's number.
var exacts = map[string]func() exact{
	"cloudflare":   func() exact { return newCloudflare() },
	"digitalocean": func() exact { return newDigitalOcean() },
}

// Bounds of an exchange with an API.
const (
	apiTimeout = 20 * time.Second
	maxAnswer  = 1 << 20
)

// api is an API in JSON over HTTP.
type api struct {
	base   string
	header http.Header
}

// call makes one request and reads the answer into result, which may be nil. An answer of 404 to a deletion means
// that it was done before.
func (a api) call(ctx context.Context, method, path string, query url.Values, result any) error {
	target, err := url.Parse(a.base)
	if err != nil {
		return errors.New("the URL of the API is none")
	}
	target = target.JoinPath(path)
	target.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, method, target.String(), nil)
	if err != nil {
		return err
	}
	request.Header = a.header.Clone()
	request.Header.Set("Accept", "application/json")
	client := http.Client{Timeout: apiTimeout}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return err
	}
	if method == http.MethodDelete && response.StatusCode == http.StatusNotFound {
		return nil
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("the API answers %s: %s", response.Status, bytes.TrimSpace(body[:min(len(body), 200)]))
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(body, result)
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
	if err := c.zones.call(ctx, http.MethodGet, "zones", url.Values{"name": {dns01.UnFqdn(zone)}}, &zones); err != nil {
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
	if err := c.records.call(ctx, http.MethodGet, path, query, &records); err != nil {
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
		err = errors.Join(err, c.records.call(ctx, http.MethodDelete, path+"/"+url.PathEscape(id), nil, nil))
	}
	return prefix("cloudflare", err)
}

// digitalOceanAPI is the API of DigitalOcean.
type digitalOceanAPI struct{ api }

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
	if err := d.call(ctx, http.MethodGet, path, query, &records); err != nil {
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
		err = errors.Join(err, d.call(ctx, http.MethodDelete, path+"/"+url.PathEscape(id.String()), nil, nil))
	}
	return prefix("digitalocean", err)
}

// prefix says whose error it is, as the library does.
func prefix(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}
