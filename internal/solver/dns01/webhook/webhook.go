// Package webhook writes records through a program that serves an aggregated API: the contract of the incumbent's
// webhook solvers, so that those which exist work unchanged. The API server is asked, and passes the request on.
//
// The solver package imports it.
package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/rest"

	"github.com/certwright/certwright/api"
	"github.com/certwright/certwright/internal/solver/dns01"
)

const (
	// version is that of the API which such programs serve, under a group of their own.
	version = "v1alpha1"
	// maxAnswer bounds what is read of an answer, in bytes.
	maxAnswer = 1 << 20

	actionPresent = "Present"
	actionCleanUp = "CleanUp"
)

// Payload is what is sent, and what comes back with Response set.
type Payload struct {
	metav1.TypeMeta `json:",inline"`
	Request         *Request  `json:"request,omitempty"`
	Response        *Response `json:"response,omitempty"`
}

// Request is a record to write or to remove.
type Request struct {
	// UID is the same in the answer.
	UID types.UID `json:"uid"`
	// Action is Present or CleanUp.
	Action string `json:"action"`
	// Type is always dns-01.
	Type string `json:"type"`
	// DNSName is the name to prove control of, without "*.".
	DNSName string `json:"dnsName"`
	// Key is the value of the record.
	Key string `json:"key"`
	// ResourceNamespace is where the Secrets are that the configuration names.
	ResourceNamespace string `json:"resourceNamespace"`
	// ResolvedFQDN is the name of the record and ResolvedZone the zone that it is in, both with the final dot.
	ResolvedFQDN string `json:"resolvedFQDN,omitempty"`
	ResolvedZone string `json:"resolvedZone,omitempty"`
	// AllowAmbientCredentials lets the program use what it finds around it, such as a cloud's metadata service.
	AllowAmbientCredentials bool `json:"allowAmbientCredentials"`
	// Config is the issuer's, as it is.
	Config json.RawMessage `json:"config,omitempty"`
}

// Response says whether it was done.
type Response struct {
	UID     types.UID      `json:"uid"`
	Success bool           `json:"success"`
	Status  *metav1.Status `json:"status,omitempty"`
}

// Provider asks one program for one challenge.
type Provider struct {
	// Client asks the API server.
	Client rest.Interface
	// Group and Solver are the program's API group and the resource in it.
	Group, Solver string
	// UID is that of the order.
	UID types.UID
	// DNSName is the name to prove control of.
	DNSName string
	// Namespace is where the Secrets are that the configuration names.
	Namespace string
	// Zone finds the zone of a name.
	Zone func(ctx context.Context, fqdn string) (string, error)
	// Ambient lets the program use what it finds around it.
	Ambient bool
	// Config is the issuer's; nil for none.
	Config *runtime.RawExtension
}

var _ dns01.Provider = (*Provider)(nil)

// Validate refuses names that would lead elsewhere than to an API that a program serves.
func (p *Provider) Validate() error {
	if problems := validation.IsDNS1123Subdomain(p.Group); len(problems) > 0 || !strings.Contains(p.Group, ".") {
		return fmt.Errorf("groupName %q is no API group: write that of the webhook solver, such as acme.example.com", p.Group)
	}
	if problems := validation.IsDNS1123Label(p.Solver); len(problems) > 0 {
		return fmt.Errorf("solverName %q is no resource: write the name that the webhook solver gives itself", p.Solver)
	}
	return nil
}

// Present implements dns01.Provider.
func (p *Provider) Present(ctx context.Context, record dns01.Record) error {
	return p.ask(ctx, actionPresent, record)
}

// CleanUp implements dns01.Provider.
func (p *Provider) CleanUp(ctx context.Context, record dns01.Record) error {
	return p.ask(ctx, actionCleanUp, record)
}

func (p *Provider) ask(ctx context.Context, action string, record dns01.Record) error {
	if err := errors.Join(p.Validate(), record.Validate()); err != nil {
		return err
	}
	zone, err := p.Zone(ctx, record.FQDN)
	if err != nil {
		return err
	}
	request := &Request{
		UID: p.UID, Action: action, Type: "dns-01", DNSName: p.DNSName, Key: record.Value, ResourceNamespace: p.Namespace,
		ResolvedFQDN: record.FQDN, ResolvedZone: zone, AllowAmbientCredentials: p.Ambient,
	}
	if p.Config != nil {
		request.Config = p.Config.Raw
	}
	body, err := json.Marshal(Payload{
		TypeMeta: metav1.TypeMeta{APIVersion: api.WebhookPayloadVersion, Kind: "ChallengePayload"}, Request: request,
	})
	if err != nil {
		return err
	}
	// The client would sleep for as long as an answer says, ten times: the order comes back by itself.
	answer, err := p.Client.Post().AbsPath("/apis", p.Group, version, p.Solver).MaxRetries(0).
		SetHeader("Content-Type", runtime.ContentTypeJSON).SetHeader("Accept", runtime.ContentTypeJSON).Body(body).Stream(ctx)
	if err != nil {
		return p.refused(err)
	}
	defer func() { _ = answer.Close() }() // It was only read from.
	return p.understand(io.LimitReader(answer, maxAnswer), request.UID)
}

// refused says who has to do what where the API server did not pass the request on.
func (p *Provider) refused(err error) error {
	switch {
	case apierrors.IsNotFound(err):
		return fmt.Errorf("the API server knows no %s in API group %s: install the webhook solver, or mend the issuer's groupName and solverName", p.Solver, p.Group)
	case apierrors.IsForbidden(err):
		return fmt.Errorf("the operator may not create %s in API group %s: bind a role that allows it to the operator's ServiceAccount", p.Solver, p.Group)
	default:
		return fmt.Errorf("webhook solver %s.%s: %w", p.Solver, p.Group, err)
	}
}

func (p *Provider) understand(answer io.Reader, uid types.UID) error {
	var payload Payload
	if err := json.NewDecoder(answer).Decode(&payload); err != nil {
		return fmt.Errorf("webhook solver %s.%s: its answer is no ChallengePayload", p.Solver, p.Group)
	}
	response := payload.Response
	switch {
	case response == nil:
		return fmt.Errorf("webhook solver %s.%s: its answer has no response", p.Solver, p.Group)
	case response.UID != "" && response.UID != uid:
		return fmt.Errorf("webhook solver %s.%s: its answer is for another request", p.Solver, p.Group)
	case response.Success:
		return nil
	case response.Status != nil && response.Status.Message != "":
		return fmt.Errorf("webhook solver %s.%s: %w", p.Solver, p.Group, errors.New(bounded(response.Status.Message)))
	default:
		return fmt.Errorf("webhook solver %s.%s: it failed and did not say why", p.Solver, p.Group)
	}
}

// longestMessage bounds what is passed on of a program's own words, in bytes.
const longestMessage = 512

func bounded(text string) string {
	clean := []rune{}
	for _, c := range text {
		if c < ' ' {
			c = ' '
		}
		clean = append(clean, c)
		if len(clean) == longestMessage {
			return string(clean) + "…"
		}
	}
	return string(clean)
}
