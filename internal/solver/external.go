package solver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/dnssolver/providers"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/outcome"
	"github.com/certwright/certwright/internal/reach"
	"github.com/certwright/certwright/internal/solver/dns01"
	"github.com/certwright/certwright/internal/solver/dns01/external"
	"github.com/certwright/certwright/internal/solver/dns01/httpreq"
)

// External is how providers are reached that dns-solver runs.
type External struct {
	// Client asks dns-solver; nil where there is none.
	Client *external.Client
	// AmbientIssuers and AmbientClusterIssuers say whose providers may sign in as the operator's pod.
	AmbientIssuers, AmbientClusterIssuers bool
}

func (e External) ambient(ofClusterIssuer bool) bool {
	if ofClusterIssuer {
		return e.AmbientClusterIssuers
	}
	return e.AmbientIssuers
}

// signsIn says whether a provider with these credentials signs in as the machine or the pod. A tenant gets to where
// credentials are given out only by a provider that fetches its own there, that no setting sends elsewhere, and that
// has none of the tenant's: they may say themselves where they are to be exchanged.
func (e External) signsIn(ofClusterIssuer bool, provider providers.Provider, secret map[string]string) bool {
	return e.ambient(ofClusterIssuer) && (ofClusterIssuer || provider.Ambient && len(secret) == 0)
}

// IssuerSolvers are the solvers of an issuer, to be checked before anything is ordered.
type IssuerSolvers struct {
	// Owner is the issuer, woken when a Secret that a solver names changes.
	Owner           kube.Owner
	OfClusterIssuer bool
	SecretNamespace string
	Solvers         []v1.ACMESolver
}

// CheckSettings says what keeps a provider of an issuer from working: a setting that it does not know, or one
// that is missing. It asks no provider.
func (s *Solvers) CheckSettings(issuer IssuerSolvers) error {
	for i := range issuer.Solvers {
		dns := issuer.Solvers[i].DNS01
		if dns == nil || !hasSettings(dns) {
			continue
		}
		_, err := s.settled(solverOf{
			owner: issuer.Owner, namespace: issuer.SecretNamespace, ofClusterIssuer: issuer.OfClusterIssuer, dns: dns,
		})
		if failure := outcome.From(err); failure != nil && !failure.Momentary {
			// An Issuer waits for an edit of it or of its Secret, both of which wake it.
			return &outcome.Error{
				Kind: outcome.Invalid, Reason: failure.Reason, Message: fmt.Sprintf("spec.acme.solvers[%d].dns01: %s", i, failure.Message), Err: err,
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// StandsAlone says whether the answer to a challenge has a place that has room for one, and which: all of its provider, or
// the name of its record where the provider would take others away there with it.
func StandsAlone(challenge *acmev1.ChallengeProgress) (place string, alone bool) {
	if challenge == nil || challenge.Solver == nil || challenge.Solver.DNS01 == nil {
		return "", false
	}
	spec, err := settingsOf(challenge.Solver.DNS01)
	if err != nil {
		return "", false
	}
	provider, _ := providers.Find(spec.provider)
	switch {
	case provider.Sequential:
		return provider.Name, true
	case provider.Coarse:
		return challenge.RecordName, true
	default:
		return "", false
	}
}

// hasSettings says whether a solver's provider is one of package providers, which is told settings by name.
func hasSettings(dns *v1.DNS01Solver) bool {
	return dns.RFC2136 == nil && dns.ACMEDNS == nil && dns.Webhook == nil
}

// solverOf is a DNS-01 solver and whose it is.
type solverOf struct {
	owner           kube.Owner
	namespace       string
	ofClusterIssuer bool
	dns             *v1.DNS01Solver
	kept            map[string][]byte
}

// settled is a provider with settings that have been checked.
type settled struct {
	provider  providers.Provider
	variables map[string]string
	public    []string
	ambient   bool
	reach     reach.Policy
	identity  *identity
}

// settled reads the Secrets of a solver and checks its settings.
func (s *Solvers) settled(of solverOf) (settled, error) {
	spec, err := settingsOf(of.dns)
	if err != nil {
		return settled{}, invalidSolver(err)
	}
	provider, known := providers.Find(spec.provider)
	if !known {
		return settled{}, invalidSolver(fmt.Errorf("there is no provider %q: docs/dns-providers.md lists them", spec.provider))
	}
	if s.External.Client == nil && !provider.InOperator {
		return settled{}, invalidSolver(fmt.Errorf("provider %s is run by dns-solver, which this operator runs without: set --dns-solver or --dns-solver-socket", provider.Name))
	}
	secret, err := s.secretSettings(of, spec)
	if err != nil {
		return settled{}, err
	}
	result := settled{provider: provider, reach: s.reachOf(of.ofClusterIssuer), identity: spec.identity}
	// What dns-solver runs, it keeps from there itself, unless it is to sign in.
	result.reach.NoCredentials = provider.InOperator
	// With an identity of its own, nothing of the pod's gets in its way.
	result.ambient = spec.identity == nil && s.External.signsIn(of.ofClusterIssuer, provider, secret)
	given := providers.Settings{Config: spec.config, Secret: secret, Ambient: result.ambient, SignedIn: spec.identity != nil, Reach: result.reach}
	if err := provider.Check(given); err != nil {
		return settled{}, invalidSolver(err)
	}
	result.variables, result.public = given.Variables(), slices.Sorted(maps.Keys(spec.config))
	if provider.InOperator {
		_, err = result.own(of.dns, "", "")
	}
	return result, err
}

// own is a provider that the operator runs itself. It refuses settings whose values cannot work.
func (s settled) own(dns *v1.DNS01Solver, domain, keyAuthorization string) (dns01.Provider, error) {
	provider, err := httpreq.New(httpreq.Config{
		Variables: s.variables, Public: s.public, Reach: s.reach, Account: dns.Challenge == v1.DNSAccount01,
		Domain: domain, KeyAuthorization: keyAuthorization,
	})
	if err != nil {
		return nil, invalidSolver(fmt.Errorf("provider %s: %w", s.provider.Name, err))
	}
	return provider, nil
}

func invalidSolver(err error) error {
	failure := outcome.Terminalf(outcome.ClassRefused, v1.ReasonInvalidSolver, "%v", err)
	failure.Err = err
	return failure
}

// secretSettings reads the settings that are in Secrets.
func (s *Solvers) secretSettings(of solverOf, spec settings) (map[string]string, error) {
	found := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(spec.entries)) {
		value, err := s.entry(of, spec.entries[name])
		if err != nil {
			return nil, err
		}
		found[name] = string(value)
	}
	if spec.secret == "" {
		return found, nil
	}
	data, err := s.wholeSecret(of, spec.secret)
	if err != nil {
		return nil, err
	}
	for name, value := range data {
		found[name] = string(value)
	}
	return found, nil
}

// wholeSecret reads all of a Secret or, where that is gone, what was kept of it.
func (s *Solvers) wholeSecret(of solverOf, name string) (map[string][]byte, error) {
	secret, err := s.Secrets.Get(of.owner, types.NamespacedName{Namespace: of.namespace, Name: name})
	if secret != nil {
		return secret.Data, nil
	}
	if kept := keptOf(of.kept, name); len(kept) > 0 && !outcome.IsMomentary(err) {
		return kept, nil
	}
	if err != nil {
		return nil, err
	}
	return nil, outcome.WaitFor(v1.ReasonInvalidSolver, "waiting for the solver's credentials: there is no Secret %q", name)
}

// keptOf are the entries that were kept of one Secret.
func keptOf(kept map[string][]byte, name string) map[string][]byte {
	result := map[string][]byte{}
	prefix := keptName(v1.SecretKeySelector{Name: name})
	for entry, value := range kept {
		if len(entry) > len(prefix) && entry[:len(prefix)] == prefix {
			result[entry[len(prefix):]] = value
		}
	}
	return result
}

// byName is the provider of a challenge that is told settings by name.
func (s *Solvers) byName(challenge Challenge) (dns01.Provider, error) {
	ready, err := s.settled(challenge.solverOf())
	if err != nil {
		return nil, err
	}
	if ready.provider.InOperator {
		return ready.own(challenge.Progress.Solver.DNS01, challenge.Identifier, challenge.Progress.KeyAuthorization)
	}
	return s.external(challenge, ready)
}

// external is a provider that dns-solver runs.
func (s *Solvers) external(challenge Challenge, ready settled) (dns01.Provider, error) {
	resolver := s.resolver(challenge)
	// What a provider asks of DNS by itself goes over UDP and TCP.
	nameservers := slices.DeleteFunc(slices.Clone(resolver.Nameservers), func(server string) bool { return strings.HasPrefix(server, "https://") })
	for _, nameserver := range nameservers {
		host, _, _ := net.SplitHostPort(nameserver)
		if err := resolver.NameserverReach.CheckHost(host); err != nil {
			return nil, invalidSolver(fmt.Errorf("name server %s: %w", nameserver, err))
		}
	}
	return &told{tokens: s.Tokens, namespace: challenge.SecretNamespace, identity: ready.identity, provider: external.Provider{
		Client: s.External.Client, Name: ready.provider.Name, Variables: ready.variables, Public: ready.public, Keep: ready.provider.Keep(),
		Ambient: ready.ambient, Reach: ready.reach, Nameservers: nameservers,
		Tenant: challenge.Owner.Namespace,
		Scope:  challenge.Owner.Kind + "/" + challenge.Owner.String() + "/" + challenge.SecretNamespace,
		Domain: challenge.Identifier, KeyAuthorization: challenge.Progress.KeyAuthorization,
	}}, nil
}

func (c Challenge) solverOf() solverOf {
	return solverOf{
		owner: c.Owner, namespace: c.SecretNamespace, ofClusterIssuer: c.OfClusterIssuer, dns: c.Progress.Solver.DNS01, kept: c.Kept,
	}
}

// told has what dns-solver says mean something to an order: another try, or the end.
type told struct {
	provider external.Provider
	// identity is what the provider signs in as, a ServiceAccount of the namespace; nil for none.
	identity  *identity
	namespace string
	tokens    *kube.Tokens
}

// Present implements dns01.Provider.
func (t *told) Present(ctx context.Context, record dns01.Record) error {
	provider, err := t.signedIn(ctx)
	if err != nil {
		return err
	}
	return final(provider.Present(ctx, record))
}

// CleanUp implements dns01.Provider.
func (t *told) CleanUp(ctx context.Context, record dns01.Record) error {
	provider, err := t.signedIn(ctx)
	if err != nil {
		return err
	}
	return final(provider.CleanUp(ctx, record))
}

// signedIn is the provider with a token that is made for one call, and kept by nobody.
func (t *told) signedIn(ctx context.Context) (external.Provider, error) {
	provider := t.provider
	if t.identity == nil {
		return provider, nil
	}
	token, err := t.tokens.Create(ctx, types.NamespacedName{Namespace: t.namespace, Name: t.identity.account}, t.identity.audiences)
	if err != nil {
		return provider, err
	}
	provider.Public = slices.AppendSeq(slices.Clone(provider.Public), maps.Keys(t.identity.variables))
	provider.Variables = maps.Clone(provider.Variables)
	maps.Copy(provider.Variables, t.identity.variables)
	provider.Variables[t.identity.handedAs] = token
	return provider, nil
}

func final(err error) error {
	if failure, ok := errors.AsType[*external.Error](err); ok && failure.Final() {
		return invalidSolver(failure)
	}
	return err
}
