package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/certwright/certwright/internal/dnssolver/providers"
)

const intro = `<!-- Made by make generate-dns; edit cmd/dns-solver/generate. -->
# DNS providers

A DNS-01 solver names a provider of DNS in ` + "`dns01.provider`" + `. The operator hands its settings to dns-solver, which runs the provider in a process of its own ([why](adr/0013-dns-providers-in-processes.md)); those marked “in the operator” it runs itself, with or without dns-solver. Beside these there are ` + "`dns01.rfc2136`, `dns01.acmeDNS` and `dns01.webhook`" + `, which are part of the operator; and ` + "`cloudflare`, `route53`, `cloudDNS`, `azureDNS` and `digitalocean`" + ` are other ways to write the providers cloudflare, route53, gcloud, azuredns and digitalocean.

` + "```yaml" + `
apiVersion: certwright.dev/v1
kind: Issuer
metadata:
  name: letsencrypt
spec:
  acme:
    server: https://acme-v02.api.letsencrypt.org/directory
    privateKeySecretRef:
      name: letsencrypt-account
    solvers:
    - dns01:
        provider:
          name: hetzner
          secretRef:
            name: dns-hetzner # each key of this Secret is a setting
          config:             # settings that are no credentials
            HETZNER_TTL: "60"
` + "```" + `

- Settings are those of the tables below and no others. Before anything is ordered, the issuer is not ready (InvalidSolver) while one is unknown, missing, or a credential outside of a Secret; the message says which.
- The Secret is in the Issuer's namespace or, for a ClusterIssuer, in the operator's (` + "`--cluster-resource-namespace`" + `).
- **Endpoint**: an Issuer's must be at a public address or in ` + "`--allow-private-addresses`" + `, whatever its name resolves to; a ClusterIssuer's may be anywhere but where a cloud gives out credentials.
- **In the operator**: no dns-solver is needed, no redirect is followed, and no proxy is used. A call has 30 seconds at most. [More](solvers.md#dns-01).
- **Ambient**: without credentials the provider signs in as the operator's pod, where that is allowed: ` + "`--cluster-issuer-ambient-credentials`" + ` (on), ` + "`--issuer-ambient-credentials`" + ` (off). With ` + "`route53.auth`" + ` it signs in as a ServiceAccount of the Issuer's namespace ([how](solvers.md#credentials-and-whose-they-are)).
- **Remembers**: the provider takes a record away only with what it remembers of putting it there, so its process is kept until the clean-up. If dns-solver is restarted in between, the record stays, and an event on the Order and the Certificate names it.
- **One at a time**: the provider has room for one record, or puts each in the place of the others. The names of a Certificate are proved one after the other, each record taken away before the next is put there; two Certificates at once may get in each other's way, and try again.
- **Takes others away**: the provider takes away what it finds at the name, whatever its value, where all others take exactly the value away that they put there, or, for want of a way, nothing. What somebody else keeps at ` + "`_acme-challenge.<name>`" + ` goes too; another Certificate for the same name may lose its record before the CA has looked, and tries again. In one Certificate, a name and its wildcard are proved one after the other, so that neither takes the other's record away.

Not served: ` + "%s" + `.

`

func page(all []providers.Provider) []byte {
	var text bytes.Buffer
	names := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(leftOut)) {
		names[leftOut[name]] = append(names[leftOut[name]], name)
	}
	var out []string
	for _, reason := range slices.Sorted(maps.Keys(names)) {
		out = append(out, strings.Join(names[reason], ", ")+" ("+reason+")")
	}
	fmt.Fprintf(&text, intro, strings.Join(out, "; "))
	for _, p := range all {
		fmt.Fprintf(&text, "- [%s](#%s)%s\n", p.Title, p.Name, marks(p))
	}
	for _, p := range all {
		section(&text, p)
	}
	return text.Bytes()
}

func marks(p providers.Provider) string {
	var marks []string
	for mark, set := range map[string]bool{"ambient": p.Ambient, "in the operator": p.InOperator, "remembers": p.Keep(), "one at a time": p.Sequential, "takes others away": p.Coarse} {
		if set {
			marks = append(marks, mark)
		}
	}
	slices.Sort(marks)
	if len(marks) == 0 {
		return ""
	}
	return ": " + strings.Join(marks, ", ")
}

func section(text *bytes.Buffer, p providers.Provider) {
	fmt.Fprintf(text, "\n## %s\n\n", p.Name)
	fmt.Fprint(text, p.Title)
	if p.URL != "" {
		fmt.Fprintf(text, " (<%s>)", p.URL)
	}
	if noted := marks(p); noted != "" {
		fmt.Fprintf(text, ". In short%s", noted)
	}
	text.WriteString(".\n\n| setting | | |\n|---|---|---|\n")
	for _, key := range p.Keys {
		var kind []string
		if key.Secret {
			kind = append(kind, "credential")
		}
		if key.Endpoint {
			kind = append(kind, "endpoint")
		}
		fmt.Fprintf(text, "| `%s` | %s | %s |\n", key.Name, strings.Join(kind, ", "), key.Description)
	}
	if len(p.Ways) > 1 {
		text.WriteString("\nOne of these is needed: ")
		var ways []string
		for _, way := range p.Ways {
			ways = append(ways, way.String())
		}
		text.WriteString(strings.Join(ways, "; ") + ".\n")
	}
	text.WriteString("\n```yaml\n" + manifest(p) + "```\n")
}

// manifest is an Issuer with the first way that suffices, and its Secret.
func manifest(p providers.Provider) string {
	var secret, config []string
	if len(p.Ways) > 0 {
		for _, part := range p.Ways[0] {
			key, _ := p.Key(part[0])
			if key.Secret {
				secret = append(secret, fmt.Sprintf("%s: %q", key.Name, "…"))
			} else {
				config = append(config, fmt.Sprintf("%s: %q", key.Name, sample(key)))
			}
		}
	}
	var text strings.Builder
	text.WriteString(`apiVersion: certwright.dev/v1
kind: Issuer
metadata:
  name: letsencrypt
spec:
  acme:
    server: https://acme-v02.api.letsencrypt.org/directory
    privateKeySecretRef:
      name: letsencrypt-account
    solvers:
    - dns01:
        provider:
          name: ` + p.Name + "\n")
	if len(secret) > 0 {
		text.WriteString("          secretRef:\n            name: dns-" + p.Name + "\n")
	}
	if len(config) > 0 {
		text.WriteString("          config:\n            " + strings.Join(config, "\n            ") + "\n")
	}
	if len(secret) > 0 {
		text.WriteString("---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: dns-" + p.Name + "\nstringData:\n  " + strings.Join(secret, "\n  ") + "\n")
	}
	return text.String()
}

// sample is a value for a setting that is no credential.
func sample(key providers.Key) string {
	switch {
	case strings.HasSuffix(key.Name, "_HOST"), strings.HasSuffix(key.Name, "HOSTNAME"), strings.HasSuffix(key.Name, "NAMESERVER"):
		return "dns.example.com"
	case key.Endpoint:
		return "https://dns.example.com"
	default:
		return "…"
	}
}
