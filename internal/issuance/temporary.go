package issuance

import (
	"github.com/certwright/certwright/internal/pki"

	v1 "github.com/certwright/certwright/api/v1"
)

// wantsTemporary says whether to bridge the time of an attempt with a throwaway certificate: only
// where asked for, and only where the Secret holds no pair at all and the issuer takes its time.
func (t *target) wantsTemporary(issuer *Issuer) bool {
	return t.Certificate.Annotations[t.Names.Annotation.IssueTemporaryCertificate] == "true" && t.chain == nil && !issuer.Instant
}

// notTemporary finds a throwaway certificate that a real one has yet to replace.
func notTemporary(t *target) *Finding {
	if t.chain.Leaf().Issuer.CommonName == pki.TemporaryIssuer {
		return found(v1.ReasonDoesNotExist, "Secret %q holds a temporary certificate", t.Secret.Name)
	}
	return nil
}
