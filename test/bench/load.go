package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/condition"
)

// times are how long certificates took from their creation to Ready.
type times struct {
	each []time.Duration
	all  time.Duration
}

func (t times) percentile(p int) time.Duration {
	if len(t.each) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(t.each))
	return sorted[min(len(sorted)*p/100, len(sorted)-1)]
}

// load creates n Certificates and waits until all are Ready.
func (w *world) load(ctx context.Context, p *process, n int, prefix string, build func(i int) v1.CertificateSpec) (times, error) {
	watcher, err := w.watchLoad(ctx)
	if err != nil {
		return times{}, err
	}
	defer func() { watcher.Stop() }()
	seen := &tracker{prefix: prefix, n: n, created: map[string]time.Time{}, done: map[string]bool{}}
	started := time.Now()
	failed := make(chan error, 1)
	go func() { failed <- each(w.workers, n, func(i int) error { return w.createOne(ctx, seen, i, build) }) }()
	for len(seen.each) < n {
		select {
		case event, open := <-watcher.ResultChan():
			if !open {
				watcher, err = w.watchLoad(ctx)
			}
			seen.note(event)
		case err = <-failed:
		case ended := <-p.exited:
			p.exited <- ended
			err = p.alive()
		case <-ctx.Done():
			err = fmt.Errorf("%d of %d certificates are ready: %w", len(seen.each), n, ctx.Err())
		}
		if err != nil {
			return times{}, err
		}
	}
	return times{each: seen.each, all: time.Since(started)}, nil
}

func (w *world) createOne(ctx context.Context, seen *tracker, i int, build func(i int) v1.CertificateSpec) error {
	name := fmt.Sprintf("%s-%d", seen.prefix, i)
	seen.create(name)
	return w.client.Create(ctx, &v1.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: loadNamespace, Name: name}, Spec: build(i)})
}

// tracker knows since when each Certificate of a load exists, and how long those took that are Ready.
type tracker struct {
	prefix string
	n      int

	mu      sync.Mutex
	created map[string]time.Time

	// done and each belong to the watching side alone.
	done map[string]bool
	each []time.Duration
}

func (t *tracker) create(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.created[name] = time.Now()
}

func (t *tracker) note(event watch.Event) {
	name, ready := readyName(event)
	t.mu.Lock()
	at, ours := t.created[name]
	t.mu.Unlock()
	if !ready || !ours || t.done[name] {
		return
	}
	t.done[name] = true
	t.each = append(t.each, time.Since(at))
	if len(t.each)%max(t.n/10, 1) == 0 {
		fmt.Fprintf(os.Stderr, "%s: %d of %d ready\n", t.prefix, len(t.each), t.n)
	}
}

// watchLoad watches the load. A new watch begins with what is there, so that one that the API server
// ended can be replaced without a loss.
func (w *world) watchLoad(ctx context.Context) (watch.Interface, error) {
	return w.client.Watch(ctx, &v1.CertificateList{}, client.InNamespace(loadNamespace))
}

func readyName(event watch.Event) (string, bool) {
	crt, ok := event.Object.(*v1.Certificate)
	if !ok {
		return "", false
	}
	return crt.Name, condition.IsTrue(crt.Status.Conditions, v1.ConditionReady)
}

// each does work for 0 to n-1 with some workers, and returns the first error.
func each(workers, n int, work func(int) error) error {
	todo := make(chan int)
	failed := make(chan error, workers)
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			for i := range todo {
				if err := work(i); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	var err error
	for i := range n {
		select {
		case todo <- i:
		case err = <-failed:
		}
		if err != nil {
			break
		}
	}
	close(todo)
	running.Wait()
	select {
	case err = <-failed:
	default:
	}
	return err
}
