package specs

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/certwright/certwright/test/e2e/cluster"
)

// try runs one of the tools against the cluster and gives what it writes to standard output.
func try(ctx context.Context, input []byte, tool string, arguments ...string) (string, error) {
	program := tool
	if tool != "curl" {
		program = filepath.Join(site.Tools, tool)
	}
	cmd := exec.CommandContext(ctx, program, arguments...)
	home := filepath.Dir(site.Tools)
	cmd.Env = append(cluster.Environment(), "KUBECONFIG="+site.Kubeconfig,
		"KUBECACHEDIR="+filepath.Join(home, "kubectl-cache"), "HELM_CACHE_HOME="+filepath.Join(home, "helm-cache"),
		"HELM_CONFIG_HOME="+filepath.Join(home, "helm-config"), "HELM_DATA_HOME="+filepath.Join(home, "helm-data"))
	cmd.Stdin = bytes.NewReader(input)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %s: %w: %s", tool, strings.Join(arguments, " "), err, strings.TrimSpace(said.String()))
	}
	return out.String(), nil
}

// run runs one of the tools, which must succeed.
func run(ctx context.Context, tool string, arguments ...string) string {
	GinkgoHelper()
	out, err := try(ctx, nil, tool, arguments...)
	must(err)
	return out
}

// must fails a spec with what a tool said, and no more.
func must(err error) {
	GinkgoHelper()
	if err != nil {
		Fail(err.Error())
	}
}

// kubectl runs kubectl, which must succeed.
func kubectl(ctx context.Context, arguments ...string) string {
	GinkgoHelper()
	return run(ctx, "kubectl", arguments...)
}

// namespace is one that admits only pods with the fewest rights, as careful clusters have them.
const namespace = `
apiVersion: v1
kind: Namespace
metadata:
  generateName: spec-
  labels: {pod-security.kubernetes.io/enforce: restricted}
`

// newNamespace makes a namespace that goes away after the spec. If the spec fails, what is in it is shown before.
func newNamespace(ctx context.Context) string {
	GinkgoHelper()
	name := strings.TrimPrefix(strings.TrimSpace(create(ctx, namespace)), "namespace/")
	DeferCleanup(func(ctx SpecContext) {
		kubectl(ctx, "delete", "namespace", name, "--ignore-not-found", "--wait=false")
	}, NodeTimeout(90*time.Second))
	DeferCleanup(whatHappened, name)
	return name
}

func create(ctx context.Context, manifest string) string {
	GinkgoHelper()
	out, err := try(ctx, []byte(manifest), "kubectl", "create", "--filename", "-", "--output", "name")
	must(err)
	return out
}

// apply fills a manifest in with the fields of the cluster ({{.Domain}}, {{.ACMEDirectory}} and so on), .Namespace and
// .CABundle, and applies it.
func apply(ctx context.Context, namespace, manifest string) {
	GinkgoHelper()
	_, err := try(ctx, fill(namespace, manifest), "kubectl", "apply", "--namespace", namespace, "--filename", "-")
	must(err)
}

func fill(namespace, manifest string) []byte {
	GinkgoHelper()
	parsed, err := template.New("manifest").Option("missingkey=error").Parse(manifest)
	Expect(err).NotTo(HaveOccurred())
	var out bytes.Buffer
	Expect(parsed.Execute(&out, struct {
		cluster.Cluster
		Namespace, CABundle string
	}{site, namespace, base64.StdEncoding.EncodeToString(readFile(site.CA))})).To(Succeed())
	return out.Bytes()
}

// waitFor waits up to two minutes until an object is there and has a condition.
func waitFor(ctx context.Context, namespace, object, condition string) {
	GinkgoHelper()
	flags := []string{object, "--namespace", namespace, "--timeout=120s"}
	kubectl(ctx, append([]string{"wait", "--for=create"}, flags...)...)
	kubectl(ctx, append([]string{"wait", "--for=condition=" + condition}, flags...)...)
}

// get reads a part of an object by its JSON path, such as {.status.url}: empty if it is not there.
func get(ctx context.Context, namespace, object, path string) string {
	GinkgoHelper()
	return kubectl(ctx, "get", object, "--namespace", namespace, "--output", "jsonpath="+path)
}

// certificateOf is the certificate of a TLS Secret.
func certificateOf(ctx context.Context, namespace, secret string) *x509.Certificate {
	GinkgoHelper()
	data, err := base64.StdEncoding.DecodeString(get(ctx, namespace, "secret/"+secret, `{.data.tls\.crt}`))
	Expect(err).NotTo(HaveOccurred())
	return parse(data)
}

func parse(data []byte) *x509.Certificate {
	GinkgoHelper()
	block, _ := pem.Decode(data)
	Expect(block).NotTo(BeNil(), "not PEM: %.100s", data)
	certificate, err := x509.ParseCertificate(block.Bytes)
	Expect(err).NotTo(HaveOccurred())
	return certificate
}

// verify checks a TLS Secret's chain for names against a file of roots.
func verify(ctx context.Context, namespace, secret, rootFile string, names ...string) {
	GinkgoHelper()
	data, err := base64.StdEncoding.DecodeString(get(ctx, namespace, "secret/"+secret, `{.data.tls\.crt}`))
	Expect(err).NotTo(HaveOccurred())
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	roots.AppendCertsFromPEM(readFile(rootFile))
	intermediates.AppendCertsFromPEM(data)
	for _, name := range names {
		_, err := parse(data).Verify(x509.VerifyOptions{DNSName: name, Roots: roots, Intermediates: intermediates})
		Expect(err).NotTo(HaveOccurred(), "for %s", name)
	}
}

// expectNoRecord waits until the name server has no TXT record of a name any more.
func expectNoRecord(ctx context.Context, name string) {
	GinkgoHelper()
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, site.NameServer)
	}}
	Eventually(func() ([]string, error) {
		values, err := resolver.LookupTXT(ctx, name+".")
		var none *net.DNSError
		if errors.As(err, &none) && none.IsNotFound {
			return nil, nil
		}
		return values, err
	}).WithContext(ctx).WithTimeout(30*time.Second).Should(BeEmpty(), "the record at "+name+" stays")
}

// tryFetch gets https://host/ from the ingress controller with curl, which trusts the ACME CA's root and nothing else.
func tryFetch(ctx context.Context, host string) (string, error) {
	return try(ctx, nil, "curl", "--silent", "--show-error", "--fail", "--max-time", "5", "--noproxy", "*",
		"--resolve", host+":443:"+site.Address, "--cacert", site.ACMERoot, "https://"+host+"/")
}

// fetch is tryFetch until it succeeds, for up to two minutes.
func fetch(ctx context.Context, host string) string {
	GinkgoHelper()
	var body string
	Eventually(func() (err error) {
		body, err = tryFetch(ctx, host)
		return err
	}).WithContext(ctx).Should(Succeed())
	return body
}

// servedSerial is the serial number of the certificate that the ingress controller serves for a host, as curl tells it.
func servedSerial(ctx context.Context, host string) (string, error) {
	out, err := try(ctx, nil, "curl", "--silent", "--show-error", "--max-time", "5", "--noproxy", "*", "--output", "/dev/null",
		"--resolve", host+":443:"+site.Address, "--cacert", site.ACMERoot, "--write-out", "%{certs}", "https://"+host+"/")
	if err != nil {
		return "", err
	}
	block, _ := pem.Decode([]byte(out[max(0, strings.Index(out, "-----BEGIN")):]))
	if block == nil {
		return "", fmt.Errorf("curl told of no certificate: %.200s", out)
	}
	served, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", err
	}
	return serialText(served), nil
}

func serialText(certificate *x509.Certificate) string { return certificate.SerialNumber.Text(16) }

// median measures n times how long something takes and reports the middle one. Each time, measured is told its number, so
// that it can take another name.
func median(n int, what string, measured func(i int)) {
	GinkgoHelper()
	var all []time.Duration
	for i := range n {
		started := time.Now()
		measured(i)
		all = append(all, time.Since(started))
	}
	slices.Sort(all)
	AddReportEntry(fmt.Sprintf("%s: p50 %.2f s of %d (%.2f to %.2f s)", what, all[n/2].Seconds(), n, all[0].Seconds(), all[n-1].Seconds()))
}
