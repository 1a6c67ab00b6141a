package controllers

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/restmapper"

	"github.com/certwright/certwright/internal/kube"
)

func issuerKindNamed(kind, plural string, namespaced bool) issuerKind {
	return issuerKind{GroupKind: schema.GroupKind{Group: "example.com", Kind: kind}, plural: plural, namespaced: namespaced}
}

func entries(n int) map[string]string {
	data := map[string]string{}
	for i := range n {
		data[fmt.Sprintf("Kind%d.example.org", i)] = "kinds,Cluster"
	}
	return data
}

func with(data map[string]string, key, value string) map[string]string {
	data = maps.Clone(data)
	data[key] = value
	return data
}

func TestWithIssuerKinds(t *testing.T) {
	widget, gadget := issuerKindNamed("Widget", "widgets", true), issuerKindNamed("ClusterGadget", "clustergadgets", false)
	for name, test := range map[string]struct {
		data   map[string]string
		served []issuerKind
		want   map[string]string
	}{
		"there is nothing to add":         {nil, nil, map[string]string{}},
		"a kind without an entry gets it": {nil, []issuerKind{widget}, map[string]string{"Widget.example.com": "widgets,Namespaced"}},
		"a cluster-wide kind says so":     {nil, []issuerKind{gadget}, map[string]string{"ClusterGadget.example.com": "clustergadgets,Cluster"}},
		"an entry of somebody else stays as it is, and so does what is no entry": {
			map[string]string{"Widget.example.com": "gizmos,Cluster", "note": "keep"},
			[]issuerKind{widget, gadget},
			map[string]string{"Widget.example.com": "gizmos,Cluster", "note": "keep", "ClusterGadget.example.com": "clustergadgets,Cluster"},
		},
		"the last free place is used, in order": {
			entries(maxIssuerKinds - 1), []issuerKind{widget, gadget},
			with(entries(maxIssuerKinds-1), "Widget.example.com", "widgets,Namespaced"),
		},
		"a full map stays": {entries(maxIssuerKinds), []issuerKind{widget}, entries(maxIssuerKinds)},
		"a resource that the policy would read as something else is no entry": {
			nil, []issuerKind{issuerKindNamed("Widget", "widgets,Cluster", true), issuerKindNamed("Gizmo", "", true)}, map[string]string{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := maps.Clone(test.data)
			if diff := cmp.Diff(test.want, withIssuerKinds(test.data, test.served)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff(before, test.data); diff != "" {
				t.Errorf("the map that was given is another now:\n%s", diff)
			}
		})
	}
}

func TestWithoutEntry(t *testing.T) {
	label := strings.Repeat("a", 63)
	for name, test := range map[string]struct {
		kind schema.GroupKind
		want bool
	}{
		"a kind":                              {schema.GroupKind{Group: "example.com", Kind: "Widget"}, true},
		"a kind of a group of one label":      {schema.GroupKind{Group: "batch", Kind: "Job"}, true},
		"a kind with a dash":                  {schema.GroupKind{Group: "example.com", Kind: "My-Widget"}, true},
		"a kind that has an entry":            {schema.GroupKind{Group: "example.com", Kind: "Entered"}, false},
		"no kind":                             {schema.GroupKind{Group: "example.com"}, false},
		"no group":                            {schema.GroupKind{Kind: "Widget"}, false},
		"a list":                              {schema.GroupKind{Group: "example.com", Kind: "WidgetList"}, false},
		"a kind with a dot, as of a subgroup": {schema.GroupKind{Group: "example.com", Kind: "Widget.sub"}, false},
		"a kind that begins with a digit":     {schema.GroupKind{Group: "example.com", Kind: "1Widget"}, false},
		"a kind that ends with a dash":        {schema.GroupKind{Group: "example.com", Kind: "Widget-"}, false},
		"a kind that is ASCII in lower case":  {schema.GroupKind{Group: "example.com", Kind: "\u212aind"}, false},
		"a kind with a line after it":         {schema.GroupKind{Group: "example.com", Kind: "Widget\n"}, false},
		"a kind that is too long":             {schema.GroupKind{Group: "example.com", Kind: label + "a"}, false},
		"a group in capitals":                 {schema.GroupKind{Group: "Example.com", Kind: "Widget"}, false},
		"a group with a path":                 {schema.GroupKind{Group: "example.com/v1", Kind: "Widget"}, false},
		"a group with an empty label":         {schema.GroupKind{Group: "example..com", Kind: "Widget"}, false},
		"names that are too long for one key": {schema.GroupKind{Group: strings.Join([]string{label, label, label, "a"}, "."), Kind: label}, false},
	} {
		t.Run(name, func(t *testing.T) {
			missing := withoutEntry(map[string]string{"Entered.example.com": ""}, map[schema.GroupKind]bool{test.kind: true})
			if got := len(missing) == 1; got != test.want {
				t.Errorf("may have an entry: %v", got)
			}
		})
	}
	got := withoutEntry(nil, map[schema.GroupKind]bool{
		{Group: "b.example.com", Kind: "A"}: true, {Group: "a.example.com", Kind: "B"}: true, {Group: "a.example.com", Kind: "A"}: true,
	})
	want := []schema.GroupKind{{Group: "a.example.com", Kind: "A"}, {Group: "b.example.com", Kind: "A"}, {Group: "a.example.com", Kind: "B"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// FuzzIssuerKind checks that what comes from requests is, once let through, a key that the policy reads back.
func FuzzIssuerKind(f *testing.F) {
	f.Add("Widget", "example.com", "widgets")
	f.Add("\u212aind", "example.com", "kinds")
	f.Add("Widget.sub", "example.com", "widgets,Cluster")
	f.Fuzz(func(t *testing.T, kind, group, plural string) {
		key, value, ok := issuerKind{GroupKind: schema.GroupKind{Group: group, Kind: kind}, plural: plural, namespaced: true}.entry()
		if !ok {
			return
		}
		if problems := validation.IsConfigMapKey(key); len(problems) > 0 {
			t.Errorf("%q is no key: %v", key, problems)
		}
		if readKind, readGroup, _ := strings.Cut(key, "."); readKind != kind || readGroup != group {
			t.Errorf("%q is read as %q of %q", key, readKind, readGroup)
		}
		if parts := strings.Split(value, ","); len(parts) != 2 || parts[0] != plural || parts[1] != "Namespaced" {
			t.Errorf("%q is read as %q", value, parts)
		}
		// A signer's name is <plural>.<group>/<name>.
		if strings.ContainsAny(plural+group, "/*") {
			t.Errorf("%q of %q would be another signer", plural, group)
		}
	})
}

// lookups counts what a mapper is asked.
type lookups struct {
	meta.RESTMapper
	asked map[schema.GroupKind]int
	err   error
}

func (l *lookups) RESTMapping(kind schema.GroupKind, versions ...string) (*meta.RESTMapping, error) {
	l.asked[kind]++
	if l.err != nil {
		return nil, l.err
	}
	return l.RESTMapper.RESTMapping(kind, versions...)
}

// newLookups is a mapper of a cluster that serves these kinds of example.com, as client-go makes it of discovery.
func newLookups(served ...issuerKind) *lookups {
	version := metav1.GroupVersionForDiscovery{GroupVersion: "example.com/v1", Version: "v1"}
	group := &restmapper.APIGroupResources{
		Group:              metav1.APIGroup{Name: "example.com", Versions: []metav1.GroupVersionForDiscovery{version}, PreferredVersion: version},
		VersionedResources: map[string][]metav1.APIResource{},
	}
	for _, kind := range served {
		group.VersionedResources["v1"] = append(group.VersionedResources["v1"], metav1.APIResource{
			Name: kind.plural, SingularName: strings.ToLower(kind.Kind), Kind: kind.Kind, Namespaced: kind.namespaced,
		})
	}
	return &lookups{RESTMapper: restmapper.NewDiscoveryRESTMapper([]*restmapper.APIGroupResources{group}), asked: map[schema.GroupKind]int{}}
}

func keeper(mapper meta.RESTMapper, now time.Time) *IssuerKindsReconciler {
	return &IssuerKindsReconciler{Mapper: mapper, Client: &kube.Client{Now: func() time.Time { return now }}}
}

func TestLookUpFindsWhatIsServed(t *testing.T) {
	widget, gadget := issuerKindNamed("Widget", "widgets", true), issuerKindNamed("ClusterGadget", "clustergadgets", false)
	missing := []schema.GroupKind{gadget.GroupKind, widget.GroupKind, {Group: "example.com", Kind: "widget"}, {Group: "other.example.com", Kind: "Widget"}}
	served, recheck, err := keeper(newLookups(widget, gadget), time.Time{}).lookUp(missing)
	if diff := cmp.Diff([]issuerKind{gadget, widget}, served, cmp.AllowUnexported(issuerKind{})); diff != "" || err != nil || !recheck.IsZero() {
		t.Errorf("recheck %v, error %v, -want +got:\n%s", recheck, err, diff)
	}
}

func TestLookUpAsksOnceForAKindThatIsNotServed(t *testing.T) {
	kind := schema.GroupKind{Group: "example.com", Kind: "Unknown"}
	mapper := newLookups()
	r := keeper(mapper, time.Time{})
	look := func(want int) {
		t.Helper()
		if _, _, err := r.lookUp([]schema.GroupKind{kind}); err != nil || mapper.asked[kind] != want {
			t.Errorf("asked %d times instead of %d, error %v", mapper.asked[kind], want, err)
		}
	}
	look(1)
	look(1)
	r.asked.forget(kind)
	look(2)
	r.asked.keep(map[schema.GroupKind]bool{kind: true})
	look(2)
	r.asked.keep(nil)
	look(3)
}

// A request that names a kind while it is looked up may come after its CRD: its turn must not be lost.
func TestLookUpSeesARequestThatComesMeanwhile(t *testing.T) {
	kind := schema.GroupKind{Group: "example.com", Kind: "Unknown"}
	var asked askedKinds
	asked.begin(kind)
	asked.forget(kind)
	if !asked.begin(kind) {
		t.Error("the kind is not looked up again")
	}
}

func TestLookUpTriesAgainAfterAnError(t *testing.T) {
	widget := issuerKindNamed("Widget", "widgets", true)
	mapper := newLookups(widget)
	r := keeper(mapper, time.Time{})
	mapper.err = errors.New("discovery is down")
	if served, _, err := r.lookUp([]schema.GroupKind{widget.GroupKind}); len(served) > 0 || !errors.Is(err, mapper.err) {
		t.Errorf("got %v, %v", served, err)
	}
	mapper.err = nil
	if served, _, err := r.lookUp([]schema.GroupKind{widget.GroupKind}); len(served) != 1 || err != nil {
		t.Errorf("got %v, %v", served, err)
	}
}

func TestLookUpSpreadsManyKinds(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	mapper := newLookups()
	r := keeper(mapper, now)
	missing := make([]schema.GroupKind, 2*maxLookups)
	for i := range missing {
		missing[i] = schema.GroupKind{Group: "example.com", Kind: fmt.Sprintf("Unknown%d", i)}
	}
	for pass, wantRecheck := range []time.Time{now.Add(lookupPause), {}, {}} {
		_, recheck, err := r.lookUp(missing)
		if want := min((pass+1)*maxLookups, len(missing)); len(mapper.asked) != want || !recheck.Equal(wantRecheck) || err != nil {
			t.Errorf("pass %d: %d kinds asked instead of %d, recheck %v, error %v", pass, len(mapper.asked), want, recheck, err)
		}
	}
}

// Where nothing can be added, nothing is even read.
func TestNothingIsMissingWhereNothingCanBeAdded(t *testing.T) {
	yes := true
	for name, kept := range map[string]*corev1.ConfigMap{
		"the map is full":      {Data: entries(maxIssuerKinds)},
		"the map is immutable": {Immutable: &yes},
	} {
		missing, err := (&IssuerKindsReconciler{}).missing(t.Context(), kept)
		if len(missing) > 0 || err != nil {
			t.Errorf("%s: got %v, %v", name, missing, err)
		}
	}
}
