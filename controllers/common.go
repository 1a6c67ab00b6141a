package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certwright/certwright/api"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/outcome"
)

// noTime is the recheck time of an object that only a change wakes.
var noTime time.Time

// timeFormat is how times stand in messages.
const timeFormat = time.RFC3339

func owner(kind string, name types.NamespacedName) kube.Owner {
	return kube.Owner{Kind: kind, NamespacedName: name}
}

// getIssuer reads an issuer of our own group that an object in namespace names. One that does not
// exist is a Wait, one of an unknown kind is Invalid.
func getIssuer(ctx context.Context, c *kube.Client, ref v1.IssuerRef, namespace string) (v1.GenericIssuer, error) {
	name := types.NamespacedName{Name: ref.Name}
	var issuer v1.GenericIssuer
	switch ref.Kind {
	case v1.IssuerKind:
		issuer, name.Namespace = &v1.Issuer{}, namespace
	case v1.ClusterIssuerKind:
		issuer = &v1.ClusterIssuer{}
	default:
		return nil, outcome.Invalidf(v1.ReasonInvalidSpec, "issuerRef.kind %q does not exist in group %s: write %s or %s",
			ref.Kind, ref.Group, v1.IssuerKind, v1.ClusterIssuerKind)
	}
	err := c.Get(ctx, name, issuer)
	if apierrors.IsNotFound(err) {
		return nil, outcome.WaitFor(v1.ReasonIssuerNotFound, "waiting for %s %q: it does not exist", ref.Kind, ref.Name)
	}
	return issuer, err
}

// secretOf names a Secret that an issuer names: in its own namespace, or in the cluster resource
// namespace for a ClusterIssuer, so that no tenant's issuer reaches another tenant's Secret.
func secretOf(issuer v1.GenericIssuer, clusterResourceNamespace, name string) types.NamespacedName {
	namespace := issuer.GetNamespace()
	if namespace == "" {
		namespace = clusterResourceNamespace
	}
	return types.NamespacedName{Namespace: namespace, Name: name}
}

// Approver says which requests this process approves: those whose signer name fits a pattern.
type Approver struct {
	Names api.Names
	// Patterns are signer names <plural>.<group>/<name>, where the name may be * and a lone * stands
	// for every issuer of a group that is not ours.
	Patterns []string
}

// Approves says whether requests for an issuer are approved here.
func (a Approver) Approves(ref v1.IssuerRef, namespace string) bool {
	ref = ref.WithDefaults(a.Names)
	if ref.IsExternal(a.Names) {
		return slices.Contains(a.Patterns, "*") || a.matchesGroup(ref)
	}
	prefix, name := "issuers."+a.Names.Group+"/", namespace+"."+ref.Name
	if ref.Kind == v1.ClusterIssuerKind {
		prefix, name = "clusterissuers."+a.Names.Group+"/", ref.Name
	}
	return slices.Contains(a.Patterns, prefix+name) || slices.Contains(a.Patterns, prefix+"*")
}

// matchesGroup looks for a pattern <anything>.<group>/* of an external issuer's group.
func (a Approver) matchesGroup(ref v1.IssuerRef) bool {
	return slices.ContainsFunc(a.Patterns, func(pattern string) bool {
		resource, name, _ := strings.Cut(pattern, "/")
		_, group, _ := strings.Cut(resource, ".")
		return name == "*" && group == ref.Group
	})
}

// Prefixes selects annotations by key: a prefix, * for all, or a prefix to leave out with a leading
// minus.
type Prefixes []string

// DefaultCopiedPrefixes leaves out what belongs to other tools.
func DefaultCopiedPrefixes() Prefixes {
	return Prefixes{"*", "-kubectl.kubernetes.io/", "-fluxcd.io/", "-argocd.argoproj.io/"}
}

// Select returns the annotations that the prefixes select. The map is the caller's own.
func (p Prefixes) Select(annotations map[string]string) map[string]string {
	selected := map[string]string{}
	for key, value := range annotations {
		if p.selects(key) {
			selected[key] = value
		}
	}
	return selected
}

func (p Prefixes) selects(key string) bool {
	chosen := false
	for _, prefix := range p {
		without, excluded := strings.CutPrefix(prefix, "-")
		switch {
		case excluded && strings.HasPrefix(key, without):
			return false
		case !excluded && (prefix == "*" || strings.HasPrefix(key, prefix)):
			chosen = true
		}
	}
	return chosen
}

// describeRef names an issuer in a message.
func describeRef(ref v1.IssuerRef) string {
	return fmt.Sprintf("%s %q", ref.Kind, ref.Name)
}
