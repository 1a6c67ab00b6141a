package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// narrator tells people what happens, with the seconds since the start.
type narrator struct {
	out      io.Writer
	terminal bool
	begun    time.Time
}

func newNarrator(out *os.File) *narrator {
	info, err := out.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
	return &narrator{out: out, terminal: terminal, begun: time.Now()}
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
