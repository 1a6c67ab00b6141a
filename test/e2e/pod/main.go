// Command pod is what runs in the pods of the cluster test: "pod pause" holds a pod's namespaces, "pod hello" is a web
// server that says which pod answered.
package main

import (
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == "hello" {
		fmt.Fprintln(os.Stderr, "pod:", hello())
		os.Exit(1)
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, os.Interrupt, syscall.SIGTERM)
	<-ended
}

func hello() error {
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	server := &http.Server{Addr: ":8080", ReadHeaderTimeout: 5 * time.Second}
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "hello from %s to %s\n", name, r.Host)
	})
	return server.ListenAndServe()
}
