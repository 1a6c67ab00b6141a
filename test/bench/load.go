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
	var mu sync.Mutex
	created := map[string]time.Time{}
	started := time.Now()
	failed := make(chan error, 1)
	go func() {
		failed <- each(w.workers, n, func(i int) error {
			name := fmt.Sprintf("%s-%d", prefix, i)
			mu.Lock()
			created[name] = time.Now()
			mu.Unlock()
			return w.client.Create(ctx, &v1.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: loadNamespace, Name: name}, Spec: build(i)})
		})
	}()
	result := times{}
	done := map[string]bool{}
	for len(result.each) < n {
		select {
		case event, open := <-watcher.ResultChan():
			if !open {
				if watcher, err = w.watchLoad(ctx); err != nil {
					return result, err
				}
				continue
			}
			name, ready := readyName(event)
			mu.Lock()
			at, ours := created[name]
			mu.Unlock()
			if ready && ours && !done[name] {
				done[name] = true
				result.each = append(result.each, time.Since(at))
				if len(result.each)%max(n/10, 1) == 0 {
					fmt.Fprintf(os.Stderr, "%s: %d of %d ready\n", prefix, len(result.each), n)
				}
			}
		case err := <-failed:
			if err != nil {
				return result, err
			}
		case err := <-p.exited:
			p.exited <- err
			return result, p.alive()
		case <-ctx.Done():
			return result, fmt.Errorf("%d of %d certificates are ready: %w", len(result.each), n, ctx.Err())
		}
	}
	result.all = time.Since(started)
	return result, nil
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
