package kube

import (
	"context"
	"encoding/json"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/internal/rollout"
)

// IndexUsedSecret finds Deployments, StatefulSets and DaemonSets by the Secrets that their pods read.
const IndexUsedSecret = "usedSecret"

// AddWorkloadIndexes declares the indexes of workloads. It starts their watches.
func AddWorkloadIndexes(ctx context.Context, indexer client.FieldIndexer) error {
	for _, workload := range []client.Object{&appsv1.Deployment{}, &appsv1.StatefulSet{}, &appsv1.DaemonSet{}} {
		err := indexer.IndexField(ctx, workload, IndexUsedSecret, func(object client.Object) []string {
			if template := podTemplate(object); template != nil {
				return rollout.Uses(&template.Spec)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// podTemplate is the pod template of a Deployment, StatefulSet or DaemonSet, nil for any other object.
func podTemplate(object any) *corev1.PodTemplateSpec {
	switch workload := object.(type) {
	case *appsv1.Deployment:
		return &workload.Spec.Template
	case *appsv1.StatefulSet:
		return &workload.Spec.Template
	case *appsv1.DaemonSet:
		return &workload.Spec.Template
	default:
		return nil
	}
}

// UsedSecrets are the names of the Secrets that the pods of a Deployment, StatefulSet or DaemonSet read, in order.
func UsedSecrets(workload client.Object) []string {
	template := podTemplate(workload)
	if template == nil {
		return nil
	}
	return rollout.Uses(&template.Spec)
}

// ReduceWorkload gives a transform for the cache that keeps of a Deployment, StatefulSet or DaemonSet what its
// restart is decided on: who it is, one annotation, the names of the Secrets that its pods read, and what can hold
// a restart up. Such an object must never be written: write by Annotate.
func ReduceWorkload(annotation string) func(any) (any, error) {
	return func(object any) (any, error) {
		template := podTemplate(object)
		if template == nil {
			return object, nil
		}
		pod := corev1.PodTemplateSpec{Spec: rollout.Reduced(&template.Spec)}
		switch workload := object.(type) {
		case *appsv1.Deployment:
			workload.ObjectMeta = reducedMeta(&workload.ObjectMeta, annotation)
			workload.Spec = appsv1.DeploymentSpec{Template: pod, Paused: workload.Spec.Paused}
			workload.Status = appsv1.DeploymentStatus{}
		case *appsv1.StatefulSet:
			workload.ObjectMeta = reducedMeta(&workload.ObjectMeta, annotation)
			workload.Spec = appsv1.StatefulSetSpec{Template: pod, UpdateStrategy: workload.Spec.UpdateStrategy}
			workload.Status = appsv1.StatefulSetStatus{}
		case *appsv1.DaemonSet:
			workload.ObjectMeta = reducedMeta(&workload.ObjectMeta, annotation)
			workload.Spec = appsv1.DaemonSetSpec{Template: pod, UpdateStrategy: workload.Spec.UpdateStrategy}
			workload.Status = appsv1.DaemonSetStatus{}
		}
		return object, nil
	}
}

func reducedMeta(meta *metav1.ObjectMeta, annotation string) metav1.ObjectMeta {
	reduced := metav1.ObjectMeta{
		Namespace: meta.Namespace, Name: meta.Name, UID: meta.UID, ResourceVersion: meta.ResourceVersion,
		Generation: meta.Generation, DeletionTimestamp: meta.DeletionTimestamp,
	}
	if value, ok := meta.Annotations[annotation]; ok {
		reduced.Annotations = map[string]string{annotation: value}
	}
	return reduced
}

// HoldsPods says, as the rest of a sentence about the restart of a workload, what keeps its controller from
// replacing the pods by itself; it is empty if nothing does.
func HoldsPods(workload client.Object) string {
	const onDelete = "its update strategy is OnDelete, so that each pod is replaced when you delete it"
	switch workload := workload.(type) {
	case *appsv1.Deployment:
		if workload.Spec.Paused {
			return "it is paused, so that its pods are replaced when you resume it"
		}
	case *appsv1.StatefulSet:
		if workload.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType {
			return onDelete
		}
		if rolling := workload.Spec.UpdateStrategy.RollingUpdate; rolling != nil && rolling.Partition != nil && *rolling.Partition > 0 {
			return "its update strategy has a partition, so that pods below it are not replaced"
		}
	case *appsv1.DaemonSet:
		if workload.Spec.UpdateStrategy.Type == appsv1.OnDeleteDaemonSetStrategyType {
			return onDelete
		}
	}
	return ""
}

// Annotations are keys with the values that they are to have; an empty value takes the key away.
type Annotations map[string]string

// Annotate writes annotations of an object and, where there are any, of its pod template, in one merge patch that
// leaves everything else to others; see Client for who has changed it meanwhile. seen is the object as it was read,
// and is not changed; answer is an empty object of its type. An object that is gone is no error.
func (c *Client) Annotate(ctx context.Context, seen, answer client.Object, own, template Annotations) error {
	metadata := map[string]any{"resourceVersion": seen.GetResourceVersion()}
	if len(own) > 0 {
		metadata["annotations"] = own.patch()
	}
	content := map[string]any{"metadata": metadata}
	if len(template) > 0 {
		content["spec"] = map[string]any{"template": map[string]any{"metadata": map[string]any{"annotations": template.patch()}}}
	}
	patch, err := json.Marshal(content)
	if err != nil {
		return err
	}
	answer.SetNamespace(seen.GetNamespace())
	answer.SetName(seen.GetName())
	err = c.Cached.Patch(ctx, answer, client.RawPatch(types.MergePatchType, patch))
	if apierrors.IsNotFound(err) {
		return nil
	}
	return c.written(answer, err)
}

// patch is the annotations as a merge patch has them (RFC 7386).
func (a Annotations) patch() map[string]any {
	values := map[string]any{}
	for key, value := range a {
		if values[key] = value; value == "" {
			values[key] = nil
		}
	}
	return values
}
