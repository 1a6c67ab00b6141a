package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestWorks(t *testing.T) {
	last := sample{requests: 3, cpu: time.Second, rss: 40}
	for name, test := range map[string]struct {
		now  sample
		want bool
	}{
		"nothing":         {last, false},
		"a request":       {sample{requests: 4, cpu: last.cpu, rss: 40}, true},
		"a clock tick":    {sample{requests: 3, cpu: last.cpu + 10*time.Millisecond, rss: 40}, false},
		"processor time":  {sample{requests: 3, cpu: last.cpu + 20*time.Millisecond, rss: 40}, true},
		"memory by a bit": {sample{requests: 3, cpu: last.cpu, rss: 40.5}, false},
		"memory more":     {sample{requests: 3, cpu: last.cpu, rss: 41.5}, true},
		"memory less":     {sample{requests: 3, cpu: last.cpu, rss: 38.5}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.now.works(last, 40); got != test.want {
				t.Errorf("works: %t, want %t", got, test.want)
			}
		})
	}
}

func TestSettleFailsWhenTheOperatorHasEnded(t *testing.T) {
	log, _ := newLog(t, "")
	tally, err := log.tally()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.CommandContext(t.Context(), "false"), log: filepath.Join(t.TempDir(), "operator.log"), exited: make(chan error, 1)}
	p.exited <- p.cmd.Run()
	if _, err := settle(t.Context(), p, tally); err == nil || !strings.Contains(err.Error(), "the operator ended") {
		t.Errorf("settle: %v, want an end of the operator", err)
	}
}
