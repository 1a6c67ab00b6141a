package source

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/certwright/certwright/api"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/issuance"
)

// Kinds of sources.
const (
	IngressKind     = "Ingress"
	GatewayKind     = "Gateway"
	ListenerSetKind = "ListenerSet"
)

// Reasons of what is told on a source.
const (
	// BadConfig means that something has to be edited before a certificate can be made.
	BadConfig = "BadConfig"
	// SkippedListenerAnnotation means that an annotation leaves a listener out.
	SkippedListenerAnnotation = "SkippedListenerAnnotation"
	// WaitingForRoutes means that a listener takes its names from routes, and that there is none yet.
	WaitingForRoutes = "WaitingForRoutes"
)

// Config is what the operator was told at its start.
type Config struct {
	Names api.Names
	// DefaultIssuer signs for an Ingress with an annotation of Auto, unless its name is empty.
	DefaultIssuer v1.IssuerRef
	// Auto are annotations that ask, with the value "true" on an Ingress, for a certificate of DefaultIssuer.
	Auto []string
	// Extra are the keys of annotations that go from a source to its Certificates.
	Extra []string
	// Namespaces are those that the operator works in; all if there are none.
	Namespaces []string
}

func (c *Config) worksIn(namespace string) bool {
	return len(c.Namespaces) == 0 || slices.Contains(c.Namespaces, namespace)
}

// Source is who asks for Certificates.
type Source struct {
	Group schema.GroupVersion
	Kind  string
	Meta  *metav1.ObjectMeta
}

// Key is what the marks on the Certificates of a source tell.
func (s Source) Key() string { return KeyOf(s.Kind, s.Meta.Namespace, s.Meta.Name) }

// KeyOf is the Key of the source with a kind and a name. None of the three can hold a slash.
func KeyOf(kind, namespace, name string) string { return kind + "/" + namespace + "/" + name }

// Plan is what a source asks for.
type Plan struct {
	// Claims are in the order of the source.
	Claims []Claim
	// Told is for people, to be read on the source.
	Told []Told
}

// Claim is a Certificate that a source asks for: one that is to be there as it stands here, or, with a Problem, one
// that is to stay as it is if it is there.
type Claim struct {
	types.NamespacedName
	Certificate *v1.Certificate
	Problem     string
}

// Told is a message about a source. Normal ones tell nothing that is wrong.
type Told struct {
	Reason, Message string
	Normal          bool
}

// tell tells what is to be edited, note what is worth knowing.
func (p *Plan) tell(format string, args ...any) {
	p.add(Told{Reason: BadConfig, Message: fmt.Sprintf(format, args...)})
}

func (p *Plan) note(reason, format string, args ...any) {
	p.add(Told{Reason: reason, Message: fmt.Sprintf(format, args...), Normal: true})
}

func (p *Plan) add(told Told) {
	if !slices.Contains(p.Told, told) {
		p.Told = append(p.Told, told)
	}
}

// wanted are the hosts that a source wants in each Secret, in the order in which it names the Secrets.
type wanted struct {
	order []types.NamespacedName
	hosts map[types.NamespacedName][]string
}

func (w *wanted) add(secret types.NamespacedName, hosts ...string) {
	if w.hosts == nil {
		w.hosts = map[types.NamespacedName][]string{}
	}
	if _, known := w.hosts[secret]; !known {
		w.order = append(w.order, secret)
	}
	w.hosts[secret] = append(w.hosts[secret], hosts...)
}

// claim makes a claim for each Secret: its Certificate is what the annotations say, with the hosts.
func (p *Plan) claim(asked *asked, w *wanted) {
	problem := asked.problem()
	for _, secret := range w.order {
		if len(validation.IsDNS1123Subdomain(secret.Name)) > 0 {
			// The API of Gateways takes such names.
			p.tell("%q is no name of a Secret: write lower case letters, digits, '-' and '.' only, beginning and ending with a letter or a digit", quoted(secret.Name))
			continue
		}
		claim := Claim{NamespacedName: secret, Problem: problem}
		if claim.Problem == "" {
			claim.Certificate, claim.Problem = asked.certificate(secret, w.hosts[secret])
		}
		if claim.Problem != "" {
			claim.Certificate = nil
			p.tell("%s", claim.Problem)
		}
		p.Claims = append(p.Claims, claim)
	}
}

// keep claims Certificates that nothing can be said about now: they stay as they are.
func (p *Plan) keep(w *wanted, problem string) {
	p.tell("%s", problem)
	for _, secret := range w.order {
		p.Claims = append(p.Claims, Claim{NamespacedName: secret, Problem: problem})
	}
}

// certificate is the one that belongs to a Secret.
func (a *asked) certificate(secret types.NamespacedName, hosts []string) (*v1.Certificate, string) {
	crt := a.template.DeepCopy()
	crt.Namespace, crt.Name, crt.Spec.SecretName = secret.Namespace, secret.Name, secret.Name
	crt.Annotations[a.config.Names.Annotation.Source] = api.SourceMark(a.source.Key(), secret.Namespace, secret.Name)
	if secret.Namespace == a.source.Meta.Namespace {
		crt.OwnerReferences = []metav1.OwnerReference{a.source.owner()}
	} else if problem := a.sendAbroad(crt); problem != "" {
		return nil, problem
	}
	var names, addresses []string
	for _, host := range hosts {
		if _, err := netip.ParseAddr(host); err == nil {
			addresses = append(addresses, host)
		} else {
			names = append(names, host)
		}
	}
	crt.Spec.DNSNames = unique(names, crt.Spec.DNSNames)
	crt.Spec.IPAddresses = unique(addresses, crt.Spec.IPAddresses)
	if count := len(crt.Spec.DNSNames); count > mostNames {
		return nil, fmt.Sprintf("Secret %q would need a certificate with %d DNS names, and %d is the most: use more than one Secret", secret.Name, count, mostNames)
	}
	if err := issuance.Validate(crt); err != nil {
		return nil, fmt.Sprintf("the certificate for Secret %q cannot be asked for: %s", secret.Name, quoted(err.Error()))
	}
	return crt, ""
}

// sendAbroad fits a Certificate for another namespace than its source's. A ReferenceGrant lets the source use a Secret
// there. It gives no right to the Issuers there, nor to put labels and annotations on what is there.
func (a *asked) sendAbroad(crt *v1.Certificate) (problem string) {
	keys := a.config.Names.Annotation
	switch {
	case !crt.Spec.IssuerRef.IsCluster(a.config.Names):
		return fmt.Sprintf("Secret %q is in another namespace, whose Issuers this %s may not use: name a ClusterIssuer by annotation %s",
			crt.Namespace+"/"+crt.Name, a.source.Kind, keys.ClusterIssuer)
	case crt.Spec.SecretTemplate != nil:
		return fmt.Sprintf("Secret %q is in another namespace, where annotation %s cannot be followed: remove it, or name a Secret in namespace %q",
			crt.Namespace+"/"+crt.Name, keys.SecretTemplate, a.source.Meta.Namespace)
	}
	crt.Labels = nil
	delete(crt.Annotations, keys.SourceLabels)
	for _, key := range a.config.Extra {
		delete(crt.Annotations, key)
	}
	return ""
}

// mostNames is what the API accepts of names of one kind.
const mostNames = 1000

// unique joins lists and leaves out what is there before.
func unique(lists ...[]string) []string {
	var result []string
	seen := map[string]bool{}
	for _, list := range lists {
		for _, value := range list {
			if !seen[value] {
				seen[value] = true
				result = append(result, value)
			}
		}
	}
	return result
}

// owner is the reference that has a Certificate deleted with its source. It does not block the source's deletion,
// which would need a right on the source.
func (s Source) owner() metav1.OwnerReference {
	yes := true
	return metav1.OwnerReference{
		APIVersion: s.Group.String(), Kind: s.Kind, Name: s.Meta.Name, UID: s.Meta.UID, Controller: &yes,
	}
}

// ParseKey is the name in a Key, with ok false if it is not that of a source of the kind.
func ParseKey(key, kind string) (name types.NamespacedName, ok bool) {
	parts := strings.Split(key, "/")
	if len(parts) != 3 || parts[0] != kind || parts[1] == "" || parts[2] == "" {
		return types.NamespacedName{}, false
	}
	return types.NamespacedName{Namespace: parts[1], Name: parts[2]}, true
}
