// Package dnssolvertest builds cmd/dns-solver, with a provider more that does what none should, and runs it for
// one test.
package dnssolvertest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/go-logr/logr"

	"github.com/certwright/certwright/internal/solver/dns01/external"
)

// folder is where the program was built, empty before that.
var folder string

// build builds the program once for each test binary. Go's build cache makes it quick after the first time.
var build = sync.OnceValues(func() (string, error) {
	_, file, _, _ := runtime.Caller(0)
	source := filepath.Join(filepath.Dir(file), "..", "..", "..", "cmd", "dns-solver")
	// Go sees by this that the tests depend on the program: it would repeat an old result of theirs otherwise.
	if _, err := os.ReadDir(source); err != nil {
		return "", err
	}
	var err error
	if folder, err = os.MkdirTemp("", "dns-solver-test-"); err != nil {
		return "", err
	}
	program := filepath.Join(folder, "dns-solver")
	command := exec.Command("go", "build", "-trimpath", "-tags=selftest", "-ldflags=-s -w", "-o", program, ".")
	command.Dir = source
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	command.Stderr = os.Stderr
	return program, command.Run()
})

// Main runs the tests of a package that uses the program, and takes the program away after them: a TestMain calls it.
func Main(m *testing.M) {
	code := m.Run()
	if folder != "" {
		_ = os.RemoveAll(folder)
	}
	os.Exit(code)
}

// Program returns the path of the program.
func Program(t testing.TB) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal("building cmd/dns-solver: ", err)
	}
	return path
}

// Start runs the program as the operator does outside of a cluster, until the test ends, and returns the client
// for it.
func Start(t testing.TB, arguments ...string) *external.Client {
	t.Helper()
	program, client, err := external.NewProgram(Program(t), logr.Discard())
	if err != nil {
		t.Fatal(err)
	}
	program.Arguments = arguments
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = program.Start(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return client
}

// Kill kills every dns-solver that this test binary started, and every process of these, as a crash of the machine
// would.
func Kill(t testing.TB) {
	t.Helper()
	program := Program(t)
	entries, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if target, err := os.Readlink(entry); err != nil || target != program {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(entry)))
		if err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}
