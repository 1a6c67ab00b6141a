package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/certwright/certwright/api/v1"
)

// canary names the issuer and the Certificate by which a restarted operator shows that it serves, and
// canaryNamespace is where the audit log tells its requests from those of the restart.
const (
	canary          = "canary"
	canaryNamespace = "canary"
)

var errWatchEnded = errors.New("the API server ended the watch of the canary")

// restart is what a restarted operator did until it had settled: Serving is the time from its start
// until the canary, which came while it was down, was Ready; Settled is the time from its start until
// it did nothing any more.
type restart struct {
	Serving, Settled    time.Duration
	CPU                 time.Duration
	PeakRSS, SettledRSS float64
	Requests            calls
}

// restart stops a settled operator, starts it again on the same objects, and measures it until it has
// settled. The new process is stopped at the end.
func (w *world) restart(ctx context.Context, old *process) (*restart, error) {
	if err := w.canaryIssuer(ctx); err != nil {
		return nil, err
	}
	if err := w.settleNow(ctx, old); err != nil {
		return nil, err
	}
	if err := old.stop(); err != nil {
		return nil, err
	}
	watcher, err := w.createCanary(ctx)
	if err != nil {
		return nil, err
	}
	defer watcher.Stop()
	requests, err := w.audit.tally()
	if err != nil {
		return nil, err
	}
	started := time.Now()
	p, err := w.startOperator()
	if err != nil {
		return nil, err
	}
	defer func() { _ = p.stop() }()
	if err := canaryReady(ctx, p, watcher); err != nil {
		return nil, err
	}
	r := &restart{Serving: time.Since(started), Requests: requests.counts}
	still, err := settle(ctx, p, requests)
	if err != nil {
		return nil, err
	}
	r.Settled = still.Sub(started)
	if r.CPU, err = p.cpu(); err != nil {
		return nil, err
	}
	r.PeakRSS, r.SettledRSS, err = p.peakAndNow()
	return r, err
}

// canaryIssuer makes the issuer of the canary while the old operator still runs: a restart finds
// issuers as they are.
func (w *world) canaryIssuer(ctx context.Context) error {
	issuer := &v1.ClusterIssuer{ObjectMeta: metav1.ObjectMeta{Name: canary}, Spec: v1.IssuerSpec{SelfSigned: &v1.SelfSignedIssuer{}}}
	if err := w.client.Create(ctx, issuer); err != nil {
		return err
	}
	return w.issuerReady(ctx, canary)
}

// createCanary creates the canary and watches its namespace.
func (w *world) createCanary(ctx context.Context) (watch.Interface, error) {
	crt := &v1.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: canaryNamespace, Name: canary}, Spec: spec(canary, canary, v1.ECDSAKeyAlgorithm)}
	if err := w.client.Create(ctx, crt); err != nil {
		return nil, err
	}
	return w.client.Watch(ctx, &v1.CertificateList{}, client.InNamespace(canaryNamespace))
}

func canaryReady(ctx context.Context, p *process, watcher watch.Interface) error {
	for {
		select {
		case event, open := <-watcher.ResultChan():
			if !open {
				return errWatchEnded
			}
			if _, ready := readyName(event); ready {
				return nil
			}
		case ended := <-p.exited:
			p.exited <- ended
			return p.alive()
		case <-ctx.Done():
			return fmt.Errorf("the restarted operator does not serve: %w", ctx.Err())
		}
	}
}
