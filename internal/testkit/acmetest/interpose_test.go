package acmetest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/certwright/certwright/internal/testkit/acmetest"
)

// fetch reads the directory as the server gives it now.
func fetch(t *testing.T, server *acmetest.Server) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.DirectoryURL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := server.HTTPClient().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func TestChangesAreUsedInOrder(t *testing.T) {
	server := startPebble(t, acmetest.Options{})
	server.On("dir",
		acmetest.Say(acmetest.Reply{Status: http.StatusServiceUnavailable, Body: "gone to {base}", Header: http.Header{"Retry-After": {"7"}}}),
		acmetest.Pass,
		acmetest.EditObject(func(directory map[string]any) { directory["newOrder"] = "{base}/elsewhere" }),
		acmetest.EditHeader("X-Told", "yes"))

	base := strings.TrimSuffix(server.DirectoryURL, "/dir")
	response, body := fetch(t, server)
	if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") != "7" || body != "gone to "+base {
		t.Errorf("said %d %q", response.StatusCode, body)
	}
	if _, body := fetch(t, server); !strings.Contains(body, base+"/order-plz") {
		t.Errorf("Pebble does not answer: %s", body)
	}
	if _, body := fetch(t, server); !strings.Contains(body, `"newOrder":"`+base+`/elsewhere"`) {
		t.Errorf("the object is not changed: %s", body)
	}
	if response, body := fetch(t, server); response.Header.Get("X-Told") != "yes" || !strings.Contains(body, base+"/order-plz") {
		t.Errorf("header %v, body %s", response.Header, body)
	}
	if response, _ := fetch(t, server); response.StatusCode != http.StatusOK || response.Header.Get("X-Told") != "" {
		t.Errorf("Pebble does not answer after the last change: %v", response.Header)
	}
	server.Always("dir", acmetest.Say(acmetest.Reply{Status: http.StatusNotFound}))
	for range 2 {
		if response, _ := fetch(t, server); response.StatusCode != http.StatusNotFound {
			t.Errorf("status %d", response.StatusCode)
		}
	}
}
