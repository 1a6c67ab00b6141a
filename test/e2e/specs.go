//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/certwright/certwright/test/e2e/cluster"
)

// farewell is how long specs that are interrupted may take to show what they saw and to clean up.
const farewell = 30 * time.Second

// specs runs the specs against the node of t.dir.
func (t *test) specs(ctx context.Context) error {
	program := filepath.Join(t.root, "bin", "e2e-specs")
	compile := exec.CommandContext(ctx, "go", "test", "-c", "-o", program, "./test/e2e/specs")
	compile.Dir, compile.Stdout, compile.Stderr = t.root, os.Stdout, os.Stderr
	if err := compile.Run(); err != nil {
		return fmt.Errorf("building the specs: %w", err)
	}
	arguments := []string{"-test.v", "-test.timeout=30m", "-ginkgo.v", "-ginkgo.no-color"}
	if t.focus != "" {
		arguments = append(arguments, "-ginkgo.focus="+t.focus)
	}
	cmd := exec.CommandContext(ctx, program, arguments...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = t.root, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), cluster.Variable+"="+filepath.Join(t.dir, cluster.File))
	// Ctrl-C reaches the specs through this program, once.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = farewell
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("the specs: %w; logs of the node are in %s", err, filepath.Join(t.dir, "log"))
	}
	return nil
}
