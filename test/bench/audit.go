package main

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"time"
)

// loadAgent is the user agent of the load generator and of the floor.
const loadAgent = "certwright-bench"

// auditLog is the API server's account of who asked for what.
type auditLog struct{ path string }

type auditEvent struct {
	Verb      string `json:"verb"`
	UserAgent string `json:"userAgent"`
	User      struct {
		Username string `json:"username"`
	} `json:"user"`
	ObjectRef struct {
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
	} `json:"objectRef"`
	RequestReceivedTimestamp time.Time `json:"requestReceivedTimestamp"`
}

// requests counts what the operator asked for since a time, lists and watches left out: those fill caches.
func (a *auditLog) requests(since time.Time) (map[string]int, time.Time, error) {
	file, err := os.Open(a.path)
	if err != nil {
		return nil, time.Time{}, err
	}
	// Nothing was written: closing cannot lose anything.
	defer func() { _ = file.Close() }()
	counts, last := map[string]int{}, time.Time{}
	lines := bufio.NewScanner(file)
	lines.Buffer(make([]byte, 1<<20), 1<<20)
	for lines.Scan() {
		var event auditEvent
		// The last line may be half written.
		if json.Unmarshal(lines.Bytes(), &event) != nil || event.User.Username != serviceAccount || event.RequestReceivedTimestamp.Before(since) {
			continue
		}
		if event.Verb == "list" || event.Verb == "watch" || event.ObjectRef.Resource == "" || event.ObjectRef.Resource == "leases" {
			continue
		}
		resource := event.ObjectRef.Resource
		if event.ObjectRef.Subresource != "" {
			resource += "/" + event.ObjectRef.Subresource
		}
		counts[event.Verb+" "+resource]++
		last = event.RequestReceivedTimestamp
	}
	return counts, last, lines.Err()
}

// quiet waits until the operator has asked for nothing for a while, and returns what it had asked for.
func (a *auditLog) quiet(ctx context.Context, since time.Time) (map[string]int, error) {
	const silence = 3 * time.Second
	ticker := time.NewTicker(500 * time.Millisecond)
	defer ticker.Stop()
	started := time.Now()
	for {
		counts, last, err := a.requests(since)
		if err != nil {
			return nil, err
		}
		if time.Since(started) > silence && time.Since(last) > silence {
			return counts, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-ticker.C:
		}
	}
}
