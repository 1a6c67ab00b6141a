package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/certwright/certwright/internal/dnssolver/wire"
	"github.com/certwright/certwright/internal/reach"
)

// guard decides, in serve, to which addresses the process of a challenge connects and sends. The kernel stops
// each such call of the process and asks. The address is read from the memory of the process, which could change
// it between the answer and the use: the code of the providers is not hostile, only what it is told may be.
type guard struct {
	needed bool
	policy reach.Policy
	// metadata allows the addresses of metadata services.
	metadata bool

	ours, theirs *os.File
	process      *os.Process

	mu sync.Mutex
	// exact are addresses that are allowed whatever the policy says: name servers and a proxy.
	exact []netip.AddrPort
	last  error
}

var (
	// errMetadata is refused without ambient credentials whatever the policy says, to ClusterIssuers too.
	errMetadata = errors.New("its address is where a cloud gives out credentials, which this issuer may not use")
	// errFamily is a socket that has no business in a provider.
	errFamily = errors.New("it is no address of the internet")
)

// newGuard prepares the guard of a process that has not been started.
func newGuard(request wire.Request) (*guard, error) {
	g := &guard{needed: needsGuard(request), metadata: request.Ambient}
	if !g.needed {
		return g, nil
	}
	networks, err := reach.ParseNetworks(request.Reach.Allowed)
	if err != nil {
		return nil, err
	}
	g.policy = reach.Policy{Unrestricted: request.Reach.Unrestricted, Allowed: networks}
	if g.exact, err = alwaysAllowed(request); err != nil {
		return nil, err
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	g.ours, g.theirs = os.NewFile(uintptr(pair[0]), "guard"), os.NewFile(uintptr(pair[1]), "guard")
	return g, nil
}

// alwaysAllowed are the name servers of the request and of the system, which find the zone. Those of an Issuer have
// been judged by the operator, which asks them itself.
func alwaysAllowed(request wire.Request) ([]netip.AddrPort, error) {
	servers, err := systemNameservers()
	if err != nil && len(request.Nameservers) == 0 {
		return nil, err
	}
	var allowed []netip.AddrPort
	for _, server := range slices.Concat(servers, request.Nameservers) {
		// One that is a name is asked under the policy.
		if address, err := netip.ParseAddrPort(server); err == nil {
			allowed = append(allowed, plain(address))
		}
	}
	return allowed, nil
}

func plain(address netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(address.Addr().Unmap().WithZone(""), address.Port())
}

// proxies are the addresses of the proxies that an administrator set for dns-solver.
func proxies(environment []string) []netip.AddrPort {
	var found []netip.AddrPort
	for _, host := range proxyHosts(environment) {
		name, port, err := net.SplitHostPort(host)
		if err != nil {
			continue
		}
		addresses, err := net.LookupHost(name) //nolint:noctx // The resolver has its own deadline.
		if err != nil {
			continue
		}
		for _, text := range addresses {
			if address, err := netip.ParseAddrPort(net.JoinHostPort(text, port)); err == nil {
				found = append(found, plain(address))
			}
		}
	}
	return found
}

// files are what the process inherits.
func (g *guard) files() []*os.File {
	if !g.needed {
		return nil
	}
	return []*os.File{g.theirs}
}

// started takes up the guard of the process, nil if it did not start.
func (g *guard) started(process *os.Process) {
	if !g.needed {
		return
	}
	_ = g.theirs.Close()
	if process == nil {
		_ = g.ours.Close()
		return
	}
	g.process = process
	go g.watch()
}

// watch waits for the process to say that it is guarded, and answers for as long as it lives.
func (g *guard) watch() {
	defer func() { _ = g.ours.Close() }()
	listener, err := g.takeOver()
	if listener < 0 {
		return
	}
	defer func() { _ = unix.Close(listener) }()
	answer := wire.Answer{}
	if err != nil {
		answer = wire.Failf(wire.Unguarded, "%s (dns-solver: %v)", unguarded, err)
	}
	if wire.Write(g.ours, answer) != nil || err != nil {
		return
	}
	for g.answerOne(listener) {
	}
}

// takeOver gets the process's listener; -1 where it hands none over.
func (g *guard) takeOver() (int, error) {
	text, rights := make([]byte, 256), make([]byte, unix.CmsgSpace(4))
	n, rightsLength, _, _, err := unix.Recvmsg(int(g.ours.Fd()), text, rights, unix.MSG_CMSG_CLOEXEC)
	if err != nil || n == 0 {
		return -1, err
	}
	messages, err := unix.ParseSocketControlMessage(rights[:rightsLength])
	if err != nil || len(messages) != 1 {
		return -1, err
	}
	files, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(files) != 1 {
		return -1, err
	}
	note := guardNote{}
	if err := json.Unmarshal(text[:n], &note); err != nil {
		return files[0], err
	}
	own, err := netip.ParseAddrPort(note.Names)
	if err != nil || !own.Addr().IsLoopback() {
		return files[0], errNoGuard
	}
	// Here and not before the start, which the server waits for: only this process waits for the look-up.
	reachable := append(proxies(os.Environ()), own)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.exact = append(g.exact, reachable...)
	return files[0], g.canRead()
}

// canRead says why the memory of the process cannot be read, if it cannot. Then no address could be judged.
func (g *guard) canRead() error {
	// Its auxiliary vector is where every process has something.
	_, err := os.ReadFile("/proc/" + strconv.Itoa(g.process.Pid) + "/auxv")
	return err
}

// call is a struct seccomp_notif: a system call that waits for an answer.
type call struct {
	id        uint64
	thread    uint32
	_         uint32
	number    int32
	_         uint32
	_         uint64
	arguments [6]uint64
}

// verdict is a struct seccomp_notif_resp.
type verdict struct {
	id    uint64
	_     int64
	error int32
	flags uint32
}

// Operations on a listener (linux/seccomp.h).
const (
	receiveCall = 0xc0502100
	sendVerdict = 0xc0182101
	isStillOpen = 0x40082102

	goOn = 1 // SECCOMP_USER_NOTIF_FLAG_CONTINUE
)

func control(listener int, operation uintptr, argument unsafe.Pointer) error {
	_, _, failure := unix.Syscall(unix.SYS_IOCTL, uintptr(listener), operation, uintptr(argument))
	if failure != 0 {
		return failure
	}
	return nil
}

// answerOne answers one call. False means that the process is gone.
func (g *guard) answerOne(listener int) bool {
	poll := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}
	if _, err := unix.Poll(poll, -1); errors.Is(err, unix.EINTR) {
		return true
	} else if err != nil || poll[0].Revents&unix.POLLIN == 0 {
		return false
	}
	asked := call{}
	if err := control(listener, receiveCall, unsafe.Pointer(&asked)); err != nil { //nolint:gosec // G103: the call takes the address of a struct.
		// The call was interrupted meanwhile, or its thread is gone.
		return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINTR)
	}
	answer := verdict{id: asked.id, flags: goOn}
	err := g.judge(asked)
	if gone := control(listener, isStillOpen, unsafe.Pointer(&asked.id)); gone != nil { //nolint:gosec // G103: as above.
		// What was read may have been another process's memory.
		return true
	}
	if err != nil {
		g.note(err)
		answer.error, answer.flags = -int32(unix.EACCES), 0
	}
	_ = control(listener, sendVerdict, unsafe.Pointer(&answer)) //nolint:gosec // G103: as above.
	return true
}

// judge reads the address of a call and says whether it may go on.
func (g *guard) judge(asked call) error {
	pointer, length := asked.arguments[1], asked.arguments[2]
	switch asked.number {
	case unix.SYS_SENDTO:
		pointer, length = asked.arguments[4], asked.arguments[5]
	case unix.SYS_SENDMSG:
		// struct msghdr begins with the address and its length.
		header, err := readMemory(int(asked.thread), asked.arguments[1], 12)
		if err != nil {
			return err
		}
		pointer, length = binary.NativeEndian.Uint64(header), uint64(binary.NativeEndian.Uint32(header[8:]))
	}
	if pointer == 0 {
		// It goes where the socket is connected to, which was judged then.
		return nil
	}
	address, err := readMemory(int(asked.thread), pointer, min(length, unix.SizeofSockaddrAny))
	if err != nil {
		return err
	}
	if asked.number != unix.SYS_CONNECT && len(address) >= 2 && binary.NativeEndian.Uint16(address) == unix.AF_UNSPEC {
		// What is sent there goes to an address of IPv4 all the same.
		return errFamily
	}
	return g.check(address)
}

// readMemory reads exactly so much of the memory of a thread's process.
func readMemory(thread int, at, length uint64) ([]byte, error) {
	if length == 0 {
		return nil, errFamily
	}
	content := make([]byte, length)
	local := []unix.Iovec{{Base: &content[0]}}
	local[0].SetLen(len(content))
	n, err := unix.ProcessVMReadv(thread, local, []unix.RemoteIovec{{Base: uintptr(at), Len: int(length)}}, 0)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) {
		// Some container runtimes leave this call out.
		n, err = readMemoryFile(thread, content, at)
	}
	if err != nil {
		return nil, fmt.Errorf("the memory of the process cannot be read: %w", err)
	}
	if n != len(content) {
		return nil, errFamily
	}
	return content, nil
}

func readMemoryFile(thread int, content []byte, at uint64) (int, error) {
	memory, err := os.Open("/proc/" + strconv.Itoa(thread) + "/mem")
	if err != nil {
		return 0, err
	}
	defer func() { _ = memory.Close() }()
	return memory.ReadAt(content, int64(at))
}

// check judges a socket address (struct sockaddr).
func (g *guard) check(raw []byte) error {
	if len(raw) < 2 {
		return errFamily
	}
	switch family := binary.NativeEndian.Uint16(raw); {
	case family == unix.AF_UNSPEC || family == unix.AF_NETLINK:
		// The end of a connection; and how a program asks for the machine's own addresses.
		return nil
	case family == unix.AF_INET && len(raw) >= 8:
		return g.checkAddress(netip.AddrPortFrom(netip.AddrFrom4([4]byte(raw[4:8])), binary.BigEndian.Uint16(raw[2:])))
	case family == unix.AF_INET6 && len(raw) >= 24:
		return g.checkAddress(netip.AddrPortFrom(netip.AddrFrom16([16]byte(raw[8:24])), binary.BigEndian.Uint16(raw[2:])))
	default:
		return errFamily
	}
}

func (g *guard) checkAddress(address netip.AddrPort) error {
	address = plain(address)
	g.mu.Lock()
	exact := slices.Contains(g.exact, address)
	g.mu.Unlock()
	if exact {
		return nil
	}
	if reach.GivesCredentials(address.Addr()) {
		if g.metadata {
			return nil
		}
		return errMetadata
	}
	return g.policy.Check(address.Addr())
}

func (g *guard) note(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last = err
}

// forget drops what was refused before.
func (g *guard) forget() { g.note(nil) }

// refused is why an address was refused since forget, nil if none was.
func (g *guard) refused() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.last
}
