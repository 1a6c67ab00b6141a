package main

import (
	"encoding/binary"
	"runtime"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// kernel runs the filter as the kernel does.
func kernel(t *testing.T, filter []unix.SockFilter) *bpf.VM {
	t.Helper()
	var program []bpf.Instruction
	for _, instruction := range filter {
		program = append(program, bpf.RawInstruction{Op: instruction.Code, Jt: instruction.Jt, Jf: instruction.Jf, K: instruction.K}.Disassemble())
	}
	machine, err := bpf.NewVM(program)
	if err != nil {
		t.Fatal(err)
	}
	return machine
}

// seccompData is a struct seccomp_data, with each of its words in the order that the machine of the test reads.
func seccompData(number, architecture uint32, arguments [6]uint64) []byte {
	data := binary.BigEndian.AppendUint32(nil, number)
	data = binary.BigEndian.AppendUint32(data, architecture)
	data = append(data, make([]byte, 8)...)
	for _, argument := range arguments {
		data = binary.BigEndian.AppendUint32(data, uint32(argument))
		data = binary.BigEndian.AppendUint32(data, uint32(argument>>32))
	}
	return data
}

// Whatever sends to an address is asked about or is not to be had, and nothing else is in the way.
func TestFilter(t *testing.T) {
	filter, err := filterFor(runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	machine := kernel(t, filter)
	ours := uint32(unix.AUDIT_ARCH_X86_64)
	if runtime.GOARCH == "arm64" {
		ours = unix.AUDIT_ARCH_AARCH64
	}
	const (
		allow  = unix.SECCOMP_RET_ALLOW
		ask    = unix.SECCOMP_RET_USER_NOTIF
		refuse = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
		absent = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	)
	none := [6]uint64{}
	for name, test := range map[string]struct {
		number, architecture uint32
		arguments            [6]uint64
		want                 uint32
	}{
		"connect":                         {unix.SYS_CONNECT, ours, none, ask},
		"sendto without an address":       {unix.SYS_SENDTO, ours, none, allow},
		"sendto an address":               {unix.SYS_SENDTO, ours, [6]uint64{4: 1}, ask},
		"sendto an address far up":        {unix.SYS_SENDTO, ours, [6]uint64{4: 1 << 32}, ask},
		"sendmsg":                         {unix.SYS_SENDMSG, ours, [6]uint64{4}, ask},
		"sendmsg to serve":                {unix.SYS_SENDMSG, ours, [6]uint64{guardFile}, allow},
		"several messages":                {unix.SYS_SENDMMSG, ours, none, absent},
		"io_uring":                        {unix.SYS_IO_URING_SETUP, ours, none, absent},
		"a program":                       {unix.SYS_EXECVE, ours, none, refuse},
		"a program by its file":           {unix.SYS_EXECVEAT, ours, none, refuse},
		"another process's calls":         {unix.SYS_PTRACE, ours, none, refuse},
		"another process's memory":        {unix.SYS_PROCESS_VM_READV, ours, none, refuse},
		"writing":                         {unix.SYS_WRITE, ours, none, allow},
		"opening":                         {unix.SYS_OPENAT, ours, none, allow},
		"connect of another machine's":    {unix.SYS_CONNECT, unix.AUDIT_ARCH_I386, none, unix.SECCOMP_RET_KILL_PROCESS},
		"connect by x32's number":         {unix.SYS_CONNECT | x32Bit, ours, none, absent},
		"writing by a number above x32's": {unix.SYS_WRITE | 1<<31, ours, none, absent},
	} {
		got, err := machine.Run(seccompData(test.number, test.architecture, test.arguments))
		if err != nil || uint32(got) != test.want {
			t.Errorf("%s: %#x, want %#x; %v", name, got, test.want, err)
		}
	}
	if _, err := filterFor("riscv64"); err == nil {
		t.Error("a machine that nobody has a filter for has one")
	}
}
