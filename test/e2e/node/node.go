//go:build linux

// Package node runs a Kubernetes node of one machine: etcd, the control plane, containerd, kubelet and kube-proxy, with
// BIND and Pebble beside them.
//
// All of it lives in namespaces of its own (network, mounts, processes, IPC), so that the kernel takes it away as a whole
// when the first process of them ends: no mount, link, rule, port or process of a node outlives it, however it ended.
// What is left is a folder and cgroups, which Down removes.
//
// Only the cluster test imports it. It knows nothing of Certwright.
package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// Where things are, in the node's own network.
const (
	Name    = "node1"
	Address = "10.77.0.1" // of the node, reachable from the machine

	hostAddress   = "10.77.0.254"
	network       = "10.77.0.0/24"
	podNetwork    = "10.244.0.0/24"
	serviceRange  = "10.96.0.0/16"
	apiServiceIP  = "10.96.0.1"
	dnsServiceIP  = "10.96.0.10"
	hostLink      = "certwright-e2e" // 15 characters at most
	cgroup        = "certwright-e2e"
	Domain        = "e2e.test" // the zone that BIND serves; every name in it is at Address
	pebblePort    = 14000
	pebbleManager = 15000
)

// Options say where a node's programs and its state are.
type Options struct {
	Dir      string    // of all state; Reserve made it
	Programs []string  // folders of the node's programs
	Images   string    // folder of image archives (*.tar); e2e.test/pod:1 among them, which holds the namespaces of pods
	Log      io.Writer // what is being done, for people
}

// Node is a running node.
type Node struct {
	options Options
	started time.Time
	init    *exec.Cmd
	hold    io.WriteCloser // the node lives until this is closed, unless it was told to stay
	ended   chan error     // the first program that ended by itself
}

// file is a path in the node's folder.
func (n *Node) file(parts ...string) string {
	return filepath.Join(append([]string{n.options.Dir}, parts...)...)
}

// Kubeconfig is the administrator's.
func (n *Node) Kubeconfig() string { return n.file("pki", "admin.kubeconfig") }

func (n *Node) logf(format string, arguments ...any) {
	_, _ = fmt.Fprintf(n.options.Log, "%6.1f s  %s\n", time.Since(n.started).Seconds(), fmt.Sprintf(format, arguments...))
}

// Start starts a node and returns when it can run pods. If it fails, nothing of it is left but the folder with its logs.
func Start(ctx context.Context, options Options) (*Node, error) {
	n := &Node{options: options, started: time.Now(), ended: make(chan error, 16)}
	if err := n.prepare(); err != nil {
		return nil, err
	}
	steps := []func(context.Context) error{
		n.enter, n.startNames, n.startControlPlane, n.startContainerd, n.startKubelet,
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, n.Stop())
		}
	}
	return n, nil
}

// prepare writes keys and configuration.
func (n *Node) prepare() error {
	for _, folder := range []string{"etc/cni", "log/pods", "run", "state", "bind"} {
		if err := os.MkdirAll(n.file(folder), 0o755); err != nil {
			return err
		}
	}
	if err := n.rememberSysctls(); err != nil {
		return err
	}
	if err := n.writeKeys(); err != nil {
		return err
	}
	return n.writeConfiguration()
}

// enter makes the node's namespaces, with this program as their first process (Init), and connects the machine to them.
func (n *Node) enter(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	n.init = exec.Command(self, "init")
	n.init.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC,
		Setsid:     true, // Ctrl-C is for the program that started the node, which then ends it
	}
	// Not this program's own: whoever reads that would wait for the node to end.
	log, err := os.Create(n.file("log", "init.log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	n.init.Stderr = log
	if n.hold, err = n.init.StdinPipe(); err != nil {
		return err
	}
	ready, err := n.init.StdoutPipe()
	if err != nil {
		return err
	}
	if err := n.init.Start(); err != nil {
		return fmt.Errorf("starting the node's first process: %w", err)
	}
	pid := strconv.Itoa(n.init.Process.Pid)
	if err := os.WriteFile(n.file("run", "init.pid"), []byte(pid), 0o600); err != nil {
		return err
	}
	if answer, err := io.ReadAll(ready); err != nil || string(answer) != initReady {
		return fmt.Errorf("the node's first process did not set up its mounts: %q, %w", answer, errors.Join(err, ctx.Err()))
	}
	return n.connect(pid)
}

// connect gives the node its network: a link to the machine and forwarding between pods.
func (n *Node) connect(pid string) error {
	for _, line := range []string{
		"ip link add " + hostLink + " type veth peer name eth0 netns " + pid,
		"ip address add " + hostAddress + "/24 dev " + hostLink,
		"ip link set " + hostLink + " up",
	} {
		if err := run(exec.Command("sh", "-c", line)); err != nil {
			return err
		}
	}
	for _, line := range []string{
		"ip link set lo up",
		"ip address add " + Address + "/24 dev eth0",
		"ip link set eth0 up",
		// Service addresses need a route before kube-proxy's rules see a connection. There is none to anywhere else.
		"ip route add " + serviceRange + " dev eth0",
		"sysctl -qw net.ipv4.ip_forward=1",
	} {
		if err := run(n.command("sh", "-c", line)); err != nil {
			return err
		}
	}
	n.logf("network: the node is at %s", Address)
	return nil
}

// run runs a command that is quick, and puts what it said into its error.
func run(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// command is a program in the node's namespaces, looked up in the folders of its programs first.
func (n *Node) command(program string, arguments ...string) *exec.Cmd {
	inside := []string{"--target", strconv.Itoa(n.init.Process.Pid), "--net", "--mount", "--pid", "--ipc", "--"}
	cmd := exec.Command("nsenter", append(append(inside, n.program(program)), arguments...)...)
	cmd.Env = []string{
		"PATH=" + strings.Join(append(n.options.Programs, "/usr/local/sbin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"), ":"),
		"HOME=" + n.options.Dir,
	}
	return cmd
}

func (n *Node) program(name string) string {
	for _, folder := range n.options.Programs {
		if path := filepath.Join(folder, name); executable(path) {
			return path
		}
	}
	return name
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// start starts a program that is to run as long as the node does. Its output goes to log/<program>.log.
func (n *Node) start(program string, environment []string, arguments ...string) error {
	log, err := os.Create(n.file("log", filepath.Base(program)+".log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd := n.command(program, arguments...)
	cmd.Env = append(cmd.Env, environment...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", program, err)
	}
	go func() {
		n.ended <- fmt.Errorf("%s ended (%w); its last words are in %s", program, orExited(cmd.Wait()), log.Name())
	}()
	return nil
}

func orExited(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}

// await waits until ready holds. It ends early if a program of the node ends, and after limit in any case.
func (n *Node) await(ctx context.Context, what string, limit time.Duration, ready func(context.Context) error) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, limit, true, func(ctx context.Context) (bool, error) {
		select {
		case err := <-n.ended:
			return false, err
		default:
		}
		last = ready(ctx)
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("waiting until %s: %w (last: %w); logs are in %s", what, err, orExited(last), n.file("log"))
	}
	n.logf("%s", what)
	return nil
}

// Ended gives an error when a program of the node ends by itself.
func (n *Node) Ended() <-chan error { return n.ended }

// Stay has the node outlive this program. Down ends it.
func (n *Node) Stay() error {
	_, err := n.hold.Write([]byte(initStay))
	return err
}

// Stop ends the node and everything in it, and removes its cgroups. The folder stays.
func (n *Node) Stop() error {
	if n.init == nil || n.init.Process == nil {
		return nil
	}
	_ = n.init.Process.Kill()
	_ = n.init.Wait()
	return tidy(n.options.Dir)
}
