package kube

import (
	"fmt"
	"maps"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Writes remembers the resourceVersion of our last write of each object until the cache has shown
// it. A reconciler that reads an older view than its own last write would decide on the past and
// do things twice; Writes lets it notice and wait for the watch instead.
type Writes struct {
	mu       sync.Mutex
	pending  map[objectKey]written
	created  map[types.UID]struct{}
	creating map[objectKey]struct{}
	deleted  map[types.UID]time.Time
}

type objectKey struct {
	kind string
	name types.NamespacedName
}

type written struct {
	version string
	at      time.Time
}

// NewWrites makes an empty memory.
func NewWrites() *Writes {
	return &Writes{
		pending: map[objectKey]written{}, created: map[types.UID]struct{}{},
		creating: map[objectKey]struct{}{}, deleted: map[types.UID]time.Time{},
	}
}

func keyOf(obj client.Object) objectKey {
	return objectKey{kind: fmt.Sprintf("%T", obj), name: client.ObjectKeyFromObject(obj)}
}

// Record remembers what the API server answered to a write of obj, now. An answer that comes after that to a newer write,
// by another reconciler that the watch was faster for, changes nothing.
func (w *Writes) Record(obj client.Object, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := keyOf(obj)
	if last, ok := w.pending[key]; ok && !last.isShownBy(obj) {
		return
	}
	w.pending[key] = written{version: obj.GetResourceVersion(), at: now}
}

// Fresh says whether obj, as the cache gave it, is at least as new as our last write of it.
func (w *Writes) Fresh(obj client.Object) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := keyOf(obj)
	last, ok := w.pending[key]
	if !ok {
		return true
	}
	if !last.isShownBy(obj) {
		return false
	}
	delete(w.pending, key)
	return true
}

// isShownBy says whether obj, as the cache gave it, is at least as new as the write. Resource versions of one
// resource are ordered (KEP-5504), across re-creation too.
func (w written) isShownBy(obj client.Object) bool {
	order, err := resourceversion.CompareResourceVersion(obj.GetResourceVersion(), w.version)
	return err != nil || order >= 0
}

// last is our last write of an object of this type and name, if the cache has not shown it yet.
func (w *Writes) last(kind client.Object, name types.NamespacedName) (written, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	last, ok := w.pending[objectKey{kind: fmt.Sprintf("%T", kind), name: name}]
	return last, ok
}

// Since says when we wrote an object of this type and name that the cache has not shown yet. An
// object that the cache does not have is then either on its way or deleted by somebody else: only a
// live read can tell.
func (w *Writes) Since(kind client.Object, name types.NamespacedName) (time.Time, bool) {
	last, ok := w.last(kind, name)
	return last.at, ok
}

// Forget drops the memory of an object that a live read or a deletion has shown to be gone.
func (w *Writes) Forget(kind client.Object, name types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.pending, objectKey{kind: fmt.Sprintf("%T", kind), name: name})
}

// Creating marks an object of this type and name as being created until done is called. A watch may show
// it before the API server has answered us.
func (w *Writes) Creating(kind client.Object, name types.NamespacedName) (done func()) {
	key := objectKey{kind: fmt.Sprintf("%T", kind), name: name}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.creating[key] = struct{}{}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.creating, key)
	}
}

// IsCreating says whether an object is marked by Creating.
func (w *Writes) IsCreating(obj client.Object) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, ok := w.creating[keyOf(obj)]
	return ok
}

// deletedKept is how long a deletion is remembered: the watch shows it long before.
const deletedKept = time.Minute

// RecordDeleted remembers that the API server took a deletion, now.
func (w *Writes) RecordDeleted(uid types.UID, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.deleted) >= 1024 {
		maps.DeleteFunc(w.deleted, func(_ types.UID, at time.Time) bool { return now.Sub(at) > deletedKept })
	}
	w.deleted[uid] = now
}

// Deleted says whether we deleted an object that the cache may still show.
func (w *Writes) Deleted(uid types.UID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, ok := w.deleted[uid]
	return ok
}

// RememberCreated remembers that this process created an object, so that its own later views of it
// need no live read.
func (w *Writes) RememberCreated(uid types.UID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.created[uid] = struct{}{}
}

// Created says whether this process created an object, by RememberCreated.
func (w *Writes) Created(uid types.UID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, ok := w.created[uid]
	return ok
}

// ForgetCreated drops the memory of an object that is done with.
func (w *Writes) ForgetCreated(uid types.UID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.created, uid)
}
