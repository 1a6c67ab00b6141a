package main

import (
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// maxMemory is how much memory the process of a challenge may have, in bytes. The library reads answers of any length,
// and unpacks them, from servers that a tenant may name; a container whose memory is full ends for all tenants.
// What is counted is what the process maps and could write to, about 110 MiB before it does anything.
const maxMemory = 256 << 20

// boundMemory holds for the life of this process, which ends where it needs more.
func boundMemory() error {
	debug.SetMemoryLimit(maxMemory / 2)
	limit := unix.Rlimit{}
	if err := unix.Getrlimit(unix.RLIMIT_DATA, &limit); err != nil || limit.Max <= maxMemory {
		return err
	}
	return unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: maxMemory, Max: maxMemory})
}
