package main

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// shell runs a command line of kubectl as an administrator and prints both the line and what it answers, so
// that people can repeat it.
func (w *world) shell(ctx context.Context, line string) error {
	w.out.command(line)
	program, _, _ := strings.Cut(line, " -")
	ctx, cancel := wait(ctx, "the end of "+program)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Dir, cmd.Env, cmd.WaitDelay = w.root, w.environment, time.Second
	answer, err := cmd.CombinedOutput()
	w.out.block("            ", string(answer))
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", program, err)
	}
	return nil
}
