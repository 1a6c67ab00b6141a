package issuance

import (
	"crypto"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/issued"
	"github.com/certwright/certwright/internal/pki"
)

// Revocation is a certificate of a Certificate that a CertificateRevocation is about.
type Revocation struct {
	// Name is that of the CertificateRevocation.
	Name string
	// Reason is why it is revoked.
	Reason v1.RevocationReason
	// RenewFirst says that the revocation waits until the certificate is replaced.
	RenewFirst bool
	v1.RevokedCertificate
}

// Revocations are the certificates that CertificateRevocations are about.
func Revocations(list []v1.CertificateRevocation) []Revocation {
	var result []Revocation
	for i := range list {
		spec := &list[i].Spec
		for _, certificate := range list[i].Status.Certificates {
			result = append(result, Revocation{
				Name: list[i].Name, Reason: spec.Reason, RenewFirst: spec.RenewFirst == nil || *spec.RenewFirst, RevokedCertificate: certificate,
			})
		}
	}
	return result
}

// notRevoked finds that the certificate in the Secret is revoked.
func notRevoked(t *target) *Finding {
	fingerprint := issued.Fingerprint(t.chain.Leaf())
	for _, r := range t.Revocations {
		if r.State.IsRevoked() && r.Fingerprint == fingerprint {
			return found(v1.ReasonRevoked, "the certificate in Secret %q is revoked by CertificateRevocation %q", t.Secret.Name, r.Name)
		}
	}
	return nil
}

// toBeRevoked says why a certificate that is still good is replaced: its revocation waits for that, or its key
// is known to others.
func (t *target) toBeRevoked() *Finding {
	fingerprint := issued.Fingerprint(t.chain.Leaf())
	for _, r := range t.Revocations {
		if r.State == v1.RevocationPending && r.RenewFirst && r.Fingerprint == fingerprint {
			return found(v1.ReasonRevocationRequested, "CertificateRevocation %q revokes the certificate in Secret %q once there is a new one", r.Name, t.Secret.Name)
		}
	}
	if t.IsCompromised(t.key.Public()) {
		return found(v1.ReasonRevocationRequested, "the key in Secret %q is compromised, by a CertificateRevocation for another certificate with the same key", t.Secret.Name)
	}
	return nil
}

// IsCompromised says whether a CertificateRevocation declares a key to be known to others: no new certificate
// may be for it.
func (s *Snapshot) IsCompromised(key crypto.PublicKey) bool {
	hash := pki.PublicKeyID(key)
	for _, r := range s.Revocations {
		undecided := r.State == v1.RevocationPending && !r.RenewFirst
		if r.Reason == v1.RevocationKeyCompromise && r.PublicKeyHash == hash && !undecided {
			return true
		}
	}
	return false
}

// revokedStatus tells which of the Certificate's certificates was revoked last, as long as its
// CertificateRevocation is there to tell it from.
func (t *target) revokedStatus(status *v1.CertificateStatus, plan *Plan) {
	last := t.lastRevoked()
	if last == nil {
		status.Conditions = condition.Remove(status.Conditions, v1.ConditionRevoked)
		return
	}
	told := v1.Condition{
		Status: metav1.ConditionFalse, Reason: v1.ReasonReplaced,
		Message: fmt.Sprintf("The certificate %s was revoked at %s by CertificateRevocation %q, with the reason %s, and is in the Secret no more",
			last.Serial, last.RevokedAt.UTC().Format(time.RFC3339), last.Name, last.Reason),
	}
	chain := t.chain
	if plan.Action == Store {
		chain = plan.Pair.Chain
	}
	if chain != nil && issued.Fingerprint(chain.Leaf()) == last.Fingerprint {
		told.Status, told.Reason = metav1.ConditionTrue, v1.ReasonRevoked
		told.Message = fmt.Sprintf("The certificate in the Secret, %s, was revoked at %s by CertificateRevocation %q, with the reason %s: a new one is being issued",
			last.Serial, last.RevokedAt.UTC().Format(time.RFC3339), last.Name, last.Reason)
	}
	t.set(status, v1.ConditionRevoked, told)
}

func (s *Snapshot) lastRevoked() *Revocation {
	var last *Revocation
	for i := range s.Revocations {
		r := &s.Revocations[i]
		if r.State.IsRevoked() && r.RevokedAt != nil && (last == nil || last.RevokedAt.Before(r.RevokedAt)) {
			last = r
		}
	}
	return last
}
