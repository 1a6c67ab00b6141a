package controllers_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/certwright/certwright/internal/operator"
	"github.com/certwright/certwright/internal/testkit"
)

// lag is longer than any call to the API server or the CA takes here.
const lag = 700 * time.Millisecond

// newOrderCall is the label of the call that makes an order at Pebble.
const newOrderCall = "CA POST order-plz"

// countedBy puts the operator's calls to the API server and to CAs through faults.
func countedBy(faults *testkit.Faults) func(*operator.Options) {
	return func(options *operator.Options) {
		wrapAPI(options, func(next http.RoundTripper) http.RoundTripper { return faults.Wrap(next, testkit.APICall) })
		options.WrapCA = func(next http.RoundTripper) http.RoundTripper { return faults.Wrap(next, testkit.ACMECall) }
	}
}

// laggingBehind makes the operator's view of a resource as old as lag.
func laggingBehind(resource string) func(*operator.Options) {
	return func(options *operator.Options) {
		wrapAPI(options, func(next http.RoundTripper) http.RoundTripper { return testkit.SlowWatch(next, resource, lag) })
	}
}

// wrapAPI adds an outer wrap to the calls to the API server.
func wrapAPI(options *operator.Options, wrap func(http.RoundTripper) http.RoundTripper) {
	inner := options.WrapAPI
	options.WrapAPI = func(next http.RoundTripper) http.RoundTripper {
		if inner != nil {
			next = inner(next)
		}
		return wrap(next)
	}
}

// refusals answers calls to the API server with an error, in its stead.
type refusals struct {
	label string
	// first and last are the occurrences of the call that are refused, counted from 1; zero is no end.
	first, last int
	err         *apierrors.StatusError

	mu    sync.Mutex
	count int
}

// refuse puts the operator's calls to the API server through r.
func (r *refusals) refuse(options *operator.Options) { wrapAPI(options, r.wrap) }

func (r *refusals) wrap(next http.RoundTripper) http.RoundTripper {
	return transportFunc(func(request *http.Request) (*http.Response, error) {
		if testkit.APICall(request) != r.label || !r.refuses() {
			return next.RoundTrip(request)
		}
		status := r.err.Status()
		status.TypeMeta = metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}
		body, err := json.Marshal(&status)
		return &http.Response{
			StatusCode: int(status.Code), Request: request, Header: http.Header{"Content-Type": {runtime.ContentTypeJSON}},
			Body: io.NopCloser(bytes.NewReader(body)),
		}, err
	})
}

func (r *refusals) refuses() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count++
	return r.count >= r.first && (r.last == 0 || r.count <= r.last)
}

func (r *refusals) calls() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count
}

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }
