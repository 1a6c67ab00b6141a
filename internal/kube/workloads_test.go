package kube_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/outcome"
)

// full is a workload as the API server gives it, with the parts of each kind in turn.
func full() (metav1.ObjectMeta, corev1.PodTemplateSpec) {
	meta := metav1.ObjectMeta{
		Namespace: "shop", Name: "web", UID: "uid", ResourceVersion: "7", Generation: 3, DeletionTimestamp: &metav1.Time{Time: time.Unix(1, 0)},
		Labels: map[string]string{"app": "web"}, Annotations: map[string]string{"note": "known", "kubectl": "the whole object again"},
		ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}, Finalizers: []string{"example.com/a"},
	}
	template := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}},
		Spec: corev1.PodSpec{
			ServiceAccountName: "web",
			Containers: []corev1.Container{{Name: "web", Env: []corev1.EnvVar{
				{Name: "PASSWORD", Value: "in clear"},
				{Name: "KEY", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
					LocalObjectReference: corev1.LocalObjectReference{Name: "b"}, Key: "tls.key",
				}}},
			}}},
			Volumes: []corev1.Volume{{Name: "tls", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "a"}}}},
		},
	}
	return meta, template
}

func TestReduceWorkload(t *testing.T) {
	meta, template := full()
	keptMeta := metav1.ObjectMeta{
		Namespace: "shop", Name: "web", UID: "uid", ResourceVersion: "7", Generation: 3, DeletionTimestamp: meta.DeletionTimestamp,
		Annotations: map[string]string{"note": "known"},
	}
	keptTemplate := corev1.PodTemplateSpec{Spec: corev1.PodSpec{Volumes: []corev1.Volume{
		{VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "a"}}},
		{VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "b"}}},
	}}}
	one := int32(1)
	ofSet, ofDaemons := appsv1.StatefulSetUpdateStrategy{Type: appsv1.OnDeleteStatefulSetStrategyType}, appsv1.DaemonSetUpdateStrategy{Type: appsv1.OnDeleteDaemonSetStrategyType}
	for name, test := range map[string]struct{ object, want client.Object }{
		"Deployment": {
			&appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Template: template, Paused: true, Replicas: &one}, Status: appsv1.DeploymentStatus{Replicas: 1}},
			&appsv1.Deployment{ObjectMeta: keptMeta, Spec: appsv1.DeploymentSpec{Template: keptTemplate, Paused: true}},
		},
		"StatefulSet": {
			&appsv1.StatefulSet{ObjectMeta: meta, Spec: appsv1.StatefulSetSpec{Template: template, UpdateStrategy: ofSet, Replicas: &one}, Status: appsv1.StatefulSetStatus{Replicas: 1}},
			&appsv1.StatefulSet{ObjectMeta: keptMeta, Spec: appsv1.StatefulSetSpec{Template: keptTemplate, UpdateStrategy: ofSet}},
		},
		"DaemonSet": {
			&appsv1.DaemonSet{ObjectMeta: meta, Spec: appsv1.DaemonSetSpec{Template: template, UpdateStrategy: ofDaemons, MinReadySeconds: 1}, Status: appsv1.DaemonSetStatus{NumberReady: 1}},
			&appsv1.DaemonSet{ObjectMeta: keptMeta, Spec: appsv1.DaemonSetSpec{Template: keptTemplate, UpdateStrategy: ofDaemons}},
		},
		"another kind": {&corev1.Secret{ObjectMeta: meta}, &corev1.Secret{ObjectMeta: meta}},
	} {
		t.Run(name, func(t *testing.T) {
			used, held := kube.UsedSecrets(test.object), kube.HoldsPods(test.object)
			// What is kept may be reduced again.
			for range 2 {
				got, err := kube.ReduceWorkload("note")(test.object)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Fatalf("-want +got:\n%s", diff)
				}
			}
			if diff := cmp.Diff(used, kube.UsedSecrets(test.object)); diff != "" {
				t.Errorf("it uses other Secrets (-before +after):\n%s", diff)
			}
			if now := kube.HoldsPods(test.object); now != held {
				t.Errorf("its pods are held by %q, not by %q", now, held)
			}
		})
	}
}

func TestReduceWorkloadWithoutTheAnnotation(t *testing.T) {
	meta, template := full()
	deployment := &appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Template: template}}
	if _, err := kube.ReduceWorkload("another")(deployment); err != nil || deployment.Annotations != nil {
		t.Errorf("annotations %v, %v", deployment.Annotations, err)
	}
}

// patched keeps the one patch that it is asked for.
type patched struct {
	client.Client
	err  error
	kind types.PatchType
	text string
}

func (p *patched) Patch(_ context.Context, obj client.Object, patch client.Patch, _ ...client.PatchOption) error {
	data, err := patch.Data(obj)
	if err != nil {
		return err
	}
	p.kind, p.text = patch.Type(), obj.GetNamespace()+"/"+obj.GetName()+" "+string(data)
	obj.SetResourceVersion("8")
	return p.err
}

func TestAnnotate(t *testing.T) {
	seen := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", ResourceVersion: "7"}}
	for name, test := range map[string]struct {
		own, template kube.Annotations
		want          string
	}{
		"of the object": {kube.Annotations{"a/b": "c"}, nil, `shop/web {"metadata":{"annotations":{"a/b":"c"},"resourceVersion":"7"}}`},
		"of both": {
			kube.Annotations{"a/b": "c"}, kube.Annotations{"d/e": "f"},
			`shop/web {"metadata":{"annotations":{"a/b":"c"},"resourceVersion":"7"},"spec":{"template":{"metadata":{"annotations":{"d/e":"f"}}}}}`,
		},
		"taken away": {kube.Annotations{"a/b": ""}, kube.Annotations{}, `shop/web {"metadata":{"annotations":{"a/b":null},"resourceVersion":"7"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			server := &patched{}
			c := &kube.Client{Cached: server, Writes: kube.NewWrites(), Now: time.Now}
			if err := c.Annotate(t.Context(), seen, &appsv1.Deployment{}, test.own, test.template); err != nil {
				t.Fatal(err)
			}
			if server.kind != types.MergePatchType || server.text != test.want {
				t.Errorf("%s %s, want %s", server.kind, server.text, test.want)
			}
			if seen.ResourceVersion != "7" || c.Writes.Fresh(seen) {
				t.Error("the old view is taken for a new one")
			}
		})
	}
	gone := &kube.Client{Cached: &patched{err: apierrors.NewNotFound(appsv1.Resource("deployments"), "web")}, Writes: kube.NewWrites(), Now: time.Now}
	if err := gone.Annotate(t.Context(), seen, &appsv1.Deployment{}, kube.Annotations{"a": "b"}, nil); err != nil || !gone.Writes.Fresh(seen) {
		t.Errorf("one that is gone: %v", err)
	}
	changed := &kube.Client{Cached: &patched{err: apierrors.NewConflict(appsv1.Resource("deployments"), "web", nil)}, Writes: kube.NewWrites(), Now: time.Now}
	if err := changed.Annotate(t.Context(), seen, &appsv1.Deployment{}, kube.Annotations{"a": "b"}, nil); !outcome.IsMomentary(err) {
		t.Errorf("one that somebody has changed: %v", err)
	}
}
