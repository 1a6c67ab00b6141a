package external_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/certwright/certwright/internal/dnssolver/wire"
	"github.com/certwright/certwright/internal/solver/dns01/external"
	"github.com/certwright/certwright/internal/testkit/dnssolvertest"
)

const secret = "s3cr3t-t0ken/+ with a space"

// startVendor is what the provider selftest tells of its records.
func startVendor(t *testing.T) (address string, told <-chan url.Values) {
	t.Helper()
	values := make(chan url.Values, 16)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) { values <- request.URL.Query() }))
	t.Cleanup(server.Close)
	return server.URL, values
}

func next(t *testing.T, told <-chan url.Values) url.Values {
	t.Helper()
	patience, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	select {
	case values := <-told:
		return values
	case <-patience.Done():
		t.Fatal("nothing was told")
		return nil
	}
}

func selftest(client *external.Client, address, mode string) external.Provider {
	provider := httpreq(client, "")
	provider.Name, provider.Scope, provider.Keep, provider.Public = "selftest", mode, true, []string{"SELFTEST_URL", "SELFTEST_MODE", "SELFTEST_READ"}
	provider.Variables = map[string]string{"SELFTEST_URL": address, "SELFTEST_MODE": mode, "SELFTEST_TOKEN": secret}
	provider.Reach = onlyLoopback
	return provider
}

// Whatever a provider does, what comes of it is an error in words, soon, without its credentials; and the next
// challenge is not the worse for it.
func TestMisbehaviour(t *testing.T) {
	client := dnssolvertest.Start(t, "--timeout=2s", "--processes=3")
	address, told := startVendor(t)
	for mode, want := range map[string]string{
		"hang":    "provider selftest did not come to an end within 2s",
		"endless": "gave an answer that is none",
		"rubbish": "gave an answer that is none",
		"crash":   "the process of provider selftest ended unexpectedly",
		"hoard":   "the process of provider selftest ended unexpectedly, or needed more than 256 MiB of memory",
		"panic":   "it failed unexpectedly: ",
		"leak":    "it went wrong with",
		"exec":    "started: false",
	} {
		t.Run(mode, func(t *testing.T) {
			err := selftest(client, address, mode).Present(t.Context(), record())
			failure, ok := errors.AsType[*external.Error](err)
			if !ok || failure.Kind != wire.Failed || !strings.Contains(err.Error(), want) {
				t.Fatalf("error %v", err)
			}
			for _, part := range []string{"s3cr3t", "t0ken", url.QueryEscape(secret)} {
				if strings.Contains(err.Error(), part) {
					t.Errorf("the error has the credential: %v", err)
				}
			}
			if len(err.Error()) > wire.MaxError || strings.Contains(err.Error(), "\n") {
				t.Errorf("%d bytes: %q", len(err.Error()), err)
			}
		})
	}
	t.Run("print", func(t *testing.T) {
		if err := selftest(client, address, "print").Present(t.Context(), record()); err != nil {
			t.Errorf("what a provider prints got in the way: %v", err)
		}
		next(t, told)
	})
}

// A provider that quotes one of a list of credentials shows none.
func TestListsOfCredentials(t *testing.T) {
	provider := httpreq(dnssolvertest.Start(t), "")
	provider.Name, provider.Variables = "hurricane", map[string]string{"HURRICANE_TOKENS": "a.test:first-s3cr3t,b.test:second:s3cr3t"}
	err := provider.Present(t.Context(), record())
	if err == nil || !strings.Contains(err.Error(), "incorrect pair") || strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("%v", err)
	}
}

// A provider reads neither the token of a service account nor what another challenge has in its environment.
func TestReading(t *testing.T) {
	client := dnssolvertest.Start(t)
	address, told := startVendor(t)
	sibling := selftest(client, address, "")
	if err := sibling.Present(t.Context(), record()); err != nil {
		t.Fatal(err)
	}
	process := next(t, told).Get("pid")
	environment, err := os.ReadFile(filepath.Join("/proc", process, "environ"))
	if err != nil || len(environment) > 0 {
		t.Errorf("its environment shows %q, %v", environment, err)
	}
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(secret), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{token, filepath.Join("/proc", process, "environ"), filepath.Join("/proc", process, "mem"), "/etc/passwd"} {
		provider := selftest(client, address, "read")
		provider.Variables["SELFTEST_READ"] = path
		if err := provider.Present(t.Context(), record()); err == nil || err.Error() != "read 0 bytes, error true" {
			t.Errorf("%s: %v", path, err)
		}
	}
	provider := selftest(client, address, "read")
	provider.Variables["SELFTEST_READ"] = "/etc/resolv.conf"
	if err := provider.Present(t.Context(), record()); err == nil || strings.Contains(err.Error(), "error true") {
		t.Errorf("it cannot look up names: %v", err)
	}
}

// Roots of trust may be in several folders (SSL_CERT_DIR).
func TestReadingRoots(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	t.Setenv("SSL_CERT_DIR", first+string(filepath.ListSeparator)+second)
	provider := selftest(dnssolvertest.Start(t), "", "read")
	for _, folder := range []string{first, second} {
		path := filepath.Join(folder, "roots.pem")
		if err := os.WriteFile(path, []byte("roots"), 0o600); err != nil {
			t.Fatal(err)
		}
		provider.Variables["SELFTEST_READ"] = path
		if err := provider.Present(t.Context(), record()); err == nil || err.Error() != "read 5 bytes, error false" {
			t.Errorf("%v", err)
		}
	}
}

// A variable that leads to a file is refused, even where the operator let it through.
func TestVariablesThatLeadToFiles(t *testing.T) {
	client := dnssolvertest.Start(t)
	for _, name := range []string{"HTTPREQ_PASSWORD_FILE", "AWS_CONFIG_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "HTTPS_PROXY", "LEGO_DEBUG_DNS_API_HTTP_CLIENT", "GOOGLE_APPLICATION_CREDENTIALS"} {
		provider := httpreq(client, "http://127.0.0.1:1")
		provider.Variables[name] = "/etc/passwd"
		failure, ok := errors.AsType[*external.Error](provider.Present(t.Context(), record()))
		if !ok || failure.Kind != wire.Invalid || !strings.Contains(failure.Text, fmt.Sprintf("%q is not allowed", name)) {
			t.Errorf("%s: %v", name, failure)
		}
	}
}

// A provider that needs what it remembers is asked in the process that remembers it, after a restart of the
// operator too; once that is gone, the record is named.
func TestKeptProcesses(t *testing.T) {
	client := dnssolvertest.Start(t)
	address, told := startVendor(t)
	provider := selftest(client, address, "")
	present := func() url.Values {
		t.Helper()
		if err := provider.Present(t.Context(), record()); err != nil {
			t.Fatal(err)
		}
		return next(t, told)
	}
	first := present()
	if err := provider.Present(t.Context(), record()); err != nil {
		t.Fatalf("presenting again: %v", err)
	}
	// As after a restart.
	provider.Client = &external.Client{Socket: client.Socket}
	if err := provider.CleanUp(t.Context(), record()); err != nil {
		t.Fatalf("cleaning up: %v", err)
	}
	if cleaned := next(t, told); cleaned.Get("what") != "cleanup" || cleaned.Get("pid") != first.Get("pid") {
		t.Errorf("%v after %v", cleaned, first)
	}

	kill(t, present().Get("pid"))
	failure, ok := errors.AsType[*external.Error](provider.CleanUp(t.Context(), record()))
	if !ok || failure.Kind != wire.Lost || !failure.Final() || !strings.Contains(failure.Text, record().FQDN) || !strings.Contains(failure.Text, record().Value) {
		t.Errorf("%v", failure)
	}
	// What nobody remembers can be put in place again.
	present()
}

// A clean-up that the vendor refuses is tried again in the process that remembers the record.
func TestCleanUpThatFailedAtFirst(t *testing.T) {
	cleaned, failed := make(chan string, 4), false
	vendor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		query := request.URL.Query()
		if query.Get("what") != "cleanup" {
			return
		}
		cleaned <- query.Get("pid")
		if !failed {
			failed = true
			http.Error(w, "not now", http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(vendor.Close)
	provider := selftest(dnssolvertest.Start(t), vendor.URL, "")
	if err := provider.Present(t.Context(), record()); err != nil {
		t.Fatal(err)
	}
	failure, ok := errors.AsType[*external.Error](provider.CleanUp(t.Context(), record()))
	if !ok || failure.Final() || !strings.Contains(failure.Text, "503") {
		t.Fatalf("%v", failure)
	}
	if err := provider.CleanUp(t.Context(), record()); err != nil {
		t.Fatal(err)
	}
	if one, other := <-cleaned, <-cleaned; one != other {
		t.Errorf("process %s was asked, and then %s", one, other)
	}
}

func kill(t *testing.T, process string) {
	t.Helper()
	pid, err := strconv.Atoi(process)
	if err == nil {
		err = syscall.Kill(pid, syscall.SIGKILL)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Processes that are kept end by themselves when no operator is there any more, and take their records away.
func TestAbandonedProcesses(t *testing.T) {
	client := dnssolvertest.Start(t, "--keep-for=1s")
	address, told := startVendor(t)
	held := selftest(client, address, "held")
	abandoned := selftest(&external.Client{Socket: client.Socket}, address, "abandoned")
	if err := held.Present(t.Context(), record()); err != nil {
		t.Fatal(err)
	}
	next(t, told)
	if err := abandoned.Present(t.Context(), record()); err != nil {
		t.Fatal(err)
	}
	next(t, told)
	held.Client.Close()
	abandoned.Client.Close()
	for range 2 {
		if cleaned := next(t, told); cleaned.Get("what") != "cleanup" {
			t.Errorf("%v", cleaned)
		}
	}
}

// A process whose clean-up failed does not stay for ever because an operator is there that has given up: it tries once
// more by itself, and ends.
func TestForgottenProcesses(t *testing.T) {
	client := dnssolvertest.Start(t, "--keep-for=1s")
	values, failed := make(chan url.Values, 16), false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if request.URL.Query().Get("what") == "cleanup" && !failed {
			failed = true
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		values <- request.URL.Query()
	}))
	t.Cleanup(server.Close)
	provider := selftest(client, server.URL, "")
	if err := provider.Present(t.Context(), record()); err != nil {
		t.Fatal(err)
	}
	presented := next(t, values)
	if err := provider.CleanUp(t.Context(), record()); err == nil {
		t.Fatal("the clean-up did not fail")
	}
	if cleaned := next(t, values); cleaned.Get("what") != "cleanup" || cleaned.Get("pid") != presented.Get("pid") {
		t.Errorf("%v after %v", cleaned, presented)
	}
}

// More challenges than dns-solver has processes for are refused in words, and go on when one ends.
func TestLimit(t *testing.T) {
	client := dnssolvertest.Start(t, "--processes=1")
	address, told := startVendor(t)
	one, other := selftest(client, address, "one"), selftest(client, address, "other")
	if err := one.Present(t.Context(), record()); err != nil {
		t.Fatal(err)
	}
	next(t, told)
	failure, ok := errors.AsType[*external.Error](other.Present(t.Context(), record()))
	if !ok || failure.Kind != wire.Busy || failure.Final() || !strings.Contains(failure.Text, "dns-solver works on 1 challenges already") {
		t.Errorf("%v", failure)
	}
	if err := one.CleanUp(t.Context(), record()); err != nil {
		t.Fatal(err)
	}
	if err := other.Present(t.Context(), record()); err != nil {
		t.Errorf("after one ended: %v", err)
	}
}

// A provider that takes its time holds nobody: who asks is told, and gets the answer by asking again.
func TestSlowProvider(t *testing.T) {
	client := dnssolvertest.Start(t)
	address, told := startVendor(t)
	provider := selftest(client, address, "slow")
	failure, ok := errors.AsType[*external.Error](provider.Present(t.Context(), record()))
	if !ok || failure.Kind != wire.Working || failure.Final() || failure.Text != "provider selftest is still at work" {
		t.Fatalf("%v", failure)
	}
	if err := provider.Present(t.Context(), record()); err != nil {
		t.Errorf("asked again: %v", err)
	}
	next(t, told)
	if len(told) > 0 {
		t.Error("it was put in place twice")
	}
	if err := provider.CleanUp(t.Context(), record()); err != nil {
		t.Error(err)
	}
}

// One tenant does not get all processes.
func TestShares(t *testing.T) {
	client := dnssolvertest.Start(t, "--processes=4")
	address, told := startVendor(t)
	for i := range 5 {
		provider := selftest(client, address, "")
		provider.Scope, provider.Tenant = strconv.Itoa(i), "greedy"
		if i == 4 {
			provider.Tenant = "modest"
		}
		err := provider.Present(t.Context(), record())
		if i == 3 {
			failure, ok := errors.AsType[*external.Error](err)
			if !ok || failure.Kind != wire.Busy || !strings.Contains(failure.Text, "of this namespace") {
				t.Errorf("the fourth: %v", err)
			}
			continue
		}
		if err != nil {
			t.Fatal(i, err)
		}
		next(t, told)
	}
}

// With the operator outside of a cluster, dns-solver ends, and takes away what it still has.
func TestProgramEnds(t *testing.T) {
	address, told := startVendor(t)
	t.Run("runs", func(t *testing.T) {
		client := dnssolvertest.Start(t)
		if err := selftest(client, address, "").Present(t.Context(), record()); err != nil {
			t.Fatal(err)
		}
		next(t, told)
	})
	if cleaned := next(t, told); cleaned.Get("what") != "cleanup" {
		t.Errorf("%v", cleaned)
	}
}

// What a provider wants in a file it gets in one that only its process has.
func TestContentOfFiles(t *testing.T) {
	client := dnssolvertest.Start(t)
	provider := httpreq(client, "")
	provider.Name, provider.Variables = "hyperone", map[string]string{"HYPERONE_PASSPORT": `{"certificate_id": "` + secret + `", rubbish`}
	failure, ok := errors.AsType[*external.Error](provider.Present(t.Context(), record()))
	if !ok || !strings.Contains(failure.Text, "failed to parse passport file") || strings.Contains(failure.Text, "s3cr3t") {
		t.Errorf("%v", failure)
	}
}
