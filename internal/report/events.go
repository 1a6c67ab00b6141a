package report

import (
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"

	"github.com/certwright/certwright/internal/condition"
)

// Events is where every event of the operator is worded. Events are sent on change only.
type Events struct {
	Recorder events.EventRecorder
}

// Issued tells that a new certificate is in the target Secret, and which fallback issuer signed it, empty if the
// first one did.
func (e Events) Issued(certificate runtime.Object, secret string, revision int, fallback string) {
	by := ""
	if fallback != "" {
		by = ", signed by the fallback " + fallback
	}
	e.Recorder.Eventf(certificate, nil, corev1.EventTypeNormal, "Issued", "Issue",
		"Certificate stored in Secret %q, revision %d%s", secret, revision, by)
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

// Revoked tells that a certificate of a Certificate was revoked.
func (e Events) Revoked(certificate runtime.Object, message string) {
	e.Recorder.Eventf(certificate, nil, corev1.EventTypeWarning, "Revoked", "Revoke", "%s", bounded(message))
}

// RevocationDone tells that everything that was to be revoked is.
func (e Events) RevocationDone(revocation runtime.Object, message string) {
	e.Recorder.Eventf(revocation, nil, corev1.EventTypeNormal, "Revoked", "Revoke", "%s", bounded(message))
}

// NotRevoked tells that a Certificate goes without all of its certificates revoked.
func (e Events) NotRevoked(certificate runtime.Object, message string) {
	e.Recorder.Eventf(certificate, nil, corev1.EventTypeWarning, "NotRevoked", "Revoke", "%s", bounded(message))
}

// RecordsDropped tells that certificates which are still valid cannot be revoked any more.
func (e Events) RecordsDropped(certificate runtime.Object, count int) {
	e.Recorder.Eventf(certificate, nil, corev1.EventTypeWarning, "RecordsDropped", "Issue",
		"There are more certificates that have not expired than can be remembered: the %d that expire first cannot be revoked by a CertificateRevocation any more", count)
}

// ListReplaced tells that a revocation list was made anew instead of being continued.
func (e Events) ListReplaced(issuer runtime.Object, message string) {
	e.Recorder.Eventf(issuer, nil, corev1.EventTypeWarning, "RevocationListReplaced", "KeepRevocationList", "%s", bounded(message))
}

// FallsBackToPods tells that a pod answers challenges that the operator was to answer itself.
func (e Events) FallsBackToPods(order runtime.Object, message string) {
	e.Recorder.Eventf(order, nil, corev1.EventTypeWarning, "FallsBackToPods", "Present", "%s", bounded(message))
}

// LeftOver tells, on an Order or its Certificate, that something outside the cluster could not be taken away.
func (e Events) LeftOver(object runtime.Object, message string) {
	e.Recorder.Eventf(object, nil, corev1.EventTypeWarning, "CleanUpError", "CleanUp", "%s", bounded(message))
}

// Restarting tells that the pods of a workload are replaced because of the certificates in Secrets. held is what
// keeps its controller from doing so by itself, as the rest of a sentence, or empty.
func (e Events) Restarting(workload runtime.Object, secrets []string, held string) {
	note := "Secret " + quoted(secrets) + " has a new certificate: pods are replaced"
	if len(secrets) > 1 {
		note = "Secrets " + quoted(secrets) + " have new certificates: pods are replaced"
	}
	if held != "" {
		note += "; " + held
	}
	e.Recorder.Eventf(workload, nil, corev1.EventTypeNormal, "RestartedOnRenewal", "Restart", "%s", bounded(note))
}

// RestartRefused tells that the API server does not let a workload be written, and so not be restarted.
func (e Events) RestartRefused(workload runtime.Object, message string) {
	e.Recorder.Eventf(workload, nil, corev1.EventTypeWarning, "RestartRefused", "Restart", "%s",
		bounded("The annotations that have pods replaced when their certificate changes cannot be written: "+message))
}

// RecordPutBack tells that an annotation was written again, and is not going to be once more.
func (e Events) RecordPutBack(workload runtime.Object, annotation string) {
	e.Recorder.Eventf(workload, nil, corev1.EventTypeNormal, "AnnotationPutBack", "Note",
		"Annotation %q was changed by something else and is written again, this once: unless this was a rollback, keep it out of what you apply",
		annotation)
}

// SourceWrote tells that a Certificate was made, changed or deleted for an Ingress, Gateway or ListenerSet. verb is
// Create, Update or Delete.
func (e Events) SourceWrote(source, certificate runtime.Object, verb, name string) {
	past := map[string]string{"Create": "made", "Update": "changed", "Delete": "deleted: it is not asked for any more, and its Secret stays"}[verb]
	e.Recorder.Eventf(source, certificate, corev1.EventTypeNormal, verb+"Certificate", verb, "Certificate %q was %s", name, past)
}

// SourceTold tells something about an Ingress, Gateway or ListenerSet; a warning asks for an edit.
func (e Events) SourceTold(source runtime.Object, reason, message string, warning bool) {
	kind := corev1.EventTypeNormal
	if warning {
		kind = corev1.EventTypeWarning
	}
	e.Recorder.Eventf(source, nil, kind, reason, "ReadSource", "%s", bounded(message))
}

func quoted(names []string) string {
	const most = 5
	texts := make([]string, 0, len(names))
	for _, name := range names[:min(len(names), most)] {
		texts = append(texts, strconv.Quote(name))
	}
	if len(names) > most {
		texts = append(texts, "…")
	}
	return strings.Join(texts, ", ")
}

// bounded keeps a note within what the events API accepts.
func bounded(message string) string {
	const limit = 1024
	return condition.Bounded(message, limit)
}
