package main

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/certwright/certwright/internal/dnssolver/wire"
)

// inPlace are bytes that are read by their addresses: they must not be on a stack, which moves.
var inPlace [][]byte

func bytesInPlace(length int) []byte {
	inPlace = append(inPlace, make([]byte, length))
	return inPlace[len(inPlace)-1]
}

// sockaddr is the address 10.0.0.1:443, of a family.
func sockaddr(family uint16) []byte {
	raw := bytesInPlace(unix.SizeofSockaddrInet4)
	binary.NativeEndian.PutUint16(raw, family)
	copy(raw[2:], []byte{1, 187, 10, 0, 0, 1})
	return raw
}

// The kernel takes an address without a family for one of IPv4 where something is sent there; only connect takes it
// for the end of a connection.
func TestAddressesWithoutFamily(t *testing.T) {
	guard := &guard{}
	for name, test := range map[string]struct {
		number  int32
		family  uint16
		allowed bool
	}{
		"disconnecting":              {unix.SYS_CONNECT, unix.AF_UNSPEC, true},
		"connecting":                 {unix.SYS_CONNECT, unix.AF_INET, false},
		"sending":                    {unix.SYS_SENDTO, unix.AF_INET, false},
		"sending without family":     {unix.SYS_SENDTO, unix.AF_UNSPEC, false},
		"a message without family":   {unix.SYS_SENDMSG, unix.AF_UNSPEC, false},
		"asking for own addresses":   {unix.SYS_SENDTO, unix.AF_NETLINK, true},
		"a socket of this machine's": {unix.SYS_CONNECT, unix.AF_UNIX, false},
	} {
		raw := sockaddr(test.family)
		at, length := uint64(uintptr(unsafe.Pointer(&raw[0]))), uint64(len(raw))
		asked := call{thread: uint32(os.Getpid()), number: test.number}
		header := bytesInPlace(16)
		switch test.number {
		case unix.SYS_CONNECT:
			asked.arguments[1], asked.arguments[2] = at, length
		case unix.SYS_SENDTO:
			asked.arguments[4], asked.arguments[5] = at, length
		case unix.SYS_SENDMSG:
			binary.NativeEndian.PutUint64(header, at)
			binary.NativeEndian.PutUint32(header[8:], uint32(length))
			asked.arguments[1] = uint64(uintptr(unsafe.Pointer(&header[0])))
		}
		if err := guard.judge(asked); (err == nil) != test.allowed {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Nothing is looked up while the server starts a process: it would keep every other request waiting.
func TestProxiesAreNotLookedUpAtTheStart(t *testing.T) {
	before := net.DefaultResolver
	t.Cleanup(func() { net.DefaultResolver = before })
	lookedUp := false
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		lookedUp = true
		return nil, errors.New("no name server")
	}}
	t.Setenv("HTTPS_PROXY", "http://proxy.example.test:3128")
	guard, err := newGuard(wire.Request{Nameservers: []string{"192.0.2.53:53"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []*os.File{guard.ours, guard.theirs} {
		_ = file.Close()
	}
	if lookedUp {
		t.Error("a name was looked up")
	}
}
