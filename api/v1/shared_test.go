package v1

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/api"
)

func TestIssuerRefDefaults(t *testing.T) {
	for _, names := range []api.Names{api.DefaultNames(), mustNames(t, "cert-manager.io")} {
		for _, test := range []struct {
			name     string
			ref      IssuerRef
			want     IssuerRef
			external bool
			cluster  bool
		}{
			{
				name: "name only",
				ref:  IssuerRef{Name: "a"},
				want: IssuerRef{Name: "a", Kind: "Issuer", Group: names.Group},
			}, {
				name: "written out",
				ref:  IssuerRef{Name: "a", Kind: "Issuer", Group: names.Group},
				want: IssuerRef{Name: "a", Kind: "Issuer", Group: names.Group},
			}, {
				name:    "ClusterIssuer",
				ref:     IssuerRef{Name: "a", Kind: "ClusterIssuer"},
				want:    IssuerRef{Name: "a", Kind: "ClusterIssuer", Group: names.Group},
				cluster: true,
			}, {
				name:     "kind of another group",
				ref:      IssuerRef{Name: "a", Kind: "Widget", Group: "example.com"},
				want:     IssuerRef{Name: "a", Kind: "Widget", Group: "example.com"},
				external: true,
			}, {
				name:     "another group without a kind",
				ref:      IssuerRef{Name: "a", Group: "example.com"},
				want:     IssuerRef{Name: "a", Kind: "Issuer", Group: "example.com"},
				external: true,
			}, {
				name:     "ClusterIssuer of another group",
				ref:      IssuerRef{Name: "a", Kind: "ClusterIssuer", Group: "example.com"},
				want:     IssuerRef{Name: "a", Kind: "ClusterIssuer", Group: "example.com"},
				external: true,
			},
		} {
			t.Run(names.Group+"/"+test.name, func(t *testing.T) {
				if diff := cmp.Diff(test.want, test.ref.WithDefaults(names)); diff != "" {
					t.Errorf("WithDefaults (-want +got):\n%s", diff)
				}
				if got := test.ref.IsExternal(names); got != test.external {
					t.Errorf("IsExternal = %v", got)
				}
				if got := test.ref.IsCluster(names); got != test.cluster {
					t.Errorf("IsCluster = %v", got)
				}
				if !test.ref.SameAs(test.want, names) || !test.want.SameAs(test.ref, names) {
					t.Error("not the same as with defaults filled in")
				}
			})
		}
	}
}

func TestIssuerRefSameAsTellsApart(t *testing.T) {
	names := api.DefaultNames()
	ref := IssuerRef{Name: "a"}
	for _, other := range []IssuerRef{
		{Name: "b"},
		{Name: "a", Kind: "ClusterIssuer"},
		{Name: "a", Group: "example.com"},
	} {
		if ref.SameAs(other, names) {
			t.Errorf("%v is the same as %v", ref, other)
		}
	}
}

func mustNames(t *testing.T, group string) api.Names {
	t.Helper()
	names, err := api.NamesFor(group)
	if err != nil {
		t.Fatal(err)
	}
	return names
}
