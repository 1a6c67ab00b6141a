package solver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	"github.com/certwright/certwright/internal/outcome"
	"github.com/certwright/certwright/internal/reach"
	"github.com/certwright/certwright/internal/solver/http01"
	"github.com/certwright/certwright/internal/solver/tlsalpn01"
)

// Router knows the routes that lead to the answers of HTTP-01 and TLS-ALPN-01 challenges.
type Router interface {
	// Servers are the addresses (host:port) of what answers in the operator's stead, none if it answers itself.
	Servers(ctx context.Context, challenge Challenge) ([]string, error)
	// Route is the route of a challenge. Its error says what is missing or who refused it; it is a *RouteError where
	// that is so whatever answers.
	Route(ctx context.Context, challenge Challenge) (Route, error)
}

// Route is what leads to an answer.
type Route struct {
	// Name is its kind and name, for people.
	Name string
	// Addresses are the IP addresses and host names where it is reached; none as long as its controller names none.
	Addresses []string
}

const (
	// publicPort is where a CA asks over HTTP (RFC 8555 section 8.3), and publicTLSPort over TLS (RFC 8737 section 3).
	publicPort, publicTLSPort = 80, 443
	// routeTimeout bounds a question through a route.
	routeTimeout = 5 * time.Second
	// mostAddresses bounds the addresses of a route that are asked.
	mostAddresses = 8
	// publicGrace is how long after its answer was put in place the public name is waited for where the route answers: then
	// the CA is asked, which may see what cannot be seen from inside the cluster.
	publicGrace = 10 * time.Second
)

// RouteError says at which layer an answer was not seen. Answered says that something was reached there, or that there is
// nowhere to ask: waiting for the network will not help.
type RouteError struct {
	Message  string
	Answered bool
	Err      error
}

// Error implements error.
func (e *RouteError) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *RouteError) Unwrap() error { return e.Err }

// checkRoute asks as a CA would: at the address of the route with the name in the Host header, and at the name itself.
// The latter is advice only, because inside a cluster names may lead elsewhere, and ways out may not lead back in.
func (s *Solvers) checkRoute(ctx context.Context, challenge Challenge) error {
	asking, cancel := context.WithTimeout(ctx, routeTimeout)
	defer cancel()
	public := make(chan error, 1)
	go func() { public <- s.askPublic(asking, challenge) }()
	routed := s.askRoute(asking, challenge)
	if routed != nil && ctx.Err() != nil {
		// There was no time to ask: that says nothing of the route.
		routed.Answered = false
	}
	atName := <-public
	if atName == nil {
		return nil
	}
	if routed != nil {
		return routed
	}
	presented := challenge.Progress.PresentedAt
	if isOurRefusal(atName) || presented == nil || s.Now().After(presented.Add(publicGrace)) {
		return nil
	}
	return fmt.Errorf("the route answers, and the public name does not yet: %w", atName)
}

// isOurRefusal says whether the name was not asked because its address is none that we may ask.
func isOurRefusal(err error) bool {
	_, refused := errors.AsType[*reach.Error](err)
	return refused
}

// askRoute asks at the addresses of the route.
func (s *Solvers) askRoute(ctx context.Context, challenge Challenge) *RouteError {
	route, err := s.Router.Route(ctx, challenge)
	if failure, ok := errors.AsType[*RouteError](err); ok {
		return failure
	}
	if err != nil {
		return &RouteError{Message: err.Error(), Answered: true, Err: err}
	}
	if len(route.Addresses) == 0 {
		return &RouteError{Message: route.Name + " has no address yet", Answered: true}
	}
	if err := s.askAny(ctx, route.Addresses[:min(len(route.Addresses), mostAddresses)], challenge); err != nil {
		return &RouteError{Message: fmt.Sprintf("through %s: %v", route.Name, err), Answered: isAnswer(err), Err: err}
	}
	return nil
}

// askAny asks at all addresses of a route at once. One that answers is enough: they lead to the same, and not all of
// them can be reached from everywhere. Of the failures, one of an address that was reached tells the most.
func (s *Solvers) askAny(ctx context.Context, addresses []string, challenge Challenge) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	dialer := s.dialer(reach.Policy{Allowed: slices.Concat(s.Reach.Allowed, privateNetworks)})
	type answer struct {
		of  int
		err error
	}
	answers := make(chan answer, len(addresses))
	for i, address := range addresses {
		go func() { answers <- answer{i, s.ask(ctx, dialer, address, challenge, true)} }()
	}
	failures := make([]error, len(addresses))
	for range addresses {
		answered := <-answers
		if answered.err == nil {
			return nil
		}
		failures[answered.of] = answered.err
	}
	return failures[max(slices.IndexFunc(failures, isAnswer), 0)]
}

// isAnswer says whether there was a connection over which the wrong thing came, or nothing: so do ingress controllers
// answer that cannot reach what is behind them.
func isAnswer(err error) bool {
	seen, ok := errors.AsType[*http01.CheckError](err)
	return ok && seen.Layer != http01.LayerConnect
}

// askPublic asks at the name, and where its redirects lead. The name is the tenant's and not the issuer's, so that what
// an Issuer of a namespace may reach holds for a ClusterIssuer too.
func (s *Solvers) askPublic(ctx context.Context, challenge Challenge) error {
	return s.ask(ctx, s.dialer(s.Reach), challenge.Identifier, challenge, false)
}

// ask asks at an address or a name, at the port where the CA asks, as the CA does. With stay, redirects that lead elsewhere
// are not followed.
func (s *Solvers) ask(ctx context.Context, dialer *net.Dialer, at string, challenge Challenge, stay bool) error {
	if challenge.Progress.Type == acmev1.TLSALPN01 {
		return tlsalpn01.Check(ctx, dialer, tlsalpn01.Request{
			Address: net.JoinHostPort(at, strconv.Itoa(cmp.Or(s.TLSPort, publicTLSPort))),
			Name:    challenge.Identifier, Want: challenge.Progress.KeyAuthorization,
		})
	}
	return http01.CheckRoute(ctx, dialer, http01.Request{
		Address: net.JoinHostPort(at, strconv.Itoa(cmp.Or(s.HTTPPort, publicPort))), Host: challenge.Identifier, Stay: stay,
		Token: challenge.Progress.Token, Want: challenge.Progress.KeyAuthorization,
	})
}

// askReplica asks one that answers at its own address (host:port).
func askReplica(ctx context.Context, address string, challenge Challenge) error {
	if challenge.Progress.Type == acmev1.TLSALPN01 {
		return tlsalpn01.Check(ctx, &net.Dialer{}, tlsalpn01.Request{
			Address: address, Name: challenge.Identifier, Want: challenge.Progress.KeyAuthorization,
		})
	}
	return http01.Check(ctx, address, challenge.Identifier, challenge.Progress.Token, challenge.Progress.KeyAuthorization)
}

// replicas gives everything that answers challenges of this type.
func (s *Solvers) replicas(challenge Challenge) func(context.Context) ([]string, error) {
	if challenge.Progress.Type == acmev1.TLSALPN01 {
		return s.TLSReplicas
	}
	return s.Replicas
}

func nobodyAnswers(challenge Challenge) string {
	if challenge.Progress.Type == acmev1.TLSALPN01 {
		return "no replica answers TLS-ALPN-01 challenges: see --tls-alpn01-solver-bind-address"
	}
	return "no replica answers HTTP-01 challenges: see --http01-solver-bind-address"
}

// privateNetworks are where ingress controllers and gateways are reached from inside, beside public addresses. Their
// addresses are told by their controllers; loopback and the networks of metadata services are not among them.
var privateNetworks = mustParse("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")

func mustParse(texts ...string) []netip.Prefix {
	networks, err := reach.ParseNetworks(texts)
	if err != nil {
		panic(err) // They are written above.
	}
	return networks
}

// dialer dials what a policy allows, with names looked up where the administrator said.
func (s *Solvers) dialer(policy reach.Policy) *net.Dialer {
	dialer := &net.Dialer{ControlContext: policy.ControlContext}
	if len(s.HTTPNameservers) > 0 {
		dialer.Resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			var conn net.Conn
			err := errors.New("no name server")
			for _, server := range s.HTTPNameservers {
				if conn, err = (&net.Dialer{}).DialContext(ctx, network, server); err == nil {
					return conn, nil
				}
			}
			return nil, err
		}}
	}
	return dialer
}

// checkServers asks what answers at its own address.
func (s *Solvers) checkServers(ctx context.Context, challenge Challenge) error {
	if s.Router == nil || challenge.Progress.AnsweredBy == "" {
		return s.checkReplicas(ctx, challenge, s.replicas(challenge))
	}
	servers, err := s.Router.Servers(ctx, challenge)
	if err != nil {
		return &RouteError{Message: err.Error(), Err: err}
	}
	if len(servers) == 0 {
		return s.checkReplicas(ctx, challenge, s.replicas(challenge))
	}
	return s.checkReplicas(ctx, challenge, func(context.Context) ([]string, error) { return servers, nil })
}

// IsMisrouted says whether a check failed because the route to the operator leads elsewhere, so that a pod of the order's
// own may do better.
func IsMisrouted(err error) bool {
	failure, ok := errors.AsType[*RouteError](err)
	return ok && failure.Answered && !outcome.IsMomentary(err)
}
