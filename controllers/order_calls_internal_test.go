package controllers

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/api"
	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/orderflow"
	"github.com/certwright/certwright/internal/outcome"
	"github.com/certwright/certwright/internal/solver"
)

// callTakes is how long a slowServer takes for a call, by its own clock.
const callTakes = 20 * time.Second

// slowServer is a server of the provider httpreq. It writes nothing of what it is told to refuse.
type slowServer struct {
	mu     sync.Mutex
	now    time.Time
	refuse func(action, fqdn string) bool
	done   map[string]int
}

// ServeHTTP implements http.Handler.
func (s *slowServer) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(callTakes)
	if s.refuse != nil && s.refuse(request.URL.Path, request.URL.Query().Get("of")) {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	s.done[request.URL.Path+" "+request.URL.Query().Get("of")]++
}

func (s *slowServer) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *slowServer) times(action string, of int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.done[fmt.Sprintf("%s %d", action, of)]
}

// emptyCache has nothing, and takes every update.
type emptyCache struct{ client.Client }

func (emptyCache) Get(_ context.Context, name client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
	return apierrors.NewNotFound(schema.GroupResource{}, name.Name)
}

func (emptyCache) Update(context.Context, client.Object, ...client.UpdateOption) error { return nil }

func (emptyCache) Delete(context.Context, client.Object, ...client.DeleteOption) error { return nil }

// slowOrder is an Order of a ClusterIssuer for names whose records a slow server writes.
func slowOrder(t *testing.T, names int, server *slowServer) (*OrderReconciler, *orderPass, []string) {
	t.Helper()
	server.now, server.done = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), map[string]int{}
	listening := httptest.NewServer(server)
	t.Cleanup(listening.Close)
	r := &OrderReconciler{
		Names: api.DefaultNames(), Solvers: &solver.Solvers{}, ClusterResourceNamespace: "certwright-system",
		Client: &kube.Client{Cached: emptyCache{}, Writes: kube.NewWrites(), Now: server.clock},
	}
	order := &acmev1.Order{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "slow", Finalizers: []string{r.Names.OrderFinalizer}}}
	order.Spec.IssuerRef = v1.IssuerRef{Name: "acme", Kind: v1.ClusterIssuerKind}
	var urls []string
	for i := range names {
		urls = append(urls, fmt.Sprintf("https://ca.example.test/%d", i))
		order.Status.Authorizations = append(order.Status.Authorizations, acmev1.Authorization{
			URL: urls[i], Identifier: fmt.Sprintf("h%d.example.test", i),
			Challenge: &acmev1.ChallengeProgress{Type: acmev1.DNS01, KeyAuthorization: "token.thumbprint", Solver: &v1.ACMESolver{DNS01: &v1.DNS01Solver{
				Provider: &v1.DNSProvider{Name: "httpreq", Config: map[string]string{"HTTPREQ_ENDPOINT": fmt.Sprintf("%s?of=%d", listening.URL, i)}},
			}}},
		})
	}
	return r, &orderPass{order: order, progress: &heldProgress{Progress: orderflow.NewProgress("uid")}}, urls
}

// passes repeats a step until it has nothing left to do, and says how often. No pass may take much longer than a minute.
func passes(t *testing.T, server *slowServer, step func() error) int {
	t.Helper()
	for n := 1; n <= 20; n++ {
		begun := server.clock()
		err := step()
		if took := server.clock().Sub(begun); took > time.Minute {
			t.Fatalf("a pass took %s", took)
		}
		if err == nil {
			return n
		}
		if failure := outcome.From(err); failure.Kind != outcome.Wait || failure.At.IsZero() {
			t.Fatalf("what is left does not go on by itself: %v", err)
		}
	}
	t.Fatal("it has no end")
	return 0
}

// However many names an order has, a slow server holds a worker for a minute at most, and gets each record once.
func TestAPassOfRecordsIsBounded(t *testing.T) {
	server := &slowServer{}
	r, pass, urls := slowOrder(t, 9, server)
	passes(t, server, func() error {
		left := slices.DeleteFunc(slices.Clone(urls), func(url string) bool { return pass.progress.Presented[url] })
		return r.present(t.Context(), pass, left)
	})
	passes(t, server, func() error { return r.cleanUp(t.Context(), pass) })
	for i := range urls {
		if put, taken := server.times("/present", i), server.times("/cleanup", i); put != 1 || taken != 1 {
			t.Errorf("record %d was put in place %d times, and taken away %d times", i, put, taken)
		}
	}
}

// Records that cannot be taken away do not keep those behind them in place.
func TestARecordBehindOthersIsTakenAway(t *testing.T) {
	server := &slowServer{refuse: func(action, of string) bool { return action == "/cleanup" && of != "8" }}
	r, pass, _ := slowOrder(t, 9, server)
	for range 5 {
		if err := r.cleanUp(t.Context(), pass); err == nil {
			t.Fatal("nothing is left")
		}
	}
	if got := server.times("/cleanup", 8); got != 1 {
		t.Errorf("the last record was taken away %d times", got)
	}
}

// Of what was kept for one clean-up, nothing is remembered after it: its name never comes again, and nobody reads it.
func TestKeptCredentialsAreForgotten(t *testing.T) {
	r, pass, _ := slowOrder(t, 1, &slowServer{})
	kept := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Namespace: pass.order.Namespace, Name: credentialsName(pass.order), UID: "kept", ResourceVersion: "7", Finalizers: []string{r.Names.OrderFinalizer},
	}}
	if err := r.dropCredentials(t.Context(), kept); err != nil {
		t.Fatal(err)
	}
	if _, remembered := r.Client.Writes.Since(kept, client.ObjectKeyFromObject(kept)); remembered {
		t.Error("a write of the Secret is remembered for good")
	}
}
