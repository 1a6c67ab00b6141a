package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/certwright/certwright/api"
)

// OrderKind is the kind of the acme group.
const OrderKind = "Order"

// AddToScheme gives the function that registers the kinds of this package under names.ACMEGroupVersion. A
// scheme holds them under one group only.
func AddToScheme(names api.Names) func(*runtime.Scheme) error {
	return func(scheme *runtime.Scheme) error {
		scheme.AddKnownTypes(names.ACMEGroupVersion, &Order{}, &OrderList{})
		metav1.AddToGroupVersion(scheme, names.ACMEGroupVersion)
		return nil
	}
}
