package kube_test

import (
	"context"
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/outcome"
	"github.com/certwright/certwright/internal/testkit"
)

const (
	reader   = "reader"
	ownerFor = "Issuer"
)

// refs are the watches of a user without rights, with an administrator beside.
type refs struct {
	t     *testing.T
	admin *kubernetes.Clientset
	*kube.SecretRefs
	woken workqueue.TypedRateLimitingInterface[reconcile.Request]
}

func startRefs(t *testing.T) *refs {
	t.Helper()
	plane, err := testkit.StartControlPlane(testkit.ControlPlaneOptions{Names: names, NoCRDs: true})
	must(t, err)
	t.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
	})
	admin, err := kubernetes.NewForConfig(plane.Config)
	must(t, err)
	user, err := plane.Environment.AddUser(envtest.User{Name: reader}, plane.Config)
	must(t, err)
	clientset, err := kubernetes.NewForConfig(user.Config())
	must(t, err)
	r := &refs{
		t: t, admin: admin, SecretRefs: kube.NewSecretRefs(clientset),
		woken: workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]()),
	}
	t.Cleanup(r.woken.ShutDown)
	must(t, r.Source(ownerFor, kube.Itself).Start(t.Context(), r.woken))
	go func() { _ = r.Start(t.Context()) }()
	return r
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// until asks again each time that the owner is woken, until the answer is the one that is waited for.
func (r *refs) until(owner kube.Owner, name types.NamespacedName, want func(*corev1.Secret, error) bool) {
	r.t.Helper()
	deadline := context.AfterFunc(deadlineOf(r.t), r.woken.ShutDown)
	defer deadline()
	for {
		if want(r.Get(owner, name)) {
			return
		}
		request, over := r.woken.Get()
		if over {
			r.t.Fatal("nothing woke the owner for the answer that was waited for")
		}
		r.woken.Done(request)
	}
}

func deadlineOf(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func (r *refs) allow() {
	r.t.Helper()
	meta := metav1.ObjectMeta{Name: reader}
	_, err := r.admin.RbacV1().ClusterRoles().Create(r.t.Context(), &rbacv1.ClusterRole{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get", "list", "watch"},
	}}}, metav1.CreateOptions{})
	must(r.t, err)
	_, err = r.admin.RbacV1().ClusterRoleBindings().Create(r.t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: reader},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: reader}},
	}, metav1.CreateOptions{})
	must(r.t, err)
}

// Without the right to read a Secret, whoever names it is told; with it, all goes on by itself.
func TestSecretThatMayNotBeRead(t *testing.T) {
	r := startRefs(t)
	name := types.NamespacedName{Namespace: metav1.NamespaceDefault, Name: "ca"}
	owner := kube.Owner{Kind: ownerFor, NamespacedName: types.NamespacedName{Namespace: metav1.NamespaceDefault, Name: "issuer"}}
	_, err := r.admin.CoreV1().Secrets(name.Namespace).Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name.Name}}, metav1.CreateOptions{})
	must(t, err)
	r.until(owner, name, func(_ *corev1.Secret, err error) bool {
		var waiting *outcome.Error
		return errors.As(err, &waiting) && waiting.Kind == outcome.Wait && waiting.Reason == v1.ReasonSecretForbidden
	})
	r.allow()
	r.until(owner, name, func(secret *corev1.Secret, err error) bool { return err == nil && secret != nil })
}
