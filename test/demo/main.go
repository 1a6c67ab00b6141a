// Package main is the demo: a control plane, an ACME CA and the operator on loopback, Certificates that become
// Secrets, a revocation and a renewal. It shows the operator to people and, with --exit, is a check that all of it
// works on this machine.
//
// Nothing imports it. It uses the operator as a program only, as a user with the rights of config/rbac, and
// leaves nothing behind.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"
)

func main() {
	exit := flag.Bool("exit", false, "end after the last step instead of waiting for Ctrl-C")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "demo: unexpected argument %q: the only one is --exit\n", flag.Arg(0))
		os.Exit(2)
	}
	// What the libraries of the control plane log is not part of the show; their errors are returned.
	ctrl.SetLogger(logr.Discard())
	if err := run(*exit); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// errInterrupted means that Ctrl-C came before the end.
var errInterrupted = errors.New("interrupted before the end")

// run shows everything once, then waits for Ctrl-C unless exit is set. It fails unless all of it held.
func run(exit bool) (err error) {
	interrupted, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, end := context.WithCancelCause(interrupted)
	defer end(nil)
	w, err := newWorld(newNarrator(os.Stdout), end)
	if err != nil {
		return err
	}
	defer func() {
		keep := err != nil && !errors.Is(err, errInterrupted)
		err = errors.Join(err, w.stop(keep))
	}()
	if err := w.show(ctx); err != nil {
		if interrupted.Err() != nil {
			return errInterrupted
		}
		w.explain(interrupted)
		return err
	}
	w.out.say("All of it held, in %.1f s.", w.out.elapsed().Seconds())
	if exit {
		return nil
	}
	w.invite()
	<-ctx.Done()
	if interrupted.Err() == nil {
		return context.Cause(ctx)
	}
	return nil
}

// show takes every step of the demo, up to the first that fails.
func (w *world) show(ctx context.Context) error {
	steps := []func(context.Context) error{
		w.buildPrograms, w.startControlPlane, w.startCA, w.install, w.startOperator,
		w.applySamples, w.awaitIssued, w.readBack, w.revoke, w.renewAsSuggested,
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}
