package outcome_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/certwright/certwright/internal/outcome"
)

func TestFrom(t *testing.T) {
	invalid := outcome.Invalidf("InvalidSpec", "set at least one name")
	for name, test := range map[string]struct {
		err  error
		want outcome.Kind
		says string
	}{
		"an outcome":         {invalid, outcome.Invalid, "set at least one name"},
		"a wrapped outcome":  {fmt.Errorf("certificate: %w", invalid), outcome.Invalid, "set at least one name"},
		"any other error":    {io.ErrUnexpectedEOF, outcome.Retry, "unexpected EOF"},
		"a wrapped transfer": {outcome.Retryable("ReadFailed", fmt.Errorf("secret: %w", io.EOF)), outcome.Retry, "secret: EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			got := outcome.From(test.err)
			if got.Kind != test.want || got.Error() != test.says {
				t.Errorf("From(%v) = %v %q, want %v %q", test.err, got.Kind, got.Error(), test.want, test.says)
			}
		})
	}
	if outcome.From(nil) != nil {
		t.Error("no error has an outcome")
	}
	if !errors.Is(outcome.Retryable("ReadFailed", io.EOF), io.EOF) {
		t.Error("the cause of an outcome is lost to errors.Is")
	}
}
