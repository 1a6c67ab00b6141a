package kube_test

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certwright/certwright/internal/kube"
)

func view(version string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "a", UID: "uid", ResourceVersion: version}}
}

func TestWritesNoticeAStaleView(t *testing.T) {
	name := types.NamespacedName{Namespace: "default", Name: "a"}
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	writes := kube.NewWrites()
	if !writes.Fresh(view("5")) {
		t.Error("an object that we never wrote is called stale")
	}
	writes.Record(view("10"), at)
	if writes.Fresh(view("9")) {
		t.Error("a view from before our write is called fresh")
	}
	if since, ok := writes.Since(&corev1.Secret{}, name); !ok || !since.Equal(at) {
		t.Error("the write is forgotten before the cache has shown it")
	}
	if _, ok := writes.Since(&corev1.ConfigMap{}, name); ok {
		t.Error("kinds are mixed up")
	}
	if !writes.Fresh(view("10")) {
		t.Error("our own write is called stale")
	}
	if _, ok := writes.Since(&corev1.Secret{}, name); ok {
		t.Error("a write that the cache has shown is still remembered")
	}
	writes.Record(view("20"), at)
	writes.Forget(&corev1.Secret{}, name)
	if !writes.Fresh(view("1")) {
		t.Error("a forgotten write still counts")
	}
}

// The answer to a creation may come after another reconciler has seen the object and written to it: what that wrote
// last is what it has to be shown.
func TestAWriteThatIsAnsweredLateHidesNoNewerOne(t *testing.T) {
	writes := kube.NewWrites()
	writes.Record(view("11"), time.Now())
	writes.Record(view("10"), time.Now())
	if writes.Fresh(view("10")) {
		t.Error("a view from before our last write is called fresh")
	}
	if !writes.Fresh(view("11")) {
		t.Error("our last write is called stale")
	}
}
