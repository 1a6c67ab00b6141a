package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is the operator under measure.
type process struct {
	cmd    *exec.Cmd
	log    string
	exited chan error
}

var (
	errEnded = errors.New("exit status 0")
	errStuck = errors.New("the operator does not stop")
)

// startOperator runs the operator as the chart's service account.
func (w *world) startOperator() (*process, error) {
	line := strings.NewReplacer("{kubeconfig}", w.kubeconfig, "{group}", w.group, "{dns}", w.dns).Replace(w.operator)
	words := strings.Fields(line)
	log, err := os.OpenFile(filepath.Join(w.folder, "operator.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(words[0], words[1:]...), log: log.Name(), exited: make(chan error, 1)}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.Env = append(os.Environ(), "POD_NAMESPACE="+systemNamespace)
	if err := errors.Join(p.cmd.Start(), log.Close()); err != nil {
		return nil, fmt.Errorf("starting %s: %w (make build makes it)", words[0], err)
	}
	go func() { p.exited <- p.cmd.Wait() }()
	return p, nil
}

// stop ends the operator as a node would.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-p.exited:
		// Ended by a signal or by itself: both are what was asked for.
		p.exited <- err
		return nil
	case <-time.NewTimer(30 * time.Second).C:
		return errors.Join(errStuck, p.cmd.Process.Kill())
	}
}

// alive fails if the operator has ended, with the end of its log.
func (p *process) alive() error {
	select {
	case err := <-p.exited:
		p.exited <- err
		data, _ := os.ReadFile(p.log)
		return fmt.Errorf("the operator ended: %w\n%s", cmp.Or(err, errEnded), data[max(0, len(data)-2000):])
	default:
		return nil
	}
}

// cpu is the processor time that the operator has used.
func (p *process) cpu() (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	// The second field is the name in brackets, which may hold blanks.
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+2:]))
	user, err := strconv.Atoi(fields[11])
	if err != nil {
		return 0, err
	}
	system, err := strconv.Atoi(fields[12])
	if err != nil {
		return 0, err
	}
	const ticksPerSecond = 100
	return time.Duration(user+system) * time.Second / ticksPerSecond, nil
}

// memory is a value in MiB from the operator's status: VmRSS or VmHWM.
func (p *process) memory(field string) (float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(line, ":")
		if name == field {
			kib, err := strconv.ParseFloat(strings.Fields(value)[0], 64)
			return kib / 1024, err
		}
	}
	return 0, fmt.Errorf("no %s for the operator", field)
}

// peakAndNow are the most memory that the operator has held, and what it holds, in MiB.
func (p *process) peakAndNow() (float64, float64, error) {
	peak, err := p.memory("VmHWM")
	if err != nil {
		return 0, 0, err
	}
	now, err := p.memory("VmRSS")
	return peak, now, err
}
