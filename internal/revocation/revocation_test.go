package revocation_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/issued"
	"github.com/certwright/certwright/internal/revocation"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func record(t *testing.T, certificate string, serial int64, change ...func(*issued.Record)) *issued.Record {
	t.Helper()
	signer := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	r := &issued.Record{
		Certificate: types.NamespacedName{Namespace: "shop", Name: certificate},
		Issuer:      v1.IssuerRef{Name: "acme", Kind: v1.IssuerKind, Group: "certwright.dev"}, Leaf: leaf,
	}
	for _, f := range change {
		f(r)
	}
	return r
}

func inUse(r *issued.Record) { r.InUse = true }

// asked is a revocation that is a minute old.
func asked(spec v1.CertificateRevocationSpec) *v1.CertificateRevocation {
	return &v1.CertificateRevocation{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "revocation", Generation: 1, CreationTimestamp: metav1.NewTime(now.Add(-time.Minute))},
		Spec:       spec,
	}
}

func of(name string, change ...func(*v1.CertificateRevocationSpec)) *v1.CertificateRevocation {
	spec := v1.CertificateRevocationSpec{CertificateRef: &v1.CertificateReference{Name: name}}
	for _, f := range change {
		f(&spec)
	}
	return asked(spec)
}

// world is what a revocation is decided on, over and over.
type world struct {
	t *testing.T
	revocation.Snapshot
}

func newWorld(t *testing.T, r *v1.CertificateRevocation, records ...*issued.Record) *world {
	return &world{t, revocation.Snapshot{Now: now, Revocation: r, Records: records}}
}

// decide takes the status over, as the controller does.
func (w *world) decide() revocation.Plan {
	plan := revocation.Decide(w.Snapshot)
	w.Revocation = w.Revocation.DeepCopy()
	w.Revocation.Status = plan.Status
	return plan
}

func (w *world) ready() v1.Condition {
	w.t.Helper()
	ready := condition.Get(w.Revocation.Status.Conditions, v1.ConditionReady)
	if ready == nil {
		w.t.Fatal("there is no condition Ready")
	}
	return *ready
}

func (w *world) serials() string {
	var serials []string
	for _, entry := range w.Revocation.Status.Certificates {
		serials = append(serials, entry.Serial)
	}
	return strings.Join(serials, " ")
}

func TestWhatIsChosen(t *testing.T) {
	expired := func(r *issued.Record) { r.Leaf.NotAfter = now }
	records := func(t *testing.T) []*issued.Record {
		return []*issued.Record{
			record(t, "web", 1), record(t, "web", 2, inUse), record(t, "web", 3, expired), record(t, "mail", 4, inUse), record(t, "mail", 2),
		}
	}
	for name, test := range map[string]struct {
		revocation *v1.CertificateRevocation
		want       string
	}{
		"the current one":       {of("web"), "02"},
		"all that are valid":    {of("web", func(s *v1.CertificateRevocationSpec) { s.Scope = v1.RevocationScopeAllValid }), "01 02"},
		"one by its number":     {asked(v1.CertificateRevocationSpec{Serial: "0x01"}), "01"},
		"all of a number":       {asked(v1.CertificateRevocationSpec{Serial: "02"}), "02 02"},
		"none of another":       {of("other"), ""},
		"none that has expired": {asked(v1.CertificateRevocationSpec{Serial: "03"}), ""},
		"none of no record":     {asked(v1.CertificateRevocationSpec{Serial: "FF"}), ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, test.revocation, records(t)...)
			plan := w.decide()
			if plan.Action != revocation.Choose || w.serials() != test.want {
				t.Errorf("%s %q, want %q", plan.Action, w.serials(), test.want)
			}
			if finished := revocation.Finished(w.Revocation); finished != (test.want == "") {
				t.Errorf("finished: %v (%s)", finished, w.ready().Message)
			}
		})
	}
}

func TestARevocationThatTheWatchShowedFirstWaitsForTheRecord(t *testing.T) {
	r := of("web")
	r.CreationTimestamp = metav1.NewTime(now.Add(-time.Second))
	w := newWorld(t, r)
	plan := w.decide()
	if plan.Action != revocation.Wait || plan.Recheck.IsZero() || revocation.Finished(w.Revocation) {
		t.Errorf("%s, recheck at %s", plan.Action, plan.Recheck)
	}
}

func TestTheOneInUseIsReplacedFirst(t *testing.T) {
	current := record(t, "web", 2, inUse)
	w := newWorld(t, of("web"), current)
	w.decide()
	plan := w.decide()
	if plan.Action != revocation.Wait || len(plan.Records) != 0 || w.ready().Reason != v1.ReasonWaitingForRenewal {
		t.Fatalf("%s %s", plan.Action, w.ready().Reason)
	}
	if !plan.Recheck.Equal(current.Leaf.NotAfter) {
		t.Errorf("nothing ends the wait: recheck at %s", plan.Recheck)
	}
	superseded := *current
	superseded.InUse = false
	w.Records = []*issued.Record{&superseded, record(t, "web", 3, inUse)}
	if plan = w.decide(); plan.Action != revocation.Revoke || len(plan.Records) != 1 || plan.Records[0].Serial() != "02" {
		t.Errorf("%s %v", plan.Action, plan.Records)
	}
}

func TestTheOneInUseIsRevokedAtOnceWhereThatIsAsked(t *testing.T) {
	w := newWorld(t, of("web", func(s *v1.CertificateRevocationSpec) { s.RenewFirst = new(bool) }), record(t, "web", 2, inUse))
	w.decide()
	if plan := w.decide(); plan.Action != revocation.Revoke || len(plan.Records) != 1 {
		t.Errorf("%s %v", plan.Action, plan.Records)
	}
}

func TestEveryEndIsTold(t *testing.T) {
	for name, test := range map[string]struct {
		end    func(*world)
		state  v1.RevocationState
		status metav1.ConditionStatus
		reason string
	}{
		"revoked":            {func(w *world) { w.Revocation.Status.Certificates[0].State = v1.RevocationRevoked }, v1.RevocationRevoked, metav1.ConditionTrue, v1.ReasonRevoked},
		"already":            {func(w *world) { w.Revocation.Status.Certificates[0].State = v1.RevocationAlreadyRevoked }, v1.RevocationAlreadyRevoked, metav1.ConditionTrue, v1.ReasonRevoked},
		"expired":            {func(w *world) { w.Now = now.Add(24 * time.Hour) }, v1.RevocationExpired, metav1.ConditionTrue, v1.ReasonRevoked},
		"no record any more": {func(w *world) { w.Records = nil }, v1.RevocationFailed, metav1.ConditionFalse, v1.ReasonRevocationFailed},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, of("web"), record(t, "web", 2, inUse))
			w.decide()
			test.end(w)
			plan := w.decide()
			if plan.Action != revocation.Done || !revocation.Finished(w.Revocation) {
				t.Errorf("%s, finished: %v", plan.Action, revocation.Finished(w.Revocation))
			}
			if entry := w.Revocation.Status.Certificates[0]; entry.State != test.state {
				t.Errorf("state %s, want %s", entry.State, test.state)
			}
			if ready := w.ready(); ready.Status != test.status || ready.Reason != test.reason {
				t.Errorf("Ready is %s/%s: %s", ready.Status, ready.Reason, ready.Message)
			}
		})
	}
}
