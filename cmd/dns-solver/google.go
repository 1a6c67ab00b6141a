package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"

	"cloud.google.com/go/compute/metadata"
	"github.com/go-acme/lego/v5/challenge"
	"github.com/go-acme/lego/v5/challenge/dns01"
	"github.com/go-acme/lego/v5/providers/dns/gcloud"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
	"google.golang.org/api/dns/v1"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/impersonate"
	"google.golang.org/api/option"
)

// googleAPI is the API of Google Cloud DNS, for the zones of one project.
type googleAPI struct {
	service *dns.Service
	config  *gcloud.Config
}

// newGoogle makes the provider gcloud. The settings are the library's.
func newGoogle() (challenge.Provider, error) {
	ctx, account := context.Background(), os.Getenv(gcloud.EnvServiceAccount)
	config := gcloud.NewDefaultConfig()
	var err error
	if config.Project, err = googleProject(ctx, account); err != nil {
		return nil, prefix("gcloud", err)
	}
	tokens, err := googleTokens(ctx, account, config.ImpersonateServiceAccount)
	if err != nil {
		return nil, prefix("gcloud", fmt.Errorf("signing in: %w", err))
	}
	service, err := dns.NewService(ctx, option.WithHTTPClient(oauth2.NewClient(ctx, tokens)))
	if err != nil {
		return nil, prefix("gcloud", err)
	}
	return valueSets((&googleAPI{service, config}).settle), nil
}

// googleProject is the project that is named, or that of the service account or, without one, of the machine.
func googleProject(ctx context.Context, account string) (string, error) {
	if project := os.Getenv(gcloud.EnvProject); project != "" {
		return project, nil
	}
	var project string
	if account != "" {
		credentials := struct {
			Project string `json:"project_id"`
		}{}
		// The error is not shown: it might quote the key. That there is no project says as much.
		if err := json.Unmarshal([]byte(account), &credentials); err == nil {
			project = credentials.Project
		}
	} else {
		project, _ = metadata.ProjectIDWithContext(ctx)
	}
	if project == "" {
		return "", fmt.Errorf("the project is not known: set %s", gcloud.EnvProject)
	}
	return project, nil
}

// googleTokens sign in as a service account or, without one, as the machine or the pod, and from there as another
// service account where one is to be impersonated.
func googleTokens(ctx context.Context, account, impersonated string) (oauth2.TokenSource, error) {
	const ofDNS, ofAll = dns.NdevClouddnsReadwriteScope, dns.CloudPlatformScope
	scope := ofDNS
	if impersonated != "" {
		scope = ofAll
	}
	tokens, err := googleAccountTokens(ctx, account, scope)
	if err != nil || impersonated == "" {
		return tokens, err
	}
	return impersonate.CredentialsTokenSource(ctx, impersonate.CredentialsConfig{
		TargetPrincipal: impersonated, Scopes: []string{ofDNS},
	}, option.WithTokenSource(tokens))
}

func googleAccountTokens(ctx context.Context, account, scope string) (oauth2.TokenSource, error) {
	if account == "" {
		return google.DefaultTokenSource(ctx, scope)
	}
	config, err := google.JWTConfigFromJSON([]byte(account), scope)
	if err != nil {
		return nil, err
	}
	return config.TokenSource(ctx), nil
}

// settle is a valueSets.
func (g *googleAPI) settle(ctx context.Context, fqdn, value string, wanted bool) error {
	zone, err := g.zone(ctx, fqdn)
	if err != nil {
		return prefix("gcloud", err)
	}
	return prefix("gcloud", untilCurrent(func() error { return g.change(ctx, zone, fqdn, value, wanted) }))
}

// zone is the name of the zone that is set or else that has the name, a private one only where that is allowed.
func (g *googleAPI) zone(ctx context.Context, fqdn string) (string, error) {
	var found []*dns.ManagedZone
	if id := g.config.ZoneID; id != "" {
		zone, err := g.service.ManagedZones.Get(g.config.Project, id).Context(ctx).Do()
		if err != nil {
			return "", fmt.Errorf("reading zone %q of project %q: %w", id, g.config.Project, err)
		}
		found = append(found, zone)
	} else {
		name, err := dns01.DefaultClient().FindZoneByFqdn(ctx, fqdn)
		if err != nil {
			return "", err
		}
		list, err := g.service.ManagedZones.List(g.config.Project).DnsName(name).Context(ctx).Do()
		if err != nil {
			return "", fmt.Errorf("looking for zone %s in project %q: %w", name, g.config.Project, err)
		}
		found = list.ManagedZones
	}
	usable := func(zone *dns.ManagedZone) bool { return zone.Visibility != "private" || g.config.AllowPrivateZone }
	if i := slices.IndexFunc(found, usable); i >= 0 {
		return found[i].Name, nil
	}
	return "", fmt.Errorf("project %q has no zone for %s that may be used: make one or, for a private one, set %s to true",
		g.config.Project, fqdn, gcloud.EnvAllowPrivateZone)
}

// change reads the set and replaces exactly that, which the API does as a whole or not at all. What it answers where the
// set is another by now depends on whether there is one.
func (g *googleAPI) change(ctx context.Context, zone, fqdn, value string, wanted bool) error {
	list, err := g.service.ResourceRecordSets.List(g.config.Project, zone).Name(fqdn).Type("TXT").Context(ctx).Do()
	if err != nil {
		return fmt.Errorf("reading the TXT records at %s: %w", fqdn, err)
	}
	next := dns.ResourceRecordSet{Name: fqdn, Type: "TXT", Ttl: int64(g.config.TTL)}
	edit := &dns.Change{Deletions: list.Rrsets}
	if len(list.Rrsets) > 0 {
		next = *list.Rrsets[0]
	}
	values, changed := merged(next.Rrdatas, strconv.Quote(value), wanted, func(held string) bool { return strings.Trim(held, `"`) == value })
	if !changed {
		return nil
	}
	if next.Rrdatas = values; len(values) > 0 {
		edit.Additions = []*dns.ResourceRecordSet{&next}
	}
	_, err = g.service.Changes.Create(g.config.Project, zone, edit).Context(ctx).Do()
	outdated := []int{http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed}
	if failure, ok := errors.AsType[*googleapi.Error](err); ok && slices.Contains(outdated, failure.Code) {
		return errOutdated
	}
	return err
}
