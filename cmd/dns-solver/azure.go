package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/go-acme/lego/v5/challenge"
	"github.com/go-acme/lego/v5/challenge/dns01"
	"github.com/go-acme/lego/v5/platform/env"
	"github.com/go-acme/lego/v5/providers/dns/azuredns"
)

// azureZones is what public and private zones have different names for.
type azureZones struct{ kind, version, values, ttl string }

var (
	azurePublic  = azureZones{"dnsZones", "2018-05-01", "TXTRecords", "TTL"}
	azurePrivate = azureZones{"privateDnsZones", "2024-06-01", "txtRecords", "ttl"}
)

// azureAPI is the Azure Resource Manager, for the zones that a credential sees.
type azureAPI struct {
	client *arm.Client
	zones  azureZones
	config *azuredns.Config
}

// azureResourceID is a setting that the library does not have.
const azureResourceID = "AZURE_IDENTITY_RESOURCE_ID"

// azureClouds are Azure's clouds by the names that the library gives them.
var azureClouds = map[string]cloud.Configuration{
	"": cloud.AzurePublic, "public": cloud.AzurePublic, "china": cloud.AzureChina, "usgovernment": cloud.AzureGovernment,
}

// newAzure makes the provider azuredns. The settings are the library's.
func newAzure() (challenge.Provider, error) {
	name := os.Getenv(azuredns.EnvEnvironment)
	environment, known := azureClouds[name]
	if !known {
		return nil, fmt.Errorf("azuredns: there is no cloud %q: set %s to public, china or usgovernment", name, azuredns.EnvEnvironment)
	}
	options := azcore.ClientOptions{Cloud: environment}
	credential, err := azureCredential(options)
	if err != nil {
		return nil, prefix("azuredns", fmt.Errorf("signing in: %w", err))
	}
	options.Telemetry.Disabled = true
	client, err := arm.NewClient("dns-solver", "", credential, &arm.ClientOptions{ClientOptions: options})
	if err != nil {
		return nil, prefix("azuredns", err)
	}
	api := &azureAPI{client, azurePublic, azuredns.NewDefaultConfig()}
	if env.GetOrDefaultBool(azuredns.EnvPrivateZone, false) {
		api.zones = azurePrivate
	}
	return valueSets(api.settle), nil
}

// azureCredential is what the settings sign in with. The library has more ways, which need a program, a file or a
// pipeline; and asked for a managed identity, it takes the only one that the machine has, whatever client ID it is
// given. Here one is picked by its client or resource ID; and where the pod has a workload identity, which is how a pod
// has a managed one that is not the machine's, that is taken.
func azureCredential(options azcore.ClientOptions) (azcore.TokenCredential, error) {
	resource, hasWorkload := os.Getenv(azureResourceID), os.Getenv("AZURE_FEDERATED_TOKEN_FILE") != ""
	method := strings.ToLower(os.Getenv(azuredns.EnvAuthMethod))
	switch {
	case method != "msi" && resource != "":
		return nil, fmt.Errorf("%s names a managed identity: set %s to msi, or remove it", azureResourceID, azuredns.EnvAuthMethod)
	case method == "env":
		return azidentity.NewEnvironmentCredential(&azidentity.EnvironmentCredentialOptions{ClientOptions: options})
	case method == "wli", method == "msi" && resource == "" && hasWorkload:
		return azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{ClientOptions: options})
	case method == "msi":
		return azureIdentity(options, resource)
	case method == "":
		return azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{ClientOptions: options})
	default:
		return nil, fmt.Errorf("there is no way %q here: set %s to env, wli or msi, or leave it out", method, azuredns.EnvAuthMethod)
	}
}

// azureIdentity is one of the machine's managed identities: by its resource ID, by its client ID, or the only one.
func azureIdentity(options azcore.ClientOptions, resource string) (azcore.TokenCredential, error) {
	chosen := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: options}
	if client := os.Getenv(azuredns.EnvClientID); resource != "" {
		chosen.ID = azidentity.ResourceID(resource)
	} else if client != "" {
		chosen.ID = azidentity.ClientID(client)
	}
	credential, err := azidentity.NewManagedIdentityCredential(chosen)
	if err != nil {
		return nil, err
	}
	return hurriedCredential{credential, env.GetOrDefaultSecond(azuredns.EnvAuthMSITimeout, 10*time.Second)}, nil
}

// hurriedCredential gives up on a machine that has no managed identities, which does not answer.
type hurriedCredential struct {
	azcore.TokenCredential
	// patience is for ever if it is zero, as it is to the library.
	patience time.Duration
}

// GetToken implements azcore.TokenCredential.
func (h hurriedCredential) GetToken(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if h.patience == 0 {
		return h.TokenCredential.GetToken(ctx, options)
	}
	ctx, cancel := context.WithTimeout(ctx, h.patience)
	defer cancel()
	token, err := h.TokenCredential.GetToken(ctx, options)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return token, fmt.Errorf("the machine gave out no token of its managed identity within %s: give it that identity, or more time by %s",
			h.patience, azuredns.EnvAuthMSITimeout)
	}
	return token, err
}

// azureSet is a set of TXT values. Of its properties, only the values are looked at and all are written back.
type azureSet struct {
	ETag       string                     `json:"etag,omitempty"`
	Properties map[string]json.RawMessage `json:"properties"`
}

// azureValue is one value, in parts of up to 255 bytes.
type azureValue struct {
	Value []string `json:"value"`
}

// settle is a valueSets.
func (a *azureAPI) settle(ctx context.Context, fqdn, value string, wanted bool) error {
	path, err := a.find(ctx, fqdn)
	if err != nil {
		return prefix("azuredns", err)
	}
	return prefix("azuredns", untilCurrent(func() error { return a.change(ctx, path, value, wanted) }))
}

// find is the path of the set at a name, in the one zone that has the name and that the credential sees.
func (a *azureAPI) find(ctx context.Context, fqdn string) (string, error) {
	zone := a.config.ZoneName
	if zone == "" {
		var err error
		if zone, err = dns01.DefaultClient().FindZoneByFqdn(ctx, fqdn); err != nil {
			return "", err
		}
	}
	zone = dns01.UnFqdn(zone)
	name, err := dns01.ExtractSubDomain(fqdn, zone)
	if err != nil {
		return "", err
	}
	query := object{"query": a.query(zone), "options": object{"resultFormat": "objectArray"}}
	found := struct {
		Data []struct{ Name, ResourceGroup, SubscriptionID string }
	}{}
	if _, err := a.call(ctx, http.MethodPost, "/providers/Microsoft.ResourceGraph/resources", "2024-04-01", nil, query, &found); err != nil {
		return "", fmt.Errorf("looking for zone %s: %w", zone, err)
	}
	if len(found.Data) != 1 {
		return "", fmt.Errorf("the credential sees %d zones %s in %s, and not one: set %s and %s to those of the zone, and give the credential a role for it",
			len(found.Data), zone, a.zones.kind, azuredns.EnvSubscriptionID, azuredns.EnvResourceGroup)
	}
	at := found.Data[0]
	return "/subscriptions/" + url.PathEscape(at.SubscriptionID) + "/resourceGroups/" + url.PathEscape(at.ResourceGroup) +
		"/providers/Microsoft.Network/" + a.zones.kind + "/" + url.PathEscape(at.Name) + "/TXT/" + url.PathEscape(name), nil
}

// query asks the Resource Graph for zones of a name, where the settings say.
func (a *azureAPI) query(zone string) string {
	lines := []string{"resources", fmt.Sprintf("where type =~ %q", "microsoft.network/"+strings.ToLower(a.zones.kind))}
	for _, is := range [][2]string{
		{"subscriptionId", os.Getenv(azuredns.EnvSubscriptionID)}, {"resourceGroup", os.Getenv(azuredns.EnvResourceGroup)}, {"name", zone},
	} {
		if is[1] != "" {
			lines = append(lines, fmt.Sprintf("where %s =~ %q", is[0], is[1]))
		}
	}
	if filter := os.Getenv(azuredns.EnvServiceDiscoveryFilter); filter != "" {
		lines = append(lines, filter)
	}
	return strings.Join(append(lines, "project subscriptionId, resourceGroup, name"), "\n| ")
}

// change reads the set and replaces it as long as it has the same ETag, or takes it away with its last value.
func (a *azureAPI) change(ctx context.Context, path, value string, wanted bool) error {
	set := azureSet{}
	status, err := a.call(ctx, http.MethodGet, path, a.zones.version, nil, nil, &set)
	if err != nil && status != http.StatusNotFound {
		return fmt.Errorf("reading the TXT records: %w", err)
	}
	condition := http.Header{"If-Match": {set.ETag}}
	if status == http.StatusNotFound {
		condition = http.Header{"If-None-Match": {"*"}}
	}
	if set.Properties == nil {
		set.Properties = map[string]json.RawMessage{a.zones.ttl: json.RawMessage(fmt.Sprint(a.config.TTL))}
	}
	var values []azureValue
	if held := set.Properties[a.zones.values]; held != nil {
		if err := json.Unmarshal(held, &values); err != nil {
			return err
		}
	}
	values, changed := merged(values, azureValue{[]string{value}}, wanted, func(held azureValue) bool { return strings.Join(held.Value, "") == value })
	if !changed {
		return nil
	}
	if set.Properties[a.zones.values], err = json.Marshal(values); err != nil {
		return err
	}
	if len(values) == 0 {
		status, err = a.call(ctx, http.MethodDelete, path, a.zones.version, condition, nil, nil)
	} else {
		status, err = a.call(ctx, http.MethodPut, path, a.zones.version, condition, object{"properties": set.Properties}, nil)
	}
	if status == http.StatusPreconditionFailed {
		return errOutdated
	}
	return err
}

// object is a JSON object.
type object = map[string]any

// call makes one request and reads the answer into result where that is not nil. The status is 0 where there is none.
func (a *azureAPI) call(ctx context.Context, method, path, version string, header http.Header, body, result any) (status int, err error) {
	request, err := runtime.NewRequest(ctx, method, runtime.JoinPaths(a.client.Endpoint(), path)+"?api-version="+version)
	if err != nil {
		return 0, err
	}
	for name, values := range header {
		request.Raw().Header[name] = values
	}
	if body != nil {
		if err := runtime.MarshalAsJSON(request, body); err != nil {
			return 0, err
		}
	}
	response, err := a.client.Pipeline().Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	switch {
	case response.StatusCode/100 != 2:
		return response.StatusCode, runtime.NewResponseError(response)
	case result == nil:
		return response.StatusCode, nil
	}
	return response.StatusCode, runtime.UnmarshalAsJSON(response, result)
}
