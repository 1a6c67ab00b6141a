package http01

import (
	"net/http"
	"time"
)

// Limits of a server that only ever answers a few hundred bytes to a few lines of request.
const (
	requestTimeout = 5 * time.Second
	idleTimeout    = 15 * time.Second
	maxHeaderBytes = 8 << 10
)

// NewServer returns a server for a handler at an address such as ":8089", with limits that keep slow or
// greedy clients from holding it. The caller starts and stops it.
func NewServer(addr string, handler http.Handler) *http.Server {
	return &http.Server{
		Addr:              addr,
		Handler:           handler,
		ReadHeaderTimeout: requestTimeout,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      requestTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
	}
}
