package main

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/certwright/certwright/api/v1"
)

// writes compares the ways to write a status: the same change, by the same workers, to the same
// number of Certificates each.
func writes(ctx context.Context, w *world) (result, error) {
	ways := []struct {
		name  string
		write func(context.Context, *v1.Certificate) error
	}{
		{"update with conflict check", func(ctx context.Context, crt *v1.Certificate) error { return w.client.Status().Update(ctx, crt) }},
		{"merge patch with conflict check", w.mergePatch},
		{"server-side apply", w.applyStatus},
	}
	r := result{N: w.n, Ways: map[string]float64{}}
	for number, way := range ways {
		certificates := make([]*v1.Certificate, w.n)
		for i := range certificates {
			name := fmt.Sprintf("way%d-%d", number, i)
			certificates[i] = &v1.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: loadNamespace, Name: name}, Spec: spec("none", name, v1.ECDSAKeyAlgorithm)}
			if err := w.client.Create(ctx, certificates[i]); err != nil {
				return result{}, err
			}
		}
		started := time.Now()
		if err := each(w.workers, w.n, func(i int) error {
			certificates[i].Status = readyStatus()
			return way.write(ctx, certificates[i])
		}); err != nil {
			return result{}, fmt.Errorf("%s: %w", way.name, err)
		}
		r.Ways[way.name] = float64(w.n) / time.Since(started).Seconds()
	}
	return r, nil
}

func readyStatus() v1.CertificateStatus {
	now, revision := metav1.Now(), 1
	return v1.CertificateStatus{
		Conditions: []v1.Condition{{Type: v1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1.ReasonReady, Message: "up to date", LastTransitionTime: &now, ObservedGeneration: 1}},
		NotBefore:  &now, NotAfter: &now, RenewalTime: &now, Revision: &revision,
	}
}

func (w *world) mergePatch(ctx context.Context, crt *v1.Certificate) error {
	before := crt.DeepCopy()
	before.Status = v1.CertificateStatus{}
	return w.client.Status().Patch(ctx, crt, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
}

func (w *world) applyStatus(ctx context.Context, crt *v1.Certificate) error {
	status, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&crt.Status)
	if err != nil {
		return err
	}
	object := &unstructured.Unstructured{Object: map[string]any{"status": status}}
	object.SetGroupVersionKind(w.names.GroupVersion.WithKind(v1.CertificateKind))
	object.SetNamespace(crt.Namespace)
	object.SetName(crt.Name)
	return w.client.Status().Apply(ctx, client.ApplyConfigurationFromUnstructured(object), client.FieldOwner(loadAgent), client.ForceOwnership)
}
