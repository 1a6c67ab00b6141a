//go:build linux

package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"github.com/certwright/certwright/test/e2e/cluster"
	"github.com/certwright/certwright/test/e2e/node"
)

//go:embed manifests
var manifests embed.FS

// addOns installs what the cluster has beside Certwright: DNS, the Gateway API, an ingress controller that also is a
// gateway. Then it writes down where everything is, for the specs.
func (t *test) addOns(ctx context.Context, n *node.Node, b *built) error {
	started := time.Now()
	kubectl := func(input []byte, arguments ...string) error {
		cmd := exec.CommandContext(ctx, filepath.Join(b.folders[0], "kubectl"), arguments...)
		cmd.Env = append(cluster.Environment(), "KUBECONFIG="+n.Kubeconfig(), "KUBECACHEDIR="+filepath.Join(t.dir, "kubectl-cache"))
		cmd.Stdin = bytes.NewReader(input)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("kubectl %s: %w: %s", strings.Join(arguments, " "), err, out)
		}
		return nil
	}
	gatewayAPI := filepath.Join(b.folders[1], "gateway-api")
	if err := kubectl(nil, "apply", "--server-side", "--filename", gatewayAPI); err != nil {
		return err
	}
	if err := kubectl(nil, "wait", "--for=condition=Established", "--timeout=30s", "crd", "--all"); err != nil {
		return err
	}
	for _, name := range []string{"coredns", "traefik"} {
		manifest, err := fill(name)
		if err != nil {
			return err
		}
		if err := kubectl(manifest, "apply", "--filename", "-"); err != nil {
			return err
		}
	}
	for _, line := range []string{
		"rollout status --timeout=60s --namespace=kube-system deployment/coredns",
		"rollout status --timeout=60s --namespace=traefik deployment/traefik",
		"wait --for=condition=Programmed --timeout=60s --namespace=traefik gateway/web",
	} {
		if err := kubectl(nil, strings.Fields(line)...); err != nil {
			return err
		}
	}
	fmt.Printf("          CoreDNS and Traefik are ready, after %.1f s\n", time.Since(started).Seconds())
	return t.describe(n, b)
}

// fill is a manifest with the node's addresses.
func fill(name string) ([]byte, error) {
	parsed, err := template.ParseFS(manifests, path.Join("manifests", name+".yaml"))
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	err = parsed.Execute(&text, struct{ Address, Domain string }{node.Address, node.Domain})
	return text.Bytes(), err
}

// describe writes down where everything is, and puts the tools of the specs into one folder.
func (t *test) describe(n *node.Node, b *built) error {
	tools := filepath.Join(t.dir, "bin")
	if err := os.MkdirAll(tools, 0o755); err != nil {
		return err
	}
	for name, program := range map[string]string{
		"kubectl": filepath.Join(b.folders[0], "kubectl"), "helm": b.helm,
	} {
		if err := os.Symlink(program, filepath.Join(tools, name)); err != nil {
			return err
		}
	}
	secret, err := os.ReadFile(n.TSIGSecretFile())
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(cluster.Cluster{
		Repository: t.root, Tools: tools, Kubeconfig: n.Kubeconfig(), Address: node.Address, Domain: node.Domain,
		ACMEDirectory: n.ACMEDirectory(), ACMERoot: n.ACMERoot(), CA: n.CAFile(),
		NameServer: node.Address + ":53", TSIGName: node.TSIGName, TSIGSecret: string(secret),
		OperatorImage: operatorImage, OperatorDigest: b.digests[operatorImage],
		SolverImage: solverImage, SolverDigest: b.digests[solverImage],
	}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(t.dir, cluster.File), data, 0o600)
}
