package issuance_test

import (
	"crypto"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certwright/certwright/api"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/issuance"
	"github.com/certwright/certwright/internal/pki"
)

var (
	names = api.DefaultNames()
	start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

const lifetime = 90 * 24 * time.Hour

// world is a cluster with one Certificate, in the state that a test starts from.
type world struct {
	t *testing.T
	*issuance.Snapshot
}

// newWorld has a Certificate for leaf.example.test and nothing else.
func newWorld(t *testing.T, change ...func(*v1.Certificate)) *world {
	t.Helper()
	crt := &v1.Certificate{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "leaf", UID: "uid-leaf", Generation: 1, CreationTimestamp: metav1.NewTime(start)},
		Spec: v1.CertificateSpec{
			SecretName: "leaf-tls",
			DNSNames:   []string{"leaf.example.test"},
			IssuerRef:  v1.IssuerRef{Name: "ca"},
			PrivateKey: &v1.CertificatePrivateKey{Algorithm: v1.ECDSAKeyAlgorithm},
		},
	}
	for _, f := range change {
		f(crt)
	}
	return &world{t: t, Snapshot: &issuance.Snapshot{Now: start, Names: names, Certificate: crt}}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// request adds the request of an attempt towards a revision, with a key of its own.
func (w *world) request(attempt int64, revision int) (*v1.CertificateRequest, crypto.Signer) {
	w.t.Helper()
	key, err := pki.GenerateKey(issuance.RequestSpec(w.Certificate).Key)
	w.must(err)
	csr, err := pki.CreateRequest(issuance.RequestSpec(w.Certificate), key)
	w.must(err)
	request := &v1.CertificateRequest{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: issuance.RequestName(w.Certificate, attempt), CreationTimestamp: metav1.NewTime(w.Now),
			Annotations: map[string]string{names.Annotation.CertificateRevision: strconv.Itoa(revision)},
		},
		Spec: v1.CertificateRequestSpec{
			Request: csr, IssuerRef: w.Certificate.Spec.IssuerRef, Duration: w.Certificate.Spec.Duration,
			IsCA: w.Certificate.Spec.IsCA, Usages: w.Certificate.Spec.Usages,
		},
	}
	w.Requests = append(w.Requests, request)
	return request, key
}

// sign answers a request with a certificate that is valid for lifetime from at.
func (w *world) sign(request *v1.CertificateRequest, key crypto.Signer, at time.Time) {
	w.t.Helper()
	csr, err := pki.ParseRequest(request.Spec.Request)
	w.must(err)
	chain, err := pki.SelfSign(csr, key, pki.Template{Duration: lifetime, IsCA: w.Certificate.Spec.IsCA}, at)
	w.must(err)
	request.Status.Certificate = chain.PEM()
	w.conclude(request, metav1.ConditionTrue, v1.ReasonIssued, "signed")
}

func (w *world) conclude(request *v1.CertificateRequest, status metav1.ConditionStatus, reason, message string) {
	request.Status.Conditions = condition.Set(request.Status.Conditions, v1.Condition{
		Type: v1.ConditionReady, Status: status, Reason: reason, Message: message,
	}, w.Now)
}

// store puts the answer of a request into the target Secret, as the operator does.
func (w *world) store(request *v1.CertificateRequest, key crypto.Signer) {
	w.t.Helper()
	encoded, err := pki.EncodePrivateKey(key, issuance.KeyEncoding(w.Certificate))
	w.must(err)
	ref := request.Spec.IssuerRef.WithDefaults(names)
	w.Secret = &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: w.Certificate.Spec.SecretName,
			Annotations: map[string]string{
				names.Annotation.CertificateName: w.Certificate.Name, names.Annotation.IssuerName: ref.Name,
				names.Annotation.IssuerKind: ref.Kind, names.Annotation.IssuerGroup: ref.Group,
			},
		},
		Data: map[string][]byte{corev1.TLSPrivateKeyKey: encoded, corev1.TLSCertKey: request.Status.Certificate},
	}
}

// issued is a world in which revision 1 is stored and reported.
func issuedWorld(t *testing.T, change ...func(*v1.Certificate)) *world {
	t.Helper()
	w := newWorld(t, change...)
	request, key := w.request(1, 1)
	w.sign(request, key, start)
	w.Key = key
	plan := issuance.Decide(w.Snapshot)
	if plan.Action != issuance.Store {
		t.Fatalf("a signed request is not stored: %s %s", plan.Action, plan.Message)
	}
	w.store(request, key)
	w.Certificate.Status, w.Key = plan.Status, nil
	return w
}

// decide asks for a decision and takes its status over, as the operator does.
func (w *world) decide() issuance.Plan {
	plan := issuance.Decide(w.Snapshot)
	w.Certificate = w.Certificate.DeepCopy()
	w.Certificate.Status = plan.Status
	return plan
}

func (w *world) condition(conditionType string) v1.Condition {
	w.t.Helper()
	c := condition.Get(w.Certificate.Status.Conditions, conditionType)
	if c == nil {
		w.t.Fatalf("the Certificate has no condition %s", conditionType)
	}
	return *c
}

func (w *world) expect(plan issuance.Plan, action issuance.Action, reason string) {
	w.t.Helper()
	if plan.Action != action || plan.Reason != reason {
		w.t.Fatalf("decided %s/%s (%s), want %s/%s", plan.Action, plan.Reason, plan.Message, action, reason)
	}
}

// trigger asks for a new certificate by hand.
func (w *world) trigger() {
	w.Certificate.Status.Conditions = condition.Set(w.Certificate.Status.Conditions, v1.Condition{
		Type: v1.ConditionIssuing, Status: metav1.ConditionTrue, Reason: v1.ReasonManuallyTriggered, Message: "by hand",
	}, w.Now)
}

// failed is a world whose first attempt the issuer has refused, with the failure told and counted.
func failed(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	request, key := w.request(1, 1)
	w.Key = key
	w.conclude(request, metav1.ConditionFalse, v1.ReasonFailed, "no")
	w.expect(w.decide(), issuance.Fail, v1.ReasonFailed)
	return w
}
