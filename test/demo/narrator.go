package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// narrowest is the fewest columns that lines are cut to; a terminal that does not know its size says 0.
const narrowest = 80

// narrator tells people what happens, with the seconds since the start.
type narrator struct {
	out   io.Writer
	begun time.Time
	// columns is the width of the terminal, 0 where out is none that can be drawn on.
	columns int
}

func newNarrator(out *os.File) *narrator {
	n := &narrator{out: out, begun: time.Now()}
	if width, _, err := term.GetSize(int(out.Fd())); err == nil && os.Getenv("TERM") != "dumb" {
		n.columns = max(width, narrowest)
	}
	return n
}

func (n *narrator) elapsed() time.Duration { return time.Since(n.begun) }

// say begins a step.
func (n *narrator) say(format string, args ...any) {
	n.print(fmt.Sprintf("[%5.1f s] ", n.elapsed().Seconds()) + fmt.Sprintf(format, args...))
}

// detail is a line that belongs to the step.
func (n *narrator) detail(format string, args ...any) {
	n.block("          ", fmt.Sprintf(format, args...))
}

// command is a line that people can repeat.
func (n *narrator) command(line string) { n.detail("$ %s", line) }

// block prints each line of a text after an indent.
func (n *narrator) block(indent, text string) {
	text = strings.TrimRight(text, "\n")
	if text == "" {
		return
	}
	for line := range strings.SplitSeq(text, "\n") {
		n.print(indent + line)
	}
}

func (n *narrator) print(line string) {
	// Nobody is left to tell if nobody can be told.
	_, _ = fmt.Fprintln(n.out, line)
}
