package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/certwright/certwright/internal/testkit"
)

const (
	// operatorProgram is relative to the repository.
	operatorProgram = "bin/certwright"
	// serviceAccount is the one that config/rbac binds the operator's roles to.
	serviceAccount = "certwright"
	// stopping is how long the operator may take to end; it promises 20 s.
	stopping = 30 * time.Second
)

// process is the running operator.
type process struct {
	command *exec.Cmd
	log     string
	// ended is closed when the process has; err is then how.
	ended chan struct{}
	err   error
}

// startOperator runs the operator with the rights that it has in a cluster, never as an administrator.
func (w *world) startOperator(context.Context) error {
	w.out.say("Starting the operator as system:serviceaccount:%s:%s.", testkit.DefaultNamespace, serviceAccount)
	kubeconfig, err := w.operatorKubeconfig()
	if err != nil {
		return err
	}
	metrics, err := reservePort()
	if err != nil {
		return err
	}
	command := exec.Command(filepath.Join(w.root, operatorProgram),
		"--kubeconfig="+kubeconfig,
		"--http01-solver-bind-address="+w.solver.address(),
		"--dns01-recursive-nameservers="+w.dns.Addr(),
		"--allow-private-addresses=127.0.0.0/8",
		"--metrics-bind-address="+metrics.address(),
		"--health-probe-bind-address=0",
		"--crl-bind-address=0",
		"--log-format=text")
	command.Env = append(os.Environ(), "POD_NAMESPACE="+testkit.DefaultNamespace)
	// Ctrl-C goes to all of the terminal's group; the operator is to be stopped by us, in order.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	w.operator = &process{command: command, log: w.file("operator.log"), ended: make(chan struct{})}
	w.out.command("POD_NAMESPACE=" + testkit.DefaultNamespace + " " + operatorProgram + " " + strings.Join(command.Args[1:], " "))
	if err := errors.Join(w.solver.release(), metrics.release()); err != nil {
		return err
	}
	if err := w.operator.start(w.end); err != nil {
		return fmt.Errorf("starting the operator: %w", err)
	}
	w.later(w.operator.stop)
	w.out.detail("its log is %s, its metrics are at http://%s/metrics", w.operator.log, metrics.address())
	return nil
}

// operatorKubeconfig is a file for the service account of config/rbac.
func (w *world) operatorKubeconfig() (string, error) {
	user, err := w.plane.Environment.AddUser(envtest.User{
		Name:   "system:serviceaccount:" + testkit.DefaultNamespace + ":" + serviceAccount,
		Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + testkit.DefaultNamespace},
	}, nil)
	if err != nil {
		return "", fmt.Errorf("making the operator's user: %w", err)
	}
	data, err := user.KubeConfig()
	if err != nil {
		return "", fmt.Errorf("making the operator's kubeconfig: %w", err)
	}
	file := w.file("operator.kubeconfig")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return "", fmt.Errorf("writing the operator's kubeconfig: %w", err)
	}
	return file, nil
}

// start runs the process; end is told when it ends.
func (p *process) start(end context.CancelCauseFunc) error {
	log, err := os.Create(p.log)
	if err != nil {
		return err
	}
	// The process has a descriptor of its own, and nothing was written through this one.
	defer func() { _ = log.Close() }()
	p.command.Stdout, p.command.Stderr = log, log
	if err := p.command.Start(); err != nil {
		return err
	}
	go func() {
		p.err = p.command.Wait()
		close(p.ended)
		end(fmt.Errorf("the operator ended by itself: see %s", p.log))
	}()
	return nil
}

// stop ends the process as a cluster would, and fails if it does not end well.
func (p *process) stop() error {
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stopping the operator: %w", err)
	}
	late := time.NewTimer(stopping)
	defer late.Stop()
	select {
	case <-p.ended:
	case <-late.C:
		err := p.command.Process.Kill()
		<-p.ended
		return errors.Join(fmt.Errorf("the operator did not end within %s", stopping), err)
	}
	if p.err != nil {
		return fmt.Errorf("the operator did not end well: %w", p.err)
	}
	return nil
}
