package httpreq

import (
	"testing"
	"time"
)

// What a tenant says holds a worker for no longer than the provider's own default.
func TestTimeout(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"": 30 * time.Second, "1": time.Second, "30": 30 * time.Second, "31": 30 * time.Second, "2147483647": 30 * time.Second,
	} {
		if got, err := parseTimeout(text); err != nil || got != want {
			t.Errorf("%q: %s, error %v", text, got, err)
		}
	}
	for _, text := range []string{"0", "-1", "1.5", "30s", " 1", "99999999999999999999"} {
		if got, err := parseTimeout(text); err == nil {
			t.Errorf("%q: %s", text, got)
		}
	}
}
