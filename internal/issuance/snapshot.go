package issuance

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/certwright/certwright/api"
	v1 "github.com/certwright/certwright/api/v1"
)

// Snapshot is everything a decision about a Certificate depends on. Nothing in it is changed.
type Snapshot struct {
	Now         time.Time
	Names       api.Names
	Certificate *v1.Certificate
	// Secret is the target Secret, nil where it does not exist.
	Secret *corev1.Secret
	// Rivals are the other Certificates with the same secretName.
	Rivals []*v1.Certificate
	// Requests are the CertificateRequests that the Certificate owns, in any order.
	Requests []*v1.CertificateRequest
	// Key is the private key of the request that [Next] gives, nil where it is lost or there is none.
	Key crypto.Signer
	// Issuer is what is known of the issuer that the spec names first.
	Issuer Issuer
	// Fallbacks are what is known of the fallback issuers, in the order of the spec.
	Fallbacks []Issuer
	// RenewalInfo is what the CA said about the certificate in the Secret, nil where it was not asked.
	RenewalInfo *RenewalInfo
	// Revocations are the Certificate's certificates that CertificateRevocations are about.
	Revocations []Revocation
	// Unmet is something the spec refers to that is not there, such as a keystore's password.
	Unmet *Finding
}

// Issuer is what a decision needs to know of the issuer that a Certificate names.
type Issuer struct {
	// Blocked says why no request should be made yet, such as an issuer that is not there or not
	// ready; empty for external issuers, of which only they themselves know.
	Blocked, BlockedReason string
	// Unable is true where it is blocked by its own word: it has looked at its present spec and is not ready.
	// UnableSince is since when.
	Unable      bool
	UnableSince time.Time
	// Instant is true where this process approves and signs by itself, so that a lost key costs
	// nothing and no progress needs to be written down.
	Instant bool
	// SuggestsRenewal is true where the CA is asked when to renew (RFC 9773).
	SuggestsRenewal bool
	// Signer is the certificate that a ca issuer signs with now, nil for others.
	Signer *x509.Certificate
	// Revokes is true where certificates of the issuer can be revoked through it.
	Revokes bool
	// Account is the URL of the ACME account that the issuer orders with, empty for others.
	Account string
}

// Revision is the number of the last certificate that was stored, zero before the first.
func Revision(crt *v1.Certificate) int {
	if crt.Status.Revision == nil {
		return 0
	}
	return *crt.Status.Revision
}

// RequestName is the name of the request of an attempt. It carries the number so that what an earlier attempt left behind is never taken for
// this one's.
func RequestName(crt *v1.Certificate, attempt int64) string {
	return ChildName(crt.Name, "-"+strconv.FormatInt(attempt, 10))
}

// StagedKeyName is the name of the Secret that holds the key of an attempt under way.
func StagedKeyName(crt *v1.Certificate, attempt int64) string {
	return ChildName(crt.Name, "-"+strconv.FormatInt(attempt, 10)+"-key")
}

// longestName is the limit of object names, which are DNS subdomains.
const longestName = 253

// ChildName is a name for what belongs to an object: it appends suffix, with the middle replaced by a hash where the whole would be too long.
func ChildName(name, suffix string) string {
	if len(name)+len(suffix) <= longestName {
		return name + suffix
	}
	sum := sha256.Sum256([]byte(name))
	hash := "-" + hex.EncodeToString(sum[:8])
	return name[:longestName-len(suffix)-len(hash)] + hash + suffix
}

// AttemptOf is the attempt that a request belongs to, zero if the request is not one of ours.
func AttemptOf(crt *v1.Certificate, request *v1.CertificateRequest) int64 {
	for end := len(request.Name) - 1; end > 0; end-- {
		if request.Name[end] != '-' {
			continue
		}
		attempt, err := strconv.ParseInt(request.Name[end+1:], 10, 64)
		if err == nil && attempt > 0 && RequestName(crt, attempt) == request.Name {
			return attempt
		}
		return 0
	}
	return 0
}

// revisionOf is the revision that a request works towards, zero if it does not say.
func (s *Snapshot) revisionOf(request *v1.CertificateRequest) int {
	revision, err := strconv.Atoi(request.Annotations[s.Names.Annotation.CertificateRevision])
	if err != nil {
		return 0
	}
	return revision
}

// latest is the request of the highest attempt towards a revision.
func (s *Snapshot) latest(revision int) *v1.CertificateRequest {
	var best *v1.CertificateRequest
	for _, request := range s.Requests {
		if s.revisionOf(request) != revision || AttemptOf(s.Certificate, request) == 0 {
			continue
		}
		if best == nil || AttemptOf(s.Certificate, request) > AttemptOf(s.Certificate, best) {
			best = request
		}
	}
	return best
}

// currentRequest is the request that the stored certificate came from, nil where it is gone.
func (s *Snapshot) currentRequest() *v1.CertificateRequest {
	if Revision(s.Certificate) == 0 {
		return nil
	}
	return s.latest(Revision(s.Certificate))
}

// Next is the request of the attempt under way, or nil.
func (s *Snapshot) Next() *v1.CertificateRequest {
	return s.latest(Revision(s.Certificate) + 1)
}

// NextAttempt is the number for a new attempt: beyond every one that left a trace.
func (s *Snapshot) NextAttempt() int64 {
	var highest int64
	if s.Certificate.Status.Issuance != nil {
		highest = s.Certificate.Status.Issuance.Attempt
	}
	for _, request := range s.Requests {
		highest = max(highest, AttemptOf(s.Certificate, request))
	}
	return highest + 1
}

// owner says which Certificate a shared target Secret belongs to, nil if that is this one: the one
// the Secret was made for, else the oldest.
func (s *Snapshot) owner() *v1.Certificate {
	if len(s.Rivals) == 0 {
		return nil
	}
	if s.Secret != nil {
		madeFor := s.Secret.Annotations[s.Names.Annotation.CertificateName]
		if madeFor == s.Certificate.Name {
			return nil
		}
		for _, rival := range s.Rivals {
			if rival.Name == madeFor {
				return rival
			}
		}
	}
	oldest := s.Certificate
	for _, rival := range s.Rivals {
		if older(rival, oldest) {
			oldest = rival
		}
	}
	if oldest == s.Certificate {
		return nil
	}
	return oldest
}

func older(a, b *v1.Certificate) bool {
	if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return a.CreationTimestamp.Before(&b.CreationTimestamp)
	}
	return a.Name < b.Name
}

// foreignController says who else controls the target Secret, empty if nobody does. A Certificate of
// our name counts as ourselves: after a restore from a backup its UID is another.
func (s *Snapshot) foreignController() string {
	if s.Secret == nil {
		return ""
	}
	for _, ref := range s.Secret.OwnerReferences {
		if ref.Controller == nil || !*ref.Controller {
			continue
		}
		ours := ref.Kind == v1.CertificateKind && ref.APIVersion == s.Names.GroupVersion.String() && ref.Name == s.Certificate.Name
		if !ours {
			return fmt.Sprintf("%s %q", ref.Kind, ref.Name)
		}
	}
	return ""
}
