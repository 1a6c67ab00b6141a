// Command bench measures an operator on a fresh control plane: time to Ready, CPU, memory and API
// requests per certificate, beside the floor of a client that makes only the writes a certificate
// cannot do without.
//
//	make bench                                   every scenario
//	make bench ARGS="-scenarios floor,ca -n 500"
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"
)

// settings are the parameters of a run.
type settings struct {
	scenarios string
	n         int
	acmeN     int
	rsaN      int
	workers   int
	operator  string
	crds      string
	group     string
	settledN  int
	foreignN  int
	timeout   time.Duration
	output    string
}

func parse() settings {
	var s settings
	flag.StringVar(&s.scenarios, "scenarios", "floor,selfsigned,ca,ca-rsa,acme-dns01,settled,foreign,writes", "what to measure, comma separated")
	flag.IntVar(&s.n, "n", 1000, "certificates of a scenario")
	flag.IntVar(&s.acmeN, "acme-n", 50, "certificates of acme-dns01")
	flag.IntVar(&s.rsaN, "rsa-n", 200, "certificates of ca-rsa, whose keys take the processor a tenth of a second each")
	flag.IntVar(&s.workers, "workers", 20, "workers of the load and of the floor")
	flag.StringVar(&s.operator, "operator", "bin/certwright --kubeconfig={kubeconfig} --api-group={group} --metrics-bind-address=0 --health-probe-bind-address=0 "+
		"--http01-solver-bind-address=0 --crl-bind-address=0 --dns01-recursive-nameservers={dns} --dns01-recursive-nameservers-only",
		"command line of the operator; {kubeconfig}, {group} and {dns} are filled in")
	flag.StringVar(&s.crds, "crds", "config/crd/bases", "folder of the CRDs, relative to the repository, written for group certwright.dev")
	flag.StringVar(&s.group, "group", "certwright.dev", "API group of the kinds")
	flag.IntVar(&s.settledN, "settled-n", 3000, "certificates of the restart")
	flag.IntVar(&s.foreignN, "foreign-n", 5000, "foreign Secrets of 16 KiB")
	flag.DurationVar(&s.timeout, "timeout", 10*time.Minute, "longest time for one scenario")
	flag.StringVar(&s.output, "o", "", "file whose table between the markers is replaced, such as docs/performance.md")
	flag.Parse()
	return s
}

func main() {
	s := parse()
	ctrl.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, s)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings) error {
	var results []result
	for _, name := range strings.Split(s.scenarios, ",") {
		measure, ok := scenarios[name]
		if !ok {
			return fmt.Errorf("there is no scenario %q", name)
		}
		limited, cancel := context.WithTimeout(ctx, s.timeout)
		result, err := inWorld(limited, s, measure)
		cancel()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		result.Scenario = name
		results = append(results, result)
		fmt.Println(result)
	}
	table := render(results)
	fmt.Println("\n" + table)
	if s.output == "" {
		return nil
	}
	return replaceTable(s.output, table)
}

// inWorld measures one scenario on a control plane of its own.
func inWorld(ctx context.Context, s settings, measure func(context.Context, *world) (result, error)) (result, error) {
	w, err := newWorld(ctx, s)
	if err != nil {
		return result{}, err
	}
	defer w.close()
	return measure(ctx, w)
}
