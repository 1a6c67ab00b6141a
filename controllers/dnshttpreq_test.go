package controllers_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

const apiPassword = "correct-horse-battery"

// httpreqServer is a server of the provider httpreq's protocol that writes to a DNS server, for whoever has the
// password.
type httpreqServer struct {
	*httptest.Server
	dns *acmetest.DNS

	mu     sync.Mutex
	locked bool
}

func startHTTPReq(dns *acmetest.DNS) *httpreqServer {
	server := &httpreqServer{dns: dns}
	server.Server = httptest.NewServer(server)
	DeferCleanup(server.Close)
	return server
}

// ServeHTTP implements http.Handler. It takes both forms of a message.
func (s *httpreqServer) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	message := struct{ FQDN, Value, Domain, Token, KeyAuth string }{}
	name, password, _ := request.BasicAuth()
	switch {
	case name != "certwright" || password != apiPassword:
		http.Error(w, "no: "+password, http.StatusForbidden)
		return
	case json.NewDecoder(request.Body).Decode(&message) != nil || message.FQDN == "" && !strings.HasPrefix(message.KeyAuth, message.Token+"."):
		http.Error(w, "no message", http.StatusBadRequest)
		return
	case s.locked:
		http.Error(w, "the zone is locked", http.StatusConflict)
		return
	}
	if message.FQDN == "" {
		message.FQDN, message.Value = "_acme-challenge."+message.Domain+".", acme.DNS01Value(message.KeyAuth)
	}
	values := slices.DeleteFunc(s.dns.TXT(message.FQDN), func(value string) bool { return value == message.Value })
	if request.URL.Path == "/present" {
		values = append(values, message.Value)
	}
	s.dns.SetTXT(message.FQDN, values...)
}

// lock has the server refuse everybody, or nobody any more.
func (s *httpreqServer) lock(locked bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.locked = locked
}

// solver solves by the server, and needs httpreqSecret.
func (s *httpreqServer) solver(mode string) v1.ACMESolver {
	return byProvider("httpreq", map[string]string{"HTTPREQ_ENDPOINT": s.URL, "HTTPREQ_MODE": mode})
}

func httpreqSecret(namespace, password string) *corev1.Secret {
	return dnsSecret(namespace, map[string]string{"HTTPREQ_USERNAME": "certwright", "HTTPREQ_PASSWORD": password})
}

// There is no dns-solver in any of these.
var _ = Describe("A server of the provider httpreq", func() {
	s := eachInItsOwnSpace()

	for _, group := range groups {
		Describe("under "+group, func() {
			BeforeEach(func(ctx SpecContext) {
				underGroup(group)
				*s = *newSpace(ctx)
			})

			for _, mode := range []string{"none", "RAW"} {
				It("in mode "+mode+" proves a name and its wildcard, and is left with no record", func(ctx SpecContext) {
					world := operateACME(s.namespace)
					server := startHTTPReq(world.dns)
					create(ctx, s, httpreqSecret(s.namespace, apiPassword), world.issuer(s.namespace, server.solver(mode)))
					crt := issue(ctx, s, certificate(s.namespace, "web", "acme", withNames("web."+zone, "*.web."+zone)))
					expectSignedBy(ctx, s, crt, world.ca.Roots())
					Eventually(func() []string { return world.dns.TXT("_acme-challenge.web." + zone) }).Should(BeEmpty())
				})
			}
		})
	}

	It("is refused with its settings before anything is ordered, until they are right", func(ctx SpecContext) {
		world := operateACME(s.namespace)
		server := startHTTPReq(world.dns)
		wrong := world.issuer(s.namespace, server.solver("raw"))
		create(ctx, s, wrong)
		refused := func(words string) {
			GinkgoHelper()
			expectIssuer(ctx, s, wrong, beFalse(v1.ReasonInvalidSolver, words))
		}
		refused(`spec.acme.solvers[0].dns01: waiting for the solver's credentials: there is no Secret "dns"`)
		secret := dnsSecret(s.namespace, map[string]string{"password": apiPassword})
		create(ctx, s, secret)
		refused(`the Secret has "password", which provider httpreq does not know`)
		edit(ctx, s, secret, func() { secret.Data, secret.StringData = nil, httpreqSecret(s.namespace, apiPassword).StringData })
		refused("spec.acme.solvers[0].dns01: provider httpreq: HTTPREQ_MODE must be RAW")
		settings := func(config map[string]string) {
			GinkgoHelper()
			edit(ctx, s, wrong, func() { wrong.Spec.ACME.Solvers[0].DNS01.Provider.Config = config })
		}
		settings(nil)
		refused("provider httpreq needs HTTPREQ_ENDPOINT")
		settings(map[string]string{"HTTPREQ_ENDPOINT": "http://10.0.0.1/"})
		refused("HTTPREQ_ENDPOINT cannot be used: its address is private")
		settings(map[string]string{"HTTPREQ_ENDPOINT": server.URL})
		expectIssuer(ctx, s, wrong, beTrue)
	})

	It("that refuses is told of on the Certificate, which goes on when it does no more", func(ctx SpecContext) {
		world := operateACME(s.namespace)
		server := startHTTPReq(world.dns)
		server.lock(true)
		create(ctx, s, httpreqSecret(s.namespace, apiPassword), world.issuer(s.namespace, server.solver("none")))
		crt := certificate(s.namespace, "web", "acme", withNames("web."+zone))
		create(ctx, s, crt)
		expectWaiting(ctx, s, crt, "the httpreq server answers with status 409: the zone is locked")
		server.lock(false)
		expectReady(ctx, s, crt)
	})

	It("that is given a wrong password has it mended in the Secret", func(ctx SpecContext) {
		world := operateACME(s.namespace)
		secret := httpreqSecret(s.namespace, "wrong-horse-battery")
		create(ctx, s, secret, world.issuer(s.namespace, startHTTPReq(world.dns).solver("none")))
		crt := certificate(s.namespace, "web", "acme", withNames("web."+zone))
		create(ctx, s, crt)
		expectWaiting(ctx, s, crt, "the httpreq server answers with status 403, check HTTPREQ_USERNAME and HTTPREQ_PASSWORD: no: ***")
		edit(ctx, s, secret, func() { secret.Data, secret.StringData = nil, httpreqSecret(s.namespace, apiPassword).StringData })
		expectReady(ctx, s, crt)
	})

	It("has its record taken away though the Secret went first", func(ctx SpecContext) {
		const name = "_acme-challenge.web." + zone
		world := operateACME(s.namespace)
		secret, slow := httpreqSecret(s.namespace, apiPassword), startHTTPReq(world.dns).solver("none")
		slow.WaitInsteadOfSelfCheck = &metav1.Duration{Duration: time.Hour}
		create(ctx, s, secret, world.issuer(s.namespace, slow), certificate(s.namespace, "web", "acme", withNames("web."+zone)))
		Eventually(func() []string { return world.dns.TXT(name) }).ShouldNot(BeEmpty())
		Expect(s.Delete(ctx, secret)).To(Succeed())
		Expect(s.Delete(ctx, certificate(s.namespace, "web", "acme"))).To(Succeed())
		Eventually(func() []string { return world.dns.TXT(name) }).Should(BeEmpty())
	})
})
