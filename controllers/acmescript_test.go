package controllers_test

import (
	"net/http"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	gomegatypes "github.com/onsi/gomega/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/operator"
	"github.com/certwright/certwright/internal/testkit"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

// Resources of Pebble, as Server.On names them.
const (
	atDirectory     = "dir"
	atNewOrder      = "order-plz"
	atOrder         = "my-order"
	atAuthorization = "authZ"
	atChallenge     = "chalZ"
	atFinalize      = "finalize-order"
	atCertificate   = "certZ"
	atRenewalInfo   = "draft-ietf-acme-ari-03"
)

const problemPrefix = "urn:ietf:params:acme:error:"

// scriptedWorld is a CA whose answers a spec may replace, and an operator by a clock that the spec moves. What
// holds an attempt up is told at once: to the operator, every object is older than what it leaves unmentioned.
type scriptedWorld struct {
	*acmeWorld
	moved *clock
	calls *testkit.Faults
	space *space
}

func scriptACME(s *space, change ...func(*acmetest.Options)) *scriptedWorld {
	GinkgoHelper()
	return scriptIn(s, startACME(change...))
}

// scriptIn is scriptACME in a world that is there, with changes to the operator.
func scriptIn(s *space, world *acmeWorld, change ...func(*operator.Options)) *scriptedWorld {
	GinkgoHelper()
	scripted := &scriptedWorld{acmeWorld: world, moved: &clock{}, calls: testkit.NewFaults(nil), space: s}
	scripted.moved.ahead.Store(int64(10 * time.Second))
	common := []func(*operator.Options){world.operator, scripted.moved.operator, countedBy(scripted.calls)}
	startOperator(s.namespace, append(common, change...)...)
	return scripted
}

// longLived has an order live for a day by the operator's clock, as Pebble's do by its own.
func (w *scriptedWorld) longLived() acmetest.Change {
	return acmetest.EditObject(func(order map[string]any) {
		order["expires"] = w.moved.now().Add(24 * time.Hour).UTC().Format(time.RFC3339)
	})
}

// advance moves the clock and has everything in the namespace looked at again.
func (w *scriptedWorld) advance(ctx SpecContext, by time.Duration) {
	GinkgoHelper()
	w.moved.ahead.Add(int64(by))
	for _, list := range []client.ObjectList{&v1.IssuerList{}, &acmev1.OrderList{}, &v1.CertificateList{}} {
		Expect(w.space.List(ctx, list, client.InNamespace(w.space.namespace))).To(Succeed())
		var objects []client.Object
		switch list := list.(type) {
		case *v1.IssuerList:
			for i := range list.Items {
				objects = append(objects, &list.Items[i])
			}
		case *acmev1.OrderList:
			for i := range list.Items {
				objects = append(objects, &list.Items[i])
			}
		case *v1.CertificateList:
			for i := range list.Items {
				objects = append(objects, &list.Items[i])
			}
		}
		look := []byte(`{"metadata":{"annotations":{"look":"` + w.moved.now().Format(time.RFC3339Nano) + `"}}}`)
		for _, object := range objects {
			Expect(client.IgnoreNotFound(w.space.Patch(ctx, object, client.RawPatch("application/merge-patch+json", look)))).To(Succeed())
		}
	}
}

// request makes the world's Issuer, which solves over HTTP-01, and the Certificate "web".
func (w *scriptedWorld) request(ctx SpecContext, dnsNames ...string) *v1.Certificate {
	GinkgoHelper()
	crt := certificate(w.space.namespace, "web", "acme", withNames(dnsNames...))
	create(ctx, w.space, w.issuer(w.space.namespace, byHTTP()), crt)
	return crt
}

// expectHeld waits until crt says that its attempt is held up, by what, and until when; none of this counts as a
// failure.
func (w *scriptedWorld) expectHeld(ctx SpecContext, crt *v1.Certificate, problemType string, from, to time.Duration, parts ...string) {
	GinkgoHelper()
	matchers := []gomegatypes.GomegaMatcher{HaveField("Status", metav1.ConditionTrue)}
	for _, part := range append(parts, "the CA is asked again at") {
		matchers = append(matchers, HaveField("Message", ContainSubstring(part)))
	}
	expectCondition(ctx, w.space, crt, v1.ConditionIssuing, And(matchers...))
	Expect(crt.Status.FailedIssuanceAttempts).To(BeNil())
	Expect(crt.Status.Issuance.LastError).NotTo(BeNil())
	Expect(crt.Status.Issuance.LastError.Type).To(Equal(problemType))
	until := orderNamed(Default, ctx, w.space, "web-1").Status.NextAttemptTime
	Expect(until).NotTo(BeNil())
	wait := until.Sub(w.moved.now())
	// What a spec takes, and that a status has whole seconds.
	const slack = 15 * time.Second
	Expect(wait).To(And(BeNumerically(">=", from-slack), BeNumerically("<=", to)), "waits %s", wait)
}

// refusal is an answer with a problem document.
func refusal(status int, problemType, detail string, header ...string) acmetest.Change {
	reply := acmetest.ProblemReply(status, problemType, detail)
	for i := 0; i+1 < len(header); i += 2 {
		reply.Header.Add(header[i], header[i+1])
	}
	return acmetest.Say(reply)
}

// page is the page of a load balancer.
func page(status int, header ...string) acmetest.Change {
	reply := acmetest.Reply{Status: status, Body: "<html>secret words of a load balancer</html>", Header: http.Header{"Content-Type": {"text/html"}}}
	for i := 0; i+1 < len(header); i += 2 {
		reply.Header.Add(header[i], header[i+1])
	}
	return acmetest.Say(reply)
}

func inSeconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }
