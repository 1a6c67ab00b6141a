package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/certwright/certwright/internal/dnssolver/wire"
)

// process is the process of one challenge, seen from serve.
type process struct {
	command *exec.Cmd
	in      io.WriteCloser
	pipe    io.Closer
	out     *bufio.Reader
	guard   *guard
	tenant  string
	ended   chan struct{}
	// busy is under the server's lock, as are asked, which is when it was last given back, and failing, which says
	// that it was kept because its clean-up failed. presented, and broken for a process that answers no more, belong
	// to who has the process.
	busy, presented, broken bool
	failing                 bool
	asked                   time.Time
}

// startProcess starts a process for a challenge with an empty environment.
func startProcess(request wire.Request) (*process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{command: exec.Command(program, "challenge"), tenant: request.Tenant, ended: make(chan struct{})} //nolint:gosec,noctx // It is this program itself, and ends by ask and end.
	// Not nil, which would mean the environment of this process.
	p.command.Env = []string{}
	if p.in, err = p.command.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.pipe, p.out = out, wire.NewReader(out)
	if p.guard, err = newGuard(request); err != nil {
		return nil, err
	}
	p.command.ExtraFiles = p.guard.files()
	err = p.command.Start()
	p.guard.started(p.command.Process)
	if err != nil {
		return nil, err
	}
	go func() {
		_, _ = p.command.Process.Wait()
		close(p.ended)
	}()
	return p, nil
}

func (p *process) alive() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// ask hands a request on and waits for the answer. A process that gives none in time is killed.
func (p *process) ask(request wire.Request, timeout time.Duration) wire.Answer {
	request.Timeout = timeout
	request.Inherited = inheritedVariables(os.Environ(), request.Ambient)
	p.guard.forget()
	deadline := time.AfterFunc(timeout, func() { _ = p.command.Process.Kill() })
	answer, err := p.exchange(request)
	inTime := deadline.Stop()
	p.broken = err != nil || !inTime
	switch {
	case !inTime:
		return wire.Failf(wire.Failed, "provider %s did not come to an end within %s", request.Provider, timeout)
	case errors.Is(err, wire.ErrRubbish):
		_ = p.command.Process.Kill()
		return wire.Failf(wire.Failed, "the process of provider %s gave an answer that is none", request.Provider)
	case err != nil:
		return wire.Failf(wire.Failed, "the process of provider %s ended unexpectedly, or needed more than %d MiB of memory", request.Provider, maxMemory>>20)
	case answer.OK():
		p.presented = request.Action == wire.Present
	case p.guard.refused() != nil:
		// What the provider made of it would only hide the cause, and tell where a name leads.
		return wire.Failf(wire.Refused, "provider %s was kept from an address: %v", request.Provider, p.guard.refused())
	}
	return answer
}

func (p *process) exchange(request wire.Request) (wire.Answer, error) {
	answer := wire.Answer{}
	if err := wire.Write(p.in, request); err != nil {
		return answer, err
	}
	err := wire.Read(p.out, &answer)
	return answer, err
}

// end lets the process end, which takes away what it still has, and kills it if that takes too long.
func (p *process) end() {
	_ = p.in.Close()
	timer := time.NewTimer(wire.CallTimeout + wire.Grace)
	defer timer.Stop()
	select {
	case <-p.ended:
	case <-timer.C:
		_ = p.command.Process.Kill()
		<-p.ended
	}
	_ = p.pipe.Close()
}
