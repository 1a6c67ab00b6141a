//go:build tools

// Package traefik pins the ingress controller and gateway of the cluster test. Nothing imports it.
package traefik

import _ "github.com/traefik/traefik/v3/cmd/traefik"
