// Package solver puts the answers to challenges in place, looks whether they can be seen, and takes
// them away. Each way to answer is a package below; this one picks it by what the issuer says.
//
// The order controller uses it. Every call is one quick try that may be repeated; none waits.
package solver

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/outcome"
	"github.com/certwright/certwright/internal/reach"
	"github.com/certwright/certwright/internal/solver/dns01"
	"github.com/certwright/certwright/internal/solver/dns01/acmedns"
	"github.com/certwright/certwright/internal/solver/dns01/rfc2136"
	"github.com/certwright/certwright/internal/solver/dns01/webhook"
)

// Challenge is one answer to give.
type Challenge struct {
	// Order is the Order that the challenge is of.
	Order *acmev1.Order
	// Owner is the Order, woken when a Secret that the solver names changes.
	Owner kube.Owner
	// AccountURL is that of the ACME account.
	AccountURL string
	// Identifier is the name, without "*.".
	Identifier string
	// Progress holds the solver that was chosen and the answer.
	Progress *acmev1.ChallengeProgress
	// OfClusterIssuer says that the solver is a ClusterIssuer's, which may reach what it names.
	OfClusterIssuer bool
	// SecretNamespace is where the Secrets are that the solver names.
	SecretNamespace string
	// Kept are the credentials that Credentials gave when the answer was put in place, for a clean-up that
	// finds their Secrets gone.
	Kept map[string][]byte
}

// Solvers answers challenges.
type Solvers struct {
	Secrets *kube.SecretRefs
	// Tokens makes tokens of ServiceAccounts for providers that sign in with one.
	Tokens *kube.Tokens
	// Resolver finds the servers of a zone; a solver's own nameservers replace its. Its own are an
	// administrator's, so that they may be anywhere.
	Resolver dns01.Resolver
	// Reach is what the solvers of a namespace's Issuer, and the zones that they are for, may make us ask.
	Reach reach.Policy
	// API asks the API server, which passes on what is for webhook solvers.
	API rest.Interface
	// External runs the providers that the operator has no code for.
	External External
	// Replicas gives the addresses (host:port) of everything that answers HTTP-01 challenges.
	Replicas func(ctx context.Context) ([]string, error)
	// TLSReplicas gives those of everything that answers TLS-ALPN-01 challenges.
	TLSReplicas func(ctx context.Context) ([]string, error)
	// Router knows the routes that lead to these answers, nil if none are made.
	Router Router
	// HTTPNameservers are the resolvers (host:port) for the names that are asked as a CA would; those of the system if
	// there are none.
	HTTPNameservers []string
	// HTTPPort is where names are asked over HTTP, 80 if it is zero.
	HTTPPort int
	// TLSPort is where names are asked over TLS, 443 if it is zero.
	TLSPort int
	// CallTimeout bounds what finding the place of one answer, putting it there, or taking it away may take; 0 means 30
	// seconds. Whose server is slow does not hold the worker that others wait for.
	CallTimeout time.Duration
	// Now is the clock.
	Now func() time.Time
}

// defaultCallTimeout leaves a webhook solver room for what it does at its own provider.
const defaultCallTimeout = 30 * time.Second

func (s *Solvers) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, cmp.Or(s.CallTimeout, defaultCallTimeout))
}

// Present puts an answer in place. Over HTTP and TLS there is nothing to do: every replica answers from its
// cache of Orders.
func (s *Solvers) Present(ctx context.Context, challenge Challenge) error {
	if !challenge.Progress.Type.IsWritten() {
		return nil
	}
	provider, record, err := s.dns(challenge)
	if err != nil {
		return err
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	return transient("PresentError", provider.Present(ctx, record))
}

// Check is nil when the answer can be seen: by asking what answers at its own address, and then the route that leads
// there; or every server of the zone.
func (s *Solvers) Check(ctx context.Context, challenge Challenge) error {
	if challenge.Progress.Type == acmev1.DNSPersist01 {
		return s.checkPublished(ctx, challenge)
	}
	if challenge.Progress.Type.IsWritten() {
		_, record, err := s.dns(challenge)
		if err != nil {
			return err
		}
		return s.resolver(challenge).Check(ctx, record)
	}
	if err := s.checkServers(ctx, challenge); err != nil || s.Router == nil || challenge.Progress.AnsweredBy == "" {
		return err
	}
	return s.checkRoute(ctx, challenge)
}

// replicaTimeout bounds the question to one replica, so that one that hangs does not speak for all.
const replicaTimeout = 5 * time.Second

func (s *Solvers) checkReplicas(ctx context.Context, challenge Challenge, all func(context.Context) ([]string, error)) error {
	replicas, err := all(ctx)
	if err != nil {
		return fmt.Errorf("finding the replicas that answer: %w", err)
	}
	if len(replicas) == 0 {
		return errors.New(nobodyAnswers(challenge))
	}
	ctx, cancel := context.WithTimeout(ctx, replicaTimeout)
	defer cancel()
	answers := make([]error, len(replicas))
	var asked sync.WaitGroup
	for i, replica := range replicas {
		asked.Go(func() {
			answers[i] = askReplica(ctx, replica, challenge)
		})
	}
	asked.Wait()
	for _, err := range answers {
		if err != nil {
			// One is enough to wait for, and one at a time keeps the message the same from try to try.
			return err
		}
	}
	return nil
}

// CleanUp takes an answer away, by its exact name and value.
func (s *Solvers) CleanUp(ctx context.Context, challenge Challenge) error {
	if !challenge.Progress.Type.IsWritten() || isForgetful(challenge.Progress.Solver) {
		return nil
	}
	provider, record, err := s.dns(challenge)
	if err != nil {
		return err
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	return transient("CleanUpError", provider.CleanUp(ctx, record))
}

// checkPublished is nil when a record that somebody publishes by hand permits what is asked for. Others may stand beside
// it, and it may permit more.
func (s *Solvers) checkPublished(ctx context.Context, challenge Challenge) error {
	wanted, err := acme.ParsePersistRecord(challenge.Progress.RecordValue)
	if err != nil {
		return err
	}
	err = s.resolver(challenge).CheckAny(ctx, challenge.Progress.RecordName, func(value string) bool {
		found, err := acme.ParsePersistRecord(value)
		return err == nil && found.Permits(wanted, s.Now())
	})
	if err != nil {
		return fmt.Errorf("publish the TXT record %s with the value %q: %w", strings.TrimSuffix(challenge.Progress.RecordName, "."), challenge.Progress.RecordValue, err)
	}
	return nil
}

// isForgetful says whether a solver's records go by themselves, so that its credentials may be gone already.
func isForgetful(solver *v1.ACMESolver) bool {
	return solver != nil && solver.DNS01 != nil && solver.DNS01.ACMEDNS != nil
}

// dns is the provider and the record of a DNS-01 challenge.
func (s *Solvers) dns(challenge Challenge) (dns01.Provider, dns01.Record, error) {
	solver := challenge.Progress.Solver
	if solver == nil || solver.DNS01 == nil {
		return nil, dns01.Record{}, outcome.Terminalf(outcome.ClassRefused, v1.ReasonInvalidSolver,
			"the solver for %q has no DNS provider", challenge.Identifier)
	}
	record := dns01.NewRecord(challenge.Identifier, acme.DNS01Value(challenge.Progress.KeyAuthorization))
	if challenge.Progress.RecordName != "" {
		record.FQDN = challenge.Progress.RecordName
	}
	provider, err := s.provider(challenge, solver.DNS01)
	return provider, record, err
}

func (s *Solvers) provider(challenge Challenge, solver *v1.DNS01Solver) (dns01.Provider, error) {
	switch {
	case solver.RFC2136 != nil:
		return s.rfc2136(challenge, solver.RFC2136)
	case solver.ACMEDNS != nil:
		return s.acmeDNS(challenge, solver.ACMEDNS)
	case solver.Webhook != nil:
		return s.webhook(challenge, solver.Webhook)
	default:
		return s.byName(challenge)
	}
}

func (s *Solvers) acmeDNS(challenge Challenge, spec *v1.ACMEDNSProvider) (dns01.Provider, error) {
	accounts, err := s.entry(challenge.solverOf(), spec.AccountSecretRef)
	if err != nil {
		return nil, err
	}
	provider, err := acmedns.New(acmedns.Config{Host: spec.Host, Accounts: accounts, Domain: challenge.Identifier, Reach: s.reach(challenge)})
	if err != nil {
		return nil, invalidSolver(fmt.Errorf("solver acmeDNS: %w", err))
	}
	return provider, nil
}

func (s *Solvers) webhook(challenge Challenge, spec *v1.WebhookProvider) (dns01.Provider, error) {
	provider := &webhook.Provider{
		Client: s.API, Group: spec.GroupName, Solver: spec.SolverName, Config: spec.Config,
		UID: challenge.Order.UID, DNSName: challenge.Identifier, Namespace: challenge.SecretNamespace,
		Ambient: s.External.ambient(challenge.OfClusterIssuer),
		Zone: func(ctx context.Context, fqdn string) (string, error) {
			zone, err := s.resolver(challenge).Zone(ctx, fqdn)
			return zone.Name, err
		},
	}
	if err := provider.Validate(); err != nil {
		return nil, invalidSolver(fmt.Errorf("solver webhook: %w", err))
	}
	return provider, nil
}

// RecordName is where the record of a DNS-01 challenge goes: below the name itself, or where a CNAME
// record there leads, if the solver says to follow it.
func (s *Solvers) RecordName(ctx context.Context, challenge Challenge) (string, error) {
	name := dns01.NewRecord(challenge.Identifier, "").FQDN
	solver := challenge.Progress.Solver
	if challenge.Progress.Type == acmev1.DNSAccount01 {
		name = acme.DNSAccount01Name(challenge.AccountURL, challenge.Identifier) + "."
	}
	if solver.DNS01.CNAMEStrategy != v1.CNAMEFollow {
		return name, nil
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	name, err := s.resolver(challenge).Follow(ctx, name)
	return name, transient("PresentError", err)
}

func (s *Solvers) rfc2136(challenge Challenge, spec *v1.RFC2136Provider) (dns01.Provider, error) {
	config := rfc2136.Config{
		Nameserver: spec.Nameserver, Reach: s.reach(challenge), Protocol: string(spec.Protocol),
		TSIGKeyName: spec.TSIGKeyName, TSIGAlgorithm: spec.TSIGAlgorithm,
	}
	if ref := spec.TSIGSecretSecretRef; ref != nil {
		secret, err := s.entry(challenge.solverOf(), *ref)
		if err != nil {
			return nil, err
		}
		config.TSIGSecret = string(secret)
	}
	provider, err := rfc2136.New(config)
	if err != nil {
		return nil, outcome.Terminalf(outcome.ClassRefused, v1.ReasonInvalidSolver, "solver rfc2136: %v", err)
	}
	return provider, nil
}

// Credentials are what the solver's Secrets hold that a clean-up needs, by names of their own.
func (s *Solvers) Credentials(challenge Challenge) (map[string][]byte, error) {
	solver := challenge.Progress.Solver
	if solver == nil || solver.DNS01 == nil {
		return nil, nil
	}
	if rfc2136 := solver.DNS01.RFC2136; rfc2136 != nil {
		if rfc2136.TSIGSecretSecretRef == nil {
			return nil, nil
		}
		return s.entries(challenge.solverOf(), []v1.SecretKeySelector{*rfc2136.TSIGSecretSecretRef})
	}
	spec, err := settingsOf(solver.DNS01)
	if err != nil {
		// Nothing is put in place with it, so there will be nothing to clean up.
		return nil, nil //nolint:nilerr // Present says it.
	}
	found, err := s.entries(challenge.solverOf(), slices.Collect(maps.Values(spec.entries)))
	if err != nil || spec.secret == "" {
		return found, err
	}
	data, err := s.wholeSecret(challenge.solverOf(), spec.secret)
	for key, value := range data {
		found[keptName(v1.SecretKeySelector{Name: spec.secret, Key: key})] = value
	}
	return found, err
}

func (s *Solvers) entries(of solverOf, refs []v1.SecretKeySelector) (map[string][]byte, error) {
	found := map[string][]byte{}
	for _, ref := range refs {
		value, err := s.entry(of, ref)
		if err != nil {
			return nil, err
		}
		found[keptName(ref)] = value
	}
	return found, nil
}

// longestKept is how much of a key, in bytes, a Secret's name may take: a long one is told by its digest.
const longestKept = 64

// keptName is unique, and a key that a Secret may have: no name of a Secret has two dots in a row.
func keptName(ref v1.SecretKeySelector) string {
	name := ref.Name
	if len(name) > longestKept {
		name = fmt.Sprintf("%x", sha256.Sum256([]byte(name)))
	}
	return name + ".." + ref.Key
}

// entry reads an entry of a Secret that a solver names or, where that is gone, what was kept of it.
func (s *Solvers) entry(of solverOf, ref v1.SecretKeySelector) ([]byte, error) {
	secret, err := s.Secrets.Get(of.owner, types.NamespacedName{Namespace: of.namespace, Name: ref.Name})
	if secret != nil && len(secret.Data[ref.Key]) > 0 {
		return secret.Data[ref.Key], nil
	}
	if kept := of.kept[keptName(ref)]; len(kept) > 0 && !outcome.IsMomentary(err) {
		return kept, nil
	}
	if err != nil {
		return nil, err
	}
	return nil, outcome.WaitFor(v1.ReasonInvalidSolver, "waiting for the solver's credentials: Secret %q needs a key %q", ref.Name, ref.Key)
}

func (s *Solvers) resolver(challenge Challenge) dns01.Resolver {
	resolver, solver := s.Resolver, challenge.Progress.Solver
	resolver.NameserverReach, resolver.Reach = reach.Policy{Unrestricted: true}, s.reach(challenge)
	if solver != nil && solver.DNS01 != nil && len(solver.DNS01.Nameservers) > 0 {
		resolver.Nameservers, resolver.NameserverReach = solver.DNS01.Nameservers, resolver.Reach
	}
	return resolver
}

func (s *Solvers) reach(challenge Challenge) reach.Policy {
	return s.reachOf(challenge.OfClusterIssuer)
}

func (s *Solvers) reachOf(ofClusterIssuer bool) reach.Policy {
	if ofClusterIssuer {
		return reach.Policy{Unrestricted: true}
	}
	return s.Reach
}

// transient is an error of an exchange that is worth trying again. One that a rule of ours made is not.
func transient(reason string, err error) error {
	if err == nil {
		return nil
	}
	if failure, ok := errors.AsType[*outcome.Error](err); ok {
		return failure
	}
	if _, refused := errors.AsType[*reach.Error](err); refused {
		failure := outcome.Terminalf(outcome.ClassRefused, v1.ReasonInvalidSolver, "%v", err)
		failure.Err = err
		return failure
	}
	return outcome.Retryable(reason, err)
}
