package acme

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const problemJSON = "application/problem+json"

func TestParseProblem(t *testing.T) {
	tests := map[string]struct {
		body        string
		contentType string
		status      int
		want        *Problem
		message     string
	}{
		"ACME": {
			body:        `{"type":"urn:ietf:params:acme:error:rateLimited","detail":"too many certificates","status":429}`,
			contentType: problemJSON + "; charset=utf-8",
			status:      429,
			want:        &Problem{Type: TypeRateLimited, Detail: "too many certificates", Status: 429},
			message:     "rateLimited: too many certificates",
		},
		"ACME under another media type": {
			body:        `{"type":"urn:ietf:params:acme:error:badCSR","detail":"no"}`,
			contentType: "application/json",
			status:      400,
			want:        &Problem{Type: TypeBadCSR, Detail: "no", Status: 400},
			message:     "badCSR: no",
		},
		"unknown type": {
			body:        `{"type":"urn:ietf:params:acme:error:novel","title":"Novelty","status":"400"}`,
			contentType: problemJSON,
			status:      418,
			want:        &Problem{Type: TypeBlank, Status: 418, Synthetic: true},
			message:     "HTTP status 418 I'm a teapot",
		},
		"title only": {
			body:        `{"type":"urn:ietf:params:acme:error:novel","title":"Novelty"}`,
			contentType: problemJSON,
			status:      400,
			want:        &Problem{Type: "urn:ietf:params:acme:error:novel", Title: "Novelty", Status: 400},
			message:     "novel: Novelty",
		},
		"no type": {
			body:        `{"detail":"later"}`,
			contentType: problemJSON,
			status:      503,
			want:        &Problem{Type: TypeBlank, Detail: "later", Status: 503},
			message:     "later",
		},
		"status disagrees": {
			body:        `{"type":"urn:ietf:params:acme:error:malformed","status":200}`,
			contentType: problemJSON,
			status:      400,
			want:        &Problem{Type: TypeMalformed, Status: 400},
			message:     "malformed: HTTP status 400 Bad Request",
		},
		"HTML": {
			body:        `<html><body>secret-free text</body></html>`,
			contentType: "text/html",
			status:      503,
			want:        &Problem{Type: TypeBlank, Status: 503, Synthetic: true},
			message:     "HTTP status 503 Service Unavailable",
		},
		"HTML claiming to be a problem": {
			body:        `<html>`,
			contentType: problemJSON,
			status:      502,
			want:        &Problem{Type: TypeBlank, Status: 502, Synthetic: true},
			message:     "HTTP status 502 Bad Gateway",
		},
		"a gateway's JSON": {
			body:        `{"type":"oops","detail":"internal host db-7"}`,
			contentType: "application/json",
			status:      500,
			want:        &Problem{Type: TypeBlank, Status: 500, Synthetic: true},
			message:     "HTTP status 500 Internal Server Error",
		},
		"empty": {
			status:  599,
			want:    &Problem{Type: TypeBlank, Status: 599, Synthetic: true},
			message: "HTTP status 599",
		},
		"subproblems": {
			body: `{"type":"urn:ietf:params:acme:error:compound","detail":"some were refused","identifier":{"type":"dns","value":"ignored.example"},"subproblems":[
				{"type":"urn:ietf:params:acme:error:caa","detail":"CAA forbids","identifier":{"type":"dns","value":"a.example"}},
				{"type":"urn:ietf:params:acme:error:rejectedIdentifier","status":99,"identifier":{"type":"dns","value":"b.example"},"subproblems":[{"detail":"nested"}]}]}`,
			contentType: problemJSON,
			status:      403,
			want: &Problem{Type: TypeCompound, Detail: "some were refused", Status: 403, Subproblems: []Problem{
				{Type: TypeCAA, Detail: "CAA forbids", Identifier: &Identifier{IdentifierDNS, "a.example"}},
				{Type: TypeRejectedIdentifier, Identifier: &Identifier{IdentifierDNS, "b.example"}},
			}},
			message: "compound: some were refused; a.example: caa: CAA forbids; b.example: rejectedIdentifier",
		},
		"algorithms and instance": {
			body:        `{"type":"urn:ietf:params:acme:error:badSignatureAlgorithm","algorithms":["ES256","RS256"],"instance":"https://ca.example/doc"}`,
			contentType: problemJSON,
			status:      400,
			want:        &Problem{Type: TypeBadSignatureAlgorithm, Status: 400, Algorithms: []string{"ES256", "RS256"}, Instance: "https://ca.example/doc"},
			message:     "badSignatureAlgorithm: HTTP status 400 Bad Request",
		},
		"hostile text": {
			body:        `{"type":"urn:ietf:params:acme:error:mal formed","detail":"a\nb\u001b[31m\u202ered\u0000","instance":"javascript:alert(1)"}`,
			contentType: problemJSON,
			status:      400,
			want:        &Problem{Type: TypeBlank, Detail: "a b [31m red", Status: 400},
			message:     "a b [31m red",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := parseProblem([]byte(test.body), test.contentType, test.status)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("problem (-want +got):\n%s", diff)
			}
			if got.Error() != test.message {
				t.Errorf("message %q, want %q", got.Error(), test.message)
			}
		})
	}
}

func TestProblemIsBounded(t *testing.T) {
	sub := `{"type":"urn:ietf:params:acme:error:caa","identifier":{"type":"dns","value":"a.example"}}`
	body := `{"type":"urn:ietf:params:acme:error:compound","detail":"` + strings.Repeat("ü", 4000) + `","subproblems":[` +
		sub + strings.Repeat(","+sub, 200) + `]}`
	p := parseProblem([]byte(body), problemJSON, 400)
	if len(p.Detail) > maxDetail {
		t.Errorf("detail of %d bytes", len(p.Detail))
	}
	if len(p.Subproblems) != maxSubproblems {
		t.Errorf("%d subproblems, want %d", len(p.Subproblems), maxSubproblems)
	}
	if message := p.Error(); !strings.HasSuffix(message, "; and 95 more") {
		t.Errorf("message does not count what it leaves out: %q", message)
	}
}

// CAs write the refused nonce into the detail; an error that repeats it would
// differ at every attempt.
func TestBadNonceMessageIsStable(t *testing.T) {
	first := &Problem{Type: TypeBadNonce, Detail: "unknown nonce abc"}
	second := &Problem{Type: TypeBadNonce, Detail: "unknown nonce def"}
	if first.Error() != second.Error() {
		t.Errorf("%q differs from %q", first.Error(), second.Error())
	}
}

func TestIsProblem(t *testing.T) {
	err := fmt.Errorf("while ordering: %w", wrapOp(OpNewOrder, &Problem{Type: TypeAlreadyReplaced}))
	if !IsProblem(err, TypeRateLimited, TypeAlreadyReplaced) {
		t.Error("a wrapped problem is not found")
	}
	if IsProblem(err, TypeRateLimited) || IsProblem(err) || IsProblem(nil, TypeAlreadyReplaced) {
		t.Error("a problem of another type, or none, is found")
	}
	if p, ok := AsProblem(err); !ok || p.Type != TypeAlreadyReplaced {
		t.Errorf("AsProblem: %v, %v", p, ok)
	}
}

func TestErrorMember(t *testing.T) {
	tests := map[string]*Problem{
		`{}`:               nil,
		`{"error":null}`:   nil,
		`{"error":{}}`:     {Type: TypeBlank},
		`{"error":"text"}`: {Type: TypeBlank},
		`{"error":[1]}`:    {Type: TypeBlank},
		`{"error":{"type":"urn:ietf:params:acme:error:dns","detail":"NXDOMAIN","status":400}}`: {Type: TypeDNS, Detail: "NXDOMAIN", Status: 400},
	}
	for body, want := range tests {
		var holder struct {
			Error wireProblemError `json:"error"`
		}
		if err := json.Unmarshal([]byte(body), &holder); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, holder.Error.problem()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", body, diff)
		}
	}
	if message := (&Problem{Type: TypeBlank}).Error(); message != "the CA gave no reason" {
		t.Errorf("message of an empty error: %q", message)
	}
}

func TestCleanText(t *testing.T) {
	tests := []struct {
		text  string
		limit int
		want  string
	}{
		{"plain", 10, "plain"},
		{"  two\t\r\nlines  ", 20, "two lines"},
		{"a\x00\x1b[0mb\u202ec\u2028d", 20, "a [0mb c d"},
		{"bad\xff\xfeutf8", 20, "bad utf8"},
		{"zażółć", 4, "zaż"},
		{"", 10, ""},
		{"\n\n", 10, ""},
		{"ab cd", 3, "ab"},
	}
	for _, test := range tests {
		if got := cleanText(test.text, test.limit); got != test.want {
			t.Errorf("cleanText(%q, %d) = %q, want %q", test.text, test.limit, got, test.want)
		}
	}
}

func TestDisplayURL(t *testing.T) {
	for _, good := range []string{"https://ca.example/terms?v=1", "http://ca.example/"} {
		if displayURL(good) != good {
			t.Errorf("%q is not kept", good)
		}
	}
	bad := []string{"", "/terms", "javascript:alert(1)", "data:text/plain,x", "https://user:pw@ca.example/", "https://ca.example/\u202e", "https://ca.example/" + strings.Repeat("a", maxURL)}
	for _, raw := range bad {
		if got := displayURL(raw); got != "" {
			t.Errorf("%q is kept as %q", raw, got)
		}
	}
}
