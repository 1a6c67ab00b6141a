package main

import (
	"net"
	"net/url"
	"slices"
	"strings"
)

// ambientPrefixes begin the variables of serve's own environment by which SDKs sign in as the machine or the
// pod.
var ambientPrefixes = []string{"AWS_", "AZURE_", "GOOGLE_", "IDENTITY_", "MSI_"}

// proxyVariables lead to a proxy, trustVariables to the roots that servers are verified against, and endpointVariables
// to a cloud's APIs where they are not at the public place. They are an administrator's, and every process gets them.
// No issuer may set the last, because a provider with ambient credentials must not be sent elsewhere.
var (
	proxyVariables    = []string{"HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy"}
	trustVariables    = []string{"SSL_CERT_FILE", "SSL_CERT_DIR"}
	endpointVariables = []string{"AWS_ENDPOINT_URL_ROUTE_53", "AWS_ENDPOINT_URL_STS"}
)

// inheritedVariables picks the variables of serve's own environment that a process gets, beside those of its request.
// Everything else there is nothing to a provider.
func inheritedVariables(environment []string, ambient bool) map[string]string {
	picked := map[string]string{}
	for _, entry := range environment {
		name, value, _ := strings.Cut(entry, "=")
		isAmbient := slices.ContainsFunc(ambientPrefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
		if slices.Contains(slices.Concat(proxyVariables, trustVariables, endpointVariables), name) || ambient && isAmbient {
			picked[name] = value
		}
	}
	return picked
}

// proxyHosts are the proxies in an environment, as host:port.
func proxyHosts(environment []string) []string {
	var hosts []string
	for name, value := range inheritedVariables(environment, false) {
		if !slices.Contains(proxyVariables, name) || strings.EqualFold(name, "NO_PROXY") {
			continue
		}
		if !strings.Contains(value, "://") {
			value = "http://" + value
		}
		parsed, err := url.Parse(value)
		if err != nil || parsed.Hostname() == "" {
			continue
		}
		port := parsed.Port()
		if port == "" {
			port = map[string]string{"https": "443", "socks5": "1080"}[parsed.Scheme]
		}
		if port == "" {
			port = "80"
		}
		hosts = append(hosts, net.JoinHostPort(parsed.Hostname(), port))
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}
