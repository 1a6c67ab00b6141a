package solver_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/solver"
)

// seen is a server that remembers the Host headers it was asked with.
type seen struct {
	handler http.HandlerFunc

	mu    sync.Mutex
	hosts []string
}

func (s *seen) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.hosts = append(s.hosts, r.Host)
	s.mu.Unlock()
	s.handler(w, r)
}

func (s *seen) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.hosts)
}

func start(t *testing.T, handler http.HandlerFunc) (*seen, string) {
	t.Helper()
	result := &seen{handler: handler}
	server := httptest.NewServer(result)
	t.Cleanup(server.Close)
	return result, server.Listener.Addr().String()
}

// routes leads every challenge to the same addresses, and to the operator's own replicas.
type routes []string

func (r routes) Servers(context.Context, solver.Challenge) ([]string, error) { return nil, nil }

func (r routes) Route(context.Context, solver.Challenge) (solver.Route, error) {
	return solver.Route{Name: "Ingress", Addresses: r}, nil
}

// Who owns a name says where it leads and what it redirects to, whoever wrote the issuer: neither makes the operator
// ask an address inside.
func TestNamesLeadNowhereInside(t *testing.T) {
	_, replica := start(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("token.thumbprint")) })
	for name, ofClusterIssuer := range map[string]bool{"an Issuer": false, "a ClusterIssuer": true} {
		t.Run(name, func(t *testing.T) {
			inside, address := start(t, http.RedirectHandler("http://10.0.0.1/", http.StatusFound).ServeHTTP)
			_, text, err := net.SplitHostPort(address)
			if err != nil {
				t.Fatal(err)
			}
			port, err := strconv.Atoi(text)
			if err != nil {
				t.Fatal(err)
			}
			solvers := &solver.Solvers{
				HTTPPort: port, Now: time.Now, Replicas: func(context.Context) ([]string, error) { return []string{replica}, nil },
			}
			challenge := solver.Challenge{
				Identifier: "localhost", OfClusterIssuer: ofClusterIssuer,
				Progress: &acmev1.ChallengeProgress{Type: acmev1.HTTP01, Token: "token", KeyAuthorization: "token.thumbprint", AnsweredBy: v1.SolverShared},
			}
			solvers.Router = routes{}
			if err := solvers.Check(t.Context(), challenge); err == nil {
				t.Error("nothing answered, and the check passes")
			}
			if asked := inside.asked(); len(asked) > 0 {
				t.Errorf("the name was asked at a loopback address: %v", asked)
			}
			// Where the route is, a redirect is asked too, and nowhere else.
			solvers.Router, solvers.Reach, challenge.Identifier = routes{"127.0.0.1"}, loopback(t), "www.example.test"
			if err := solvers.Check(t.Context(), challenge); err == nil {
				t.Error("redirects only, and the check passes")
			}
			if asked := inside.asked(); len(asked) < 2 || asked[0] != "www.example.test" || asked[1] != "10.0.0.1" {
				t.Errorf("the route was asked for %v", asked)
			}
		})
	}
}

// A controller may tell several addresses, such as one of each family: they lead to the same, and not all of them can be
// reached from everywhere.
func TestARouteAnswersAtAnyOfItsAddresses(t *testing.T) {
	_, replica := start(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("token.thumbprint")) })
	_, wrong := start(t, http.NotFound)
	for name, test := range map[string]struct {
		// at is what is at the first address; nothing is at the second, and silence at the third.
		at        string
		addresses routes
		passes    bool
		misrouted bool
	}{
		"an answer":                       {replica, routes{"127.0.0.1"}, true, false},
		"an answer, and nothing":          {replica, routes{"127.0.0.1", "127.0.0.2"}, true, false},
		"nothing, and an answer":          {replica, routes{"127.0.0.2", "127.0.0.1"}, true, false},
		"silence, and an answer":          {replica, routes{"127.0.0.3", "127.0.0.1"}, true, false},
		"nothing":                         {replica, routes{"127.0.0.2"}, false, false},
		"another answer":                  {wrong, routes{"127.0.0.1"}, false, true},
		"another answer, and nothing":     {wrong, routes{"127.0.0.1", "127.0.0.2"}, false, true},
		"nothing, and then another":       {wrong, routes{"127.0.0.2", "127.0.0.1"}, false, true},
		"a connection, and no answer":     {cutOff(t), routes{"127.0.0.1"}, false, true},
		"a connection, and none anywhere": {cutOff(t), routes{"127.0.0.1", "127.0.0.2"}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			_, port, err := net.SplitHostPort(test.at)
			if err != nil {
				t.Fatal(err)
			}
			silent, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", net.JoinHostPort("127.0.0.3", port))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = silent.Close() })
			solvers := &solver.Solvers{
				Now: time.Now, Router: test.addresses, HTTPNameservers: []string{"127.0.0.1:1"}, Reach: loopback(t),
				Replicas: func(context.Context) ([]string, error) { return []string{replica}, nil },
			}
			if solvers.HTTPPort, err = strconv.Atoi(port); err != nil {
				t.Fatal(err)
			}
			err = solvers.Check(t.Context(), solver.Challenge{
				Identifier: "www.example.test",
				Progress:   &acmev1.ChallengeProgress{Type: acmev1.HTTP01, Token: "token", KeyAuthorization: "token.thumbprint", AnsweredBy: v1.SolverShared},
			})
			if (err == nil) != test.passes || solver.IsMisrouted(err) != test.misrouted {
				t.Errorf("error %v, misrouted %v", err, solver.IsMisrouted(err))
			}
		})
	}
}

// cutOff is the address of a server that takes requests and answers none, as an ingress controller does that cannot
// reach what is behind it.
func cutOff(t *testing.T) string {
	_, address := start(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	return address
}

// What a pass has no more time for says nothing of the route.
func TestAnInterruptedCheckIsNotMisrouted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, replica := start(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("token.thumbprint")) })
	_, address := start(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	solvers := &solver.Solvers{
		Now: time.Now, Router: routes{"127.0.0.1"}, HTTPNameservers: []string{"127.0.0.1:1"}, Reach: loopback(t),
		Replicas: func(context.Context) ([]string, error) { return []string{replica}, nil },
	}
	if solvers.HTTPPort, err = strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}
	err = solvers.Check(ctx, solver.Challenge{
		Identifier: "www.example.test",
		Progress:   &acmev1.ChallengeProgress{Type: acmev1.HTTP01, Token: "token", KeyAuthorization: "token.thumbprint", AnsweredBy: v1.SolverShared},
	})
	if err == nil || solver.IsMisrouted(err) {
		t.Errorf("error %v, misrouted %v", err, solver.IsMisrouted(err))
	}
}

// Where the route answers, the name itself is waited for only as long as it may yet be seen.
func TestThePublicNameIsAdvice(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	_, address := start(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("token.thumbprint")) })
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		identifier string
		presented  time.Time
		passes     bool
	}{
		"just put in place":                 {"www.example.test", now, false},
		"put in place a while ago":          {"www.example.test", now.Add(-11 * time.Second), true},
		"at an address that is not for us":  {"10.0.0.1", now, true},
		"at one that may be, and is nobody": {"127.0.0.2", now, false},
	} {
		solvers := &solver.Solvers{
			Now: func() time.Time { return now }, Router: routes{"127.0.0.1"}, HTTPNameservers: []string{"127.0.0.1:1"}, Reach: loopback(t),
			Replicas: func(context.Context) ([]string, error) { return []string{address}, nil },
		}
		if solvers.HTTPPort, err = strconv.Atoi(port); err != nil {
			t.Fatal(err)
		}
		err = solvers.Check(t.Context(), solver.Challenge{
			Identifier: test.identifier,
			Progress: &acmev1.ChallengeProgress{
				Type: acmev1.HTTP01, Token: "token", KeyAuthorization: "token.thumbprint", AnsweredBy: v1.SolverShared,
				PresentedAt: &metav1.Time{Time: test.presented},
			},
		})
		if (err == nil) != test.passes {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// missing is a router that has no route.
type missing struct{ err error }

func (missing) Servers(context.Context, solver.Challenge) ([]string, error) { return nil, nil }

func (m missing) Route(context.Context, solver.Challenge) (solver.Route, error) {
	return solver.Route{}, m.err
}

// A pod takes the operator's place only where it can do better.
func TestWhatAPodWouldMeetTooIsNotMisrouted(t *testing.T) {
	_, replica := start(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("token.thumbprint")) })
	for want, err := range map[bool]error{
		true:  errors.New("the Service cannot be made"),
		false: &solver.RouteError{Message: "there is no Ingress"},
	} {
		solvers := &solver.Solvers{
			Now: time.Now, Router: missing{err}, HTTPNameservers: []string{"127.0.0.1:1"},
			Replicas: func(context.Context) ([]string, error) { return []string{replica}, nil },
		}
		failure := solvers.Check(t.Context(), solver.Challenge{
			Identifier: "www.example.test",
			Progress:   &acmev1.ChallengeProgress{Type: acmev1.HTTP01, Token: "token", KeyAuthorization: "token.thumbprint", AnsweredBy: v1.SolverShared},
		})
		if failure == nil || failure.Error() != err.Error() || solver.IsMisrouted(failure) != want {
			t.Errorf("%v: told as %v, misrouted %v", err, failure, solver.IsMisrouted(failure))
		}
	}
}
