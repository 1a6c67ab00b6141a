package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// request is a line of the audit log, of a request that is received after a time.
func request(user, verb, namespace, resource, stage string, after time.Duration) string {
	return fmt.Sprintf(`{"stage":%q,"verb":%q,"user":{"username":%q},"objectRef":{"resource":%q,"namespace":%q},"requestReceivedTimestamp":%q}`+"\n",
		stage, verb, user, resource, namespace, time.Now().Add(after).UTC().Format(time.RFC3339Nano))
}

func newLog(t *testing.T, text string) (*auditLog, func(string)) {
	t.Helper()
	log := &auditLog{path: filepath.Join(t.TempDir(), "audit.log")}
	write := func(text string) {
		t.Helper()
		file, err := os.OpenFile(log.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
	}
	write(text)
	return log, write
}

func TestTallyCountsWhatTheOperatorAsksFor(t *testing.T) {
	const done, started = "ResponseComplete", "ResponseStarted"
	for name, test := range map[string]struct {
		line string
		want calls
	}{
		"a write":                       {request(serviceAccount, "create", "load", "secrets", done, time.Minute), calls{{"create", "secrets"}: 1}},
		"a list":                        {request(serviceAccount, "list", "", "secrets", done, time.Minute), calls{{"list", "secrets"}: 1}},
		"a watch that starts":           {request(serviceAccount, "watch", "", "secrets", started, time.Minute), calls{{"watch", "secrets"}: 1}},
		"a watch that ends":             {request(serviceAccount, "watch", "", "secrets", done, time.Minute), calls{}},
		"somebody else":                 {request("admin", "create", "load", "secrets", done, time.Minute), calls{}},
		"the lease":                     {request(serviceAccount, "update", systemNamespace, "leases", done, time.Minute), calls{}},
		"the canary":                    {request(serviceAccount, "create", canaryNamespace, "secrets", done, time.Minute), calls{}},
		"discovery":                     {request(serviceAccount, "get", "", "", done, time.Minute), calls{}},
		"received before, written late": {request(serviceAccount, "create", "load", "secrets", done, -time.Minute), calls{}},
	} {
		t.Run(name, func(t *testing.T) {
			log, write := newLog(t, "")
			tally, err := log.tally()
			if err != nil {
				t.Fatal(err)
			}
			write(test.line)
			if err := tally.update(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, tally.counts, cmp.AllowUnexported(call{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTallyReadsEveryLineOnce(t *testing.T) {
	line := request(serviceAccount, "create", "load", "secrets", "ResponseComplete", time.Minute)
	log, write := newLog(t, line+line[:len(line)/2])
	tally, err := log.tally()
	if err != nil {
		t.Fatal(err)
	}
	for step, test := range []struct {
		text string
		want int
	}{
		{line[len(line)/2:], 0}, // the rest of a line that the tally began within
		{line + line[:10], 1},
		{"", 1},
		{line[10:], 2},
	} {
		write(test.text)
		if err := tally.update(); err != nil {
			t.Fatal(err)
		}
		if got := tally.counts.total(); got != test.want {
			t.Errorf("step %d: %d requests, want %d", step, got, test.want)
		}
	}
}
