package operator_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/certwright/certwright/internal/operator"
)

// What we have called off ourselves is no error to whoever reads the log; everything else stays one.
func TestWhatIsCalledOffIsNoError(t *testing.T) {
	t.Cleanup(klog.ClearLogger)
	called := fmt.Errorf("reading: %w", context.Canceled)
	for name, test := range map[string]struct {
		err       error
		verbosity int
		want      string
	}{
		"called off":                  {err: called},
		"called off, and all is told": {err: called, verbosity: 1, want: "level=DEBUG"},
		"too late":                    {err: context.DeadlineExceeded, want: "level=ERROR"},
		"refused":                     {err: errors.New("refused"), want: "level=ERROR"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			options := operator.Default()
			options.LogFormat, options.Verbosity = "text", test.verbosity
			operator.SetLogger(&out, options)
			klog.Background().WithValues("kind", "gateways").Error(test.err, "reading the answer")
			if got := out.String(); !strings.Contains(got, test.want) || (got == "") != (test.want == "") {
				t.Errorf("the log is %q, want one with %q", got, test.want)
			}
		})
	}
}

// A controller's sources are named in JSON as well, though they hold functions.
func TestSourcesAreNamedInTheLog(t *testing.T) {
	t.Cleanup(klog.ClearLogger)
	var out bytes.Buffer
	operator.SetLogger(&out, operator.Default())
	klog.Background().Info("Starting EventSource", "source", source.Kind(nil, &corev1.Service{}, handler.TypedFuncs[*corev1.Service, reconcile.Request]{}))
	if got := out.String(); !strings.Contains(got, `"source":"kind source: *v1.Service"`) {
		t.Errorf("the log is %s", got)
	}
}
