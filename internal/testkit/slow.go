package testkit

import (
	"io"
	"net/http"
	"strings"
	"time"
)

// SlowWatch wraps the transport to an API server so that the watch of one resource lags behind: what
// it shows is older than what was written, by delay.
func SlowWatch(next http.RoundTripper, resource string, delay time.Duration) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		response, err := next.RoundTrip(request)
		if err != nil || request.URL.Query().Get("watch") == "" || !strings.HasSuffix(request.URL.Path, "/"+resource) {
			return response, err
		}
		response.Body = newLateBody(response.Body, delay)
		return response, nil
	})
}

// lateBody hands on what it reads delay later, in order.
type lateBody struct {
	source io.Closer
	chunks chan chunk
	rest   []byte
}

type chunk struct {
	data []byte
	err  error
	at   time.Time
}

func newLateBody(source io.ReadCloser, delay time.Duration) *lateBody {
	body := &lateBody{source: source, chunks: make(chan chunk, 4096)}
	go func() {
		for {
			buffer := make([]byte, 32<<10)
			n, err := source.Read(buffer)
			body.chunks <- chunk{data: buffer[:n], err: err, at: time.Now().Add(delay)}
			if err != nil {
				return
			}
		}
	}()
	return body
}

// Read implements io.Reader.
func (b *lateBody) Read(p []byte) (int, error) {
	for len(b.rest) == 0 {
		next := <-b.chunks
		<-time.NewTimer(time.Until(next.at)).C
		if next.err != nil {
			// The reader asks no more after an error, but may look at it twice.
			b.chunks <- next
			return 0, next.err
		}
		b.rest = next.data
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// Close implements io.Closer.
func (b *lateBody) Close() error { return b.source.Close() }
