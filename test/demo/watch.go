package main

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/condition"
)

// redraw is how often a terminal shows the time that passes.
const redraw = 100 * time.Millisecond

// awaitIssued waits until every Certificate has its first certificate.
func (w *world) awaitIssued(ctx context.Context) error {
	w.out.say("Waiting for the Certificates (private-ca is the certificate of the CA itself).")
	return w.await(ctx, "Ready=True of every Certificate", func(crt *v1.Certificate) bool {
		return hasRevision(crt, 1)
	}, selfSigned, privateCA, byCA, byACME, shortLived)
}

// hasRevision says whether a Certificate is settled, and for the n-th time.
func hasRevision(crt *v1.Certificate, n int) bool {
	ready := condition.Get(crt.Status.Conditions, v1.ConditionReady)
	return ready != nil && ready.Status == metav1.ConditionTrue && ready.ObservedGeneration == crt.Generation &&
		condition.Get(crt.Status.Conditions, v1.ConditionIssuing) == nil &&
		crt.Status.Revision != nil && *crt.Status.Revision >= n
}

// await shows a line per Certificate until done holds for each.
func (w *world) await(ctx context.Context, what string, done func(*v1.Certificate) bool, certificates ...certificate) error {
	ctx, cancel := wait(ctx, what)
	defer cancel()
	lines := newProgress(w.out, certificates)
	for !lines.done() {
		stream, err := w.client.Watch(ctx, &v1.CertificateList{}, client.InNamespace(namespace))
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return fmt.Errorf("watching Certificates: %w", err)
		}
		err = follow(ctx, stream, lines, done)
		stream.Stop()
		if err != nil {
			return err
		}
	}
	return nil
}

// follow shows what a watch tells until all is done or the watch ends.
func follow(ctx context.Context, stream watch.Interface, lines *progress, done func(*v1.Certificate) bool) error {
	ticker := time.NewTicker(redraw)
	defer ticker.Stop()
	for !lines.done() {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
			lines.tick()
		case event, open := <-stream.ResultChan():
			if !open {
				return nil
			}
			if event.Type == watch.Error {
				return fmt.Errorf("watching Certificates: %w", apierrors.FromObject(event.Object))
			}
			if crt, ok := event.Object.(*v1.Certificate); ok {
				lines.show(crt.Name, state(crt), done(crt))
			}
		}
	}
	return nil
}

// state is what a Certificate says about itself: whether it is ready, and the step it is at.
func state(crt *v1.Certificate) string {
	ready := condition.Get(crt.Status.Conditions, v1.ConditionReady)
	if ready == nil {
		return "Ready=Unknown  the operator has not looked at it yet"
	}
	text := "Ready=" + string(ready.Status) + "  "
	issuing := condition.Get(crt.Status.Conditions, v1.ConditionIssuing)
	switch {
	case issuing == nil:
		return text + ready.Reason + ": " + ready.Message
	case crt.Status.Issuance != nil && crt.Status.Issuance.Step != "":
		return text + crt.Status.Issuance.Step + ": " + issuing.Message
	default:
		return text + issuing.Reason + ": " + issuing.Message
	}
}
