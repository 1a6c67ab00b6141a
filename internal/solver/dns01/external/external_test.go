package external_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/dnssolver/wire"
	"github.com/certwright/certwright/internal/reach"
	"github.com/certwright/certwright/internal/solver/dns01"
	"github.com/certwright/certwright/internal/solver/dns01/external"
	"github.com/certwright/certwright/internal/testkit/dnssolvertest"
)

const keyAuthorization = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA.nP1qzpXGymHBrUEepNY9HCsQk7K8KhOypzEt62jcerQ"

func record() dns01.Record {
	return dns01.NewRecord("www.example.test", acme.DNS01Value(keyAuthorization))
}

func httpreq(client *external.Client, endpoint string) external.Provider {
	return external.Provider{
		Client: client, Name: "httpreq", Scope: "test", Domain: "www.example.test", KeyAuthorization: keyAuthorization,
		Variables: map[string]string{"HTTPREQ_ENDPOINT": endpoint}, Public: []string{"HTTPREQ_ENDPOINT"},
		// Nobody answers there: nothing in these tests needs a zone.
		Nameservers: []string{"127.0.0.1:9"},
	}
}

// onlyLoopback allows what is at 127.0.0.1 and no more.
var onlyLoopback = reach.Policy{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}

func TestMain(m *testing.M) { dnssolvertest.Main(m) }

// What a tenant's settings, or a server that they lead to, name is not connected to if it is inside.
func TestReach(t *testing.T) {
	client := dnssolvertest.Start(t)
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request) { asked.Add(1) }))
	t.Cleanup(server.Close)
	inside := strings.Replace(server.URL, "127.0.0.1", "127.0.0.2", 1)
	redirecting := func(target string) string {
		server := httptest.NewServer(http.RedirectHandler(target, http.StatusTemporaryRedirect))
		t.Cleanup(server.Close)
		return server.URL
	}
	for name, test := range map[string]struct {
		endpoint string
		reach    reach.Policy
		ambient  bool
		want     string // what the refusal says; empty for none
	}{
		"an Issuer at loopback":                        {server.URL, reach.Policy{}, false, "a loopback address"},
		"an Issuer by a name":                          {strings.Replace(server.URL, "127.0.0.1", "localhost", 1), reach.Policy{}, false, "a loopback address"},
		"an Issuer whose network is allowed":           {server.URL, onlyLoopback, false, ""},
		"an Issuer that is sent elsewhere":             {redirecting(inside), onlyLoopback, false, "a loopback address"},
		"an Issuer that is sent to metadata":           {redirecting("http://169.254.169.254/latest/"), onlyLoopback, false, "gives out credentials"},
		"an Issuer at metadata by IPv6":                {"http://[fd00:ec2::254]/", reach.Policy{}, false, "gives out credentials"},
		"an Issuer at metadata mapped":                 {"http://[::ffff:169.254.169.254]/", reach.Policy{}, false, "gives out credentials"},
		"a ClusterIssuer":                              {server.URL, reach.Policy{Unrestricted: true}, false, ""},
		"a ClusterIssuer at metadata":                  {"http://169.254.169.254/", reach.Policy{Unrestricted: true}, false, "gives out credentials"},
		"a ClusterIssuer that is sent to Azure's":      {redirecting("http://168.63.129.16/"), reach.Policy{Unrestricted: true}, false, "gives out credentials"},
		"a ClusterIssuer with ambient credentials":     {server.URL, reach.Policy{Unrestricted: true}, true, ""},
		"an Issuer with them is kept from a neighbour": {strings.Replace(inside, "127.0.0.2", "10.255.255.254", 1), reach.Policy{}, true, "private"},
		"an Issuer with them is kept from the inside":  {redirecting(inside), onlyLoopback, true, "a loopback address"},
	} {
		t.Run(name, func(t *testing.T) {
			asked.Store(0)
			provider := httpreq(client, test.endpoint)
			provider.Reach, provider.Ambient, provider.Scope = test.reach, test.ambient, name
			err := provider.Present(t.Context(), record())
			if test.want == "" {
				if err != nil || asked.Load() != 1 {
					t.Errorf("error %v, asked %d times", err, asked.Load())
				}
				return
			}
			failure, ok := errors.AsType[*external.Error](err)
			if !ok || failure.Kind != wire.Refused || !failure.Final() || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v", err)
			}
			if strings.Contains(err.Error(), "127.0.0") || asked.Load() != 0 {
				t.Errorf("asked %d times; error %v", asked.Load(), err)
			}
		})
	}
}

// Who asks a dns-solver that does not answer gives up by itself, and not only after those who asked before.
func TestSilence(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "socket")
	listener, err := new(net.ListenConfig).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	provider := httpreq(&external.Client{Socket: socket}, "http://127.0.0.1:1")
	provider.Keep = true
	patient, giveUp := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() { first <- provider.Present(patient, record()) }()
	connection, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })

	gone, cancel := context.WithCancel(t.Context())
	cancel()
	second := make(chan error, 1)
	go func() { second <- provider.Present(gone, record()) }()
	deadline, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	select {
	case err := <-second:
		if err == nil {
			t.Error("no error")
		}
	case <-deadline.Done():
		t.Error("it waits for who asked before")
	}
	giveUp()
	if err := <-first; err == nil {
		t.Error("no error")
	}
}
