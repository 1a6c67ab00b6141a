package main

import (
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/certwright/certwright/internal/dnssolver/wire"
)

// readable are the files that a provider needs from the machine: to look names up, to verify servers, to know
// times. Those that do not exist are passed over.
var readable = []string{
	"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/services", "/etc/mime.types", "/etc/localtime",
	"/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates",
	"/usr/local/share/certs", "/usr/share/zoneinfo", "/proc/sys/net", "/proc/sys/kernel", "/sys/kernel/mm", "/dev/null", "/dev/urandom",
}

// everyAccess are the rights on files that the first version of Landlock knows; the later ones add little.
const everyAccess = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_READ_FILE |
	unix.LANDLOCK_ACCESS_FS_READ_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE |
	unix.LANDLOCK_ACCESS_FS_MAKE_CHAR | unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_MAKE_REG |
	unix.LANDLOCK_ACCESS_FS_MAKE_SOCK | unix.LANDLOCK_ACCESS_FS_MAKE_FIFO | unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK | unix.LANDLOCK_ACCESS_FS_MAKE_SYM

// closeFiles keeps every thread of this process, for good, from all files but the readable ones, where the
// kernel has Landlock. A provider with ambient credentials finds these in files, and is left alone. Where the
// kernel has none, what keeps a provider from files is that no setting leads to one, and that the program has
// a container of its own without anything to read.
func closeFiles(request wire.Request) error {
	if request.Ambient {
		return nil
	}
	attributes := unix.LandlockRulesetAttr{Access_fs: everyAccess}
	created, _, failure := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attributes)), unsafe.Sizeof(attributes.Access_fs), 0) //nolint:gosec // G103: the call takes the address of a struct.
	switch failure {
	case 0:
	case unix.ENOSYS, unix.EOPNOTSUPP, unix.EPERM:
		return nil
	default:
		return failure
	}
	rules := int(created)
	defer func() { _ = unix.Close(rules) }()
	roots := append(filepath.SplitList(request.Inherited["SSL_CERT_DIR"]), request.Inherited["SSL_CERT_FILE"])
	for _, path := range slices.Concat(readable, roots) {
		if err := letRead(rules, path); err != nil {
			return err
		}
	}
	if _, _, failure := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); failure != 0 {
		return failure
	}
	if _, _, failure := syscall.AllThreadsSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, created, 0, 0); failure != 0 {
		return failure
	}
	return nil
}

// letRead adds a file, or all below a folder, to the rules.
func letRead(rules int, path string) error {
	if path == "" {
		return nil
	}
	about, err := os.Stat(path)
	if err != nil {
		// What is not there needs no rule.
		return nil
	}
	descriptor, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		// What may not be opened could not be read.
		return nil
	}
	defer func() { _ = unix.Close(descriptor) }()
	rule := unix.LandlockPathBeneathAttr{Allowed_access: unix.LANDLOCK_ACCESS_FS_READ_FILE, Parent_fd: int32(descriptor)}
	if about.IsDir() {
		rule.Allowed_access |= unix.LANDLOCK_ACCESS_FS_READ_DIR
	}
	_, _, failure := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(rules), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0) //nolint:gosec // G103: the call takes the address of a struct.
	if failure != 0 {
		return failure
	}
	return nil
}
