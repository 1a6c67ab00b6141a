package acme_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

func TestProblemOfAnAnswer(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	limited := acmetest.ProblemReply(http.StatusTooManyRequests, "rateLimited", "too many")
	limited.Header.Add("Link", `<{base}/dir>;rel="index"`)
	limited.Header.Add("Link", `<https://ca.example/docs/limits>;rel="help"`)
	inSeconds, asDate := limited, limited
	inSeconds.Header = limited.Header.Clone()
	inSeconds.Header.Set("Retry-After", "120")
	asDate.Header = limited.Header.Clone()
	asDate.Header.Set("Date", "Mon, 23 Nov 2026 12:00:00 GMT")
	asDate.Header.Set("Retry-After", "Mon, 23 Nov 2026 12:02:00 GMT")
	terms := acmetest.ProblemReply(http.StatusForbidden, "userActionRequired", "new terms")
	terms.Header.Set("Link", `<https://ca.example/tos/v2>;rel="terms-of-service"`)
	down := acmetest.Reply{Status: http.StatusServiceUnavailable, Body: "<h1>down</h1>", Header: http.Header{"Content-Type": {"text/html"}, "Retry-After": {"30"}}}
	huge := acmetest.ProblemReply(http.StatusForbidden, "malformed", strings.Repeat("a", 1<<17))
	const help = "https://ca.example/docs/limits"
	tests := map[string]struct {
		reply acmetest.Reply
		want  *acme.Problem
	}{
		"429":            {limited, &acme.Problem{Type: acme.TypeRateLimited, Detail: "too many", Status: 429, Help: help}},
		"429 in seconds": {inSeconds, &acme.Problem{Type: acme.TypeRateLimited, Detail: "too many", Status: 429, Help: help, RetryAfter: now.Add(2 * time.Minute)}},
		"429 as a date":  {asDate, &acme.Problem{Type: acme.TypeRateLimited, Detail: "too many", Status: 429, Help: help, RetryAfter: now.Add(2 * time.Minute)}},
		"new terms":      {terms, &acme.Problem{Type: acme.TypeUserActionRequired, Detail: "new terms", Status: 403, TermsOfService: "https://ca.example/tos/v2"}},
		"503 HTML":       {down, &acme.Problem{Type: acme.TypeBlank, Status: 503, Synthetic: true, RetryAfter: now.Add(30 * time.Second)}},
		"oversized":      {huge, &acme.Problem{Type: acme.TypeBlank, Status: 403, Synthetic: true}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			script := startScript(t)
			script.On(acmetest.ScriptNewOrder, test.reply)
			client, account := scriptClient(t, script)
			client.Now = func() time.Time { return now }
			_, err := client.NewOrder(testContext(t), account, orderOf)
			problem, ok := acme.AsProblem(err)
			if !ok {
				t.Fatalf("error %v, want a Problem", err)
			}
			if diff := cmp.Diff(test.want, problem); diff != "" {
				t.Errorf("problem (-want +got):\n%s", diff)
			}
			if !strings.HasPrefix(err.Error(), "newOrder: ") {
				t.Errorf("message %q does not say what failed", err)
			}
		})
	}
}

func TestRefusedAnswers(t *testing.T) {
	foreign := startScript(t)
	location := func(target string) acmetest.Reply {
		reply := created(pendingOrder)
		reply.Header.Set("Location", target)
		return reply
	}
	none := created(pendingOrder)
	none.Header.Del("Location")
	elsewhere := foreign.URL("/x")
	tests := map[string]struct {
		reply acmetest.Reply
		want  acme.ProtocolReason
	}{
		"no Location":              {none, acme.ReasonMissing},
		"foreign Location":         {location(elsewhere), acme.ReasonForeignHost},
		"insecure Location":        {location("http://127.0.0.1/order/1"), acme.ReasonInsecureURL},
		"scheme-relative Location": {location("//evil.test/order/1"), acme.ReasonForeignHost},
		"foreign authorization":    {created(`{"status":"pending","authorizations":["` + elsewhere + `"]}`), acme.ReasonForeignHost},
		"foreign finalize":         {created(`{"status":"pending","finalize":"` + elsewhere + `"}`), acme.ReasonForeignHost},
		"foreign certificate":      {created(`{"status":"valid","certificate":"` + elsewhere + `"}`), acme.ReasonForeignHost},
		"HTML":                     {created(`<html>`), acme.ReasonMalformed},
		"no body":                  {created(``), acme.ReasonMalformed},
		"oversized":                {created(`{"status":"pending","x":"` + strings.Repeat("a", 1<<20) + `"}`), acme.ReasonTooLarge},
		"redirect":                 {acmetest.Reply{Status: http.StatusTemporaryRedirect, Header: http.Header{"Location": {elsewhere}}}, acme.ReasonRedirect},
		"see other":                {acmetest.Reply{Status: http.StatusSeeOther, Header: http.Header{"Location": {"/order/2"}}}, acme.ReasonRedirect},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			script := startScript(t)
			script.On(acmetest.ScriptNewOrder, test.reply)
			client, account := scriptClient(t, script)
			_, err := client.NewOrder(testContext(t), account, orderOf)
			if reasonOf(err) != test.want {
				t.Errorf("error %v, want %s", err, test.want)
			}
			if got := len(script.Requests(acmetest.ScriptNewOrder)); got != 1 {
				t.Errorf("%d requests, want 1", got)
			}
		})
	}
	if requests := foreign.Requests(""); len(requests) != 0 {
		t.Errorf("the foreign host was asked: %v", requests)
	}
}

func TestForeignURLIsNotAsked(t *testing.T) {
	script, foreign := startScript(t), startScript(t)
	client, account := scriptClient(t, script)
	ctx := testContext(t)
	_, err := client.FetchOrder(ctx, account, foreign.URL("/order/1"))
	if reasonOf(err) != acme.ReasonForeignHost {
		t.Errorf("error %v, want %s", err, acme.ReasonForeignHost)
	}
	if len(foreign.Requests("")) != 0 {
		t.Error("a signed request went to a foreign host")
	}
}

func TestAllowedHost(t *testing.T) {
	script := startScript(t)
	reply := created(pendingOrder)
	reply.Header.Set("Location", strings.Replace(script.URL("/order/1"), "127.0.0.1", "localhost", 1))
	script.On(acmetest.ScriptNewOrder, reply)
	client, account := scriptClient(t, script)
	client.AllowedHosts = []string{"localhost"}
	order, err := client.NewOrder(testContext(t), account, orderOf)
	if err != nil {
		t.Fatal(err)
	}
	script.On("/order/1", acmetest.JSONReply(http.StatusOK, pendingOrder))
	if _, err := client.FetchOrder(testContext(t), account, order.URL); err != nil {
		t.Error(err)
	}
}

func TestRelativeLocation(t *testing.T) {
	script := startScript(t)
	reply := created(pendingOrder)
	reply.Header.Set("Location", "order/1?v=%7e")
	script.On(acmetest.ScriptNewOrder, reply)
	client, account := scriptClient(t, script)
	order, err := client.NewOrder(testContext(t), account, orderOf)
	if err != nil {
		t.Fatal(err)
	}
	if want := script.URL("/order/1?v=%7e"); order.URL != want {
		t.Errorf("order URL %q, want %q", order.URL, want)
	}
}

func TestEveryAnswerTellsWhenToAskAgain(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	script := startScript(t)
	script.On("/x/account", later(`{"status":"valid"}`))
	script.On("/x/order", later(pendingOrder))
	script.On("/x/authz", later(`{"status":"pending"}`))
	script.On("/x/chall", later(`{"type":"http-01","status":"processing"}`))
	script.On("/x/cert", later(chainPEM))
	client, account := scriptClient(t, script)
	client.Now = func() time.Time { return now }
	ctx := testContext(t)
	registration, err1 := client.FetchAccount(ctx, acme.Account{Key: account.Key, URL: script.URL("/x/account")})
	order, err2 := client.FetchOrder(ctx, account, script.URL("/x/order"))
	authorization, err3 := client.FetchAuthorization(ctx, account, script.URL("/x/authz"))
	challenge, err4 := client.FetchChallenge(ctx, account, script.URL("/x/chall"))
	certificate, err5 := client.FetchCertificate(ctx, account, script.URL("/x/cert"))
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		t.Fatal(err)
	}
	times := []time.Time{registration.RetryAfter, order.RetryAfter, authorization.RetryAfter, challenge.RetryAfter, certificate.RetryAfter}
	for i, at := range times {
		if !at.Equal(now.Add(7 * time.Second)) {
			t.Errorf("answer %d: %v, want 7 s later", i, at)
		}
	}
}

func later(body string) acmetest.Reply {
	return acmetest.Reply{Body: body, Header: http.Header{"Retry-After": {"7"}}}
}

// endless is a body without end.
type endless struct{ read int }

func (e *endless) Read(buffer []byte) (int, error) {
	e.read += len(buffer)
	return len(buffer), nil
}

func (*endless) Close() error { return nil }

// endlessTransport answers every request with a body without end.
type endlessTransport struct {
	status int
	body   *endless
}

func (e endlessTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: e.status, Header: http.Header{}, Body: e.body, Request: r}, nil
}

func TestReadingIsBounded(t *testing.T) {
	for status, limit := range map[int]int{http.StatusOK: 1 << 20, http.StatusBadGateway: 64 << 10} {
		body := &endless{}
		client := &acme.Client{Directory: "https://ca.example/dir", HTTP: &http.Client{Transport: endlessTransport{status, body}}}
		if _, err := client.FetchDirectory(testContext(t)); err == nil {
			t.Errorf("status %d: no error", status)
		}
		if body.read > 2*limit {
			t.Errorf("status %d: %d bytes were read, want at most about %d", status, body.read, limit)
		}
	}
}
