package issuance_test

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/issuance"
	"github.com/certwright/certwright/internal/pki"
)

// An issuer that is not ready when the wait after a failure ends is waited for: the one failure does
// not count again and again, each time with a longer wait.
func TestFailureCountsOnceWhileTheIssuerIsNotReady(t *testing.T) {
	w := newWorld(t)
	request, key := w.request(1, 1)
	w.Key = key
	w.conclude(request, metav1.ConditionFalse, v1.ReasonFailed, "no")
	w.expect(w.decide(), issuance.Fail, v1.ReasonFailed)
	w.Issuer = issuance.Issuer{Blocked: "waiting for it", BlockedReason: v1.ReasonIssuerNotReady}
	w.Now = start.Add(time.Minute)
	for range 3 {
		w.expect(w.decide(), issuance.Hold, v1.ReasonIssuerNotReady)
	}
	if count := *w.Certificate.Status.FailedIssuanceAttempts; count != 1 {
		t.Errorf("one failed attempt counts %d times", count)
	}
	w.Issuer = issuance.Issuer{}
	w.expect(w.decide(), issuance.Begin, v1.ReasonDoesNotExist)
}

// An issuer that answers a new request with the certificate that is in use already, to a key that is
// lost since, must not take the process down.
func TestOldCertificateForANewRequestWhoseKeyIsLost(t *testing.T) {
	w := issued(t)
	w.trigger()
	request, _ := w.request(2, 2)
	request.Status.Certificate = w.Secret.Data[corev1.TLSCertKey]
	w.conclude(request, metav1.ConditionTrue, v1.ReasonIssued, "signed")
	w.expect(w.decide(), issuance.Begin, v1.ReasonKeyLost)
}

// A pair that was found and kept stays as it is, however its key is encoded: OpenSSL writes PKCS#8.
func TestAdoptedKeyMayHaveAnotherEncoding(t *testing.T) {
	w := newWorld(t)
	request, key := w.request(1, 1)
	w.sign(request, key, start)
	w.store(request, key)
	w.Requests = nil
	encoded, err := pki.EncodePrivateKey(key, pki.PKCS8)
	w.must(err)
	w.Secret.Data[corev1.TLSPrivateKeyKey] = encoded
	w.expect(w.decide(), issuance.Keep, v1.ReasonReady)
}

// A process that was restarted has lost the key of a request that costs nothing: that the request
// cannot be signed without it is no failure to wait after.
func TestRequestThatFailedForItsLostKeyIsMadeAgain(t *testing.T) {
	w := newWorld(t)
	w.Issuer.Instant = true
	request, _ := w.request(1, 1)
	w.conclude(request, metav1.ConditionFalse, v1.ReasonFailed, "needs the request's private key")
	w.expect(w.decide(), issuance.Begin, v1.ReasonKeyLost)
}

// A certificate that is due the moment it is issued, for a renewBefore as long as its life or an
// issuer that dates it back, is not issued over and over again.
func TestCertificateThatIsDueAtOnceIsNotRenewedAtOnce(t *testing.T) {
	w := newWorld(t, func(crt *v1.Certificate) { crt.Spec.RenewBefore = &metav1.Duration{Duration: lifetime - time.Minute} })
	request, key := w.request(1, 1)
	w.Key = key
	w.sign(request, key, start.Add(-time.Hour))
	stored := w.decide()
	w.expect(stored, issuance.Store, v1.ReasonReady)
	w.store(request, key)
	kept := w.decide()
	w.expect(kept, issuance.Keep, v1.ReasonReady)
	if !kept.Recheck.After(w.Now) || !kept.Recheck.Equal(stored.Recheck) || !kept.Recheck.Equal(w.Certificate.Status.RenewalTime.Time) {
		t.Errorf("stored until %s, kept until %s, renewal is told for %s", stored.Recheck, kept.Recheck, w.Certificate.Status.RenewalTime)
	}
	w.Now = kept.Recheck
	w.expect(w.decide(), issuance.Begin, v1.ReasonRenewing)
}

// A process that died after it had written down a new attempt, before the request of the one before
// was deleted, does not count that one's failure again.
func TestFailureBeforeALaterAttemptIsNotCountedAgain(t *testing.T) {
	w := newWorld(t)
	request, key := w.request(1, 1)
	w.Key = key
	w.conclude(request, metav1.ConditionFalse, v1.ReasonFailed, "no")
	w.expect(w.decide(), issuance.Fail, v1.ReasonFailed)
	w.Now = start.Add(time.Minute)
	w.expect(w.decide(), issuance.Begin, v1.ReasonDoesNotExist)
	plan := w.decide()
	w.expect(plan, issuance.Begin, v1.ReasonDoesNotExist)
	if plan.Attempt != 3 || *w.Certificate.Status.FailedIssuanceAttempts != 1 {
		t.Errorf("attempt %d after %d failures", plan.Attempt, *w.Certificate.Status.FailedIssuanceAttempts)
	}
}
