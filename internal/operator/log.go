package operator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// SetLogger sends the logs of everything to out.
func SetLogger(out io.Writer, options Options) {
	level := &slog.HandlerOptions{Level: slog.Level(-options.Verbosity), ReplaceAttr: nameSource}
	var handler slog.Handler = slog.NewJSONHandler(out, level)
	if options.LogFormat == "text" {
		handler = slog.NewTextHandler(out, level)
	}
	logger := logr.FromSlogHandler(calledOff{handler})
	ctrl.SetLogger(logger)
	klog.SetLogger(logger)
}

// nameSource has what wakes a controller told by its name: it has parts that JSON cannot say.
func nameSource(_ []string, attr slog.Attr) slog.Attr {
	if woken, ok := attr.Value.Any().(source.Source); ok {
		attr.Value = slog.StringValue(fmt.Sprint(woken))
	}
	return attr
}

// calledOff makes debug messages of errors that are nothing but the end of what we have called off, such as the watch
// of a kind that is gone: libraries take them for trouble.
type calledOff struct{ slog.Handler }

// Handle implements slog.Handler.
func (h calledOff) Handle(ctx context.Context, record slog.Record) error {
	isOurs := false
	record.Attrs(func(attr slog.Attr) bool {
		err, ok := attr.Value.Any().(error)
		isOurs = isOurs || ok && errors.Is(err, context.Canceled)
		return !isOurs
	})
	if isOurs {
		record.Level = min(record.Level, slog.Level(-1))
		if !h.Enabled(ctx, record.Level) {
			return nil
		}
	}
	return h.Handler.Handle(ctx, record)
}

// WithAttrs implements slog.Handler.
func (h calledOff) WithAttrs(attrs []slog.Attr) slog.Handler {
	return calledOff{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h calledOff) WithGroup(name string) slog.Handler { return calledOff{h.Handler.WithGroup(name)} }
