package main

import (
	"context"
	"fmt"
	"math"
	"time"
)

// An operator has settled when for the time of a silence it asked the API server for nothing, used
// next to no processor time, and kept its memory.
const (
	silence     = 3 * time.Second
	sampleEvery = 250 * time.Millisecond
	// idleCPU is what an idle process may use from one sample to the next.
	idleCPU = 10 * time.Millisecond
	// steadyMiB is how far the memory of an idle process may move.
	steadyMiB = 1.0
)

// sample is what an operator has done and holds at a moment.
type sample struct {
	requests int
	cpu      time.Duration
	rss      float64
}

func take(p *process, t *tally) (sample, error) {
	if err := p.alive(); err != nil {
		return sample{}, err
	}
	if err := t.update(); err != nil {
		return sample{}, err
	}
	cpu, err := p.cpu()
	if err != nil {
		return sample{}, err
	}
	rss, err := p.memory("VmRSS")
	return sample{requests: t.counts.total(), cpu: cpu, rss: rss}, err
}

// works says whether an operator did something since its last sample, or no longer holds the memory
// that it held when it was last seen to do something.
func (s sample) works(last sample, rss float64) bool {
	return s.requests != last.requests || s.cpu-last.cpu > idleCPU || math.Abs(s.rss-rss) > steadyMiB
}

// settle waits until the operator has settled, and returns when that began: the last moment at which
// it was seen to do something, or the start of the wait.
func settle(ctx context.Context, p *process, t *tally) (time.Time, error) {
	last, err := take(p, t)
	if err != nil {
		return time.Time{}, err
	}
	ticker := time.NewTicker(sampleEvery)
	defer ticker.Stop()
	still, rss := time.Now(), last.rss
	for time.Since(still) < silence {
		select {
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("the operator has not settled: %w", ctx.Err())
		case <-ticker.C:
		}
		now, err := take(p, t)
		if err != nil {
			return time.Time{}, err
		}
		if now.works(last, rss) {
			still, rss = time.Now(), now.rss
		}
		last = now
	}
	return still, nil
}

// settleNow is settle for who does not ask what the operator did.
func (w *world) settleNow(ctx context.Context, p *process) error {
	t, err := w.audit.tally()
	if err != nil {
		return err
	}
	_, err = settle(ctx, p, t)
	return err
}
