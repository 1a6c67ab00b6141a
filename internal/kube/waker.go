package kube

import (
	"context"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// Owner is an object that something is done for, such as one that names Secrets.
type Owner struct {
	// Kind is the kind of the object, and of the controllers that are woken for it.
	Kind string
	types.NamespacedName
}

// Waker wakes controllers for an object by other means than a watch of it. The zero value is ready
// to use.
type Waker struct {
	mu     sync.Mutex
	queues map[string][]func(Owner)
}

// Source is woken for owners of one kind, with the requests that requests gives for each.
func (w *Waker) Source(kind string, requests func(context.Context, Owner) []reconcile.Request) source.Source {
	return &wakes{waker: w, kind: kind, requests: requests}
}

// wakes implements source.Source.
type wakes struct {
	waker    *Waker
	kind     string
	requests func(context.Context, Owner) []reconcile.Request
}

// Start implements source.Source.
func (s *wakes) Start(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	s.waker.mu.Lock()
	defer s.waker.mu.Unlock()
	if s.waker.queues == nil {
		s.waker.queues = map[string][]func(Owner){}
	}
	s.waker.queues[s.kind] = append(s.waker.queues[s.kind], func(owner Owner) {
		for _, request := range s.requests(ctx, owner) {
			queue.Add(request)
		}
	})
	return nil
}

// String names the source in logs.
func (s *wakes) String() string { return "wake-ups for " + s.kind }

// Itself is the request for the owner.
func Itself(_ context.Context, owner Owner) []reconcile.Request {
	return []reconcile.Request{{NamespacedName: owner.NamespacedName}}
}

// Wake wakes the controllers of the owner's kind.
func (w *Waker) Wake(owner Owner) {
	w.mu.Lock()
	queues := slices.Clone(w.queues[owner.Kind])
	w.mu.Unlock()
	for _, wake := range queues {
		wake(owner)
	}
}
