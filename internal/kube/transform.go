package kube

import "k8s.io/apimachinery/pkg/api/meta"

// stripManagedFields drops what no reconciler reads before it reaches a cache.
func stripManagedFields(object any) (any, error) {
	if accessor, err := meta.Accessor(object); err == nil {
		accessor.SetManagedFields(nil)
	}
	return object, nil
}
