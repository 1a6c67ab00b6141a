package acme_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

func TestDirectoryIsCached(t *testing.T) {
	script := startScript(t)
	client, _ := scriptClient(t, script)
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	client.Now = func() time.Time { return now }
	client.DirectoryTTL = 2 * time.Hour
	ctx := testContext(t)
	wantFetches := func(when string, want int) {
		t.Helper()
		directory, err := client.FetchDirectory(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if directory.NewOrder != script.URL(acmetest.ScriptNewOrder) {
			t.Errorf("%s: directory %+v", when, directory)
		}
		directory.NewOrder = "changed by a caller"
		if got := len(script.Requests(acmetest.ScriptDirectory)); got != want {
			t.Errorf("%s: %d fetches, want %d", when, got, want)
		}
	}
	wantFetches("at first", 1)
	now = now.Add(2*time.Hour - time.Second)
	wantFetches("while fresh", 1)
	now = now.Add(2 * time.Second)
	wantFetches("when too old", 2)
	client.ForgetDirectory()
	wantFetches("when forgotten", 3)
}

func TestDirectoryIsFetchedOnceByMany(t *testing.T) {
	script := startScript(t)
	client, _ := scriptClient(t, script)
	ctx := testContext(t)
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if _, err := client.FetchDirectory(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if got := len(script.Requests(acmetest.ScriptDirectory)); got != 1 {
		t.Errorf("%d fetches, want 1", got)
	}
}

// blockingTransport holds every request until its context ends.
type blockingTransport struct{ entered chan struct{} }

func (b blockingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	b.entered <- struct{}{}
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// A caller who waits for somebody else's fetch can still give up.
func TestWaitingForTheDirectoryEndsWithTheContext(t *testing.T) {
	transport := blockingTransport{entered: make(chan struct{}, 1)}
	client := &acme.Client{Directory: "https://ca.example/dir", HTTP: &http.Client{Transport: transport}}
	fetchContext, stopFetch := context.WithCancel(testContext(t))
	fetched := make(chan error, 1)
	go func() {
		_, err := client.FetchDirectory(fetchContext)
		fetched <- err
	}()
	<-transport.entered
	impatient, cancel := context.WithCancel(testContext(t))
	cancel()
	if _, err := client.FetchDirectory(impatient); kindOf(err) != acme.NetworkCanceled {
		t.Errorf("error %v, want %s", err, acme.NetworkCanceled)
	}
	stopFetch()
	if err := <-fetched; kindOf(err) != acme.NetworkCanceled {
		t.Errorf("error of the fetch %v, want %s", err, acme.NetworkCanceled)
	}
}

func TestUnusableDirectories(t *testing.T) {
	tests := map[string]struct {
		body string
		want acme.ProtocolReason
	}{
		"HTML":              {`<html>`, acme.ReasonMalformed},
		"empty":             {`{}`, acme.ReasonMissing},
		"no newOrder":       {`{"newNonce":"{base}/n","newAccount":"{base}/a"}`, acme.ReasonMissing},
		"foreign newOrder":  {`{"newNonce":"{base}/n","newAccount":"{base}/a","newOrder":"https://evil.test/o"}`, acme.ReasonForeignHost},
		"insecure newNonce": {`{"newNonce":"http://127.0.0.1/n","newAccount":"{base}/a","newOrder":"{base}/o"}`, acme.ReasonInsecureURL},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			script := startScript(t)
			script.On(acmetest.ScriptDirectory, acmetest.JSONReply(http.StatusOK, test.body))
			client, _ := scriptClient(t, script)
			if _, err := client.FetchDirectory(testContext(t)); reasonOf(err) != test.want {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}

func TestDirectoryURLWithoutTLS(t *testing.T) {
	client := &acme.Client{Directory: "http://ca.example/dir"}
	if _, err := client.FetchDirectory(testContext(t)); reasonOf(err) != acme.ReasonInsecureURL {
		t.Errorf("error %v, want %s", err, acme.ReasonInsecureURL)
	}
}

func TestDirectoryRedirects(t *testing.T) {
	script, foreign := startScript(t), startScript(t)
	redirect := func(target string) acmetest.Reply {
		return acmetest.Reply{Status: http.StatusFound, Header: http.Header{"Location": {target}}}
	}
	script.On("/old", redirect("{base}/dir"))
	script.On("/away", redirect(foreign.DirectoryURL))
	script.On("/loop", redirect("{base}/loop"))
	tests := map[string]acme.ProtocolReason{
		"/old":  "",
		"/away": acme.ReasonForeignHost,
		"/loop": acme.ReasonRedirect,
	}
	for path, want := range tests {
		client := &acme.Client{Directory: script.URL(path), HTTP: script.HTTPClient()}
		if _, err := client.FetchDirectory(testContext(t)); reasonOf(err) != want || (want == "" && err != nil) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	if requests := foreign.Requests(""); len(requests) != 0 {
		t.Errorf("the foreign host was asked: %v", requests)
	}
}

func TestStaleDirectoryIsReadAnew(t *testing.T) {
	gone := acmetest.ProblemReply(http.StatusNotFound, "malformed", "moved")
	noProfile := acmetest.ProblemReply(http.StatusBadRequest, "invalidProfile", "no longer offered")
	full := acmetest.ProblemReply(http.StatusTooManyRequests, "rateLimited", "later")
	tests := map[string]struct {
		path  string
		reply acmetest.Reply
		want  int // directory fetches after two orders
	}{
		"newOrder gone":  {acmetest.ScriptNewOrder, gone, 2},
		"newNonce gone":  {acmetest.ScriptNewNonce, gone, 2},
		"profile gone":   {acmetest.ScriptNewOrder, noProfile, 2},
		"nothing is new": {acmetest.ScriptNewOrder, full, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			script := startScript(t)
			script.On(test.path, test.reply)
			client, account := scriptClient(t, script)
			for range 2 {
				if _, err := client.NewOrder(testContext(t), account, orderOf); err == nil {
					t.Error("no error")
				}
			}
			if got := len(script.Requests(acmetest.ScriptDirectory)); got != test.want {
				t.Errorf("%d fetches, want %d", got, test.want)
			}
		})
	}
}

// A call to a URL that is not the directory's finds out as well, through the
// nonce or the profile.
func TestStaleDirectoryIsNoticedInAnOrder(t *testing.T) {
	tests := map[string]struct {
		path  string
		reply acmetest.Reply
	}{
		"newNonce gone": {acmetest.ScriptNewNonce, acmetest.ProblemReply(http.StatusNotFound, "malformed", "moved")},
		"profile gone":  {"/order/1/finalize", acmetest.ProblemReply(http.StatusBadRequest, "invalidProfile", "no longer offered")},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			script := startScript(t)
			script.On(test.path, test.reply)
			client, account := scriptClient(t, script)
			ctx := testContext(t)
			order := &acme.Order{URL: script.URL("/order/1"), Finalize: script.URL("/order/1/finalize")}
			if _, err := client.Finalize(ctx, account, order, []byte("csr")); err == nil {
				t.Fatal("no error")
			}
			if _, err := client.FetchDirectory(ctx); err != nil {
				t.Fatal(err)
			}
			if got := len(script.Requests(acmetest.ScriptDirectory)); got != 2 {
				t.Errorf("%d fetches, want 2", got)
			}
		})
	}
}
