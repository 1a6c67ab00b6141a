package main

import (
	"fmt"
	"strings"
	"time"
)

// progress is one line per Certificate: overwritten on a terminal, printed on change otherwise.
type progress struct {
	out   *narrator
	begun time.Time
	lines []*line
	drawn bool
}

type line struct {
	name, state string
	done        bool
	took        time.Duration
}

func newProgress(out *narrator, certificates []certificate) *progress {
	p := &progress{out: out, begun: time.Now()}
	for _, crt := range certificates {
		p.lines = append(p.lines, &line{name: crt.name})
	}
	return p
}

// done says whether every Certificate is.
func (p *progress) done() bool {
	for _, line := range p.lines {
		if !line.done {
			return false
		}
	}
	return true
}

// show notes the state of a Certificate. One that is done stays so.
func (p *progress) show(name, state string, done bool) {
	for _, line := range p.lines {
		if line.name != name || line.done || line.state == state && !done {
			continue
		}
		line.state, line.done, line.took = state, done, time.Since(p.begun)
		if p.out.columns == 0 {
			p.out.print(line.text())
		}
	}
	p.tick()
}

// tick draws the lines anew, with the time that has passed.
func (p *progress) tick() {
	if p.out.columns == 0 {
		return
	}
	var screen strings.Builder
	if p.drawn {
		fmt.Fprintf(&screen, "\x1b[%dA", len(p.lines))
	}
	for _, line := range p.lines {
		if !line.done {
			line.took = time.Since(p.begun)
		}
		screen.WriteString("\r\x1b[K" + cut(line.text(), p.out.columns-1) + "\n")
	}
	p.drawn = true
	p.out.print(strings.TrimSuffix(screen.String(), "\n"))
}

func (l *line) text() string {
	return fmt.Sprintf("  %-16s %5.1f s  %s", l.name, l.took.Seconds(), l.state)
}

// cut keeps a line on one row: one that wraps could not be overwritten.
func cut(text string, columns int) string {
	if runes := []rune(text); len(runes) > columns {
		return string(runes[:columns-1]) + "…"
	}
	return text
}
