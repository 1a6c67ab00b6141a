//go:build linux

// Package main is the cluster test: it starts a Kubernetes node, with what other people wrote for Certwright to work with,
// runs the specs of test/e2e/specs against it, and takes everything away again. docs/e2e.md explains it.
//
// Nothing imports it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/certwright/certwright/test/e2e/node"
)

// exitCannot says that this machine cannot run the test, which is not a failure of what is tested (sysexits.h calls it
// EX_UNAVAILABLE).
const exitCannot = 69

const usage = `usage: e2e [flags] [command]

Commands:
  run        start a node, run the specs, end the node (the default)
  up         start a node and leave it running
  specs      run the specs against a node that is running
  down       end a node that was left running
  preflight  say what this machine lacks; exit status 69 if anything

Flags:
`

func main() {
	if len(os.Args) == 2 && os.Args[1] == "init" { // the first process of a node: package node started it
		exit(node.Init())
	}
	flags := flag.NewFlagSet("e2e", flag.ExitOnError)
	flags.Usage = func() {
		_, _ = fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	var t test
	flags.StringVar(&t.dir, "dir", filepath.Join(os.TempDir(), "certwright-e2e"), "folder of the node's state")
	flags.BoolVar(&t.keep, "keep", false, "leave the node running after the specs")
	flags.StringVar(&t.focus, "focus", "", "run only specs whose names match this regular expression")
	_ = flags.Parse(os.Args[1:]) // ends the program on an error
	command := "run"
	if flags.NArg() > 0 {
		command = flags.Arg(0)
	}
	if flags.NArg() > 1 {
		exit(fmt.Errorf("unexpected argument %q: flags go before the command", flags.Arg(1)))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	exit(t.do(ctx, command))
}

// exit ends the program.
func exit(err error) {
	var cannot *cannotError
	switch {
	case err == nil:
		os.Exit(0)
	case errors.As(err, &cannot):
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitCannot)
	default:
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
}

// test is one run of the program.
type test struct {
	dir   string
	keep  bool
	focus string
	root  string // of the repository
}

func (t *test) do(ctx context.Context, command string) (err error) {
	if t.dir, err = filepath.Abs(t.dir); err != nil {
		return err
	}
	if t.root, err = repository(); err != nil {
		return err
	}
	switch command {
	case "preflight":
		return preflight(t.dir)
	case "up":
		t.keep = true
		return t.withNode(ctx, func(context.Context) error { return nil })
	case "run":
		return t.withNode(ctx, t.specs)
	case "specs":
		return t.specs(ctx)
	case "down":
		return node.Down(t.dir)
	}
	return fmt.Errorf("no command %q: there are run, up, specs, down and preflight", command)
}

// repository is the folder of the checkout that the program is run in.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(dir, "hack", "e2e", "build.sh")); err != nil {
		return "", fmt.Errorf("run it in the root folder of a Certwright checkout: %w", err)
	}
	return dir, nil
}

// withNode starts a node with everything on it, does what is to be done there, and ends it unless it is to be kept.
func (t *test) withNode(ctx context.Context, do func(context.Context) error) (err error) {
	if err := preflight(t.dir); err != nil {
		return err
	}
	if err := node.Reserve(t.dir); err != nil {
		return err
	}
	b, err := t.build(ctx)
	if err != nil {
		return err
	}
	n, err := node.Start(ctx, node.Options{Dir: t.dir, Programs: b.folders, Log: os.Stdout, Images: b.images})
	if err != nil {
		return err
	}
	defer func() {
		if t.keep && ctx.Err() == nil {
			t.explain(n)
			err = errors.Join(err, n.Stay())
			return
		}
		err = errors.Join(err, n.Stop())
		if err == nil {
			err = node.Down(t.dir)
		}
	}()
	if err := t.addOns(ctx, n, b); err != nil {
		return err
	}
	return t.whileUp(ctx, n, do)
}

// whileUp does what is to be done, and gives it up when a program of the node ends.
func (t *test) whileUp(ctx context.Context, n *node.Node, do func(context.Context) error) error {
	up, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	go func() {
		select {
		case err := <-n.Ended():
			stop(err)
		case <-up.Done():
		}
	}()
	if err := do(up); err != nil {
		return errors.Join(err, context.Cause(up))
	}
	return nil
}

// explain says how to use a node that is kept, and how to end it.
func (t *test) explain(n *node.Node) {
	fmt.Printf(`
The node stays. To use it, and to end it:
  export KUBECONFIG=%s PATH=%s:$PATH
  bin/e2e -dir %s specs
  bin/e2e -dir %s down
`, n.Kubeconfig(), filepath.Join(t.dir, "bin"), t.dir, t.dir)
}
