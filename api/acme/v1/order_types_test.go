package v1

import (
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certwright/certwright/api"
)

func TestStates(t *testing.T) {
	for _, test := range []struct {
		state          State
		final, failure bool
	}{
		{state: ""},
		{state: Pending},
		{state: Ready},
		{state: Processing},
		{state: Valid, final: true},
		{state: Invalid, final: true, failure: true},
		{state: Expired, final: true, failure: true},
		{state: Errored, final: true, failure: true},
	} {
		if got := test.state.IsFinal(); got != test.final {
			t.Errorf("%q: IsFinal = %v", test.state, got)
		}
		if got := test.state.IsFailure(); got != test.failure {
			t.Errorf("%q: IsFailure = %v", test.state, got)
		}
	}
}

func TestAddToSchemeServesTheACMEGroup(t *testing.T) {
	names, err := api.NamesFor("cert-manager.io")
	if err != nil {
		t.Fatal(err)
	}
	scheme := runtime.NewScheme()
	if err := AddToScheme(names)(scheme); err != nil {
		t.Fatal(err)
	}
	for kind, object := range map[string]runtime.Object{OrderKind: &Order{}, OrderKind + "List": &OrderList{}} {
		got, _, err := scheme.ObjectKinds(object)
		if err != nil {
			t.Fatal(err)
		}
		want := schema.GroupVersionKind{Group: "acme.cert-manager.io", Version: "v1", Kind: kind}
		if len(got) != 1 || got[0] != want {
			t.Errorf("%T is %v, want %v", object, got, want)
		}
	}
}
