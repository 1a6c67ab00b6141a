package main

import (
	"slices"
	"testing"
)

// A process gets what an administrator says of the network, and what the pod signs in with only where it may do so too.
func TestInheritedVariables(t *testing.T) {
	everybodys := []string{"AWS_ENDPOINT_URL_ROUTE_53=https://route53.example", "AWS_ENDPOINT_URL_STS=https://sts.example", "HTTPS_PROXY=http://proxy:3128", "SSL_CERT_FILE=/roots.pem"}
	pods := []string{
		"AWS_ACCESS_KEY_ID=id", "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://169.254.170.23/", "AWS_ENDPOINT_URL=https://aws.example", "AWS_ROLE_ARN=arn", "AWS_WEB_IDENTITY_TOKEN_FILE=/token",
		"AZURE_CLIENT_ID=id", "AZURE_FEDERATED_TOKEN_FILE=/token", "GOOGLE_APPLICATION_CREDENTIALS=/key", "IDENTITY_ENDPOINT=http://localhost/", "MSI_ENDPOINT=http://localhost/",
	}
	nobodys := []string{"KUBERNETES_SERVICE_HOST=10.0.0.1", "PATH=/bin", "HOME=/root", "XAWS_ROLE_ARN=arn"}
	for ambient, want := range map[bool][]string{false: everybodys, true: slices.Concat(everybodys, pods)} {
		var got []string
		for name, value := range inheritedVariables(slices.Concat(everybodys, pods, nobodys), ambient) {
			got = append(got, name+"="+value)
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("ambient %t: %q, want %q", ambient, got, want)
		}
	}
}
