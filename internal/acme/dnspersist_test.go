package acme

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The example of draft-ietf-acme-dns-persist-02 section 10.2. Its key is that of
// RFC 7638 section 3.1.
const (
	persistPrefix  = "https://ca.example/account-hash/"
	persistAccount = "https://ca.example/acct/123"
	persistHashURI = persistPrefix + "sha-256/5SQm7n6tPh2-PlLbCKGnViTXX5z19SCN4cPGQHSk-kw"
	persistAnyURI  = persistPrefix + "sha-256/NpDnSwUthQK8zCgFdefYxAdAVPnygMLbs9US6oO-5ug"
)

func TestHashedAccountURIOfTheDraft(t *testing.T) {
	for domain, want := range map[string]string{"example.com": persistHashURI, "*": persistAnyURI} {
		got, err := HashedAccountURI(persistPrefix, domain, rfc7638Thumbprint, persistAccount)
		if got != want || err != nil {
			t.Errorf("%s: %q, %v, want %q", domain, got, err, want)
		}
	}
	for _, domain := range []string{"", "Example.com", "*.example.com", "example.com.", "exämple.com"} {
		if got, err := HashedAccountURI(persistPrefix, domain, rfc7638Thumbprint, persistAccount); err == nil {
			t.Errorf("%q: %q, want an error", domain, got)
		}
	}
	_, err := HashedAccountURI("account-hash/", "example.com", rfc7638Thumbprint, persistAccount)
	wantReason(t, err, ReasonMalformed)
}

func TestPersistOfferOfAChallenge(t *testing.T) {
	many := `["a"` + strings.Repeat(`,"a"`, 10) + `]`
	tests := map[string]struct {
		fields string
		want   *PersistOffer
	}{
		"draft 02": {`"issuerDomainNames":["authority.example","ca.example.net"]`, &PersistOffer{Format: PersistAccountHash, IssuerDomainNames: []string{"authority.example", "ca.example.net"}}},
		"draft 01": {`"issuer-domain-names":["ca.example"],"accounturi":"https://ca.example/acct/1"`, &PersistOffer{Format: PersistAccountURL, IssuerDomainNames: []string{"ca.example"}, AccountURI: "https://ca.example/acct/1"}},
		"draft 00": {`"issuer-domain-names":["ca.example"]`, &PersistOffer{Format: PersistAccountURL, IssuerDomainNames: []string{"ca.example"}}},
		"both":     {`"issuer-domain-names":["old.example"],"issuerDomainNames":["new.example"]`, &PersistOffer{Format: PersistAccountHash, IssuerDomainNames: []string{"new.example"}}},

		"the newer one is malformed": {`"issuer-domain-names":["old.example"],"issuerDomainNames":[]`, nil},
		"none":                       {`"token":"abc"`, nil},
		"empty":                      {`"issuerDomainNames":[]`, nil},
		"null":                       {`"issuerDomainNames":null`, nil},
		"eleven":                     {`"issuerDomainNames":` + many, nil},
		"no list":                    {`"issuerDomainNames":"ca.example"`, nil},
		"upper case":                 {`"issuerDomainNames":["ca.example","CA.example"]`, nil},
		"dot at the end":             {`"issuerDomainNames":["ca.example."]`, nil},
		"not ASCII":                  {`"issuerDomainNames":["cä.example"]`, nil},
		"injection":                  {`"issuerDomainNames":["ca.example; policy=wildcard"]`, nil},
		"overlong":                   {`"issuerDomainNames":["` + strings.Repeat("a.", 127) + `"]`, nil},
		"overlong label":             {`"issuerDomainNames":["` + strings.Repeat("a", 64) + `.example"]`, nil},
		"hyphen at an end":           {`"issuerDomainNames":["-a.example"]`, nil},
	}
	for name, test := range tests {
		challenge, err := parseChallenge([]byte(`{"type":"dns-persist-01","url":"/c","status":"pending",`+test.fields+`}`), testBase(t))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(test.want, challenge.Persist); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestPersistFieldsOfAnotherChallengeAreIgnored(t *testing.T) {
	challenge, err := parseChallenge([]byte(`{"type":"dns-01","token":"abc","issuerDomainNames":["ca.example"]}`), testBase(t))
	if err != nil || challenge.Persist != nil {
		t.Errorf("challenge %+v, %v", challenge, err)
	}
}

func TestPersistRecordOfBothFormats(t *testing.T) {
	account := Account{Key: publicOnly{rfc7638Key(t)}, URL: persistAccount}
	meta := &DirectoryMeta{AccountHashPrefix: persistPrefix}
	until := time.Unix(1767225600, 0)
	hashed := &PersistOffer{Format: PersistAccountHash, IssuerDomainNames: []string{"authority.example", "ca.example.net"}}
	inClear := &PersistOffer{Format: PersistAccountURL, IssuerDomainNames: []string{"authority.example"}, AccountURI: persistAccount}
	tests := map[string]struct {
		offer *PersistOffer
		req   PersistRequest
		want  string
	}{
		"hashed":                 {hashed, PersistRequest{Domain: "example.com"}, "authority.example; accounturi=" + persistHashURI},
		"hashed, every domain":   {hashed, PersistRequest{Domain: "other.example", Reusable: true}, "authority.example; accounturi=" + persistAnyURI},
		"another name of the CA": {hashed, PersistRequest{Domain: "example.com", Issuer: "ca.example.net"}, "ca.example.net; accounturi=" + persistHashURI},
		"wildcard with an end":   {hashed, PersistRequest{Domain: "example.com", Wildcard: true, Until: until}, "authority.example; accounturi=" + persistHashURI + "; policy=wildcard; persistUntil=1767225600"},
		"in clear":               {inClear, PersistRequest{Domain: "example.com", Wildcard: true}, "authority.example; accounturi=" + persistAccount + "; policy=wildcard"},
	}
	for name, test := range tests {
		record, err := test.offer.Record(meta, account, test.req)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, err := record.Value(); got != test.want || err != nil {
			t.Errorf("%s: %q, %v, want %q", name, got, err, test.want)
		}
	}
}

func TestPersistOffersThatAreRefused(t *testing.T) {
	account := Account{Key: publicOnly{rfc7638Key(t)}, URL: persistAccount}
	offer := func(format PersistFormat, names ...string) *PersistOffer {
		return &PersistOffer{Format: format, IssuerDomainNames: names}
	}
	foreign := offer(PersistAccountURL, "ca.example")
	foreign.AccountURI = "https://ca.example/acct/999"
	prefix := func(meta DirectoryMeta) *DirectoryMeta {
		meta.AccountHashPrefix = persistPrefix
		return &meta
	}
	tests := map[string]struct {
		offer *PersistOffer
		meta  *DirectoryMeta
		want  ProtocolReason
	}{
		"a directory name is missing": {offer(PersistAccountHash, "a.example"), prefix(DirectoryMeta{IssuerDomainNames: []string{"a.example", "b.example"}}), ReasonMalformed},
		"a name is not for CAA":       {offer(PersistAccountHash, "a.example", "b.example"), prefix(DirectoryMeta{CAAIdentities: []string{"a.example"}}), ReasonMalformed},
		"no names":                    {offer(PersistAccountHash), prefix(DirectoryMeta{}), ReasonMalformed},
		"no prefix":                   {offer(PersistAccountHash, "a.example"), &DirectoryMeta{}, ReasonMissing},
		"another account":             {foreign, &DirectoryMeta{}, ReasonMalformed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := test.offer.Record(test.meta, account, PersistRequest{Domain: "example.com"})
			wantReason(t, err, test.want)
		})
	}
	fine := prefix(DirectoryMeta{IssuerDomainNames: []string{"a.example"}, CAAIdentities: []string{"A.example.", "b.example"}})
	if _, err := offer(PersistAccountHash, "b.example", "a.example").Record(fine, account, PersistRequest{Domain: "example.com"}); err != nil {
		t.Errorf("names that fit the directory: %v", err)
	}
	odd := prefix(DirectoryMeta{CAAIdentities: []string{"a.example", "not a name"}})
	if _, err := offer(PersistAccountHash, "c.example").Record(odd, account, PersistRequest{Domain: "example.com"}); err != nil {
		t.Errorf("CAA identities that cannot be compared: %v", err)
	}
}

func TestPersistRecordNeedsItsArguments(t *testing.T) {
	meta := &DirectoryMeta{AccountHashPrefix: persistPrefix}
	offer := &PersistOffer{Format: PersistAccountHash, IssuerDomainNames: []string{"ca.example"}}
	account := Account{Key: publicOnly{rfc7638Key(t)}, URL: persistAccount}
	if _, err := offer.Record(meta, Account{Key: account.Key}, PersistRequest{Domain: "example.com"}); !errors.Is(err, ErrNotRegistered) {
		t.Errorf("no account URL: %v", err)
	}
	if _, err := offer.Record(meta, Account{URL: persistAccount}, PersistRequest{Domain: "example.com"}); !errors.Is(err, ErrUnsupportedKey) {
		t.Errorf("no account key: %v", err)
	}
	if _, err := offer.Record(meta, account, PersistRequest{Domain: "example.com", Issuer: "other.example"}); err == nil {
		t.Error("an issuer that the CA did not offer is accepted")
	}
	if _, err := offer.Record(meta, account, PersistRequest{Domain: "*.example.com"}); err == nil {
		t.Error("a wildcard is accepted as the domain")
	}
	inClear := &PersistOffer{Format: PersistAccountURL, IssuerDomainNames: []string{"ca.example"}}
	if _, err := inClear.Record(meta, Account{URL: "https://ca.example/acct;x"}, PersistRequest{}); !errors.Is(err, ErrPersistRecord) {
		t.Errorf("an account URL that cannot stand in a record: %v", err)
	}
}

func TestPersistOfferAheadOfAnyOrder(t *testing.T) {
	body := `{"meta":{"caaIdentities":["caa.example"],"issuerDomainNames":["a.example","b.example"],"accountHashPrefix":"` + persistPrefix + `"}}`
	directory, err := parseDirectory([]byte(body), testBase(t))
	if err != nil {
		t.Fatal(err)
	}
	hashed, ok := directory.Meta.PersistOffer(PersistAccountHash)
	if diff := cmp.Diff(&PersistOffer{Format: PersistAccountHash, IssuerDomainNames: []string{"a.example", "b.example"}}, hashed); diff != "" || !ok {
		t.Errorf("draft 02 (-want +got):\n%s", diff)
	}
	inClear, ok := directory.Meta.PersistOffer(PersistAccountURL)
	if diff := cmp.Diff(&PersistOffer{Format: PersistAccountURL, IssuerDomainNames: []string{"caa.example"}}, inClear); diff != "" || !ok {
		t.Errorf("draft 01 (-want +got):\n%s", diff)
	}
	for _, body := range []string{
		`{"meta":{}}`,
		`{"meta":{"issuerDomainNames":["a.example"]}}`,
		`{"meta":{"issuerDomainNames":["A.example"],"accountHashPrefix":"https://ca.example/h/"}}`,
		`{"meta":{"issuerDomainNames":7,"accountHashPrefix":["x"]}}`,
	} {
		directory, err := parseDirectory([]byte(body), testBase(t))
		if err != nil {
			t.Fatal(err)
		}
		if offer, ok := directory.Meta.PersistOffer(PersistAccountHash); ok {
			t.Errorf("%s: %+v, want none", body, offer)
		}
	}
}
