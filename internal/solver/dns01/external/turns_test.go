package external_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/reach"
	"github.com/certwright/certwright/internal/solver/dns01"
	"github.com/certwright/certwright/internal/testkit/dnssolvertest"
)

// Two Orders for one name put their values there one after the other: a provider that reads the values of a name and writes
// them back with one more would lose the other's.
func TestTwoOrdersForOneName(t *testing.T) {
	var atWork atomic.Int32
	both := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		if atWork.Add(1) == 2 {
			close(both)
		}
		defer atWork.Add(-1)
		// Long enough for the other to come, if it were let.
		longEnough, cancel := context.WithTimeout(request.Context(), time.Second)
		defer cancel()
		select {
		case <-both:
		case <-longEnough.Done():
		}
	}))
	t.Cleanup(server.Close)
	client := dnssolvertest.Start(t)
	var calls sync.WaitGroup
	for _, token := range []string{"first", "second"} {
		calls.Go(func() {
			provider := httpreq(client, server.URL)
			provider.Reach, provider.KeyAuthorization = reach.Policy{Unrestricted: true}, token+".thumbprint"
			if err := provider.Present(t.Context(), dns01.NewRecord("www.example.test", acme.DNS01Value(provider.KeyAuthorization))); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	select {
	case <-both:
		t.Error("both were at work at once")
	default:
	}
}
