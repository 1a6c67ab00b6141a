package kube

import (
	"unique"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/certwright/certwright/api/v1"
)

// Shrink drops what no reconciler reads before an object reaches a cache, and keeps one copy of the words that
// thousands of objects share. Who writes a cached object back writes its status or its finalizers only, or an object
// of a kind of which nothing is dropped that the API server does not keep by itself: a Secret, a Certificate, an
// Ingress, whatever is of the Gateway API.
func Shrink(object any) (any, error) {
	accessor, err := meta.Accessor(object)
	if err != nil {
		// What a watch tells of a deletion that it missed is no object.
		return object, nil //nolint:nilerr // and needs no room
	}
	accessor.SetManagedFields(nil)
	accessor.SetNamespace(shared(accessor.GetNamespace()))
	accessor.SetLabels(withSharedKeys(accessor.GetLabels()))
	accessor.SetAnnotations(withSharedKeys(accessor.GetAnnotations()))
	shareOwners(accessor.GetOwnerReferences())
	switch object := object.(type) {
	case *v1.CertificateRequest:
		// The admission policies have looked at who asked.
		object.Spec.Username, object.Spec.UID, object.Spec.Groups, object.Spec.Extra = "", "", nil, nil
		shareIssuer(&object.Spec.IssuerRef)
		shareConditions(object.Status.Conditions)
	case *v1.Certificate:
		shareIssuer(&object.Spec.IssuerRef)
		shareConditions(object.Status.Conditions)
	}
	return object, nil
}

// shared is the one copy of a word that many objects have.
func shared(word string) string { return unique.Make(word).Value() }

// withSharedKeys shares the keys: the values are mostly names that nothing else has.
func withSharedKeys(from map[string]string) map[string]string {
	if len(from) == 0 {
		return nil
	}
	to := make(map[string]string, len(from))
	for key, value := range from {
		to[shared(key)] = value
	}
	return to
}

func shareOwners(owners []metav1.OwnerReference) {
	for i := range owners {
		owners[i].APIVersion, owners[i].Kind = shared(owners[i].APIVersion), shared(owners[i].Kind)
	}
}

func shareIssuer(ref *v1.IssuerRef) {
	ref.Name, ref.Kind, ref.Group = shared(ref.Name), shared(ref.Kind), shared(ref.Group)
}

// shareConditions shares the messages too: nearly all of them are the same few sentences.
func shareConditions(conditions []v1.Condition) {
	for i := range conditions {
		c := &conditions[i]
		c.Type, c.Status, c.Reason, c.Message = shared(c.Type), metav1.ConditionStatus(shared(string(c.Status))), shared(c.Reason), shared(c.Message)
	}
}
