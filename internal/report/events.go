package report

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"

	"github.com/certwright/certwright/internal/condition"
)

// Events is where every event of the operator is worded. Events are sent on change only.
type Events struct {
	Recorder events.EventRecorder
}

// Issued tells that a new certificate is in the target Secret.
func (e Events) Issued(certificate runtime.Object, secret string, revision int) {
	e.Recorder.Eventf(certificate, nil, corev1.EventTypeNormal, "Issued", "Issue",
		"Certificate stored in Secret %q, revision %d", secret, revision)
}

// Adopted tells that a certificate that was in the Secret before is kept.
func (e Events) Adopted(certificate runtime.Object, secret string) {
	e.Recorder.Eventf(certificate, nil, corev1.EventTypeNormal, "Adopted", "Adopt",
		"Secret %q holds a certificate that fits the spec: it is kept", secret)
}

// Failed tells that an attempt failed, and when the next one is.
func (e Events) Failed(object runtime.Object, reason, message string) {
	e.Recorder.Eventf(object, nil, corev1.EventTypeWarning, reason, "Issue", "%s", bounded(message))
}

// Refused tells that a person has to change something.
func (e Events) Refused(object runtime.Object, reason, message string) {
	e.Recorder.Eventf(object, nil, corev1.EventTypeWarning, reason, "Check", "%s", bounded(message))
}

// NameTaken tells that an object of the name that an attempt needs belongs to somebody else.
func (e Events) NameTaken(certificate runtime.Object, kind, name string) {
	e.Recorder.Eventf(certificate, nil, corev1.EventTypeWarning, "NameTaken", "Issue",
		"%s %q exists and is not ours: it is left alone, and the next attempt has another name", kind, name)
}

// KeyReplaced tells that the rotation policy Never could not be kept.
func (e Events) KeyReplaced(certificate runtime.Object, secret string) {
	e.Recorder.Eventf(certificate, nil, corev1.EventTypeWarning, "CannotReuseKey", "Issue",
		"The private key in Secret %q does not fit the spec: a new one is made although rotationPolicy is Never", secret)
}

// RenewalOutsideWindow tells that the renewal windows cannot be met.
func (e Events) RenewalOutsideWindow(certificate runtime.Object, message string) {
	e.Recorder.Eventf(certificate, nil, corev1.EventTypeWarning, "WindowError", "Renew", "%s", bounded(message))
}

// RenewalMoved tells that the CA wants a certificate renewed earlier than it said before.
func (e Events) RenewalMoved(certificate runtime.Object, message string) {
	e.Recorder.Eventf(certificate, nil, corev1.EventTypeWarning, "RenewalMovedEarlier", "Renew", "%s", bounded(message))
}

// ListReplaced tells that a revocation list was made anew instead of being continued.
func (e Events) ListReplaced(issuer runtime.Object, message string) {
	e.Recorder.Eventf(issuer, nil, corev1.EventTypeWarning, "RevocationListReplaced", "KeepRevocationList", "%s", bounded(message))
}

// LeftOver tells that something outside the cluster could not be taken away.
func (e Events) LeftOver(order runtime.Object, message string) {
	e.Recorder.Eventf(order, nil, corev1.EventTypeWarning, "CleanUpError", "CleanUp", "%s", bounded(message))
}

// bounded keeps a note within what the events API accepts.
func bounded(message string) string {
	const limit = 1024
	return condition.Bounded(message, limit)
}
