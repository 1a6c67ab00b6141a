// Command certwright is the operator: it turns Certificate resources into TLS Secrets and keeps
// them valid.
package main

import (
	"errors"
	"fmt"
	"os"
	_ "time/tzdata" // renewal windows name time zones, and the image has none

	"github.com/spf13/pflag"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/certwright/certwright/internal/operator"
)

func main() {
	options, err := operator.Parse(os.Args[1:], os.Stdout)
	if errors.Is(err, pflag.ErrHelp) {
		return
	}
	if err == nil {
		err = operator.Run(ctrl.SetupSignalHandler(), options)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "certwright:", err)
		os.Exit(1)
	}
}
