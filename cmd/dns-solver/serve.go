package main

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"sync"
	"time"

	"github.com/certwright/certwright/internal/dnssolver/wire"
)

// server answers requests, each on a connection of its own, by processes, one for each challenge.
type server struct {
	limit            int
	keepFor, timeout time.Duration

	mu        sync.Mutex
	processes map[string]*process
	// holds counts the connections that keep processes; released is when the last of them ended.
	holds    int
	released time.Time
	calls    sync.WaitGroup
}

// requestTimeout bounds how long a connection may take to say what it wants.
const requestTimeout = 10 * time.Second

// sweep is how often processes are looked for that nobody will ask for any more.
const sweep = 15 * time.Second

// serve answers until ctx ends, and then has every process that is kept take its record away.
func (s *server) serve(ctx context.Context, listener net.Listener) error {
	s.processes, s.released = map[string]*process{}, time.Now()
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	go s.sweepUntil(ctx)
	for {
		connection, err := listener.Accept()
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			return err
		}
		go s.answer(ctx, connection)
	}
	s.calls.Wait()
	s.dismiss(func(*process) bool { return true })
	return nil
}

// isSound says whether the settings make sense.
func (s *server) isSound() bool {
	return s.limit > 0 && s.keepFor > 0 && s.timeout > 0 && s.timeout <= wire.CallTimeout
}

// listen makes the socket, for the owner and the group of its folder. Without a path it makes none.
func listen(ctx context.Context, socket string) (net.Listener, error) {
	if socket == "" {
		return nil, nil
	}
	if err := os.Remove(socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "unix", socket)
	if err != nil {
		return nil, err
	}
	return listener, os.Chmod(socket, 0o660) //nolint:gosec // G302: the operator is another user of the same group.
}

func (s *server) answer(ctx context.Context, connection net.Conn) {
	defer func() { _ = connection.Close() }()
	_ = connection.SetDeadline(time.Now().Add(requestTimeout))
	request := wire.Request{}
	if err := wire.Read(wire.NewReader(connection), &request); err != nil {
		_ = wire.Write(connection, wire.Failf(wire.Invalid, "%v", err))
		return
	}
	if request.Action == wire.Hold {
		s.hold(ctx, connection)
		return
	}
	s.calls.Add(1)
	answer := s.do(request)
	s.calls.Done()
	answer.Error = wire.Clean(answer.Error, request.Secrets())
	_ = connection.SetDeadline(time.Now().Add(requestTimeout))
	_ = wire.Write(connection, answer)
}

// hold keeps processes until the other end goes away.
func (s *server) hold(ctx context.Context, connection net.Conn) {
	s.mu.Lock()
	s.holds++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.holds--
		s.released = time.Now()
		s.mu.Unlock()
	}()
	stop := context.AfterFunc(ctx, func() { _ = connection.Close() })
	defer stop()
	if wire.Write(connection, wire.Answer{}) != nil {
		return
	}
	_ = connection.SetDeadline(time.Time{})
	_, _ = connection.Read(make([]byte, 1))
}

// do has the process of the challenge do what is asked, and makes it first if there is none.
func (s *server) do(request wire.Request) wire.Answer {
	if request.ID == "" || request.Domain == "" || request.FQDN == "" || request.KeyAuthorization == "" {
		return wire.Failf(wire.Invalid, "the request is not complete")
	}
	answer, ended := s.ask(request)
	if ended {
		// It had ended before it was asked: as if there had been none.
		answer, _ = s.ask(request)
	}
	return answer
}

// ask asks the process of the challenge once. ended says that the process, which was kept from before, had gone
// by then.
func (s *server) ask(request wire.Request) (answer wire.Answer, ended bool) {
	worker, before, refusal := s.process(request)
	if worker == nil {
		return refusal, false
	}
	answer = worker.ask(request, s.timeout)
	kept := request.Keep && answer.OK() && request.Action == wire.Present
	// A clean-up that failed may succeed later, with what the process remembers.
	kept = kept || request.Keep && worker.presented && !answer.OK() && !worker.broken
	s.leave(request.ID, worker, kept)
	return answer, before && worker.broken
}

// process returns the process of a challenge, for this call alone until leave, and whether it was there before.
func (s *server) process(request wire.Request) (worker *process, before bool, refusal wire.Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	worker = s.processes[request.ID]
	if worker != nil && worker.busy {
		return nil, true, wire.Failf(wire.Busy, "the provider is still at work on this record")
	}
	if worker != nil && worker.alive() {
		worker.busy = true
		return worker, true, wire.Answer{}
	}
	if worker == nil && len(s.processes) >= s.limit {
		return nil, false, wire.Failf(wire.Busy, "dns-solver works on %d challenges already, and no more at once: see its flag --processes", s.limit)
	}
	worker, err := startProcess(request)
	if err != nil {
		return nil, false, wire.Failf(wire.Failed, "no process can be started: %v", err)
	}
	worker.busy = true
	s.processes[request.ID] = worker
	return worker, false, wire.Answer{}
}

// leave gives a process back, or ends it.
func (s *server) leave(id string, worker *process, kept bool) {
	if !kept {
		worker.end()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	worker.busy = false
	if !kept {
		delete(s.processes, id)
	}
}

// sweepUntil ends, time and again until ctx ends, what nobody will ask for any more.
func (s *server) sweepUntil(ctx context.Context) {
	ticker := time.NewTicker(min(sweep, s.keepFor))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		s.mu.Lock()
		abandoned := s.holds == 0 && time.Since(s.released) >= s.keepFor
		s.mu.Unlock()
		s.dismiss(func(worker *process) bool { return abandoned || !worker.alive() })
	}
}

// dismiss ends the processes that are kept and for which a condition holds, all at once: each takes its record
// away first.
func (s *server) dismiss(condition func(*process) bool) {
	var dismissed []*process
	s.mu.Lock()
	for id, worker := range s.processes {
		if !worker.busy && condition(worker) {
			dismissed = append(dismissed, worker)
			delete(s.processes, id)
		}
	}
	s.mu.Unlock()
	var ending sync.WaitGroup
	for _, worker := range dismissed {
		ending.Go(worker.end)
	}
	ending.Wait()
}
