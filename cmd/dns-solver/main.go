// Command dns-solver writes DNS-01 records (RFC 8555 section 8.4) with the providers of the library lego.
//
//	dns-solver serve --socket=PATH   answers requests at a unix socket
//	dns-solver challenge             works on one challenge; serve starts it, and nothing else does
//
// Each challenge has a process of its own that starts with an empty environment and gets its credentials on
// its standard input, so that no two can mix and none is seen from outside. What such a process connects to is
// watched from serve. The program is a Go module of its own, because its providers bring more than a hundred
// others; of ours it imports the messages (internal/dnssolver/wire) and the rules on addresses (internal/reach).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/certwright/certwright/internal/dnssolver/wire"
)

func main() {
	if err := run(os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "dns-solver:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) == 1 && arguments[0] == "challenge" {
		return runChallenge()
	}
	if len(arguments) == 0 || arguments[0] != "serve" {
		return errors.New("usage: dns-solver serve --socket=PATH, see dns-solver serve --help")
	}
	return runServe(arguments[1:])
}

func runServe(arguments []string) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	socket := flags.String("socket", "", "path of the unix socket to answer at; what is there is replaced")
	server := &server{}
	flags.IntVar(&server.limit, "processes", 16, "challenges that are worked on, or kept for their clean-up, at once")
	flags.DurationVar(&server.keepFor, "keep-for", 10*time.Minute, "how long processes are kept for a clean-up while no operator is there to ask for it, or after one that failed; then they clean up by themselves")
	flags.DurationVar(&server.timeout, "timeout", wire.CallTimeout, "how long a provider may take for one call; at most the default")
	inherit := flags.Bool("inherit", false, "answer at the socket that is open as file 3 instead, and end with the standard input")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if (*socket == "") != *inherit || flags.NArg() > 0 || !server.isSound() {
		return fmt.Errorf("serve needs --socket=PATH, --processes of at least 1, --keep-for of more than 0s, --timeout of more than 0s and at most %s, and no arguments", wire.CallTimeout)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	listener, err := listen(ctx, *socket)
	if *inherit {
		listener, err = net.FileListener(os.NewFile(inherited, "socket"))
		ctx = whileOpen(ctx, os.Stdin)
	}
	if err != nil {
		return err
	}
	return server.serve(ctx, listener)
}

// inherited is the file that a parent hands down first.
const inherited = 3

// whileOpen ends when nobody holds the other end of a pipe any more.
func whileOpen(ctx context.Context, pipe *os.File) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		for {
			if _, err := pipe.Read(make([]byte, 1)); err != nil {
				return
			}
		}
	}()
	return ctx
}
