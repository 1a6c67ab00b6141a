package operator

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/certwright/certwright/api"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/controllers"
	"github.com/certwright/certwright/internal/backend"
	"github.com/certwright/certwright/internal/crl"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/reach"
	"github.com/certwright/certwright/internal/report"
	"github.com/certwright/certwright/internal/solver"
	"github.com/certwright/certwright/internal/solver/dns01"
	"github.com/certwright/certwright/internal/solver/dns01/external"
	"github.com/certwright/certwright/internal/source"
)

// keyringSize is how many keys of requests under way are held in memory at most: about 1 KiB each.
const keyringSize = 20000

// parts are what controllers share.
type parts struct {
	names    api.Names
	options  Options
	client   *kube.Client
	secrets  *kube.SecretRefs
	keyring  *kube.Keyring
	signers  *backend.Signers
	accounts *backend.Accounts
	limits   *backend.Limiters
	crls     *crl.CRLs
	renewals *backend.RenewalInfos
	solvers  *solver.Solvers
	routing  *controllers.RoutingReconciler
	gateways *controllers.GatewayAPI
	records  *controllers.IssuedRecords
	revoker  *backend.Revoker
	approver controllers.Approver
	events   report.Events
	metrics  *report.Metrics
}

func newParts(mgr ctrl.Manager, names api.Names, options Options) (*parts, error) {
	clientset, err := kubernetes.NewForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return nil, err
	}
	p := &parts{
		names: names, options: options,
		client:   &kube.Client{Cached: mgr.GetClient(), Live: mgr.GetAPIReader(), Writes: kube.NewWrites(), Now: options.Now},
		secrets:  kube.NewSecretRefs(clientset),
		keyring:  kube.NewKeyring(keyringSize),
		approver: controllers.Approver{Names: names, Patterns: options.ApproveSignerNames},
		events:   report.Events{Recorder: mgr.GetEventRecorder("certwright")},
	}
	if p.metrics, err = registerMetrics(mgr, names, options.SharedProcess); err != nil {
		return nil, err
	}
	namespaced, err := options.reach()
	if err != nil {
		return nil, err
	}
	p.signers = backend.NewSigners(p.secrets)
	p.accounts = &backend.Accounts{
		Names: names, Client: p.client, Secrets: p.secrets, ClusterResourceNamespace: options.ClusterResourceNamespace,
		Reach: namespaced, UserAgent: userAgent(), Observer: p.metrics.ACMERequest, Wrap: options.WrapCA, Doubts: &kube.Waker{},
	}
	p.renewals = &backend.RenewalInfos{Accounts: p.accounts}
	keys := names.Annotation.ACME
	p.limits = &backend.Limiters{
		Client: p.client, Namespace: options.ClusterResourceNamespace, Log: mgr.GetLogger().WithName("limits"),
		Annotations: backend.LimitAnnotations{Force: keys.IgnoreLimits, Directory: keys.Directory, Account: keys.Account},
	}
	p.crls = &crl.CRLs{
		Names: names, Client: p.client, Signers: p.signers, ClusterResourceNamespace: options.ClusterResourceNamespace,
		BaseURL:  options.CRLBaseURL,
		Replaced: func(issuer v1.GenericIssuer, message string) { p.events.ListReplaced(issuer, message) },
	}
	sealKey := &kube.SealKey{Client: p.client, Namespace: options.ClusterResourceNamespace}
	for _, runnable := range []manager.Runnable{p.limits, sealKey} {
		if err := mgr.Add(runnable); err != nil {
			return nil, err
		}
	}
	p.records = &controllers.IssuedRecords{Names: names, Client: p.client, Key: sealKey}
	p.revoker = &backend.Revoker{Accounts: p.accounts, CRLs: p.crls}
	if err := p.addSolvers(mgr, clientset, namespaced); err != nil {
		return nil, err
	}
	return p, mgr.Add(p.secrets)
}

// addSolvers makes what answers challenges, and what leads to the answers.
func (p *parts) addSolvers(mgr ctrl.Manager, clientset *kubernetes.Clientset, namespaced reach.Policy) error {
	p.gateways = &controllers.GatewayAPI{
		Discovery: clientset.Discovery(), Cache: mgr.GetCache(), Log: mgr.GetLogger().WithName("gateway-api"),
		Every: p.options.GatewayAPIEvery, Namespaces: p.options.Namespaces,
	}
	var err error
	if p.routing, err = p.newRouting(mgr); err != nil {
		return err
	}
	dnsSolver, err := dnsSolver(mgr, p.options)
	if err != nil {
		return err
	}
	p.solvers = &solver.Solvers{
		External: solver.External{
			Client: dnsSolver, AmbientIssuers: p.options.AmbientIssuers, AmbientClusterIssuers: p.options.AmbientClusterIssuers,
		},
		Secrets:     p.secrets,
		Tokens:      &kube.Tokens{Client: clientset.CoreV1(), Now: p.options.Now},
		Reach:       namespaced,
		Resolver:    dns01.Resolver{Nameservers: p.options.DNS01Nameservers, Only: p.options.DNS01NameserversOnly},
		Replicas:    replicas(mgr.GetClient(), p.options, p.options.HTTP01SolverAddress),
		TLSReplicas: replicas(mgr.GetClient(), p.options, p.options.TLSALPN01SolverAddress),
		API:         clientset.Discovery().RESTClient(),
		Router:      p.routing, HTTPNameservers: p.options.HTTP01Nameservers, HTTPPort: p.options.HTTP01Port, TLSPort: p.options.TLSALPN01Port, Now: p.options.Now,
	}
	return nil
}

// dnsSolver is the client of dns-solver; nil where there is none.
func dnsSolver(mgr ctrl.Manager, options Options) (*external.Client, error) {
	if options.DNSSolver == "" {
		if options.DNSSolverSocket == "" {
			return nil, nil
		}
		return &external.Client{Socket: options.DNSSolverSocket}, nil
	}
	program, client, err := external.NewProgram(options.DNSSolver, mgr.GetLogger().WithName("dns-solver"))
	if err != nil {
		return nil, err
	}
	return client, mgr.Add(program)
}

func userAgent() string { return "certwright/" + Version }

// addControllers names every controller of the operator.
func addControllers(mgr ctrl.Manager, p *parts) error {
	workers := p.options.ConcurrentReconciles
	for _, setup := range []func() error{
		func() error { return p.issuers(v1.IssuerKind, newIssuer).SetupWithManager(mgr) },
		func() error { return p.issuers(v1.ClusterIssuerKind, newClusterIssuer).SetupWithManager(mgr) },
		func() error { return p.certificates().SetupWithManager(mgr, workers) },
		func() error { return p.requests().SetupWithManager(mgr, workers) },
		func() error { return p.orders().SetupWithManager(mgr, workers) },
		func() error { return p.routing.SetupWithManager(mgr) },
		func() error { return p.revocations().SetupWithManager(mgr, p.secrets) },
		func() error { return p.issuedRecords().SetupWithManager(mgr) },
		func() error {
			if p.options.IssuerKindsConfigMap == "" {
				return nil
			}
			return p.issuerKinds(mgr.GetRESTMapper()).SetupWithManager(mgr)
		},
		func() error { return p.setUpSources(mgr, workers) },
		func() error { return p.setUpRollouts(mgr) },
	} {
		if err := setup(); err != nil {
			return err
		}
	}
	return nil
}

func newIssuer() v1.GenericIssuer        { return &v1.Issuer{} }
func newClusterIssuer() v1.GenericIssuer { return &v1.ClusterIssuer{} }

func (p *parts) issuers(kind string, empty func() v1.GenericIssuer) *controllers.IssuerReconciler {
	return &controllers.IssuerReconciler{
		Kind: kind, New: empty, Client: p.client, Secrets: p.secrets, Signers: p.signers, Accounts: p.accounts,
		Limits: p.limits, CRLs: p.crls, Solvers: p.solvers, Events: p.events,
		ClusterResourceNamespace: p.options.ClusterResourceNamespace,
	}
}

func (p *parts) certificates() *controllers.CertificateReconciler {
	return &controllers.CertificateReconciler{
		Names: p.names, Client: p.client, Secrets: p.secrets, Keyring: p.keyring, Signers: p.signers, Events: p.events, Metrics: p.metrics,
		RenewalInfos: p.renewals, Records: p.records, Revoker: p.revoker,
		Approver: p.approver, Copied: p.options.CopiedPrefixes, OwnSecrets: p.options.CertificateOwnerRef,
		ClusterResourceNamespace: p.options.ClusterResourceNamespace,
	}
}

func (p *parts) requests() *controllers.CertificateRequestReconciler {
	return &controllers.CertificateRequestReconciler{
		Names: p.names, Client: p.client, Secrets: p.secrets, Events: p.events, Approver: p.approver,
		Backends: controllers.Backends{
			SelfSigned: &backend.SelfSigned{Names: p.names, Keyring: p.keyring, Secrets: p.secrets},
			CA:         &backend.CA{Signers: p.signers, ListURL: p.crls.URL},
			ACME:       &backend.ACME{Names: p.names, Client: p.client},
		},
		ClusterResourceNamespace: p.options.ClusterResourceNamespace,
	}
}

// newRouting makes the reconciler of routes. Without a Service of the operator's own, or a port that it answers at,
// nothing can lead to it.
func (p *parts) newRouting(mgr ctrl.Manager) (*controllers.RoutingReconciler, error) {
	settings, err := p.options.routing(p.names)
	if err != nil {
		return nil, err
	}
	return &controllers.RoutingReconciler{
		Client: p.client, Settings: settings, Gateways: p.gateways,
		Replicas: func(ctx context.Context) ([]string, error) {
			return kube.ReadyAddresses(ctx, mgr.GetClient(), settings.OwnNamespace, settings.Service)
		},
	}, nil
}

func (p *parts) revocations() *controllers.RevocationReconciler {
	return &controllers.RevocationReconciler{Client: p.client, Records: p.records, Revoker: p.revoker, Events: p.events}
}

func (p *parts) issuedRecords() *controllers.IssuedRecordReconciler {
	return &controllers.IssuedRecordReconciler{Names: p.names, Client: p.client}
}

func (p *parts) issuerKinds(mapper meta.RESTMapper) *controllers.IssuerKindsReconciler {
	return &controllers.IssuerKindsReconciler{
		Names: p.names, Client: p.client, Mapper: mapper,
		ConfigMap: types.NamespacedName{Namespace: p.options.OwnNamespace, Name: p.options.IssuerKindsConfigMap},
	}
}

func (p *parts) orders() *controllers.OrderReconciler {
	return &controllers.OrderReconciler{
		Names: p.names, Client: p.client, Secrets: p.secrets, Accounts: p.accounts, Events: p.events, Solvers: p.solvers,
		Routing: p.routing, Limits: p.limits, RenewalInfos: p.renewals,
		ClusterResourceNamespace: p.options.ClusterResourceNamespace,
	}
}

// setUpSources makes the controllers of what Certificates are made for. Those of the Gateway API start to work once
// there is one.
func (p *parts) setUpSources(mgr ctrl.Manager, workers int) error {
	sources := &source.Config{
		Names:         p.names,
		DefaultIssuer: v1.IssuerRef{Name: p.options.DefaultIssuerName, Kind: p.options.DefaultIssuerKind, Group: p.options.DefaultIssuerGroup},
		Auto:          p.options.AutoAnnotations, Extra: p.options.ExtraAnnotations, Namespaces: p.options.Namespaces,
	}
	if err := controllers.NewIngressReconciler(sources, p.client, p.events).SetupIngresses(mgr, workers); err != nil {
		return err
	}
	return p.gateways.SetupWithManager(mgr, workers,
		controllers.NewGatewayReconciler(sources, p.client, p.events, p.gateways),
		controllers.NewListenerSetReconciler(sources, p.client, p.events, p.gateways))
}

// setUpRollouts makes a controller for each kind of workload that can be restarted, if that is asked for.
func (p *parts) setUpRollouts(mgr ctrl.Manager) error {
	if !p.options.RestartOnRenewal {
		return nil
	}
	for _, r := range []*controllers.RolloutReconciler{
		{Kind: "Deployment", New: newDeployment, NewList: func() client.ObjectList { return &appsv1.DeploymentList{} }},
		{Kind: "StatefulSet", New: newStatefulSet, NewList: func() client.ObjectList { return &appsv1.StatefulSetList{} }},
		{Kind: "DaemonSet", New: newDaemonSet, NewList: func() client.ObjectList { return &appsv1.DaemonSetList{} }},
	} {
		r.Names, r.Client, r.Events, r.Spread = p.names, p.client, p.events, p.options.RestartSpread
		if err := r.SetupWithManager(mgr); err != nil {
			return err
		}
	}
	return nil
}

func newDeployment() client.Object  { return &appsv1.Deployment{} }
func newStatefulSet() client.Object { return &appsv1.StatefulSet{} }
func newDaemonSet() client.Object   { return &appsv1.DaemonSet{} }
