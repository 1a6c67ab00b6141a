package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
)

// challengePath is where the CA looks (RFC 8555 section 8.3).
const challengePath = "/.well-known/acme-challenge/"

// healthPath is answered whatever the name, for the kubelet's probes.
const healthPath = "/healthz"

// keyAuthorization is a token and the thumbprint of the account key (RFC 8555 section 8.1).
var keyAuthorization = regexp.MustCompile(`^([A-Za-z0-9_-]{1,256})\.[A-Za-z0-9_-]{43}$`)

// question is what a CA asks: for a token, at a name.
type question struct{ name, token string }

// answers are the key authorizations to give.
type answers map[question]string

// parseAnswers reads arguments of the form name=keyAuthorization.
func parseAnswers(arguments []string) (answers, error) {
	if len(arguments) == 0 {
		return nil, fmt.Errorf("nothing to answer: give name=keyAuthorization for each challenge")
	}
	result := answers{}
	for i, argument := range arguments {
		name, answer, _ := strings.Cut(argument, "=")
		parts := keyAuthorization.FindStringSubmatch(answer)
		if name == "" || parts == nil {
			return nil, fmt.Errorf("argument %d is not name=keyAuthorization", i+1)
		}
		result[question{canonical(name), parts[1]}] = answer
	}
	return result, nil
}

// canonical is a name as it is compared: in lower case, without a dot at the end or the brackets of an IPv6
// address.
func canonical(name string) string {
	return strings.ToLower(strings.Trim(strings.TrimSuffix(name, "."), "[]"))
}

// ServeHTTP implements http.Handler.
func (a answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	if reads && r.URL.Path == healthPath {
		write(w, r, "text/plain; charset=utf-8", "ok\n")
		return
	}
	token, asked := strings.CutPrefix(r.URL.Path, challengePath)
	answer, known := a[question{hostOf(r), token}]
	if !reads || !asked || !known {
		http.NotFound(w, r)
		return
	}
	write(w, r, "application/octet-stream", answer)
}

// hostOf is the name that a request is for, without the port.
func hostOf(r *http.Request) string {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return canonical(host)
}

func write(w http.ResponseWriter, r *http.Request, contentType, body string) {
	w.Header().Set("Content-Type", contentType)
	if r.Method == http.MethodHead {
		return
	}
	// A client that has gone away asks again.
	_, _ = io.WriteString(w, body)
}
