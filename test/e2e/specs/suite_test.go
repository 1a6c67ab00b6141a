package specs

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/certwright/certwright/test/e2e/cluster"
)

// The release of the chart.
const (
	release         = "certwright"
	systemNamespace = "certwright-system"
	operator        = "deployment/" + release
)

// site is the cluster.
var site cluster.Cluster

// installSeconds is how long helm took until it was told that the operator is ready, if this run installed it.
var installSeconds float64

func TestCluster(t *testing.T) {
	var found bool
	var err error
	if site, found, err = cluster.Load(); err != nil {
		t.Fatal(err)
	}
	if !found {
		t.Skip("no cluster: make e2e starts one and runs these specs")
	}
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(2 * time.Minute)
	EnforceDefaultTimeoutsWhenUsingContexts()
	SetDefaultEventuallyPollingInterval(100 * time.Millisecond)
	RunSpecs(t, "Cluster")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	if _, err := try(ctx, nil, "helm", "status", release, "--namespace", systemNamespace); err != nil {
		started := time.Now()
		helmInstall(ctx)
		installSeconds = time.Since(started).Seconds()
	}
	apply(ctx, systemNamespace, issuers)
	for _, issuer := range []string{"pebble", "brief", "provider", "shared", "pod", "gateway", "passthrough"} {
		waitFor(ctx, "", "clusterissuer/"+issuer, "Ready")
	}
}, NodeTimeout(3*time.Minute))

// helmInstall installs the chart as a user does, but for where the image comes from, which the node has already.
func helmInstall(ctx context.Context) {
	GinkgoHelper()
	run(ctx, "helm", append([]string{"install", release, "--create-namespace"}, helmFlags()...)...)
}

func helmFlags() []string {
	return []string{
		site.Repository + "/charts/certwright", "--namespace", systemNamespace, "--wait", "--timeout", "60s",
		"--set", "image.repository=" + site.OperatorImage, "--set", "image.digest=" + site.OperatorDigest,
		"--set", "image.pullPolicy=Never",
		"--set", "http01Solver.pods.image.repository=" + site.SolverImage,
		"--set", "http01Solver.pods.image.digest=" + site.SolverDigest,
	}
}

// helmUpgrade changes a value of the release.
func helmUpgrade(ctx context.Context, value string) {
	GinkgoHelper()
	run(ctx, "helm", append([]string{"upgrade", release, "--set", value}, helmFlags()...)...)
}

// byDNS is an issuer that proves names by DNS, called NAME, of certificates of the CA's PROFILE.
const byDNS = `
---
apiVersion: certwright.dev/v1
kind: ClusterIssuer
metadata: {name: NAME}
spec:
  acme:
    server: {{.ACMEDirectory}}
    caBundle: {{.CABundle}}
    profile: PROFILE
    privateKeySecretRef: {name: NAME-account}
    solvers:
      - dns01:
          rfc2136:
            nameserver: {{.NameServer}}
            tsigKeyName: {{.TSIGName}}
            tsigAlgorithm: HMACSHA256
            tsigSecretSecretRef: {name: zone-key, key: secret}
`

// issuers are what most specs issue from. Each names a profile: Pebble takes any of its own for an order that names none.
var issuers = `
apiVersion: v1
kind: Secret
metadata: {name: zone-key}
stringData: {secret: "{{.TSIGSecret}}"}
---
apiVersion: v1
kind: Secret
metadata: {name: provider}
stringData: {DNSUPDATE_TSIG_KEY: "{{.TSIGName}}.", DNSUPDATE_TSIG_SECRET: "{{.TSIGSecret}}"}
---
apiVersion: certwright.dev/v1
kind: ClusterIssuer
metadata: {name: provider}
spec:
  acme:
    server: {{.ACMEDirectory}}
    caBundle: {{.CABundle}}
    profile: default
    privateKeySecretRef: {name: provider-account}
    solvers:
      - dns01:
          provider:
            name: dnsupdate
            secretRef: {name: provider}
            config: {DNSUPDATE_NAMESERVER: "{{.NameServer}}", DNSUPDATE_TSIG_ALGORITHM: hmac-sha256., DNSUPDATE_TTL: "1"}
` + strings.NewReplacer("NAME", "pebble", "PROFILE", "default").Replace(byDNS) +
	strings.NewReplacer("NAME", "brief", "PROFILE", "brief").Replace(byDNS) + http01Issuers

// whatHappened shows, after a spec that failed, what somebody who looks for the cause would look at.
func whatHappened(namespace string) {
	if !CurrentSpecReport().Failed() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for _, line := range []string{
		"kubectl describe certificates,certificaterequests,orders --namespace " + namespace,
		"kubectl get ingresses,gateways,httproutes,tlsroutes,services,endpointslices,pods --output wide --namespace " + namespace,
		"kubectl get events --sort-by=.lastTimestamp --namespace " + namespace,
		"kubectl describe clusterissuers,issuers --all-namespaces",
		"kubectl get pods --output wide --all-namespaces",
		"kubectl logs " + operator + " --tail=80 --namespace " + systemNamespace,
	} {
		words := strings.Fields(line)
		out, err := try(ctx, nil, words[0], words[1:]...)
		GinkgoWriter.Printf("$ %s\n%s\n", line, out)
		if err != nil {
			GinkgoWriter.Printf("%v\n", err)
		}
	}
}

// readFile reads a file of the cluster's.
func readFile(path string) []byte {
	GinkgoHelper()
	data, err := os.ReadFile(path)
	Expect(err).NotTo(HaveOccurred())
	return data
}
