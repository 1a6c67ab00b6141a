package acme

import (
	"bytes"
	"crypto/rsa"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// wantClean fails unless text is fit to be shown: valid, on one line, bounded.
func wantClean(t *testing.T, what, text string, limit int) {
	t.Helper()
	if len(text) > limit || !utf8.ValidString(text) || strings.ContainsAny(text, "\x00\x1b\r\n\t\u202e\u2028") {
		t.Errorf("%s is not clean: %q", what, text)
	}
}

func wantCleanProblem(t *testing.T, p *Problem) {
	t.Helper()
	if p == nil {
		return
	}
	wantClean(t, "type", string(p.Type), maxIdentifierText)
	wantClean(t, "title", p.Title, maxShortText)
	wantClean(t, "detail", p.Detail, maxDetail)
	wantClean(t, "instance", p.Instance, maxURL)
	wantClean(t, "message", p.Error(), 16<<10)
	if len(p.Subproblems) > maxSubproblems {
		t.Errorf("%d subproblems", len(p.Subproblems))
	}
	for i := range p.Subproblems {
		wantCleanProblem(t, &p.Subproblems[i])
	}
}

// fuzzKey is one key for all inputs; only its public part is used.
var fuzzKey = publicOnly{&rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 2047), E: 65537}}

func FuzzParseProblem(f *testing.F) {
	f.Add([]byte(`{"type":"urn:ietf:params:acme:error:caa","detail":"no","subproblems":[{"identifier":{"type":"dns","value":"a"}}]}`), "application/problem+json", 403)
	f.Add([]byte(`<html>`), "text/html", 503)
	f.Add([]byte(`{"type":1}`), "application/problem+json; charset", 0)
	f.Fuzz(func(t *testing.T, body []byte, contentType string, status int) {
		p := parseProblem(body, contentType, status)
		if p == nil || p.Type == "" || p.Error() == "" {
			t.Fatalf("problem %+v says nothing", p)
		}
		if p.Synthetic && (p.Title != "" || p.Detail != "" || p.Subproblems != nil) {
			t.Errorf("a synthetic problem holds remote text: %+v", p)
		}
		wantCleanProblem(t, p)
	})
}

func FuzzParseDirectory(f *testing.F) {
	f.Add([]byte(`{"newNonce":"https://ca.example/n","newAccount":"/a","newOrder":"o","meta":{"profiles":{"a":"b"},"caaIdentities":["x"],"issuerDomainNames":["x"],"accountHashPrefix":"https://ca.example/h/"}}`))
	f.Add([]byte(`{"meta":null}`))
	base := testBase(f)
	client := &Client{Directory: base.String()}
	f.Fuzz(func(t *testing.T, body []byte) {
		directory, err := parseDirectory(body, base)
		if err != nil {
			return
		}
		if directory.check(client) == nil {
			for _, url := range []string{directory.NewNonce, directory.NewAccount, directory.NewOrder} {
				if _, err := client.checkURL(OpDirectory, url); err != nil {
					t.Errorf("accepted %q", url)
				}
			}
		}
		for name, description := range directory.Meta.Profiles {
			wantClean(t, "profile", name, maxShortText)
			wantClean(t, "description", description, maxURL)
		}
		wantClean(t, "terms", directory.Meta.TermsOfService, maxURL)
		if offer, ok := directory.Meta.PersistOffer(PersistAccountHash); ok {
			wantUsableOffer(t, offer, &directory.Meta)
		}
	})
}

func FuzzParseOrder(f *testing.F) {
	f.Add([]byte(`{"status":"ready","expires":"2026-11-30T14:09:07Z","identifiers":[{"type":"dns","value":"a"}],"authorizations":["/1"],"finalize":"/f","error":{}}`))
	f.Add([]byte(`{"status":"invalid","error":{"subproblems":[{}]},"expires":7}`))
	base := testBase(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		order, err := parseOrder(OpOrder, body, base)
		if err != nil {
			return
		}
		wantClean(t, "status", string(order.Status), maxShortText)
		wantClean(t, "profile", order.Profile, maxShortText)
		wantCleanProblem(t, order.Error)
		if len(order.Authorizations) > maxAuthorizations {
			t.Errorf("%d authorizations", len(order.Authorizations))
		}
		for _, identifier := range order.Identifiers {
			wantClean(t, "identifier", identifier.Value, maxIdentifierText)
		}
	})
}

func FuzzParseAuthorization(f *testing.F) {
	f.Add([]byte(`{"status":"pending","identifier":{"type":"dns","value":"a"},"challenges":[{"type":"dns-01","url":"/c","token":"abc","error":{}},null]}`))
	base := testBase(f)
	f.Add([]byte(`{"status":"pending","challenges":[{"type":"dns-persist-01","issuerDomainNames":["ca.example"],"issuer-domain-names":["a"],"accounturi":"x"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		authorization, err := parseAuthorization(OpAuthorization, body, base)
		if err != nil {
			return
		}
		for i := range authorization.Challenges {
			challenge := &authorization.Challenges[i]
			wantClean(t, "type", string(challenge.Type), maxShortText)
			wantCleanProblem(t, challenge.Error)
			path, err := HTTP01Path(challenge.Token)
			if err == nil && strings.ContainsAny(strings.TrimPrefix(path, http01Prefix), "/.%?#") {
				t.Errorf("token %q gives the path %q", challenge.Token, path)
			}
			if challenge.Persist != nil {
				wantUsableOffer(t, challenge.Persist, &DirectoryMeta{AccountHashPrefix: persistPrefix})
			}
			if _, authErr := KeyAuthorization(challenge.Token, fuzzKey); (authErr == nil) != (err == nil) {
				t.Errorf("token %q: %v, %v", challenge.Token, err, authErr)
			}
		}
	})
}

// wantUsableOffer fails unless what an offer leads to is one well-formed record.
func wantUsableOffer(t *testing.T, offer *PersistOffer, meta *DirectoryMeta) {
	t.Helper()
	if len(offer.IssuerDomainNames) == 0 || len(offer.IssuerDomainNames) > maxIssuerDomainNames {
		t.Errorf("%d issuer domain names", len(offer.IssuerDomainNames))
	}
	account := Account{URL: "https://ca.example/acct/1", Key: fuzzKey}
	record, err := offer.Record(meta, account, PersistRequest{Domain: "example.com", Wildcard: true})
	if err != nil {
		return
	}
	value, err := record.Value()
	if err != nil {
		t.Fatalf("no value of %+v: %v", record, err)
	}
	wantClean(t, "record", value, maxPersistRecord)
	if back, err := ParsePersistRecord(value); err != nil || !back.Permits(record, testNow) {
		t.Errorf("%q is read as %+v, %v", value, back, err)
	}
}

func FuzzParseAccount(f *testing.F) {
	f.Add([]byte(`{"status":"valid","contact":["mailto:a@b.example"],"orders":"/o"}`))
	f.Add([]byte(``))
	base := testBase(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		registration, err := parseAccount(OpAccount, body, base)
		if err != nil {
			return
		}
		for _, contact := range registration.Contact {
			wantClean(t, "contact", contact, maxIdentifierText)
		}
	})
}

func FuzzParseLinks(f *testing.F) {
	f.Add(`<https://ca.example/2>;rel="alternate", </3>; rel=alternate`)
	f.Add(`<a>;title="\"`)
	base := testBase(f)
	f.Fuzz(func(t *testing.T, header string) {
		links := parseLinks([]string{header, header}, "alternate", base)
		if len(links) > maxLinks {
			t.Errorf("%d links", len(links))
		}
	})
}

func FuzzParseRetryAfter(f *testing.F) {
	f.Add("120")
	f.Add("Fri, 31 Dec 9999 23:59:59 GMT")
	f.Add("-1")
	f.Fuzz(func(t *testing.T, value string) {
		got := ParseRetryAfter(value, testNow)
		if !got.IsZero() && (got.Before(testNow) || got.Sub(testNow) > 366*24*time.Hour) {
			t.Errorf("%q gives %v", value, got)
		}
	})
}

func FuzzParseChain(f *testing.F) {
	f.Add([]byte(certBlock + certBlock))
	f.Add([]byte(certBlock + keyBlock))
	f.Fuzz(func(t *testing.T, body []byte) {
		chain, err := parseChain(body)
		if err != nil {
			return
		}
		again, err := parseChain(chain)
		if err != nil || !bytes.Equal(again, chain) {
			t.Errorf("not stable: %q, %v", chain, err)
		}
		block, rest := pem.Decode(chain)
		if block == nil {
			t.Fatal("an empty chain")
		}
		for ; block != nil; block, rest = pem.Decode(rest) {
			if block.Type != "CERTIFICATE" {
				t.Errorf("a chain with a %s", block.Type)
			}
		}
	})
}

func FuzzDecodeMACKey(f *testing.F) {
	f.Add("zWND-_+/==")
	f.Fuzz(func(t *testing.T, encoded string) {
		if key, err := DecodeMACKey(encoded); (err == nil) == (len(key) == 0) {
			t.Errorf("%q: %d bytes, %v", encoded, len(key), err)
		}
	})
}
