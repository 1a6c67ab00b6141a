package acme

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"
)

// PersistFormat says how the TXT record of a dns-persist-01 challenge names the
// account. The drafts changed it incompatibly; a challenge tells its format by
// the spelling of its fields.
type PersistFormat string

// Formats of draft-ietf-acme-dns-persist.
const (
	PersistAccountURL  PersistFormat = "account-url"  // drafts 00 and 01: the URL in clear
	PersistAccountHash PersistFormat = "account-hash" // draft 02 section 4.1: a hash of it
)

const (
	maxIssuerDomainNames = 10  // draft-ietf-acme-dns-persist-02 section 3.1
	maxDomainName        = 253 // bytes, in text form and without the last dot
	maxDomainLabel       = 63
)

// persistHash is the one algorithm that every CA must accept
// (draft-ietf-acme-dns-persist-02 section 4.1).
const persistHash = "sha-256"

// anyDomain stands for the domain in a hash that is good for every domain.
const anyDomain = "*"

// PersistOffer is what a CA says about the records that it accepts as answers
// to dns-persist-01.
type PersistOffer struct {
	Format PersistFormat

	// IssuerDomainNames name the CA, one to ten of them. Any one may be used.
	IssuerDomainNames []string

	// AccountURI is the account that the CA expects in a record, where a
	// challenge of draft 01 says so.
	AccountURI string
}

// PersistRequest says what a record is to permit.
type PersistRequest struct {
	// Domain is the name that is validated, as in the authorization: in lower
	// case, an A-label, without "*.".
	Domain string

	// Issuer is one of the offer's names; empty means its first.
	Issuer string

	// Wildcard permits wildcard certificates and names below the domain too.
	Wildcard bool

	// Until ends the permission; zero means that it has no end.
	Until time.Time

	// Reusable makes a hash that is the same for every domain of the account,
	// so that the records of its domains show that they belong together.
	Reusable bool
}

// DNSPersist01Name returns the name of the TXT record that answers a
// dns-persist-01 challenge for a domain without "*.".
func DNSPersist01Name(domain string) string {
	return "_validation-persist." + domain
}

// PersistOffer returns what can be published before any order, and false if
// the CA does not say enough. Draft 02 has names for it in the directory; for
// the older drafts the names of CAA records serve.
func (m *DirectoryMeta) PersistOffer(format PersistFormat) (*PersistOffer, bool) {
	names := m.IssuerDomainNames
	if format == PersistAccountURL {
		names = m.CAAIdentities
	}
	if !areIssuerDomainNames(names) || (format == PersistAccountHash && m.AccountHashPrefix == "") {
		return nil, false
	}
	return &PersistOffer{Format: format, IssuerDomainNames: slices.Clone(names)}, true
}

// Record returns the record that answers an offer for an account. Before it is
// handed to somebody else to publish, FetchAccount should show that the account
// is valid (draft-ietf-acme-dns-persist-02 section 9.4). An offer that
// contradicts the directory, or names an account other than this one, gives a
// *ProtocolError: such a challenge must not be answered.
func (o *PersistOffer) Record(meta *DirectoryMeta, account Account, req PersistRequest) (PersistRecord, error) {
	if err := o.check(meta); err != nil {
		return PersistRecord{}, err
	}
	issuer := valueOr(req.Issuer, o.IssuerDomainNames[0])
	if !slices.Contains(o.IssuerDomainNames, issuer) {
		return PersistRecord{}, errors.New("the CA does not accept the issuer domain name for dns-persist-01; choose one of its own")
	}
	uri, err := o.accountURI(meta, account, req)
	if err != nil {
		return PersistRecord{}, err
	}
	record := PersistRecord{Issuer: issuer, AccountURI: uri, Wildcard: req.Wildcard, Until: req.Until}
	_, err = record.Value()
	return record, err
}

// check compares an offer with the directory: a challenge has every name of the
// directory, and none that the CA does not list for CAA as well
// (draft-ietf-acme-dns-persist-02 section 3.2).
func (o *PersistOffer) check(meta *DirectoryMeta) error {
	malformed := &ProtocolError{Op: OpChallenge, Reason: ReasonMalformed, Field: "issuerDomainNames"}
	if !areIssuerDomainNames(o.IssuerDomainNames) {
		return malformed
	}
	if o.Format == PersistAccountURL {
		return nil
	}
	if !containsAll(o.IssuerDomainNames, meta.IssuerDomainNames) {
		return malformed
	}
	if identities, known := caaNames(meta.CAAIdentities); known && !containsAll(identities, o.IssuerDomainNames) {
		return malformed
	}
	return nil
}

func (o *PersistOffer) accountURI(meta *DirectoryMeta, account Account, req PersistRequest) (string, error) {
	if account.URL == "" {
		return "", wrapOp(OpChallenge, ErrNotRegistered)
	}
	if o.Format == PersistAccountURL {
		if o.AccountURI != "" && o.AccountURI != account.URL {
			return "", &ProtocolError{Op: OpChallenge, Reason: ReasonMalformed, Field: "accounturi"}
		}
		return account.URL, nil
	}
	if meta.AccountHashPrefix == "" {
		return "", &ProtocolError{Op: OpDirectory, Reason: ReasonMissing, Field: "accountHashPrefix"}
	}
	if account.Key == nil {
		return "", wrapOp(OpChallenge, ErrUnsupportedKey)
	}
	thumbprint, err := Thumbprint(account.Key.Public())
	if err != nil {
		return "", err
	}
	domain := req.Domain
	if req.Reusable {
		domain = anyDomain
	}
	return HashedAccountURI(meta.AccountHashPrefix, domain, thumbprint, account.URL)
}

// HashedAccountURI returns the account URI of a dns-persist-01 record
// (draft-ietf-acme-dns-persist-02 section 4.1). The domain is in lower case and
// an A-label, or "*" for a URI that is good for every domain; the thumbprint is
// that of the account's current key.
func HashedAccountURI(prefix, domain, thumbprint, accountURL string) (string, error) {
	if domain != anyDomain && !isDomainName(domain) {
		return "", errors.New("the domain of a dns-persist-01 record must be in lower case, without a wildcard and without a dot at its end")
	}
	if parsed, err := url.Parse(prefix); err != nil || !parsed.IsAbs() {
		return "", &ProtocolError{Op: OpDirectory, Reason: ReasonMalformed, Field: "accountHashPrefix"}
	}
	input := append([]byte{byte(len(domain))}, domain+thumbprint+accountURL...)
	sum := sha256.Sum256(input)
	return prefix + persistHash + "/" + base64.RawURLEncoding.EncodeToString(sum[:]), nil
}

// wirePersistOffer is the part of a challenge object that is dns-persist-01's.
type wirePersistOffer struct {
	HashNames  wireDomainNames `json:"issuerDomainNames"`   // draft 02
	URLNames   wireDomainNames `json:"issuer-domain-names"` // drafts 00 and 01
	AccountURI wireText        `json:"accounturi"`          // draft 01
}

// offer returns nil for a challenge that is malformed and must be rejected
// (draft-ietf-acme-dns-persist-02 section 3.1). Where a CA sends the fields of
// both formats, the newer one counts.
func (w *wirePersistOffer) offer() *PersistOffer {
	offer := &PersistOffer{Format: PersistAccountHash, IssuerDomainNames: w.HashNames.names}
	if !w.HashNames.present {
		offer = &PersistOffer{Format: PersistAccountURL, IssuerDomainNames: w.URLNames.names, AccountURI: string(w.AccountURI)}
	}
	if len(offer.IssuerDomainNames) == 0 {
		return nil
	}
	return offer
}

// wireDomainNames are issuer domain names: all of them, or none if one is not
// well formed. What is no list of strings is malformed too, and no error, so
// that it does not spoil the object around it.
type wireDomainNames struct {
	present bool
	names   []string
}

// UnmarshalJSON implements json.Unmarshaler.
func (w *wireDomainNames) UnmarshalJSON(data []byte) error {
	w.present = true
	var names []string
	if json.Unmarshal(data, &names) == nil && areIssuerDomainNames(names) {
		w.names = names
	}
	return nil
}

// wireText is an optional text; anything but a string is as if it were absent.
type wireText string

// UnmarshalJSON implements json.Unmarshaler.
func (w *wireText) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil && cleanText(text, maxURL) == text {
		*w = wireText(text)
	}
	return nil
}

func areIssuerDomainNames(names []string) bool {
	if len(names) == 0 || len(names) > maxIssuerDomainNames {
		return false
	}
	return !slices.ContainsFunc(names, func(name string) bool { return !isDomainName(name) })
}

// caaNames returns names to compare issuer domain names with, and false if
// there are none or one of them is no domain name.
func caaNames(identities []string) ([]string, bool) {
	names := make([]string, len(identities))
	for i, identity := range identities {
		names[i] = strings.TrimSuffix(strings.ToLower(identity), ".")
		if !isDomainName(names[i]) {
			return nil, false
		}
	}
	return names, len(names) > 0
}

func containsAll(all, wanted []string) bool {
	return !slices.ContainsFunc(wanted, func(name string) bool { return !slices.Contains(all, name) })
}

// isDomainName says whether a name is in the one form that records compare by:
// lower-case A-labels without a dot at the end
// (draft-ietf-acme-dns-persist-02 section 3.1).
func isDomainName(name string) bool {
	if name == "" || len(name) > maxDomainName {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > maxDomainLabel || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		if strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return true
}
