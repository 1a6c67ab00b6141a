package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/certwright/certwright/api"
)

// Kinds of the base group.
const (
	CertificateKind           = "Certificate"
	CertificateRequestKind    = "CertificateRequest"
	CertificateRevocationKind = "CertificateRevocation"
	IssuerKind                = "Issuer"
	ClusterIssuerKind         = "ClusterIssuer"
)

// AddToScheme gives the function that registers the kinds of this package under names.GroupVersion. A
// scheme holds them under one group only.
func AddToScheme(names api.Names) func(*runtime.Scheme) error {
	return func(scheme *runtime.Scheme) error {
		scheme.AddKnownTypes(names.GroupVersion,
			&Certificate{}, &CertificateList{},
			&CertificateRequest{}, &CertificateRequestList{},
			&CertificateRevocation{}, &CertificateRevocationList{},
			&Issuer{}, &IssuerList{},
			&ClusterIssuer{}, &ClusterIssuerList{},
		)
		metav1.AddToGroupVersion(scheme, names.GroupVersion)
		return nil
	}
}
