package main

import (
	"context"
	"errors"
	"io/fs"
	"maps"
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
	jobs      map[string]*job
	processes map[string]*process
	// holds counts the connections that keep processes; released is when the last of them ended.
	holds    int
	released time.Time
	calls    sync.WaitGroup
	turns    turns
}

// job is one request at work, or its answer that nobody has fetched yet, by the challenge's ID.
type job struct {
	action wire.Action
	done   chan struct{}
	answer wire.Answer
	ended  time.Time
}

// patience is how long a request waits for its answer. Whoever asks again later gets it, so that a provider that
// takes its time does not hold who asks.
const patience = 5 * time.Second

// requestTimeout bounds how long a connection may take to say what it wants.
const requestTimeout = 10 * time.Second

// sweep is how often processes are looked for that nobody will ask for any more.
const sweep = 15 * time.Second

// serve answers until ctx ends, and then has every process that is kept take its record away.
func (s *server) serve(ctx context.Context, listener net.Listener) error {
	s.jobs, s.processes, s.released = map[string]*job{}, map[string]*process{}, time.Now()
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
	answer := s.do(request)
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

// do answers a request when it is done, or says that it is still at work.
func (s *server) do(request wire.Request) wire.Answer {
	if request.ID == "" || request.Domain == "" || request.FQDN == "" || request.KeyAuthorization == "" {
		return wire.Failf(wire.Invalid, "the request is not complete")
	}
	job := s.job(request)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-job.done:
	case <-timer.C:
		return wire.Failf(wire.Working, "provider %s is still at work", request.Provider)
	}
	if job.action != request.Action {
		// What was asked before is over, so that this can begin.
		return s.do(request)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.jobs[request.ID] == job {
		delete(s.jobs, request.ID)
	}
	return job.answer
}

// job is what is at work for a challenge; it begins the request if nothing else is.
func (s *server) job(request wire.Request) *job {
	s.mu.Lock()
	defer s.mu.Unlock()
	current := s.jobs[request.ID]
	if current != nil && (current.action == request.Action || current.ended.IsZero()) {
		return current
	}
	begun := &job{action: request.Action, done: make(chan struct{})}
	s.jobs[request.ID] = begun
	s.calls.Go(func() {
		answer := s.run(request)
		s.mu.Lock()
		begun.answer, begun.ended = answer, time.Now()
		s.mu.Unlock()
		close(begun.done)
	})
	return begun
}

// run has the process of the challenge do what is asked, when it is its turn.
func (s *server) run(request wire.Request) wire.Answer {
	leave := s.turns.take(placeOf(request), s.timeout)
	if leave == nil {
		return wire.Failf(wire.Busy, "provider %s is still at work on another record in the same place", request.Provider)
	}
	defer leave()
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
	s.leave(request, worker, kept)
	return answer, before && worker.broken
}

// process returns the process of a challenge, for this call alone until leave, and whether it was there before.
func (s *server) process(request wire.Request) (worker *process, before bool, refusal wire.Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	worker = s.processes[request.ID]
	if worker != nil && worker.alive() {
		worker.busy = true
		return worker, true, wire.Answer{}
	}
	if refusal := s.room(request); worker == nil && !refusal.OK() {
		return nil, false, refusal
	}
	worker, err := startProcess(request)
	if err != nil {
		return nil, false, wire.Failf(wire.Failed, "no process can be started: %v", err)
	}
	worker.busy = true
	s.processes[request.ID] = worker
	return worker, false, wire.Answer{}
}

// room says whether there may be another process. A quarter of them is not for who has the others, so that one
// tenant whose provider hangs does not keep all the others waiting.
func (s *server) room(request wire.Request) wire.Answer {
	ofTenant := 0
	for _, worker := range s.processes {
		if worker.tenant == request.Tenant {
			ofTenant++
		}
	}
	switch {
	case len(s.processes) >= s.limit:
		return wire.Failf(wire.Busy, "dns-solver works on %d challenges already, and no more at once: see its flag --processes", s.limit)
	case ofTenant >= s.limit-s.limit/4:
		return wire.Failf(wire.Busy, "dns-solver works on %d challenges of this namespace already, and no more at once: see its flag --processes", ofTenant)
	}
	return wire.Answer{}
}

// leave gives a process back, or ends it.
func (s *server) leave(request wire.Request, worker *process, kept bool) {
	if !kept {
		worker.end()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	worker.busy, worker.asked, worker.failing = false, time.Now(), request.Action == wire.CleanUp
	if !kept {
		delete(s.processes, request.ID)
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
		s.dismiss(func(worker *process) bool { return abandoned || !worker.alive() || s.isForgotten(worker) })
		s.forget()
	}
}

// longestKept is how long a process is kept for a clean-up that nobody asks for. An Order seldom takes an hour; one
// that was deleted by force never asks.
const longestKept = 24 * time.Hour

// isForgotten says whether nobody will ask for a process any more although an operator is there. One that gets a
// record away at last is worth a few more minutes, which is as long as an operator tries; then it would take the
// place of others for good.
func (s *server) isForgotten(worker *process) bool {
	most := longestKept
	if worker.failing {
		most = s.keepFor
	}
	return time.Since(worker.asked) >= most
}

// unfetched is how long an answer is kept that nobody asks for.
const unfetched = 10 * time.Minute

// forget drops answers that nobody has asked for.
func (s *server) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.jobs, func(_ string, job *job) bool { return !job.ended.IsZero() && time.Since(job.ended) > unfetched })
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
