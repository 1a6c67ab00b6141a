// Package operator wires the operator: options in, a running manager out. Every controller is named
// in one list, in operator.go.
//
// main.go imports it, and specs, the demo and the benchmark that run the whole operator.
package operator

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/certwright/certwright/api"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/reach"
	"github.com/certwright/certwright/internal/routing"
	"github.com/certwright/certwright/internal/solver/dns01"
)

// Version is stamped at build time.
var Version = "dev"

// Options are everything that can be set at start.
type Options struct {
	APIGroup                 string
	Kubeconfig               string
	Namespaces               []string
	ClusterResourceNamespace string
	OwnNamespace             string
	// IssuerKindsConfigMap is in OwnNamespace; none is kept if it is empty.
	IssuerKindsConfigMap string

	LeaderElect          bool
	MetricsAddress       string
	HealthAddress        string
	ConcurrentReconciles int
	CertificateOwnerRef  bool
	ApproveSignerNames   []string
	CopiedPrefixes       []string
	DNS01Nameservers     []string
	DNS01NameserversOnly bool
	// DNSSolver is the path of dns-solver, to be run beside the operator; DNSSolverSocket is where it answers
	// that runs already.
	DNSSolver             string
	DNSSolverSocket       string
	AmbientIssuers        bool
	AmbientClusterIssuers bool
	HTTP01SolverAddress   string
	HTTP01SolverService   string
	// HTTP01Solver is Shared or Pod; HTTP01SolverImage and the resources are those of pods.
	HTTP01Solver         string
	HTTP01SolverImage    string
	HTTP01SolverRequests map[string]string
	HTTP01SolverLimits   map[string]string
	HTTP01RuntimeClass   string
	HTTP01Nameservers    []string
	// HTTP01Port is where names are asked over HTTP before the CA does: 80, but for specs.
	HTTP01Port int
	// TLSALPN01SolverAddress answers TLS-ALPN-01 challenges, behind the Service HTTP01SolverService.
	TLSALPN01SolverAddress string
	// TLSALPN01Port is where names are asked over TLS before the CA does: 443, but for specs.
	TLSALPN01Port int
	// DefaultIssuer signs for an Ingress with one of AutoAnnotations; nobody does if its name is empty.
	DefaultIssuerName, DefaultIssuerKind, DefaultIssuerGroup string
	AutoAnnotations                                          []string
	// ExtraAnnotations are keys of annotations that go from a source to its Certificates.
	ExtraAnnotations []string
	CRLAddress       string
	CRLBaseURL       string
	LogFormat        string
	Verbosity        int
	// AllowPrivateAddresses are networks in CIDR form, or addresses, that Issuers may reach.
	AllowPrivateAddresses []string
	// RestartOnRenewal has labelled workloads restarted, in RestartNamespaces, or wherever the operator works if
	// there are none, over a time of RestartSpread.
	RestartOnRenewal  bool
	RestartSpread     time.Duration
	RestartNamespaces []string
	// WrapAPI and WrapCA are set by specs that watch or break the calls to the API server and to CAs.
	WrapAPI, WrapCA func(http.RoundTripper) http.RoundTripper
	// GatewayAPIEvery is the time between two looks whether there is a Gateway API, set by specs that cannot wait.
	GatewayAPIEvery time.Duration
	// Now is the clock, set by specs that move it.
	Now func() time.Time
	// SharedProcess is set by specs that run several operators in one process.
	SharedProcess bool
}

// maxRestartSpread keeps a restart well within what is left of a short-lived certificate.
const maxRestartSpread = 24 * time.Hour

const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// Default gives the options of a start without flags.
func Default() Options {
	return Options{
		APIGroup:               api.DefaultGroup,
		OwnNamespace:           ownNamespace(),
		MetricsAddress:         ":8080",
		HealthAddress:          ":8081",
		HTTP01SolverAddress:    ":8089",
		HTTP01Solver:           string(v1.SolverShared),
		TLSALPN01SolverAddress: disabled,
		HTTP01SolverRequests:   map[string]string{"cpu": "10m", "memory": "16Mi"},
		HTTP01SolverLimits:     map[string]string{"cpu": "100m", "memory": "64Mi"},
		CRLAddress:             ":8082",
		ConcurrentReconciles:   8 * runtime.GOMAXPROCS(0),
		CopiedPrefixes:         []string{"*", "-kubectl.kubernetes.io/", "-fluxcd.io/", "-argocd.argoproj.io/"},
		AutoAnnotations:        []string{api.AnnotationTLSACME},
		GatewayAPIEvery:        30 * time.Second,
		RestartSpread:          5 * time.Minute,
		LogFormat:              "json",
		Now:                    time.Now,
		AmbientClusterIssuers:  true,
	}
}

// ownNamespace is the operator's own namespace: told by POD_NAMESPACE, or by the service account,
// or the default outside of a cluster.
func ownNamespace() string {
	if namespace := os.Getenv("POD_NAMESPACE"); namespace != "" {
		return namespace
	}
	if namespace, err := os.ReadFile(namespaceFile); err == nil {
		return strings.TrimSpace(string(namespace))
	}
	return "certwright-system"
}

// group is a part of --help.
type group struct {
	title string
	flags *pflag.FlagSet
}

func (o *Options) groups() []group {
	newSet := func(title string) group {
		return group{title: title, flags: pflag.NewFlagSet(title, pflag.ContinueOnError)}
	}
	cluster := newSet("Cluster")
	cluster.flags.StringVar(&o.Kubeconfig, "kubeconfig", o.Kubeconfig, "kubeconfig file; without it KUBECONFIG, then the pod's service account, then ~/.kube/config")
	cluster.flags.StringVar(&o.APIGroup, "api-group", o.APIGroup, "base group of all kinds, annotations, labels and finalizers; its CRDs must be installed")
	cluster.flags.StringSliceVar(&o.Namespaces, "namespace", o.Namespaces, "namespaces to work in, comma separated; all if empty")
	cluster.flags.StringVar(&o.ClusterResourceNamespace, "cluster-resource-namespace", o.ClusterResourceNamespace, "namespace of the Secrets that ClusterIssuers name (default: the operator's own)")
	cluster.flags.StringVar(&o.IssuerKindsConfigMap, "issuer-kinds-configmap", o.IssuerKindsConfigMap, "ConfigMap in the operator's own namespace that tells the approval policy of the issuer kinds of other programs; it is made if it is missing, and kinds that requests name are added (default: none is kept)")
	cluster.flags.BoolVar(&o.LeaderElect, "leader-elect", o.LeaderElect, "let one of several replicas reconcile; the lease is in the operator's own namespace")
	cluster.flags.IntVar(&o.ConcurrentReconciles, "concurrent-reconciles", o.ConcurrentReconciles, "objects of one kind that are worked on at once")

	certificates := newSet("Certificates")
	certificates.flags.BoolVar(&o.CertificateOwnerRef, "enable-certificate-owner-ref", o.CertificateOwnerRef, "delete a Certificate's Secret with it")
	certificates.flags.StringSliceVar(&o.ApproveSignerNames, "approve-signer-names", o.ApproveSignerNames,
		"signers whose requests are approved automatically: issuers.<group>/<namespace>.<name>, clusterissuers.<group>/<name>, a * for the name, or * for every external issuer (default: all of these); none to approve nothing")
	certificates.flags.StringSliceVar(&o.CopiedPrefixes, "copied-annotation-prefixes", o.CopiedPrefixes, "annotations that go from a Certificate to its requests: prefixes, * for all, a leading - to leave out")

	sources := newSet("Annotated Ingresses, Gateways and ListenerSets")
	sources.flags.StringVar(&o.DefaultIssuerName, "default-issuer-name", o.DefaultIssuerName, "issuer for Ingresses that ask for a certificate by one of --auto-certificate-annotations and name no issuer (default: none)")
	sources.flags.StringVar(&o.DefaultIssuerKind, "default-issuer-kind", o.DefaultIssuerKind, "kind of that issuer (default: Issuer, one in the Ingress's namespace)")
	sources.flags.StringVar(&o.DefaultIssuerGroup, "default-issuer-group", o.DefaultIssuerGroup, "API group of that issuer (default: that of --api-group)")
	sources.flags.StringSliceVar(&o.AutoAnnotations, "auto-certificate-annotations", o.AutoAnnotations, `annotations that ask, with the value "true" on an Ingress, for a certificate of the default issuer`)
	sources.flags.StringSliceVar(&o.ExtraAnnotations, "extra-certificate-annotations", o.ExtraAnnotations, "annotations that go from an Ingress, Gateway or ListenerSet to its Certificates")

	acme := newSet("ACME")
	acme.flags.StringSliceVar(&o.DNS01Nameservers, "dns01-recursive-nameservers", o.DNS01Nameservers, "resolvers that find a zone's servers, as host:port or, over HTTPS (RFC 8484), as a URL (default: those of the system)")
	acme.flags.BoolVar(&o.DNS01NameserversOnly, "dns01-recursive-nameservers-only", o.DNS01NameserversOnly, "ask only those resolvers, never a zone's own servers")
	acme.flags.StringVar(&o.DNSSolver, "dns-solver", o.DNSSolver, "path of the program dns-solver, which runs most DNS providers; it is started beside the operator (default: none, and those providers are refused)")
	acme.flags.StringVar(&o.DNSSolverSocket, "dns-solver-socket", o.DNSSolverSocket, "unix socket at which a dns-solver answers that runs already, instead of --dns-solver")
	acme.flags.BoolVar(&o.AmbientIssuers, "issuer-ambient-credentials", o.AmbientIssuers, "let the DNS providers of Issuers sign in as the operator's pod or machine, where they are given no credentials: whoever may create an Issuer then writes records with that identity, or in Azure with any that the pod or the machine has")
	acme.flags.BoolVar(&o.AmbientClusterIssuers, "cluster-issuer-ambient-credentials", o.AmbientClusterIssuers, "let the DNS providers of ClusterIssuers do so")
	acme.flags.StringVar(&o.HTTP01SolverAddress, "http01-solver-bind-address", o.HTTP01SolverAddress, "address that answers HTTP-01 challenges; 0 for none")
	acme.flags.StringVar(&o.HTTP01SolverService, "http01-solver-service", o.HTTP01SolverService, "Service in the operator's own namespace whose endpoints are the replicas that answer; without it only this process does")
	acme.flags.StringVar(&o.TLSALPN01SolverAddress, "tls-alpn01-solver-bind-address", o.TLSALPN01SolverAddress, "address that answers TLS-ALPN-01 challenges; 0 for none. The Service of --http01-solver-service has the same port")
	acme.flags.StringVar(&o.HTTP01Solver, "http01-solver", o.HTTP01Solver, "what answers HTTP-01 challenges whose solver does not say: Shared (the operator itself) or Pod (one for each order)")
	acme.flags.StringVar(&o.HTTP01SolverImage, "http01-solver-image", o.HTTP01SolverImage, "image of the pods that answer HTTP-01 challenges (default: none, and there are no such pods)")
	acme.flags.StringToStringVar(&o.HTTP01SolverRequests, "http01-solver-requests", o.HTTP01SolverRequests, "resources that are set aside for such a pod")
	acme.flags.StringToStringVar(&o.HTTP01SolverLimits, "http01-solver-limits", o.HTTP01SolverLimits, "resources that such a pod may use")
	acme.flags.StringVar(&o.HTTP01RuntimeClass, "http01-solver-runtime-class", o.HTTP01RuntimeClass, "runtime class of such pods (default: the cluster's)")
	acme.flags.StringSliceVar(&o.HTTP01Nameservers, "http01-nameservers", o.HTTP01Nameservers, "host:port of the resolvers for the names that are asked over HTTP before the CA does (default: those of the system)")
	acme.flags.StringSliceVar(&o.AllowPrivateAddresses, "allow-private-addresses", o.AllowPrivateAddresses,
		"networks (CIDR) and addresses, comma separated, that the Issuers of namespaces may reach beside public addresses: CAs, name servers of solvers, and those of zones; ClusterIssuers reach what they name (default: none)")

	revocation := newSet("Revocation")
	revocation.flags.StringVar(&o.CRLAddress, "crl-bind-address", o.CRLAddress, "address that serves the revocation lists of ca issuers, at /crl/; 0 for none")
	revocation.flags.StringVar(&o.CRLBaseURL, "crl-base-url", o.CRLBaseURL, "http URL under which clients reach that address, to be put into certificates of issuers that publish a list (default: none, and such issuers are not ready)")
	restarts := newSet("Restarting workloads")
	restarts.flags.BoolVar(&o.RestartOnRenewal, "restart-on-renewal", o.RestartOnRenewal, "replace the pods of Deployments, StatefulSets and DaemonSets with the label <api-group>/restart-on-renewal=true when a certificate that they use changes; needs rights on these")
	restarts.flags.DurationVar(&o.RestartSpread, "restart-spread", o.RestartSpread, "time over which the workloads that a change concerns are restarted, each at a place of its own; 0 for at once, at most 24h")
	restarts.flags.StringSliceVar(&o.RestartNamespaces, "restart-namespaces", o.RestartNamespaces, "namespaces to restart workloads in, comma separated (default: all that the operator works in)")

	serving := newSet("Serving and logging")
	serving.flags.StringVar(&o.MetricsAddress, "metrics-bind-address", o.MetricsAddress, "address of /metrics; 0 for none")
	serving.flags.StringVar(&o.HealthAddress, "health-probe-bind-address", o.HealthAddress, "address of /healthz and /readyz; 0 for none")
	serving.flags.StringVar(&o.LogFormat, "log-format", o.LogFormat, "json or text")
	serving.flags.IntVarP(&o.Verbosity, "v", "v", o.Verbosity, "how much to log: 0 for what an administrator wants to know, up to 4")
	return []group{cluster, certificates, sources, acme, revocation, restarts, serving}
}

// Parse reads the command line. It returns pflag.ErrHelp after it wrote the help to out.
func Parse(arguments []string, out io.Writer) (Options, error) {
	options := Default()
	groups := options.groups()
	all := pflag.NewFlagSet("certwright", pflag.ContinueOnError)
	all.Usage = func() { usage(out, groups) }
	for _, group := range groups {
		all.AddFlagSet(group.flags)
	}
	if err := all.Parse(arguments); err != nil {
		return Options{}, err
	}
	if all.NArg() > 0 {
		return Options{}, fmt.Errorf("unexpected argument %q: the operator takes flags only, see --help", all.Arg(0))
	}
	return options, options.complete()
}

func usage(out io.Writer, groups []group) {
	var text strings.Builder
	text.WriteString("certwright keeps the certificates of Certificate resources valid.\n")
	for _, group := range groups {
		text.WriteString("\n" + group.title + ":\n" + group.flags.FlagUsages())
	}
	_, _ = io.WriteString(out, text.String())
}

// complete fills in what depends on other options, and refuses what cannot work.
func (o *Options) complete() error {
	if o.ClusterResourceNamespace == "" {
		o.ClusterResourceNamespace = o.OwnNamespace
	}
	switch {
	case len(o.ApproveSignerNames) == 1 && o.ApproveSignerNames[0] == "none":
		o.ApproveSignerNames = []string{}
	case o.ApproveSignerNames == nil:
		o.ApproveSignerNames = []string{"issuers." + o.APIGroup + "/*", "clusterissuers." + o.APIGroup + "/*", "*"}
	}
	if o.ConcurrentReconciles < 1 {
		return fmt.Errorf("--concurrent-reconciles must be at least 1")
	}
	if o.LogFormat != "json" && o.LogFormat != "text" {
		return fmt.Errorf("--log-format %q is unknown: write json or text", o.LogFormat)
	}
	return errors.Join(o.checkACME(), o.checkCRL(), o.checkRestarts(), o.checkIssuerKinds(), o.checkSources())
}

func (o *Options) checkSources() error {
	for flag, keys := range map[string][]string{"auto-certificate-annotations": o.AutoAnnotations, "extra-certificate-annotations": o.ExtraAnnotations} {
		for _, key := range keys {
			if problems := validation.IsQualifiedName(strings.ToLower(key)); len(problems) > 0 {
				return fmt.Errorf("--%s %q cannot be the key of an annotation: %s", flag, key, problems[0])
			}
			if flag == "extra-certificate-annotations" && (strings.HasPrefix(key, o.APIGroup+"/") || strings.HasPrefix(key, "acme."+o.APIGroup+"/")) {
				return fmt.Errorf("--%s %q is one of the operator's own, which are read anyway: leave it out", flag, key)
			}
		}
	}
	return nil
}

func (o *Options) checkACME() error {
	for _, nameserver := range o.DNS01Nameservers {
		if err := dns01.CheckNameserver(nameserver); err != nil {
			return fmt.Errorf("--dns01-recursive-nameservers: %w", err)
		}
	}
	for _, nameserver := range o.HTTP01Nameservers {
		if _, _, err := net.SplitHostPort(nameserver); err != nil {
			return fmt.Errorf("--http01-nameservers %q: write host:port, such as 9.9.9.9:53", nameserver)
		}
	}
	if _, err := o.routing(api.Names{}); err != nil {
		return err
	}
	if o.DNS01NameserversOnly && len(o.DNS01Nameservers) == 0 {
		return fmt.Errorf("--dns01-recursive-nameservers-only needs --dns01-recursive-nameservers")
	}
	if o.DNSSolver != "" && o.DNSSolverSocket != "" {
		return fmt.Errorf("--dns-solver and --dns-solver-socket exclude each other")
	}
	_, err := o.reach()
	return err
}

// reach is what the Issuers of namespaces may reach.
func (o *Options) reach() (reach.Policy, error) {
	networks, err := reach.ParseNetworks(o.AllowPrivateAddresses)
	if err != nil {
		return reach.Policy{}, fmt.Errorf("--allow-private-addresses: %w", err)
	}
	return reach.Policy{Allowed: networks}, nil
}

// routing is what is set about the routes to HTTP-01 answers.
func (o *Options) routing(names api.Names) (routing.Settings, error) {
	settings := routing.Settings{
		Names: names, Default: v1.SolverMode(o.HTTP01Solver), OwnNamespace: o.OwnNamespace,
		Image: o.HTTP01SolverImage, RuntimeClass: o.HTTP01RuntimeClass,
	}
	if settings.Default != v1.SolverShared && settings.Default != v1.SolverPod {
		return settings, fmt.Errorf("--http01-solver %q is unknown: write Shared or Pod", o.HTTP01Solver)
	}
	if settings.Default == v1.SolverPod && o.HTTP01SolverImage == "" {
		return settings, fmt.Errorf("--http01-solver=Pod needs --http01-solver-image")
	}
	var err error
	if settings.Requests, err = resources("http01-solver-requests", o.HTTP01SolverRequests); err != nil {
		return settings, err
	}
	if settings.Limits, err = resources("http01-solver-limits", o.HTTP01SolverLimits); err != nil {
		return settings, err
	}
	if err := fit(settings.Requests, settings.Limits); err != nil {
		return settings, err
	}
	if settings.TLSPort, err = portOf("tls-alpn01-solver-bind-address", o.TLSALPN01SolverAddress); err != nil {
		return settings, err
	}
	if settings.TLSPort != 0 {
		settings.Service = o.HTTP01SolverService
	}
	_, port, err := net.SplitHostPort(o.HTTP01SolverAddress)
	if err != nil {
		// Nothing answers over HTTP here, so that nothing can lead here.
		return settings, nil //nolint:nilerr // 0 stands for no address
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return settings, fmt.Errorf("--http01-solver-bind-address %q: write host:port with a number for the port", o.HTTP01SolverAddress)
	}
	settings.Service, settings.Port = o.HTTP01SolverService, int32(number)
	return settings, nil
}

// portOf is the port of an address that a flag gives, 0 if the address is 0.
func portOf(flag, address string) (int32, error) {
	if address == disabled {
		return 0, nil
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return 0, fmt.Errorf("--%s %q: write host:port, or 0 for none", flag, address)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("--%s %q: write host:port with a number for the port", flag, address)
	}
	return int32(number), nil
}

func resources(flag string, from map[string]string) (corev1.ResourceList, error) {
	result := corev1.ResourceList{}
	for name, text := range from {
		quantity, err := resource.ParseQuantity(text)
		if err != nil {
			return nil, fmt.Errorf("--%s %s=%s: write quantities of Kubernetes, such as cpu=10m,memory=16Mi", flag, name, text)
		}
		result[corev1.ResourceName(name)] = quantity
	}
	return result, nil
}

// fit says which resource a solver pod would ask more of than it may use.
func fit(requests, limits corev1.ResourceList) error {
	for _, name := range slices.Sorted(maps.Keys(requests)) {
		request, limit := requests[name], limits[name]
		if _, limited := limits[name]; limited && request.Cmp(limit) > 0 {
			return fmt.Errorf("--http01-solver-requests %s=%s is more than --http01-solver-limits %s=%s: no such pod can be made",
				name, request.String(), name, limit.String())
		}
	}
	return nil
}

func (o *Options) checkRestarts() error {
	if o.RestartSpread < 0 || o.RestartSpread > maxRestartSpread {
		return fmt.Errorf("--restart-spread %s is out of bounds: write 0 to %s", o.RestartSpread, maxRestartSpread)
	}
	if len(o.RestartNamespaces) > 0 && !o.RestartOnRenewal {
		return fmt.Errorf("--restart-namespaces needs --restart-on-renewal")
	}
	for _, namespace := range o.RestartNamespaces {
		if len(o.Namespaces) > 0 && !slices.Contains(o.Namespaces, namespace) {
			return fmt.Errorf("--restart-namespaces %q is not among those of --namespace: no certificates are kept there", namespace)
		}
	}
	return nil
}

func (o *Options) checkIssuerKinds() error {
	if o.IssuerKindsConfigMap == "" {
		return nil
	}
	if problems := validation.IsDNS1123Subdomain(o.IssuerKindsConfigMap); len(problems) > 0 {
		return fmt.Errorf("--issuer-kinds-configmap %q cannot be the name of a ConfigMap: %s", o.IssuerKindsConfigMap, problems[0])
	}
	return nil
}
