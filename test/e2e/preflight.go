//go:build linux

package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/certwright/certwright/test/e2e/node"
)

// cannotError lists what a machine lacks.
type cannotError struct{ lacks []string }

func (e *cannotError) Error() string {
	return "e2e: this machine cannot run the cluster test yet:\n  - " + strings.Join(e.lacks, "\n  - ")
}

// What a run needs at most: cold caches, and everything running at once.
const (
	neededDisk   = 15 << 30
	neededMemory = 3 << 30
)

// packages are programs and files with the Debian package that has them. hack/e2e/install.sh installs all of these.
var packages = []struct{ file, name string }{
	{"ip", "iproute2"}, {"nft", "nftables"}, {"named", "bind9"}, {"curl", "curl"}, {"gcc", "gcc"}, {"git", "git"},
	{"pkg-config", "pkg-config"}, {"sysctl", "procps"}, {"mount", "mount"}, {"nsenter", "util-linux"}, {"unshare", "util-linux"},
	{"/usr/include/seccomp.h", "libseccomp-dev"}, {"/etc/ssl/certs/ca-certificates.crt", "ca-certificates"},
}

// preflight says everything that this machine lacks at once, each with what mends it. Its error is a cannotError.
func preflight(dir string) error {
	checks := []func() []string{
		lacksRights, lacksPackages, lacksGo, lacksCgroups, lacksKernel, lacksMemory, func() []string { return lacksDisk(dir) }, lacksNetwork,
	}
	var lacks []string
	for _, check := range checks {
		lacks = append(lacks, check()...)
	}
	if len(lacks) > 0 {
		return &cannotError{lacks}
	}
	return nil
}

func lacksRights() []string {
	if os.Geteuid() != 0 {
		return []string{"it runs as a user: containers need root; try sudo -E make e2e"}
	}
	return nil
}

func lacksPackages() []string {
	var missing []string
	for _, p := range packages {
		if _, err := os.Stat(p.file); filepath.IsAbs(p.file) && err == nil {
			continue
		}
		if _, err := lookPath(p.file); err == nil {
			continue
		}
		missing = append(missing, p.name)
	}
	if len(missing) == 0 {
		return nil
	}
	return []string{"Debian packages are missing: " + strings.Join(missing, " ") + "; hack/e2e/install.sh installs them"}
}

// lookPath finds a program where administrators have theirs, too.
func lookPath(name string) (string, error) {
	for _, folder := range []string{"/usr/sbin", "/sbin"} {
		if path := filepath.Join(folder, name); !filepath.IsAbs(name) && syscall.Access(path, 1) == nil {
			return path, nil
		}
	}
	return exec.LookPath(name)
}

func lacksGo() []string {
	if _, err := exec.LookPath("go"); err != nil {
		return []string{"go is not in the PATH: install the version that go.mod names, from https://go.dev/dl"}
	}
	return nil
}

// lacksCgroups wants the controllers that kubelet wants, of either version.
func lacksCgroups() []string {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return []string{"the mounts of this machine cannot be read: " + err.Error()}
	}
	available, _ := os.ReadFile("/sys/fs/cgroup/cgroup.controllers") // absent with cgroup v1
	var missing []string
	for _, controller := range []string{"cpu", "cpuset", "memory", "pids"} {
		if bytes.Contains(mounts, []byte("/"+controller+" cgroup ")) || bytes.Contains(mounts, []byte(","+controller+" 0 0")) ||
			strings.Contains(" "+strings.TrimSpace(string(available))+" ", " "+controller+" ") {
			continue
		}
		missing = append(missing, controller)
	}
	if len(missing) == 0 {
		return nil
	}
	return []string{"cgroup controllers are missing: " + strings.Join(missing, " ") +
		"; in a container, run it with --privileged --cgroupns=host, and elsewhere mount -t cgroup2 cgroup2 /sys/fs/cgroup"}
}

// lacksKernel tries, in namespaces that go away at once, what containers and Services need. Only root can.
func lacksKernel() []string {
	if os.Geteuid() != 0 {
		return nil
	}
	var lacks []string
	for _, try := range []struct{ script, mend string }{
		{
			"mount -t tmpfs tmpfs /mnt && mkdir /mnt/l /mnt/u /mnt/w /mnt/m && mount -t overlay o -o lowerdir=/mnt/l,upperdir=/mnt/u,workdir=/mnt/w /mnt/m",
			"overlay mounts do not work: modprobe overlay; in a container, run it with --privileged",
		},
		{"nft add table inet e2e", "nftables does not work: modprobe nf_tables, and a kernel of 5.13 or later"},
		{"ip link add e2e0 type veth peer name e2e1", "virtual network links do not work: modprobe veth"},
	} {
		cmd := exec.Command("unshare", "--mount", "--net", "--propagation", "private", "sh", "-c", try.script)
		cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
		if out, err := cmd.CombinedOutput(); err != nil {
			lacks = append(lacks, fmt.Sprintf("%s (%s)", try.mend, lastLine(out, err)))
		}
	}
	return lacks
}

func lastLine(out []byte, err error) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if last := lines[len(lines)-1]; last != "" {
		return last
	}
	return err.Error()
}

func lacksMemory() []string {
	var info syscall.Sysinfo_t
	if err := syscall.Sysinfo(&info); err != nil {
		return []string{"the memory of this machine cannot be read: " + err.Error()}
	}
	if total := info.Totalram * uint64(info.Unit); total < neededMemory {
		return []string{fmt.Sprintf("it has %d MiB of memory, and %d are needed", total>>20, neededMemory>>20)}
	}
	return nil
}

// lacksDisk looks at the disk of the folder, or of the nearest folder above it that is there.
func lacksDisk(dir string) []string {
	var info syscall.Statfs_t
	for err := syscall.Statfs(dir, &info); err != nil; err = syscall.Statfs(dir, &info) {
		if dir == filepath.Dir(dir) {
			return []string{"the disk of this machine cannot be read: " + err.Error()}
		}
		dir = filepath.Dir(dir)
	}
	if free := info.Bavail * uint64(info.Bsize); free < neededDisk {
		return []string{fmt.Sprintf("%s has %d MiB free, and %d are needed where nothing is built yet: choose another folder with -dir", dir, free>>20, uint64(neededDisk)>>20)}
	}
	return nil
}

// lacksNetwork wants the node's network for itself.
func lacksNetwork() []string {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return []string{"the addresses of this machine cannot be read: " + err.Error()}
	}
	wanted := net.ParseIP(node.Address)
	for _, address := range addresses {
		if used, ok := address.(*net.IPNet); ok && used.Contains(wanted) {
			return []string{fmt.Sprintf("%s is in use here, perhaps by a node that was left running: bin/e2e down, with its -dir", used)}
		}
	}
	return nil
}
