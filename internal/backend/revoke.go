package backend

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/issued"
	"github.com/certwright/certwright/internal/orderflow"
	"github.com/certwright/certwright/internal/outcome"
	"github.com/certwright/certwright/internal/pki"
)

// Revoker has certificates revoked by the CA that issued them.
type Revoker struct {
	Accounts *Accounts
	CRLs     CRLs
}

// CRLs are the revocation lists of ca issuers.
type CRLs interface {
	// Revoke adds a certificate to the list of the key that signed it. already says that it is there.
	Revoke(ctx context.Context, issuer v1.GenericIssuer, leaf *x509.Certificate, reason pki.RevocationReason) (already bool, err error)
}

// CanRevoke says whether certificates of an issuer can be revoked through it.
func CanRevoke(spec *v1.IssuerSpec) bool { return spec.ACME != nil || spec.CA != nil }

// Revoke has a certificate revoked; already says that it was before. While the CA cannot be asked, the error is
// an outcome.Wait; a refusal is an outcome.Terminal.
func (r *Revoker) Revoke(ctx context.Context, issuer v1.GenericIssuer, record *issued.Record, reason v1.RevocationReason) (already bool, err error) {
	why, err := pki.ParseRevocationReason(string(reason))
	if err != nil {
		return false, outcome.Invalidf(v1.ReasonInvalidSpec, "reason %q: %v", reason, err)
	}
	switch spec := issuer.GetSpec(); {
	case spec.ACME != nil:
		client, account, err := r.Accounts.For(issuer)
		if err != nil {
			return false, err
		}
		return r.revokeACME(ctx, client, account, record, why)
	case spec.CA != nil:
		return r.CRLs.Revoke(ctx, issuer, record.Leaf, why)
	default:
		return false, outcome.Terminalf(outcome.ClassLocal, v1.ReasonNotSupported,
			"issuers of the type of %s %q cannot revoke: those of the types acme and ca can", record.Issuer.Kind, record.Issuer.Name)
	}
}

// revokeACME asks as the account that the certificate was issued to (RFC 8555 section 7.6). A CA that does not
// take the reason is asked again without one.
func (r *Revoker) revokeACME(ctx context.Context, client *acme.Client, account acme.Account, record *issued.Record, reason pki.RevocationReason) (bool, error) {
	if record.Account != account.URL {
		return false, outcome.Terminalf(outcome.ClassLocal, v1.ReasonRevocationFailed,
			"the certificate was issued to the account %s, and %s %q has the account %s now: give it the other account's key back, and create another CertificateRevocation",
			record.Account, record.Issuer.Kind, record.Issuer.Name, account.URL)
	}
	answer, err := client.RevokeCertificate(ctx, account, record.Leaf.Raw, acme.RevocationReason(reason))
	if acme.IsProblem(err, acme.TypeBadRevocationReason) && reason != pki.ReasonUnspecified {
		answer, err = client.RevokeCertificate(ctx, account, record.Leaf.Raw, acme.RevocationUnspecified)
	}
	if err != nil {
		return false, r.refused(err)
	}
	return answer.AlreadyRevoked, nil
}

func (r *Revoker) refused(err error) error {
	failure := orderflow.Classify(err, r.Accounts.Client.Now())
	if failure.Reason == orderflow.ReasonAccountUnknown {
		failure.Message = "the CA does not know the account that the certificate was issued to: " + failure.Message
	}
	return failure
}

// Identity is what it takes to have the certificates of an Issuer revoked when the Issuer itself and its Secrets
// are gone. It holds the account key.
type Identity struct {
	// Issuer is the Issuer in JSON: its name, its spec and what is known of its account.
	Issuer []byte
	// AccountKey is in PEM.
	AccountKey []byte
}

// Identity is that of an Issuer of type acme that is ready.
func (r *Revoker) Identity(issuer *v1.Issuer) (*Identity, error) {
	_, account, err := r.Accounts.For(issuer)
	if err != nil {
		return nil, err
	}
	reduced := v1.Issuer{ObjectMeta: metav1.ObjectMeta{Namespace: issuer.Namespace, Name: issuer.Name}}
	spec := issuer.Spec.ACME
	reduced.Spec.ACME = &v1.ACMEIssuer{
		Server: spec.Server, AllowedHosts: spec.AllowedHosts, CABundle: spec.CABundle, SkipTLSVerify: spec.SkipTLSVerify,
	}
	reduced.Status.ACME = &v1.ACMEIssuerStatus{URI: account.URL}
	text, err := json.Marshal(reduced)
	if err != nil {
		return nil, err
	}
	key, err := pki.EncodePrivateKey(account.Key, pki.PKCS8)
	return &Identity{Issuer: text, AccountKey: key}, err
}

var errIdentity = errors.New("what was kept to revoke the certificate with cannot be read")

// RevokeAs has a certificate of an Issuer that is gone revoked, with what was kept of it. namespace is that of the
// Issuer: what a tenant may have written into the identity reaches no further than the tenant's own Issuers.
func (r *Revoker) RevokeAs(ctx context.Context, identity *Identity, namespace string, record *issued.Record, reason pki.RevocationReason) (already bool, err error) {
	issuer := &v1.Issuer{}
	if json.Unmarshal(identity.Issuer, issuer) != nil || issuer.Spec.ACME == nil || issuer.Status.ACME == nil {
		return false, errIdentity
	}
	issuer.Namespace = namespace
	key, err := pki.DecodePrivateKey(identity.AccountKey)
	if err != nil {
		return false, errIdentity
	}
	if err := checkAddresses(issuer.Spec.ACME, r.Accounts.policy(issuer)); err != nil {
		return false, err
	}
	client, done, err := r.Accounts.passing(issuer)
	if err != nil {
		return false, err
	}
	defer done()
	return r.revokeACME(ctx, client, acme.Account{Key: key, URL: issuer.Status.ACME.URI}, record, reason)
}
