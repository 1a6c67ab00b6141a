// Package cluster is what specs know of the cluster that they run against: where its parts are, and how to call kubectl,
// helm and curl there. The program in test/e2e writes it down, the specs in test/e2e/specs read it; nothing else
// imports it.
package cluster

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

// File is the name of the file, in the node's folder, that holds a Cluster as JSON.
const File = "cluster.json"

// Variable is the environment variable that names that file to the specs.
const Variable = "CERTWRIGHT_E2E"

// Cluster says where the parts of a cluster are.
type Cluster struct {
	Repository     string // folder of the checkout
	Tools          string // folder of kubectl and helm
	Kubeconfig     string // of the administrator
	Address        string // of the node; Traefik is at its ports 80 and 443
	Domain         string // zone that BIND serves; every name in it is at Address
	ACMEDirectory  string // of Pebble
	ACMERoot       string // file of the root that Pebble's certificates end in
	CA             string // file of the CA that vouches for Pebble's server
	NameServer     string // "host:port" of BIND, which takes updates
	TSIGName       string // of the key that may update
	TSIGSecret     string // of the key, base64, HMAC-SHA256
	OperatorImage  string // repository
	OperatorDigest string
	SolverImage    string // repository
	SolverDigest   string
}

// Load reads the cluster that the environment names. Found is false if it names none.
func Load() (cluster Cluster, found bool, err error) {
	path := os.Getenv(Variable)
	if path == "" {
		return Cluster{}, false, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return Cluster{}, true, fmt.Errorf("cluster: %s names no running cluster: %w", Variable, err)
	}
	if err := json.Unmarshal(data, &cluster); err != nil {
		return Cluster{}, true, fmt.Errorf("cluster: reading %s: %w", path, err)
	}
	return cluster, true, nil
}

// Environment is this process's without proxies, which do not know the node's network, and without the kubeconfig and
// the Helm settings of whoever runs the test.
func Environment() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return strings.HasSuffix(strings.ToLower(name), "_proxy") || name == "KUBECONFIG" || strings.HasPrefix(name, "HELM_")
	})
}
