package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/go-acme/lego/v5/challenge"
	"github.com/go-acme/lego/v5/challenge/dns01"
	"golang.org/x/sys/unix"

	"github.com/certwright/certwright/internal/dnssolver/wire"
)

// exact takes records away by name and value, for a provider that would need to remember more.
type exact interface {
	// has says whether the record is there.
	has(ctx context.Context, fqdn, value string) (bool, error)
	remove(ctx context.Context, fqdn, value string) error
}

// work is the life of the process of one challenge.
type work struct {
	provider  challenge.Provider
	exact     exact
	presented bool
	// last is the request that a clean-up without being asked repeats.
	last wire.Request
}

// runChallenge reads requests from the standard input and answers each on the standard output, until the input
// ends or nothing has to be remembered any more. A record that is still there at the end of the input is taken
// away.
func runChallenge() error {
	out, err := silence()
	if err != nil {
		return err
	}
	if err := boundMemory(); err != nil {
		return err
	}
	os.Clearenv()
	requests := wire.NewReader(os.Stdin)
	work := &work{}
	for {
		request := wire.Request{}
		if err := wire.Read(requests, &request); err != nil {
			return work.end(err)
		}
		answer := work.answer(request)
		if err := wire.Write(out, answer); err != nil {
			return work.end(err)
		}
		if !request.Keep || request.Action == wire.CleanUp && answer.OK() {
			return nil
		}
	}
}

// silence gives what was the standard output to the answers alone, and everything else that may be written
// there or to the standard error nowhere: a provider, or what it is made of, may print anything.
func silence() (io.Writer, error) {
	answers, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, 4)
	if err != nil {
		return nil, err
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = null.Close() }()
	for _, descriptor := range []int{1, 2} {
		if err := unix.Dup3(int(null.Fd()), descriptor, 0); err != nil {
			return nil, err
		}
	}
	return os.NewFile(uintptr(answers), "answers"), nil
}

func (w *work) end(err error) error {
	if w.presented && w.provider != nil {
		ctx, cancel := context.WithTimeout(context.Background(), w.last.Timeout)
		defer cancel()
		_ = w.cleanUp(ctx, w.last)
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (w *work) answer(request wire.Request) (answer wire.Answer) {
	secrets := request.Secrets()
	defer func() {
		if failure := recover(); failure != nil {
			answer = wire.Failf(wire.Failed, "provider %s: it failed unexpectedly: %v", request.Provider, failure)
		}
		answer.Error = wire.Clean(answer.Error, secrets)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), request.Timeout)
	defer cancel()
	if w.provider == nil {
		if answer := w.start(request); !answer.OK() {
			return answer
		}
	}
	switch request.Action {
	case wire.Present:
		return w.present(ctx, request)
	case wire.CleanUp:
		return w.cleanUp(ctx, request)
	default:
		return wire.Failf(wire.Invalid, "there is no action %q", request.Action)
	}
}

// start makes the provider, once, in an environment of the request's variables.
func (w *work) start(request wire.Request) wire.Answer {
	create, known := constructor(request.Provider)
	if !known {
		return wire.Failf(wire.Invalid, "there is no provider %q", request.Provider)
	}
	names, err := startNames(request)
	if err != nil {
		return wire.Failf(wire.Failed, "looking names up: %v", err)
	}
	if answer := askForGuard(request, names.address); !answer.OK() {
		return answer
	}
	if err := closeFiles(request); err != nil {
		return wire.Failf(wire.Failed, "closing the files of the machine: %v", err)
	}
	if err := setEnvironment(request); err != nil {
		return wire.Failf(wire.Invalid, "%v", err)
	}
	dns01.SetDefaultClient(dns01.NewClient(&dns01.Options{RecursiveNameservers: []string{names.address}, TCPOnly: true}))
	provider, err := create()
	if err != nil {
		// Some sign in at once, so that it may be the network.
		return failure(err)
	}
	w.provider = provider
	if byName, ok := exacts[request.Provider]; ok {
		w.exact = byName()
	}
	return wire.Answer{}
}

// withoutAmbient switches off, as far as there are switches, the ways in which SDKs find credentials by
// themselves. That the addresses of metadata services cannot be reached is what keeps them from it.
var withoutAmbient = map[string]string{
	"AWS_EC2_METADATA_DISABLED":   "true",
	"AWS_CONFIG_FILE":             os.DevNull,
	"AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	"NO_GCE_CHECK":                "true",
}

// defaults are settings that a request may give otherwise.
var defaults = map[string]string{
	// Whether the record is seen is looked at by the operator, which does not wait while a provider is at work.
	"AWS_WAIT_FOR_RECORD_SETS_CHANGED": "false",
}

func setEnvironment(request wire.Request) error {
	for name, value := range defaults {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	if !request.Ambient {
		for name, value := range withoutAmbient {
			if err := os.Setenv(name, value); err != nil {
				return err
			}
		}
	}
	for name, value := range request.Inherited {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	for name, value := range request.Variables {
		if isForbidden(name) {
			return fmt.Errorf("variable %q is not allowed", name)
		}
		if err := setVariable(name, value); err != nil {
			return err
		}
	}
	return nil
}

// isForbidden says whether a variable reaches beyond the provider: to files, programs, proxies or the library
// itself. The manager lets through only what a provider documents; this holds even where it errs.
func isForbidden(name string) bool {
	for _, suffix := range []string{"_FILE", "_PATH", "_PROXY", "_COMMAND", "_PROFILE"} {
		if strings.HasSuffix(strings.ToUpper(name), suffix) {
			return true
		}
	}
	return strings.HasPrefix(name, "LEGO_") || name == "GOOGLE_APPLICATION_CREDENTIALS" || name == "AWS_SDK_LOAD_CONFIG" || name == "PATH"
}

// domain is what the library makes the record's name of. Where that cannot give the name, names does.
func domain(request wire.Request) string {
	if below, ok := strings.CutPrefix(request.FQDN, challengeLabel); ok {
		return strings.TrimSuffix(below, ".")
	}
	return request.Domain
}

// token is what the provider remembers a record by.
func token(request wire.Request) string {
	token, _, _ := strings.Cut(request.KeyAuthorization, ".")
	return token
}

func (w *work) present(ctx context.Context, request wire.Request) wire.Answer {
	if w.presented {
		return wire.Answer{}
	}
	if w.exact != nil {
		there, err := w.exact.has(ctx, request.FQDN, recordValue(request))
		if err != nil || there {
			return failure(err)
		}
	}
	if err := w.provider.Present(ctx, domain(request), token(request), request.KeyAuthorization); err != nil {
		return failure(err)
	}
	w.presented, w.last = true, request
	return wire.Answer{}
}

func (w *work) cleanUp(ctx context.Context, request wire.Request) wire.Answer {
	switch {
	case w.exact != nil:
		return failure(w.exact.remove(ctx, request.FQDN, recordValue(request)))
	case request.Keep && !w.presented:
		return wire.Failf(wire.Lost, "provider %s takes a record away only with what it remembers of putting it there, and the process that did has ended: "+
			"if it is still there, delete the TXT record at %s with the value %s", request.Provider, request.FQDN, recordValue(request))
	}
	err := w.provider.CleanUp(ctx, domain(request), token(request), request.KeyAuthorization)
	w.presented = w.presented && err != nil
	return failure(err)
}

func failure(err error) wire.Answer {
	if err == nil {
		return wire.Answer{}
	}
	return wire.Failf(wire.Failed, "%v", err)
}

// recordValue is the value of the TXT record (RFC 8555 section 8.4), as the library computes it too.
func recordValue(request wire.Request) string { return valueOf(request.KeyAuthorization) }
