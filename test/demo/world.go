package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/internal/testkit"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

// patience is how long any one wait may take.
const patience = 60 * time.Second

// world is everything that the demo starts.
type world struct {
	out *narrator
	// root is the repository; commands run there. folder is temporary.
	root, folder string
	// environment is that of the commands: it finds kubectl and the cluster.
	environment []string
	// end ends the demo, with the reason.
	end context.CancelCauseFunc

	plane    *testkit.ControlPlane
	client   client.WithWatch
	ca       *acmetest.Server
	dns      *acmetest.DNS
	solver   *port
	operator *process

	// cleanups undo what was started, the last first.
	cleanups []func() error
}

func newWorld(out *narrator, end context.CancelCauseFunc) (*world, error) {
	root, err := testkit.Root()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "certwright-demo-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for kubeconfig and logs: %w", err)
	}
	return &world{out: out, root: root, folder: folder, end: end}, nil
}

// file is the path of a file in the temporary folder.
func (w *world) file(name string) string { return filepath.Join(w.folder, name) }

// later has undo called at the end.
func (w *world) later(undo func() error) { w.cleanups = append(w.cleanups, undo) }

// stop ends everything that was started. With keep, the temporary folder stays, for the operator's log.
func (w *world) stop(keep bool) error {
	w.out.say("Stopping everything.")
	var failures []error
	for _, undo := range slices.Backward(w.cleanups) {
		failures = append(failures, undo())
	}
	if keep {
		w.out.say("What was logged stays in %s.", w.folder)
		return errors.Join(failures...)
	}
	return errors.Join(append(failures, os.RemoveAll(w.folder))...)
}

// timed says how long a piece of work took.
func (w *world) timed(done string, work func() error) error {
	begun := time.Now()
	if err := work(); err != nil {
		return err
	}
	w.out.detail("%s in %.1f s", done, time.Since(begun).Seconds())
	return nil
}

// wait bounds a wait by patience; what names what is waited for.
func wait(ctx context.Context, what string) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, patience, fmt.Errorf("%s did not happen within %s", what, patience))
}
