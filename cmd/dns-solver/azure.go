package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/go-acme/lego/v5/challenge"
	"github.com/go-acme/lego/v5/platform/env"
	"github.com/go-acme/lego/v5/providers/dns/azuredns"
)

// special makes providers, in the environment of a request, that the library makes otherwise.
var special = map[string]func() (challenge.Provider, error){"azuredns": newAzure}

// azureResourceID is a setting that the library does not have.
const azureResourceID = "AZURE_IDENTITY_RESOURCE_ID"

// newAzure makes the provider azuredns. Asked for a managed identity, the library takes the only one that the machine
// has, whatever client ID it is given. Here one is picked by its client or resource ID; and where the pod has a
// workload identity, which is how a pod has a managed one that is not the machine's, that is taken.
func newAzure() (challenge.Provider, error) {
	client, resource := os.Getenv(azuredns.EnvClientID), os.Getenv(azureResourceID)
	asked := strings.EqualFold(os.Getenv(azuredns.EnvAuthMethod), "msi")
	switch {
	case !asked && resource != "":
		return nil, fmt.Errorf("azuredns: %s names a managed identity: set %s to msi, or remove it", azureResourceID, azuredns.EnvAuthMethod)
	case !asked:
	case resource != "":
		return azureAs(azidentity.ResourceID(resource))
	case os.Getenv("AZURE_FEDERATED_TOKEN_FILE") != "":
		if err := os.Setenv(azuredns.EnvAuthMethod, "wli"); err != nil {
			return nil, err
		}
	case client != "":
		return azureAs(azidentity.ClientID(client))
	}
	return azuredns.NewDNSProvider()
}

// azureClouds are Azure's clouds by the names that the library gives them.
var azureClouds = map[string]cloud.Configuration{
	"": cloud.AzurePublic, "public": cloud.AzurePublic, "china": cloud.AzureChina, "usgovernment": cloud.AzureGovernment,
}

// azureAs makes the provider with one of the machine's managed identities.
func azureAs(identity azidentity.ManagedIDKind) (challenge.Provider, error) {
	config := azuredns.NewDefaultConfig()
	name := os.Getenv(azuredns.EnvEnvironment)
	environment, known := azureClouds[name]
	if !known {
		return nil, fmt.Errorf("azuredns: there is no cloud %q: set %s to public, china or usgovernment", name, azuredns.EnvEnvironment)
	}
	config.Environment = environment
	config.SubscriptionID, config.ResourceGroup = os.Getenv(azuredns.EnvSubscriptionID), os.Getenv(azuredns.EnvResourceGroup)
	config.PrivateZone = env.GetOrDefaultBool(azuredns.EnvPrivateZone, false)
	config.ServiceDiscoveryFilter = os.Getenv(azuredns.EnvServiceDiscoveryFilter)
	credential, err := azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{
		ClientOptions: azcore.ClientOptions{Cloud: environment}, ID: identity,
	})
	if err != nil {
		return nil, err
	}
	hurried := hurriedCredential{credential, env.GetOrDefaultSecond(azuredns.EnvAuthMSITimeout, 10*time.Second)}
	if config.PrivateZone {
		return azuredns.NewDNSProviderPrivate(config, hurried)
	}
	return azuredns.NewDNSProviderPublic(config, hurried)
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
