package controllers

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certwright/certwright/internal/source"
)

// A message is told when it is new, and again only after it was not so for a while.
func TestToldOnce(t *testing.T) {
	name, other := types.NamespacedName{Name: "web"}, types.NamespacedName{Name: "other"}
	a, b := source.Told{Reason: "A"}, source.Told{Reason: "B"}
	var memory toldMemory
	for i, step := range []struct {
		name      types.NamespacedName
		now, news []source.Told
	}{
		{name, []source.Told{a}, []source.Told{a}},
		{name, []source.Told{a}, nil},
		{other, []source.Told{a}, []source.Told{a}},
		{name, []source.Told{b, a}, []source.Told{b}},
		{name, nil, nil},
		{name, []source.Told{a}, []source.Told{a}},
	} {
		if got := memory.news(step.name, step.now); len(got)+len(step.news) > 0 && !cmp.Equal(got, step.news) {
			t.Errorf("step %d: told %+v, want %+v", i, got, step.news)
		}
	}
	memory.forget(name)
	memory.forget(other)
	if len(memory.byName) > 0 {
		t.Errorf("remembered for nothing: %+v", memory.byName)
	}
}

// A kind is watched as soon as it is found, and gone when it was missing twice in a row.
func TestKindsAreMissingTwice(t *testing.T) {
	a := &GatewayAPI{missing: map[part]bool{}}
	var before []part
	for i, step := range []struct{ found, now []part }{
		{nil, nil},
		{[]part{gateways, httpRoutes}, []part{gateways, httpRoutes}},
		{[]part{gateways}, []part{gateways, httpRoutes}},
		{[]part{gateways, httpRoutes}, []part{gateways, httpRoutes}},
		{[]part{gateways}, []part{gateways, httpRoutes}},
		{[]part{gateways}, []part{gateways}},
		{nil, []part{gateways}},
		{nil, nil},
		{[]part{gateways}, []part{gateways}},
		{nil, []part{gateways}},
	} {
		before = a.confirm(before, step.found)
		if len(before)+len(step.now) > 0 && !cmp.Equal(before, step.now) {
			t.Errorf("step %d: %v, want %v", i, before, step.now)
		}
	}
}

// What the first look finds is believed where nothing that Certificates come of is missing, or where it is missing twice.
func TestFirstLook(t *testing.T) {
	some, more, all := []part{gateways}, []part{gateways, httpRoutes}, []part{gateways, httpRoutes, referenceGrantsBeta}
	for name, looks := range map[string][]struct {
		found    []part
		doubtful bool
	}{
		"no Gateway API":       {{nil, false}},
		"all of it":            {{all, false}},
		"a server that starts": {{some, true}, {more, true}, {all, false}},
		"a part for good":      {{more, true}, {more, false}},
	} {
		a := &GatewayAPI{}
		for i, look := range looks {
			if got := a.isDoubtful(look.found); got != look.doubtful {
				t.Errorf("%s: doubtful at look %d: %v", name, i, got)
			}
		}
	}
	a := &GatewayAPI{}
	a.parts.Store(&[]part{gateways})
	if a.isDoubtful(more) {
		t.Error("a kind that comes later is doubted")
	}
}
