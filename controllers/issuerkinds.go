package controllers

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/certwright/certwright/api"
	v1 "github.com/certwright/certwright/api/v1"
)

// maxIssuerKinds is how many entries the ConfigMap of issuer kinds has at most, whoever wrote them.
const maxIssuerKinds = 1000

// issuerKind is a kind of another program's issuers, as the cluster serves it.
type issuerKind struct {
	schema.GroupKind
	plural     string
	namespaced bool
}

// entry is what the policy reads: <Kind>.<group>, and <plural>,Namespaced or <plural>,Cluster. It is
// not ok if the policy would read something else.
func (k issuerKind) entry() (key, value string, ok bool) {
	scope := "Cluster"
	if k.namespaced {
		scope = "Namespaced"
	}
	ok = isIssuerKind(k.GroupKind) && len(validation.IsDNS1035Label(k.plural)) == 0
	return k.String(), k.plural + "," + scope, ok
}

// withIssuerKinds is the data of the ConfigMap that is wanted: data, and an entry for each served kind
// that has none, as far as there is room.
func withIssuerKinds(data map[string]string, served []issuerKind) map[string]string {
	wanted := maps.Clone(data)
	if wanted == nil {
		wanted = map[string]string{}
	}
	for _, kind := range served {
		key, value, ok := kind.entry()
		if _, entered := wanted[key]; ok && !entered && len(wanted) < maxIssuerKinds {
			wanted[key] = value
		}
	}
	return wanted
}

// withoutEntry are the kinds that may have an entry and have none, in order.
func withoutEntry(data map[string]string, named map[schema.GroupKind]bool) []schema.GroupKind {
	missing := slices.DeleteFunc(slices.Collect(maps.Keys(named)), func(kind schema.GroupKind) bool {
		_, entered := data[kind.String()]
		return entered || !isIssuerKind(kind)
	})
	slices.SortFunc(missing, func(a, b schema.GroupKind) int { return cmp.Compare(a.String(), b.String()) })
	return missing
}

func kindOf(ref v1.IssuerRef, names api.Names) schema.GroupKind {
	ref = ref.WithDefaults(names)
	return schema.GroupKind{Group: ref.Group, Kind: ref.Kind}
}

// kindName is what a CRD takes for the name of a kind.
var kindName = regexp.MustCompile(`^[A-Za-z]([-A-Za-z0-9]*[A-Za-z0-9])?$`)

// isIssuerKind says whether a kind and a group, which come from whoever may make a request, are names
// of such things, and together the key of a ConfigMap. A kind that ends in List holds objects of another
// kind and is no issuer.
func isIssuerKind(kind schema.GroupKind) bool {
	return len(kind.Kind) <= validation.DNS1035LabelMaxLength && kindName.MatchString(kind.Kind) &&
		!strings.HasSuffix(kind.Kind, "List") &&
		len(validation.IsDNS1123Subdomain(kind.Group)) == 0 && len(validation.IsConfigMapKey(kind.String())) == 0
}
