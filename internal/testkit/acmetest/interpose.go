package acmetest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
)

// Change is what becomes of one request in place of Pebble's answer; pebble is there to be asked.
type Change func(w http.ResponseWriter, r *http.Request, pebble http.Handler)

// Say answers without Pebble. There is no Replay-Nonce unless the Reply sets it.
func Say(reply Reply) Change {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		if reply.Drop {
			panic(http.ErrAbortHandler)
		}
		reply.write(w, "https://"+r.Host)
	}
}

// Pass lets Pebble answer.
func Pass(w http.ResponseWriter, r *http.Request, pebble http.Handler) { pebble.ServeHTTP(w, r) }

// Edit changes Pebble's answer. BaseURL in it is replaced.
func Edit(edit func(reply *Reply)) Change {
	return func(w http.ResponseWriter, r *http.Request, pebble http.Handler) {
		recorded := &recording{header: http.Header{}}
		pebble.ServeHTTP(recorded, r)
		reply := Reply{Status: recorded.status, Header: recorded.header, Body: recorded.body.String()}
		edit(&reply)
		reply.Header.Del("Content-Length")
		reply.write(w, "https://"+r.Host)
	}
}

// EditObject changes the JSON object in Pebble's answer; an answer without one stays as it is.
func EditObject(edit func(object map[string]any)) Change {
	return Edit(func(reply *Reply) {
		var object map[string]any
		if json.Unmarshal([]byte(reply.Body), &object) != nil {
			return
		}
		edit(object)
		// What was decoded encodes, and so do the plain values that tests put in.
		body, _ := json.Marshal(object)
		reply.Body = string(body)
	})
}

// EditHeader sets a header of Pebble's answer.
func EditHeader(name, value string) Change {
	return Edit(func(reply *Reply) { reply.Header.Set(name, value) })
}

// On sets what becomes of the next requests for a resource, the first part of its path, such as
// "order-plz": each change is used once, in order, and Pebble answers after the last.
func (s *Server) On(resource string, changes ...Change) { s.script.set(resource, false, changes) }

// Always sets what becomes of every request for a resource.
func (s *Server) Always(resource string, change Change) {
	s.script.set(resource, true, []Change{change})
}

// interposed is Pebble with changes in front of it.
type interposed struct {
	pebble http.Handler

	mu      sync.Mutex
	changes map[string][]Change
	forever map[string]bool
}

func newInterposed(pebble http.Handler) *interposed {
	return &interposed{pebble: pebble, changes: map[string][]Change{}, forever: map[string]bool{}}
}

func (i *interposed) set(resource string, forever bool, changes []Change) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.changes[resource], i.forever[resource] = changes, forever
}

// ServeHTTP implements http.Handler.
func (i *interposed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	resource, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	i.next(resource)(w, r, i.pebble)
}

func (i *interposed) next(resource string) Change {
	i.mu.Lock()
	defer i.mu.Unlock()
	queue := i.changes[resource]
	if len(queue) == 0 {
		return Pass
	}
	if !i.forever[resource] {
		i.changes[resource] = queue[1:]
	}
	return queue[0]
}

// recording is a ResponseWriter that keeps what it is given.
type recording struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recording) Header() http.Header { return r.header }

func (r *recording) WriteHeader(status int) { setDefault(&r.status, status) }

func (r *recording) Write(data []byte) (int, error) { return r.body.Write(data) }

// write sends a Reply, with base in place of BaseURL.
func (r *Reply) write(w http.ResponseWriter, base string) {
	for name, values := range r.Header {
		w.Header()[name] = nil
		for _, value := range values {
			w.Header().Add(name, strings.ReplaceAll(value, BaseURL, base))
		}
	}
	status := r.Status
	setDefault(&status, http.StatusOK)
	w.WriteHeader(status)
	// A client that has gone away is the client's concern.
	_, _ = io.WriteString(w, strings.ReplaceAll(r.Body, BaseURL, base))
}
