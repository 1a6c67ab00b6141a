package testkit

import (
	"context"
	"fmt"
	"slices"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
)

const (
	servedWithin = 30 * time.Second
	servedPause  = 50 * time.Millisecond
)

// awaitServed waits until every kind is in what clients learn the kinds by. That comes a moment after the API server
// says that a CRD is established.
func awaitServed(cfg *rest.Config, crds []*apiextensionsv1.CustomResourceDefinition) error {
	client, err := discovery.NewDiscoveryClientForConfig(cfg)
	if err != nil {
		return err
	}
	var missing string
	err = wait.PollUntilContextTimeout(context.Background(), servedPause, servedWithin, true, func(context.Context) (bool, error) {
		missing = unserved(client, crds)
		return missing == "", nil
	})
	if err != nil {
		return fmt.Errorf("testkit: waiting until every kind is served: %s: %w", missing, err)
	}
	return nil
}

// unserved says what is missing, empty if nothing is.
func unserved(client discovery.DiscoveryInterface, crds []*apiextensionsv1.CustomResourceDefinition) string {
	_, lists, err := client.ServerGroupsAndResources()
	if err != nil {
		return err.Error()
	}
	for _, crd := range crds {
		if !isServed(lists, crd) {
			return crd.Name
		}
	}
	return ""
}

func isServed(lists []*metav1.APIResourceList, crd *apiextensionsv1.CustomResourceDefinition) bool {
	groupVersion := crd.Spec.Group + "/" + crd.Spec.Versions[0].Name
	return slices.ContainsFunc(lists, func(list *metav1.APIResourceList) bool {
		return list.GroupVersion == groupVersion && slices.ContainsFunc(list.APIResources, func(resource metav1.APIResource) bool {
			return resource.Kind == crd.Spec.Names.Kind
		})
	})
}
