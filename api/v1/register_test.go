package v1

import (
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certwright/certwright/api"
)

func TestAddToSchemeServesOneGroup(t *testing.T) {
	for _, names := range []api.Names{api.DefaultNames(), mustNames(t, "cert-manager.io")} {
		t.Run(names.Group, func(t *testing.T) {
			scheme := runtime.NewScheme()
			if err := AddToScheme(names)(scheme); err != nil {
				t.Fatal(err)
			}
			for kind, object := range map[string]runtime.Object{
				CertificateKind:                 &Certificate{},
				CertificateKind + "List":        &CertificateList{},
				CertificateRequestKind:          &CertificateRequest{},
				CertificateRequestKind + "List": &CertificateRequestList{},
				IssuerKind:                      &Issuer{},
				IssuerKind + "List":             &IssuerList{},
				ClusterIssuerKind:               &ClusterIssuer{},
				ClusterIssuerKind + "List":      &ClusterIssuerList{},
			} {
				got, _, err := scheme.ObjectKinds(object)
				if err != nil {
					t.Fatal(err)
				}
				want := schema.GroupVersionKind{Group: names.Group, Version: "v1", Kind: kind}
				if len(got) != 1 || got[0] != want {
					t.Errorf("%T is %v, want %v", object, got, want)
				}
			}
		})
	}
}

func TestGenericIssuerGivesItsOwnSpecAndStatus(t *testing.T) {
	for _, issuer := range []GenericIssuer{&Issuer{}, &ClusterIssuer{}} {
		issuer.GetSpec().SelfSigned = &SelfSignedIssuer{}
		issuer.GetStatus().Conditions = []Condition{{Type: ConditionReady}}
		again := issuer.DeepCopyObject().(GenericIssuer)
		if again.GetSpec().SelfSigned == nil || len(again.GetStatus().Conditions) != 1 {
			t.Errorf("%T does not keep what is written through it", issuer)
		}
	}
}
