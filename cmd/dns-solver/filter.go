package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/certwright/certwright/internal/dnssolver/wire"
)

// What the kernel is told about the system calls of a process that is guarded, and what x/sys does not name
// (linux/seccomp.h, linux/audit.h).
const (
	filterFlags = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_TSYNC | unix.SECCOMP_FILTER_FLAG_TSYNC_ESRCH

	dataNumber       = 0       // offset of the number of the call in struct seccomp_data
	dataArchitecture = 4       // of the architecture
	dataFirst        = 16      // of the first argument
	dataFifthLow     = 16 + 32 // of the fifth
	dataFifthHigh    = dataFifthLow + 4

	x32Bit = 0x40000000 // set in the numbers of another way to make the same calls, on amd64
)

// guardFile is the file that serve hands down for the guard to be agreed upon.
const guardFile = 3

// guardNote is what a process tells serve about its guard. With it goes the file at which the kernel asks about
// its calls.
type guardNote struct {
	// Names is the process's own name server, which it may ask.
	Names string `json:"names"`
}

// askForGuard has the kernel ask serve, from here on, about every address that this process connects or sends
// to, if the request needs it. Where that cannot be done, the request is refused.
func askForGuard(request wire.Request, names string) wire.Answer {
	if !needsGuard(request) {
		return wire.Answer{}
	}
	channel := os.NewFile(guardFile, "guard")
	// It is never closed: its number is let through, and must not become another's.
	open = append(open, channel)
	listener, err := installFilter()
	if err == nil {
		err = handOver(listener, guardNote{Names: names})
	}
	answer := wire.Answer{}
	if err == nil {
		err = wire.Read(wire.NewReader(channel), &answer)
	}
	if err != nil {
		return wire.Failf(wire.Unguarded, "%s (%v)", unguarded, err)
	}
	return answer
}

// unguarded says what is amiss, and what to do.
const unguarded = "this machine cannot keep a provider from addresses inside the cluster, so that it is not run for this issuer: " +
	"use a ClusterIssuer with ambient credentials allowed, or a node whose kernel and container runtime allow seccomp user notification"

// needsGuard says whether there is an address that the request's process must not reach.
func needsGuard(request wire.Request) bool { return !request.Reach.Unrestricted || !request.Ambient }

// installFilter puts the filter on every thread, for good, and returns the file of its listener.
func installFilter() (int, error) {
	filter, err := filterFor(runtime.GOARCH)
	if err != nil {
		return 0, err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// A filter may be installed without rights by who can gain none any more; TSYNC spreads that, too.
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return 0, err
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	listener, _, failure := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, filterFlags, uintptr(unsafe.Pointer(&program))) //nolint:gosec // G103: the call takes the address of a struct.
	if failure != 0 {
		return 0, failure
	}
	return int(listener), nil
}

// handOver sends the listener to serve, and closes it here: what asks must not be what answers.
func handOver(listener int, note guardNote) error {
	text, err := json.Marshal(note)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(listener) }()
	return unix.Sendmsg(guardFile, text, unix.UnixRights(listener), nil, 0)
}

// filterFor has the listener asked about connect, sendto with an address, and sendmsg but on the channel to
// serve; refuses other ways to send to an address, and to start programs; and lets everything else through.
func filterFor(architecture string) ([]unix.SockFilter, error) {
	var token uint32
	switch architecture {
	case "amd64":
		token = unix.AUDIT_ARCH_X86_64
	case "arm64":
		token = unix.AUDIT_ARCH_AARCH64
	default:
		return nil, fmt.Errorf("there is no filter for %s", architecture)
	}
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	answer := func(what uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: what} }
	equal := func(value uint32, yes, no uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: yes, Jf: no, K: value}
	}
	refuse := answer(unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM))
	absent := answer(unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS))
	ask := answer(unix.SECCOMP_RET_USER_NOTIF)

	program := []unix.SockFilter{
		load(dataArchitecture), equal(token, 1, 0), answer(unix.SECCOMP_RET_KILL_PROCESS),
		load(dataNumber),
		{Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, Jt: 0, Jf: 1, K: x32Bit}, absent,
	}
	for _, call := range []struct {
		number uint32
		what   unix.SockFilter
	}{
		{unix.SYS_CONNECT, ask},
		{unix.SYS_SENDMMSG, absent}, {unix.SYS_IO_URING_SETUP, absent},
		{unix.SYS_EXECVE, refuse}, {unix.SYS_EXECVEAT, refuse}, {unix.SYS_PTRACE, refuse}, {unix.SYS_PROCESS_VM_READV, refuse},
	} {
		program = append(program, equal(call.number, 0, 1), call.what)
	}
	return append(program,
		equal(unix.SYS_SENDMSG, 0, 4), load(dataFirst), equal(guardFile, 1, 0), ask, answer(unix.SECCOMP_RET_ALLOW),
		equal(unix.SYS_SENDTO, 1, 0), answer(unix.SECCOMP_RET_ALLOW),
		load(dataFifthLow), equal(0, 0, 2),
		load(dataFifthHigh), equal(0, 1, 0),
		ask,
		answer(unix.SECCOMP_RET_ALLOW),
	), nil
}

var errNoGuard = errors.New("the process did not say that it is guarded")
