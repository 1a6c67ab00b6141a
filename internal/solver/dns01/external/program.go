package external

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/go-logr/logr"
)

// Program runs dns-solver beside this process, where no container of its own does: outside of a cluster. It is
// a manager.Runnable.
type Program struct {
	// Arguments are handed to the program beside those that it needs.
	Arguments []string

	path   string
	folder string
	socket *os.File
	log    logr.Logger
}

// NewProgram prepares to run the program at path, and gives the client for it. The socket is made here, in a
// folder that nobody else may enter, so that who asks before the program runs, or while it is started again,
// waits for it instead of failing.
func NewProgram(path string, log logr.Logger) (*Program, *Client, error) {
	folder, err := os.MkdirTemp("", "dns-solver-")
	if err != nil {
		return nil, nil, err
	}
	socket := filepath.Join(folder, "socket")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		return nil, nil, err
	}
	listener.SetUnlinkOnClose(false)
	file, err := listener.File()
	_ = listener.Close()
	if err != nil {
		return nil, nil, err
	}
	return &Program{path: path, folder: folder, socket: file, log: log}, &Client{Socket: socket}, nil
}

// restartDelay is how long the program stays away after it ended by itself.
const restartDelay = time.Second

// stopGrace is how long it may take for the records that it still keeps when it is told to stop.
const stopGrace = 15 * time.Second

// NeedLeaderElection says that only the replica that reconciles needs it.
func (p *Program) NeedLeaderElection() bool { return true }

// Start runs the program until ctx ends, again where it ends before.
func (p *Program) Start(ctx context.Context) error {
	defer func() {
		_ = p.socket.Close()
		_ = os.RemoveAll(p.folder)
	}()
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
	command := exec.CommandContext(ctx, p.path, append([]string{"serve", "--inherit"}, p.Arguments...)...) //nolint:gosec // The path is a flag of the operator.
	// The pipe ends with this process however that ends, and the program with it.
	alive, err := command.StdinPipe()
	if err != nil {
		return err
	}
	command.ExtraFiles = []*os.File{p.socket}
	command.Cancel = alive.Close
	command.WaitDelay = stopGrace
	return command.Run()
}
