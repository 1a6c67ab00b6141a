package operator

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/certwright/certwright/api"
	"github.com/certwright/certwright/internal/crl"
	"github.com/certwright/certwright/internal/kube"
)

// lists serves revocation lists from the cache of Secrets. Every replica does, the leader or not.
type lists struct {
	names   api.Names
	options Options
	cache   cache.Cache
}

// addLists starts the server with the manager.
func addLists(mgr ctrl.Manager, names api.Names, options Options) error {
	if options.CRLAddress == disabled {
		return nil
	}
	return mgr.Add(&lists{names: names, options: options, cache: mgr.GetCache()})
}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (*lists) NeedLeaderElection() bool { return false }

// Start serves until ctx ends.
func (l *lists) Start(ctx context.Context) error {
	// A replica that is not the leader has no controller that would fill the cache of Secrets.
	if _, err := l.cache.GetInformer(ctx, &corev1.Secret{}); err != nil {
		return fmt.Errorf("watching Secrets: %w", err)
	}
	if err := serve(ctx, crl.NewServer(l.options.CRLAddress, l.handler())); err != nil {
		return fmt.Errorf("serving revocation lists: %w", err)
	}
	return nil
}

func (l *lists) handler() http.Handler {
	return crl.NewHandler(func(ctx context.Context, name types.NamespacedName, entry string) ([]byte, string, bool) {
		if name.Namespace == "" {
			name.Namespace = l.options.ClusterResourceNamespace
		}
		return kube.RevocationList(ctx, l.cache, l.names.Label.RevocationList, name, entry)
	}, l.options.Now)
}

// checkCRL refuses a URL that cannot stand in certificates: whoever checks one cannot be asked to check another
// first (RFC 5280 section 8).
func (o *Options) checkCRL() error {
	if o.CRLBaseURL == "" {
		return nil
	}
	base, err := url.Parse(o.CRLBaseURL)
	if err != nil || base.Scheme != "http" || base.Host == "" || base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return fmt.Errorf("--crl-base-url %q: write http:// with a host and maybe a path, such as http://crl.example.com", o.CRLBaseURL)
	}
	return nil
}
