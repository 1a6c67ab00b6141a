package controllers

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/report"
	"github.com/certwright/certwright/internal/source"
)

// NewGatewayReconciler makes Certificates for Gateways, once api knows that there are such.
func NewGatewayReconciler(config *source.Config, c *kube.Client, events report.Events, api *GatewayAPI) *SourceReconciler {
	return &SourceReconciler{Config: config, Client: c, Events: events, kind: sourceKind{
		name:   source.GatewayKind,
		abroad: true,
		served: func() bool { return api.serves(gateways) },
		empty:  func() client.Object { return &gatewayv1.Gateway{} },
		plan: func(ctx context.Context, object client.Object) (source.Plan, error) {
			world, err := api.world(ctx, c.Cached)
			if err != nil {
				return source.Plan{}, err
			}
			return config.OfGateway(as[*gatewayv1.Gateway](object), world), nil
		},
		of: func(object client.Object) source.Source { return source.GatewaySource(as[*gatewayv1.Gateway](object)) },
	}}
}

// NewListenerSetReconciler makes Certificates for ListenerSets, once api knows that there are such.
func NewListenerSetReconciler(config *source.Config, c *kube.Client, events report.Events, api *GatewayAPI) *SourceReconciler {
	return &SourceReconciler{Config: config, Client: c, Events: events, kind: sourceKind{
		name:   source.ListenerSetKind,
		abroad: true,
		served: func() bool { return api.serves(listenerSets) },
		empty:  func() client.Object { return &gatewayv1.ListenerSet{} },
		plan: func(ctx context.Context, object client.Object) (source.Plan, error) {
			set := as[*gatewayv1.ListenerSet](object)
			world, err := api.world(ctx, c.Cached)
			if err != nil {
				return source.Plan{}, err
			}
			parent, err := api.parentOf(ctx, c.Cached, set)
			if err != nil {
				return source.Plan{}, err
			}
			return config.OfListenerSet(set, parent, world), nil
		},
		of: func(object client.Object) source.Source {
			return source.ListenerSetSource(as[*gatewayv1.ListenerSet](object))
		},
	}}
}

// parentOf is the Gateway that a ListenerSet belongs to, nil if there is none to be seen.
func (a *GatewayAPI) parentOf(ctx context.Context, reader client.Reader, set *gatewayv1.ListenerSet) (*gatewayv1.Gateway, error) {
	name, ok := source.ParentOf(set)
	if !ok || !a.serves(gateways) || !a.worksIn(name.Namespace) {
		return nil, nil
	}
	parent := &gatewayv1.Gateway{}
	err := reader.Get(ctx, name, parent)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parent, nil
}

// world is what Gateways and ListenerSets are seen with. What it holds belongs to the cache.
func (a *GatewayAPI) world(ctx context.Context, reader client.Reader) (*source.World, error) {
	world := &source.World{Namespaces: map[string]map[string]string{}}
	if a.serves(httpRoutes) {
		var routes gatewayv1.HTTPRouteList
		if err := reader.List(ctx, &routes, client.UnsafeDisableDeepCopy); err != nil {
			return nil, err
		}
		world.Routes = routes.Items
	}
	var err error
	if world.Grants, err = a.grants(ctx, reader); err != nil {
		return nil, err
	}
	namespaces := &metav1.PartialObjectMetadataList{}
	namespaces.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("NamespaceList"))
	if err := reader.List(ctx, namespaces, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	for i := range namespaces.Items {
		world.Namespaces[namespaces.Items[i].Name] = namespaces.Items[i].Labels
	}
	return world, nil
}

// grants are the ReferenceGrants, in whichever version there are such.
func (a *GatewayAPI) grants(ctx context.Context, reader client.Reader) ([]gatewayv1.ReferenceGrant, error) {
	switch {
	case a.serves(referenceGrants):
		var list gatewayv1.ReferenceGrantList
		err := reader.List(ctx, &list, client.UnsafeDisableDeepCopy)
		return list.Items, err
	case a.serves(referenceGrantsBeta):
		var list gatewayv1beta1.ReferenceGrantList
		err := reader.List(ctx, &list, client.UnsafeDisableDeepCopy)
		grants := make([]gatewayv1.ReferenceGrant, 0, len(list.Items))
		for i := range list.Items {
			grants = append(grants, gatewayv1.ReferenceGrant{ObjectMeta: list.Items[i].ObjectMeta, Spec: list.Items[i].Spec})
		}
		return grants, err
	default:
		return nil, nil
	}
}

// ofRoute are the Gateways or ListenerSets, by kind, that a route names as its parents.
func ofRoute(kind string, route *gatewayv1.HTTPRoute) []types.NamespacedName {
	var names []types.NamespacedName
	for _, ref := range route.Spec.ParentRefs {
		named, name := source.GatewayKind, types.NamespacedName{Namespace: route.Namespace, Name: string(ref.Name)}
		if ref.Kind != nil {
			named = string(*ref.Kind)
		}
		if ref.Namespace != nil {
			name.Namespace = string(*ref.Namespace)
		}
		if named == kind {
			names = append(names, name)
		}
	}
	return names
}
