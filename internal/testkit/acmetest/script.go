package acmetest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// Paths of a Script that have an answer from the start.
const (
	ScriptDirectory  = "/dir"
	ScriptNewNonce   = "/new-nonce"
	ScriptNewAccount = "/new-account"
	ScriptNewOrder   = "/new-order"
	ScriptRevokeCert = "/revoke-cert"
	ScriptKeyChange  = "/key-change"
)

// BaseURL stands, in the bodies and headers of a Reply, for the URL of the
// Script without a trailing slash.
const BaseURL = "{base}"

// maxScriptBody bounds a request body in bytes.
const maxScriptBody = 1 << 20

const scriptDirectory = `{
	"newNonce": "{base}/new-nonce",
	"newAccount": "{base}/new-account",
	"newOrder": "{base}/new-order",
	"revokeCert": "{base}/revoke-cert",
	"keyChange": "{base}/key-change",
	"meta": {"termsOfService": "{base}/terms"}
}`

// Reply is one answer of a Script. BaseURL in Body and Header is replaced.
type Reply struct {
	Status int // zero means 200
	Header http.Header
	Body   string

	// NoNonce leaves Replay-Nonce out; otherwise every answer has a new one,
	// unless Header sets it.
	NoNonce bool

	// Drop closes the connection without an answer.
	Drop bool
}

// JSONReply is a Reply with a JSON body.
func JSONReply(status int, body string) Reply {
	return Reply{Status: status, Body: body, Header: http.Header{"Content-Type": {"application/json"}}}
}

// ProblemReply is a Reply with a problem document of an ACME error type, given
// without its URN prefix.
func ProblemReply(status int, errorType, detail string) Reply {
	document := struct {
		Type   string `json:"type"`
		Detail string `json:"detail"`
		Status int    `json:"status"`
	}{"urn:ietf:params:acme:error:" + errorType, detail, status}
	// A struct of strings and a number always encodes.
	body, _ := json.Marshal(document)
	return Reply{Status: status, Body: string(body), Header: http.Header{"Content-Type": {"application/problem+json"}}}
}

// Request is one request that a Script was sent. The last three fields are
// those of the JWS in its body, unverified.
type Request struct {
	Method    string
	Path      string
	Header    http.Header
	Protected map[string]any
	Payload   []byte // decoded; nil if the JWS has no payload member
	Signature string
}

// Script is an ACME server that says what it is told to say, for what no real
// server does on demand. Its directory and newNonce answer by themselves;
// every other path answers 404 until On gives it replies.
type Script struct {
	DirectoryURL string
	CABundle     []byte

	server *tlsServer

	mu       sync.Mutex
	replies  map[string][]Reply
	requests []Request
	nonces   int
}

// StartScript runs a Script at a free port of 127.0.0.1.
func StartScript() (*Script, error) {
	id, err := newIdentity(nil)
	if err != nil {
		return nil, err
	}
	s := &Script{CABundle: id.caPEM, replies: map[string][]Reply{
		ScriptDirectory: {JSONReply(http.StatusOK, scriptDirectory)},
		ScriptNewNonce:  {{}},
	}}
	// Only in HTTP/1.1 does dropping an exchange close the connection.
	if s.server, err = serveTLS(loopback, id, s, true); err != nil {
		return nil, err
	}
	s.DirectoryURL = s.server.url + ScriptDirectory
	return s, nil
}

// On sets the replies of a path, in place of those it had. Each is given once,
// in order; the last is repeated.
func (s *Script) On(path string, replies ...Reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replies[path] = replies
}

// URL returns the absolute URL of a path.
func (s *Script) URL(path string) string { return s.server.url + path }

// HTTPClient returns a client that trusts the Script's TLS certificate.
func (s *Script) HTTPClient() *http.Client { return trustingClient(s.CABundle) }

// Close stops the server.
func (s *Script) Close() error { return s.server.close() }

// Requests returns the requests made to a path so far, or all if path is empty.
func (s *Script) Requests(path string) []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	var matching []Request
	for _, request := range s.requests {
		if path == "" || request.Path == path {
			matching = append(matching, request)
		}
	}
	return matching
}

// ServeHTTP implements http.Handler.
func (s *Script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxScriptBody))
	if err != nil {
		http.Error(w, "cannot read the request", http.StatusBadRequest)
		return
	}
	request := Request{Method: r.Method, Path: r.URL.Path, Header: r.Header.Clone()}
	request.readJWS(body)
	reply, nonce := s.next(request)
	if reply.Drop {
		panic(http.ErrAbortHandler)
	}
	if !reply.NoNonce {
		w.Header().Set("Replay-Nonce", nonce)
	}
	reply.write(w, s.server.url)
}

// next records a request and takes the reply and the nonce for it.
func (s *Script) next(request Request) (Reply, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, request)
	s.nonces++
	nonce := fmt.Sprintf("script-nonce-%d", s.nonces)
	queue := s.replies[request.Path]
	if len(queue) == 0 {
		return ProblemReply(http.StatusNotFound, "malformed", "no reply is scripted for this path"), nonce
	}
	if len(queue) > 1 {
		s.replies[request.Path] = queue[1:]
	}
	return queue[0], nonce
}

// readJWS takes a flattened JWS apart; a body that is none leaves the fields empty.
func (r *Request) readJWS(body []byte) {
	var jws struct {
		Protected string  `json:"protected"`
		Payload   *string `json:"payload"`
		Signature string  `json:"signature"`
	}
	if json.Unmarshal(bytes.TrimSpace(body), &jws) != nil {
		return
	}
	r.Signature = jws.Signature
	if header, err := base64.RawURLEncoding.DecodeString(jws.Protected); err == nil {
		// A header that is no JSON object stays nil.
		_ = json.Unmarshal(header, &r.Protected)
	}
	if jws.Payload == nil {
		return
	}
	if payload, err := base64.RawURLEncoding.DecodeString(*jws.Payload); err == nil {
		r.Payload = payload
	}
}
