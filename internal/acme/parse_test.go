package acme

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// wantReason fails the test unless err is a *ProtocolError with the reason.
func wantReason(t *testing.T, err error, want ProtocolReason) {
	t.Helper()
	if protocol, ok := errors.AsType[*ProtocolError](err); !ok || protocol.Reason != want {
		t.Errorf("error %v, want reason %s", err, want)
	}
}

func TestParseDirectory(t *testing.T) {
	body := `{
		"newNonce":"https://ca.example/nonce","newAccount":"https://ca.example/account","newOrder":"../order",
		"renewalInfo":"https://ca.example/ari","Zx7kQ":"https://community.example/random-key","odd":{"a":[1]},
		"meta":{"termsOfService":"https://ca.example/tos","website":"javascript:x","caaIdentities":["ca.example","a\nb"],
			"externalAccountRequired":true,"subdomainAuthAllowed":true,
			"profiles":{"classic":"https://ca.example/classic","short\nlived":"hidden","":"nameless"}}}`
	got, err := parseDirectory([]byte(body), testBase(t))
	if err != nil {
		t.Fatal(err)
	}
	want := &Directory{
		NewNonce:    "https://ca.example/nonce",
		NewAccount:  "https://ca.example/account",
		NewOrder:    "https://ca.example/acme/order",
		RenewalInfo: "https://ca.example/ari",
		Meta: DirectoryMeta{
			TermsOfService:          "https://ca.example/tos",
			CAAIdentities:           []string{"ca.example", "a b"},
			ExternalAccountRequired: true,
			SubdomainAuthAllowed:    true,
			Profiles:                map[string]string{"classic": "https://ca.example/classic"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("directory (-want +got):\n%s", diff)
	}
}

func TestParseDirectoryMalformed(t *testing.T) {
	for _, body := range []string{"", "<html>", `[]`, `{"newNonce":1}`, `{"meta":"none"}`, `{"newNonce":"a"`} {
		_, err := parseDirectory([]byte(body), testBase(t))
		wantReason(t, err, ReasonMalformed)
	}
}

func TestDirectoryProfilesAreBoundedAlike(t *testing.T) {
	var names []string
	for i := range 3 * maxProfiles {
		names = append(names, fmt.Sprintf(`"profile-%03d":"x"`, i))
	}
	body := []byte(`{"meta":{"profiles":{` + strings.Join(names, ",") + `}}}`)
	directory, err := parseDirectory(body, testBase(t))
	if err != nil {
		t.Fatal(err)
	}
	_, first := directory.Meta.Profiles["profile-000"]
	_, last := directory.Meta.Profiles[fmt.Sprintf("profile-%03d", maxProfiles-1)]
	if len(directory.Meta.Profiles) != maxProfiles || !first || !last {
		t.Errorf("profiles %v, want the first %d by name", directory.Meta.Profiles, maxProfiles)
	}
}

func TestParseOrder(t *testing.T) {
	body := `{"status":"invalid","expires":"2026-11-30T14:09:07+02:00","notBefore":"soon","notAfter":"2027-01-01T00:00:00Z",
		"identifiers":[{"type":"dns","value":"*.a.example"},{"type":"ip","value":"192.0.2.1"}],
		"profile":"classic","replaces":"aki.serial","error":{"type":"urn:ietf:params:acme:error:serverInternal","detail":"oops"},
		"authorizations":["https://ca.example/authz/1","/authz/2"],"finalize":"1/finalize","certificate":"https://ca.example/cert/1"}`
	got, err := parseOrder(OpOrder, []byte(body), testBase(t))
	if err != nil {
		t.Fatal(err)
	}
	if got.Expires.Location() != time.UTC {
		t.Errorf("expires %v, want it in UTC", got.Expires)
	}
	want := &Order{
		Status:         OrderInvalid,
		Expires:        time.Date(2026, 11, 30, 12, 9, 7, 0, time.UTC),
		NotAfter:       time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
		Identifiers:    []Identifier{{IdentifierDNS, "*.a.example"}, {IdentifierIP, "192.0.2.1"}},
		Profile:        "classic",
		Replaces:       "aki.serial",
		Error:          &Problem{Type: TypeServerInternal, Detail: "oops"},
		Authorizations: []string{"https://ca.example/authz/1", "https://ca.example/authz/2"},
		Finalize:       "https://ca.example/acme/cert/1/finalize",
		Certificate:    "https://ca.example/cert/1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestParseOrderRefuses(t *testing.T) {
	tooMany := `{"status":"pending","authorizations":["a"` + strings.Repeat(`,"a"`, maxAuthorizations) + `]}`
	tests := map[string]ProtocolReason{
		``:                       ReasonMalformed,
		`"order"`:                ReasonMalformed,
		`{"status":1}`:           ReasonMalformed,
		`{"authorizations":"a"}`: ReasonMalformed,
		`null`:                   ReasonMissing,
		`{}`:                     ReasonMissing,
		tooMany:                  ReasonTooLarge,
	}
	for body, want := range tests {
		_, err := parseOrder(OpOrder, []byte(body), testBase(t))
		wantReason(t, err, want)
	}
}

func TestParseAuthorization(t *testing.T) {
	body := `{"status":"pending","expires":"2026-11-30T14:09:07Z","identifier":{"type":"dns","value":"a.example"},"wildcard":true,
		"challenges":[
			{"type":"dns-persist-01","url":"https://ca.example/chall/1","status":"pending","issuerDomainNames":["ca.example"]},
			{"type":"novel-07","url":"https://elsewhere.example/x","status":"hovering","token":{"kind":"object"}},
			{"type":"novel-08","url":"https://elsewhere.example/x","status":"hovering","token":"../etc"},
			null, 7,
			{"type":"dns-01","url":"/chall/2","status":"invalid","token":"abc","validated":"2026-11-23T12:00:00Z","error":{}}]}`
	got, err := parseAuthorization(OpAuthorization, []byte(body), testBase(t))
	if err != nil {
		t.Fatal(err)
	}
	want := &Authorization{
		Identifier: Identifier{IdentifierDNS, "a.example"},
		Status:     AuthorizationPending,
		Expires:    time.Date(2026, 11, 30, 14, 9, 7, 0, time.UTC),
		Wildcard:   true,
		Challenges: []Challenge{
			{
				Type: ChallengeDNSPersist01, URL: "https://ca.example/chall/1", Status: ChallengePending,
				Persist: &PersistOffer{Format: PersistAccountHash, IssuerDomainNames: []string{"ca.example"}},
			},
			{Type: "novel-08", URL: "https://elsewhere.example/x", Status: "hovering", Token: "../etc"},
			{Type: ChallengeDNS01, URL: "https://ca.example/chall/2", Status: ChallengeInvalid, Token: "abc", Validated: testNow, Error: &Problem{Type: TypeBlank}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("authorization (-want +got):\n%s", diff)
	}
	if challenge, ok := got.Challenge(ChallengeDNS01); !ok || challenge.Token != "abc" {
		t.Errorf("Challenge(dns-01) = %v, %v", challenge, ok)
	}
	if _, ok := got.Challenge(ChallengeHTTP01); ok {
		t.Error("Challenge(http-01) finds what is not offered")
	}
}

func TestParseAuthorizationRefuses(t *testing.T) {
	tests := map[string]ProtocolReason{
		``:                    ReasonMalformed,
		`{"challenges":{}}`:   ReasonMalformed,
		`{"challenges":null}`: ReasonMissing,
		`{"status":"pending","challenges":[1` + strings.Repeat(",1", maxChallenges) + `]}`: ReasonTooLarge,
	}
	for body, want := range tests {
		_, err := parseAuthorization(OpAuthorization, []byte(body), testBase(t))
		wantReason(t, err, want)
	}
}

func TestParseOrderListRefuses(t *testing.T) {
	tests := map[string]ProtocolReason{
		``:               ReasonMalformed,
		`[]`:             ReasonMalformed,
		`{"orders":"a"}`: ReasonMalformed,
		`{"orders":["a"` + strings.Repeat(`,"a"`, maxOrders) + `]}`: ReasonTooLarge,
	}
	for body, want := range tests {
		_, err := parseOrderList([]byte(body), testBase(t))
		wantReason(t, err, want)
	}
}

func TestParseAccount(t *testing.T) {
	got, err := parseAccount(OpAccount, nil, testBase(t))
	if err != nil {
		t.Fatalf("empty body: %v", err)
	}
	if diff := cmp.Diff(&Registration{}, got); diff != "" {
		t.Errorf("empty body (-want +got):\n%s", diff)
	}
	_, err = parseAccount(OpAccount, []byte("<html>"), testBase(t))
	wantReason(t, err, ReasonMalformed)
}

func TestIPIdentifier(t *testing.T) {
	tests := map[string]string{
		"192.0.2.1":               "192.0.2.1",
		"::ffff:192.0.2.1":        "192.0.2.1",
		"2001:DB8:0:0:0:0:0:1":    "2001:db8::1",
		"fe80::1%eth0":            "fe80::1",
		"2001:db8:0:1:0:0:0:0012": "2001:db8:0:1::12",
	}
	for address, want := range tests {
		got := IPIdentifier(netip.MustParseAddr(address))
		if got != (Identifier{IdentifierIP, want}) {
			t.Errorf("%s: %v, want %s", address, got, want)
		}
	}
}

const (
	certBlock = "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n"
	keyBlock  = "-----BEGIN PRIVATE KEY-----\nAQID\n-----END PRIVATE KEY-----\n"
)

func TestParseChain(t *testing.T) {
	for _, body := range []string{
		certBlock + certBlock,
		strings.ReplaceAll(certBlock+certBlock, "\n", "\r\n"),
		"issued for you\n" + certBlock + "\n\n" + certBlock + "bye\n",
	} {
		got, err := parseChain([]byte(body))
		if err != nil {
			t.Errorf("%q: %v", body, err)
		}
		if string(got) != certBlock+certBlock {
			t.Errorf("%q: chain %q", body, got)
		}
	}
}

func TestParseChainRefuses(t *testing.T) {
	tests := map[string]struct {
		body string
		want ProtocolReason
	}{
		"empty":           {"", ReasonMalformed},
		"HTML":            {"<html>", ReasonMalformed},
		"key after":       {certBlock + keyBlock, ReasonNotCertificate},
		"key before":      {keyBlock + certBlock, ReasonNotCertificate},
		"broken key":      {certBlock + "-----BEGIN PRIVATE KEY-----\n%%%%\n-----END PRIVATE KEY-----\n", ReasonNotCertificate},
		"key without end": {certBlock + "-----BEGIN PRIVATE KEY-----\nAQID\n", ReasonNotCertificate},
		"indented key":    {certBlock + "  " + keyBlock, ReasonNotCertificate},
		"headers":         {"-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n\nAQID\n-----END CERTIFICATE-----\n", ReasonNotCertificate},
		"empty block":     {"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", ReasonNotCertificate},
		"too long":        {strings.Repeat(certBlock, maxChainLength+1), ReasonTooLarge},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := parseChain([]byte(test.body))
			wantReason(t, err, test.want)
		})
	}
}
