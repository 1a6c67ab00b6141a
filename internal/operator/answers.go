package operator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/solver/http01"
	"github.com/certwright/certwright/internal/solver/tlsalpn01"
)

// disabled is the address that switches a server off.
const disabled = "0"

// answers serves HTTP-01 challenges from the cache of Orders. Every replica does, the leader or not.
type answers struct {
	address string
	cache   cache.Cache
}

// addAnswers starts the servers with the manager.
func addAnswers(mgr ctrl.Manager, options Options) error {
	if options.TLSALPN01SolverAddress != disabled {
		if err := mgr.Add(&tlsAnswers{address: options.TLSALPN01SolverAddress, cache: mgr.GetCache(), now: options.Now}); err != nil {
			return err
		}
	}
	if options.HTTP01SolverAddress == disabled {
		return nil
	}
	return mgr.Add(&answers{address: options.HTTP01SolverAddress, cache: mgr.GetCache()})
}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (*answers) NeedLeaderElection() bool { return false }

// Start serves until ctx ends.
func (a *answers) Start(ctx context.Context) error {
	// A replica that is not the leader has no controller that would fill the cache of Orders.
	if _, err := a.cache.GetInformer(ctx, &acmev1.Order{}); err != nil {
		return fmt.Errorf("watching Orders: %w", err)
	}
	server := http01.NewServer(a.address, &http01.Handler{Lookup: func(ctx context.Context, host, token string) (string, bool) {
		return kube.Answer(ctx, a.cache, host, token)
	}})
	if err := serve(ctx, server); err != nil {
		return fmt.Errorf("answering HTTP-01 challenges: %w", err)
	}
	return nil
}

// tlsAnswers serves TLS-ALPN-01 challenges from the cache of Orders, in every replica.
type tlsAnswers struct {
	address string
	cache   cache.Cache
	now     func() time.Time
}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (*tlsAnswers) NeedLeaderElection() bool { return false }

// Start serves until ctx ends.
func (a *tlsAnswers) Start(ctx context.Context) error {
	// A replica that is not the leader has no controller that would fill the cache of Orders.
	if _, err := a.cache.GetInformer(ctx, &acmev1.Order{}); err != nil {
		return fmt.Errorf("watching Orders: %w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", a.address)
	if err != nil {
		return fmt.Errorf("answering TLS-ALPN-01 challenges: %w", err)
	}
	server := &tlsalpn01.Server{Now: a.now, Lookup: func(ctx context.Context, name string) (string, bool) {
		return kube.TLSAnswer(ctx, a.cache, name)
	}}
	if err := server.Serve(ctx, listener); err != nil {
		return fmt.Errorf("answering TLS-ALPN-01 challenges: %w", err)
	}
	return nil
}

// serve runs a server until ctx ends. Who is in the middle of an answer then asks again, another replica maybe.
func serve(ctx context.Context, server *http.Server) error {
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	if err := server.Close(); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// replicas gives the addresses that answer: the endpoints of the Service, or this process alone.
func replicas(reader client.Reader, options Options, at string) func(context.Context) ([]string, error) {
	host, port, err := net.SplitHostPort(at)
	if err != nil {
		return func(context.Context) ([]string, error) { return nil, nil }
	}
	if options.HTTP01SolverService == "" {
		if host == "" {
			host = "localhost"
		}
		return func(context.Context) ([]string, error) { return []string{net.JoinHostPort(host, port)}, nil }
	}
	return func(ctx context.Context) ([]string, error) {
		number, err := strconv.Atoi(port)
		if err != nil {
			return nil, err
		}
		return kube.ReadyEndpoints(ctx, reader, options.OwnNamespace, options.HTTP01SolverService, number)
	}
}
