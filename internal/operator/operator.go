package operator

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/selection"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	"github.com/certwright/certwright/api"
	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/controllers"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/report"
)

// gcPercent trades processor time for memory: nearly all of the heap is caches that live on, so that
// the usual doubling before a collection would be paid for nothing.
const gcPercent = 25

// Run runs the operator until ctx ends. GOGC and GOMEMLIMIT, where they are set, are left as they are.
func Run(ctx context.Context, options Options) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	SetLogger(os.Stderr, options)
	cfg, err := restConfig(options.Kubeconfig)
	if err != nil {
		return err
	}
	mgr, err := New(ctx, cfg, options)
	if err != nil {
		return err
	}
	return mgr.Start(ctx)
}

func restConfig(kubeconfig string) (*rest.Config, error) {
	if kubeconfig == "" {
		cfg, err := ctrl.GetConfig()
		if err != nil {
			return nil, fmt.Errorf("no cluster to work in: give --kubeconfig, or set KUBECONFIG: %w", err)
		}
		return cfg, nil
	}
	return clientcmd.BuildConfigFromFlags("", kubeconfig)
}

// New makes a manager with every controller of the operator. It does not start it.
func New(ctx context.Context, cfg *rest.Config, options Options) (ctrl.Manager, error) {
	if err := options.complete(); err != nil {
		return nil, err
	}
	names, err := api.NamesFor(options.APIGroup)
	if err != nil {
		return nil, err
	}
	cfg = rest.CopyConfig(cfg)
	// The API server's Priority and Fairness is the throttle; a second one here would only hide it.
	cfg.QPS = -1
	cfg.UserAgent = userAgent()
	if options.WrapAPI != nil {
		cfg.Wrap(options.WrapAPI)
	}
	mgr, err := ctrl.NewManager(cfg, managerOptions(names, options))
	if err != nil {
		return nil, fmt.Errorf("reaching the API server: %w", err)
	}
	if err := kube.AddIndexes(ctx, mgr.GetFieldIndexer(), names); err != nil {
		return nil, err
	}
	if options.RestartOnRenewal {
		if err := kube.AddWorkloadIndexes(ctx, mgr.GetFieldIndexer()); err != nil {
			return nil, err
		}
	}
	shared, err := newParts(mgr, names, options)
	if err != nil {
		return nil, err
	}
	if err := addControllers(mgr, shared); err != nil {
		return nil, err
	}
	if err := addAnswers(mgr, options); err != nil {
		return nil, err
	}
	if err := addLists(mgr, names, options); err != nil {
		return nil, err
	}
	return mgr, addHealth(mgr)
}

// Scheme knows our kinds in the group of names, those of Kubernetes, and those of the Gateway API.
func Scheme(names api.Names) (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1.AddToScheme(names), acmev1.AddToScheme(names), gatewayv1.Install, gatewayv1beta1.Install} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	return scheme, nil
}

func managerOptions(names api.Names, options Options) ctrl.Options {
	scheme, err := Scheme(names)
	if err != nil {
		panic(err) // The types are compiled in: this cannot depend on input.
	}
	grace := 20 * time.Second
	return ctrl.Options{
		Scheme:                        scheme,
		Cache:                         cacheOptions(names, options),
		Metrics:                       metricsserver.Options{BindAddress: options.MetricsAddress},
		HealthProbeBindAddress:        options.HealthAddress,
		LeaderElection:                options.LeaderElect,
		LeaderElectionID:              "certwright." + names.Group,
		LeaderElectionNamespace:       options.OwnNamespace,
		LeaderElectionReleaseOnCancel: true,
		GracefulShutdownTimeout:       &grace,
		Controller:                    config.Controller{SkipNameValidation: &options.SharedProcess},
	}
}

// cacheOptions keep the caches small: of Secrets only those that carry our label, of EndpointSlices
// only those of the solver's Service, of ConfigMaps only the one that is kept, of workloads only what the
// restart of labelled ones needs, and of everything only the namespaces that we work in.
func cacheOptions(names api.Names, options Options) cache.Options {
	ofSolver := labels.SelectorFromSet(labels.Set{discoveryv1.LabelServiceName: options.HTTP01SolverService})
	routing := labels.SelectorFromSet(labels.Set{names.Label.HTTP01Solver: "true"})
	result := cache.Options{
		DefaultTransform:         kube.Shrink,
		DefaultWatchErrorHandler: watchError,
		ByObject: map[client.Object]cache.ByObject{
			&corev1.Secret{}:             cachedSecrets(names, options),
			&discoveryv1.EndpointSlice{}: cachedSlices(options, ofSolver, routing),
			&corev1.Service{}:            {Label: routing},
			&corev1.Pod{}:                {Label: routing},
		},
	}
	if options.IssuerKindsConfigMap != "" {
		result.ByObject[&corev1.ConfigMap{}] = cache.ByObject{Namespaces: map[string]cache.Config{
			options.OwnNamespace: {FieldSelector: fields.OneTermEqualSelector("metadata.name", options.IssuerKindsConfigMap)},
		}}
	}
	if options.RestartOnRenewal {
		for _, workload := range []client.Object{newDeployment(), newStatefulSet(), newDaemonSet()} {
			result.ByObject[workload] = cache.ByObject{
				Label:      labels.SelectorFromSet(labels.Set{names.Label.RestartOnRenewal: "true"}),
				Namespaces: inNamespaces(options.RestartNamespaces),
				Transform:  kube.ReduceWorkload(names.Annotation.KnownCertificates),
			}
		}
	}
	result.DefaultNamespaces = inNamespaces(options.Namespaces)
	return result
}

// cachedSlices are those of the operator's own Service, and those that lead to it from other namespaces.
func cachedSlices(options Options, ofSolver, routing labels.Selector) cache.ByObject {
	result := cache.ByObject{Label: routing, Namespaces: inNamespaces(options.Namespaces)}
	if result.Namespaces == nil {
		result.Namespaces = map[string]cache.Config{cache.AllNamespaces: {}}
	}
	result.Namespaces[options.OwnNamespace] = cache.Config{LabelSelector: ofSolver}
	return result
}

// watchError logs that a watch failed, unless it is of a kind of the Gateway API that is gone: its watch is about to
// be ended.
func watchError(ctx context.Context, reflector *toolscache.Reflector, err error) {
	if apierrors.IsNotFound(err) && controllers.IsGatewayAPI(reflector.TypeDescription()) {
		ctrl.LoggerFrom(ctx).V(1).Info("a kind of the Gateway API is not served", "type", reflector.TypeDescription())
		return
	}
	toolscache.DefaultWatchErrorHandler(ctx, reflector, err)
}

// inNamespaces limits a cache, unless there are none: then nothing limits it.
func inNamespaces(namespaces []string) map[string]cache.Config {
	if len(namespaces) == 0 {
		return nil
	}
	result := map[string]cache.Config{}
	for _, namespace := range namespaces {
		result[namespace] = cache.Config{}
	}
	return result
}

// cachedSecrets are those with our label in the namespaces that we work in. Where ClusterIssuers have their Secrets
// elsewhere, their revocation lists are there too, and nothing else is looked at.
func cachedSecrets(names api.Names, options Options) cache.ByObject {
	managed := labels.SelectorFromSet(labels.Set{names.Label.Managed: "true"})
	result := cache.ByObject{Label: managed}
	if len(options.Namespaces) == 0 {
		return result
	}
	result.Namespaces = map[string]cache.Config{}
	isList, err := labels.NewRequirement(names.Label.RevocationList, selection.Exists, nil)
	if err != nil {
		panic(err) // The key is one that api made: this cannot depend on input.
	}
	result.Namespaces[options.ClusterResourceNamespace] = cache.Config{LabelSelector: managed.Add(*isList)}
	for _, namespace := range options.Namespaces {
		result.Namespaces[namespace] = cache.Config{}
	}
	return result
}

// registerMetrics registers the operator's metrics with the registry that /metrics serves. Operators
// that share a process each have a registry of their own, which nobody serves.
func registerMetrics(mgr ctrl.Manager, names api.Names, shared bool) (*report.Metrics, error) {
	var registry prometheus.Registerer = metrics.Registry
	if shared {
		registry = prometheus.NewRegistry()
	}
	numbers, err := report.NewMetrics(registry, Version)
	if err != nil {
		return nil, err
	}
	return numbers, registry.Register(report.CertificateCollector(mgr.GetCache(), names))
}

func addHealth(mgr ctrl.Manager) error {
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return err
	}
	return mgr.AddReadyzCheck("caches", func(request *http.Request) error {
		if !mgr.GetCache().WaitForCacheSync(request.Context()) {
			return fmt.Errorf("the caches are not filled yet")
		}
		return nil
	})
}
