//go:build linux

package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// kubeletSysctls are the settings of the machine that kubelet changes.
var kubeletSysctls = []string{"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops"}

// marker is a file that says that a folder is a node's, and may be removed with everything in it.
const marker = ".certwright-e2e-node"

// Reserve makes a folder a node's, after taking away what an earlier node left there.
func Reserve(dir string) error {
	if err := Down(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, marker), nil, 0o600)
}

// Down ends the node of a folder, if there is one, and removes the folder. A folder that is no node's is left alone.
func Down(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, marker)); err != nil {
		return fmt.Errorf("%s holds other things than a node: name an empty folder, or one that is not there yet", dir)
	}
	if pid, err := os.ReadFile(filepath.Join(dir, "run", "init.pid")); err == nil {
		if err := kill(strings.TrimSpace(string(pid))); err != nil {
			return err
		}
	}
	if err := tidy(dir); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// kill ends a node by its first process, if the number is still that process's.
func kill(pid string) error {
	number, err := strconv.Atoi(pid)
	if err != nil {
		return err
	}
	line, _ := os.ReadFile(filepath.Join("/proc", pid, "cmdline")) // nothing, if the process is gone
	if !strings.HasSuffix(string(line), "\x00init\x00") {
		return nil
	}
	if err := syscall.Kill(number, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return poll(10*time.Second, func() error {
		if err := syscall.Kill(number, 0); !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("process %s of the node does not end: %w", pid, err)
		}
		return nil
	})
}

// tidy removes what outlives the node's namespaces, and puts settings of the machine back.
func tidy(dir string) error {
	return errors.Join(poll(10*time.Second, removeCgroups), restoreSysctls(dir))
}

// poll repeats what may need a moment: the kernel takes namespaces apart in the background.
func poll(limit time.Duration, attempt func() error) error {
	deadline := time.Now().Add(limit)
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for err := attempt(); ; err = attempt() {
		if err == nil || time.Now().After(deadline) {
			return err
		}
		<-ticker.C
	}
}

// cgroupRoots are the hierarchies of the machine: one, or with cgroup v1 one per controller.
func cgroupRoots() ([]string, error) {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil, err
	}
	var roots []string
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line)
		if len(fields) > 3 && (fields[2] == "cgroup" || fields[2] == "cgroup2") {
			roots = append(roots, fields[1])
		}
	}
	return roots, nil
}

// makeCgroup makes the cgroup of all pods, so that they can be found again.
func makeCgroup() error {
	roots, err := cgroupRoots()
	if err != nil {
		return err
	}
	for _, root := range roots {
		if err := os.Mkdir(filepath.Join(root, cgroup), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := handDown(root); err != nil {
			return err
		}
	}
	return nil
}

// handDown lets the cgroups of a hierarchy of version 2 have all the controllers that its root has: kubelet wants them all,
// and others enable only those that they use. A hierarchy of version 1 has its controller everywhere.
func handDown(root string) error {
	available, err := os.ReadFile(filepath.Join(root, "cgroup.controllers"))
	if errors.Is(err, fs.ErrNotExist) || len(strings.Fields(string(available))) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	all := "+" + strings.Join(strings.Fields(string(available)), " +")
	if err := os.WriteFile(filepath.Join(root, "cgroup.subtree_control"), []byte(all), 0o600); err != nil {
		return fmt.Errorf("enabling cgroup controllers in %s (in a container, run it with --cgroupns=host): %w", root, err)
	}
	return nil
}

func removeCgroups() error {
	roots, err := cgroupRoots()
	if err != nil {
		return err
	}
	for _, root := range roots {
		var folders []string
		err := filepath.WalkDir(filepath.Join(root, cgroup), func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				folders = append(folders, path)
			}
			return nil // a cgroup that is gone already
		})
		if err != nil {
			return err
		}
		for i := len(folders) - 1; i >= 0; i-- {
			if err := os.Remove(folders[i]); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("removing cgroup %s: %w", folders[i], err)
			}
		}
	}
	return nil
}

// rememberSysctls notes the settings that kubelet is going to change.
func (n *Node) rememberSysctls() error {
	if err := os.MkdirAll(n.file("sysctl"), 0o700); err != nil {
		return err
	}
	for _, name := range kubeletSysctls {
		value, err := os.ReadFile(filepath.Join("/proc/sys", name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(n.file("sysctl", strings.ReplaceAll(name, "/", ".")), value, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func restoreSysctls(dir string) error {
	for _, name := range kubeletSysctls {
		value, err := os.ReadFile(filepath.Join(dir, "sysctl", strings.ReplaceAll(name, "/", ".")))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join("/proc/sys", name), value, 0o600); err != nil {
			return err
		}
	}
	return nil
}
