package kube

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/outcome"
)

// SecretRefs serves the Secrets that issuers, solvers and keystores name: one watch by
// metadata.name for each, shared by all that name it and ended with the last of them. Secrets
// nobody names are never read, not even their metadata.
//
// It is a manager.Runnable: the watches run while Start runs.
type SecretRefs struct {
	clientset kubernetes.Interface

	mu      sync.Mutex
	ctx     context.Context // set by Start; the life of every watch
	watches map[types.NamespacedName]*secretWatch
	owners  map[Owner]map[types.NamespacedName]struct{}
	// released are told of every watch that ends.
	released []func(types.NamespacedName)

	*Waker
}

type secretWatch struct {
	store  cache.Store
	synced <-chan struct{}
	cancel context.CancelFunc
	owners map[Owner]struct{}
	// forbidden says that the API server last refused to show the Secret.
	forbidden atomic.Bool
}

// NewSecretRefs makes it with no watches.
func NewSecretRefs(clientset kubernetes.Interface) *SecretRefs {
	return &SecretRefs{
		clientset: clientset,
		watches:   map[types.NamespacedName]*secretWatch{},
		owners:    map[Owner]map[types.NamespacedName]struct{}{},
		Waker:     &Waker{},
	}
}

// OnRelease has a function called with the name of each Secret that nobody names any more, to drop what was
// made of it. It must be set before the first Get, and must not call back.
func (s *SecretRefs) OnRelease(released func(types.NamespacedName)) {
	s.released = append(s.released, released)
}

// Start runs until ctx ends, and the watches with it.
func (s *SecretRefs) Start(ctx context.Context) error {
	s.mu.Lock()
	s.ctx = ctx
	for name, watch := range s.watches {
		s.run(name, watch)
	}
	s.mu.Unlock()
	<-ctx.Done()
	return nil
}

// NeedLeaderElection says that only the reconciling replica watches.
func (s *SecretRefs) NeedLeaderElection() bool { return true }

// Get returns the Secret as its watch shows it, or nil if it does not exist. owner is woken when
// that changes. While the watch is starting, the error is a Wait that its first answer ends; without the
// right to read the Secret, it is a Wait that says so.
func (s *SecretRefs) Get(owner Owner, name types.NamespacedName) (*corev1.Secret, error) {
	s.mu.Lock()
	watch := s.track(owner, name)
	synced, store := watch.synced, watch.store
	s.mu.Unlock()
	if watch.forbidden.Load() {
		return nil, outcome.WaitFor(v1.ReasonSecretForbidden,
			"the operator may not read Secret %q: allow its service account to get, list and watch it in namespace %q", name.Name, name.Namespace)
	}
	select {
	case <-synced:
	default:
		return nil, outcome.Moment(time.Time{}, "SecretNotRead", "reading Secret %s", name)
	}
	object, exists, err := store.GetByKey(name.String())
	if err != nil || !exists {
		return nil, err
	}
	secret, _ := object.(*corev1.Secret)
	return secret, nil
}

// Keep ends the interest of owner in every Secret but the named ones.
func (s *SecretRefs) Keep(owner Owner, names ...types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	keep := map[types.NamespacedName]bool{}
	for _, name := range names {
		keep[name] = true
	}
	for name := range s.owners[owner] {
		if !keep[name] {
			s.release(owner, name)
		}
	}
	if len(s.owners[owner]) == 0 {
		delete(s.owners, owner)
	}
}

func (s *SecretRefs) track(owner Owner, name types.NamespacedName) *secretWatch {
	watch, ok := s.watches[name]
	if !ok {
		watch = &secretWatch{owners: map[Owner]struct{}{}, synced: make(chan struct{})}
		s.watches[name] = watch
		if s.ctx != nil {
			s.run(name, watch)
		}
	}
	watch.owners[owner] = struct{}{}
	if s.owners[owner] == nil {
		s.owners[owner] = map[types.NamespacedName]struct{}{}
	}
	s.owners[owner][name] = struct{}{}
	return watch
}

func (s *SecretRefs) release(owner Owner, name types.NamespacedName) {
	delete(s.owners[owner], name)
	watch := s.watches[name]
	delete(watch.owners, owner)
	if len(watch.owners) > 0 {
		return
	}
	delete(s.watches, name)
	if watch.cancel != nil {
		watch.cancel()
	}
	for _, released := range s.released {
		released(name)
	}
}

// run starts the watch of one Secret; the lock is held.
func (s *SecretRefs) run(name types.NamespacedName, watch *secretWatch) {
	ctx, cancel := context.WithCancel(s.ctx)
	watch.cancel = cancel
	store, controller := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: s.listerWatcher(name, watch),
		ObjectType:    &corev1.Secret{},
		Transform:     Shrink,
		Handler: cache.ResourceEventHandlerFuncs{
			AddFunc:    func(any) { s.wake(name) },
			UpdateFunc: func(any, any) { s.wake(name) },
			DeleteFunc: func(any) { s.wake(name) },
		},
	})
	synced := controller.HasSyncedChecker().Done()
	watch.store, watch.synced = store, synced
	go controller.RunWithContext(ctx)
	go func() {
		// A Secret that does not exist sends no event: the first answer itself wakes who asked.
		select {
		case <-synced:
			s.wake(name)
		case <-ctx.Done():
		}
	}()
}

// listerWatcher reads one Secret, and takes note of whether the API server lets it.
func (s *SecretRefs) listerWatcher(name types.NamespacedName, secret *secretWatch) cache.ListerWatcher {
	result := cache.NewListWatchFromClient(s.clientset.CoreV1().RESTClient(), "secrets", name.Namespace,
		fields.OneTermEqualSelector("metadata.name", name.Name))
	list, follow := result.ListWithContextFunc, result.WatchFuncWithContext
	result.ListWithContextFunc = func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		answer, err := list(ctx, options)
		s.noteAccess(name, secret, err)
		return answer, err
	}
	result.WatchFuncWithContext = func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
		answer, err := follow(ctx, options)
		s.noteAccess(name, secret, err)
		return answer, err
	}
	return result
}

func (s *SecretRefs) noteAccess(name types.NamespacedName, secret *secretWatch, err error) {
	forbidden := apierrors.IsForbidden(err)
	if (forbidden || err == nil) && secret.forbidden.Swap(forbidden) != forbidden {
		s.wake(name)
	}
}

func (s *SecretRefs) wake(name types.NamespacedName) {
	for _, owner := range s.interested(name) {
		s.Wake(owner)
	}
}

func (s *SecretRefs) interested(name types.NamespacedName) []Owner {
	s.mu.Lock()
	defer s.mu.Unlock()
	watch, ok := s.watches[name]
	if !ok {
		return nil
	}
	return slices.Collect(maps.Keys(watch.owners))
}
