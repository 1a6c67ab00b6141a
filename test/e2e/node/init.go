//go:build linux

package node

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// What the first process and the one that made it tell each other.
const (
	initReady = "ready"
	initStay  = "stay"
)

// Init is the first process of a node's namespaces. It hides the machine's /run and /var/log from the node, says that it
// did, and waits: when whoever started it goes away, it ends, and with it every process of the node. Told to stay, it
// waits to be killed.
func Init() error {
	// Orphans become children of this process. Ignoring the signal has the kernel clear them away.
	signal.Ignore(syscall.SIGCHLD)
	mounts := []struct {
		source, target, kind string
		flags                uintptr
	}{
		{"none", "/", "", syscall.MS_REC | syscall.MS_PRIVATE},
		{"proc", "/proc", "proc", syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC},
		{"tmpfs", "/run", "tmpfs", syscall.MS_NOSUID | syscall.MS_NODEV},
		{"tmpfs", "/var/log", "tmpfs", syscall.MS_NOSUID | syscall.MS_NODEV},
		// kubelet and containerd hand mounts on to each other, inside these namespaces.
		{"none", "/", "", syscall.MS_REC | syscall.MS_SHARED},
	}
	for _, m := range mounts {
		if err := syscall.Mount(m.source, m.target, m.kind, m.flags, ""); err != nil {
			return fmt.Errorf("mounting %s at %s: %w", m.source, m.target, err)
		}
	}
	if _, err := os.Stdout.WriteString(initReady); err != nil {
		return err
	}
	if err := os.Stdout.Close(); err != nil {
		return err
	}
	told, err := io.ReadAll(os.Stdin)
	for string(told) == initStay {
		_ = syscall.Pause() // until Down
	}
	return err
}
