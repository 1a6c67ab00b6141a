package external

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/go-logr/logr"
)

// Program runs dns-solver beside this process, where no container of its own does: outside of a cluster. It is
// a manager.Runnable.
type Program struct {
	path   string
	folder string
	log    logr.Logger
}

// NewProgram prepares to run the program at path, and gives the client for it. Its socket is in a folder that
// nobody else may enter.
func NewProgram(path string, log logr.Logger) (*Program, *Client, error) {
	folder, err := os.MkdirTemp("", "dns-solver-")
	if err != nil {
		return nil, nil, err
	}
	program := &Program{path: path, folder: folder, log: log}
	return program, &Client{Socket: program.socket()}, nil
}

func (p *Program) socket() string { return filepath.Join(p.folder, "socket") }

// restartDelay is how long the program stays away after it ended by itself.
const restartDelay = time.Second

// stopGrace is how long it may take for the records that it still keeps when it is told to stop.
const stopGrace = 15 * time.Second

// NeedLeaderElection says that only the replica that reconciles needs it.
func (p *Program) NeedLeaderElection() bool { return true }

// Start runs the program until ctx ends, again where it ends before.
func (p *Program) Start(ctx context.Context) error {
	defer func() { _ = os.RemoveAll(p.folder) }()
	for ctx.Err() == nil {
		if err := p.run(ctx); err != nil && ctx.Err() == nil {
			p.log.Error(err, "dns-solver ended, and is started again", "path", p.path)
		}
		again := time.NewTimer(restartDelay)
		select {
		case <-ctx.Done():
		case <-again.C:
		}
		again.Stop()
	}
	return nil
}

func (p *Program) run(ctx context.Context) error {
	command := exec.CommandContext(ctx, p.path, "serve", "--until-eof", "--socket="+p.socket()) //nolint:gosec // The path is a flag of the operator.
	// The pipe ends with this process however that ends, and the program with it.
	alive, err := command.StdinPipe()
	if err != nil {
		return err
	}
	command.Stderr = io.Discard
	command.Cancel = alive.Close
	command.WaitDelay = stopGrace
	return command.Run()
}
