package http01_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/certwright/certwright/internal/solver/http01"
)

// edge dials the same two servers whatever the address is, and remembers what was dialled.
type edge struct {
	plain, secure string
	dialled       []string
}

func (e *edge) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	e.dialled = append(e.dialled, address)
	target := e.plain
	if strings.HasSuffix(address, ":443") {
		target = e.secure
	}
	return (&net.Dialer{}).DialContext(ctx, network, target)
}

func startEdge(t *testing.T, plain, secure http.Handler) *edge {
	t.Helper()
	overTLS := httptest.NewTLSServer(secure)
	t.Cleanup(overTLS.Close)
	return &edge{plain: serve(t, plain), secure: overTLS.Listener.Addr().String()}
}

var route = http01.Request{Address: "192.0.2.10:80", Host: "www.example.com", Token: token, Want: keyAuthorization}

func TestRouteIsAskedAtItsAddress(t *testing.T) {
	e := startEdge(t, answers("www.example.com"), http.NotFoundHandler())
	if err := http01.CheckRoute(t.Context(), e, route); err != nil {
		t.Error(err)
	}
	if len(e.dialled) != 1 || e.dialled[0] != "192.0.2.10:80" {
		t.Errorf("dialled %v", e.dialled)
	}
}

// An ingress controller that sends everybody to HTTPS does so with CAs too, and answers them there although there is
// no certificate yet. The name may lead elsewhere from here: what is looked at is the address.
func TestRouteMayRedirectToHTTPS(t *testing.T) {
	redirect := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://"+r.Host+r.URL.Path, http.StatusPermanentRedirect)
	})
	e := startEdge(t, redirect, answers("www.example.com"))
	if err := http01.CheckRoute(t.Context(), e, route); err != nil {
		t.Error(err)
	}
	if len(e.dialled) != 2 || e.dialled[1] != "192.0.2.10:443" {
		t.Errorf("dialled %v", e.dialled)
	}
}

func TestRouteIsNotFollowedWhereCAsDoNotGo(t *testing.T) {
	for name, target := range map[string]string{
		"another port": "http://www.example.com:8080/", "a loop": "http://www.example.com/.well-known/acme-challenge/" + token,
		"another scheme": "ftp://www.example.com/",
	} {
		e := startEdge(t, http.RedirectHandler(target, http.StatusFound), http.NotFoundHandler())
		if err := http01.CheckRoute(t.Context(), e, route); err == nil {
			t.Errorf("%s: no error", name)
		}
		if len(e.dialled) > 12 {
			t.Errorf("%s: dialled %d times", name, len(e.dialled))
		}
	}
}

func TestRouteSaysWhatItSaw(t *testing.T) {
	e := startEdge(t, http.NotFoundHandler(), http.NotFoundHandler())
	err := http01.CheckRoute(t.Context(), e, route)
	seen, ok := errors.AsType[*http01.CheckError](err)
	if !ok || seen.Layer != http01.LayerStatus || seen.Status != http.StatusNotFound {
		t.Errorf("error %v", err)
	}
	if want := "the HTTP-01 answer for www.example.com at 192.0.2.10:80 is not served: the answer has status 404"; err.Error() != want {
		t.Errorf("text %q, want %q", err, want)
	}
}

// Whoever owns a name says where it redirects to: at a route, that is a name and never an address.
func TestARedirectOfARouteThatStaysIsAskedAtItsAddress(t *testing.T) {
	for _, target := range []string{"http://10.0.0.1/metrics", "https://10.0.0.1/metrics", "http://other.example.com/", "http://[fd00::1]/"} {
		for stay, want := range map[bool]int{true: 0, false: 1} {
			redirect := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Host == "www.example.com" {
					http.Redirect(w, r, target, http.StatusFound)
				}
			})
			e := startEdge(t, redirect, http.NotFoundHandler())
			asked := route
			asked.Stay = stay
			if err := http01.CheckRoute(t.Context(), e, asked); err == nil {
				t.Errorf("%s: no error", target)
			}
			elsewhere := 0
			for _, address := range e.dialled {
				if !strings.HasPrefix(address, "192.0.2.10:") {
					elsewhere++
				}
			}
			if elsewhere != want || len(e.dialled) != 2 {
				t.Errorf("%s: stay %v, dialled %v", target, stay, e.dialled)
			}
		}
	}
}

// A redirect from the apex to www is mostly answered by the same ingress controller.
func TestARouteThatStaysAnswersForAnotherName(t *testing.T) {
	redirect := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://web.example.com"+r.URL.Path, http.StatusPermanentRedirect)
	})
	e := startEdge(t, redirect, answers("web.example.com"))
	asked := route
	asked.Stay = true
	if err := http01.CheckRoute(t.Context(), e, asked); err != nil {
		t.Error(err)
	}
}

// swallows has an address at which nothing answers, not even that nobody is there.
type swallows struct{ cancel context.CancelFunc }

func (s swallows) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	s.cancel()
	<-ctx.Done()
	return nil, ctx.Err()
}

// What was never reached is told from what was and did not answer: a pod would be reached no better.
func TestARouteThatIsNotReachedInTimeHasNoConnection(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	err := http01.CheckRoute(ctx, swallows{cancel}, route)
	if seen, ok := errors.AsType[*http01.CheckError](err); !ok || seen.Layer != http01.LayerConnect {
		t.Errorf("error %v, want one of layer Connect", err)
	}
}
